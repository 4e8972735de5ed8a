"""What stands frozen for each dispute: the clipper's part of the sales that its claim is over.

Sales are frozen by the clock (`settlement.freezing`), so a claim that was opened just now has none yet. Two claims over
the same sales freeze them once: each tells of them.
"""

from collections import defaultdict
from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.freezing import OVER
from settlement.holds import RUNNING


class Frozen(Struct, frozen=True):
    """In one currency: of so many sales, the clipper's part in minor units."""

    currency: str
    sales: int
    amount: int


_FROZEN = text(f"""
    SELECT claim.claim_id, sale.currency, count(*) AS sales, CAST(sum(sale.clipper_part) AS bigint) AS amount
    FROM (
        SELECT book_id, claim_id, grant_id, submission_id FROM licensing.claims
        WHERE book_id = :book_id AND claim_id = ANY (:claim_ids) AND {RUNNING}
    ) AS claim
    JOIN settlement.sales AS sale ON {OVER}
    WHERE sale.stage = 'frozen'
    GROUP BY claim.claim_id, sale.currency
    ORDER BY claim.claim_id, sale.currency
""")  # noqa: S608 - of constants


async def frozen_for(
    connection: AsyncConnection, book_id: int, claim_ids: Collection[int]
) -> dict[int, tuple[Frozen, ...]]:
    """By the claims' numbers, those for which something is frozen; by currency."""
    found: dict[int, tuple[Frozen, ...]] = defaultdict(tuple)
    for row in await connection.execute(_FROZEN, {"book_id": book_id, "claim_ids": list(claim_ids)}):
        found[row.claim_id] += (Frozen(row.currency, row.sales, row.amount),)
    return dict(found)
