"""Scanning: from probes to the postings that lie near enough.

Probes are sorted by prefix, so that a segment is read from its beginning to its end, and compared in chunks small
enough to stay in the processor's cache: the time goes into memory, not into counting bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.index.merging import Live
from media.index.segments import Codes

_AT_ONCE = 1 << 16  # pairs of a query and a posting compared together


@dataclass(frozen=True)
class Probes:
    """Buckets to look into, in ascending order of their prefixes, and which query asks for each."""

    prefixes: NDArray[np.int64]  # each once
    buckets: NDArray[np.int64]  # of each probe, ascending: a number into `prefixes`
    queries: NDArray[np.int64]  # of each probe
    bits: int  # of a prefix

    @classmethod
    def of(cls, prefixes: NDArray[np.int64], bits: int) -> "Probes":
        """The probes of queries in order, a row of prefixes for each."""
        both = np.sort((prefixes << 32 | np.arange(len(prefixes))[:, None]).ravel())  # several times as fast as argsort
        first = np.diff(both >> 32, prepend=-1) > 0
        return cls(both[first] >> 32, first.cumsum() - 1, both & 0xFFFFFFFF, bits)


@dataclass(frozen=True)
class Found:
    """Postings of one segment that are near a query, and by how many bits they differ."""

    queries: NDArray[np.int64]
    sources: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.uint8]
    distances: NDArray[np.uint8]


def scan(segments: Sequence[Live], probes: Probes, codes: Codes, *, radius: int, cap: int) -> Iterator[Found]:
    """The live postings in the probed buckets that differ from their query's code in at most `radius` bits.

    A bucket holding more than `cap` postings, over all these segments, is thinned to every n-th of them in each, n
    being what brings all of them together to about the cap. Buckets are sorted by code, then by source and time, so
    what is left still has its share of every hash and of every source, old or new, and the same folder always gives
    the same answer.
    """
    runs = [live.segment.runs(probes.prefixes, probes.bits) for live in segments]
    if not runs:
        return
    strides = np.maximum(1, -(-np.sum([counts for _, counts in runs], axis=0) // cap))
    wanted = codes[probes.queries]
    for live, (begins, counts) in zip(segments, runs, strict=True):
        thinned = _Buckets(begins, -(-counts // strides), strides).of(probes)
        for probe, postings, distances in _near(live.segment.codes, wanted, thinned, radius):
            yield from _found(live, probes.queries[probe], postings, distances)


def scan_all(segments: Sequence[Live], codes: Codes, *, radius: int) -> Iterator[Found]:
    """Every live posting that differs from a code in at most `radius` bits."""
    for live in segments:
        for first in range(0, len(live.segment.codes), _AT_ONCE):
            stored = live.segment.codes[first : first + _AT_ONCE]
            if not live.spans.all():
                kept = np.flatnonzero(live.spans[live.segment.span_of(live.segment.places[first : first + _AT_ONCE])])
                stored = stored[kept]
            for query, code in enumerate(codes):
                distances = np.bitwise_count(stored ^ code)
                near = np.flatnonzero(distances <= radius)
                if len(near):
                    postings = first + (near if live.spans.all() else kept[near])
                    yield from _found(live, np.full(len(near), query), postings, distances[near])


@dataclass(frozen=True)
class _Buckets:
    """Postings of one segment, a bucket in each row: `begins`, `begins + strides`, … `counts` in all."""

    begins: NDArray[np.int64]
    counts: NDArray[np.int64]
    strides: NDArray[np.int64]

    def of(self, probes: Probes) -> "_Buckets":
        """The bucket of each probe."""
        return _Buckets(self.begins[probes.buckets], self.counts[probes.buckets], self.strides[probes.buckets])

    def chunks(self) -> "Iterator[tuple[int, _Buckets]]":
        """Cut where the postings fill a chunk, with the number of the first bucket; what has none is left out."""
        ends = self.counts.cumsum()
        here = 0
        while here < len(ends):
            before = int(ends[here] - self.counts[here])
            after = max(here + 1, int(ends.searchsorted(before + _AT_ONCE, "right")))
            if ends[after - 1] > before:
                yield here, _Buckets(self.begins[here:after], self.counts[here:after], self.strides[here:after])
            here = after

    def postings(self, firsts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of all postings, bucket by bucket, `firsts` of them standing before each bucket's own."""
        if (self.strides == 1).all():
            postings = (self.begins - firsts).repeat(self.counts)
            postings += np.arange(len(postings))
            return postings
        nth = np.arange(int(self.counts.sum())) - firsts.repeat(self.counts)
        return self.begins.repeat(self.counts) + nth * self.strides.repeat(self.counts)


def _near(
    stored: Codes, wanted: Codes, buckets: _Buckets, radius: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]]:
    """The numbers of buckets and of postings in them within `radius` of the bucket's wanted code, and the distances."""
    for first, chunk in buckets.chunks():
        firsts = chunk.counts.cumsum() - chunk.counts
        postings = chunk.postings(firsts)
        differing = stored.take(postings, mode="clip")  # all are within; "clip" only spares a second pass that checks
        differing ^= wanted[first : first + len(firsts)].repeat(chunk.counts)
        distances = np.bitwise_count(differing)
        near = np.flatnonzero(distances <= radius)
        if len(near):
            yield first + firsts.searchsorted(near, "right") - 1, postings[near], distances[near]


def _found(
    live: Live, queries: NDArray[Any], postings: NDArray[np.int64], distances: NDArray[np.uint8]
) -> Iterator[Found]:
    """What the postings stand for, unless their sources are gone or not asked for."""
    places = live.segment.places[postings]
    spans = live.segment.span_of(places)
    if not live.spans.all():
        kept = live.spans[spans]
        queries, places, spans, distances = queries[kept], places[kept], spans[kept], distances[kept]
    if len(places):
        sources = live.segment.spans["source"][spans]
        yield Found(queries, sources, live.segment.positions(places, spans), live.segment.labels(places), distances)
