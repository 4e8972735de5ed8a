"""What happens by the clock: one elected process puts "do all that is due" jobs in the queue.

Any number of schedulers may run. Who holds an advisory lock leads and ticks; the others stand by, and one of
them takes over when the leader ends, when its connection breaks, or when it is silent for LEASE seconds. A
new leader ticks everything once at the start, so that no time without a leader leaves a gap. So does one whose
machine slept, or whose clock was set: what was planned by the old time would come too late or never. For a moment
two may tick, one not knowing yet that it lost; the queue keeps one job of a kind waiting, so a doubled tick
changes nothing.

The leader also looks at every pulse whether videos wait to be worked on, what was found in them to be told, or
webhooks to be sent, and asks for the job only then: so what was just uploaded is begun at once, and what a killed
worker has left as soon as its lease has run out.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from procrastinate import App
from psycopg.conninfo import make_conninfo

from clipledger import jobs
from clipledger.database import conninfo
from licensing.cases import LOOKED_FOR
from licensing.reviewing import MOVED
from licensing.tracing import UNTRACED
from licensing.webhooks.sending import UNSENT
from settlement.importing import UNREAD
from settlement.payouts.paying import DUE
from settlement.payouts.rail_events import WAITING
from settlement.reconciliation.reconciliations import ASKED

LEADER_LOCK = 0x636C6970_73636864
"""The advisory lock of the leader ("clipschd")."""
NAME = "clipledger scheduler"
"""What the one session of each scheduler that leads or stands by is called."""
PULSE = 1.0
"""Seconds between two looks: the leader whether it still leads, the others whether nobody does."""
LEASE = 15
"""Seconds of silence after which the server ends the leader's session, and with it the lock."""

JUMP = 5.0
"""Seconds by which the clock on the wall may differ from time that has passed, between two looks."""

LEADER = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND (classid::bigint << 32) + objid::bigint = %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tick:
    """A job and when it is put in the queue."""

    job: jobs.Job
    trigger: CronTrigger


TICKS = (
    Tick(jobs.seal_books, CronTrigger(minute="*/5", timezone=UTC)),
    Tick(jobs.rescue_stalled_jobs, CronTrigger(minute="*", timezone=UTC)),
    Tick(jobs.apply_dates, CronTrigger(minute="*", timezone=UTC)),
    Tick(jobs.import_reports, CronTrigger(minute="*", timezone=UTC)),
    Tick(jobs.settle_books, CronTrigger(minute="*/10", timezone=UTC)),
    Tick(jobs.draft_payouts, CronTrigger(minute="*", timezone=UTC)),
    Tick(jobs.sweep_rails, CronTrigger(minute=23, timezone=UTC)),
    Tick(jobs.refresh_payees, CronTrigger(minute=53, timezone=UTC)),
    Tick(jobs.import_rail_lines, CronTrigger(minute="*/15", timezone=UTC)),
    Tick(jobs.forget_expired, CronTrigger(minute=7, timezone=UTC)),
    Tick(jobs.forget_media, CronTrigger(minute=37, timezone=UTC)),
    Tick(jobs.forget_old_jobs, CronTrigger(hour=3, minute=17, timezone=UTC)),
)

_ANY: LiteralString = "SELECT EXISTS (SELECT FROM {})"
_DUE: LiteralString = _ANY.format("media.{} WHERE state = 'waiting' OR (state = 'working' AND leased_until < now())")
LOOKS: Mapping[jobs.Job, LiteralString] = {
    jobs.fingerprint_sources: _DUE.format("recordings"),
    jobs.identify_clips: _DUE.format("clips"),
    jobs.review_clips: _ANY.format(MOVED),
    jobs.conclude_cases: _ANY.format(LOOKED_FOR),
    jobs.trace_clips: _ANY.format(UNTRACED),
    jobs.import_reports: _ANY.format(f"{UNREAD} AND failure IS NULL"),
    jobs.send_payouts: _ANY.format(DUE),
    jobs.hear_stripe: _ANY.format(WAITING),
    jobs.reconcile_accounts: _ANY.format(ASKED),
    jobs.send_webhooks: _ANY.format(UNSENT),
}
"""Jobs that are asked for when there is something to do, and the query that tells."""


class Hands:
    """Tells whether the clock on the wall was set since it was last asked."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._ahead = wall() - steady()

    def were_set(self) -> bool:
        """By more than JUMP; a clock that is slowly put right is not."""
        before, self._ahead = self._ahead, self._wall() - self._steady()
        return abs(self._ahead - before) > JUMP


async def schedule(url: str) -> None:
    """Stand by, lead while elected, stand by again; until cancelled."""
    async with jobs.create_queue(url, application_name="clipledger scheduler's queue").open_async() as queue:
        while True:
            try:
                await _stand_by_and_lead(url, queue)
            except (psycopg.Error, TimeoutError) as error:
                log.warning("the scheduler lost its connection and stands by", error=str(error))
                await asyncio.sleep(PULSE)


async def _stand_by_and_lead(url: str, queue: App) -> None:
    address = make_conninfo(conninfo(url), application_name=NAME, connect_timeout=10)
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute(f"SET idle_session_timeout TO '{LEASE}s'")
        await _stand_by(connection)
        log.info("this scheduler leads")
        await _lead(connection, queue)


async def _stand_by(connection: psycopg.AsyncConnection) -> None:
    """Wait until nobody else leads."""
    while True:
        async with asyncio.timeout(LEASE):
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
            if await cursor.fetchone() == (True,):
                return
        await asyncio.sleep(PULSE)


async def _lead(connection: psycopg.AsyncConnection, queue: App) -> None:
    """Tick until the lock is lost.

    Raises:
        psycopg.Error, TimeoutError: the connection is lost, and the lock with it.
    """
    clock, hands = _clock(queue), Hands()
    clock.start()
    try:
        while True:
            if await leader(connection) != connection.info.backend_pid:
                return
            if hands.were_set():
                log.warning("the clock was set: everything is asked for once")
                clock.shutdown(wait=False)
                clock = _clock(queue)
                clock.start()
            await _look(connection, queue)
            await asyncio.sleep(PULSE)
    finally:
        clock.shutdown(wait=False)


async def _look(connection: psycopg.AsyncConnection, queue: App) -> None:
    for job, due in LOOKS.items():
        async with asyncio.timeout(LEASE):
            found = await (await connection.execute(due)).fetchone()
        if found == (True,):
            await jobs.enqueue(queue, job)


def _clock(queue: App) -> AsyncIOScheduler:
    """The ticks, in memory; late ones are run, once, instead of being skipped."""
    clock = AsyncIOScheduler(
        timezone=UTC, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    for tick in TICKS:
        clock.add_job(
            jobs.enqueue,
            tick.trigger,
            [queue, tick.job],
            id=tick.job.__name__,
            next_run_time=datetime.now(UTC),
        )
    return clock


async def leader(connection: psycopg.AsyncConnection) -> int | None:
    """The server's process id of the session that leads on this database; None when nobody does."""
    async with asyncio.timeout(LEASE):
        cursor = await connection.execute(LEADER, [LEADER_LOCK])
        row = await cursor.fetchone()
    return row[0] if row else None
