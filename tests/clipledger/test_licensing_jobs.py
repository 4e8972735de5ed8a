"""Submitted clips go their way by themselves, and what is due in one book doesn't wait for another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from procrastinate import JobContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import jobs
from clipledger.database import DatabaseUrls, create_engine
from clipledger.settings import Settings
from licensing.states import By
from licensing.submissions import ClipAbout, submit
from media.places import Place
from media.sources import create_source
from media.storage import Storage
from media.uploads import append, create_upload
from tests.clipledger.test_jobs import change
from tests.clipledger.test_media_jobs import rows, running, until
from tests.licensing.house import LONG_AGO, Granted, NewGrant, NewHost, NewOffer
from tests.media.showing import cut, film

HOST = By("host", "test")


@pytest.fixture
async def app_engine(fresh_urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """Of a database in which a worker finds nothing of other tests."""
    engine = create_engine(fresh_urls.app)
    yield engine
    await engine.dispose()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"CLIPLEDGER_VAR": str(tmp_path / "var")})


async def submitted(engine: AsyncEngine, settings: Settings, grant: Granted, clip: Path) -> None:
    """A clip's bytes, uploaded and handed in by the host."""

    async def content() -> AsyncIterator[bytes]:
        yield held

    held = await asyncio.to_thread(clip.read_bytes)
    async with engine.begin() as connection:
        upload = await create_upload(connection, grant.book_id, len(held), created_by="test")
    await append(engine, Storage(settings.media_storage), (grant.book_id, upload.upload_id), 0, content())
    async with engine.begin() as connection:
        about = ClipAbout(title="Clip", caption="#ad")
        await submit(connection, grant.book_id, grant.grant_id, upload.upload_id, about, by=HOST)


async def test_a_submitted_clip_is_recognised_and_looked_for_without_anybody_asking(
    fresh_urls: DatabaseUrls,
    app_engine: AsyncEngine,
    settings: Settings,
    tmp_path: Path,
    new_host: NewHost,
    new_grant: NewGrant,
) -> None:
    ours, theirs = await new_host(), await new_host()
    grant = await new_grant(ours)
    clips = []
    for host, seed in ((ours, 1), (theirs, 2)):
        shown = await asyncio.to_thread(film, tmp_path / f"{seed}.mp4", seconds=12, seed=seed)
        clips.append(await asyncio.to_thread(cut, tmp_path / f"clip-{seed}.mp4", shown, start=2, seconds=8))
        async with app_engine.begin() as connection:
            await create_source(connection, host.book_id, "Stream", Place("file", str(shown)), created_by="test")
    async with running(fresh_urls, settings):
        await until(lambda: rows(fresh_urls, "SELECT DISTINCT state FROM media.recordings") == [("ready",)])
        for clip in clips:
            await submitted(app_engine, settings, grant, clip)
        traced = "SELECT sightings FROM licensing.submissions ORDER BY submission_id"
        await until(lambda: rows(fresh_urls, traced) == [(0,), (1,)])
        moving = "SELECT FROM licensing.submissions WHERE state NOT IN ('identified', 'unrecognised')"
        await until(lambda: rows(fresh_urls, moving) == [])
    cases = rows(fresh_urls, "SELECT book_id, state FROM licensing.cases")
    assert cases == [(theirs.book_id, "open")], "who else's stream it shows has a case"


async def test_cases_are_concluded_in_every_book_though_it_fails_in_one(
    fresh_urls: DatabaseUrls, app_engine: AsyncEngine, new_host: NewHost
) -> None:
    books = [(await new_host()).book_id for _ in range(3)]
    for book_id in books:
        await case_looked_for(app_engine, book_id)
    change(fresh_urls, f"ALTER TABLE licensing.events ADD CHECK (book_id <> {books[1]})")
    with pytest.raises(ExceptionGroup) as failed:
        await jobs.conclude_cases(context(app_engine))
    assert [note for each in failed.value.exceptions for note in each.__notes__] == [f"book {books[1]}, advance_cases"]
    assert await states(app_engine, "cases") == ["cleared", "looking", "cleared"]


async def test_what_the_clock_ends_ends_in_every_book_though_it_fails_in_one(
    fresh_urls: DatabaseUrls, app_engine: AsyncEngine, new_host: NewHost, new_offer: NewOffer, new_grant: NewGrant
) -> None:
    hosts = [await new_host() for _ in range(3)]
    for host in hosts:
        await new_grant(host, ends_at=LONG_AGO.replace(day=2))
    change(fresh_urls, f"ALTER TABLE licensing.events ADD CHECK (book_id <> {hosts[1].book_id})")
    with pytest.raises(ExceptionGroup):
        await jobs.apply_dates(context(app_engine))
    assert await states(app_engine, "grants") == ["expired", "active", "expired"]


async def case_looked_for(engine: AsyncEngine, book_id: int) -> None:
    """A case whose video shows nothing."""
    statement = """
        WITH clip AS (
            INSERT INTO media.clips (book_id, title, submitted_by, state) VALUES (:book, 'Clip', 'test', 'unrecognised')
            RETURNING clip_id
        )
        INSERT INTO licensing.cases (book_id, origin, clip_id, state, opened_by)
        SELECT :book, 'test', clip_id, 'looking', 'test' FROM clip
    """
    async with engine.begin() as connection:
        await connection.execute(text(statement), {"book": book_id})


async def states(engine: AsyncEngine, table: str) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(text(f"SELECT state FROM licensing.{table} ORDER BY book_id")))


def context(engine: AsyncEngine) -> JobContext:
    """What a worker hands to a job."""
    queue = jobs.create_queue("postgresql://nowhere/none")
    job = queue.tasks["apply_dates"].configure().job
    told = {"engine": engine}
    return JobContext(app=queue, job=job, start_timestamp=0.0, abort_reason=lambda: None, additional_context=told)
