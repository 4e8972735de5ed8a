"""Segments: immutable, memory-mapped files of postings sorted by code.

A **posting** is a code and a place. The code is a hash with its bits in reverse order: the lowest bit of the hash, the
one that varies least under edits, is the highest of the code, so that all hashes which agree in their k lowest bits,
for any k, are one run of the sorted file. The place packs a position (a picture number or a time) and a label (a
view) into 32 bits: `ordinal << label_bits | label`. Ordinals count through the file's **spans**, one for each part of a
source, so 32 bits do for thousands of sources.

    header | spans | offsets by the first OFFSET_BITS bits of the code | codes, ascending | places

The offsets turn the search for a run into two reads. They take 16 MiB, so a segment of few postings has none and is
searched by halving. Header, spans and offsets are checked when a segment is opened; codes and places, which may be
gigabytes, when it is merged or verified.
"""

import mmap
import struct
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from media.index.durable import written_whole
from media.index.errors import StaleIndex

Codes = NDArray[Any]  # uint64 or uint32, as the segment's kind says
Places = NDArray[np.uint32]
Spans = NDArray[np.void]

OFFSET_BITS = 22
PLACES = 1 << 32

_FEWEST_WITH_OFFSETS = 1 << 20  # postings; with fewer the offsets would be larger than what they lead to
_MAGIC = b"ClipIdx\x01"
_HEADER = struct.Struct("<8s16sQQQIII")  # magic, kind, spans, postings, offsets; checksums of codes, places, head
_ALIGNED = 64

SPAN = np.dtype(
    [
        ("source", "<i8"),
        ("part", "<i8"),  # the caller's name of this part of the source
        ("origin", "<i8"),  # the position that the span's first ordinal stands for
        ("extent", "<i8"),  # ordinals of the span, whether or not a posting uses them
        ("postings", "<i8"),
    ]
)


@dataclass(frozen=True)
class Kind:
    """What a segment's postings are: the type of a code, and how many bits of a place are its label."""

    name: str
    code: np.dtype[Any]
    label_bits: int

    @property
    def code_bits(self) -> int:
        """Bits of a code."""
        return self.code.itemsize * 8

    def fits(self, ordinals: int) -> bool:
        """Whether places of 32 bits can tell so many ordinals apart."""
        return ordinals << self.label_bits <= PLACES


@dataclass(frozen=True)
class _Layout:
    """Where each array of a file begins, in bytes; `end` is the length of the file."""

    spans: int
    offsets: int
    codes: int
    places: int
    end: int

    @classmethod
    def of(cls, kind: Kind, spans: int, postings: int, offsets: int) -> "_Layout":
        begins = [_ALIGNED * -(-_HEADER.size // _ALIGNED)]
        for size in (spans * SPAN.itemsize, offsets * 4, postings * kind.code.itemsize, postings * 4):
            begins.append(begins[-1] + _ALIGNED * -(-size // _ALIGNED))
        return cls(*begins)


class Segment:
    """One open segment. Its arrays are views of the mapped file and stay valid after the file's name is gone."""

    def __init__(self, path: Path, kind: Kind) -> None:
        """Map and check the file. Raises StaleIndex; FileNotFoundError where a merge has replaced it."""
        with path.open("rb") as file:
            data = _mapped(file, path)
        magic, name, spans, postings, offsets, self._codes_sum, self._places_sum, head_sum = _HEADER.unpack_from(data)
        if magic != _MAGIC or name.rstrip(b"\0") != kind.name.encode():
            raise StaleIndex(f"{path} is no segment of {kind.name} of this version")
        layout = _Layout.of(kind, spans, postings, offsets)
        if len(data) != layout.end:
            raise StaleIndex(f"{path} is {len(data)} bytes long instead of {layout.end}")
        self.path, self.kind, self.file_bytes = path, kind, layout.end
        self.spans: Spans = np.frombuffer(data, SPAN, spans, layout.spans)
        self.offsets = np.frombuffer(data, "<u4", offsets, layout.offsets)
        self.codes: Codes = np.frombuffer(data, kind.code, postings, layout.codes)
        self.places: Places = np.frombuffer(data, "<u4", postings, layout.places)
        if head_sum != _head_sum(data[: _HEADER.size - 4], self.spans, self.offsets):
            raise StaleIndex(f"{path} is damaged")
        self._starts = np.cumsum(self.spans["extent"]) - self.spans["extent"]

    def verify(self) -> None:
        """Read every posting once and raise StaleIndex where the file is not what was written."""
        if (_sum(self.codes), _sum(self.places)) != (self._codes_sum, self._places_sum):
            raise StaleIndex(f"{self.path} is damaged")

    def without(self, dropped: Collection[int]) -> NDArray[np.bool_]:
        """Which spans are of none of these sources."""
        return ~np.isin(self.spans["source"], list(dropped))

    def runs(self, prefixes: NDArray[Any], bits: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each prefix of `bits` bits, ascending: where the run of codes with it begins, and how long it is."""
        if bits <= OFFSET_BITS and len(self.offsets):
            coarse = prefixes.astype(np.int64) << (OFFSET_BITS - bits)
            begins = self.offsets[coarse].astype(np.int64)
            return begins, self.offsets[coarse + (1 << (OFFSET_BITS - bits))].astype(np.int64) - begins
        rest = self.kind.code_bits - bits
        lowest = prefixes.astype(self.kind.code) << self.kind.code.type(rest)
        highest = lowest | self.kind.code.type((1 << rest) - 1)
        begins = self.codes.searchsorted(lowest)
        return begins, self.codes.searchsorted(highest, "right") - begins

    def span_of(self, places: Places) -> NDArray[np.int64]:
        """The number of the span that each place lies in."""
        found: NDArray[np.int64] = self._starts.searchsorted(places >> np.uint32(self.kind.label_bits), "right") - 1
        return found

    def positions(self, places: Places, spans: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions that places stand for, given their spans."""
        ordinals = (places >> np.uint32(self.kind.label_bits)).astype(np.int64)
        found: NDArray[np.int64] = ordinals - self._starts[spans] + self.spans["origin"][spans]
        return found

    def labels(self, places: Places) -> NDArray[np.uint8]:
        """The labels that places carry."""
        return (places & np.uint32((1 << self.kind.label_bits) - 1)).astype(np.uint8)


def write_segment(path: Path, kind: Kind, spans: Spans, runs: Iterable[tuple[Codes, Places]]) -> None:
    """Write the postings of `spans`, which arrive in runs of ascending codes, each run above the one before."""
    postings = int(spans["postings"].sum())
    offsets = (1 << OFFSET_BITS) + 1 if postings >= _FEWEST_WITH_OFFSETS else 0
    layout = _Layout.of(kind, len(spans), postings, offsets)
    sums = [0, 0]
    counts = np.zeros(offsets, np.uint32)  # of the prefix before, so that their sums are the offsets
    written = 0
    with written_whole(path) as file:
        file.truncate(layout.end)
        for codes, places in runs:
            sums = [_sum(codes, sums[0]), _sum(places, sums[1])]
            _write(file, layout.codes + written * kind.code.itemsize, codes)
            _write(file, layout.places + written * 4, places)
            written += len(codes)
            if offsets:
                prefixes, those = np.unique(codes >> kind.code.type(kind.code_bits - OFFSET_BITS), return_counts=True)
                counts[prefixes.astype(np.int64) + 1] += those.astype(np.uint32)
        if written != postings:
            raise StaleIndex(f"{written} postings where the spans tell of {postings}")
        table = counts.cumsum(dtype=np.uint32)
        head = _HEADER.pack(_MAGIC, kind.name.encode(), len(spans), postings, offsets, *sums, 0)[:-4]
        _write(file, layout.spans, spans)
        _write(file, layout.offsets, table)
        _write(file, 0, head + struct.pack("<I", _head_sum(head, spans, table)))


def _mapped(file: BinaryIO, path: Path) -> mmap.mmap:
    try:
        data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except ValueError:  # an empty file cannot be mapped
        raise StaleIndex(f"{path} is empty") from None
    if len(data) < _HEADER.size:
        raise StaleIndex(f"{path} is shorter than a header")
    return data


def _write(file: BinaryIO, where: int, data: Any) -> None:
    file.seek(where)
    file.write(data)


def _head_sum(head: bytes, spans: Spans, offsets: NDArray[np.uint32]) -> int:
    return _sum(offsets, _sum(spans, zlib.crc32(head)))


def _sum(array: NDArray[Any], before: int = 0) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data, before)
