"""Where a stretch begins and ends, read off how the moments of a clip agree."""

import numpy as np
import pytest
from numpy.typing import NDArray

from media.alignment import Alignment
from media.registration import Series
from media.segments import Segment, agreeing, find_cuts, segments

RATE = 12
OFFSET = 100.0
ALIGNED = Alignment(1.0, 0.0, 1.0, 0.0, 1.0, OFFSET)


def series(agreement: str) -> Series:
    """Four moments a second: + agrees, - disagrees, . is plain, ~ looks alike and moves otherwise."""
    times = np.arange(len(agreement)) / 4 + 0.125
    still = np.array([{"+": 0.9, "-": 0.05, ".": -1.0, "~": 0.85}[each] for each in agreement], np.float32)
    motion = np.array([{"+": 0.8, "-": 0.0, ".": 0.0, "~": -0.05}[each] for each in agreement], np.float32)
    telling = np.array([each != "." for each in agreement], bool)
    return Series(times, times + OFFSET, still, motion, telling, telling)


def steady(seconds: float, *cuts: float) -> NDArray[np.uint8]:
    """Grey pictures whose brightness jumps at each cut."""
    times = np.arange(round(seconds * RATE)) / RATE
    grey = 60 + 80 * (np.searchsorted(np.array(cuts), times, side="right") % 2)
    return np.broadcast_to(grey[:, None, None], (len(times), 72, 128)).astype(np.uint8)


def found(agreement: str, *cuts: float, alignment: Alignment = ALIGNED) -> list[Segment]:
    seconds = len(agreement) / 4
    return segments(series(agreement), alignment, steady(seconds, *cuts), RATE, seconds)


def spans(agreement: str, *cuts: float) -> list[tuple[float, float]]:
    return [(round(one.clip_t0, 1), round(one.clip_t1, 1)) for one in found(agreement, *cuts)]


def test_a_clip_that_agrees_throughout_is_one_stretch_to_its_very_ends() -> None:
    assert spans("+" * 40) == [(0.0, 10.0)]


def test_a_stretch_inside_the_clip_ends_where_agreement_ends() -> None:
    assert spans("-" * 16 + "+" * 24 + "-" * 16) == [(4.0, 10.0)]


@pytest.mark.parametrize("cut", [3.5, 4.0, 4.5])
def test_a_stretch_begins_and_ends_at_a_cut_nearby(cut: float) -> None:
    assert spans("-" * 16 + "+" * 24 + "-" * 16, cut, cut + 6) == [(cut, cut + 6)]


def test_a_cut_far_from_where_agreement_ends_is_passed_over() -> None:
    assert spans("-" * 16 + "+" * 24 + "-" * 16, 7.0) == [(4.0, 10.0)]


def test_a_short_gap_does_not_end_a_stretch_and_a_long_one_does() -> None:
    assert spans("+" * 16 + "-" * 8 + "+" * 16) == [(0.0, 10.0)]
    assert spans("+" * 16 + "-" * 12 + "+" * 16) == [(0.0, 4.0), (7.0, 11.0)]


def test_plain_moments_neither_agree_nor_disagree() -> None:
    (one,) = found("+" * 16 + "." * 40 + "+" * 16)
    assert (one.clip_t0, one.clip_t1, one.covered) == (0.0, 18.0, 1.0)
    assert spans("..." + "+" * 24 + "...") == [(0.0, 7.5)]
    assert spans("." * 32 + "+" * 24 + "." * 32) == [(8.0, 14.0)]


def test_what_looks_alike_but_moves_otherwise_disagrees() -> None:
    assert spans("~" * 16 + "+" * 24 + "~" * 16) == [(4.0, 10.0)]
    assert not agreeing(series("~" * 9)).any()


def test_a_flicker_of_agreement_is_no_stretch() -> None:
    assert spans("-" * 16 + "+" * 4 + "-" * 16) == []
    assert spans("-" * 16 + "+" * 6 + "-" * 16) != []


@pytest.mark.parametrize("agreement", ["-" * 40, "." * 40, "-", "+", ".", ""])
def test_where_nothing_or_next_to_nothing_agrees_there_is_no_stretch(agreement: str) -> None:
    assert segments(series(agreement), ALIGNED, steady(10), RATE, 10.0) == []


def test_a_stretch_never_begins_before_its_source_does() -> None:
    begins = Alignment(1.0, 0.0, 1.0, 0.0, 1.0, -0.5)
    (one,) = found("+" * 40, alignment=begins)
    assert begins.source_time(one.clip_t0) == pytest.approx(0.0)


def test_a_segment_tells_what_it_was_measured_by() -> None:
    (one,) = found("-" * 16 + "+" * 12 + "-" * 4 + "+" * 12 + "-" * 16)
    assert (one.still, one.motion) == pytest.approx((0.9, 0.8))
    assert (one.moving, one.covered) == pytest.approx((24, 24 / 28))
    assert len(one.series.still) == 24
    assert (one.series.still > 0.5).all()


def test_segments_know_what_they_share() -> None:
    first, second = found("+" * 16 + "-" * 12 + "+" * 16)
    assert (first.shared(second), first.overlaps(second)) == (0.0, False)
    assert first.shared(first) == pytest.approx(4.0)
    assert first.overlaps(first)


def test_cuts_are_where_the_scene_changes_at_once() -> None:
    assert find_cuts(steady(10, 2.0, 7.5)).tolist() == [2 * RATE, 7.5 * RATE]
    fading = np.broadcast_to(np.arange(120)[:, None, None] * 2, (120, 72, 128)).astype(np.uint8)
    assert find_cuts(fading).tolist() == []


@pytest.mark.parametrize("count", [1, 2])
def test_a_clip_of_one_or_two_pictures_has_no_cuts(count: int) -> None:
    assert len(find_cuts(steady(10)[:count])) == 0
