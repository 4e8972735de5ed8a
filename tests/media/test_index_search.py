"""What a search finds, held against comparing everything with everything."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.index import HashPostings, Index, LandmarkPostings
from media.index.hashes import KEY_BITS
from media.index.probing import cheapest_flips
from tests.media.index_streams import (
    PICTURES,
    Part,
    Row,
    add_all,
    all_of,
    found_by_hash,
    hash_rows,
    landmark_rows,
    parts,
    sure,
)

STREAM = [*parts(1, 3), *parts(2, 9), *parts(2**40, 1)]
STORED = [(part, row) for part in STREAM for row in range(len(part.hashes.hashes))]
RADIUS = 10
NO_LANDMARKS = LandmarkPostings(np.empty(0, np.uint32), np.empty(0, np.int64))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    index = Index.open(tmp_path_factory.mktemp("index"))
    add_all(index, STREAM)
    yield index
    index.close()


def reversed_low_bits(hash_: int) -> int:
    return int(f"{hash_:064b}"[::-1][:KEY_BITS], 2)


def flipped(hash_: int, bits: set[int]) -> int:
    return hash_ ^ sum(1 << bit for bit in bits)


def with_confidence(hashes: list[int], seed: int) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    confidence = np.random.default_rng(seed).random((len(hashes), 64), np.float32)
    return np.array(hashes, np.uint64), confidence


def by_definition(hashes: NDArray[np.uint64], sources: set[int]) -> list[Row]:
    """Every posting of `sources` within the radius, as Python's own integers say."""
    rows = []
    for part, row in STORED:
        stored, picture, view = (int(array[row]) for array in vars(part.hashes).values())
        for query, hash_ in enumerate(hashes.tolist()):
            if part.source in sources and (distance := (stored ^ hash_).bit_count()) <= RADIUS:
                rows.append((query, part.source, picture, view, distance))
    return sorted(rows)


edits = st.lists(st.tuples(st.sampled_from(STORED), st.sets(st.integers(0, 63), max_size=14)), min_size=1, max_size=5)
some_sources = st.sets(st.sampled_from([1, 2, 2**40, 77]))


def edited(chosen: list[tuple[tuple[Part, int], set[int]]]) -> list[int]:
    return [flipped(int(part.hashes.hashes[row]), bits) for (part, row), bits in chosen]


@settings(max_examples=25, deadline=None)
@given(edits, some_sources)
def test_the_exact_search_finds_what_the_definition_says(
    index: Index, chosen: list[tuple[tuple[Part, int], set[int]]], sources: set[int]
) -> None:
    hashes = np.array(edited(chosen), np.uint64)

    assert hash_rows(index.search_exact(hashes, radius=RADIUS, sources=sources)) == by_definition(hashes, sources)


@settings(deadline=None)
@given(edits, st.integers(0, 2**32), st.sampled_from([1, 4, 16, 64]), some_sources | st.none())
def test_a_hash_is_found_exactly_if_its_key_is_probed_and_it_is_near(
    index: Index,
    chosen: list[tuple[tuple[Part, int], set[int]]],
    seed: int,
    probes: int,
    sources: set[int] | None,
) -> None:
    hashes, confidence = with_confidence(edited(chosen), seed)
    exact = hash_rows(index.search_exact(hashes, radius=RADIUS, sources=sources))
    probed = [
        {reversed_low_bits(hash_) ^ flip for flip in flips}
        for hash_, flips in zip(hashes.tolist(), cheapest_flips(confidence[:, :KEY_BITS], probes).tolist(), strict=True)
    ]
    key_of = {
        (part.source, int(part.hashes.pictures[row]), int(part.hashes.views[row])): reversed_low_bits(
            int(part.hashes.hashes[row])
        )
        for part, row in STORED
    }

    hits = index.search_hashes(hashes, confidence, radius=RADIUS, probes=probes, sources=sources)

    assert hash_rows(hits) == [row for row in exact if key_of[row[1], row[2], row[3]] in probed[row[0]]]


@settings(deadline=None)
@given(st.sampled_from(STORED), st.sets(st.integers(0, 4)), st.sets(st.integers(KEY_BITS, 63), max_size=5))
def test_a_hash_whose_key_differs_only_in_its_five_least_sure_bits_is_always_found(
    index: Index, stored: tuple[Part, int], unsure: set[int], elsewhere: set[int]
) -> None:
    part, row = stored
    hashes = np.array([flipped(int(part.hashes.hashes[row]), unsure | elsewhere)], np.uint64)
    confidence = np.where(np.arange(64) < 5, 0.1, 1.0).astype(np.float32)[None]

    hits = index.search_hashes(hashes, confidence, radius=RADIUS, probes=32)

    where = (part.source, int(part.hashes.pictures[row]), int(part.hashes.views[row]))
    assert (0, *where, len(unsure | elsewhere)) in hash_rows(hits)


def test_noise_that_flips_the_least_sure_bits_is_mostly_seen_through(index: Index) -> None:
    random = np.random.default_rng(4)
    stored = np.concatenate([part.hashes.hashes for part in STREAM])
    signs = np.unpackbits(stored.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little") * 2.0 - 1
    coefficients = np.abs(random.standard_normal(signs.shape)) * signs + 0.15 * random.standard_normal(signs.shape)
    hashes = np.packbits(coefficients > 0, axis=1, bitorder="little").view(np.uint64)[:, 0]
    confidence = np.abs(coefficients).astype(np.float32)

    exact = index.search_exact(hashes, radius=RADIUS)
    own_key_only = index.search_hashes(hashes, confidence, radius=RADIUS, probes=1)
    probed = index.search_hashes(hashes, confidence, radius=RADIUS, probes=32)

    assert len(exact) > 0.99 * len(stored)
    assert len(own_key_only) < 0.4 * len(exact)
    assert len(probed) > 0.9 * len(exact)


@pytest.mark.parametrize("key_bits", [8, 16, 22, 26])
def test_the_length_of_the_key_is_the_searchers_choice(index: Index, key_bits: int) -> None:
    part = STREAM[4]
    hashes = part.hashes.hashes

    hits = index.search_hashes(hashes, sure(hashes), radius=0, key_bits=key_bits, probes=1)

    assert {row[1:4] for row in hash_rows(hits)} == all_of(part)


def test_a_search_restricted_to_sources_answers_for_no_other(index: Index) -> None:
    assert found_by_hash(index, Part(1, 0), sources=[1, 2]) == all_of(Part(1, 0))
    assert found_by_hash(index, Part(1, 0), sources=[2]) == set()
    assert found_by_hash(index, Part(1, 0), sources=[]) == set()


def test_no_hashes_have_no_hits(index: Index) -> None:
    none = np.empty(0, np.uint64)

    assert len(index.search_hashes(none, np.empty((0, 64), np.float32), radius=RADIUS)) == 0
    assert len(index.search_exact(none, radius=RADIUS)) == 0
    assert len(index.search_landmarks(np.empty(0, np.uint32))) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2**10 - 1).map(lambda bits: bits << 13), max_size=20), some_sources | st.none())
def test_a_landmark_is_found_where_it_was_heard_and_nowhere_else(
    index: Index, heard: list[int], sources: set[int] | None
) -> None:
    expected = [
        (query, part.source, int(time))
        for part in STREAM
        for query, landmark in enumerate(heard)
        for time in part.landmarks.times[part.landmarks.hashes == landmark]
        if sources is None or part.source in sources
    ]

    hits = index.search_landmarks(np.array(heard, np.uint32), sources=sources)

    assert landmark_rows(hits) == sorted(expected)


def test_landmarks_that_share_a_bucket_are_told_apart_by_their_other_bits(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    landmarks = LandmarkPostings(np.array([5, 5 | 1 << 31, 5 | 1 << 22], np.uint32), np.array([10, 20, 30]))
    index.add(1, 0, hashes=Part(1, 0).hashes, landmarks=landmarks)

    hits = index.search_landmarks(np.array([5 | 1 << 22], np.uint32))

    assert landmark_rows(hits) == [(0, 1, 30)]


class TestAFullBucket:
    """A static screen: ten thousand times the same picture, in an older and a newer source."""

    HASH = np.uint64(0x0123456789ABCDEF)

    @pytest.fixture
    def full(self, tmp_path: Path) -> Index:
        index = Index.open(tmp_path)
        for source in (1, 2):
            still = np.full(5000, self.HASH), np.arange(5000), np.zeros(5000, np.uint8)
            index.add(source, 0, hashes=HashPostings(*still), landmarks=NO_LANDMARKS)
        return index

    def search(self, index: Index, cap: int, sources: list[int] | None = None) -> list[Row]:
        hashes = np.array([self.HASH])
        return hash_rows(index.search_hashes(hashes, sure(hashes), radius=0, probes=1, cap=cap, sources=sources))

    def test_is_thinned_evenly_over_sources_and_pictures(self, full: Index) -> None:
        rows = self.search(full, cap=1000)

        assert [(row[1], row[2]) for row in rows] == [(source, n * 10) for source in (1, 2) for n in range(500)]

    def test_gives_the_same_answer_each_time(self, full: Index) -> None:
        assert self.search(full, cap=77) == self.search(full, cap=77)

    def test_is_read_whole_below_the_cap(self, full: Index) -> None:
        assert len(self.search(full, cap=10_000)) == 10_000

    def test_of_other_sources_does_not_thin_that_of_the_source_asked_for(self, full: Index) -> None:
        assert len(self.search(full, cap=5000, sources=[2])) == 5000


def test_a_bucket_larger_than_what_is_compared_at_once_is_compared_whole(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    count = 200_000
    still = HashPostings(np.full(count, 7, np.uint64), np.arange(count), np.zeros(count, np.uint8))
    index.add(1, 0, hashes=still, landmarks=NO_LANDMARKS)
    hashes = np.array([7, 8, 7], np.uint64)

    hits = index.search_hashes(hashes, sure(hashes), radius=0, probes=1, cap=count)

    assert len(hits) == 2 * count
    assert set(hits.pictures.tolist()) == set(range(count))


@pytest.mark.parametrize(
    ("hashes", "pictures", "views", "rule"),
    [
        ([1, 2], [0], [0, 0], "a hash, a position and a label"),
        ([1], [0], [32], "labels are below 32"),
        ([1, 2], [0, 2**27], [0, 0], "do not fit into one part"),
    ],
    ids=["arrays of different lengths", "a view too many", "pictures too far apart"],
)
def test_what_cannot_be_packed_is_refused_and_nothing_is_added(
    tmp_path: Path, hashes: list[int], pictures: list[int], views: list[int], rule: str
) -> None:
    index = Index.open(tmp_path)
    wrong = HashPostings(np.array(hashes, np.uint64), np.array(pictures), np.array(views, np.uint8))

    with pytest.raises(ValueError, match=rule):
        index.add(1, 0, hashes=wrong, landmarks=NO_LANDMARKS)

    assert index.parts() == set()


def test_confidence_must_be_given_for_every_bit_of_every_hash(index: Index) -> None:
    with pytest.raises(ValueError, match="64"):
        index.search_hashes(np.zeros(2, np.uint64), np.ones((2, 32), np.float32), radius=3)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=12, unique=True), st.booleans())
def test_any_history_of_adds_finds_what_was_added(added: list[tuple[int, int]], compacted: bool) -> None:
    with TemporaryDirectory() as folder:
        index = Index.open(Path(folder))
        add_all(index, [Part(*each) for each in added])
        if compacted:
            index.compact()
        for part in [Part(*each) for each in added]:
            assert found_by_hash(index, part) == all_of(part)
        assert index.parts() == set(added)
        assert len(found_by_hash(index, Part(9, 9))) == 0


def test_the_last_picture_of_a_long_source_is_found_by_its_own_number(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, parts(5, 40))

    assert max(row[1] for row in found_by_hash(index, Part(5, 39))) == 40 * PICTURES - 1
