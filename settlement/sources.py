"""Where an entry comes from: the sales, reports, payouts, remittances and decisions that caused it.

Most entries name their cause in no other way than that what they were posted for keeps their number.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Kind = Literal["import", "payout", "remittance", "adjustment", "reconciliation", "withholding", "true-up"]


class Source(Struct, frozen=True):
    """What caused an entry, by its number. `within` is the run of a payout; `name` is the file of a report, the
    marketplace of a remittance, which has its `reference`, the party of an adjustment, a payout or a withholding, the
    account and month of a reconciliation, the month of a true-up.
    """

    kind: Kind
    number: int
    within: int | None
    name: str
    reference: str | None = None


class CausingSale(Struct, frozen=True):
    """A sale whose amounts an entry has changed. `due` and `suspense` are by how much, in minor units: what the
    marketplace owes, and what of it is nobody's yet.
    """

    sale_id: int
    order_no: str
    line_no: str
    marketplace: str
    currency: str
    cause: str
    due: int
    suspense: int


class Sources(Struct, frozen=True):
    """What is known of an entry; `sales` are the first of `sale_count`."""

    causes: Sequence[Source]
    sales: Sequence[CausingSale]
    sale_count: int


async def sources_of(
    connection: AsyncConnection, book_id: int, entry_id: int, metadata: Mapping[str, str], *, limit: int = 50
) -> Sources:
    """Of an entry, which says in its `metadata` what it has to say itself; as many sales as the limit."""
    named = {name: _number(metadata.get(name)) for name in ("payout", "import", "residual")}
    asked = {"book": book_id, "entry": entry_id, **named, "limit": limit}
    causes = [Source(*row) for row in await connection.execute(_CAUSES, asked)]
    sales = [CausingSale(*row) for row in await connection.execute(_SALES, asked)]
    count = int((await connection.execute(_COUNT, asked)).scalar_one())
    return Sources(causes, sales, count)


def _number(told: str | None) -> int:
    return int(told) if told and told.isdecimal() and len(told) < 19 else 0


_CAUSES = text("""
    SELECT 'import' AS kind, import_id AS number, NULL::bigint AS within, name, NULL AS reference
    FROM settlement.imports
    WHERE book_id = :book AND (import_id = :import OR import_id IN (
        SELECT import_id FROM settlement.accruals WHERE book_id = :book AND entry_id = :entry))
    UNION ALL
    SELECT 'payout', payout_id, run_id, party, NULL FROM settlement.payouts
    WHERE book_id = :book AND payout_id = :payout
    UNION ALL
    SELECT 'remittance', remittance_id, NULL, marketplace, reference FROM settlement.remittances
    WHERE book_id = :book AND entry_id = :entry
    UNION ALL
    SELECT 'adjustment', adjustment_id, NULL, party, NULL FROM settlement.adjustments
    WHERE book_id = :book AND entry_id = :entry
    UNION ALL
    SELECT 'reconciliation', its.reconciliation_id, NULL, its.account || ' ' || to_char(its.month, 'YYYY-MM'), NULL
    FROM settlement.residuals JOIN settlement.reconciliations AS its USING (book_id, reconciliation_id)
    WHERE book_id = :book AND residual_id = :residual AND entry_id = :entry
    UNION ALL
    SELECT 'withholding', withholding_id, NULL, party, NULL FROM settlement.withholdings
    WHERE book_id = :book AND entry_id = :entry AND withheld <> 0
    UNION ALL
    SELECT 'true-up', min(true_up_id), NULL, to_char(month, 'YYYY-MM'), NULL FROM settlement.true_ups
    WHERE book_id = :book AND entry_id = :entry GROUP BY month
""")

_SALES = text("""
    SELECT its.sale_id, sale.order_no, sale.line_no, sale.marketplace, sale.currency, its.cause,
           its.due - coalesce(was.due, 0), its.suspense - coalesce(was.suspense, 0)
    FROM (
        SELECT * FROM settlement.accruals WHERE book_id = :book AND entry_id = :entry
        ORDER BY sale_id, change_no LIMIT :limit
    ) AS its
    JOIN settlement.sales AS sale ON (sale.book_id, sale.sale_id) = (its.book_id, its.sale_id)
    LEFT JOIN settlement.accruals AS was
        ON (was.book_id, was.sale_id, was.change_no) = (its.book_id, its.sale_id, its.change_no - 1)
    ORDER BY its.sale_id, its.change_no
""")

_COUNT = text("SELECT count(*) FROM settlement.accruals WHERE book_id = :book AND entry_id = :entry")
