"""How alike two stretches of pictures are, block by block, as they are and in how they move.

Pictures are sampled at the same points of what they may share, and compared in 6 × 4 blocks over space and time. Each
block is normalised by itself, and the best of them decide: brightness and contrast do not matter, and what covers a
part of the picture spoils that part alone. They are compared twice: as they are ("still"), and with each point's mean
over time taken away ("motion"), because two stretches of one stream share their scenery, not its motion.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.thumbnails import COLUMNS, ROWS

ACROSS, DOWN = 36, 24
"""Points at which pictures are compared, over the clip's content."""
_BLOCKS_ACROSS, _BLOCKS_DOWN = 6, 4
_BLOCKS = _BLOCKS_ACROSS * _BLOCKS_DOWN
_BEST_SHARE = 0.65
"""The share of the blocks that must correlate: a caption or a sticker may spoil the others."""
_PLAIN_SOURCE, _PLAIN_CLIP = 9.0, 4.0
"""Grey levels squared: blocks that vary less are plain, and are not compared."""
_BUSY_CLIP = 36.0
"""Grey levels squared: a block of a clip that varies more is no plain one, whatever compression does to that."""
_STILL_SOURCE, _STILL_CLIP = 4.0, 2.0
"""Grey levels squared: blocks that move less take no part in comparing motion."""
_FEWEST_BLOCKS = 5

Samples = NDArray[np.float32]
"""(pictures, DOWN, ACROSS)"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well pictures agree: correlations of the best blocks, and in how many of them something moves."""

    still: float
    motion: float
    moving: int

    @property
    def total(self) -> float:
        """One figure to climb by."""
        return 0.5 * self.still + 0.5 * self.motion if self.moving >= 3 else 0.6 * self.still


NOTHING = Agreement(-1.0, 0.0, 0)
"""There is too little to be seen to say anything."""
CONTRADICTED = Agreement(0.0, 0.0, 0)
"""The source is plain where the clip is not."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Over some pictures, by block and point (`clip`, `source`) and by block (`clip2`, `source2`, `product`)."""

    pictures: int
    clip: Samples
    source: Samples
    clip2: Samples
    source2: Samples
    product: Samples


def summed(clip: Samples, source: Samples) -> Sums:
    return Sums(
        len(clip),
        clip.sum(axis=0),
        source.sum(axis=0),
        np.einsum("kbp,kbp->b", clip, clip),
        np.einsum("kbp,kbp->b", source, source),
        np.einsum("kbp,kbp->b", clip, source),
    )


def agreement_of(sums: Sums, inside: NDArray[np.bool_]) -> Agreement:
    """Correlation of each block over its points and pictures; then of what each point does around its mean."""
    size = sums.pictures * sums.clip.shape[1]
    whole_clip, whole_source = sums.clip.sum(axis=1) / size, sums.source.sum(axis=1) / size
    var_clip, var_source = sums.clip2 / size - whole_clip**2, sums.source2 / size - whole_source**2
    textured = inside & (var_source > _PLAIN_SOURCE)
    if np.count_nonzero(textured) < _FEWEST_BLOCKS:
        busy = np.count_nonzero(inside & (var_clip > _BUSY_CLIP))
        return CONTRADICTED if busy > np.count_nonzero(inside) / 2 else NOTHING
    still = _correlation(sums.product / size - whole_clip * whole_source, var_clip, var_source)
    still[var_clip <= _PLAIN_CLIP] = 0
    fixed = size * sums.pictures
    var_clip = sums.clip2 / size - np.einsum("bp,bp->b", sums.clip, sums.clip) / fixed
    var_source = sums.source2 / size - np.einsum("bp,bp->b", sums.source, sums.source) / fixed
    moves = textured & (var_source > _STILL_SOURCE) & (var_clip > _STILL_CLIP)
    moving = int(np.count_nonzero(moves))
    covariance = sums.product / size - np.einsum("bp,bp->b", sums.clip, sums.source) / fixed
    motion = _best(_correlation(covariance, var_clip, var_source)[moves], 2) if moving >= 2 else 0.0
    return Agreement(_best(still[textured], 3), motion, moving)


def _correlation(covariance: Samples, one: Samples, other: Samples) -> Samples:
    found: Samples = covariance / np.sqrt(np.maximum(one * other, 1e-3))
    return found


def _best(correlations: NDArray[np.float32], fewest: int) -> float:
    """The mean of the best share of the blocks."""
    count = max(fewest, int(np.ceil(_BEST_SHARE * len(correlations))))
    return float(np.sort(correlations)[::-1][:count].mean())


def windows(clip: Samples, source: Samples) -> Iterator[Sums]:
    """The sums over five pictures around each one, fewer at the ends."""
    pairs = (clip, source, clip * clip, source * source, clip * source)
    ongoing = [np.cumsum(np.concatenate([np.zeros_like(each[:1]), each]), axis=0, dtype=np.float64) for each in pairs]
    for place in range(len(clip)):
        low, high = max(0, place - 2), min(len(clip), place + 3)
        sums = [each[high] - each[low] for each in ongoing]
        yield Sums(high - low, sums[0], sums[1], *(each.sum(axis=1) for each in sums[2:]))


def centred(blocks: Samples) -> Samples:
    """Each block around its mean over points and pictures."""
    means: Samples = blocks.mean(axis=(0, 2), keepdims=True)
    return blocks - means


def by_block(samples: Samples) -> Samples:
    """(pictures, blocks, points of a block)"""
    count = len(samples)
    high, wide = samples.shape[1] // _BLOCKS_DOWN, samples.shape[2] // _BLOCKS_ACROSS
    tiles = samples.reshape(count, _BLOCKS_DOWN, high, _BLOCKS_ACROSS, wide)
    return tiles.swapaxes(2, 3).reshape(count, _BLOCKS, high * wide)


def sampled(pictures: Samples, x: NDArray[np.float64], y: NDArray[np.float64]) -> Samples:
    """The pictures at the crossings of columns `x` and rows `y` (fractions), each the mean over what lies around it."""
    narrow = pictures.reshape(-1, COLUMNS) @ _weights(x, COLUMNS).T
    found: Samples = _weights(y, ROWS) @ narrow.reshape(len(pictures), ROWS, len(x))
    return found


def _weights(places: NDArray[np.float64], cells: int) -> NDArray[np.float32]:
    """(places, cells): a tent over each place, as wide as the places are apart, at least a cell."""
    reach = max(1.0, abs(float(places[1] - places[0])) * cells)
    distance = np.abs((places * cells - 0.5).clip(0, cells - 1)[:, None] - np.arange(cells)) / reach
    tents = np.maximum(0, 1 - distance)
    weights: NDArray[np.float32] = (tents / tents.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
