"""A search bears with what others do to the library's files meanwhile."""

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from media import searching
from media.catalogue import folder_of, library
from media.fingerprint import ClipFingerprint, fingerprint_clip
from media.identification import identify
from media.searching import search
from tests.media.studio import Studio


async def clip_of(studio: Studio, stream: bytes) -> ClipFingerprint:
    path = studio.folder / f"{studio.book}.mp4"
    path.write_bytes(stream)
    return await asyncio.to_thread(fingerprint_clip, path)


@pytest.fixture
def before_the_first_search(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Let something happen after the library is opened and before it is searched, the first time."""

    def happens(what: Callable[[], Any]) -> None:
        coming = [what]

        def later(*asked: Any) -> Any:
            while coming:
                coming.pop()()
            return identify(*asked)

        monkeypatch.setattr(searching, "identify", later)

    return happens


async def test_a_library_whose_files_are_gone_is_made_anew(
    studio: Studio, stream: bytes, before_the_first_search: Callable[[Callable[[], Any]], None]
) -> None:
    source = await studio.source(stream)
    await studio.fingerprinted(source)
    parts = folder_of(studio.index, studio.book_id) / "parts"
    before_the_first_search(lambda: shutil.rmtree(parts))
    found, searched = await search(studio.engine, studio.index, await clip_of(studio, stream), studio.book_id)
    assert ({match.source for match in found}, searched) == ({source}, 1)
    assert list(parts.iterdir())


async def test_a_source_that_another_process_removes_meanwhile_is_not_found(
    studio: Studio, stream: bytes, before_the_first_search: Callable[[Callable[[], Any]], None]
) -> None:
    source, loop = await studio.source(stream), asyncio.get_running_loop()
    await studio.fingerprinted(source)

    async def removed() -> None:
        await studio.delete(f"sources/{source}")
        async with library(studio.engine, studio.index, studio.book_id):
            pass

    before_the_first_search(lambda: asyncio.run_coroutine_threadsafe(removed(), loop).result(20))
    found, searched = await search(studio.engine, studio.index, await clip_of(studio, stream), studio.book_id)
    assert (found, searched) == ([], 0)
