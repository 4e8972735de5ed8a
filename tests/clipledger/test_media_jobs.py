"""Videos are worked on by whoever is there: asked for as soon as they wait, taken up again when a worker is killed."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clipledger import jobs, scheduler
from clipledger.database import DatabaseUrls, conninfo, create_engine
from clipledger.settings import Settings
from ledger.books import open_book
from media import leases
from media.clips import submit_clip
from media.places import Place
from media.sources import create_source
from media.tables import recordings
from tests.media.showing import cut, film

ROOT = Path(__file__).parents[2]

DIES_AFTER_ITS_FIRST_PART = """
import asyncio, sys, time
from clipledger import jobs
from clipledger.settings import Settings
from media import fingerprinting

whole = fingerprinting.fingerprint_source

def one_part_and_then_for_ever(path, *, first, progress):
    yield from whole(path, first=first)
    while True:
        progress(1.0)
        time.sleep(0.1)

fingerprinting.fingerprint_source = one_part_and_then_for_ever
asyncio.run(jobs.work(sys.argv[1], Settings.from_environment()))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"CLIPLEDGER_VAR": str(tmp_path / "var")})


@asynccontextmanager
async def running(urls: DatabaseUrls, settings: Settings) -> AsyncIterator[None]:
    """A worker and a scheduler."""
    parts = (jobs.work(urls.app, settings), scheduler.schedule(urls.app))
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def rows(urls: DatabaseUrls, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo(urls.owner)) as connection:
        return connection.execute(query).fetchall()


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(600):
        if await asyncio.to_thread(reached):
            return
        await asyncio.sleep(0.1)
    pytest.fail("waited for a minute in vain")


async def waiting(urls: DatabaseUrls, stream: Path, clip: Path | None = None) -> None:
    """A source that waits to be fingerprinted, and perhaps a clip that waits to be identified."""
    engine = create_engine(urls.app)
    async with engine.begin() as connection:
        book_id = (await open_book(connection, "linas-shop", "Lina's shop")).book_id
        await create_source(connection, book_id, "Stream", Place("file", str(stream)), created_by="test")
        if clip:
            await submit_clip(connection, book_id, "Clip", Place("file", str(clip)), submitted_by="test")
    await engine.dispose()


def states(urls: DatabaseUrls, table: str) -> list[Any]:
    return [state for (state,) in rows(urls, f"SELECT state FROM media.{table}")]


async def test_what_waits_is_asked_for_and_done(fresh_urls: DatabaseUrls, settings: Settings, tmp_path: Path) -> None:
    stream = film(tmp_path / "stream.mp4", seconds=6, seed=1)
    await waiting(fresh_urls, stream, cut(tmp_path / "clip.mp4", stream, start=1, seconds=4))
    async with running(fresh_urls, settings):
        await until(lambda: states(fresh_urls, "recordings") == ["ready"])
        await until(lambda: states(fresh_urls, "clips")[0] in {"identified", "unrecognised"})


async def test_what_a_killed_worker_had_is_taken_up_by_another(
    fresh_urls: DatabaseUrls, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting(fresh_urls, film(tmp_path / "stream.mp4", seconds=6, seed=2))
    async with jobs.create_queue(fresh_urls.app).open_async() as queue:
        await jobs.enqueue(queue, jobs.fingerprint_sources)
    program = [sys.executable, "-c", DIES_AFTER_ITS_FIRST_PART, fresh_urls.app]
    killed = await asyncio.create_subprocess_exec(*program, cwd=ROOT)
    try:
        await until(lambda: rows(fresh_urls, "SELECT count(*) FROM media.parts") == [(1,)])
        assert states(fresh_urls, "recordings") == ["working"]
    finally:
        killed.kill()
        await killed.wait()
    rows(fresh_urls, "UPDATE media.recordings SET leased_until = now() + interval '1 second' RETURNING 1")

    async with running(fresh_urls, settings):
        await until(lambda: states(fresh_urls, "recordings") == ["ready"])
    assert rows(fresh_urls, "SELECT attempts FROM media.recordings") == [(2,)]
    assert rows(fresh_urls, "SELECT count(*) FROM media.parts") == [(1,)]


async def test_a_lease_is_renewed_for_as_long_as_the_work_takes(
    fresh_urls: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=0.6))
    await waiting(fresh_urls, film(tmp_path / "stream.mp4", seconds=2, seed=3))
    engine = create_engine(fresh_urls.app)
    book_id = rows(fresh_urls, "SELECT book_id FROM ledger.books")[0][0]
    taken = await leases.take(engine, recordings, book_id)
    assert taken
    async with taken.kept():
        await asyncio.sleep(2)
        assert await leases.take(engine, recordings, book_id) is None
        rows(fresh_urls, "UPDATE media.recordings SET worker = gen_random_uuid() RETURNING 1")
        await until(taken.lost.is_set)
    await engine.dispose()


async def test_nothing_is_asked_for_while_nothing_waits(fresh_urls: DatabaseUrls, tmp_path: Path) -> None:
    """Who looks asks only for what there is to do, and once."""
    asked = "SELECT task_name FROM jobs.procrastinate_jobs"
    address = conninfo(fresh_urls.app)
    async with (
        await psycopg.AsyncConnection.connect(address, autocommit=True) as connection,
        jobs.create_queue(fresh_urls.app).open_async() as queue,
    ):
        await scheduler._look(connection, queue)
        assert rows(fresh_urls, asked) == []
        await waiting(fresh_urls, film(tmp_path / "stream.mp4", seconds=1, seed=4))
        for _ in range(2):
            await scheduler._look(connection, queue)
    assert rows(fresh_urls, asked) == [("fingerprint_sources",)]
