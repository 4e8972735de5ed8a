"""Which sources a clip's sound comes from, and how it lies over them.

The clip's landmarks, made for every speed that is tried, are looked up; those that truly come from a source agree on
one offset. How surely, is told by how many agree, how different they are (a beat repeats the same few), and how evenly
they cover the stretch. The pitch is taken to be kept, as all clip editors keep it; where it was not, or where the
sound was replaced, nothing is heard and the pictures decide alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.landmarks import TICK, Peaks, pair
from media.voting import SPEEDS

_FAN = 4
_BIN = 8
"""Ticks: offsets this close are one."""
_FEWEST = 5
_APART = 3.0
"""Seconds between guesses that are of different stretches."""
_SLOT = 0.5
"""Seconds: coverage is counted in slots of this length."""
_OF_EACH_SPEED = 3
_BIAS = 1 << 31
"""Makes every offset positive, so that source and offset fit into one number."""

Lookup = Callable[[NDArray[np.uint32]], tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]
"""Landmark keys to hits: the number of the key in the question, the source, and the tick in the source."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of the clip whose sound lies in a source: source time = offset + speed × clip time, seconds.

    `last` may lie up to half a second behind the clip's end. `votes`: landmarks that agree; `distinct`: how many
    different ones; `covered`: the share of half seconds between `first` and `last` (of the clip) that have one.
    """

    source: int
    speed: float
    offset: float
    first: float
    last: float
    votes: int
    distinct: int
    covered: float

    def source_time(self, clip_time: float) -> float:
        """Seconds in the source at these seconds of the clip."""
        return self.offset + self.speed * clip_time

    @property
    def sureness(self) -> float:
        """0 to 1: grows with agreeing landmarks, their rate, their variety and their coverage."""
        many = 1 - np.exp(-min(self.votes, 3 * self.distinct) / 15)
        dense = np.clip((self.votes / max(1.0, self.last - self.first) - 1.2) / 3, 0, 1)
        return float(many * dense * np.clip((self.covered - 0.3) / 0.5, 0, 1))


def listen(peaks: Peaks, lookup: Lookup, *, most: int) -> list[Heard]:
    """At most `most` stretches, the best agreed on first; of one source only such as lie apart."""
    if len(peaks) < 20:
        return []
    guesses = []
    for speed in SPEEDS:  # one after the other: in many hours of sources each has a million hits
        keys, ticks = _questions(peaks, speed)
        asked, sources, found = lookup(keys)
        guesses += _guesses(speed, sources, found, ticks[asked], keys[asked])
    kept: list[Heard] = []
    for guess in sorted(guesses, key=lambda guess: (-guess.votes, abs(guess.speed - 1))):
        if not any(_same(guess, other) for other in kept):
            kept.append(guess)
    return kept[:most]


def _questions(peaks: Peaks, speed: float) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Keys, and the ticks they begin at in source time.

    The time between two peaks is rounded to ticks on both sides; so one tick more and one less are asked for too.
    """
    landmarks = pair(peaks, fan=_FAN, speed=speed)
    keys = landmarks.keys
    return np.concatenate([keys - 1, keys, keys + 1]), np.tile(landmarks.ticks, 3)


def _guesses(
    speed: float,
    sources: NDArray[np.int64],
    found: NDArray[np.float32],
    asked: NDArray[np.float32],
    keys: NDArray[np.uint32],
) -> list[Heard]:
    """The best agreed offsets at one speed."""
    if not len(found):
        return []
    bins = np.rint((found - asked) / _BIN).astype(np.int64)
    place = (sources << 32) + bins + _BIAS
    places, number = np.unique(place, return_inverse=True)
    moment = np.rint(asked * 4).astype(np.int64)
    votes = np.unique(number * (moment.max() + 1) + moment)  # one for each moment of the clip at each offset
    counts = np.bincount(votes // (moment.max() + 1))
    neighbour = np.searchsorted(places, places + 1).clip(max=len(places) - 1)
    both = counts + np.where(places[neighbour] == places + 1, counts[neighbour], 0)
    guesses = []
    for best in np.argsort(-both)[:_OF_EACH_SPEED]:
        on = (place == places[best]) | (place == places[best] + 1)
        if both[best] >= _FEWEST:
            guesses.append(_heard(speed, int(places[best] >> 32), int(both[best]), found[on], asked[on], keys[on]))
    return guesses


def _heard(
    speed: float,
    source: int,
    votes: int,
    found: NDArray[np.float32],
    asked: NDArray[np.float32],
    keys: NDArray[np.uint32],
) -> Heard:
    times = asked.astype(np.float64) * TICK / speed
    first, last = (float(x) for x in np.percentile(times, (1, 99)))
    slots = len(np.unique(np.floor((times - first) / _SLOT))) / max(1.0, np.ceil((last - first) / _SLOT))
    exact_speed, offset = _fitted(times, found.astype(np.float64) * TICK, speed)
    covered = min(1.0, float(slots))
    return Heard(source, exact_speed, offset, first, last + _SLOT, votes, len(np.unique(keys)), covered)


def _fitted(clip: NDArray[np.float64], source: NDArray[np.float64], speed: float) -> tuple[float, float]:
    """Speed and offset of the straight line through times that lie on it to a few ticks; twice, without outliers."""
    offset = float(np.median(source - speed * clip))
    for reach in (0.15, 0.05):
        near = np.abs(source - speed * clip - offset) < reach
        if near.sum() < 10 or np.ptp(clip[near]) < 2:
            break
        slope, at_zero = np.polyfit(clip[near], source[near], 1)
        if abs(slope / speed - 1) < 0.03:
            speed, offset = float(slope), float(at_zero)
    return speed, offset


def _same(one: Heard, other: Heard) -> bool:
    """Whether two guesses speak of one stretch: their lines meet in the middle of either."""
    middle = (one.first + one.last) / 2
    return one.source == other.source and abs(one.source_time(middle) - other.source_time(middle)) < _APART
