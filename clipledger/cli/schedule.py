"""`clipledger schedule`: what the service does by the clock, and how it ended."""

import sys
from datetime import UTC, datetime

import click

from clipledger.cli.connections import SNAPSHOT, connected, run
from clipledger.cli.options import as_json
from clipledger.cli.tables import json_of, plain, table
from clipledger.timetable import LastRun, ScheduledJob, Timetable, timetable


@click.command()
@as_json
def schedule(as_json: bool) -> None:
    """Last run, outcome and next run of every job. Exits with 1 where nobody leads, or a job's last run failed."""

    async def work() -> Timetable:
        async with connected(**SNAPSHOT) as connection:
            return await timetable(connection, datetime.now(UTC))

    found = run(work())
    click.echo(json_of(found) if as_json else _told(found))
    if not found.led or any(each.last is not None and each.last.outcome == "failed" for each in found.jobs):
        sys.exit(1)


def _told(found: Timetable) -> str:
    who = (
        f"One scheduler leads, {found.standing_by} stand by"
        if found.led
        else "No scheduler leads: nothing is asked for"
    )
    rows = [
        (each.job, _when(each), _moment(each.next_at), _moment(each.last.started_at if each.last else None),
         _outcome(each.last), _moment(each.waiting_since), f"{each.failures:,}", plain(each.does))
        for each in found.jobs
    ]  # fmt: skip
    heading = ("job", "asked for", "next", "last", "outcome", "waits since", "failed", "does")
    return f"{who}; {found.workers} workers. Times are in UTC.\n\n{table([heading, *rows], {6})}"


def _when(each: ScheduledJob) -> str:
    return " and ".join(filter(None, [each.clock, "when there is something to do" if each.on_demand else None]))


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%m-%d %H:%M:%S}" if at else "-"


def _outcome(last: LastRun | None) -> str:
    if last is None:
        return "never ran"
    if last.started_at is None or last.ended_at is None:
        return last.outcome
    return f"{last.outcome} in {(last.ended_at - last.started_at).total_seconds():.1f} s"
