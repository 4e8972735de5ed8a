"""Why a sale stands where it stands: from the rows that told of it to the entries that booked it."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.splits import evaluate
from licensing.offers import find_terms
from settlement.sales import Sale, find_sale


class Told(Struct, frozen=True):
    """What one row of a report said of it; `raw` is the row's own texts by the report's own columns.

    `newest`: this is what counts.
    """

    import_id: int
    name: str
    sha256: str
    as_of: datetime
    row_no: int
    newest: bool
    state: str
    currency: str
    quantity: int
    refunded: int
    gmv: int
    net_gmv: int
    estimated: int
    actual: int
    due: int
    placed_at: datetime | None
    settled_at: datetime | None
    raw: Sequence[tuple[str, str]]


class Moved(Struct, frozen=True):
    """A difference that was posted, why, by which entry, and where the sale stood then. The row is that which told."""

    change_no: int
    cause: str
    entry_id: int
    import_id: int | None
    row_no: int | None
    due: int
    suspense: int
    platform_part: int
    agency_part: int
    host_part: int
    clipper_part: int
    reserved: int
    stage: str
    grant_id: int | None
    version_no: int | None
    tier: int
    recorded_at: datetime


class Working(Struct, frozen=True):
    """How it is shared: under which terms, as a clipper accepted them by their hash, step by step."""

    offer_id: int
    version_no: int
    sha256: str
    steps: Sequence[str]


class Explained(Struct, frozen=True):
    """`told` is in order of what counts, `moved` in that of what happened. In suspense there is no `working`."""

    sale: Sale
    told: Sequence[Told]
    moved: Sequence[Moved]
    working: Working | None


async def explain(connection: AsyncConnection, book_id: int, sale_id: int) -> Explained:
    """Raises SaleNotFound."""
    sale = await find_sale(connection, book_id, sale_id)
    line = {"marketplace": sale.marketplace, "order_no": sale.order_no, "line_no": sale.line_no}
    of_line = await connection.execute(_TOLD, {"book": book_id, **line})
    told = [Told(*(*row[:-2], _cells(row.columns, row.raw))) for row in of_line]
    moved = [Moved(*row) for row in await connection.execute(_MOVED, {"book": book_id, "sale": sale_id})]
    return Explained(sale, told, moved, await _working(connection, book_id, sale))


def _cells(columns: Sequence[str], raw: Sequence[str]) -> list[tuple[str, str]]:
    """Those that are not empty."""
    return [(column, cell) for column, cell in zip(columns, raw, strict=False) if cell]


async def _working(connection: AsyncConnection, book_id: int, sale: Sale) -> Working | None:
    if sale.offer_id is None or sale.version_no is None:
        return None
    version = await find_terms(connection, book_id, sale.offer_id, sale.version_no)
    split = evaluate(version.terms.split, sale.due, sale.tier)
    return Working(sale.offer_id, sale.version_no, version.sha256, split.explain())


_TOLD = text("""
    SELECT o.import_id, i.name, i.sha256, i.as_of, o.row_no,
           (s.import_id, s.row_no) = (o.import_id, o.row_no) AS newest, o.state, o.currency, o.quantity, o.refunded,
           o.gmv, o.net_gmv, o.estimated, o.actual, o.due, o.placed_at, o.settled_at, i.columns, o.raw
    FROM settlement.sales AS s
    JOIN settlement.observations AS o USING (book_id, marketplace, order_no, line_no)
    JOIN settlement.imports AS i ON i.book_id = o.book_id AND i.import_id = o.import_id
    WHERE o.book_id = :book AND o.order_no = :order_no AND o.line_no = :line_no AND o.marketplace = :marketplace
    ORDER BY i.as_of DESC, i.sha256 DESC, o.row_no DESC
""")

_MOVED = text(f"""
    SELECT {", ".join(Moved.__struct_fields__)} FROM settlement.accruals
    WHERE book_id = :book AND sale_id = :sale ORDER BY change_no
""")  # noqa: S608 - of constants
