"""Picture hashes: 64 signs of DCT coefficients, the lowest frequencies in the lowest bits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.index.merging import Live
from media.index.postings import Packed, codes_of, packed
from media.index.probing import cheapest_flips
from media.index.scanning import Found, Probes, scan, scan_all
from media.index.segments import Kind

HASHES = Kind("hashes", np.dtype("<u8"), label_bits=5)

VIEWS = 1 << HASHES.label_bits  # a view's number is below this
KEY_BITS = 22  # lowest bits of a hash that decide its bucket
PROBES = 32  # buckets looked into for each hash
CAP = 512  # postings of one bucket compared with one hash


@dataclass(frozen=True)
class HashPostings:
    """The hashes of one part of a source: arrays of one length."""

    hashes: NDArray[np.uint64]
    pictures: NDArray[np.int64]  # numbers counted from the source's start
    views: NDArray[np.uint8]  # below VIEWS

    def packed(self, source: int, part: int) -> Packed:
        """As a segment holds them. Raises ValueError."""
        return packed(HASHES, source, part, self.hashes, self.pictures, self.views)


@dataclass(frozen=True)
class HashHits:
    """Postings near the hashes of a query: arrays of one length, a row for each pair, in no particular order."""

    queries: NDArray[np.int32]  # number of the hash in the query
    sources: NDArray[np.int64]
    pictures: NDArray[np.int64]
    views: NDArray[np.uint8]
    distances: NDArray[np.uint8]  # bits in which the two hashes differ

    def __len__(self) -> int:
        return len(self.queries)


def search(
    segments: Sequence[Live],
    hashes: NDArray[np.uint64],
    confidence: NDArray[np.float32],
    *,
    radius: int,
    key_bits: int,
    probes: int,
    cap: int,
) -> HashHits:
    """The postings within `radius` in the probed buckets; see `Index.search_hashes`."""
    if confidence.shape != (len(hashes), HASHES.code_bits):
        raise ValueError("confidence needs a row of 64 for each hash")
    codes = codes_of(hashes, HASHES)
    keys = (codes >> np.uint64(HASHES.code_bits - key_bits)).astype(np.int64)
    flips = cheapest_flips(np.asarray(confidence[:, :key_bits], np.float32), probes)
    found = scan(segments, Probes.of(keys[:, None] ^ flips, key_bits), codes, radius=radius, cap=cap)
    return _hits(found)


def search_exact(segments: Sequence[Live], hashes: NDArray[np.uint64], *, radius: int) -> HashHits:
    """Every posting within `radius`."""
    return _hits(scan_all(segments, codes_of(hashes, HASHES), radius=radius))


def _hits(found: Iterable[Found]) -> HashHits:
    types = (np.int32, np.int64, np.int64, np.uint8, np.uint8)
    columns = zip(*((f.queries, f.sources, f.positions, f.labels, f.distances) for f in found), strict=True)
    arrays = [np.concatenate(column).astype(type_) for column, type_ in zip(columns, types, strict=False)]
    return HashHits(*(arrays or [np.empty(0, type_) for type_ in types]))
