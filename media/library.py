"""The sources of a host as identification reads them: a folder, made from the fingerprints that PostgreSQL keeps.

Each part of each source is a file, from which pictures are taken to verify a guess with, and rows of the index, in
which guesses are found. The folder is a cache: where it is lost or damaged, it is made again from the fingerprints.
"""

import os
from bisect import bisect_right
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray

from media.fingerprint import CLIP_RATE, HASHED_EVERY, SOURCE_RATE, ClipFingerprint, SourceFingerprint
from media.index import HashPostings, Index, LandmarkPostings
from media.landmarks import pair
from media.thumbnails import COLUMNS, ROWS, Thumbnails
from media.views import family_of_source_views
from media.voting import Hits

_RADIUS = 10
"""Bits in which look-alikes may differ."""
_LOOKED_UP = CLIP_RATE // 4
"""Every third picture of a clip is looked up: four a second, of which one is at most 1/8 second from a source's."""
_PROBES = 32
_IN_A_BUCKET = 64
_BYTES_A_HASH = 18
"""Of the index's files, the landmarks of the same seconds included."""
_FEWEST_KEY_BITS, _MOST_KEY_BITS = 8, 22
_FAN = 3
_OPEN_PARTS = 64


class Library:
    """An open folder; `sources` restricts what is searched, None means all of it."""

    def __init__(self, folder: Path, index: Index, sources: Collection[int] | None = None) -> None:
        """Use `open`."""
        self._folder, self._index, self._sources = folder, index, sources
        self._part = lru_cache(_OPEN_PARTS)(self._read)
        self._look()

    @classmethod
    def open(cls, folder: Path, sources: Collection[int] | None = None) -> "Library":
        """Open a folder, which is made if it is not there. Raises StaleIndex where it has to be made anew."""
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        return cls(folder, Index.open(folder / "index"), sources)

    def close(self) -> None:
        """Let go of the files."""
        self._index.close()
        self._part.cache_clear()

    def parts(self) -> set[tuple[int, int]]:
        """Every source and number of the first picture of a part that can be found."""
        return self._index.parts()

    def add(self, source: int, part: SourceFingerprint) -> None:
        """Make a part of a source searchable at once; adding it again changes nothing."""
        path = self._path(source, part.first)
        with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as file:
            file.write(part.to_bytes())
            file.flush()
            os.fsync(file.fileno())  # the index, which is written next, must not outlive it
        Path(file.name).replace(path)
        picture, view = np.nonzero(part.telling)
        landmarks = pair(part.peaks, fan=_FAN)
        self._index.add(
            source,
            part.first,
            hashes=HashPostings(
                part.hashes[picture, view],
                part.first + picture * HASHED_EVERY,
                view.astype(np.uint8),
            ),
            landmarks=LandmarkPostings(landmarks.keys, landmarks.ticks.astype(np.int64)),
        )
        self._look()

    def remove(self, source: int) -> None:
        """From here on the source matches nothing."""
        self._index.remove(source)
        for path in (self._folder / "parts").glob(f"{source}-*.fingerprint"):
            path.unlink(missing_ok=True)
        self._look()

    def compact(self) -> None:
        """Do the large merges that keep searches fast."""
        self._index.compact()

    def file_bytes(self) -> int:
        """Bytes of the files that a search may touch."""
        return self._index.file_bytes()

    def look_alikes(self, clip: ClipFingerprint) -> Hits:
        """The sources' moments whose hashes are near those of the clip, or of its mirror image."""
        picture, view = np.nonzero(clip.telling[::_LOOKED_UP])
        picture *= _LOOKED_UP
        asked = np.concatenate([clip.hashes[picture, view], clip.mirrored_hashes[picture, view]])
        sure = np.tile(clip.confidences[picture, view], (2, 1))
        found = self._index.search_hashes(
            asked, sure, radius=_RADIUS, sources=self._sources, key_bits=self._key_bits(), probes=_PROBES
        )
        number = found.queries % max(1, len(picture))
        families = np.array([each.family for each in clip.views], np.int64)
        alike = families[view[number]] == family_of_source_views(found.views)
        return Hits(
            clip_time=picture[number] / CLIP_RATE,
            clip_view=view[number],
            mirrored=found.queries >= len(picture),
            source=found.sources,
            source_time=found.pictures / SOURCE_RATE,
            source_view=found.views.astype(np.int64),
            distance=found.distances.astype(np.int64),
        ).where(alike)

    def _key_bits(self) -> int:
        """So many that a bucket holds about _IN_A_BUCKET hashes: the fewer sources, the nearer to an exact search."""
        hashes = self._index.file_bytes() / _BYTES_A_HASH
        return int(np.clip(np.log2(hashes / _IN_A_BUCKET + 1), _FEWEST_KEY_BITS, _MOST_KEY_BITS))

    def landmarks(self, keys: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """As `media.hearing.Lookup`."""
        found = self._index.search_landmarks(keys, sources=self._sources)
        return found.queries.astype(np.int64), found.sources, found.times.astype(np.float32)

    def part_at(self, source: int, seconds: float) -> SourceFingerprint:
        """The part of the source at that time; the nearest one where it has none."""
        firsts = self._firsts[source]
        return self._part(source, firsts[max(0, bisect_right(firsts, seconds * SOURCE_RATE) - 1)])

    def pictures(self, source: int, start: int, stop: int) -> tuple[int, Thumbnails]:
        """The number of the first picture, and what there is in a row from `start` to before `stop`."""
        found: list[Thumbnails] = []
        begin = end = start
        for part in self._parts_between(source, start, stop):
            low, high = max(start, part.first), min(stop, part.end)
            if low >= high or (found and low != end):
                continue
            begin, end = (begin if found else low), high
            found.append(part.pictures(low, high))
        return begin, np.concatenate(found) if found else np.zeros((0, ROWS, COLUMNS), np.uint8)

    def _parts_between(self, source: int, start: int, stop: int) -> list[SourceFingerprint]:
        firsts = self._firsts[source]
        begin = max(0, bisect_right(firsts, start) - 1)
        return [self._part(source, first) for first in firsts[begin:] if first < stop]

    def _look(self) -> None:
        """Know the parts that the index knows: adding and removing shows what other processes did, too."""
        self._firsts: dict[int, list[int]] = {}
        for source, first in sorted(self._index.parts()):
            self._firsts.setdefault(source, []).append(first)
        self._part.cache_clear()

    def _read(self, source: int, first: int) -> SourceFingerprint:
        return SourceFingerprint.from_bytes(self._path(source, first).read_bytes())

    def _path(self, source: int, first: int) -> Path:
        return self._folder / "parts" / f"{source}-{first}.fingerprint"
