"""What a clipper's clips have sold: sums for many clips at once, and one clip's sales line by line.

Of all time, as it is known now, each currency by itself, in minor units. Shares are as they accrue, so without the
true-ups of a month's close; other than `settlement.reports.performance` this asks for given clips, and for no period.
"""

from collections.abc import Collection
from datetime import date

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.observations import State
from settlement.sale import Stage

_Key = tuple[int, int]


class ClipFigures(Struct, frozen=True):
    """Of one clip in one currency. An order is returned if any of its lines is worth less than it was."""

    currency: str
    gmv: int
    refunded: int
    orders: int
    returned_orders: int
    earned: int


class ClipSale(Struct, frozen=True):
    """An order line. `earned` is the clipper's part of it, in the accounts of `stage`."""

    sale_id: int
    sold_on: date
    marketplace: str
    product: str
    currency: str
    gmv: int
    net_gmv: int
    earned: int
    state: State
    stage: Stage


async def figures_of_clips(
    connection: AsyncConnection, clipper_id: int, clips: Collection[_Key]
) -> dict[_Key, list[ClipFigures]]:
    """Of the clipper's clips (book_id, submission_id), by currency; nothing of one that has sold nothing."""
    asked = {"books": [book_id for book_id, _ in clips], "numbers": [number for _, number in clips]}
    found: dict[_Key, list[ClipFigures]] = {key: [] for key in clips}
    for row in await connection.execute(_FIGURES, {"clipper": clipper_id, **asked}):
        sums = [int(row._mapping[name]) for name in ClipFigures.__struct_fields__[1:]]
        found[row.book_id, row.submission_id].append(ClipFigures(row.currency, *sums))
    return found


async def sales_of_clip(
    connection: AsyncConnection,
    clipper_id: int,
    book_id: int,
    submission_id: int,
    *,
    before: int | None = None,
    limit: int = 50,
) -> list[ClipSale]:
    """Newest first by number, those before a given one."""
    asked = {"clipper": clipper_id, "book": book_id, "clip": submission_id, "limit": limit}
    before = BIGINT_MAX if before is None else before
    return [ClipSale(*row) for row in await connection.execute(_SALES, {**asked, "before": before})]


_FIGURES = text("""
    WITH ordered AS (
        SELECT sale.book_id, sale.submission_id, sale.currency, sum(gmv) AS gmv, sum(net_gmv) AS net_gmv,
               sum(clipper_part) AS earned, bool_or(net_gmv < gmv) AS returned
        FROM unnest(CAST(:books AS bigint[]), CAST(:numbers AS bigint[])) AS asked (book_id, submission_id)
        JOIN settlement.sales AS sale USING (book_id, submission_id)
        WHERE sale.clipper_id = :clipper
        GROUP BY 1, 2, 3, sale.marketplace, sale.order_no
    )
    SELECT book_id, submission_id, currency, sum(gmv) AS gmv, sum(gmv - net_gmv) AS refunded, count(*) AS orders,
           count(*) FILTER (WHERE returned) AS returned_orders, sum(earned) AS earned
    FROM ordered GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")

# By the clipper's index first: in order of numbers, the server would look through a whole book for a few of them.
_SALES = text("""
    WITH its AS MATERIALIZED (
        SELECT sale_id, sold_on, marketplace, product, currency, gmv, net_gmv, clipper_part, state, stage
        FROM settlement.sales
        WHERE clipper_id = :clipper AND book_id = :book AND submission_id = :clip AND sale_id < :before
    )
    SELECT * FROM its ORDER BY sale_id DESC LIMIT :limit
""")
