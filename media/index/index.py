"""The index: a folder of segments that one writer at a time extends and any number of processes search."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.index import hashes as hash_search
from media.index import landmarks as landmark_search
from media.index.durable import UNFINISHED, delete, locked
from media.index.errors import StaleIndex
from media.index.hashes import HASHES, HashHits, HashPostings
from media.index.landmarks import LANDMARKS, LandmarkHits, LandmarkPostings
from media.index.manifest import Entry, Manifest, read_manifest, write_manifest
from media.index.merging import Live, due, merge
from media.index.postings import Packed
from media.index.segments import Kind, Segment, write_segment

_KINDS = {kind.name: kind for kind in (HASHES, LANDMARKS)}
_WRITING = "writing.lock"  # held while the manifest is changed
_MERGING = "merging.lock"  # held while segments are merged, which others may meanwhile add to and remove from
_SUFFIX = ".segment"
_WITH_AN_ADD = 1 << 22  # postings that an add merges at most, which bounds its time to about a second


@dataclass(frozen=True)
class _Snapshot:
    """One manifest with its segments open, in the same order."""

    manifest: Manifest
    segments: tuple[Live, ...]

    def of(self, kind: Kind, sources: Collection[int] | None = None) -> list[Live]:
        """The segments of a kind that hold anything of these sources (of any source if None), and only that of them."""
        found = [live for live in self.segments if live.segment.kind is kind]
        if sources is not None:
            wanted = list(sources)
            found = [Live(live.segment, live.spans & np.isin(live.segment.spans["source"], wanted)) for live in found]
        return [live for live in found if live.spans.any()]


class Index:
    """An open index. It answers from the state of its last `refresh`, add or remove, whatever others write meanwhile.

    May be shared by threads.
    """

    def __init__(self, folder: Path) -> None:
        """Use `open`."""
        self._folder = folder
        self._snapshot = _Snapshot((), ())

    @classmethod
    def open(cls, folder: Path) -> "Index":
        """Open the index in a folder, which is made if it is not there. Raises StaleIndex."""
        folder.mkdir(parents=True, exist_ok=True)
        index = cls(folder)
        index.refresh()
        return index

    def close(self) -> None:
        """Let go of the mapped files."""
        self._snapshot = _Snapshot((), ())

    def refresh(self) -> bool:
        """See what other processes have changed; False if nothing. Raises StaleIndex."""
        manifest = read_manifest(self._folder)
        if manifest == self._snapshot.manifest:
            return False
        opened = {live.segment.path.name: live.segment for live in self._snapshot.segments}
        while True:
            try:
                self._snapshot = _snapshot(self._folder, manifest, opened)
            except FileNotFoundError as missing:
                manifest, before = read_manifest(self._folder), manifest
                if manifest == before:  # then no merge has taken the file away
                    raise StaleIndex(str(missing)) from missing
            else:
                return True

    def add(self, source: int, part: int, *, hashes: HashPostings, landmarks: LandmarkPostings) -> bool:
        """Add one part of a source, at once and whole; False, and no change, if the source has this part already.

        `part` is the caller's name for it, such as the number of its first picture; a source grows by further parts.
        Raises ValueError for arrays that are no postings, StaleIndex.
        """
        new = [hashes.packed(source, part), landmarks.packed(source, part)]
        with locked(self._folder / _WRITING):
            self.refresh()
            if (source, part) in self.parts():
                return False
            entries = [self._write(packed) for packed in new]
            write_manifest(self._folder, (*self._snapshot.manifest, *entries))
        self.refresh()
        self._merge(most=_WITH_AN_ADD, wait=False)
        return True

    def remove(self, source: int) -> None:
        """Take a source out: no search that begins later finds it, here or in a process that has refreshed.

        It may be added again. The space is given back by later merges. Raises StaleIndex.
        """
        with locked(self._folder / _WRITING):
            self.refresh()
            kept = [
                _without(entry, source) if source in live.segment.spans["source"] else entry
                for entry, live in zip(self._snapshot.manifest, self._snapshot.segments, strict=True)
                if not _sources(live) <= {source}
            ]
            if tuple(kept) != self._snapshot.manifest:
                write_manifest(self._folder, tuple(kept))
        self.refresh()

    def compact(self) -> None:
        """Do every merge that is due, however large, and delete the files that no manifest names.

        Takes about a second for ten million postings; others may add, remove and search meanwhile. Raises StaleIndex.
        """
        while self._merge(most=None, wait=True):
            pass

    def verify(self) -> None:
        """Read every file to its end. Raises StaleIndex where one is not what was written."""
        for live in self._snapshot.segments:
            live.segment.verify()

    def parts(self) -> set[tuple[int, int]]:
        """Every (source, part) that can be found."""
        spans = [live.segment.spans[live.spans] for live in self._snapshot.of(HASHES)]
        return {pair for each in spans for pair in zip(each["source"].tolist(), each["part"].tolist(), strict=True)}

    def sources(self) -> set[int]:
        """Every source of which a part can be found."""
        return {source for source, _ in self.parts()}

    def file_bytes(self) -> int:
        """Bytes of the files that a search may touch."""
        return sum(live.segment.file_bytes for live in self._snapshot.segments)

    def search_hashes(
        self,
        hashes: NDArray[np.uint64],
        confidence: NDArray[np.float32],
        *,
        radius: int,
        sources: Collection[int] | None = None,
        key_bits: int = hash_search.KEY_BITS,
        probes: int = hash_search.PROBES,
        cap: int = hash_search.CAP,
    ) -> HashHits:
        """The postings within `radius` bits of a hash whose `key_bits` lowest bits are its own or nearly so.

        Args:
            hashes: the clip's, in any order.
            confidence: how sure each bit is, [hashes, 64], such as the absolute values of the DCT coefficients.
            radius: largest distance of a hit.
            sources: where to look; everywhere if None.
            key_bits: how many of the lowest bits make the key; at most 22 is fast.
            probes: keys looked up for each hash: its own, and those that flipping the least sure bits leads to, in the
                order of the summed confidence of the flipped bits.
            cap: a bucket that holds more postings is thinned evenly to at most so many.
        """
        segments = self._snapshot.of(HASHES, sources)
        return hash_search.search(
            segments, hashes, confidence, radius=radius, key_bits=key_bits, probes=probes, cap=cap
        )

    def search_exact(
        self, hashes: NDArray[np.uint64], *, radius: int, sources: Collection[int] | None = None
    ) -> HashHits:
        """Every posting within `radius`, by comparing all: about a nanosecond for each hash and posting."""
        return hash_search.search_exact(self._snapshot.of(HASHES, sources), hashes, radius=radius)

    def search_landmarks(
        self,
        hashes: NDArray[np.uint32],
        *,
        sources: Collection[int] | None = None,
        cap: int = landmark_search.CAP,
    ) -> LandmarkHits:
        """The postings that equal a landmark; a bucket that holds more than `cap` is thinned evenly."""
        return landmark_search.search(self._snapshot.of(LANDMARKS, sources), hashes, cap=cap)

    def _write(self, packed: Packed) -> Entry:
        name = _new_name(packed.kind)
        write_segment(self._folder / name, packed.kind, packed.spans, [(packed.codes, packed.places)])
        return Entry(name, packed.kind.name)

    def _merge(self, *, most: int | None, wait: bool) -> bool:
        """Merge what is due; False if that is nothing, or another process is at it."""
        with locked(self._folder / _MERGING, wait=wait) as mine:
            merged = False
            if mine:
                self.refresh()
                for kind in _KINDS.values():
                    merged |= self._merge_kind(kind, most)
                self._sweep()
        return merged

    def _merge_kind(self, kind: Kind, most: int | None) -> bool:
        inputs = due(kind, self._snapshot.of(kind), most=most)
        if not inputs:
            return False
        before = [entry for entry in self._snapshot.manifest if _among(entry, inputs)]
        name = _new_name(kind)
        merge(self._folder / name, kind, inputs)
        with locked(self._folder / _WRITING):
            write_manifest(self._folder, _replaced(read_manifest(self._folder), before, Entry(name, kind.name), inputs))
        return self.refresh()

    def _sweep(self) -> None:
        """Delete what a merge has replaced or a crash has left. The caller holds the merging lock."""
        with locked(self._folder / _WRITING):
            named = {entry.name for entry in read_manifest(self._folder)}
            for path in self._folder.iterdir():
                if path.name not in named and path.name.endswith((_SUFFIX, UNFINISHED)):
                    delete(path)


def discard(folder: Path) -> None:
    """Make whatever is in the folder an empty index of this version: what a StaleIndex asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / _WRITING):
        write_manifest(folder, ())
        for path in folder.iterdir():
            if path.name.endswith(_SUFFIX):
                delete(path)


def _snapshot(folder: Path, manifest: Manifest, opened: dict[str, Segment]) -> _Snapshot:
    segments = []
    for entry in manifest:
        if entry.kind not in _KINDS:
            raise StaleIndex(f"{entry.kind} are nothing that this version knows")
        segment = opened.get(entry.name) or Segment(folder / entry.name, _KINDS[entry.kind])
        segments.append(Live(segment, segment.without(entry.dropped)))
    return _Snapshot(manifest, tuple(segments))


def _new_name(kind: Kind) -> str:
    return f"{kind.name}-{secrets.token_hex(8)}{_SUFFIX}"


def _among(entry: Entry, inputs: Sequence[Live]) -> bool:
    return any(entry.name == live.segment.path.name for live in inputs)


def _without(entry: Entry, source: int) -> Entry:
    return Entry(entry.name, entry.kind, entry.dropped | {source})


def _replaced(now: Manifest, before: Sequence[Entry], merged: Entry, inputs: Sequence[Live]) -> Manifest:
    """The manifest with the merged segment in place of its inputs, which were as in `before` when the merge began.

    What was removed since then is in the merged segment still, so it is dropped from it. A removal takes its source out
    of every input, and an input of which nothing was left out of the manifest.
    """
    dropped_before = {entry.name: entry.dropped for entry in before}
    present = [entry for entry in now if entry.name in dropped_before]
    dropped = {source for entry in present for source in entry.dropped - dropped_before[entry.name]}
    for live in inputs:
        if all(entry.name != live.segment.path.name for entry in present):
            dropped |= _sources(live)
    if set().union(*map(_sources, inputs)) <= dropped:
        return tuple(entry for entry in now if entry not in present)
    result: list[Entry] = []
    for entry in now:
        if entry is present[0]:
            result.append(Entry(merged.name, merged.kind, frozenset(dropped)))
        elif entry not in present:
            result.append(entry)
    return tuple(result)


def _sources(live: Live) -> set[int]:
    return set(live.segment.spans["source"][live.spans].tolist())
