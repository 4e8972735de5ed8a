"""One index, many at it: readers, writers and merges in other threads and processes."""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from media.index import Index, discard
from media.index import index as index_module
from media.index.manifest import Manifest, read_manifest
from media.index.merging import Live, merge
from media.index.segments import Kind
from tests.media.index_streams import Part, add_all, all_of, contents, found_by_hash, parts, segment_files

ROOT = Path(__file__).parents[2]


def test_a_reader_sees_changes_when_it_refreshes(tmp_path: Path) -> None:
    writer, reader = Index.open(tmp_path), Index.open(tmp_path)
    add_all(writer, parts(1, 2))
    assert contents(reader) == set()

    assert reader.refresh()
    assert contents(reader) == {(1, 0), (1, 1)}
    assert not reader.refresh()

    writer.remove(1)
    assert reader.refresh()
    assert contents(reader) == set()


def test_a_reader_keeps_what_it_sees_while_its_files_are_merged_away(tmp_path: Path) -> None:
    writer, reader = Index.open(tmp_path), Index.open(tmp_path)
    add_all(writer, parts(1, 3))
    reader.refresh()

    add_all(writer, parts(2, 5))
    writer.remove(1)
    writer.compact()

    assert contents(reader) == {(1, 0), (1, 1), (1, 2)}


def test_a_reader_that_comes_late_to_a_merged_file_reads_the_manifest_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = Index.open(tmp_path), Index.open(tmp_path)
    add_all(writer, parts(1, 3))

    def read_and_fall_asleep(folder: Path) -> Manifest:
        monkeypatch.setattr(index_module, "read_manifest", read_manifest)
        manifest = read_manifest(folder)
        add_all(writer, [Part(1, 3)])  # the fourth: all four are merged, and the files of the three deleted
        return manifest

    monkeypatch.setattr(index_module, "read_manifest", read_and_fall_asleep)
    reader.refresh()

    assert contents(reader) == {(1, part) for part in range(4)}


def during_the_next_merge(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let `act` happen when the merged file is written and the manifest does not yet name it."""

    def merge_and_act(path: Path, kind: Kind, inputs: Sequence[Live]) -> None:
        monkeypatch.setattr(index_module, "merge", merge)
        merge(path, kind, inputs)
        act()

    monkeypatch.setattr(index_module, "merge", merge_and_act)


def test_a_source_removed_while_it_is_merged_stays_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merger, other = Index.open(tmp_path), Index.open(tmp_path)
    add_all(merger, [Part(1, 0), Part(2, 0), Part(2, 1)])
    during_the_next_merge(monkeypatch, lambda: other.remove(1))

    Part(1, 1).add_to(merger)

    assert contents(merger) == {(2, 0), (2, 1)}


def test_a_source_removed_and_added_again_while_it_is_merged_has_only_its_new_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merger, other = Index.open(tmp_path), Index.open(tmp_path)
    add_all(merger, [Part(1, 0), Part(2, 0), Part(2, 1)])

    def remove_and_add() -> None:
        other.remove(1)
        add_all(other, [Part(1, 9)])

    during_the_next_merge(monkeypatch, remove_and_add)

    Part(1, 1).add_to(merger)

    assert contents(merger) == {(1, 9), (2, 0), (2, 1)}


def test_a_merge_of_what_is_removed_meanwhile_comes_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merger, other = Index.open(tmp_path), Index.open(tmp_path)
    add_all(merger, parts(1, 3))
    during_the_next_merge(monkeypatch, lambda: other.remove(1))

    Part(1, 3).add_to(merger)

    assert contents(merger) == set()
    assert segment_files(tmp_path) == 0


def test_a_merge_in_a_folder_that_is_discarded_meanwhile_brings_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merger = Index.open(tmp_path)
    add_all(merger, parts(1, 3))
    during_the_next_merge(monkeypatch, lambda: discard(tmp_path))

    Part(1, 3).add_to(merger)

    assert contents(Index.open(tmp_path)) == set()


def test_others_add_while_a_merge_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    merger, other = Index.open(tmp_path), Index.open(tmp_path)
    add_all(merger, parts(1, 3))
    during_the_next_merge(monkeypatch, lambda: add_all(other, parts(2, 5)))

    add_all(merger, [Part(1, 3)])

    assert contents(merger) == {(1, 0), (1, 1), (1, 2), (1, 3), *((2, part) for part in range(5))}


WRITER = """
import sys
from pathlib import Path
from media.index import Index
from tests.media.index_streams import Part
index = Index.open(Path(sys.argv[1]))
for part in range(12):
    Part(int(sys.argv[2]), part).add_to(index)
"""


def test_processes_that_write_at_once_wait_for_each_other_and_readers_see_whole_parts(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(source)], cwd=ROOT) for source in (1, 2)
    ]
    reader = Index.open(tmp_path)
    seen: set[tuple[int, int]] = set()
    while any(writer.poll() is None for writer in writers):
        reader.refresh()
        now = contents(reader)
        assert seen <= now
        seen = now
    reader.refresh()

    assert [writer.returncode for writer in writers] == [0, 0]
    assert contents(reader) == {(source, part) for source in (1, 2) for part in range(12)}


def test_threads_may_share_an_index(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    add_all(index, parts(1, 2))
    done = threading.Event()
    wrong: list[set[tuple[int, ...]]] = []

    def search() -> None:
        while not done.is_set():
            if (found := found_by_hash(index, Part(1, 1))) != all_of(Part(1, 1)):
                wrong.append(found)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        add_all(index, parts(2, 10))
        index.remove(2)
        index.compact()
    finally:
        done.set()
        for thread in threads:
            thread.join()

    assert wrong == []
