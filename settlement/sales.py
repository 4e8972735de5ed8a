"""Sales: one order line each, told by its newest observation.

Newest is by the report's as-of, then by its file's hash, then by row: not by arrival. So reports that come in any
order, overlap or come again leave every sale with the same facts.
"""

from datetime import date

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import tables
from settlement.errors import SaleNotFound
from settlement.observations import State
from settlement.sale import Sale, Stage

_COLUMNS = [tables.sales.c[name] for name in Sale.__struct_fields__]


class Chosen(Struct, frozen=True, kw_only=True):
    """Which sales are asked for; what is null does not matter. The days are those of sale, both included."""

    marketplace: str | None = None
    order_no: str | None = None
    state: State | None = None
    stage: Stage | None = None
    suspended: bool | None = None
    currency: str | None = None
    product: str | None = None
    clipper_id: int | None = None
    grant_id: int | None = None
    offer_id: int | None = None
    submission_id: int | None = None
    since: date | None = None
    until: date | None = None


EVERY = Chosen()
_EQUAL = (
    *("marketplace", "order_no", "state", "stage", "currency", "product"),
    *("clipper_id", "grant_id", "offer_id", "submission_id"),
)


async def find_sale(connection: AsyncConnection, book_id: int, sale_id: int) -> Sale:
    """Raises SaleNotFound."""
    sales = tables.sales.c
    chosen = select(*_COLUMNS).where(sales.book_id == book_id, sales.sale_id == sale_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise SaleNotFound("sale", sale_id)
    return Sale(*row)


async def list_sales(
    connection: AsyncConnection, book_id: int, chosen: Chosen = EVERY, *, before: int | None = None, limit: int = 100
) -> list[Sale]:
    """Newest first by number, those before a given one."""
    sales = tables.sales.c
    asked = select(*_COLUMNS).where(sales.book_id == book_id)
    for name in _EQUAL:
        if (value := getattr(chosen, name)) is not None:
            asked = asked.where(sales[name] == value)
    if chosen.suspended is not None:
        asked = asked.where(sales.rule.is_(None) if chosen.suspended else sales.rule.is_not(None))
    if chosen.since is not None:
        asked = asked.where(sales.sold_on >= chosen.since)
    if chosen.until is not None:
        asked = asked.where(sales.sold_on <= chosen.until)
    if before is not None:
        asked = asked.where(sales.sale_id < before)
    rows = await connection.execute(asked.order_by(sales.sale_id.desc()).limit(limit))
    return [Sale(*row) for row in rows]
