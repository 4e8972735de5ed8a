"""The library that is searched is a cache: it is what PostgreSQL holds at that moment, whatever became of its files."""

import asyncio
import shutil
import threading
from typing import Any

import psycopg
import pytest
from psycopg.errors import UniqueViolation

from clipledger.database import DatabaseUrls, conninfo
from media import catalogue
from media.catalogue import forget, library
from media.fingerprint import VERSION, fingerprint_clip
from media.identification import identify
from media.library import Library
from tests.media.studio import NewStudio, Studio


async def held(studio: Studio) -> set[tuple[int, int]]:
    async with library(studio.engine, studio.index, studio.book_id) as opened:
        return set(opened.parts())


async def held_of_every_book(studio: Studio) -> set[tuple[int, int]]:
    async with library(studio.engine, studio.index) as opened:
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


async def test_the_library_of_every_book_holds_what_each_book_holds(
    studio: Studio, new_studio: NewStudio, stream: bytes
) -> None:
    other = await new_studio()
    mine, theirs = await studio.source(stream), await other.source(stream)
    await studio.fingerprinted(mine)
    await other.fingerprinted(theirs)
    assert {(mine, 0), (theirs, 0)} <= await held_of_every_book(studio)
    assert await held(studio) == {(mine, 0)}
    await other.delete(f"sources/{theirs}")
    left = await held_of_every_book(studio)
    assert (mine, 0) in left
    assert (theirs, 0) not in left
    await forget(studio.index)
    assert await held_of_every_book(studio) == left


async def test_no_two_books_share_the_number_of_a_source(
    studio: Studio, new_studio: NewStudio, urls: DatabaseUrls
) -> None:
    other, source = await new_studio(), await studio.live_source()
    again = """
        INSERT INTO media.sources (book_id, source_id, title, live, created_by) OVERRIDING SYSTEM VALUE
        VALUES (%s, %s, 'The same number', true, 'test')
    """
    with psycopg.connect(conninfo(urls.owner)) as connection, pytest.raises(UniqueViolation, match="sources_number"):
        connection.execute(again, [other.book_id, source])


async def test_a_library_stays_as_it_was_opened_whatever_others_add(studio: Studio, stream: bytes) -> None:
    first, second = await studio.source(stream), await studio.source(stream)
    await studio.fingerprinted(first)
    path = studio.folder / f"{studio.book}.mp4"
    path.write_bytes(stream)
    clip = await asyncio.to_thread(fingerprint_clip, path)
    async with library(studio.engine, studio.index, studio.book_id) as opened:
        await studio.fingerprinted(second)
        assert await held(studio) == {(first, 0), (second, 0)}
        assert opened.parts() == {(first, 0)}
        assert {match.source for match in identify(clip, opened)} == {first}


async def test_who_is_told_to_stop_changes_nothing_after_others_may(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await studio.fingerprinted(await studio.source(stream))
    begun, go_on = threading.Event(), threading.Event()
    add = Library.add

    def add_when_told(*part: Any) -> None:
        begun.set()
        assert go_on.wait(20)
        add(*part)

    monkeypatch.setattr(Library, "add", add_when_told)
    stopped = asyncio.create_task(held(studio))
    await asyncio.to_thread(begun.wait, 20)
    stopped.cancel()
    after = asyncio.create_task(held(studio))
    await asyncio.sleep(0.2)
    assert not stopped.done()
    assert not after.done()
    go_on.set()
    assert await after == await kept(studio)
    assert stopped.cancelled()
