"""Streams as the index sees them: hashes of random pictures, landmarks of random sounds, and clips that repeat them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from media.index import HashHits, HashPostings, Index, LandmarkHits, LandmarkPostings

VIEWS = 4
PICTURES = 30  # of one part

Row = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """One part of a source, made from nothing but its numbers."""

    source: int
    part: int

    @property
    def _random(self) -> np.random.Generator:
        return np.random.default_rng([self.source, self.part])

    @cached_property
    def hashes(self) -> HashPostings:
        count = PICTURES * VIEWS
        pictures = self.part * PICTURES + np.arange(count) // VIEWS
        views = (np.arange(count) % VIEWS).astype(np.uint8)
        return HashPostings(self._random.integers(0, 2**64, count, dtype=np.uint64), pictures, views)

    @cached_property
    def landmarks(self) -> LandmarkPostings:
        # Ten bits only, so that sources share them; in the highest of those that vary, beyond the bucket's.
        hashes = self._random.integers(0, 2**10, 200, dtype=np.uint32) << np.uint32(13)
        return LandmarkPostings(hashes, self.part * 1000 + np.arange(200) * 5)

    def add_to(self, index: Index) -> bool:
        return index.add(self.source, self.part, hashes=self.hashes, landmarks=self.landmarks)


def parts(source: int, count: int) -> list[Part]:
    return [Part(source, part) for part in range(count)]


def add_all(index: Index, new: Iterable[Part]) -> None:
    for part in new:
        assert part.add_to(index)


def segment_files(folder: Path) -> int:
    return len(list(folder.glob("*.segment")))


def sure(hashes: NDArray[np.uint64]) -> NDArray[np.float32]:
    """All bits of all hashes equally sure."""
    return np.ones((len(hashes), 64), np.float32)


def hash_rows(hits: HashHits) -> list[Row]:
    return sorted(zip(*(column.tolist() for column in vars(hits).values()), strict=True))


def landmark_rows(hits: LandmarkHits) -> list[Row]:
    return sorted(zip(*(column.tolist() for column in vars(hits).values()), strict=True))


def found_by_hash(index: Index, part: Part, *, sources: list[int] | None = None) -> set[Row]:
    """(source, picture, view) of what equals the part's own hashes."""
    hashes = part.hashes.hashes
    hits = index.search_hashes(hashes, sure(hashes), radius=0, probes=1, sources=sources)
    return {row[1:4] for row in hash_rows(hits)}


def all_of(part: Part) -> set[Row]:
    """(source, picture, view) of everything in the part."""
    hashes = part.hashes
    return {(part.source, *row) for row in zip(hashes.pictures.tolist(), hashes.views.tolist(), strict=True)}


def contents(index: Index) -> set[tuple[int, int]]:
    """The parts that the index holds, after proving that it finds all of each by picture and by sound, and no more."""
    index.verify()
    held = index.parts()
    for part in [Part(*each) for each in held]:
        assert found_by_hash(index, part) == all_of(part)
    everything = index.search_landmarks(np.arange(2**10, dtype=np.uint32) << np.uint32(13))
    times = [(row[1], row[2]) for row in landmark_rows(everything)]
    assert sorted(times) == sorted((s, int(t)) for s, p in held for t in Part(s, p).landmarks.times)
    return held
