"""What waits for somebody in finance, and since when: rows that could not be read, payout runs without a decision."""

from datetime import date, datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.lifecycle import RailName
from settlement.payouts.runs import State


class UnsettledRows(msgspec.Struct, frozen=True):
    """Rows of a report that were parked, and that nobody has settled."""

    import_id: int
    name: str
    rows: int
    since: datetime


class WaitingRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits for a person, one row for each currency that it pays; without any, `currency` is null."""

    run_id: int
    rail: RailName
    state: State
    pay_on: date
    submitted_by: int | None
    since: datetime
    currency: str | None
    payouts: int
    amount: int


async def unsettled_rows(connection: AsyncConnection, book_id: int, *, limit: int = 20) -> list[UnsettledRows]:
    """By report, the oldest first."""
    asked = {"book": book_id, "limit": limit}
    return [UnsettledRows(*row) for row in await connection.execute(_PARKED, asked)]


async def reports_being_read(connection: AsyncConnection, book_id: int) -> int:
    """How many reports were sent that are not read to the end."""
    return int((await connection.execute(_READING, {"book": book_id})).scalar_one())


async def waiting_runs(connection: AsyncConnection, book_id: int) -> list[WaitingRun]:
    """Drafts, those submitted, and those that were halted, the oldest first."""
    return [WaitingRun(**row._mapping) for row in await connection.execute(_RUNS, {"book": book_id})]


_PARKED = text("""
    SELECT import_id, name, rows, since
    FROM (
        SELECT import_id, count(*) AS rows, min(parked_at) AS since
        FROM settlement.parked_rows WHERE book_id = :book AND settled_at IS NULL
        GROUP BY import_id
    ) AS its
    JOIN settlement.imports AS report USING (import_id)
    WHERE report.book_id = :book
    ORDER BY since, import_id LIMIT :limit
""")

_READING = text("SELECT count(*) FROM settlement.imports WHERE book_id = :book AND state = 'reading'")

_RUNS = text("""
    SELECT run.run_id, run.rail, run.state, run.pay_on, run.submitted_by,
           coalesce((SELECT max(at) FROM settlement.payout_run_events AS event
                     WHERE event.book_id = :book AND event.run_id = run.run_id), run.created_at) AS since,
           payout.currency, count(payout.payout_id) AS payouts,
           CAST(coalesce(sum(payout.amount), 0) AS bigint) AS amount
    FROM settlement.payout_runs AS run
    LEFT JOIN settlement.payouts AS payout
        ON payout.book_id = :book AND payout.run_id = run.run_id AND payout.state NOT IN ('left-out', 'cancelled')
    WHERE run.book_id = :book AND run.state IN ('draft', 'submitted', 'halted')
    GROUP BY run.run_id, run.rail, run.state, run.pay_on, run.submitted_by, run.created_at, payout.currency
    ORDER BY since, run.run_id, payout.currency
""")
