"""Offset voting: what is at second t of a clip is at t + offset of the source, and the true offset gets most votes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.identification.scoring import Segment

MOST_SEGMENTS = 5
LONGEST_GAP = 5.0  # seconds without a vote inside one segment


@dataclass(frozen=True)
class Hashes:
    """Hashes of one file, `step` seconds apart from 0 on: (n, words) of uint64. `telling`: those that may vote."""

    name: str
    step: float
    words: NDArray[np.uint64]
    telling: NDArray[np.bool_]


def vote(clip: Hashes, sources: Sequence[Hashes], radius: int, least_votes: int, bin_seconds: float) -> list[Segment]:
    """The segments for which at least so many of the clip's hashes speak, strongest first, none overlapping."""
    found = [each for source in sources for each in _segments(clip, source, radius, least_votes, bin_seconds)]
    chosen: list[Segment] = []
    for each in sorted(found, key=lambda segment: -segment.score):
        if all(each.clip[1] <= other.clip[0] or other.clip[1] <= each.clip[0] for other in chosen):
            chosen.append(each)
    return chosen[:MOST_SEGMENTS]


def distances(clip: NDArray[np.uint64], source: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Hamming distances, (n, m)."""
    total = np.zeros((len(clip), len(source)), np.uint16)
    for word in range(clip.shape[1]):
        total += np.bitwise_count(clip[:, None, word] ^ source[None, :, word])
    return total


def _segments(clip: Hashes, source: Hashes, radius: int, least_votes: int, bin_seconds: float) -> list[Segment]:
    near = distances(clip.words, source.words) <= radius
    near &= clip.telling[:, None] & source.telling[None, :]
    at_clip, at_source = (
        numbers * step for numbers, step in zip(np.nonzero(near), (clip.step, source.step), strict=True)
    )
    bins = np.round((at_source - at_clip) / bin_seconds).astype(int)
    segments: list[Segment] = []
    for _ in range(MOST_SEGMENTS):
        if len(bins) < least_votes:
            break
        offsets, votes = np.unique(bins, return_counts=True)
        best = offsets[votes.argmax()]
        agreeing = abs(bins - best) <= 1
        segments += _runs(clip, source.name, np.unique(at_clip[agreeing]), best * bin_seconds, least_votes)
        at_clip, bins = at_clip[~agreeing], bins[~agreeing]
    return segments


def _runs(clip: Hashes, name: str, times: NDArray[np.float64], offset: float, least_votes: int) -> list[Segment]:
    """A segment for each run of votes; its score is the share of the clip's hashes that vote for it."""
    segments = []
    for run in np.split(times, np.nonzero(np.diff(times) > LONGEST_GAP)[0] + 1):
        if len(run) >= least_votes:
            start, end = max(0.0, float(run[0]) - clip.step / 2), float(run[-1]) + clip.step / 2
            segments.append(Segment(name, (start, end), (start + offset, end + offset), len(run) / len(clip.words)))
    return segments
