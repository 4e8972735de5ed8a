"""The condition of the service: what its operator wants to know before anybody asks. Read within one snapshot.

What needs a person is `trouble` of its part; what to do about it, the operator's page says. Disk and index are those of
the machine that answers.
"""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.database import MIGRATIONS
from clipledger.jobs import KEPT_HOURS
from clipledger.timetable import Timetable, timetable
from licensing.webhooks.failing import FailingEndpoint, failing_endpoints
from media.backlog import Backlog, backlog
from settlement.payouts.halts import Rails, RailState, rail_states
from settlement.payouts.rail_events import count_given_up

LITTLE_SPACE, SCARCE_SPACE = 10**9, 10**10
"""Octets of free disk: below the first nothing can be stored any more, below the second somebody should plan."""
LATE_MINUTES = 10


class Schema(msgspec.Struct, frozen=True):
    """`expected` is what this code was written for."""

    server: str
    found: str | None
    expected: str | None

    @property
    def trouble(self) -> bool:
        """Whether the code runs on another schema than its own."""
        return self.found != self.expected


class JobQueue(msgspec.Struct, frozen=True):
    """`late` of those waiting are due for over ten minutes; `failed` are of the last three days."""

    waiting: int
    running: int
    late: int
    failed: int

    @property
    def trouble(self) -> bool:
        """Whether work is left undone."""
        return bool(self.late)


class Disk(msgspec.Struct, frozen=True):
    """In octets; `index` is what this machine searches clips in."""

    place: str
    free: int
    total: int
    index: int

    @property
    def trouble(self) -> bool:
        """Whether more is needed soon."""
        return self.free < SCARCE_SPACE


class Condition(msgspec.Struct, frozen=True):
    """All of it. `events_given_up` are those of rails that could not be acted upon."""

    at: datetime
    schema: Schema
    timetable: Timetable
    queue: JobQueue
    disk: Disk
    media: Backlog
    rails: Sequence[RailState]
    events_given_up: int
    webhooks: Sequence[FailingEndpoint]

    @property
    def failing_jobs(self) -> Sequence[str]:
        """Jobs whose last run failed."""
        return [each.job for each in self.timetable.jobs if each.last is not None and each.last.outcome == "failed"]

    @property
    def halted(self) -> Sequence[RailState]:
        """Rails by which nothing is sent."""
        return [rail for rail in self.rails if rail.halted is not None]

    @property
    def troubles(self) -> int:
        """How many things need a person."""
        plain = (self.schema.trouble, self.queue.trouble, self.disk.trouble, not self.timetable.led)
        listed = (not self.timetable.workers, self.failing_jobs, self.halted, self.webhooks, self.media_failed)
        return sum(map(bool, (*plain, *listed, self.events_given_up)))

    @property
    def media_failed(self) -> int:
        """Recordings and clips of the last days that could not be worked on."""
        return self.media.recordings.failed + self.media.clips.failed


async def condition(connection: AsyncConnection, rails: Rails, var: Path, index: Path) -> Condition:
    """At this moment."""
    return Condition(
        at=datetime.now(UTC),
        schema=await _schema(connection),
        timetable=await timetable(connection, datetime.now(UTC)),
        queue=JobQueue(**(await connection.execute(_QUEUE)).one()._mapping),
        disk=await asyncio.to_thread(_disk, var, index),
        media=await backlog(connection),
        rails=await rail_states(connection, rails),
        events_given_up=await count_given_up(connection),
        webhooks=await failing_endpoints(connection),
    )


async def _schema(connection: AsyncConnection) -> Schema:
    row = (await connection.execute(_SCHEMA)).one()
    return Schema(row.server, row.found, _expected())


@cache
def _expected() -> str | None:
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _disk(var: Path, index: Path) -> Disk:
    place = next(folder for folder in (var, *var.parents) if folder.exists())
    usage = shutil.disk_usage(place)
    size = sum(file.stat().st_size for file in index.glob("*/index/*") if file.is_file())
    return Disk(str(var), usage.free, usage.total, size)


_SCHEMA = text("""
    SELECT current_setting('server_version') AS server, max(version_num) AS found FROM public.alembic_version
""")
_QUEUE = text(f"""
    SELECT count(*) FILTER (WHERE status = 'todo') AS waiting,
           count(*) FILTER (WHERE status = 'doing') AS running,
           count(*) FILTER (WHERE status = 'todo' AND due < now() - interval '{LATE_MINUTES} minutes') AS late,
           count(*) FILTER (WHERE status = 'failed' AND due > now() - interval '{KEPT_HOURS} hours') AS failed
    FROM jobs.procrastinate_jobs AS job CROSS JOIN LATERAL (
        SELECT coalesce(job.scheduled_at, min(at)) FROM jobs.procrastinate_events WHERE job_id = job.id
    ) AS since (due)
    WHERE status IN ('todo', 'doing', 'failed')
""")  # noqa: S608 - of constants
