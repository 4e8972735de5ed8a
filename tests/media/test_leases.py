"""Workers share what is due: nothing is done twice, and nothing is lost with who did it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media import fingerprinting, leases
from media.fingerprint import fingerprint_source
from media.fingerprinting import fingerprint_due, fingerprint_one
from media.tables import recordings
from tests.media.studio import Studio


async def test_two_workers_share_what_is_due_and_do_nothing_twice(studio: Studio, stream: bytes) -> None:
    for _ in range(3):
        await studio.source(stream)
    await asyncio.gather(*(fingerprint_due(studio.engine, studio.storage) for _ in range(2)))
    states = await studio.rows("SELECT DISTINCT state, attempts FROM media.recordings WHERE book_id = :book")
    assert states == [("ready", 1)]


async def test_work_that_is_told_to_stop_is_given_back_and_keeps_its_parts(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await studio.source(stream)
    begun = asyncio.Event()

    def one_part_and_then_for_ever(path: Path, *, first: int, progress: Any) -> Iterator[Any]:
        yield from fingerprint_source(path, first=first)
        loop.call_soon_threadsafe(begun.set)
        while True:
            progress(4.0)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(fingerprinting, "fingerprint_source", one_part_and_then_for_ever)
    working = asyncio.create_task(fingerprint_one(studio.engine, studio.storage, studio.book_id, source))
    await asyncio.wait_for(begun.wait(), 20)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert (await studio.read(f"sources/{source}"))["state"] == "waiting"
    assert len(await studio.parts()) == 1
    assert await studio.rows("SELECT attempts, worker FROM media.recordings WHERE book_id = :book") == [(0, None)]

    monkeypatch.undo()
    assert (await studio.fingerprinted(source))["state"] == "ready"
    assert len(await studio.parts()) == 1


async def test_a_source_removed_while_it_is_fingerprinted_gets_no_more_parts(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await studio.source(stream)
    begun, go_on = asyncio.Event(), asyncio.Event()
    keep = fingerprinting._keep

    async def keep_later(*part: Any) -> None:
        begun.set()
        await go_on.wait()
        await keep(*part)

    monkeypatch.setattr(fingerprinting, "_keep", keep_later)
    working = asyncio.create_task(fingerprint_one(studio.engine, studio.storage, studio.book_id, source))
    await asyncio.wait_for(begun.wait(), 20)
    assert (await studio.delete(f"sources/{source}")).status_code == 204
    go_on.set()
    assert await working
    assert await studio.parts() == []


async def test_what_outlives_three_workers_is_given_up(studio: Studio, stream: bytes) -> None:
    source = await studio.source(stream)
    for _ in range(leases.MOST_ATTEMPTS):
        assert await leases.take(studio.engine, recordings, studio.book_id)
        await studio.rows("UPDATE media.recordings SET leased_until = now() WHERE book_id = :book")
    assert not await fingerprint_one(studio.engine, studio.storage, studio.book_id, source)
    done = await studio.read(f"sources/{source}")
    assert (done["state"], done["failure"]["code"]) == ("failed", "given-up")


async def test_a_fault_of_ours_is_told_and_keeps_no_other_source_from_its_turn(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = [await studio.source(stream) for _ in range(2)]
    start = fingerprinting._start

    async def start_one(lease: leases.Lease) -> float:
        if lease.row.source_id == broken:
            raise RuntimeError("a fault")
        return await start(lease)

    monkeypatch.setattr(fingerprinting, "_start", start_one)
    with pytest.raises(ExceptionGroup, match="broken off"):
        await fingerprint_due(studio.engine, studio.storage)
    assert (await studio.read(f"sources/{good}"))["state"] == "ready"
    assert (await studio.read(f"sources/{broken}"))["state"] == "fingerprinting", "it is due again when the lease ends"
