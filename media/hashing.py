"""Perceptual hashes of parts of a picture: the bits of ImageHash's `phash`, for many views at once.

pHash takes the 8 × 8 lowest frequencies of a picture's cosine transform; a bit says whether a coefficient lies
above their median. Instead of cutting each view out and scaling it to 32 × 32, as ImageHash does, the cosines are
stretched over the view and summed over the pixels it covers: no resampling, and two small products per view.
On a picture of 32 × 32 the two are the same sum, and the bits are equal (`tests/media/test_hashing.py`), but where a
coefficient is exactly nothing, whose sign is rounding in both.

Bits are ordered by frequency, lowest first and the mean last, so that a prefix of a hash is a coarser hash. A mirrored
picture negates the coefficients of odd horizontal frequency; so one decode of a clip gives those of its mirror image.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from media.views import Rect

SIDE = 8
BITS = SIDE * SIDE
LOW_INFORMATION = 4.0
"""Grey levels: a view whose coefficients are together no larger (black, a plain colour) has no vote."""

Coefficients = NDArray[np.float32]
"""(pictures, views, 64), by frequency; each the mean over the view of grey × cosine × cosine."""

_BY_FREQUENCY = sorted(
    ((row, column) for row in range(SIDE) for column in range(SIDE)),
    key=lambda place: (sum(place) or BITS, place),  # the mean, which is above the median almost always, comes last
)
_ROWS = np.array([row for row, _ in _BY_FREQUENCY])
_COLUMNS = np.array([column for _, column in _BY_FREQUENCY])
_MIRROR = np.where(_COLUMNS % 2, -1, 1).astype(np.float32)


def coefficients(pictures: NDArray[np.uint8], views: Sequence[Rect]) -> Coefficients:
    """The 64 lowest frequencies of each view of each picture (pictures × rows × columns, grey)."""
    count, height, width = pictures.shape
    grey = pictures.astype(np.float32)
    found = np.empty((count, len(views), BITS), np.float32)
    bands: dict[tuple[float, float], NDArray[np.float32]] = {}
    with threadpool_limits(limits=1):  # the products are small: threads would only wait for each other
        for number, (left, top, right, bottom) in enumerate(views):
            if (top, bottom) not in bands:
                bands[top, bottom] = _cosines(height, top, bottom) @ grey
            block = bands[top, bottom] @ _cosines(width, left, right).T
            found[:, number] = block[:, _ROWS, _COLUMNS]
    return found


def phash_bits(found: Coefficients) -> NDArray[np.uint64]:
    """One hash for each view of each picture: bit k is set where frequency k lies above the median of all 64."""
    above = found > np.median(found, axis=-1, keepdims=True)
    bits: NDArray[np.uint64] = np.packbits(above, axis=-1, bitorder="little").view(np.uint64)[..., 0]
    return bits


def confidences(found: Coefficients) -> NDArray[np.float32]:
    """How far each coefficient lies from the median: the bits that are near it are the ones that editing flips."""
    distances: NDArray[np.float32] = np.abs(found - np.median(found, axis=-1, keepdims=True))
    return distances


def mirrored(found: Coefficients) -> Coefficients:
    """The coefficients of the same views of the mirrored picture."""
    return found * _MIRROR


def informative(found: Coefficients) -> NDArray[np.bool_]:
    """Which views of which pictures show enough to be told from others."""
    energy: NDArray[np.float32] = np.square(found[..., :-1]).sum(axis=-1)
    return 2 * np.sqrt(energy) > LOW_INFORMATION


@cache
def _cosines(cells: int, start: float, end: float) -> NDArray[np.float32]:
    """(8, cells): the first eight cosines between two fractions of an axis, by the share of a cell they cover."""
    edges = np.arange(cells + 1, dtype=np.float64)
    low, high = start * cells, end * cells
    covered = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, 1)
    centre = (np.clip(edges[:-1] + 0.5, low, high) - low) / (high - low)
    waves = np.cos(np.pi * np.arange(SIDE)[:, None] * centre) * covered / (high - low)
    leak = waves[1:].sum(axis=1, keepdims=True)  # of brightness, where the rim covers cells in part
    waves[1:] -= leak * covered / covered.sum()
    found: NDArray[np.float32] = waves.astype(np.float32)
    return found
