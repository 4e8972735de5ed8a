"""Hours of footage that nobody recorded, to fill a library with: real fingerprints, made strange.

What an index costs depends on how its postings crowd: dark, plain and static pictures make the same hashes again and
again, and hums the same landmarks. So filler is made of real footage and keeps that.

1. The pictures of the real sources are turned upside down and fingerprinted anew (`strange`): views, hashes, what
   tells and what doesn't, and the small pictures all belong together, yet show nothing that a clip shows.
2. An hour (`hours`) is put together from ten-second blocks of one of these, drawn in any order. One bit in `_ONE_IN` of
   its hashes is changed alike in the whole hour, as many in each block, and as many in each picture: pictures of one
   shot stay alike, and no hour is another's copy.
3. The peaks of an hour's sound are moved up or down together, some are lost, and some come a tick early or late.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from media.fingerprint import PART_SECONDS, SOURCE_RATE, SourceFingerprint, source_part
from media.landmarks import TICK, Peaks
from media.thumbnails import ON_A_SHEET

HOUR = 3600
_BLOCK = ON_A_SHEET // SOURCE_RATE  # seconds
_BLOCK_TICKS = round(_BLOCK / TICK)
_MOST_REAL_SECONDS = HOUR
_ONE_IN = 64  # chosen so that a real picture meets as many of filler in its bucket as of another real source
_LOST = 0.1  # of the peaks
_LATE = 0.2
_SEED = 20261122


def strange(parts: Sequence[SourceFingerprint]) -> list[SourceFingerprint]:
    """Parts of sources upside down, an hour of them at most, those that last a block."""
    found: list[SourceFingerprint] = []
    for part in parts:
        if part.duration >= _BLOCK and sum(each.duration for each in found) < _MOST_REAL_SECONDS:
            moved = part.peaks - np.array([round(part.first / SOURCE_RATE / TICK), 0], np.int32)
            pictures = np.ascontiguousarray(part.pictures(part.first, part.end)[:, ::-1])
            found.append(source_part(pictures, moved, part.aspect, 0))
    return found


def hours(count: int, made_of: Sequence[SourceFingerprint], *, first: int = 0) -> Iterator[list[SourceFingerprint]]:
    """So many sources of an hour each, as their parts. The same numbers, from `first` on, give the same hours."""
    weights = np.array([part.duration for part in made_of]) / sum(part.duration for part in made_of)
    for number in range(first, first + count):
        rng = np.random.default_rng((_SEED, number))
        yield _hour(made_of[rng.choice(len(made_of), p=weights)], rng)


def _hour(real: SourceFingerprint, rng: np.random.Generator) -> list[SourceFingerprint]:
    mask = _flips(rng, (1, real.hashes.shape[1]))
    shift = int(rng.choice([-1, 1]) * rng.integers(2, 14))
    return [_part(real, first, mask, shift, rng) for first in range(0, HOUR * SOURCE_RATE, PART_SECONDS * SOURCE_RATE)]


def _part(
    real: SourceFingerprint, first: int, mask: NDArray[np.uint64], shift: int, rng: np.random.Generator
) -> SourceFingerprint:
    """Ten minutes of an hour: sixty blocks in any order."""
    blocks = rng.integers(0, real.count // ON_A_SHEET, PART_SECONDS // _BLOCK)
    hashed = len(real.hashes) * ON_A_SHEET // real.count  # pictures of a block that are hashed
    rows = (blocks[:, None] * hashed + np.arange(hashed)).ravel()
    views = real.hashes.shape[1]
    noise = np.repeat(_flips(rng, (len(blocks), views)), hashed, axis=0)
    noise ^= _flips(rng, (len(rows), views))
    return replace(
        real,
        first=first,
        count=len(blocks) * ON_A_SHEET,
        hashes=real.hashes[rows] ^ mask ^ noise,
        telling=real.telling[rows],
        sheets=tuple(real.sheets[block] for block in blocks),
        peaks=_peaks(real.peaks, blocks, round(first / SOURCE_RATE / TICK), shift, rng),
    )


def _flips(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint64]:
    """Masks in which about one bit in `_ONE_IN`, a power of two, is set."""
    masks = np.full(shape, ~np.uint64(0))
    for _ in range(_ONE_IN.bit_length() - 1):
        masks &= rng.integers(0, 1 << 64, shape, np.uint64)
    return masks


def _peaks(peaks: Peaks, blocks: NDArray[np.int64], start: int, shift: int, rng: np.random.Generator) -> Peaks:
    order = np.argsort(peaks[:, 0], kind="stable")
    ticks = peaks[order, 0]
    moved = []
    for place, block in enumerate(blocks):
        low, high = ticks.searchsorted([block * _BLOCK_TICKS, (block + 1) * _BLOCK_TICKS])
        piece = peaks[order[low:high]] + np.array([start + (place - block) * _BLOCK_TICKS, shift], np.int32)
        late = np.where(rng.random(len(piece)) < _LATE, rng.choice([-1, 1], len(piece)), 0)
        moved.append((piece + np.stack([late, 0 * late], axis=1).astype(np.int32))[rng.random(len(piece)) >= _LOST])
    together = np.concatenate(moved)
    together = together[(together[:, 1] >= 0) & (together[:, 1] < 240) & (together[:, 0] >= start)]
    return together[np.lexsort((together[:, 1], together[:, 0]))]
