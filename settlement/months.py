"""The months of a book: how far the close of each is."""

from datetime import date

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.closing import State
from settlement.reports.books import MONTHS_BOOKED


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """`ended` is by the book's calendar, `locked` in the ledger. `waits_for`: the first month before it that
    was not issued, though something was booked in it. `statements` are those of the newest draft, null before there is
    one. `submitted_by` and `reopening_by` are users.
    """

    month: str
    state: State
    revision: int
    ended: bool
    locked: bool
    booked: bool
    waits_for: str | None
    statements: int | None
    submitted_by: int | None
    reopening_by: int | None


async def list_months(
    connection: AsyncConnection, book_id: int, *, before: date | None = None, limit: int = 100
) -> list[Month]:
    """Newest first, from the present one to the first in which anything was booked; those before a month."""
    asked = {"book": book_id, "before": before, "limit": limit}
    return [Month(**row._mapping) for row in await connection.execute(_MONTHS, asked)]


_MONTHS = text(f"""
    WITH RECURSIVE {MONTHS_BOOKED}, ends AS (
        SELECT this, least((SELECT min(period) FROM booked), min(month), this) AS first,
               greatest(max(month), this) AS last
        FROM ledger.books AS book
        CROSS JOIN LATERAL (SELECT CAST(date_trunc('month', now() AT TIME ZONE time_zone) AS date) AS this) AS its
        LEFT JOIN settlement.closings AS closing USING (book_id)
        WHERE book_id = :book GROUP BY this
    ), lock AS MATERIALIZED (
        SELECT coalesce(max(period), '-infinity') AS through FROM ledger.period_locks WHERE book_id = :book
    ), known AS MATERIALIZED (
        SELECT CAST(month AS date) AS month, this > month AS ended,
               EXISTS (SELECT FROM booked WHERE period = month) AS booked
        FROM ends CROSS JOIN LATERAL generate_series(first, last, interval '1 month') AS month
    ), stood AS MATERIALIZED (
        SELECT known.*, coalesce(closing.state, 'open') AS state, coalesce(closing.revision, 1) AS revision,
               closing.submitted_by, closing.reopening_by
        FROM known LEFT JOIN settlement.closings AS closing
            ON closing.book_id = :book AND closing.month = known.month
    )
    SELECT to_char(stood.month, 'YYYY-MM') AS month, state, revision, ended, stood.month <= through AS locked, booked,
           (SELECT to_char(min(month), 'YYYY-MM') FROM stood AS earlier
            WHERE earlier.month < stood.month AND earlier.booked AND earlier.state <> 'issued'
              AND (earlier.revision > 1 OR earlier.month > through)) AS waits_for,
           (SELECT CAST(detail ->> 'statements' AS bigint) FROM settlement.closing_events AS event
            WHERE event.book_id = :book AND event.month = stood.month AND action = 'drafted'
              AND event.revision = stood.revision
            ORDER BY event_no DESC LIMIT 1) AS statements,
           CASE state WHEN 'submitted' THEN submitted_by END AS submitted_by, reopening_by
    FROM stood CROSS JOIN lock
    WHERE CAST(:before AS date) IS NULL OR stood.month < :before
    ORDER BY stood.month DESC LIMIT :limit
""")  # noqa: S608 - of constants
