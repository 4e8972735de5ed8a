"""Is the service well? What is not, and what to do about it."""

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.condition import condition
from clipledger.pages.operator.books import books_named
from clipledger.pages.operator.job_words import JOBS
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.settings import Settings
from settlement.payouts.halts import Rails


@page("/operator", space="operator", scope="service:read")
async def show(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    rails: NamedDependency[Rails],
    settings: NamedDependency[Settings],
) -> Response[str]:
    """At this moment, as far as this machine and the database know."""
    found = await condition(connection, rails, settings.var, settings.media_index)
    books = await books_named(connection, {each.book_id for each in found.webhooks})
    failing = [view.say(JOBS[job][0]) if job in JOBS else job for job in found.failing_jobs]
    return view.render("operator/health.html", its=found, books=books, failing=failing)
