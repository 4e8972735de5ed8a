"""One scheduler ticks, whatever happens to the others; a tick too many changes nothing."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from apscheduler.triggers.cron import CronTrigger
from click.testing import CliRunner
from httpx import AsyncClient
from sqlalchemy.engine import make_url

from clipledger import jobs, scheduler
from clipledger.cli import main
from clipledger.database import DatabaseUrls, conninfo, create_engine
from clipledger.timetable import Timetable, timetable
from tests.clipledger.front_door import Company

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


# Missed runs, and clocks that are set ---------------------------------------------------------------------------


async def test_runs_that_nobody_asked_for_meanwhile_are_caught_up_once(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    """Everything ran two days ago, and then there was no scheduler."""
    async with jobs.create_queue(fresh_urls.app).open_async() as queue:
        for tick in scheduler.TICKS:
            await jobs.enqueue(queue, tick.job)
    await database.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
    await database.execute("UPDATE procrastinate_events SET at = at - interval '2 days'")
    async with schedulers(fresh_urls, 2):
        await until_ticked(database, 2 * len(scheduler.TICKS))
        cursor = await database.execute(
            "SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' GROUP BY 1 ORDER BY 1"
        )
        assert await cursor.fetchall() == sorted((tick.job.__name__, 1) for tick in scheduler.TICKS)


async def test_a_leader_whose_clock_is_set_asks_for_everything_again(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At half past ten the clock is set to ten: what was planned for eleven would be an hour and a half away."""
    yearly = scheduler.Tick(jobs.forget_expired, CronTrigger(month=1, day=1, timezone=UTC))
    turned = [0.0]
    hands = partial(scheduler.Hands, wall=lambda: time.time() + turned[0])
    monkeypatch.setattr(scheduler, "TICKS", (yearly,))
    monkeypatch.setattr(scheduler, "LOOKS", {})
    monkeypatch.setattr(scheduler, "PULSE", 0.1)
    monkeypatch.setattr(scheduler, "Hands", hands)
    async with schedulers(fresh_urls, 1):
        for turn in (-1_800.0, 7_200.0):
            await until_ticked(database, 1)
            await database.execute("DELETE FROM procrastinate_jobs")
            turned[0] += turn
        await until_ticked(database, 1)


def test_hands_that_were_set_are_told_from_those_that_run_on() -> None:
    wall, steady = iter([1000.0, 1001.0, 1002.5, 900.0, 901.0, 5000.0]), iter([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    hands = scheduler.Hands(lambda: next(wall), lambda: next(steady))
    assert [hands.were_set() for _ in range(5)] == [False, False, True, False, True]


async def test_summer_time_moves_no_tick_for_all_are_in_utc() -> None:
    """On 2026-03-29 clocks in Berlin leap from two to three, on 2026-10-25 they go from three back to two."""
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        start = datetime.combine(day, datetime.min.time(), ZoneInfo("Europe/Berlin"))
        for tick in scheduler.TICKS:
            fired = [tick.trigger.get_next_fire_time(None, start)]
            for _ in range(4):
                fired.append(tick.trigger.get_next_fire_time(fired[-1], fired[-1]))
            gaps = {later - earlier for earlier, later in pairwise(fired)}
            assert len(gaps) == 1, "evenly, whatever clocks on walls do"


# What can be seen of it -----------------------------------------------------------------------------------------


async def seen(urls: DatabaseUrls) -> Timetable:
    engine = create_engine(urls.app)
    async with engine.connect() as connection:
        found = await timetable(connection, datetime.now(UTC))
    await engine.dispose()
    return found


async def test_the_timetable_tells_last_run_outcome_and_next_run(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection
) -> None:
    nobody = await seen(fresh_urls)
    assert (nobody.led, nobody.standing_by, nobody.workers) == (False, 0, 0)
    assert {each.next_at for each in nobody.jobs} == {None}
    assert {each.last for each in nobody.jobs} == {None}
    async with schedulers(fresh_urls, 3):
        await until_led(database, anybody)
        await until_ticked(database, len(scheduler.TICKS))
        for _ in range(100):
            if (told := await seen(fresh_urls)).standing_by == 2:
                break
            await asyncio.sleep(0.05)
        assert (told.led, told.standing_by) == (True, 2)
        by_name = {each.job: each for each in told.jobs}
        assert set(by_name) == {job.__name__ for job in (*(tick.job for tick in scheduler.TICKS), *scheduler.LOOKS)}
        for tick in scheduler.TICKS:
            its = by_name[tick.job.__name__]
            assert its.clock is not None
            assert its.next_at is not None
            assert its.next_at > told.at
            assert its.waiting_since is not None
        assert (by_name["send_payouts"].clock, by_name["send_payouts"].on_demand) == (None, True)
        assert by_name["forget_old_jobs"].clock == "every day at 03:17"
        assert by_name["settle_books"].clock == "every 10 minutes"
        assert by_name["sweep_rails"].clock == "every hour at :23"


@pytest.mark.parametrize(
    ("status", "happened", "outcome"),
    [
        ("succeeded", "succeeded", "succeeded"),
        ("failed", "failed", "failed"),
        ("aborted", "aborted", "aborted"),
        ("doing", None, "broken-off"),
    ],
)
async def test_how_a_job_ended_is_told(
    fresh_urls: DatabaseUrls, database: psycopg.AsyncConnection, status: str, happened: str | None, outcome: str
) -> None:
    async with jobs.create_queue(fresh_urls.app).open_async() as queue:
        await jobs.enqueue(queue, jobs.sweep_rails)
    for state in ("doing", status):
        await database.execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status", [state])
    (its,) = [each for each in (await seen(fresh_urls)).jobs if each.job == "sweep_rails"]
    assert its.last is not None
    assert (its.last.outcome, its.last.started_at is None) == (outcome, False)
    assert (its.last.ended_at is None) == (happened is None)
    assert (its.failures, its.failed_at is None) == (int(status == "failed"), status != "failed")
    assert its.waiting_since is None


async def test_the_timetable_is_operators(client: AsyncClient, company: Company) -> None:
    shown = await client.get("/v1/schedule", headers=company.operator.bearer)
    assert (shown.status_code, len(shown.json()["jobs"])) == (
        200,
        len({*scheduler.LOOKS, *(t.job for t in scheduler.TICKS)}),
    )
    for person in (company.finance, company.approver, company.reviewer):
        assert (await client.get("/v1/schedule", headers=person.bearer)).status_code == 403
    assert (await client.get("/v1/schedule")).status_code == 401


def test_the_command_tells_it_and_fails_where_nobody_leads(urls: DatabaseUrls) -> None:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain}
    told = CliRunner().invoke(main, ["schedule", "--json"], env=env)
    assert (told.exit_code, json.loads(told.stdout)["led"]) == (1, False)
    said = CliRunner().invoke(main, ["schedule"], env=env)
    assert "No scheduler leads: nothing is asked for" in said.output
    assert "when there is something to do" in said.output
    assert "never ran" in said.output
