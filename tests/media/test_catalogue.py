"""The library that is searched is a cache: it is what PostgreSQL holds at that moment, whatever became of its files."""

import asyncio
import shutil

import pytest

from media import catalogue
from media.catalogue import forget, library
from media.fingerprint import VERSION
from tests.media.studio import Studio


async def held(studio: Studio) -> set[tuple[int, int]]:
    async with library(studio.engine, studio.index, studio.book_id) as opened:
        return set(opened.parts())


async def kept(studio: Studio) -> set[tuple[int, int]]:
    return {(source, first) for source, _, first in await studio.parts()}


async def test_what_is_fingerprinted_is_in_it_at_once_and_what_is_removed_is_not(studio: Studio, stream: bytes) -> None:
    assert await held(studio) == set()
    first, second = await studio.source(stream), await studio.source(stream)
    await studio.fingerprinted(first)
    assert await held(studio) == {(first, 0)}
    await studio.fingerprinted(second)
    assert await held(studio) == {(first, 0), (second, 0)}
    await studio.delete(f"sources/{first}")
    assert await held(studio) == {(second, 0)}


async def test_a_live_stream_is_in_it_as_far_as_it_was_recorded(studio: Studio, stream: bytes) -> None:
    source = await studio.live_source()
    for recordings in (1, 2):
        await studio.made(f"sources/{source}/recordings", {"upload": await studio.uploaded(stream)})
        await studio.fingerprinted(source)
        assert await held(studio) == await kept(studio)
        assert len(await held(studio)) == recordings


async def test_a_cache_that_is_gone_is_made_anew(studio: Studio, stream: bytes) -> None:
    await studio.fingerprinted(await studio.source(stream))
    before = await held(studio)
    await forget(studio.index, studio.book_id)
    assert not (studio.index / str(studio.book_id)).exists()
    assert await held(studio) == before
    shutil.rmtree(studio.index)
    assert await held(studio) == before


async def test_a_cache_that_is_damaged_is_made_anew(studio: Studio, stream: bytes) -> None:
    await studio.fingerprinted(await studio.source(stream))
    before = await held(studio)
    for file in (studio.index / str(studio.book_id)).rglob("*"):
        if file.is_file() and file.name != "version":
            file.write_bytes(b"torn")
    assert await held(studio) == before


async def test_a_cache_of_another_version_is_made_anew(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await studio.fingerprinted(await studio.source(stream))
    assert len(await held(studio)) == 1
    monkeypatch.setattr(catalogue, "VERSION", VERSION + 1)
    assert await held(studio) == set()


async def test_several_may_bring_it_up_to_date_at_once(studio: Studio, stream: bytes) -> None:
    for _ in range(2):
        await studio.fingerprinted(await studio.source(stream))
    found = await asyncio.gather(*(held(studio) for _ in range(3)))
    assert found == [await kept(studio)] * 3


async def test_what_is_missing_is_told_as_it_is_added(studio: Studio, stream: bytes) -> None:
    await studio.fingerprinted(await studio.source(stream))
    told: list[tuple[int, int]] = []
    async with library(studio.engine, studio.index, studio.book_id, lambda done, of: told.append((done, of))):
        pass
    assert told == [(0, 1)]
