"""From single pictures that look alike to the line in time that they lie on.

Each hit says "this moment of the clip looks like that moment of the source". Where a clip shows a stretch of a
source, its hits lie on a line: source time = offset + speed × clip time. Every speed that clippers use is tried, and
the offset with the most votes wins (a Hough transform). A hit's vote is worth less the more bits differ, and the more
places its picture was found in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPEEDS: tuple[float, ...] = (*np.round(np.geomspace(0.75, 2.05, 42), 4).tolist(), 1.0)
"""Source seconds in a clip second, at steps of 2.5 %, and 1, which most clips have."""
_BIN = 0.5
"""Seconds: how far from its line a hit may lie, and the spacing of a source's hashed pictures."""
_FALL = 8.0
"""Bits: a hit at this distance is worth 1/e of an equal hash."""
_FEWEST_VOTES = 0.8
_VIEWS = 2
"""Pairs of views, the best voted, that registration begins from."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Look-alikes, one an index: clip and source times in seconds, numbers of the views, bits that differ."""

    clip_time: NDArray[np.float64]
    clip_view: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    source: NDArray[np.int64]
    source_time: NDArray[np.float64]
    source_view: NDArray[np.int64]
    distance: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> "Hits":
        """Those of the hits that `chosen` marks."""
        return Hits(*(getattr(self, name)[chosen] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True)
class Line:
    """A guess to be verified: source time = offset + speed × clip time, between `first` and `last` of the clip.

    `votes` tells guesses apart, nothing more. `views`: numbers of a clip view and a source view that matched.
    """

    source: int
    mirrored: bool
    speed: float
    offset: float
    votes: float
    first: float
    last: float
    views: tuple[tuple[int, int], ...]


def find_lines(hits: Hits, *, most: int, of_each: int = 4) -> list[Line]:
    """At most `most` lines, the best voted first; of each source, mirrored or not, at most `of_each`."""
    worth = _worth(hits)
    lines: list[Line] = []
    groups = hits.source * 2 + hits.mirrored
    totals = np.bincount(np.unique(groups, return_inverse=True)[1], weights=worth) if len(hits) else np.zeros(0)
    for group in np.unique(groups)[np.argsort(-totals)][: 4 * most]:
        chosen = groups == group
        lines += _lines(hits.where(chosen), worth[chosen], of_each)
    return sorted(lines, key=lambda line: -line.votes)[:most]


def _worth(hits: Hits) -> NDArray[np.float64]:
    """What each hit's vote is worth."""
    closeness = np.exp(-np.square(hits.distance / _FALL))
    _, picture = np.unique(hits.clip_time, return_inverse=True)
    elsewhere = np.bincount(picture, weights=closeness)[picture] if len(hits) else closeness
    return closeness / np.sqrt(1 + elsewhere / 8)


def _lines(hits: Hits, worth: NDArray[np.float64], most: int) -> Iterator[Line]:
    """Lines of one source, each from the hits that those before have not explained."""
    for _ in range(most):
        if len(hits) < 3:
            return
        votes, speed, offset = _best(hits, worth)
        if votes < _FEWEST_VOTES:
            return
        on = np.abs(hits.source_time - speed * hits.clip_time - offset) <= _BIN * 1.2
        yield _line(hits.where(on), worth[on], votes, speed, offset)
        near = np.abs(hits.source_time - speed * hits.clip_time - offset) <= _BIN * 3
        hits, worth = hits.where(~near), worth[~near]


def _best(hits: Hits, worth: NDArray[np.float64]) -> tuple[float, float, float]:
    """Votes, speed and offset of the line with the most votes; of equals the speed nearest to 1."""
    # One vote for each moment of the clip at each moment of the source: its best.
    clip_moments, of_clip = np.unique(hits.clip_time, return_inverse=True)
    where = np.unique(hits.source_time, return_inverse=True)[1] * len(clip_moments) + of_clip
    order = np.lexsort((-worth, where))
    first = np.ones(len(order), bool)
    first[1:] = where[order][1:] != where[order][:-1]
    single = order[first]
    clip, source, weight = hits.clip_time[single], hits.source_time[single], worth[single]
    found = []
    for speed in SPEEDS:
        place = np.floor((source - speed * clip) / _BIN).astype(np.int64)
        low = place.min()
        heights = np.bincount(place - low, weights=weight)
        heights[:-1] += heights[1:]
        top = int(heights.argmax())
        found.append((round(float(heights[top]), 2), -abs(speed - 1), speed, float(top + low + 1) * _BIN))
    votes, _, best, offset = max(found)
    return votes, best, offset


def _line(hits: Hits, worth: NDArray[np.float64], votes: float, speed: float, offset: float) -> Line:
    pairs, which = np.unique(np.stack([hits.clip_view, hits.source_view], axis=1), axis=0, return_inverse=True)
    totals = np.bincount(which, weights=worth)
    views = tuple((int(pairs[i, 0]), int(pairs[i, 1])) for i in np.argsort(-totals)[:_VIEWS])
    return Line(
        source=int(hits.source[0]),
        mirrored=bool(hits.mirrored[0]),
        speed=speed,
        offset=offset,
        votes=votes,
        first=float(hits.clip_time.min()),
        last=float(hits.clip_time.max()),
        views=views,
    )
