"""Laying a clip over a source: the same content in both pictures, moment by moment, or not.

A line in time and a pair of matching views say roughly which moments and which rectangles to compare. Both are
refined until the pictures correlate best: first by trying, coarsely, then by Gauss–Newton steps on position and size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from media.alignment import Alignment
from media.correlation import (
    ACROSS,
    DOWN,
    NOTHING,
    Agreement,
    Samples,
    agreement_of,
    by_block,
    centred,
    sampled,
    summed,
    windows,
)
from media.thumbnails import Thumbnails
from media.views import Rect

COMPARED = 14
"""Pictures that position and time are found on; all of them are compared afterwards."""
_COARSE = slice(None, None, 2)
"""Of the points in either direction, when places are tried."""


class Overlay:
    """A clip's content, a rectangle of its pictures, and a stretch of a source, ready to be laid over each other.

    `first`: the number of the stretch's first picture. Rates are pictures a second.
    """

    def __init__(
        self, clip: Thumbnails, clip_rate: int, content: Rect, source: Thumbnails, first: int, source_rate: int
    ) -> None:
        self._content = content
        self._clip_rate, self._source_rate = clip_rate, source_rate
        self._source, self._first = source.astype(np.float32), first
        self._u = content[0] + (np.arange(ACROSS) + 0.5) / ACROSS * (content[2] - content[0])
        self._v = content[1] + (np.arange(DOWN) + 0.5) / DOWN * (content[3] - content[1])
        grey = clip.astype(np.float32)
        self._clip = by_block(sampled(grey, self._u, self._v))
        self._coarse_clip = by_block(sampled(grey, self._u[_COARSE], self._v[_COARSE]))

    def moments(self, alignment: Alignment, start: float, end: float, most: int | None = None) -> "_Moments":
        """The source's pictures in the clip's seconds from `start` to `end`, and the clip's beside them."""
        low = np.ceil(alignment.source_time(start) * self._source_rate)
        high = np.floor(alignment.source_time(end) * self._source_rate)
        numbers = np.arange(low, high + 1) if most is None else np.unique(np.rint(np.linspace(low, high, most)))
        times = (numbers / self._source_rate - alignment.offset) / alignment.speed
        beside = np.rint(times * self._clip_rate)
        local = numbers - self._first
        there = (local >= 0) & (local < len(self._source)) & (beside >= 0) & (beside < len(self._clip))
        return _Moments(local[there].astype(np.int64), beside[there].astype(np.int64))

    def agreement(self, alignment: Alignment, start: float, end: float) -> Agreement:
        """How well COMPARED pictures of that stretch of the clip agree."""
        at = self.moments(alignment, start, end, COMPARED)
        if len(at.source) < 4:
            return NOTHING
        return agreement_of(summed(self._clip[at.clip], self._seen(alignment, at)), self._inside(alignment))

    def coarse_agreement(self, alignment: Alignment, start: float, end: float) -> Agreement:
        """The same at a quarter of the points of half as many pictures."""
        at = self.moments(alignment, start, end, COMPARED // 2)
        if len(at.source) < 4:
            return NOTHING
        x = alignment.x_scale * self._u[_COARSE] + alignment.x_shift
        y = alignment.y_scale * self._v[_COARSE] + alignment.y_shift
        seen = by_block(sampled(self._source[at.source], x, y))
        return agreement_of(summed(self._coarse_clip[at.clip], seen), self._inside(alignment))

    def agreement_in_time(self, alignments: Sequence[Alignment], start: float, end: float) -> list[Agreement]:
        """The same for alignments that differ in time only: the source is sampled once for all of them."""
        inside = self._inside(alignments[0])
        moments = [self.moments(alignment, start, end, COMPARED) for alignment in alignments]
        needed, where = np.unique(np.concatenate([at.source for at in moments]), return_inverse=True)
        if not len(needed):
            return [NOTHING] * len(alignments)
        seen = self._seen(alignments[0], _Moments(needed, needed))
        found, start_at = [], 0
        for at in moments:
            mine = where[start_at : start_at + len(at.source)]
            start_at += len(at.source)
            found.append(agreement_of(summed(self._clip[at.clip], seen[mine]), inside) if len(mine) >= 4 else NOTHING)
        return found

    def _seen(self, alignment: Alignment, at: "_Moments") -> Samples:
        """The source's pictures at the points that the clip's are compared at, by block."""
        return by_block(self._sampled(alignment, at))

    def _sampled(self, alignment: Alignment, at: "_Moments") -> Samples:
        x = alignment.x_scale * self._u + alignment.x_shift
        y = alignment.y_scale * self._v + alignment.y_shift
        return sampled(self._source[at.source], x, y)

    def _inside(self, alignment: Alignment) -> NDArray[np.bool_]:
        """Blocks of which at least three fifths lie inside the source's picture."""
        x = alignment.x_scale * self._u + alignment.x_shift
        y = alignment.y_scale * self._v + alignment.y_shift
        inside = ((y >= 0) & (y <= 1))[:, None] & ((x >= 0) & (x <= 1))[None]
        share: NDArray[np.float32] = by_block(inside[None].astype(np.float32)).mean(axis=(0, 2))
        return share >= 0.6

    def step(self, alignment: Alignment, at: "_Moments") -> Alignment:
        """One Gauss–Newton step on position and size, weighted by how well each block agrees already."""
        seen = self._sampled(alignment, at)
        clip, source = centred(self._clip[at.clip]), centred(by_block(seen))
        spread = np.sqrt((source**2).mean(axis=(0, 2), keepdims=True)) + 1.0
        likeness = (clip * source).sum(axis=(0, 2)) / np.sqrt(
            (clip**2).sum(axis=(0, 2)) * (source**2).sum(axis=(0, 2)) + 1
        )
        gain = spread / (np.sqrt((clip**2).mean(axis=(0, 2), keepdims=True)) + 1.0)
        weight = np.square(np.clip(likeness, 0, 1)) * self._inside(alignment) / np.square(spread[0, :, 0])
        rest = clip * gain - source
        slopes = self._slopes(seen)
        normal = np.einsum("ikbp,jkbp,b->ij", slopes, slopes, weight, optimize=True)
        push = np.einsum("ikbp,kbp,b->i", slopes, rest, weight, optimize=True)
        try:
            move = np.linalg.solve(normal + np.eye(4) * (1e-3 * np.trace(normal) + 1e-9), push)
        except np.linalg.LinAlgError:
            return alignment
        return self.moved(alignment, *np.clip(move, -0.1, 0.1))

    def _slopes(self, seen: Samples) -> NDArray[np.float32]:
        """(4, pictures, blocks, points): what a shift, a stretch in x, a shift, a stretch in y would change."""
        left, top, right, bottom = self._content
        by_u = np.gradient(seen, axis=2) * (ACROSS / (right - left))
        by_v = np.gradient(seen, axis=1) * (DOWN / (bottom - top))
        from_middle_u = (self._u - (left + right) / 2).astype(np.float32)
        from_middle_v = (self._v - (top + bottom) / 2).astype(np.float32)
        every = (by_u, by_u * from_middle_u, by_v, by_v * from_middle_v[:, None])
        return np.stack([centred(by_block(slope)) for slope in every])

    def moved(self, alignment: Alignment, shift_u: float, grow_u: float, shift_v: float, grow_v: float) -> Alignment:
        """Shifted by fractions of the clip's picture, grown about the middle of its content."""
        left, top, right, bottom = self._content
        return replace(
            alignment,
            x_scale=alignment.x_scale * (1 + grow_u),
            x_shift=alignment.x_shift + alignment.x_scale * (shift_u - grow_u * (left + right) / 2),
            y_scale=alignment.y_scale * (1 + grow_v),
            y_shift=alignment.y_shift + alignment.y_scale * (shift_v - grow_v * (top + bottom) / 2),
        )

    def refine(self, alignment: Alignment, start: float, end: float) -> tuple[Alignment, Agreement]:
        """The best alignment near the given one, found on the clip's seconds from `start` to `end`."""
        climb = _Climb(self, start, end, alignment)
        climb.try_times((0.5, 0.375, 0.25, 0.125, 0.0), (0.75, 0.5, 0.25, 0.0))
        climb.try_places()
        if climb.agreement.total < _HOPELESS:
            return climb.alignment, climb.agreement
        climb.descend(6)
        climb.try_times((0.2, 0.15, 0.1, 0.05, 0.0), (0.2, 0.1, 0.0))
        climb.descend(4)
        climb.try_times((0.04, 0.02, 0.0), (0.05, 0.025, 0.0))
        return climb.alignment, climb.agreement

    def series(self, alignment: Alignment, start: float, end: float) -> "Series":
        """Agreement moment by moment, each over five of the source's pictures around it."""
        at = self.moments(alignment, start, end)
        clip, source = self._clip[at.clip], self._seen(alignment, at)
        inside = self._inside(alignment)
        found = [agreement_of(sums, inside) for sums in windows(clip, source)]
        times = (at.source + self._first) / self._source_rate
        return Series(
            clip_times=(times - alignment.offset) / alignment.speed,
            source_times=times,
            still=np.array([each.still for each in found]),
            motion=np.array([each.motion for each in found]),
            telling=np.array([each is not NOTHING for each in found], bool),
            moving=np.array([each.moving >= 2 for each in found], bool),
        )


_CLEARLY = 1.06
"""What is left unexplained may be this much more than at the best speed, for a speed nearer to the natural one."""
_SLOWEST, _FASTEST = 0.6, 2.4
_HOPELESS = 0.25
"""Agreement after trying times and places below which two stretches have nothing to do with each other."""


def _both_ways(sizes: Sequence[float]) -> list[float]:
    return sorted({*sizes, *(-size for size in sizes)}, key=abs)


class _Climb:
    """Keeps the best alignment found so far."""

    def __init__(self, overlay: Overlay, start: float, end: float, alignment: Alignment) -> None:
        self._overlay, self._start, self._end = overlay, start, end
        self.alignment, self.agreement = alignment, overlay.agreement(alignment, start, end)

    def _try(self, alignment: Alignment) -> bool:
        return self._keep(alignment, self._overlay.agreement(alignment, self._start, self._end))

    def _keep(self, alignment: Alignment, agreement: Agreement) -> bool:
        better = agreement.total > self.agreement.total + 1e-4
        if better:
            self.alignment, self.agreement = alignment, agreement
        return better

    def try_times(self, shifts: Sequence[float], drifts: Sequence[float]) -> None:
        """Every combination of a shift in the middle and a drift from there to either end, seconds in the source.

        Nearest to the natural speed first: another has to explain clearly more of what is left to explain.
        """
        base, middle = self.alignment, (self._start + self._end) / 2
        half = max(0.5, (self._end - self._start) / 2)
        speeds = {base.speed + drift / half for drift in _both_ways(drifts)}
        if min(speeds) < 1 < max(speeds):
            speeds.add(1.0)
        tried = [
            base.retimed(speed, shift, middle)
            for speed in sorted(speeds, key=lambda speed: abs(speed - 1))
            for shift in _both_ways(shifts)
            if _SLOWEST < speed < _FASTEST
        ]
        agreements = self._overlay.agreement_in_time(tried, self._start, self._end)
        best = int(np.argmax([each.total for each in agreements]))
        self.alignment, self.agreement = tried[best], agreements[best]
        for alignment, agreement in zip(tried, agreements, strict=True):
            if 1 - agreement.total <= _CLEARLY * (1 - self.agreement.total):
                self.alignment, self.agreement = alignment, agreement
                return

    def try_places(self) -> None:
        """Around where it lies now, coarsely; then around the best of those."""
        for reach in (0.12, 0.06):
            around = self.alignment
            moves = product((-reach, 0.0, reach), (-reach, 0.0, reach), (0.0, -reach, reach))
            tried = [self._overlay.moved(around, across, grow, down, grow) for across, down, grow in moves]
            agreed = [self._overlay.coarse_agreement(each, self._start, self._end).total for each in tried]
            self._try(tried[int(np.argmax(agreed))])

    def descend(self, steps: int) -> None:
        for _ in range(steps):
            at = self._overlay.moments(self.alignment, self._start, self._end, COMPARED)
            if len(at.source) < 4 or not self._try(self._overlay.step(self.alignment, at)):
                return


@dataclass(frozen=True, slots=True)
class Series:
    """Agreement at each of the source's pictures: `clip_times` and `source_times` in seconds; `still` and `motion`
    correlations; `telling`, where enough is to be seen for `still` to mean anything; `moving`, the same of `motion`.
    """

    clip_times: NDArray[np.float64]
    source_times: NDArray[np.float64]
    still: NDArray[np.float32]
    motion: NDArray[np.float32]
    telling: NDArray[np.bool_]
    moving: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Indices of the pictures that are compared, in the stretch of the source and in the clip."""

    source: NDArray[np.int64]
    clip: NDArray[np.int64]
