"""Of all that looks alike, what lies on a line in time is found, and how it lies."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from media.voting import SPEEDS, Hits, Line, find_lines

SOURCE = 7

Floats = NDArray[np.float64]


def planted(
    speed: float, offset: float, *, start: float = 0, end: float = 20, source: int = SOURCE, mirrored: bool = False
) -> Hits:
    """What a clip of that stretch gives: looked up four times a second, met by a source's pictures two a second."""
    clip = np.arange(start, end, 0.25)
    return hits(clip, np.round((offset + speed * clip) * 2) / 2, source=source, mirrored=mirrored)


def hits(clip: Floats, at: Floats, *, source: int = SOURCE, mirrored: bool = False, apart: int = 3) -> Hits:
    size = len(clip)
    return Hits(
        clip_time=np.asarray(clip, np.float64),
        clip_view=np.full(size, 4),
        mirrored=np.full(size, mirrored),
        source=np.full(size, source),
        source_time=np.asarray(at, np.float64),
        source_view=np.full(size, 9),
        distance=np.full(size, apart),
    )


def noise(count: int, *, seed: int, sources: int = 5) -> Hits:
    random = np.random.default_rng(seed)
    chance = hits(random.integers(0, 80, count) / 4, random.integers(0, 7200, count) / 2, apart=9)
    return replace(chance, source=random.integers(1, sources + 1, count), mirrored=random.random(count) < 0.5)


def together(*every: Hits) -> Hits:
    return Hits(*(np.concatenate([getattr(each, name) for each in every]) for name in Hits.__slots__))


def off(line: Line, speed: float, offset: float) -> float:
    """Seconds between a line and the truth, at worst, within the stretch."""
    return max(abs(line.offset + line.speed * clip - offset - speed * clip) for clip in (line.first, line.last))


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0])
def test_a_planted_line_is_found_among_noise_at_any_speed(speed: float) -> None:
    best = find_lines(together(planted(speed, 321.5), noise(4000, seed=1)), most=5)[0]
    assert (best.source, best.mirrored) == (SOURCE, False)
    assert off(best, speed, 321.5) < 0.8
    assert (best.first, best.last) == pytest.approx((0, 19.75), abs=0.5)
    assert best.views[0] == (4, 9)


def test_mirrored_hits_make_a_mirrored_line() -> None:
    best = find_lines(together(planted(1.0, 50, mirrored=True), noise(2000, seed=2)), most=3)[0]
    assert (best.mirrored, best.speed) == (True, 1.0)


def test_hits_of_the_picture_and_of_its_mirror_image_do_not_add_up() -> None:
    both = find_lines(together(planted(1.0, 50), planted(1.0, 50, mirrored=True)), most=5)
    alone = find_lines(planted(1.0, 50), most=5)
    assert {line.mirrored for line in both} == {True, False}
    assert both[0].votes <= alone[0].votes


def test_a_compilation_has_a_line_for_each_of_its_stretches() -> None:
    stretches = [(11, 40.0, 0, 8), (11, 900.0, 8, 14), (12, 300.0, 14, 20)]
    every = [planted(1.0, offset - start, start=start, end=end, source=s) for s, offset, start, end in stretches]
    lines = find_lines(together(*every, noise(2000, seed=3)), most=6)
    for (source, offset, start, _), line in zip(stretches, sorted(lines[:3], key=lambda line: line.first), strict=True):
        assert line.source == source
        assert off(line, 1.0, offset - start) < 0.8


def test_of_speeds_that_explain_the_same_the_usual_one_is_taken() -> None:
    """Three seconds lie within half a second of lines of many speeds."""
    assert find_lines(planted(1.0, 77.0, end=3), most=1)[0].speed == 1.0


def test_the_likelier_hits_outvote_more_of_the_unlikely() -> None:
    close, far = planted(1.0, 10, end=10), planted(1.0, 500, end=10)
    far = together(*[replace(far, distance=np.full(len(far), 10)) for _ in range(2)])
    assert find_lines(together(far, close), most=1)[0].offset == pytest.approx(10, abs=0.6)


def test_a_moment_votes_once_for_a_place_however_many_views_say_so() -> None:
    once = planted(1.0, 10)
    again = [replace(once, clip_view=np.full(len(once), view)) for view in range(6)]
    assert find_lines(together(once, *again), most=1)[0].votes <= find_lines(once, most=1)[0].votes


def test_noise_alone_has_far_fewer_votes_than_a_true_line() -> None:
    true = find_lines(planted(1.0, 100), most=1)[0].votes
    chance = find_lines(noise(4000, seed=4), most=1)
    assert max((line.votes for line in chance), default=0) < true / 3


def test_the_number_of_lines_is_bounded() -> None:
    every = [planted(1.0, 100.0 * source, source=source) for source in range(1, 9)]
    assert len(find_lines(together(*every), most=3)) == 3
    repeated = together(*[planted(1.0, 100.0 * place) for place in range(9)])
    assert len(find_lines(repeated, most=20, of_each=2)) == 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_hits_make_no_line(count: int) -> None:
    chosen = np.arange(80) < count
    assert find_lines(planted(1.0, 5).where(chosen), most=4) == []


def test_the_speeds_tried_leave_no_gap() -> None:
    ladder = np.sort(SPEEDS)
    assert 1.0 in SPEEDS
    assert (ladder[0], ladder[-1]) == (0.75, 2.05)
    assert (np.diff(ladder) / ladder[:-1]).max() < 0.026
