"""What the service does by the clock, and how it went."""

from datetime import UTC, datetime

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.operator.job_words import JOBS, when
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.timetable import LastRun, timetable


@page("/operator/schedule", space="operator", scope="service:read")
async def show(view: NamedDependency[View], connection: NamedDependency[AsyncConnection]) -> Response[str]:
    """Every job: when it is asked for, when it ran last and how that ended, when it runs next."""
    found = await timetable(connection, datetime.now(UTC))
    clocks = {each.job: when(view, each.clock) for each in found.jobs if each.clock}
    return view.render("operator/schedule.html", its=found, jobs=JOBS, clocks=clocks, seconds=_seconds)


def _seconds(run: LastRun) -> str:
    assert run.started_at
    assert run.ended_at
    return f"{(run.ended_at - run.started_at).total_seconds():.1f}"
