"""The promise: whatever a clipper does to a stretch of a stream, it is named; a stranger never is.

Films are rendered and edited by ffmpeg as a clipper's editor would.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.fingerprint import ClipFingerprint, fingerprint_clip, fingerprint_source
from media.identification import THRESHOLD, Match, identify
from media.library import Library
from media.views import Rect
from tests.media.scenery import Scene, Tune, encode, render, write_sound

# One worker renders the films and fingerprints them.
pytestmark = pytest.mark.xdist_group("films")

SECONDS = 30
NEAR = 0.25  # seconds
BOX = "drawbox=x=iw*0.1:y=ih*0.8:w=iw*0.8:h=ih*0.12:color=white:t=fill"
WORDS = "drawbox=x=iw*0.2:y=ih*0.84:w=iw*0.6:h=ih*0.04:color=black:t=fill"

Edit = Callable[..., ClipFingerprint]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.mp4 and 2.mp4, which are sources; 3.mp4, a stranger's; other.wav, sound of none of them."""
    folder = tmp_path_factory.mktemp("films")
    for seed in (1, 2, 3):
        render(folder / f"{seed}.mp4", Scene(seed), Tune.composed(seed, SECONDS), SECONDS)
    write_sound(folder / "other.wav", Tune.composed(99, SECONDS).sound(SECONDS))
    return folder


@pytest.fixture(scope="module")
def library(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    opened = Library.open(tmp_path_factory.mktemp("library"))
    for source in (1, 2):
        for part in fingerprint_source(films / f"{source}.mp4"):
            opened.add(source, part)
    return opened


@pytest.fixture
def edited(films: Path, tmp_path: Path) -> Edit:
    """The fingerprint of a clip of stretches (film, start, seconds), put together by ffmpeg's options."""

    def clip(*stretches: tuple[int | str, float, float], options: str = "") -> ClipFingerprint:
        inputs: list[str] = []
        for film, start, seconds in stretches:
            path = films / (film if isinstance(film, str) else f"{film}.mp4")
            inputs += ["-ss", str(start), "-t", str(seconds), "-i", str(path)]
        return fingerprint_clip(encode([*inputs, *options.split()], tmp_path / "clip.mp4"))

    return clip


def assert_shows(match: Match, source: int, start: float, end: float, clip_t0: float = 0.0) -> None:
    """The match is that stretch of the source, from `clip_t0` on, at its speed."""
    assert match.source == source
    assert match.source_t0 == pytest.approx(start, abs=NEAR)
    assert match.source_t1 == pytest.approx(end, abs=NEAR)
    assert match.clip_t0 == pytest.approx(clip_t0, abs=NEAR)
    assert match.clip_t1 == pytest.approx(clip_t0 + (end - start) / match.speed, abs=NEAR)
    assert match.score >= THRESHOLD


def test_a_plain_cut_is_named_to_the_second(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((1, 7.3, 9)), library)
    assert_shows(match, 1, 7.3, 16.3)
    assert match.speed == pytest.approx(1.0, abs=0.01)
    assert not match.mirrored
    assert match.evidence.heard > 0.5


def test_an_upright_crop_with_a_caption_is_named(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((1, 7.3, 9), options=f"-vf crop=100:180:90:0,scale=360:640,{BOX},{WORDS}"), library)
    assert_shows(match, 1, 7.3, 16.3)
    shown = 90 / 320 + match.clip_rect[0] * 100 / 320, 90 / 320 + match.clip_rect[2] * 100 / 320
    assert (match.source_rect[0], match.source_rect[2]) == pytest.approx(shown, abs=0.03)


def test_a_mirrored_clip_in_a_frame_is_named(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((2, 4.1, 8), options="-vf hflip,pad=400:260:40:40:color=orange"), library)
    assert_shows(match, 2, 4.1, 12.1)
    assert match.mirrored
    assert not _reaches_into_the_frame(match.clip_rect)


def _reaches_into_the_frame(rect: Rect) -> bool:
    return rect[0] < 0.08 or rect[1] < 0.12 or rect[2] > 0.92 or rect[3] > 0.88


def test_a_faster_clip_with_other_sound_is_named(library: Library, edited: Edit) -> None:
    options = "-map 0:v -map 1:a -t 8 -vf setpts=PTS/1.25,fps=30"
    (match,) = identify(edited((1, 7.3, 10), ("other.wav", 0, 8), options=options), library)
    assert_shows(match, 1, 7.3, 17.3)
    assert match.speed == pytest.approx(1.25, abs=0.03)
    assert match.evidence.heard < 0.1


def test_a_faster_clip_whose_pitch_was_kept_is_heard(library: Library, edited: Edit) -> None:
    options = "-vf setpts=PTS/1.25,fps=30 -af atempo=1.25"
    (match,) = identify(edited((2, 10.0, 12.5), options=options), library)
    assert_shows(match, 2, 10.0, 22.5)
    assert match.evidence.heard > 0.2


def test_a_clip_without_sound_is_named(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((1, 7.3, 9), options="-an"), library)
    assert_shows(match, 1, 7.3, 16.3)
    assert match.evidence.heard == 0


def test_the_source_s_picture_with_foreign_sound_is_named(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((2, 3.0, 9), ("other.wav", 4, 9), options="-map 0:v -map 1:a"), library)
    assert_shows(match, 2, 3.0, 12.0)


def test_a_compilation_gives_a_match_for_each_of_its_stretches(library: Library, edited: Edit) -> None:
    joined = "-filter_complex [0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1[v][a] -map [v] -map [a]"
    first, second = identify(edited((1, 3.5, 6), (2, 12.2, 7), options=joined), library)
    assert_shows(first, 1, 3.5, 9.5)
    assert_shows(second, 2, 12.2, 19.2, clip_t0=6.0)
    assert first.clip_t1 <= second.clip_t0 + NEAR


def test_of_a_clip_that_is_half_a_stranger_s_only_the_other_half_matches(library: Library, edited: Edit) -> None:
    joined = "-filter_complex [0:v][0:a][1:v][1:a]concat=n=2:v=1:a=1[v][a] -map [v] -map [a]"
    (match,) = identify(edited((3, 3.5, 6), (2, 12.2, 7), options=joined), library)
    assert_shows(match, 2, 12.2, 19.2, clip_t0=6.0)


@pytest.mark.parametrize("start", [2.0, 17.0])
def test_a_stranger_matches_nothing(start: float, library: Library, edited: Edit) -> None:
    assert identify(edited((3, start, 10)), library) == []


@pytest.mark.parametrize("start", [1.3, 14.0])
def test_the_source_s_sound_over_a_stranger_s_picture_matches_nothing(
    start: float, library: Library, edited: Edit
) -> None:
    assert identify(edited((3, 5.0, 10), (1, start, 10), options="-map 0:v -map 1:a"), library) == []


def test_black_with_the_source_s_sound_matches_nothing(library: Library, edited: Edit) -> None:
    assert identify(edited((1, 5.0, 9), options="-vf drawbox=t=fill:color=black"), library) == []


def test_the_evidence_says_what_was_compared_and_how_well_it_agreed(library: Library, edited: Edit) -> None:
    (match,) = identify(edited((1, 7.3, 9)), library)
    evidence = match.evidence
    counts = {len(each) for each in (evidence.clip_times, evidence.source_times, evidence.still, evidence.motion)}
    assert counts == {len(evidence.clip_times)}
    assert len(evidence.clip_times) >= 9 * 4 - 4
    assert np.array(evidence.source_times) - np.array(evidence.clip_times) == pytest.approx(7.3, abs=0.1)
    assert match.clip_t0 <= min(evidence.clip_times) < max(evidence.clip_times) <= match.clip_t1
    assert np.median(evidence.still) > 0.8
    assert 0 <= evidence.heard <= 1


def test_the_same_clip_is_always_answered_alike(library: Library, edited: Edit) -> None:
    clip = edited((1, 2.0, 4), (2, 20.0, 4), options="-filter_complex [0:v][1:v]concat=n=2:v=1[v] -map [v]")
    answers = [identify(clip, library) for _ in range(3)]
    assert answers[0]
    assert answers[0] == answers[1] == answers[2]
    for before, after in zip(answers[0], answers[0][1:], strict=False):
        assert before.clip_t1 <= after.clip_t0 + NEAR


def test_an_empty_library_knows_nothing(edited: Edit, tmp_path: Path) -> None:
    assert identify(edited((1, 7.3, 5)), Library.open(tmp_path / "empty")) == []
