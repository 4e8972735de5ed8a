"""What a reconciliation comes to: what was booked, what moved, what is left, and whether that has changed."""

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.reconciliation.loading import Scope
from settlement.reconciliation.reconciliations import Sums, source_of, sums_of


async def summed(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    """As matches and residuals stand in the database."""
    asked = {"book": book_id, "reconciliation": reconciliation_id, "account": scope.account, "month": scope.month}
    asked |= {"currency": scope.currency, "source": source_of(scope.account), "end": scope.end}
    row = (await connection.execute(_SUMMED, asked)).one()
    ledger, outside = int(row.ledger), int(row.outside)
    if asked["source"] is None:  # nobody outside tells of it: what is in transit is all that there is
        outside = 0
    timing = 0 if asked["source"] is None else int((await connection.execute(_TIMING, asked)).scalar_one())
    return Sums(
        ledger=ledger,
        outside=outside,
        residuals=int(row.residuals),
        timing=timing,
        ledger_lines=row.ledger_lines,
        outside_lines=row.outside_lines,
        matches=row.matches,
        residual_count=row.residual_count,
    )


async def moved_since(connection: AsyncConnection, book_id: int, row: Row[Any]) -> bool:
    """Whether lines of the month, or of before, have come in since it was run."""
    sums = sums_of(row.sums)
    its = {"book": book_id, "account": row.account, "currency": row.currency, "month": row.month}
    source = source_of(row.account)
    ledger, outside = (await connection.execute(_STANDS, {**its, "source": source})).one()
    if source is None:
        return bool(ledger != sums.ledger)
    return (ledger, outside) != (sums.ledger, sums.outside)


# SQL --------------------------------------------------------------------------------------------------------

_LEDGER = """coalesce((
        SELECT sum(amount) FROM ledger.movements AS moved JOIN ledger.accounts AS its USING (book_id, account_id)
        WHERE moved.book_id = :book AND its.code = :account AND its.currency = :currency AND moved.period <= :month
    ), 0)::bigint"""
"""All that was booked on the account through the month."""

_STANDS = text(f"""
    SELECT {_LEDGER} AS ledger, coalesce((
        SELECT sum(amount) FROM settlement.external_lines
        WHERE book_id = :book AND source = :source AND currency = :currency
          AND booked_on < CAST(CAST(:month AS date) + interval '1 month' AS date)
    ), 0)::bigint AS outside
""")  # noqa: S608 - of constants

_SUMMED = text(f"""
    SELECT {_LEDGER} AS ledger, (
        SELECT count(*) FROM ledger.accounts AS its JOIN ledger.postings AS p USING (book_id, account_id)
        WHERE its.book_id = :book AND its.code = :account AND its.currency = :currency AND p.period <= :month
    ) AS ledger_lines, coalesce(sum(amount), 0)::bigint AS outside, count(*) AS outside_lines, (
        SELECT count(*) FROM settlement.matches
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND undone_at IS NULL
    ) AS matches, (
        SELECT count(*) FROM settlement.residuals
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
    ) AS residual_count, coalesce((
        SELECT sum(ledger_amount - outside_amount) FROM settlement.residuals
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
    ), 0)::bigint AS residuals
    FROM settlement.external_lines
    WHERE book_id = :book AND source = :source AND currency = :currency AND booked_on <= :end
""")  # noqa: S608 - of constants

# Matches with a line on either side of the month's end: what of them is inside.
_TIMING = text("""
    WITH late AS (
        SELECT m.match_id FROM settlement.matched_postings AS m
        JOIN ledger.postings AS p USING (book_id, entry_id, line)
        JOIN ledger.accounts AS a USING (book_id, account_id)
        WHERE m.book_id = :book AND p.period > :month AND a.code = :account AND a.currency = :currency
        UNION
        SELECT m.match_id FROM settlement.matched_lines AS m
        JOIN settlement.external_lines AS its USING (book_id, line_id)
        WHERE m.book_id = :book AND its.booked_on > :end AND its.source = :source AND its.currency = :currency
    )
    SELECT coalesce((
        SELECT sum(p.amount) FROM late
        JOIN settlement.matched_postings AS m ON m.book_id = :book AND m.match_id = late.match_id
        JOIN ledger.postings AS p USING (book_id, entry_id, line) WHERE p.period <= :month
    ), 0) - coalesce((
        SELECT sum(its.amount) FROM late
        JOIN settlement.matched_lines AS m ON m.book_id = :book AND m.match_id = late.match_id
        JOIN settlement.external_lines AS its USING (book_id, line_id) WHERE its.booked_on <= :end
    ), 0) - coalesce((
        SELECT sum(its.ledger_amount - its.outside_amount) FROM late JOIN settlement.residuals AS its
            ON its.book_id = :book AND its.reconciliation_id = :reconciliation AND its.match_id = late.match_id
        WHERE its.entry_id IS NULL
    ), 0)
""")
