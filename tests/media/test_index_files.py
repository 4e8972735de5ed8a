"""Files that are not what the index wrote are told from those that are, and the caller can start anew."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from media.index import HashPostings, Index, LandmarkPostings, StaleIndex, discard
from media.index import segments as segments_module
from tests.media.index_streams import Part, add_all, all_of, contents, found_by_hash, parts

Damage = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    add_all(Index.open(tmp_path), parts(1, 2))
    return tmp_path


def overwrite(path: Path, where: int, with_: bytes) -> None:
    data = bytearray(path.read_bytes())
    where %= len(data)
    data[where : where + len(with_)] = with_
    path.write_bytes(data)


def exchange(folder: Path) -> None:
    """Give a segment of hashes the name of one of landmarks."""
    next(folder.glob("hashes-*")).replace(next(folder.glob("landmarks-*")))


def segment(folder: Path) -> Path:
    return min(folder.glob("*.segment"))


def manifest(folder: Path) -> Path:
    return folder / "manifest.json"


SEEN_WHEN_OPENED: dict[str, Damage] = {
    "a manifest of another program": lambda folder: manifest(folder).write_text('{"name": "something else"}'),
    "a manifest of another version": lambda folder: overwrite(manifest(folder), 17, b"9"),
    "a manifest that was cut off": lambda folder: manifest(folder).write_bytes(manifest(folder).read_bytes()[:-4]),
    "an empty manifest": lambda folder: manifest(folder).write_bytes(b""),
    "a manifest with a changed byte": lambda folder: overwrite(manifest(folder), -10, b"X"),
    "a segment that is not there": lambda folder: segment(folder).unlink(),
    "an empty segment": lambda folder: segment(folder).write_bytes(b""),
    "a segment shorter than its header": lambda folder: segment(folder).write_bytes(b"ClipIdx"),
    "a segment that was cut off": lambda folder: segment(folder).write_bytes(segment(folder).read_bytes()[:-64]),
    "a segment with more behind it": lambda folder: segment(folder).write_bytes(segment(folder).read_bytes() * 2),
    "a segment of another program": lambda folder: overwrite(segment(folder), 0, b"MP4"),
    "a segment of another version": lambda folder: overwrite(segment(folder), 7, b"\x7f"),
    "a segment of another kind": exchange,
    "a segment whose header tells of too much": lambda folder: overwrite(segment(folder), 30, b"\xff"),
    "a segment whose spans have changed": lambda folder: overwrite(segment(folder), 70, b"\xff"),
}


@pytest.mark.parametrize("name", SEEN_WHEN_OPENED)
def test_opening_what_was_not_written_so_is_refused(folder: Path, name: str) -> None:
    SEEN_WHEN_OPENED[name](folder)

    with pytest.raises(StaleIndex):
        Index.open(folder)


@pytest.mark.parametrize("name", SEEN_WHEN_OPENED)
def test_a_discarded_folder_is_an_empty_index_that_can_be_filled_again(folder: Path, name: str) -> None:
    SEEN_WHEN_OPENED[name](folder)

    discard(folder)

    index = Index.open(folder)
    assert contents(index) == set()
    add_all(index, parts(1, 3))
    assert contents(index) == {(1, 0), (1, 1), (1, 2)}


def test_a_changed_offset_is_seen_when_the_segment_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_module, "_FEWEST_WITH_OFFSETS", 1)
    add_all(Index.open(tmp_path), parts(1, 1))
    overwrite(segment(tmp_path), 1 << 20, b"\xff")

    with pytest.raises(StaleIndex):
        Index.open(tmp_path)


@pytest.mark.parametrize("where", [-70, -1000], ids=["among the places", "among the codes"])
def test_a_changed_posting_is_seen_by_verify(folder: Path, where: int) -> None:
    overwrite(segment(folder), where, b"\xa5\x5a\xa5")
    index = Index.open(folder)

    with pytest.raises(StaleIndex):
        index.verify()


def test_a_damaged_segment_is_not_merged_into_another(folder: Path) -> None:
    add_all(Index.open(folder), [Part(1, 2)])
    overwrite(segment(folder), -70, b"\xa5\x5a\xa5")
    index = Index.open(folder)

    with pytest.raises(StaleIndex):
        Part(1, 3).add_to(index)


def test_discarding_a_folder_that_is_not_there_makes_an_empty_index(tmp_path: Path) -> None:
    discard(tmp_path / "nowhere")

    assert contents(Index.open(tmp_path / "nowhere")) == set()


def test_a_reader_of_a_folder_that_was_discarded_finds_nothing_from_its_next_refresh(folder: Path) -> None:
    reader = Index.open(folder)
    discard(folder)
    assert found_by_hash(reader, Part(1, 0)) == all_of(Part(1, 0))

    reader.refresh()

    assert contents(reader) == set()


def test_what_is_found_does_not_depend_on_whether_a_segment_has_offsets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_all(Index.open(tmp_path / "without"), parts(1, 3))
    monkeypatch.setattr(segments_module, "_FEWEST_WITH_OFFSETS", 1)
    add_all(Index.open(tmp_path / "with"), parts(1, 3))

    assert Index.open(tmp_path / "with").file_bytes() > 6 << 24 > Index.open(tmp_path / "without").file_bytes()
    assert (
        contents(Index.open(tmp_path / "with"))
        == contents(Index.open(tmp_path / "without"))
        == {(1, 0), (1, 1), (1, 2)}
    )


def test_a_posting_takes_twelve_bytes_and_a_landmark_eight(tmp_path: Path) -> None:
    index = Index.open(tmp_path)
    count = 100_000
    random = np.random.default_rng(1)
    hashes = HashPostings(random.integers(0, 2**64, count, np.uint64), np.arange(count), np.zeros(count, np.uint8))
    landmarks = LandmarkPostings(random.integers(0, 2**22, count, np.uint32), np.arange(count))

    index.add(1, 0, hashes=hashes, landmarks=landmarks)

    assert index.file_bytes() < count * (12 + 8) + 1000
