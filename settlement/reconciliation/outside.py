"""Lines from outside, to be read."""

from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.reconciliation.lines import TheirKind


class OutsideLine(Struct, frozen=True):
    """What moved, in minor units, positive if it came in. `reference` is ours, `bank_reference` theirs."""

    line_id: int
    source: Literal["bank", "stripe"]
    account: str
    external_id: str
    kind: TheirKind
    amount: int
    currency: str
    booked_on: date
    value_on: date
    counterparty: str
    description: str
    reference: str
    payment_group: str
    bank_reference: str
    return_reason: str | None
    file_id: int | None
    match_id: int | None


async def list_lines(
    connection: AsyncConnection,
    book_id: int,
    *,
    source: Literal["bank", "stripe"] | None = None,
    matched: bool | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[OutsideLine]:
    """Newest first by number, those before a given one."""
    asked = {"book": book_id, "source": source, "matched": matched, "before": before or BIGINT_MAX, "limit": limit}
    rows = await connection.execute(_LIST, asked)
    return [OutsideLine(*(getattr(row, name) for name in OutsideLine.__struct_fields__)) for row in rows]


_LIST = text("""
    SELECT its.*, m.match_id
    FROM settlement.external_lines AS its LEFT JOIN settlement.matched_lines AS m USING (book_id, line_id)
    WHERE its.book_id = :book AND its.line_id < :before
      AND (CAST(:source AS text) IS NULL OR its.source = :source)
      AND (CAST(:matched AS boolean) IS NULL OR (m.match_id IS NOT NULL) = :matched)
    ORDER BY its.line_id DESC LIMIT :limit
""")
