"""Sources come, grow, go and come back, while others read."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media.index import HashPostings, Index, LandmarkPostings, merging
from media.index import index as index_module
from tests.media.index_streams import Part, add_all, all_of, contents, found_by_hash, parts, segment_files, sure


def test_an_empty_index_finds_nothing_and_holds_nothing(tmp_path: Path) -> None:
    index = Index.open(tmp_path / "new")

    assert contents(index) == set()
    assert index.sources() == set()
    assert index.file_bytes() == 0
    assert found_by_hash(index, Part(1, 0)) == set()


def test_a_part_is_found_as_soon_as_it_is_added(tmp_path: Path) -> None:
    index = Index.open(tmp_path)

    for part in parts(1, 6):
        assert found_by_hash(index, part) == set()
        assert part.add_to(index)
        assert found_by_hash(index, part) == all_of(part)


def test_what_was_added_is_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, parts(1, 2))
    index.close()

    assert contents(Index.open(tmp_path)) == {(1, 0), (1, 1)}


def test_a_closed_index_lets_go_of_its_files_and_finds_nothing(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, parts(1, 2))

    index.close()

    assert found_by_hash(index, Part(1, 0)) == set()


def test_a_part_that_is_there_already_is_not_added_twice(tmp_path: Path) -> None:
    first, second = Index.open(tmp_path), Index.open(tmp_path)
    assert Part(1, 0).add_to(first)

    assert not Part(1, 0).add_to(first)
    assert not Part(1, 0).add_to(second)
    assert contents(second) == {(1, 0)}


def test_a_part_without_pictures_or_sound_is_known_all_the_same(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    dark = HashPostings(np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.uint8))
    silent = LandmarkPostings(np.empty(0, np.uint32), np.empty(0, np.int64))

    for part in range(9):
        assert index.add(4, part, hashes=dark, landmarks=silent)
    index.compact()

    assert index.parts() == {(4, part) for part in range(9)}
    assert found_by_hash(index, Part(4, 0)) == set()


def test_a_removed_source_is_never_found_again_and_the_others_are(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, [*parts(1, 3), *parts(2, 7)])

    index.remove(1)

    assert contents(index) == {(2, part) for part in range(7)}
    assert found_by_hash(index, Part(1, 0), sources=[1]) == set()
    assert len(index.search_exact(Part(1, 0).hashes.hashes, radius=0)) == 0
    index.compact()
    assert contents(index) == {(2, part) for part in range(7)}


def test_removing_what_is_not_there_changes_nothing(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, parts(1, 2))
    before = (tmp_path / "manifest.json").read_bytes()

    index.remove(8)

    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_removed_source_may_come_back_with_other_parts(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, [*parts(1, 3), *parts(2, 3)])
    index.remove(1)

    add_all(index, [Part(1, 7)])

    assert contents(index) == {(1, 7), (2, 0), (2, 1), (2, 2)}
    index.compact()
    assert contents(index) == {(1, 7), (2, 0), (2, 1), (2, 2)}


def test_the_space_of_removed_sources_is_given_back(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, [*parts(1, 8), *parts(2, 1)])
    full = index.file_bytes()

    index.remove(1)
    index.compact()

    assert index.file_bytes() < full / 3
    index.remove(2)
    index.compact()
    assert segment_files(tmp_path) == 0


def test_many_small_additions_leave_few_segments(tmp_path: Path) -> None:
    index = Index.open(tmp_path)

    add_all(index, parts(1, 50))

    assert segment_files(tmp_path) <= 2 * 4


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiers and slices so small that a few parts pass through several of each."""
    monkeypatch.setattr(merging, "_SMALLEST_TIER", 130)
    monkeypatch.setattr(merging, "_AT_ONCE", 100)


@pytest.mark.usefixtures("small_steps")
def test_merging_through_several_tiers_loses_and_invents_nothing(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    expected = set()

    for part in [*parts(1, 20), *parts(2, 20)]:
        add_all(index, [part])
        expected.add((part.source, part.part))
        if part.part == 13:
            index.remove(part.source)
            expected -= {each for each in expected if each[0] == part.source}

    assert contents(index) == expected
    assert segment_files(tmp_path) <= 2 * 3 * 3


def test_an_add_leaves_a_large_merge_to_compact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "_WITH_AN_ADD", 300)
    index = Index.open(tmp_path)
    add_all(index, parts(1, 12))
    assert segment_files(tmp_path) == 2 * 12

    index.compact()

    assert segment_files(tmp_path) == 2
    assert contents(index) == {(1, part) for part in range(12)}


def test_segments_are_not_merged_beyond_what_a_place_can_name(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    for source in range(8):
        ends = np.array([0, 2**25], np.int64)  # four of these fit into one segment
        far_apart = HashPostings(np.array([source, source], np.uint64), ends, np.zeros(2, np.uint8))
        index.add(source, 0, hashes=far_apart, landmarks=Part(source, 0).landmarks)
    index.compact()

    for source in range(8):
        hashes = np.array([source], np.uint64)
        hits = index.search_hashes(hashes, sure(hashes), radius=0, probes=1)
        assert list(zip(hits.sources.tolist(), hits.pictures.tolist(), strict=True)) == [(source, 0), (source, 2**25)]


class AnyLife(RuleBasedStateMachine):
    """Whatever is done in whatever order by two processes, the index holds what a set would."""

    @initialize(folder=st.builds(TemporaryDirectory))
    def open(self, folder: "TemporaryDirectory[str]") -> None:
        self.folder = folder
        self.both = [Index.open(Path(folder.name)), Index.open(Path(folder.name))]
        self.expected: set[tuple[int, int]] = set()

    @rule(which=st.integers(0, 1), source=st.integers(1, 3), part=st.integers(0, 5))
    def add(self, which: int, source: int, part: int) -> None:
        new = Part(source, part).add_to(self.both[which])
        assert new == ((source, part) not in self.expected)
        self.expected.add((source, part))

    @rule(which=st.integers(0, 1), source=st.integers(1, 3))
    def remove(self, which: int, source: int) -> None:
        self.both[which].remove(source)
        self.expected = {each for each in self.expected if each[0] != source}

    @rule(which=st.integers(0, 1))
    def compact(self, which: int) -> None:
        self.both[which].compact()

    @invariant()
    def holds_what_it_should(self) -> None:
        for index in getattr(self, "both", []):
            index.refresh()
            assert contents(index) == self.expected

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
