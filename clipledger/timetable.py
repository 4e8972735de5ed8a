"""What the service does by the clock: for each job when it ran last, how that ended, and when it is due next.

What ran is read from the queue's own tables, which keep it for `jobs.KEPT_HOURS`; when the next run is due follows from
the scheduler's triggers. What a failed job ran into is in the worker's log.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger import jobs, scheduler
from clipledger.jobs import KEPT_HOURS, Job

Outcome = Literal["running", "succeeded", "failed", "aborted", "broken-off"]
"""broken-off: its worker is gone; within a minute or so it is asked for again."""


class LastRun(msgspec.Struct, frozen=True):
    """`ended_at` is null while it runs, or where nobody was left to say so."""

    outcome: Outcome
    started_at: datetime | None
    ended_at: datetime | None


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """`clock` says when the clock asks for it, in UTC; null where only a look does: `on_demand` ones are asked for
    within a second of there being something to do. `next_at` is null where nobody leads, too. `failures` are those of
    the last three days.
    """

    job: str
    does: str
    clock: str | None
    on_demand: bool
    next_at: datetime | None
    waiting_since: datetime | None
    last: LastRun | None
    failures: int
    failed_at: datetime | None


class Timetable(msgspec.Struct, frozen=True, kw_only=True):
    """`led`: a scheduler leads; as many more stand by. Without one nothing is asked for; the next leader catches up."""

    at: datetime
    led: bool
    standing_by: int
    workers: int
    jobs: list[ScheduledJob]


async def timetable(connection: AsyncConnection, now: datetime) -> Timetable:
    """Of every job that a scheduler asks for, in their order."""
    ticks = {tick.job: tick.trigger for tick in scheduler.TICKS}
    asked_for = [job for job in jobs.JOBS if job in ticks or job in scheduler.LOOKS]
    processes = (await connection.execute(_PROCESSES, {"lock": scheduler.LEADER_LOCK})).one()
    led = bool(processes.led)
    rows = await connection.execute(_RUNS, {"names": [job.__name__ for job in asked_for]})
    found = {row.name: row for row in rows}
    return Timetable(
        at=now,
        led=led,
        standing_by=processes.standing_by,
        workers=processes.workers,
        jobs=[_job(job, ticks.get(job), found[job.__name__], now if led else None) for job in asked_for],
    )


def _job(job: Job, trigger: CronTrigger | None, row: Row[Any], now: datetime | None) -> ScheduledJob:
    return ScheduledJob(
        job=job.__name__,
        does=" ".join((job.__doc__ or "").partition("Raises")[0].split()),
        clock=trigger and _in_words(trigger),
        on_demand=job in scheduler.LOOKS,
        next_at=trigger.get_next_fire_time(None, now) if trigger and now else None,
        waiting_since=row.waiting_since,
        last=LastRun(_outcome(row), row.started_at, row.ended_at) if row.status is not None else None,
        failures=row.failures,
        failed_at=row.failed_at,
    )


_OUTCOMES: Mapping[str, Outcome] = {"succeeded": "succeeded", "failed": "failed", "doing": "running"}


def _outcome(row: Row[Any]) -> Outcome:
    if row.status == "doing" and not row.alive:
        return "broken-off"
    return _OUTCOMES.get(row.status, "aborted")


def _in_words(trigger: CronTrigger) -> str:
    """`minute 17, hour 3`: of fields that were said."""
    said = {field.name: str(field) for field in trigger.fields if not field.is_default}
    if set(said) == {"minute"}:
        each = said["minute"]
        if each == "*":
            return "every minute"
        return f"every {each[2:]} minutes" if each.startswith("*/") else f"every hour at :{int(each):02}"
    return f"every day at {int(said['hour']):02}:{int(said['minute']):02}"


# What others' sessions do is hidden from a role that only some of them take; what they are called is not.
_PROCESSES = text("""
    WITH leader AS (
        SELECT pid FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
          AND (classid::bigint << 32) + objid::bigint = CAST(:lock AS bigint)
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
    SELECT
        EXISTS (SELECT FROM leader) AS led,
        (SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = :scheduler
           AND pid NOT IN (SELECT pid FROM leader)) AS standing_by,
        (SELECT ceil(count(*)::numeric / :queues)::int FROM jobs.procrastinate_workers
         WHERE last_heartbeat > now() - interval '30 seconds') AS workers
""").bindparams(queues=len(jobs.QUEUES), scheduler=scheduler.NAME)

_RUNS = text(f"""
    SELECT its.name, waits.since AS waiting_since, last.status, last.alive, ran.started_at, ran.ended_at,
           failed.failures, failed.failed_at
    FROM unnest(CAST(:names AS text[])) AS its (name)
    LEFT JOIN LATERAL (
        SELECT job.id, job.status::text AS status,
               coalesce(worker.last_heartbeat > now() - interval '30 seconds', false) AS alive
        FROM jobs.procrastinate_jobs AS job LEFT JOIN jobs.procrastinate_workers AS worker ON worker.id = job.worker_id
        WHERE job.task_name = its.name AND job.status NOT IN ('todo', 'cancelled')
        ORDER BY job.id DESC LIMIT 1
    ) AS last ON true
    CROSS JOIN LATERAL (
        SELECT max(at) FILTER (WHERE type = 'started') AS started_at,
               max(at) FILTER (WHERE type IN ('succeeded', 'failed', 'aborted')) AS ended_at
        FROM jobs.procrastinate_events WHERE job_id = last.id
    ) AS ran
    CROSS JOIN LATERAL (
        SELECT max(event.at) AS since
        FROM jobs.procrastinate_jobs AS job JOIN jobs.procrastinate_events AS event ON event.job_id = job.id
        WHERE job.task_name = its.name AND job.status = 'todo'
    ) AS waits
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT job.id) AS failures, max(event.at) AS failed_at
        FROM jobs.procrastinate_jobs AS job JOIN jobs.procrastinate_events AS event ON event.job_id = job.id
        WHERE job.task_name = its.name AND job.status = 'failed' AND event.type = 'failed'
          AND event.at > now() - interval '{KEPT_HOURS} hours'
    ) AS failed
""")  # noqa: S608 - of constants
