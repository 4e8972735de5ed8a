"""What a large book has sold, summed up from time to time: pages show it without reading every sale.

Kept are the rows of the performance report since the days that pages begin at, exact as of the moment of which they
tell. Whoever asks since another day, or until one after which something was sold, has the sales read, and so has
everybody as long as nothing is kept: a small book's sums are never late.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.lately import AT_LEAST, EVERY, LARGE, TOLD, turn
from settlement.reports.books import find_reported, month_before, year_before
from settlement.reports.performance_sql import keeping_of, plan_for_all

_ALWAYS = ["all", "month", "day", "clipper", "clip", "offer", "product", "marketplace", "platform"]
_LATELY = ["clipper", "clip", "product"]


async def refresh_sold(
    engine: AsyncEngine, book_id: int, *, every: timedelta = EVERY, at_least: int = AT_LEAST
) -> int | None:
    """Work out a book's sums, if anything in it has changed since they were, or a month has begun; the number of rows,
    or None where there was nothing to do. All are of one moment. Two at once take turns.
    """
    async with engine.connect() as connection:
        periods = await _periods(connection, book_id)
        asked = {"book": book_id, "every": every, "least": at_least, "since": list(periods)}
        if not await connection.scalar(_DUE, asked):
            return None
    async with turn(engine, "settlement.sold_periods") as connection:
        if not await connection.scalar(_DUE, asked):
            return None
        await plan_for_all(connection)
        return await _keep(connection, book_id, periods)


async def find_kept(connection: AsyncConnection, book_id: int, by: str, since: date, until: date) -> datetime | None:
    """As of when the sums of these days are kept, if they are."""
    asked = {"book": book_id, "kind": by, "since": since, "until": until}
    as_of: datetime | None = await connection.scalar(_KEPT, asked)
    return as_of


async def _periods(connection: AsyncConnection, book_id: int) -> Mapping[date, list[str]]:
    """Since when, and by what, sales are summed up."""
    today = (await find_reported(connection, book_id)).today
    return {year_before(today): _ALWAYS, month_before(today): _LATELY}


async def _keep(connection: AsyncConnection, book_id: int, periods: Mapping[date, list[str]]) -> int:
    await connection.execute(_FORGET, {"book": book_id})
    await connection.execute(_FORGET_PERIODS, {"book": book_id})
    begun = [{"book": book_id, "since": since, "kinds": kinds} for since, kinds in periods.items()]
    await connection.execute(_BEGIN, begun)
    kept = 0
    for since, kinds in periods.items():
        asked = {"whose": book_id, "since": since, "until": date.max}
        for by in kinds:
            kept += (await connection.execute(keeping_of(by), {**asked, "kind": by})).rowcount
    return kept


# SQL --------------------------------------------------------------------------------------------------------

# What leaves no trace but in the sales themselves is seen within a day.
_DUE = text(f"""
    SELECT {LARGE}
       AND (kept.periods < cardinality(CAST(:since AS date[]))
            OR kept.as_of <= now() - CAST(:every AS interval)
               AND (kept.as_of <= now() - interval '1 day' OR {TOLD} > kept.as_of - interval '10 minutes'))
    FROM (SELECT count(*) AS periods, min(as_of) AS as_of FROM settlement.sold_periods
          WHERE book_id = :book AND since = ANY (CAST(:since AS date[]))) AS kept
""")  # noqa: S608 - of constants

_KEPT = text("""
    SELECT as_of FROM settlement.sold_periods
    WHERE book_id = :book AND since = :since AND :kind = ANY (kinds) AND coalesce(last_on <= :until, true)
""")

_FORGET = text("DELETE FROM settlement.sold WHERE book_id = :book")
_FORGET_PERIODS = text("DELETE FROM settlement.sold_periods WHERE book_id = :book")
_BEGIN = text("""
    INSERT INTO settlement.sold_periods (book_id, since, kinds, last_on, as_of)
    SELECT :book, :since, :kinds, greatest(sold_on, day), clock_timestamp()
    FROM (SELECT max(sold_on) AS sold_on FROM settlement.sales WHERE book_id = :book) AS sale
    CROSS JOIN (SELECT max(day) AS day FROM settlement.clicks WHERE book_id = :book) AS click
""")
