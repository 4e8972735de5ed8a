"""One scheduler ticks, whatever happens to the others; a tick too many changes nothing."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import pytest
from apscheduler.triggers.cron import CronTrigger

from clipledger import jobs, scheduler
from clipledger.database import DatabaseUrls, conninfo

ROOT = Path(__file__).parents[2]

Row = tuple[Any, ...]


@asynccontextmanager
async def schedulers(urls: DatabaseUrls, count: int) -> AsyncIterator[list[asyncio.Task[None]]]:
    running = [asyncio.create_task(scheduler.schedule(urls.app)) for _ in range(count)]
    try:
        yield running
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture
async def database(fresh_urls: DatabaseUrls) -> AsyncIterator[psycopg.AsyncConnection]:
    """As the login that the schedulers use, which may end their sessions."""
    async with await psycopg.AsyncConnection.connect(conninfo(fresh_urls.app), autocommit=True) as opened:
        await opened.execute("SET ROLE NONE; SET search_path TO jobs")
        yield opened


async def until_led(database: psycopg.AsyncConnection, accepted: Callable[[int], bool]) -> int:
    """The server process of the leader's session, once there is one that is accepted."""
    for _ in range(600):
        found = await scheduler.leader(database)
        if found and accepted(found):
            return found
        await asyncio.sleep(0.05)
    pytest.fail("nobody leads")


async def until_ticked(database: psycopg.AsyncConnection, jobs_waiting: int) -> list[Row]:
    for _ in range(600):
        cursor = await database.execute("SELECT task_name, status::text FROM procrastinate_jobs ORDER BY 1")
        found = await cursor.fetchall()
        if len(found) >= jobs_waiting:
            return found
        await asyncio.sleep(0.05)
    pytest.fail("nobody ticks")


def anybody(_: int) -> bool:
    return True


async def test_of_three_schedulers_one_leads_and_asks_for_each_job_once(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    async with schedulers(fresh_urls, 3):
        await until_led(database, anybody)
        asked_for = await until_ticked(database, len(scheduler.TICKS))
    assert asked_for == sorted((tick.job.__name__, "todo") for tick in scheduler.TICKS)


async def test_another_takes_over_when_the_leader_s_connection_breaks(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    async with schedulers(fresh_urls, 2) as running:
        first = await until_led(database, anybody)
        await database.execute("SELECT pg_terminate_backend(%s)", [first])
        await until_led(database, lambda pid: pid != first)
        assert not any(task.done() for task in running), "who lost its connection stands by"


async def test_another_takes_over_when_the_leader_ends(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    async with schedulers(fresh_urls, 1) as (leading,):
        first = await until_led(database, anybody)
        async with schedulers(fresh_urls, 1):
            leading.cancel()
            await until_led(database, lambda pid: pid != first)


async def test_another_takes_over_from_a_scheduler_that_hangs(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    program = (
        "import asyncio, sys; from clipledger import scheduler;"
        "scheduler.LEASE = 2; asyncio.run(scheduler.schedule(sys.argv[1]))"
    )
    hanging = await asyncio.create_subprocess_exec(sys.executable, "-c", program, fresh_urls.app, cwd=ROOT)
    try:
        first = await until_led(database, anybody)
        hanging.send_signal(signal.SIGSTOP)
        async with schedulers(fresh_urls, 1):
            await until_led(database, lambda pid: pid != first)
    finally:
        hanging.kill()
        await hanging.wait()


async def test_who_loses_the_lead_stops_ticking(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_second = scheduler.Tick(jobs.forget_expired, CronTrigger(second="*", timezone=UTC))
    monkeypatch.setattr(scheduler, "TICKS", (every_second,))
    monkeypatch.setattr(scheduler, "PULSE", 0.1)
    async with schedulers(fresh_urls, 1):
        await database.execute("SELECT pg_terminate_backend(%s)", [await until_led(database, anybody)])
        await database.execute("SELECT pg_advisory_lock(%s)", [scheduler.LEADER_LOCK])
        await asyncio.sleep(1)
        await database.execute("DELETE FROM procrastinate_jobs")
        await asyncio.sleep(2.5)
        left = await database.execute("SELECT FROM procrastinate_jobs")
        assert await left.fetchall() == []


async def test_every_trigger_names_its_time_zone_and_a_late_tick_is_not_skipped() -> None:
    clock = scheduler._clock(jobs.create_queue("postgresql://nowhere/none"))
    clock.start(paused=True)
    for tick in clock.get_jobs():
        assert tick.trigger.timezone is UTC
        assert (tick.misfire_grace_time, tick.coalesce, tick.max_instances) == (None, True, 1)
    clock.shutdown()
