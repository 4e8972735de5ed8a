"""Where in the clip a stretch of a source begins and ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.alignment import Alignment
from media.registration import Series
from media.thumbnails import Thumbnails

_LEAST = 0.38
_SHARE_OF_USUAL = 0.6
"""A moment belongs to the stretch from this share of the agreement that its better moments have."""
_MOVES_ALIKE = 0.25
_GAP = 2.5
"""Seconds without agreement (a transition, a full-screen sticker) that do not end a stretch."""
_SHORTEST = 1.2
_TOLERATED = 0.7
_UNSEEN = 6.0
"""A stretch reaches the clip's beginning or end if less than `_TOLERATED` seconds of what lies between disagree, and
less than `_UNSEEN` lie between at all: a plain picture neither agrees nor disagrees."""
_NEAR_A_CUT = 0.6
"""Seconds within which a stretch that begins or ends inside the clip is taken to do so at a cut."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Seconds of a clip that agree with a source. `still`, `motion`: mean correlations; `moving`: how many moments
    moved; `covered`: the share of moments that agree; `series`: those moments, the others left out.
    """

    clip_t0: float
    clip_t1: float
    still: float
    motion: float
    moving: int
    covered: float
    series: Series

    def shared(self, other: "Segment") -> float:
        """Seconds of the clip that both show."""
        return max(0.0, min(self.clip_t1, other.clip_t1) - max(self.clip_t0, other.clip_t0))

    def overlaps(self, other: "Segment") -> bool:
        """Whether they share any second of the clip."""
        return self.shared(other) > 0


def segments(series: Series, alignment: Alignment, clip: Thumbnails, rate: int, duration: float) -> list[Segment]:
    """The stretches of moments that agree; `clip`: the clip's pictures, `rate` a second, for its cuts;
    `duration`: its seconds.
    """
    agree = agreeing(series)
    against = series.telling & ~agree
    step = float(np.median(np.diff(series.clip_times))) if len(series.clip_times) > 1 else 1.0
    cuts = find_cuts(clip) / rate
    found = []
    for first, last in _runs(agree, against, round(_GAP / step)):
        run = slice(first, last + 1)
        start, end = series.clip_times[first] - step / 2, series.clip_times[last] + step / 2
        if end - start < _SHORTEST:
            continue
        start = _beginning(float(start), against[:first].sum() * step, cuts)
        end = duration - _beginning(float(duration - end), against[last + 1 :].sum() * step, duration - cuts)
        start = max(start, -alignment.offset / alignment.speed)
        end = min(end, float(series.clip_times[-1]) + step)  # where the source ends
        found.append(_segment(start, end, series, agree, run))
    return found


def agreeing(series: Series) -> NDArray[np.bool_]:
    """Moments at which clip and source agree, measured by how well they do where they do."""
    good = series.still[series.still > 0]
    if not len(good):
        return np.zeros(len(series.still), bool)
    least = max(_LEAST, _SHARE_OF_USUAL * float(np.percentile(good, 75)))
    alike = ~series.moving | (series.motion > _MOVES_ALIKE)
    return (series.still >= least) & alike


def find_cuts(clip: Thumbnails) -> NDArray[np.float64]:
    """Numbers of the pictures at which the scene changes at once."""
    change = np.abs(np.diff(clip.astype(np.int16), axis=0)).mean(axis=(1, 2))
    around = np.array([np.median(change[max(0, i - 6) : i + 7]) for i in range(len(change))])
    return (np.nonzero((change > 8) & (change > 4 * around))[0] + 1).astype(np.float64)


def _runs(agree: NDArray[np.bool_], against: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """First and last index of each run of agreeing moments with no more than `gap` moments against it in a row."""
    places = np.nonzero(agree)[0]
    if not len(places):
        return []
    disagreeing = np.cumsum(against)
    breaks = np.nonzero(np.diff(disagreeing[places]) > gap)[0]
    starts, ends = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(places) - 1]])
    return [(int(places[a]), int(places[b])) for a, b in zip(starts, ends, strict=True)]


def _beginning(start: float, against: float, cuts: NDArray[np.float64]) -> float:
    """The beginning of a stretch first seen at `start`, with so many seconds against it before.

    The clip's own, or the cut nearest to where it was first seen, or just there. The end is a beginning seen backwards.
    """
    if start < _UNSEEN and against < _TOLERATED:
        return 0.0
    near = cuts[np.abs(cuts - start) < _NEAR_A_CUT]
    return float(near[np.abs(near - start).argmin()]) if len(near) else start


def _segment(start: float, end: float, series: Series, agree: NDArray[np.bool_], run: slice) -> Segment:
    chosen = np.zeros(len(agree), bool)
    chosen[run] = agree[run]
    moved = chosen & series.moving
    kept = Series(*(getattr(series, name)[chosen] for name in series.__slots__))
    return Segment(
        clip_t0=start,
        clip_t1=end,
        still=float(series.still[chosen].mean()),
        motion=float(series.motion[moved].mean()) if moved.sum() >= 3 else 0.0,
        moving=int(moved.sum()),
        covered=float(agree[run].sum() / max(1, series.telling[run].sum())),
        series=kept,
    )
