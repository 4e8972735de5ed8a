"""Writing down what a report's rows say, ten thousand at a time, and which sales that changes.

Rows travel by COPY, as text made for the whole chunk at once; sales follow from the observations in the database
itself. Every statement costs the same however many sales the book has.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from psycopg import AsyncConnection as Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.observations import Observation, Quarantined
from settlement.sales import Sale


class Observed(Struct, frozen=True):
    """What rows have changed. `sales` are those that are new or told otherwise than before, locked, in order; `was_in`
    the currencies of those that were told in another one before.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    sales: Sequence[Sale] = ()
    was_in: Mapping[int, str] = {}

    def and_(self, more: "Observed") -> "Observed":
        """The counts of both."""
        return Observed(self.new + more.new, self.changed + more.changed, self.unchanged + more.unchanged)


# Rows -------------------------------------------------------------------------------------------------------

_COPY_OBSERVATIONS = """
    COPY settlement.observations (
        book_id, import_id, row_no, quantity, refunded, gmv, net_gmv, estimated, actual, due, state, placed_at,
        settled_at, marketplace, order_no, line_no, currency, product, platform, handle, content_id, tracking_id,
        territory, raw
    ) FROM STDIN"""
_COPY_PARKED = "COPY settlement.parked_rows (book_id, import_id, row_no, rule, column_name, value, raw) FROM STDIN"


def copied(of: tuple[int, int], rows: Sequence[Observation]) -> str:
    """Observations of (book, import) as COPY reads them.

    No text of a row can hold NUL, so NUL and a letter stand for what must not be escaped, until all is.
    """
    return _escaped(_observed(f"{of[0]}\0t{of[1]}\0t", row) for row in rows)


def _observed(head: str, row: Observation) -> str:
    placed = row.placed_at.isoformat() if row.placed_at else _NULL
    settled = row.settled_at.isoformat() if row.settled_at else _NULL
    texts = "\0t".join((
        row.marketplace, row.order, row.line, row.currency, row.product, row.platform or _NULL, row.handle or _NULL,
        row.content_id or _NULL, row.tracking_id or _NULL, row.territory or _NULL,
    ))  # fmt: skip
    return (
        f"{head}{row.row_no}\0t{row.quantity}\0t{row.refunded}\0t{row.gmv}\0t{row.net_gmv}\0t{row.estimated}"
        f"\0t{row.actual}\0t{row.due}\0t{row.state}\0t{placed}\0t{settled}\0t{texts}\0t{_array(row.raw)}\0n"
    )


def copied_parked(of: tuple[int, int], rows: Sequence[Quarantined]) -> str:
    """Rows that could not be read, likewise."""
    return _escaped(
        f"{of[0]}\0t{of[1]}\0t{row.row_no}\0t{row.rule}\0t{_NULL if row.column is None else row.column}"
        f"\0t{_NULL if row.text is None else row.text}\0t{_array(row.raw)}\0n"
        for row in rows
    )


_NULL = "\0N"


def _array(raw: tuple[str, ...]) -> str:
    joined = "\0,".join(raw)
    if "\\" in joined or '"' in joined:
        joined = joined.replace("\\", "\\\\").replace('"', '\\"')
    return f"\0{{{joined}\0}}" if raw else "\0e"


def _escaped(rows: Iterator[str]) -> str:
    said = "".join(rows)
    for sign, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        if sign in said:
            said = said.replace(sign, escape)
    for mark, sign in (
        ("\0t", "\t"), ("\0n", "\n"), ("\0,", '","'), ("\0{", '{"'), ("\0}", '"}'), ("\0N", "\\N"), ("\0e", "{}"),
    ):  # fmt: skip
        said = said.replace(mark, sign)
    return said


async def write_rows(connection: AsyncConnection, observations: str, parked: str) -> None:
    """Texts made by `copied` and `copied_parked`."""
    cursor = (await driver(connection)).cursor()
    for statement, rows in ((_COPY_OBSERVATIONS, observations), (_COPY_PARKED, parked)):
        if rows:
            async with cursor.copy(statement) as copy:
                await copy.write(rows)


async def driver(connection: AsyncConnection) -> Connection:
    """The driver's own connection, in the same transaction: it copies, and fetches rows without a detour."""
    found = (await connection.get_raw_connection()).driver_connection
    assert isinstance(found, Connection)
    return found


# Sales ------------------------------------------------------------------------------------------------------

_THESE = "book_id = %(book)s AND import_id = %(import)s AND row_no BETWEEN %(first)s AND %(last)s"

# In order of their numbers, as everybody does who locks sales; the sales that are new come later, and imports into a
# book take turns. What is LATERAL is looked up row by row: the server's guesses about a book that grows by thousands of
# sales a second are always too low, and by them it would rather read the whole book each time.
_LOCK = f"""
    WITH told AS MATERIALIZED (
        SELECT DISTINCT marketplace, order_no, line_no FROM settlement.observations WHERE {_THESE}
    ), known AS MATERIALIZED (
        SELECT sale_id FROM told CROSS JOIN LATERAL (
            SELECT sale_id FROM settlement.sales AS s
            WHERE s.book_id = %(book)s AND s.marketplace = told.marketplace AND s.order_no = told.order_no
                AND s.line_no = told.line_no
            OFFSET 0
        ) AS sale
        ORDER BY sale_id
    )
    SELECT FROM known CROSS JOIN LATERAL (
        SELECT FROM settlement.sales AS s WHERE s.book_id = %(book)s AND s.sale_id = known.sale_id FOR UPDATE
    ) AS locked"""  # noqa: S608 - of constants

# `was` is the sale as it stood before this statement, since its row has been locked.
_UPSERT = f"""
    WITH told AS (
        SELECT DISTINCT ON (o.marketplace, o.order_no, o.line_no) o.*, i.as_of, i.sha256, b.time_zone,
               coalesce(o.placed_at, i.as_of) AS sold_at
        FROM settlement.observations AS o
        JOIN settlement.imports AS i USING (book_id, import_id)
        JOIN ledger.books AS b USING (book_id)
        WHERE {_THESE}
        ORDER BY o.marketplace, o.order_no, o.line_no, o.row_no DESC
    ), newest AS (
        INSERT INTO settlement.sales AS s (
            book_id, marketplace, order_no, line_no, as_of, sha256, import_id, row_no, currency, product, gmv, net_gmv,
            due, state, platform, handle, content_id, tracking_id, territory, sold_at, sold_on, settled_at
        )
        SELECT book_id, marketplace, order_no, line_no, as_of, sha256, import_id, row_no, currency, product, gmv,
               net_gmv, due, state, platform, handle, content_id, tracking_id, territory, sold_at,
               (sold_at AT TIME ZONE time_zone)::date, settled_at
        FROM told
        ORDER BY row_no
        ON CONFLICT ON CONSTRAINT sales_line DO UPDATE SET
            as_of = excluded.as_of, sha256 = excluded.sha256, import_id = excluded.import_id,
            row_no = excluded.row_no, currency = excluded.currency, product = excluded.product, gmv = excluded.gmv,
            net_gmv = excluded.net_gmv, due = excluded.due, state = excluded.state, platform = excluded.platform,
            handle = excluded.handle, content_id = excluded.content_id, tracking_id = excluded.tracking_id,
            territory = excluded.territory, sold_at = excluded.sold_at, sold_on = excluded.sold_on,
            settled_at = excluded.settled_at
        WHERE (excluded.as_of, excluded.sha256, excluded.row_no) > (s.as_of, s.sha256, s.row_no)
        RETURNING s.*
    )
    SELECT {", ".join(f"s.{name}" for name in Sale.__struct_fields__)}, was.currency
    FROM newest AS s
    JOIN ledger.books AS b USING (book_id)
    LEFT JOIN LATERAL (
        SELECT * FROM settlement.sales AS before WHERE before.book_id = %(book)s AND before.sale_id = s.sale_id OFFSET 0
    ) AS was ON true
    WHERE was.sale_id IS NULL OR ROW (
        s.currency, s.product, s.gmv, s.net_gmv, s.due, s.state, s.platform, s.handle, s.content_id, s.tracking_id,
        s.territory, s.sold_at, s.settled_at
    ) IS DISTINCT FROM ROW (
        was.currency, was.product, was.gmv, was.net_gmv, was.due, was.state, was.platform, was.handle, was.content_id,
        was.tracking_id, was.territory, was.sold_at, was.settled_at
    )
    ORDER BY s.sale_id"""  # noqa: S608 - of constants


async def observe(connection: AsyncConnection, book_id: int, import_id: int, first: int, last: int) -> Observed:
    """Let these rows of an import tell of their sales, where they are the newest that is known of them."""
    cursor = (await driver(connection)).cursor(binary=True)
    these = {"book": book_id, "import": import_id, "first": first, "last": last}
    await cursor.execute(_LOCK, these)
    known = cursor.rowcount
    await cursor.execute(_UPSERT, these)
    sales, was_in, new = [], {}, 0
    for row in await cursor.fetchall():
        sale = Sale(*row[:-1])
        sales.append(sale)
        if row[-1] is None:
            new += 1
        elif row[-1] != sale.currency:
            was_in[sale.sale_id] = row[-1]
    changed = len(sales) - new
    return Observed(new, changed, known - changed, sales, was_in)
