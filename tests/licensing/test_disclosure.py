"""A clip says that it is advertising where people read it, and rules are broken by more than a measurement's error."""

from typing import Any

import msgspec
import pytest

from licensing.disclosure import disclosed
from licensing.edits import Measured, findings
from licensing.segments import Segment
from licensing.terms import Disclosure, EditRules
from tests.licensing.house import TERMS
from tests.licensing.reels import segment


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("The red coat #ad", "#ad"),
        ("#AD the red coat", "#ad"),
        ("The red coat #ad, 50 % off", "#ad"),
        ("The red coat ＃ａｄ", "#ad"),
        ("看这件外套 #广告 好看", "#广告"),
        ("本视频为广告内容", "广告"),
        ("이 영상은 광고입니다", "광고"),
        ("A  Paid\nPartnership with Lili", "paid partnership"),
        ("(ad)", "ad"),
        ("C++ #ad", "#ad"),
        ("up to 50% (ad.)", "(ad.)"),
    ],
)
def test_a_text_of_the_terms_in_the_caption_discloses(caption: str, text: str) -> None:
    assert disclosed(caption, Disclosure(texts=("nothing like it", text)), on_screen=False) == "caption"


@pytest.mark.parametrize(
    ("caption", "text"),
    [
        ("", "#ad"),
        ("I #adore this coat", "#ad"),
        ("mail me@shop#ad", "#ad"),
        ("#ad好物", "#ad"),
        ("#advertisement", "#ad"),
        ("#ad_", "#ad"),
        ("the road ahead", "ad"),
        ("ad", "#ad"),
        ("unpaid partnership", "paid partnership"),
    ],
)
def test_a_text_that_is_only_part_of_a_word_does_not(caption: str, text: str) -> None:
    assert disclosed(caption, Disclosure(texts=(text,)), on_screen=False) == "missing"


def test_the_picture_discloses_where_the_clipper_says_so_and_the_terms_allow_it() -> None:
    assert disclosed("", Disclosure(), on_screen=True) == "on-screen"
    assert disclosed("", Disclosure(on_screen=False), on_screen=True) == "missing"
    assert disclosed("#ad", Disclosure(), on_screen=True) == "caption"


# Edit rules -------------------------------------------------------------------------------------------------


def codes(*segments: Segment, duration_s: float = 30.0, edits: dict[str, Any] | None = None, **terms: Any) -> list[str]:
    changed = msgspec.structs.replace(TERMS, edits=EditRules(**(edits or {})), **terms)
    return [each.code for each in findings(changed, Measured(duration_s, segments))]


def test_a_clip_that_keeps_the_rules_has_no_finding() -> None:
    assert codes(segment(7), streams=(7, 8), edits={"mirroring": False, "own_footage_ppm": 0}) == []


def test_a_stream_that_the_terms_do_not_list_is_found_once() -> None:
    assert codes(segment(9), segment(9), segment(7), streams=(7,)) == ["stream-out-of-scope"]


def test_products_are_held_against_both_lists() -> None:
    changed = msgspec.structs.replace(TERMS, products=("a", "c"), excluded_products=("x",))
    found = findings(changed, Measured(30.0, [segment(7)], ("a", "b", "x")))
    assert [(each.code, each.value) for each in found] == [
        ("product-out-of-scope", "b"),
        ("product-out-of-scope", "x"),
        ("product-excluded", "x"),
    ]


def test_a_mirrored_segment_speaks_against_a_clip_where_mirroring_is_not_allowed() -> None:
    assert codes(segment(7, mirrored=True)) == []
    assert codes(segment(7, mirrored=True), edits={"mirroring": False}) == ["mirrored"]


@pytest.mark.parametrize(("speed", "found"), [(1.5, []), (1.509, []), (1.52, ["too-fast"]), (0.5, [])])
def test_speed_is_measured_to_a_hundredth(speed: float, found: list[str]) -> None:
    assert codes(segment(7, speed=speed), edits={"fastest_ppm": 1_500_000}) == found


@pytest.mark.parametrize(("duration", "found"), [(9.4, ["too-short"]), (9.6, []), (60.4, []), (60.6, ["too-long"])])
def test_lengths_are_in_seconds_give_or_take_some_frames(duration: float, found: list[str]) -> None:
    assert codes(segment(7, 0, duration), duration_s=duration, edits={"shortest_s": 10, "longest_s": 60}) == found


def test_what_no_segment_shows_is_the_clippers_own_footage() -> None:
    """Seconds 0–10 and 5–20 of 40 are the stream's: half of it is not."""
    shown = (segment(7, 5, 20), segment(7, 0, 10))
    assert codes(*shown, duration_s=40, edits={"own_footage_ppm": 500_000}) == []
    assert codes(*shown, duration_s=40, edits={"own_footage_ppm": 400_000}) == ["own-footage"]
