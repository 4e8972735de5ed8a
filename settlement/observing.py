"""Writing down what a report's rows say, ten thousand at a time, and which sales that changes.

Rows travel by COPY, as text made for the whole chunk at once; sales follow from the observations in the database
itself. Every statement costs the same however many sales the book has.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.arrays import array, driver, planned
from settlement.placing import Placed
from settlement.sale import Sale


class Counts(NamedTuple):
    """Sales that came, that were told otherwise than before, and that were known as rows tell them."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def and_(self, more: "Counts") -> "Counts":
        """Of both."""
        return Counts(self.new + more.new, self.changed + more.changed, self.unchanged + more.unchanged)


class Observed(Struct, frozen=True):
    """What rows have changed: `sales` that are told otherwise than before, locked and in order; `was_in`, the
    currencies of those that were told in another one before; and `new` ones, which are not written yet.
    """

    sales: Sequence[Sale]
    was_in: Mapping[int, str]
    new: Sequence[Placed]
    counts: Counts


# Rows -------------------------------------------------------------------------------------------------------

_COPY_OBSERVATIONS = """
    COPY settlement.observations (
        book_id, import_id, row_no, quantity, refunded, gmv, net_gmv, estimated, actual, due, state, placed_at,
        settled_at, marketplace, order_no, line_no, currency, product, platform, handle, content_id, tracking_id,
        territory, raw
    ) FROM STDIN"""
_COPY_PARKED = "COPY settlement.parked_rows (book_id, import_id, row_no, rule, column_name, value, raw) FROM STDIN"


async def write_rows(connection: AsyncConnection, observations: bytes, parked: bytes = b"") -> None:
    """Texts made by `settlement.copying`, in UTF-8."""
    cursor = (await driver(connection)).cursor()
    for statement, rows in ((_COPY_OBSERVATIONS, observations), (_COPY_PARKED, parked)):
        if rows:
            async with cursor.copy(statement) as copy:
                await copy.write(rows)


# Sales ------------------------------------------------------------------------------------------------------

FACTS = Sale.__struct_fields__[1 : Sale.__struct_fields__.index("rule")]
"""What a sale has of its newest observation, as columns; the first three name its line."""

_OF_IMPORT = "(SELECT {} FROM settlement.imports WHERE book_id = %(book)s AND import_id = %(import)s)"
_SOLD_AT = f"coalesce(o.placed_at, {_OF_IMPORT.format('as_of')})"

OBSERVED = f"""
    (
        SELECT o.*, {_OF_IMPORT.format("as_of")} AS as_of, {_OF_IMPORT.format("sha256")} AS sha256,
               {_SOLD_AT} AS sold_at,
               ({_SOLD_AT} AT TIME ZONE (SELECT time_zone FROM ledger.books WHERE book_id = %(book)s))::date AS sold_on
        FROM settlement.observations AS o
        WHERE o.book_id = %(book)s AND o.import_id = %(import)s AND o.row_no = told.row_no
        OFFSET 0
    )"""  # noqa: S608 - of constants
"""A FROM item: the observation of an import that `told.row_no` names, with all FACTS."""

# IS TRUE keeps the sale's look-up to the one index that has its line; others begin with the book. A line that is told
# twice counts as the later row tells it.
_KNOWN = """
    SELECT DISTINCT ON (sale.sale_id) sale.sale_id, told.row_no
    FROM settlement.observations AS told CROSS JOIN LATERAL (
        SELECT s.sale_id FROM settlement.sales AS s
        WHERE s.order_no = told.order_no AND s.line_no = told.line_no AND s.marketplace = told.marketplace
            AND (s.book_id = %(book)s) IS TRUE
        OFFSET 0
    ) AS sale
    WHERE told.book_id = %(book)s AND told.import_id = %(import)s AND told.row_no BETWEEN %(first)s AND %(last)s
    ORDER BY sale.sale_id, told.row_no DESC"""

# In order of their numbers, as everybody does who locks sales.
_LOCK = """
    SELECT FROM unnest(%(sales)s::bigint[]) AS known (sale_id) CROSS JOIN LATERAL (
        SELECT FROM settlement.sales AS s WHERE s.book_id = %(book)s AND s.sale_id = known.sale_id FOR UPDATE
    ) AS locked"""

# `was` is the sale as it stood before this statement, since its row has been locked.
_RENEW = f"""
    WITH was AS MATERIALIZED (
        SELECT told.row_no AS told_no, s.*
        FROM unnest(%(sales)s::bigint[], %(rows)s::bigint[]) AS told (sale_id, row_no) CROSS JOIN LATERAL (
            SELECT s.ctid AS place, s.* FROM settlement.sales AS s
            WHERE s.book_id = %(book)s AND s.sale_id = told.sale_id
            OFFSET 0
        ) AS s
    ), newer AS MATERIALIZED (
        SELECT was.sale_id, was.place, o.*
        FROM was CROSS JOIN LATERAL (SELECT was.told_no AS row_no) AS told CROSS JOIN LATERAL {OBSERVED} AS o
        WHERE (o.as_of, o.sha256, o.row_no) > (was.as_of, was.sha256, was.row_no)
    ), newest AS (
        UPDATE settlement.sales AS s SET {", ".join(f"{name} = newer.{name}" for name in FACTS[3:])}
        FROM newer
        WHERE s.ctid = ANY (ARRAY(SELECT place FROM newer)) AND s.sale_id = newer.sale_id
        RETURNING s.*
    )
    SELECT {", ".join(f"s.{name}" for name in Sale.__struct_fields__)}, was.currency
    FROM newest AS s JOIN was USING (sale_id)
    WHERE ROW (
        s.currency, s.product, s.gmv, s.net_gmv, s.due, s.state, s.platform, s.handle, s.content_id, s.tracking_id,
        s.territory, s.sold_at, s.settled_at
    ) IS DISTINCT FROM ROW (
        was.currency, was.product, was.gmv, was.net_gmv, was.due, was.state, was.platform, was.handle, was.content_id,
        was.tracking_id, was.territory, was.sold_at, was.settled_at
    )
    ORDER BY s.sale_id"""  # noqa: S608 - of constants


async def observe(
    connection: AsyncConnection, book_id: int, import_id: int, first: int, last: int, placed: Sequence[Placed]
) -> Observed:
    """Let these rows of an import tell of their sales, where they are the newest that is known of them.

    `placed` is what the rows tell of, one for each line, by its last row.
    """
    its = {"book": book_id, "import": import_id}
    known = await (await planned(connection, _KNOWN, {**its, "first": first, "last": last})).fetchall()
    changed, was_in = await _renew(connection, its, known) if known else ([], {})
    rows = {row_no for _, row_no in known}
    new = [each for each in placed if each.sale.row_no not in rows] if rows else placed
    return Observed(changed, was_in, new, Counts(len(new), len(changed), len(known) - len(changed)))


async def _renew(
    connection: AsyncConnection, its: Mapping[str, int], known: Sequence[tuple[int, int]]
) -> tuple[list[Sale], dict[int, str]]:
    """The sales that rows tell otherwise, and the currencies of those that were told in another before."""
    told = {**its, "sales": array([sale_id for sale_id, _ in known]), "rows": array([row_no for _, row_no in known])}
    await planned(connection, _LOCK, told)
    sales, was_in = [], {}
    for row in await (await planned(connection, _RENEW, told)).fetchall():
        sale, currency = Sale(*row[:-1]), row[-1]
        sales.append(sale)
        if currency != sale.currency:
            was_in[sale.sale_id] = currency
    return sales, was_in
