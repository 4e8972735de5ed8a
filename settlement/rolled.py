"""How what a large book owes moved in a month, kept row by row: a report of it need not read every sale of the month.

Kept are the rows of the roll-forward, by party and by kind of party. Those of a locked month are final, as nothing is
posted into it or into any month before it, and every report is made of them. Only a reopening of the month itself takes
its lock away: from then on nobody is answered by what was kept before.

Of open months, the present and the last one are kept, where pages begin. They are exact as of the moment of which they
tell; only pages show them, and say of when. A small book's are never late, for nothing of it is kept.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.lately import AT_LEAST, EVERY, LARGE, turn
from settlement.reports.books import MONTHS_BOOKED, find_reported, month_before
from settlement.reports.performance_sql import plan_for_all
from settlement.reports.roll_forward_sql import keeping_of


class Kept(Struct, frozen=True):
    """Rows of a month, as of when; `final`: they can't be others now."""

    as_of: datetime
    final: bool


async def find_rolled(connection: AsyncConnection, book_id: int, month: date) -> Kept | None:
    """Whether the rows of this month are kept; not if it has been reopened since."""
    row = (await connection.execute(_KEPT, {"book": book_id, "month": month})).one_or_none()
    return None if row is None else Kept(row.as_of, row.final)


async def refresh_rolled(
    engine: AsyncEngine, book_id: int, *, every: timedelta = EVERY, at_least: int = AT_LEAST
) -> Sequence[date]:
    """Work out the locked months that have not been since they were locked, and the present and the last month if
    anything was booked in them since they were; which ones, the newest first. Each is a transaction of its own. Two at
    once take turns.
    """
    async with engine.connect() as connection:
        today = (await find_reported(connection, book_id)).today
        asked = {
            "book": book_id,
            "every": every,
            "least": at_least,
            "open": [month_before(today), today.replace(day=1)],
        }
        due = (await connection.execute(_DUE, {**asked, "month": None})).all()
    return [row.month for row in due if await _refresh(engine, {**asked, "month": row.month})]


async def _refresh(engine: AsyncEngine, asked: dict[str, Any]) -> bool:
    """Work out one month, if it is still due."""
    async with turn(engine, "settlement.rolled_months") as connection:
        due: Row[Any] | None = (await connection.execute(_DUE, asked)).one_or_none()
        if due is None:
            return False
        await plan_for_all(connection)
        await connection.execute(_FORGET, {**asked, "begin": min(asked["open"])})
        await connection.execute(_BEGIN, {"book": asked["book"], **due._mapping})
        for by_party in (True, False):  # those by kind are made of those by party
            await connection.execute(keeping_of(by_party), asked)
    return True


# SQL --------------------------------------------------------------------------------------------------------

# How often a month or one before it has been reopened: what was locked when it had been as often is locked still, for a
# lock goes by a reopening alone. Whoever sees a lock sees all that was posted before it; nothing is posted after it.
_REOPENED = "(SELECT count(*) FROM ledger.period_reopenings WHERE book_id = :book AND period <= {})"
_OPEN_ENTRIES = """
    (SELECT count(*) FROM ledger.entries
     WHERE book_id = :book AND line_count > 0 AND period > coalesce({}, '-infinity') AND period <= {})"""

_KEPT = text(f"""
    SELECT as_of, coalesce(month <= locked_through, false) AS final FROM settlement.rolled_months
    WHERE book_id = :book AND month = :month AND reopenings = {_REOPENED.format(":month")}
""")  # noqa: S608 - of constants

# Entries are never changed, nor do they go: where there are as many as there were, they are the same.
_DUE = text(f"""
    WITH RECURSIVE {MONTHS_BOOKED}, lock AS MATERIALIZED (
        SELECT max(period) AS through FROM ledger.period_locks WHERE book_id = :book
    ), wanted AS (
        SELECT period AS month FROM booked JOIN lock ON period <= through
        UNION
        SELECT month FROM unnest(CAST(:open AS date[])) AS month
    ), stands AS (
        SELECT month, through, {_REOPENED.format("month")} AS reopenings
        FROM wanted CROSS JOIN lock
        WHERE {LARGE} AND month = coalesce(CAST(:month AS date), month)
    )
    SELECT stands.month, stands.through, stands.reopenings
    FROM stands LEFT JOIN settlement.rolled_months AS kept ON kept.book_id = :book AND kept.month = stands.month
    WHERE kept.reopenings IS DISTINCT FROM stands.reopenings
       OR stands.month <= stands.through AND coalesce(kept.locked_through < stands.month, true)
       OR kept.as_of <= now() - CAST(:every AS interval)
          AND kept.entries <> {_OPEN_ENTRIES.format("kept.locked_through", "kept.month")}
    ORDER BY stands.month DESC
""")  # noqa: S608 - of constants

# With the month itself go those where pages began earlier.
_FORGET = text("""
    WITH gone AS (
        DELETE FROM settlement.rolled_months
        WHERE book_id = :book AND (month = :month OR month < :begin AND coalesce(locked_through < month, true))
        RETURNING month
    )
    DELETE FROM settlement.rolled AS its USING gone WHERE its.book_id = :book AND its.month = gone.month
""")
_BEGIN = text(f"""
    INSERT INTO settlement.rolled_months (book_id, month, locked_through, reopenings, entries, as_of)
    SELECT :book, :month, through, :reopenings, {_OPEN_ENTRIES.format("through", ":month")}, clock_timestamp()
    FROM (SELECT CAST(:through AS date) AS through) AS lock
""")  # noqa: S608 - of constants
