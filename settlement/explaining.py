"""Why a sale stands where it stands: from the rows that told of it to the entries that booked it, and their proofs.

A host sees all of its book. A clipper sees what concerns its own sales: the facts that were read from a row and not the
row, which tells of buyers; no account but its own; and nothing of the time in which a sale was taken for another's.
"""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.seals import InclusionProof, inclusion_proofs
from ledger.splits import evaluate
from licensing.handles import confirmed_accounts
from licensing.offers import find_terms
from settlement.errors import SaleNotFound
from settlement.sale import Sale
from settlement.sales import find_sale


class Told(Struct, frozen=True):
    """What one row of a report said of it; `raw` is the row's own texts by the report's own columns.

    `newest`: this is what counts. To a clipper `name` and `raw` are null: the report is the host's.
    """

    import_id: int
    name: str | None
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
    raw: Sequence[tuple[str, str]] | None


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


class Booked(Struct, frozen=True, kw_only=True):
    """An entry that booked it, together with other sales of the day. `digest` is of the entry's content in hex; `proof`
    shows that a seal holds it, and is null while it waits for the next seal. `description` is null to a clipper.
    """

    entry_id: int
    effective_on: date
    period: date
    description: str | None
    recorded_at: datetime
    digest: str
    proof: InclusionProof | None


class Explained(Struct, frozen=True):
    """`told` is in order of what counts, `moved` in that of what happened; `entries` are those that `moved` names. In
    suspense there is no `working`.
    """

    sale: Sale
    told: Sequence[Told]
    moved: Sequence[Moved]
    working: Working | None
    entries: Sequence[Booked] = ()


async def explain(connection: AsyncConnection, book_id: int, sale_id: int) -> Explained:
    """Raises SaleNotFound."""
    sale = await find_sale(connection, book_id, sale_id)
    moved = await _moved(connection, book_id, sale_id)
    told = await _told(connection, book_id, sale)
    working = await _working(connection, book_id, sale)
    return Explained(sale, told, moved, working, await _booked(connection, book_id, moved))


async def explain_own(connection: AsyncConnection, clipper_id: int, sale_id: int) -> Explained:
    """As the clipper may see it. Raises SaleNotFound where it is not the clipper's."""
    book_id = await book_of_own(connection, clipper_id, sale_id)
    found = await explain(connection, book_id, sale_id)
    sale = found.sale
    accounts = (await confirmed_accounts(connection, [clipper_id]))[clipper_id]
    if f"{sale.platform}:{sale.handle}" not in accounts:
        sale = msgspec.structs.replace(sale, handle=None)
    own = set(await connection.scalars(_GRANTS, {"clipper": clipper_id, "book": book_id}))
    moved = [each for each in found.moved if each.grant_id is None or each.grant_id in own]
    shown = {each.entry_id for each in moved}
    return Explained(
        sale,
        [msgspec.structs.replace(each, name=None, raw=None) for each in found.told],
        moved,
        found.working,
        [msgspec.structs.replace(each, description=None) for each in found.entries if each.entry_id in shown],
    )


async def book_of_own(connection: AsyncConnection, clipper_id: int, sale_id: int) -> int:
    """In whose book a clipper's sale is. Raises SaleNotFound where it is not the clipper's."""
    book_id = await connection.scalar(_OWN, {"clipper": clipper_id, "sale": sale_id})
    if book_id is None:
        raise SaleNotFound("sale", sale_id)
    return int(book_id)


async def _told(connection: AsyncConnection, book_id: int, sale: Sale) -> list[Told]:
    line = {"marketplace": sale.marketplace, "order_no": sale.order_no, "line_no": sale.line_no}
    rows = await connection.execute(_TOLD, {"book": book_id, **line})
    return [Told(*(*row[:-2], _cells(row.columns, row.raw))) for row in rows]


def _cells(columns: Sequence[str], raw: Sequence[str]) -> list[tuple[str, str]]:
    """Those that are not empty."""
    return [(column, cell) for column, cell in zip(columns, raw, strict=False) if cell]


async def _moved(connection: AsyncConnection, book_id: int, sale_id: int) -> list[Moved]:
    return [Moved(*row) for row in await connection.execute(_MOVED, {"book": book_id, "sale": sale_id})]


async def _working(connection: AsyncConnection, book_id: int, sale: Sale) -> Working | None:
    if sale.offer_id is None or sale.version_no is None:
        return None
    version = await find_terms(connection, book_id, sale.offer_id, sale.version_no)
    split = evaluate(version.terms.split, sale.due, sale.tier)
    return Working(sale.offer_id, sale.version_no, version.sha256, split.explain())


async def _booked(connection: AsyncConnection, book_id: int, moved: Sequence[Moved]) -> list[Booked]:
    numbers = [each.entry_id for each in moved]
    proofs = await inclusion_proofs(connection, book_id, numbers)
    rows = await connection.execute(_ENTRIES, {"book": book_id, "entries": numbers})
    return [Booked(**row._mapping, proof=proofs.get(row.entry_id)) for row in rows]


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

_ENTRIES = text("""
    SELECT entry_id, effective_on, period, description, recorded_at, encode(digest, 'hex') AS digest
    FROM ledger.entries WHERE book_id = :book AND entry_id = ANY(CAST(:entries AS bigint[])) ORDER BY entry_id
""")

# Sales are numbered once in the whole service; by book and number they are found at once.
_OWN = text("""
    SELECT book_id FROM settlement.sales
    WHERE sale_id = :sale AND clipper_id = :clipper
      AND book_id IN (SELECT book_id FROM licensing.grants WHERE clipper_id = :clipper)
""")
_GRANTS = text("SELECT grant_id FROM licensing.grants WHERE clipper_id = :clipper AND book_id = :book")
