"""The board of a month: every account that is to be reconciled, and how far each is."""

from datetime import date, timedelta
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period
from settlement.reconciliation.reconciliations import OPEN
from settlement.suspense import book_today


class BoardRow(Struct, frozen=True, kw_only=True):
    """An account that has something in the month, or carries something over; null where nobody has begun it."""

    account: str
    currency: str
    month: str
    reconciliation_id: int | None
    state: Literal["none", "draft", "submitted", "signed"]
    ledger: int
    difference: int | None
    residuals: int
    unexplained: int


async def board(connection: AsyncConnection, book_id: int, month: date) -> list[BoardRow]:
    """Every account of the month that is to be reconciled, by code and currency."""
    rows = await connection.execute(_BOARD, {"book": book_id, "month": month})
    return [
        BoardRow(
            account=row.account,
            currency=row.currency,
            month=format_period(month),
            reconciliation_id=row.reconciliation_id,
            state=row.state or "none",
            ledger=int(row.ledger),
            difference=None if row.sums is None else row.sums["ledger"] - row.sums["outside"],
            residuals=row.residuals,
            unexplained=row.unexplained,
        )
        for row in rows
    ]


async def last_month(connection: AsyncConnection, book_id: int) -> date:
    """The last one that has ended by the book's calendar."""
    today = await book_today(connection, book_id)
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


_BOARD = text(f"""
    WITH book_accounts AS (
        SELECT code AS account, its.currency, sum(amount) AS ledger,
               bool_or(period = :month) OR sum(amount) <> 0 AS counts
        FROM ledger.movements AS moved JOIN ledger.accounts AS its USING (book_id, account_id)
        WHERE moved.book_id = :book AND moved.period <= :month
          AND (code IN ('assets:bank', 'assets:stripe') OR starts_with(code, 'assets:in-transit:')
               OR starts_with(code, 'assets:marketplace:'))
        GROUP BY 1, 2
    ), outside AS (
        SELECT DISTINCT CASE source WHEN 'bank' THEN 'assets:bank' ELSE 'assets:stripe' END COLLATE "C" AS account,
               currency
        FROM settlement.external_lines
        WHERE book_id = :book AND booked_on >= :month
          AND booked_on < CAST(CAST(:month AS date) + interval '1 month' AS date)
    ), begun AS (
        SELECT account, currency, reconciliation_id, state, sums FROM settlement.reconciliations
        WHERE book_id = :book AND month = :month
    )
    SELECT account, currency, coalesce(ledger, 0) AS ledger, reconciliation_id, state, sums,
           coalesce(left_over.number, 0) AS residuals, coalesce(left_over.open, 0) AS unexplained
    FROM (SELECT account, currency, ledger FROM book_accounts WHERE counts) AS a
    FULL JOIN outside USING (account, currency)
    FULL JOIN begun USING (account, currency)
    LEFT JOIN LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE {OPEN}) AS open FROM settlement.residuals AS r
        WHERE r.book_id = :book AND r.reconciliation_id = begun.reconciliation_id
    ) AS left_over ON true
    ORDER BY account, currency
""")  # noqa: S608 - of constants
