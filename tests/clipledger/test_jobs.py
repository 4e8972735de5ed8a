"""Jobs are done by a worker, as the service's role; a worker that dies takes no job with it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from importlib.metadata import version
from typing import Any

import psycopg
import pytest
from procrastinate import App, JobContext

from clipledger import jobs
from clipledger.database import DatabaseUrls, conninfo, create_engine
from clipledger.settings import Settings
from ledger.accounts import NewAccount, ensure_accounts
from ledger.books import open_book
from ledger.entries import Line, NewEntry, post

Row = tuple[Any, ...]
SETTINGS = Settings.from_environment({})


@pytest.fixture
async def queue(fresh_urls: DatabaseUrls) -> AsyncIterator[App]:
    async with jobs.create_queue(fresh_urls.app).open_async() as opened:
        yield opened


@asynccontextmanager
async def worker(urls: DatabaseUrls) -> AsyncIterator[None]:
    running = asyncio.create_task(jobs.work(urls.app, SETTINGS))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def rows(urls: DatabaseUrls, query: str) -> list[Row]:
    with psycopg.connect(conninfo(urls.owner)) as connection:
        return connection.execute(query).fetchall()


def change(urls: DatabaseUrls, statement: str) -> None:
    with psycopg.connect(conninfo(urls.owner)) as connection:
        connection.execute(statement)


def statuses(urls: DatabaseUrls) -> list[Row]:
    return rows(urls, "SELECT task_name, status::text FROM jobs.procrastinate_jobs ORDER BY id")


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(600):
        if reached():
            return
        await asyncio.sleep(0.05)
    pytest.fail("waited for half a minute in vain")


async def test_a_worker_does_what_is_asked_for(fresh_urls: DatabaseUrls, queue: App) -> None:
    for job in jobs.JOBS:
        assert await jobs.enqueue(queue, job)
    async with worker(fresh_urls):
        await until(lambda: {status for _, status in statuses(fresh_urls)} == {"succeeded"})
    assert [name for name, _ in statuses(fresh_urls)] == [job.__name__ for job in jobs.JOBS]


async def test_the_entries_of_every_book_are_sealed_though_one_book_can_t_be(
    fresh_urls: DatabaseUrls, queue: App
) -> None:
    books = [await book_with_an_entry(fresh_urls, slug) for slug in ("first", "broken", "last")]
    change(fresh_urls, f"ALTER TABLE ledger.sealed_entries ADD CHECK (book_id <> {books[1]})")
    # An entry waits for every older transaction of the server, those of other tests too.
    newest = "SELECT max(transaction_id) FROM ledger.entries"
    await until(lambda: rows(fresh_urls, f"SELECT FROM ({newest}) e WHERE max < {OLDEST_RUNNING}") != [])
    async with worker(fresh_urls):
        await jobs.enqueue(queue, jobs.seal_books)
        await until(lambda: statuses(fresh_urls) == [("seal_books", "failed")])
    assert rows(fresh_urls, "SELECT book_id FROM ledger.seals ORDER BY 1") == [(books[0],), (books[2],)]


OLDEST_RUNNING = "pg_snapshot_xmin(pg_current_snapshot())"


async def book_with_an_entry(urls: DatabaseUrls, slug: str) -> int:
    engine = create_engine(urls.app)
    lines = (Line("assets:bank", "CNY", 1), Line("equity:capital", "CNY", -1))
    entry = NewEntry(idempotency_key="1", effective_on=date(2026, 10, 1), description="capital", lines=lines)
    async with engine.begin() as connection:
        book = await open_book(connection, slug, slug)
        accounts = [NewAccount(line.account, line.currency) for line in lines]
        await ensure_accounts(connection, book.book_id, accounts)
        await post(connection, book.book_id, entry)
    await engine.dispose()
    return book.book_id


async def test_a_job_that_waits_already_is_not_asked_for_twice(fresh_urls: DatabaseUrls, queue: App) -> None:
    assert await jobs.enqueue(queue, jobs.forget_expired)
    assert not await jobs.enqueue(queue, jobs.forget_expired)
    assert statuses(fresh_urls) == [("forget_expired", "todo")]


async def test_a_worker_told_to_stop_breaks_off_what_takes_too_long(
    fresh_urls: DatabaseUrls, queue: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sleep_for_ever(_: JobContext) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(jobs, "JOBS", (sleep_for_ever,))
    monkeypatch.setattr(jobs, "GRACE", 0.1)
    await queue.configure_task("sleep_for_ever").defer_async()
    async with worker(fresh_urls):
        await until(lambda: statuses(fresh_urls) == [("sleep_for_ever", "doing")])
    assert statuses(fresh_urls) == [("sleep_for_ever", "aborted")]
    assert rows(fresh_urls, "SELECT FROM jobs.procrastinate_workers") == []


async def test_the_job_of_a_worker_that_died_is_done_by_another(fresh_urls: DatabaseUrls, queue: App) -> None:
    await jobs.enqueue(queue, jobs.forget_expired)
    await broken_off(queue, fresh_urls)
    await jobs.enqueue(queue, jobs.rescue_stalled_jobs)
    async with worker(fresh_urls):
        await until(lambda: {status for _, status in statuses(fresh_urls)} == {"succeeded"})


async def test_a_broken_off_job_is_given_up_when_the_same_job_waits_again(fresh_urls: DatabaseUrls, queue: App) -> None:
    await jobs.enqueue(queue, jobs.forget_expired)
    await broken_off(queue, fresh_urls)
    await jobs.enqueue(queue, jobs.forget_expired)
    await rescue(queue)
    assert statuses(fresh_urls) == [("forget_expired", "failed"), ("forget_expired", "todo")]


async def broken_off(queue: App, urls: DatabaseUrls) -> None:
    """A worker takes the waiting job and is never heard of again."""
    worker_id = await queue.job_manager.register_worker()
    assert await queue.job_manager.fetch_job(queues=None, worker_id=worker_id)
    change(urls, "UPDATE jobs.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")


async def rescue(queue: App) -> None:
    job = queue.tasks["rescue_stalled_jobs"].configure().job
    await jobs.rescue_stalled_jobs(JobContext(app=queue, job=job, start_timestamp=0.0, abort_reason=lambda: None))


async def test_the_queue_s_tables_say_which_version_made_them(urls: DatabaseUrls) -> None:
    """When this fails, migrations/versions/0003_jobs.py says how a newer procrastinate is migrated."""
    [(comment,)] = rows(urls, "SELECT obj_description('jobs'::regnamespace)")
    assert comment == f"procrastinate {version('procrastinate')}"
