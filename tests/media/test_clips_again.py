"""A clip may come before the stream it shows: what was not recognised is looked at again when a source has come."""

import asyncio
from typing import Any

import pytest

from media import identifying, searching
from media.clips import look_again
from media.identifying import identify_due, identify_one
from media.leases import take
from media.searching import search
from media.tables import clips
from tests.media.studio import NewStudio, Studio


@pytest.fixture
def nothing_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "identify", lambda clip, library: [])


async def submitted(studio: Studio, content: bytes) -> int:
    return int((await studio.made("clips", {"title": "Red coat", "upload": await studio.uploaded(content)}))["clip_id"])


async def identified(studio: Studio, clip: int) -> Any:
    assert await identify_one(studio.engine, studio.storage, studio.index, studio.book_id, clip)
    return (await studio.read(f"clips/{clip}"))["state"]


async def state(studio: Studio, clip: int) -> Any:
    return (await studio.read(f"clips/{clip}"))["state"]


async def source_comes(studio: Studio) -> None:
    async with studio.engine.begin() as connection:
        await look_again(connection, studio.book_id)


async def test_a_clip_that_came_before_its_stream_is_found_when_the_stream_is_ready(
    studio: Studio, stream: bytes
) -> None:
    clip = await submitted(studio, stream)
    assert await identified(studio, clip) == "unrecognised"
    source = await studio.source(stream)
    assert await state(studio, clip) == "unrecognised"
    await studio.fingerprinted(source)
    assert await state(studio, clip) == "waiting"
    await identify_due(studio.engine, studio.storage, studio.index)
    assert await state(studio, clip) == "identified"
    found = await studio.read(f"clips/{clip}/matches")
    assert (found["run_no"], found["matches"][0]["source_id"]) == (2, source)


async def test_it_is_looked_at_again_once_for_each_recording(
    studio: Studio, stream: bytes, nothing_found: None
) -> None:
    clip, source = await submitted(studio, stream), await studio.live_source()
    await identified(studio, clip)
    for runs in (2, 3):
        await studio.made(f"sources/{source}/recordings", {"upload": await studio.uploaded(stream)})
        await studio.fingerprinted(source)
        assert await identified(studio, clip) == "unrecognised"
        assert not await identify_one(studio.engine, studio.storage, studio.index, studio.book_id, clip)
        assert (await studio.read(f"clips/{clip}/matches"))["run_no"] == runs


async def test_a_source_that_comes_while_a_clip_is_searched_for_is_not_missed(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, source = await submitted(studio, stream), await studio.source(stream)

    async def comes_too_late(*asked: Any) -> Any:
        found = await search(*asked)
        await studio.fingerprinted(source)
        return found

    monkeypatch.setattr(identifying, "search", comes_too_late)
    assert await identified(studio, clip) == "waiting"
    monkeypatch.undo()
    assert await identified(studio, clip) == "identified"


async def test_only_what_was_not_recognised_lately_and_in_this_book_is_due_again(
    studio: Studio, new_studio: NewStudio, stream: bytes, nothing_found: None
) -> None:
    other = await new_studio()
    old, young, known, broken, elsewhere = [
        await submitted(studio, stream),
        await submitted(studio, stream),
        await submitted(studio, stream),
        await submitted(studio, b"a letter"),
        await submitted(other, stream),
    ]
    await identify_due(studio.engine, studio.storage, studio.index)
    aged = "UPDATE media.clips SET submitted_at = now() - interval '{}' WHERE book_id = :book AND clip_id = {}"
    await studio.rows(aged.format("31 days", old))
    await studio.rows(aged.format("29 days", young))
    await studio.rows(f"UPDATE media.clips SET state = 'identified' WHERE book_id = :book AND clip_id = {known}")
    await source_comes(studio)
    states = [await state(studio, clip) for clip in (old, young, known, broken)]
    assert states == ["unrecognised", "waiting", "identified", "failed"]
    assert await state(other, elsewhere) == "unrecognised"


async def test_clips_that_nobody_has_looked_at_go_first(studio: Studio, stream: bytes, nothing_found: None) -> None:
    before = [await submitted(studio, stream) for _ in range(2)]
    await identify_due(studio.engine, studio.storage, studio.index)
    await source_comes(studio)
    new = await submitted(studio, stream)
    taken = [await take(studio.engine, clips, studio.book_id) for _ in range(3)]
    assert [lease.row.clip_id for lease in taken if lease] == [new, *before]


async def test_one_that_its_owner_wants_looked_at_again_waits_for_no_others(
    studio: Studio, stream: bytes, nothing_found: None
) -> None:
    first, wanted = [await submitted(studio, stream) for _ in range(2)]
    await identify_due(studio.engine, studio.storage, studio.index)
    assert (await studio.post(f"clips/{wanted}/identify")).status_code == 202
    await source_comes(studio)
    taken = [await take(studio.engine, clips, studio.book_id) for _ in range(2)]
    assert [lease.row.clip_id for lease in taken if lease] == [wanted, first]


async def test_sources_that_come_at_once_do_not_lock_each_other_out(
    studio: Studio, stream: bytes, nothing_found: None
) -> None:
    clip = await submitted(studio, stream)
    await identified(studio, clip)
    await asyncio.gather(*(source_comes(studio) for _ in range(4)))
    assert await state(studio, clip) == "waiting"
    assert await identified(studio, clip) == "unrecognised"
