"""Sound landmarks: 32-bit hashes of pairs of spectral peaks, which match exactly or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.index.merging import Live
from media.index.postings import Packed, codes_of, packed
from media.index.scanning import Probes, scan
from media.index.segments import Kind

LANDMARKS = Kind("landmarks", np.dtype("<u4"), label_bits=0)

BUCKET_BITS = 22  # lowest bits of a landmark that decide its bucket; the others are compared
CAP = 2048  # postings of one bucket compared with one landmark


@dataclass(frozen=True)
class LandmarkPostings:
    """The landmarks of one part of a source: arrays of one length."""

    hashes: NDArray[np.uint32]  # the low bits vary, the unused ones are zero
    times: NDArray[np.int64]  # ticks from the source's start

    def packed(self, source: int, part: int) -> Packed:
        """As a segment holds them. Raises ValueError."""
        return packed(LANDMARKS, source, part, self.hashes, self.times, 0)


@dataclass(frozen=True)
class LandmarkHits:
    """Postings equal to the landmarks of a query: arrays of one length, a row for each pair, in no particular order."""

    queries: NDArray[np.int32]  # number of the landmark in the query
    sources: NDArray[np.int64]
    times: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.queries)


def search(segments: Sequence[Live], hashes: NDArray[np.uint32], *, cap: int) -> LandmarkHits:
    """The postings that equal a landmark; see `Index.search_landmarks`."""
    codes = codes_of(hashes, LANDMARKS)
    buckets = (codes >> np.uint32(LANDMARKS.code_bits - BUCKET_BITS)).astype(np.int64)
    found = list(scan(segments, Probes.of(buckets[:, None], BUCKET_BITS), codes, radius=0, cap=cap))
    return LandmarkHits(
        np.concatenate([np.empty(0, np.int32), *(f.queries.astype(np.int32) for f in found)]),
        np.concatenate([np.empty(0, np.int64), *(f.sources for f in found)]),
        np.concatenate([np.empty(0, np.int64), *(f.positions for f in found)]),
    )
