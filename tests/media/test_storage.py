"""Bytes rest in a folder or in a bucket, and whoever reads them gets a file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.errors import VideoFileNotFound
from media.places import Place
from media.storage import Storage


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A folder with an awkward name; and a store in memory, which like a bucket has no files to give."""
    return Storage("memory:///" if request.param == "bucket" else (tmp_path / "a b" / "媒体").as_uri())


async def content(storage: Storage, key: str) -> bytes:
    async with storage.local(Place("object", key)) as path:
        return path.read_bytes()


async def test_what_is_put_is_read_as_a_file(storage: Storage) -> None:
    await storage.put("books/1/clip", b"frames")
    assert await content(storage, "books/1/clip") == b"frames"
    assert await storage.size("books/1/clip") == 6


async def test_what_comes_in_blocks_is_one_object(storage: Storage) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for block in (b"ab", b"c" * 7_000_000, b"d"):
            yield block

    await storage.put("streamed", blocks())
    assert await content(storage, "streamed") == b"ab" + b"c" * 7_000_000 + b"d"


async def test_pieces_are_joined_in_their_order(storage: Storage) -> None:
    for key, piece in (("p/2", b"second"), ("p/1", b"first")):
        await storage.put(key, piece)
    await storage.join(["p/1", "p/2"], "whole")
    assert await content(storage, "whole") == b"firstsecond"


async def test_what_breaks_off_leaves_no_object(storage: Storage) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"c" * 7_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await storage.put("broken", breaking())
    with pytest.raises(VideoFileNotFound):
        await storage.size("broken")


async def test_what_was_deleted_is_not_there_and_may_be_deleted_again(storage: Storage) -> None:
    await storage.put("gone", b"x")
    for _ in range(2):
        await storage.delete(["gone", "never-there"])
    with pytest.raises(VideoFileNotFound):
        await content(storage, "gone")


async def test_a_copy_that_was_fetched_is_removed_whatever_happens() -> None:
    bucket = Storage("memory:///")
    await bucket.put("video", b"frames")
    seen: list[Path] = []

    async def read_and_fail() -> None:
        async with bucket.local(Place("object", "video")) as path:
            seen.extend([path, path.parent])
            raise RuntimeError(path.read_bytes())

    with pytest.raises(RuntimeError, match="frames"):
        await read_and_fail()
    assert [path.exists() for path in seen] == [False, False]
