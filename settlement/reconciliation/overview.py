"""What a board shows of reconciliations at a glance: how much of each is matched, and what is left, by kind."""

from collections.abc import Collection
from fractions import Fraction

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.reconciliation.kinds import ABOUT, Kind, Owner


class KindSum(Struct, frozen=True, kw_only=True):
    """Residuals of one kind: how many, what they come to in minor units, ledger less outside, and the days that the
    oldest has been there. `open` need a reason still.
    """

    kind: Kind
    owner: Owner
    advice: str
    currency: str | None
    number: int
    open: int
    amount: int
    oldest: int


async def matched_shares(
    connection: AsyncConnection, book_id: int, reconciliation_ids: Collection[int]
) -> dict[int, Fraction]:
    """Of all lines of both sides, those that are in a match, or of which nothing is left over; of these
    reconciliations, by their numbers, those that were run and had lines.
    """
    rows = await connection.execute(_SHARES, {"book": book_id, "reconciliations": [*reconciliation_ids]})
    return {row.reconciliation_id: Fraction(max(row.lines - row.left_over, 0), row.lines) for row in rows}


async def kinds_of(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> list[KindSum]:
    """What is left over and not yet put right, by kind and currency, the most first."""
    rows = await connection.execute(_KINDS, {"book": book_id, "reconciliation": reconciliation_id})
    return [KindSum(**row._mapping, advice=ABOUT[row.kind].advice) for row in rows]


_SHARES = text("""
    SELECT reconciliation_id, lines, coalesce((
        SELECT sum(CASE WHEN its.members ?| ARRAY['postings', 'lines']
                        THEN jsonb_array_length(coalesce(its.members -> 'postings', '[]'))
                             + jsonb_array_length(coalesce(its.members -> 'lines', '[]'))
                        ELSE 1 END)
        FROM settlement.residuals AS its
        WHERE its.book_id = :book AND its.reconciliation_id = run.reconciliation_id
          AND its.match_id IS NULL AND its.entry_id IS NULL
    ), 0)::bigint AS left_over
    FROM (
        SELECT reconciliation_id,
               CAST(sums ->> 'ledger_lines' AS bigint) + CAST(sums ->> 'outside_lines' AS bigint) AS lines
        FROM settlement.reconciliations
        WHERE book_id = :book AND reconciliation_id = ANY (CAST(:reconciliations AS bigint[])) AND sums IS NOT NULL
    ) AS run
    WHERE lines > 0
""")

_KINDS = text("""
    SELECT kind, owner, currency, count(*) AS number,
           count(*) FILTER (WHERE explanation IS NULL AND kind <> 'in-transit') AS open,
           sum(ledger_amount - outside_amount)::bigint AS amount,
           CAST(now() AT TIME ZONE book.time_zone AS date) - min(since) AS oldest
    FROM settlement.residuals JOIN ledger.books AS book USING (book_id)
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
    GROUP BY kind, owner, currency, book.time_zone
    ORDER BY open DESC, number DESC, kind, currency
""")
