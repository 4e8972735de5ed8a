"""The sales behind a line of a statement, and what each moved of it in the month.

A line of sales is worked out again by the SQL that drafted it (`drafting.MOVED`), for those sales that it can be about.
Whose a sale was at each change, and of which clip it was told, is on record; its product is what is known of it now.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.statements.drafting import BALANCES, KIND_OF_MOVE, MOVED
from settlement.statements.opening import accounts_of, clipper_of, find_line
from settlement.statements.reading import Amounts, EarningsLine, Statement, amounts_of

_FIRST, _MOST = 500, 8000
"""Of sales that are looked at in one statement of SQL; each time four times as many."""


class LineSale(msgspec.Struct, frozen=True, kw_only=True):
    """A sale, and what it moved of the line in the statement's month, by which entries. `state` is today's."""

    sale_id: int
    marketplace: str
    order_no: str
    line_no: str
    product: str
    sold_on: date
    state: str
    amounts: Amounts
    entries: list[int]


async def sales_behind(
    connection: AsyncConnection,
    book_id: int,
    statement: Statement,
    line_no: int,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[LineSale]:
    """In order of their numbers, those after a number; none for the line of an entry. Raises LineNotFound."""
    line = await find_line(connection, book_id, statement, line_no)
    if line.entry_id is not None:
        return []
    its = _Behind(connection, book_id, statement, line)
    clipper = clipper_of(statement)
    if clipper is None or line.submission_id is not None:
        return await its.walk(after, limit)
    return await its.of_clipper(clipper, after, limit)


class _Behind:
    """The sales behind a line."""

    def __init__(self, connection: AsyncConnection, book_id: int, statement: Statement, line: EarningsLine) -> None:
        self._connection = connection
        self._line = line
        self._asked: Mapping[str, Any] = {
            "book": book_id,
            "month": date.fromisoformat(f"{statement.month}-01"),
            "party": statement.party,
            "accounts": accounts_of(statement),
            "currency": statement.currency,
            "kind": "moved" if line.kind in ("release", "reserve") else line.kind,
            "submission": line.submission_id,
            "product": line.product,
        }

    async def walk(self, after: int, limit: int) -> list[LineSale]:
        """Through the clip's sales, or the book's, as many at once as it takes."""
        candidates = _OF_BOOK if self._line.submission_id is None else _OF_CLIP
        found: list[LineSale] = []
        most = _FIRST
        while len(found) < limit:
            asked = {**self._asked, "after": after, "most": most}
            numbers = list(await self._connection.scalars(candidates, asked))
            found += await self._moved(numbers)
            if len(numbers) < most:
                break
            after, most = numbers[-1], min(most * 4, _MOST)
        return found[:limit]

    async def of_clipper(self, clipper_id: int, after: int, limit: int) -> list[LineSale]:
        """Through all that are the clipper's; and where these do not make up the line, those that were."""
        asked = {**self._asked, "clipper": clipper_id}
        numbers = set(await self._connection.scalars(_OF_CLIPPER, asked))
        found = await self._moved([*numbers])
        if _sums(found) != _sums([self._line]):
            numbers.update(await self._connection.scalars(_LOST, asked))
            found = await self._moved([*numbers])
        return [sale for sale in found if sale.sale_id > after][:limit]

    async def _moved(self, numbers: Sequence[int]) -> list[LineSale]:
        if not numbers:
            return []
        rows = await self._connection.execute(_SALES, {**self._asked, "sales": numbers})
        told = [LineSale(**_facts(row), amounts=self._told(amounts_of(row))) for row in rows]
        return [sale for sale in told if any(msgspec.structs.astuple(sale.amounts)) or self._line.kind not in _SPLIT]

    def _told(self, amounts: Amounts) -> Amounts:
        """Of a sale that went from one balance to another, the part that this line tells."""
        if self._line.kind == "release":
            return Amounts(amounts.held, -amounts.held, 0, 0, 0, 0, 0)
        if self._line.kind == "reserve":
            return Amounts(0, -amounts.reserve, amounts.reserve, 0, 0, 0, 0)
        return amounts


_SPLIT = ("release", "reserve")
"""What `moved` is told as."""


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {name: row._mapping[name] for name in LineSale.__struct_fields__ if name != "amounts"}


def _sums(of: Sequence[LineSale | EarningsLine]) -> list[int]:
    return [sum(getattr(each.amounts, name) for each in of) for name in BALANCES]


# SQL --------------------------------------------------------------------------------------------------------

_OF_CLIP = text("""
    SELECT DISTINCT sale_id FROM settlement.accruals
    WHERE submission_id = :submission AND book_id = :book AND sale_id > :after
    ORDER BY sale_id LIMIT :most
""")
_OF_BOOK = text("""
    SELECT sale_id FROM settlement.sales
    WHERE book_id = :book AND sale_id > :after AND (CAST(:product AS text) IS NULL OR product = :product)
    ORDER BY sale_id LIMIT :most
""")
_OF_CLIPPER = text("""
    SELECT sale_id FROM settlement.sales
    WHERE clipper_id = :clipper AND book_id = :book AND (CAST(:product AS text) IS NULL OR product = :product)
""")

# Those that are another's now: among what was booked in the month by entries that touched the party's accounts.
_LOST = text("""
    WITH own AS MATERIALIZED (
        SELECT grant_id FROM licensing.grants WHERE clipper_id = :clipper AND book_id = :book
    ), entry AS MATERIALIZED (
        SELECT DISTINCT its.entry_id
        FROM ledger.accounts AS account
        JOIN ledger.postings AS line ON line.book_id = :book AND line.account_id = account.account_id
        JOIN ledger.entries AS its ON its.book_id = :book AND its.entry_id = line.entry_id
        WHERE account.book_id = :book AND its.period = :month
          AND account.code = ANY(CAST(:accounts AS text[])) AND account.currency = :currency
    )
    SELECT DISTINCT now.sale_id
    FROM entry
    JOIN settlement.accruals AS now ON now.book_id = :book AND now.entry_id = entry.entry_id
    LEFT JOIN settlement.accruals AS was
        ON was.book_id = :book AND was.sale_id = now.sale_id AND was.change_no = now.change_no - 1
    WHERE now.grant_id IN (SELECT grant_id FROM own) OR was.grant_id IN (SELECT grant_id FROM own)
""")

# Each row is looked up by its own key, whatever the planner believes of tables that have just been filled.
_SALES = text(f"""
    WITH every AS MATERIALIZED (
        SELECT its.* FROM unnest(CAST(:sales AS bigint[])) AS chosen (sale_id) CROSS JOIN LATERAL (
            SELECT * FROM settlement.accruals WHERE book_id = :book AND sale_id = chosen.sale_id OFFSET 0
        ) AS its
    ), change AS MATERIALIZED (
        SELECT every.*, (SELECT currency FROM ledger.postings AS line
                         WHERE line.book_id = :book AND line.entry_id = every.entry_id AND line.line = 1) AS currency
        FROM every
        WHERE (SELECT period FROM ledger.entries AS entry
               WHERE entry.book_id = :book AND entry.entry_id = every.entry_id) = :month
    ), holder AS MATERIALIZED (
        SELECT its.* FROM (SELECT DISTINCT grant_id FROM every) AS named CROSS JOIN LATERAL (
            SELECT grant_id, offer_id, 'clipper-' || clipper_id AS clipper
            FROM licensing.grants WHERE book_id = :book AND grant_id = named.grant_id OFFSET 0
        ) AS its
    ), version AS MATERIALIZED (
        SELECT offer_id, version_no, 'agency-' || (terms ->> 'agency') AS agency
        FROM licensing.terms_versions WHERE book_id = :book
    ), {MOVED}, summed AS (
        SELECT sale_id, sum(held) AS held, sum(available) AS available, sum(reserve) AS reserve, sum(frozen) AS frozen,
               0 AS paying, 0 AS recoverable, array_agg(DISTINCT entry_id ORDER BY entry_id) AS entries
        FROM moved CROSS JOIN LATERAL (SELECT {KIND_OF_MOVE} AS kind) AS named
        WHERE party = :party AND currency = :currency AND kind = :kind AND (
            kind IN ('frozen', 'moved')
            OR submission_id = :submission
            OR submission_id IS NULL AND CAST(:submission AS bigint) IS NULL AND product = :product)
        GROUP BY sale_id
    )
    SELECT summed.*, marketplace, order_no, line_no, product, sold_on, state
    FROM summed JOIN settlement.sales AS sale ON sale.book_id = :book AND sale.sale_id = summed.sale_id
    ORDER BY summed.sale_id
""")  # noqa: S608 - of constants
