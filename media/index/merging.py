"""Merging: few large segments out of many small ones.

Segments are of one tier when their sizes lie within the same power of `_FAN`; as soon as a tier holds `_FAN` of them,
they become one of the next. So a posting is rewritten once a tier, and n segments of one size become about
(`_FAN` - 1) · log(n) of growing ones. Removed sources are left out on the way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.index.segments import Codes, Kind, Places, Segment, Spans, write_segment

_FAN = 4
_SMALLEST_TIER = 1 << 15  # postings; about ten minutes of a source, the part in which sources grow
_AT_ONCE = 1 << 20  # postings merged in memory at a time
_SLICES = 12  # the codes are taken up in 2 ** _SLICES slices
_GONE = 0.25  # of a segment's postings: from here on it is rewritten for the removed sources alone


@dataclass(frozen=True)
class Live:
    """A segment, and which of its spans are still in the index."""

    segment: Segment
    spans: NDArray[np.bool_]

    @property
    def postings(self) -> int:
        """Postings that a merge would keep."""
        return int(self.segment.spans["postings"][self.spans].sum())

    @property
    def wasteful(self) -> bool:
        """Whether so much of it is removed that rewriting it alone is worth the while."""
        return self.postings < (1 - _GONE) * len(self.segment.codes)


def due(kind: Kind, segments: Sequence[Live], *, most: int | None) -> list[Live]:
    """The segments to merge next, cheapest first; none where all is well or the result would pass `most` postings."""
    tiers: dict[int, list[Live]] = {}
    for live in segments:
        tiers.setdefault(_tier(live.postings), []).append(live)
    for _, tier in sorted(tiers.items()):
        chosen = _fitting(kind, tier) if len(tier) >= _FAN else [live for live in tier if live.wasteful][:1]
        if chosen and (most is None or sum(live.postings for live in chosen) <= most):
            return chosen
    return []


def merge(path: Path, kind: Kind, inputs: Sequence[Live]) -> None:
    """Write the live postings of `inputs` as one segment. Raises StaleIndex where an input is damaged."""
    for live in inputs:
        live.segment.verify()
    spans: Spans = np.concatenate([live.segment.spans[live.spans] for live in inputs])
    write_segment(path, kind, spans, _runs(kind, inputs))


def _tier(postings: int) -> int:
    tier = 0
    while postings >= _SMALLEST_TIER * _FAN**tier:
        tier += 1
    return tier


def _fitting(kind: Kind, tier: Sequence[Live]) -> list[Live]:
    """As many segments of a tier as one segment can name the ordinals of; none if that is less than two."""
    extents = np.cumsum([int(live.segment.spans["extent"][live.spans].sum()) for live in tier])
    fitting = [live for live, extent in zip(tier, extents, strict=True) if kind.fits(int(extent))]
    return fitting if len(fitting) > 1 else []


def _runs(kind: Kind, inputs: Sequence[Live]) -> Iterator[tuple[Codes, Places]]:
    """The live postings of all inputs by ascending code; of one code, those of earlier inputs first."""
    shifts = _shifts(inputs)
    for begins, ends in _slices(kind, inputs):
        parts = [
            _moved(live, slice(int(begin), int(end)), shift)
            for live, begin, end, shift in zip(inputs, begins, ends, shifts, strict=True)
        ]
        codes = np.concatenate([codes for codes, _ in parts])
        places = np.concatenate([places for _, places in parts])
        order = codes.argsort(kind="stable")  # merges the sorted runs it finds
        yield codes[order], places[order]


def _slices(kind: Kind, inputs: Sequence[Live]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Where to cut each input so that the pieces of one slice share a range of codes and fit into memory."""
    prefixes = np.arange(1 << _SLICES, dtype=np.int64)
    cuts = np.stack(
        [np.append(live.segment.runs(prefixes, _SLICES)[0], len(live.segment.codes)) for live in inputs], axis=1
    )
    totals = cuts.sum(axis=1)
    here = 0
    while here < len(prefixes):
        after = max(here + 1, int(totals.searchsorted(totals[here] + _AT_ONCE, "right")) - 1)
        yield cuts[here], cuts[after]
        here = after


def _shifts(inputs: Sequence[Live]) -> list[NDArray[np.int64]]:
    """For each span of each input, by how much its places move in the merged segment."""
    shifts = []
    taken = 0
    for live in inputs:
        extents = live.segment.spans["extent"]
        kept = np.where(live.spans, extents, 0)
        new = taken + np.cumsum(kept) - kept
        old = np.cumsum(extents) - extents
        shifts.append((new - old) << live.segment.kind.label_bits)
        taken += int(kept.sum())
    return shifts


def _moved(live: Live, piece: slice, shifts: NDArray[np.int64]) -> tuple[Codes, Places]:
    """A piece of one input without its removed spans, its places as the merged segment has them."""
    codes, places = live.segment.codes[piece], live.segment.places[piece]
    if live.spans.all():  # then every span moves by the same
        return codes, (places + np.int64(shifts[0] if len(shifts) else 0)).astype(np.uint32)
    spans = live.segment.span_of(places)
    kept = live.spans[spans]
    return codes[kept], (places[kept] + shifts[spans[kept]]).astype(np.uint32)
