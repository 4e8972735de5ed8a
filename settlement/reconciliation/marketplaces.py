"""Reports and ledger: what a marketplace owes, entry by entry, and what it has paid of that.

Every entry on the marketplace's account is what sales make of it (`accruals`), or a remittance, or the taking back of
one. Every sale is posted with what its newest observation says is due.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.reconciliation.kinds import Kind
from settlement.reconciliation.loading import Scope
from settlement.true_ups import next_month

NO_DIFFERENCE: frozenset[Kind] = frozenset({"remittance-short", "remittance-over", "report-row-parked"})
"""Kinds whose amounts tell of something else than a difference between ledger and reports."""


class Told(NamedTuple):
    """A residual of a marketplace. `key` names it for good; `members` are entries, sales or rows."""

    kind: Kind
    key: str
    since: date
    ledger: int
    outside: int
    said: str
    members: dict[str, Any]


class Owed(NamedTuple):
    """Through the month, in minor units: what the ledger says, what reports and remittances make; and how many."""

    ledger: int
    outside: int
    entries: int
    sales: int
    residuals: list[Told]


async def compare(connection: AsyncConnection, book_id: int, scope: Scope) -> Owed:
    """Everything of one marketplace's account."""
    market = scope.account.removeprefix("assets:marketplace:")
    asked = {"book": book_id, "account": scope.account, "market": market, "currency": scope.currency}
    asked |= {"month": scope.month, "after": next_month(scope.month)}
    entries = (await connection.execute(_ENTRIES, asked)).all()
    sales = (await connection.execute(_SALES, asked)).all()
    parked = (await connection.execute(_PARKED, asked)).all()
    unposted = sum(row.due - row.posted for row in sales)
    counted = (await connection.execute(_COUNTED, asked)).one()
    told = [*_wrong(entries), *map(_unposted, sales), *map(_row, parked)]
    told += _remitted((await connection.execute(_REMITTED, asked)).one(), scope)
    return Owed(int(counted.ledger), int(counted.outside) + unposted, counted.entries, counted.sales, told)


def _wrong(entries: Any) -> Iterator[Told]:
    for row in entries:
        named = {"entries": [row.entry_id]}
        if row.known:
            said = f"entry {row.entry_id} books {row.booked}, its sales and remittances make {row.told}"
            yield Told("amount-differs", f"entry:{row.entry_id}", row.effective_on, row.booked, row.told, said, named)
        else:
            said = f"entry {row.entry_id} is of no sale and no remittance: {row.description}"
            yield Told("missing-outside", f"entry:{row.entry_id}", row.effective_on, row.booked, 0, said, named)


def _unposted(row: Row[Any]) -> Told:
    said = f"order {row.order_no} line {row.line_no}: {row.due} is due, {row.posted} is posted"
    named = {"sales": [row.sale_id]}
    return Told("sale-not-posted", f"sale:{row.sale_id}", row.sold_on, row.posted, row.due, said, named)


def _row(row: Row[Any]) -> Told:
    said = f"{row.name} row {row.row_no}, {row.column_name}: {row.rule}"
    if not row.column_name:
        said = f"{row.name} row {row.row_no}, whole row: {row.rule}"
    named = {"rows": [[row.import_id, row.row_no]]}
    return Told("report-row-parked", f"row:{row.import_id}:{row.row_no}", row.parked_on, 0, 0, said, named)


def _remitted(row: Row[Any], scope: Scope) -> Iterator[Told]:
    """What settled before the month is to be paid by its end; nothing that has not settled is."""
    month_before = scope.month - timedelta(days=1)
    if row.paid < row.settled_before:
        said = f"{row.settled_before} had settled by {month_before}, {row.paid} is paid"
        yield Told("remittance-short", "remittances", month_before, row.settled_before, row.paid, said, {})
    elif row.paid > row.settled:
        said = f"{row.settled} has settled, {row.paid} is paid"
        yield Told("remittance-over", "remittances", scope.end, row.settled, row.paid, said, {})


# SQL --------------------------------------------------------------------------------------------------------

_LINES = """
    line AS (
        SELECT p.entry_id, sum(p.amount)::bigint AS booked
        FROM ledger.accounts AS a JOIN ledger.postings AS p USING (book_id, account_id)
        WHERE a.book_id = :book AND a.code = :account AND a.currency = :currency AND p.period <= :month
        GROUP BY 1
    ), accrued AS (
        SELECT its.entry_id, sum(its.due - coalesce(was.due, 0))::bigint AS told, count(*) AS number
        FROM settlement.accruals AS its JOIN settlement.sales AS sale USING (book_id, sale_id)
        LEFT JOIN settlement.accruals AS was ON was.book_id = its.book_id AND was.sale_id = its.sale_id
                                            AND was.change_no = its.change_no - 1
        WHERE its.book_id = :book AND sale.marketplace = :market AND its.entry_id IN (SELECT entry_id FROM line)
        GROUP BY 1
    ), paid AS (
        SELECT entry_id, -amount AS told FROM settlement.remittances
        WHERE book_id = :book AND marketplace = :market AND currency = :currency
        UNION ALL
        SELECT reversed_by, amount FROM settlement.remittances
        WHERE book_id = :book AND marketplace = :market AND currency = :currency AND reversed_by IS NOT NULL
    ), moved AS (  -- sales that went into another currency: their entries are posted together, and told by each other
        SELECT DISTINCT gone.transaction_id
        FROM ledger.accounts AS a
        JOIN ledger.postings AS p USING (book_id, account_id)
        JOIN ledger.entries AS gone USING (book_id, entry_id)
        WHERE a.book_id = :book AND a.code = :account
          AND NOT EXISTS (SELECT FROM settlement.accruals AS its
                          WHERE its.book_id = :book AND its.entry_id = gone.entry_id)
          AND EXISTS (SELECT FROM ledger.entries AS came
                      JOIN settlement.accruals AS its ON its.book_id = came.book_id AND its.entry_id = came.entry_id
                      WHERE came.book_id = :book AND came.transaction_id = gone.transaction_id)
    ), judged AS (
        SELECT line.entry_id, line.booked, coalesce(number, 0) AS number,
               CASE WHEN moved.transaction_id IS NOT NULL THEN line.booked
                    ELSE coalesce(accrued.told, 0) + coalesce(paid.told, 0) END AS told,
               num_nonnulls(accrued.entry_id, paid.entry_id, moved.transaction_id) > 0 AS known
        FROM line
        JOIN ledger.entries AS e ON e.book_id = :book AND e.entry_id = line.entry_id
        LEFT JOIN accrued ON accrued.entry_id = line.entry_id
        LEFT JOIN paid ON paid.entry_id = line.entry_id
        LEFT JOIN moved ON moved.transaction_id = e.transaction_id
    )
"""
_ENTRIES = text(f"""
    WITH {_LINES}
    SELECT judged.*, e.effective_on, e.description
    FROM judged JOIN ledger.entries AS e ON e.book_id = :book AND e.entry_id = judged.entry_id
    WHERE NOT judged.known OR judged.booked <> judged.told
    ORDER BY entry_id
""")  # noqa: S608 - of constants
_COUNTED = text(f"""
    WITH {_LINES}
    SELECT coalesce(sum(booked), 0)::bigint AS ledger, coalesce(sum(told), 0)::bigint AS outside,
           count(*) AS entries, coalesce(sum(number), 0)::bigint AS sales FROM judged
""")  # noqa: S608 - of constants
_SALES = text("""
    SELECT sale_id, sale.order_no, sale.line_no, sold_on, coalesce(told.due, sale.due) AS due, posted
    FROM settlement.sales AS sale
    LEFT JOIN settlement.observations AS told USING (book_id, import_id, row_no)
    WHERE book_id = :book AND sale.marketplace = :market AND sale.currency = :currency AND sold_on < :after
      AND coalesce(told.due, sale.due) <> posted
    ORDER BY sale_id
""")

# Rows of reports of this marketplace; of a report without a sale nobody knows of which it is.
_PARKED = text("""
    SELECT row.import_id, row.row_no, row.column_name, row.rule, its.name,
           CAST(its.as_of AT TIME ZONE book.time_zone AS date) AS parked_on
    FROM settlement.parked_rows AS row
    JOIN settlement.imports AS its USING (book_id, import_id)
    JOIN ledger.books AS book USING (book_id)
    WHERE row.book_id = :book AND row.settled_at IS NULL
      AND CAST(its.as_of AT TIME ZONE book.time_zone AS date) < :after
      AND (EXISTS (SELECT FROM settlement.observations AS o
                   WHERE o.book_id = row.book_id AND o.import_id = row.import_id AND o.marketplace = :market)
           OR NOT EXISTS (SELECT FROM settlement.observations AS o
                          WHERE o.book_id = row.book_id AND o.import_id = row.import_id))
    ORDER BY row.import_id, row.row_no
""")
_REMITTED = text("""
    WITH sold AS (
        SELECT posted, coalesce(CAST(settled_at AT TIME ZONE book.time_zone AS date), sold_on) AS settled_on
        FROM settlement.sales AS sale JOIN ledger.books AS book USING (book_id)
        WHERE sale.book_id = :book AND marketplace = :market AND currency = :currency AND state = 'settled'
    )
    SELECT coalesce(sum(posted) FILTER (WHERE settled_on < :month), 0)::bigint AS settled_before,
           coalesce(sum(posted) FILTER (WHERE settled_on < :after), 0)::bigint AS settled,
           (SELECT coalesce(sum(amount), 0) FROM settlement.remittances
            WHERE book_id = :book AND marketplace = :market AND currency = :currency
              AND reversed_by IS NULL AND received_on < :after)::bigint AS paid
    FROM sold
""")
