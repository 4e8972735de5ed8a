"""From what is added to what a segment holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.index.segments import SPAN, Codes, Kind, Places, Spans

_REVERSED = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)], np.uint8)


@dataclass(frozen=True)
class Packed:
    """One part of one source, ready to be written as a segment."""

    kind: Kind
    spans: Spans
    codes: Codes
    places: Places


def codes_of(hashes: NDArray[Any], kind: Kind) -> Codes:
    """Hashes with their bits in reverse order, the lowest becoming the first. Distances stay what they are."""
    bytes_ = np.ascontiguousarray(hashes, kind.code).view(np.uint8)
    return _REVERSED[bytes_].view(kind.code).byteswap()


def packed(
    kind: Kind, source: int, part: int, hashes: NDArray[Any], positions: NDArray[Any], labels: NDArray[Any] | int
) -> Packed:
    """Sort one part's postings by code, then place. Raises ValueError where 32 bits cannot hold the places."""
    positions = np.asarray(positions, np.int64)
    if not len(hashes) == len(positions) == np.broadcast(labels, positions).size:
        raise ValueError("a posting needs a hash, a position and a label")
    origin = int(positions.min()) if len(positions) else 0
    extent = int(positions.max()) - origin + 1 if len(positions) else 0
    if not kind.fits(extent):
        raise ValueError(f"positions {extent} apart do not fit into one part")
    if np.any(np.asarray(labels) >> kind.label_bits):
        raise ValueError(f"labels are below {1 << kind.label_bits}")
    codes = codes_of(hashes, kind)
    places = ((positions - origin) << kind.label_bits | labels).astype(np.uint32)
    order = np.lexsort((places, codes))
    spans = np.array([(source, part, origin, extent, len(codes))], SPAN)
    return Packed(kind, spans, codes[order], places[order])
