"""What a month is closed over: sales that are nobody's yet, rows that nobody has looked at, claims that still run."""

from datetime import date
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Matter = Literal["suspense", "parked-rows", "running-imports", "running-claims"]


class OpenMatter(msgspec.Struct, frozen=True, omit_defaults=True):
    """`count` of them; for sales in suspense what they are worth, in minor units of `currency`. `link` shows them."""

    matter: Matter
    count: int
    link: str
    currency: str | None = None
    amount: int | None = None


async def open_matters(connection: AsyncConnection, book_id: int, before: date) -> list[OpenMatter]:
    """Those there are, rows and imports by report; of sales those sold before this day."""
    found = await connection.execute(_MATTERS, {"book": book_id, "before": before})
    return [
        OpenMatter(
            row.matter,
            row.number,
            f"/v1/books/{row.slug}/{_PLACES[row.matter].format(row.import_id)}",
            row.currency,
            None if row.amount is None else int(row.amount),
        )
        for row in found
    ]


_PLACES: dict[Matter, str] = {
    "suspense": "suspense",
    "parked-rows": "imports/{}/parked",
    "running-imports": "imports/{}",
    "running-claims": "claims",
}

_MATTERS = text("""
    SELECT matter, number, import_id, currency, amount, book.slug
    FROM (
        SELECT 1 AS place, 'suspense' AS matter, count(*) AS number, NULL::bigint AS import_id, currency,
               sum(suspense) AS amount
        FROM settlement.sales
        WHERE book_id = :book AND rule IS NULL AND suspense <> 0 AND sold_on < :before
        GROUP BY currency
        UNION ALL
        SELECT 2, 'parked-rows', count(*), import_id, NULL, NULL
        FROM settlement.parked_rows WHERE book_id = :book AND settled_at IS NULL
        GROUP BY import_id
        UNION ALL
        SELECT 3, 'running-imports', 1, import_id, NULL, NULL
        FROM settlement.imports WHERE book_id = :book AND state = 'reading'
        UNION ALL
        SELECT 4, 'running-claims', count(*), NULL, NULL, NULL
        FROM licensing.claims
        WHERE book_id = :book AND state IN ('open', 'responded', 'upheld', 'released', 'appealed')
    ) AS its
    JOIN ledger.books AS book ON book.book_id = :book
    WHERE number > 0
    ORDER BY place, import_id, currency
""")
