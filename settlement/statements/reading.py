"""Statements as their readers see them: a host all of its book, a clipper its own once they are issued."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.errors import StatementNotFound
from settlement.statements.drafting import BALANCES, KINDS

Kind = Literal[
    "earned", "refund", "adjustment", "true-up", "release", "reserve", "frozen", "recovery", "withholding", "payout"
]
State = Literal["draft", "submitted", "issued"]

_AT_ONCE = 5000  # lines of one statement of SQL


class Amounts(msgspec.Struct, frozen=True):
    """Of each of a party's accounts, and what they sum up to: what it owes (`recoverable`) counts against the rest."""

    held: int
    available: int
    reserve: int
    frozen: int
    paying: int
    recoverable: int
    total: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A party's month in one currency, in minor units. `host` is the name of the book, `issued_at` null for a draft."""

    statement_id: int
    month: str
    state: State
    book: str
    host: str
    party: str
    name: str
    currency: str
    opening: Amounts
    closing: Amounts
    issued_at: datetime | None


class Summary(msgspec.Struct, frozen=True):
    """All lines of one kind."""

    kind: Kind
    lines: int
    amounts: Amounts


class EarningsLine(msgspec.Struct, frozen=True, kw_only=True):
    """What moved. `label` is the clip's title or the entry's description, `sales` how many sales are behind it."""

    line_no: int
    kind: Kind
    submission_id: int | None
    product: str | None
    entry_id: int | None
    label: str | None
    sales: int
    amounts: Amounts


def amounts_of(row: Row[Any], prefix: str = "") -> Amounts:
    """From a row's columns of these names."""
    found = {name: int(row._mapping[f"{prefix}{name}"]) for name in BALANCES}
    return Amounts(**found, total=sum(found.values()) - 2 * found["recoverable"])


# Reading ----------------------------------------------------------------------------------------------------


async def find_statement(
    connection: AsyncConnection, statement_id: int, *, book_id: int | None = None, clipper_id: int | None = None
) -> tuple[int, Statement]:
    """The statement and its book: one of the book's, or an issued one of the clipper's. Raises StatementNotFound."""
    asked = {"book": book_id, "clipper": clipper_id, "statement": statement_id}
    row = (await connection.execute(_whose(_FIND, book_id, clipper_id), asked)).one_or_none()
    if row is None:
        raise StatementNotFound("statement", statement_id)
    return row.book_id, _statement(row)


async def list_statements(
    connection: AsyncConnection,
    *,
    book_id: int | None = None,
    clipper_id: int | None = None,
    month: date | None = None,
    party: str | None = None,
    currency: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Statement]:
    """Newest first: a book's, or those of a clipper that are issued."""
    asked = {"month": month, "party": party, "currency": currency, "before": before or BIGINT_MAX, "limit": limit}
    whose = {"book": book_id, "clipper": clipper_id}
    rows = await connection.execute(_whose(_LIST, book_id, clipper_id), {**whose, **asked})
    return [_statement(row) for row in rows]


async def summaries_of(connection: AsyncConnection, book_id: int, statement_id: int) -> list[Summary]:
    """By kind, in the order of the lines."""
    rows = await connection.execute(_SUMMARIES, {"book": book_id, "statement": statement_id})
    return [
        Summary(row.kind, row.lines, amounts_of(row)) for row in sorted(rows, key=lambda row: KINDS.index(row.kind))
    ]


async def lines_of(
    connection: AsyncConnection, book_id: int, statement_id: int, *, after: int = 0, limit: int = 100
) -> list[EarningsLine]:
    """A page of lines, those after a number."""
    asked = {"book": book_id, "statement": statement_id, "after": after, "limit": limit}
    return [
        EarningsLine(
            line_no=row.line_no,
            kind=row.kind,
            submission_id=row.submission_id,
            product=row.product,
            entry_id=row.entry_id,
            label=row.label,
            sales=row.sales,
            amounts=amounts_of(row),
        )
        for row in await connection.execute(_LINES, asked)
    ]


async def all_lines(connection: AsyncConnection, book_id: int, statement_id: int) -> AsyncIterator[list[EarningsLine]]:
    """Every line, some at once."""
    after = 0
    while some := await lines_of(connection, book_id, statement_id, after=after, limit=_AT_ONCE):
        yield some
        after = some[-1].line_no


def _whose(query: str, book_id: int | None, clipper_id: int | None) -> TextClause:
    """For either the book or the clipper."""
    assert (book_id is None) != (clipper_id is None)
    return text(query.format(_OF_CLIPPER if book_id is None else _OF_BOOK))


def _statement(row: Row[Any]) -> Statement:
    return Statement(
        statement_id=row.statement_id,
        month=row.month.isoformat()[:7],
        state=row.state,
        book=row.slug,
        host=row.host,
        party=row.party,
        name=row.name,
        currency=row.currency,
        opening=amounts_of(row, "opening_"),
        closing=amounts_of(row, "closing_"),
        issued_at=row.issued_at,
    )


# SQL --------------------------------------------------------------------------------------------------------

_STATEMENTS = """
    SELECT its.*, closing.state, book.slug, book.name AS host,
           CASE closing.state WHEN 'issued' THEN (
               SELECT max(at) FROM settlement.closing_events AS event
               WHERE event.book_id = its.book_id AND event.month = its.month AND event.action = 'approved'
           ) END AS issued_at
    FROM settlement.statements AS its
    JOIN settlement.closings AS closing USING (book_id, month)
    JOIN ledger.books AS book USING (book_id)
    WHERE {}
"""
_FIND = f"{_STATEMENTS} AND its.statement_id = :statement"
_LIST = f"""
    {_STATEMENTS}
      AND (CAST(:month AS date) IS NULL OR its.month = :month)
      AND (CAST(:party AS text) IS NULL OR its.party = :party)
      AND (CAST(:currency AS text) IS NULL OR its.currency = :currency)
      AND its.statement_id < :before
    ORDER BY its.statement_id DESC LIMIT :limit
"""
_OF_BOOK = "its.book_id = :book"
_OF_CLIPPER = "its.clipper_id = :clipper AND closing.state = 'issued'"
_SUMMARIES = text(f"""
    SELECT kind, count(*) AS lines, {", ".join(f"sum({name}) AS {name}" for name in BALANCES)}
    FROM settlement.statement_lines
    WHERE book_id = :book AND statement_id = :statement GROUP BY kind
""")  # noqa: S608 - of constants
_LINES = text("""
    SELECT * FROM settlement.statement_lines
    WHERE book_id = :book AND statement_id = :statement AND line_no > :after
    ORDER BY line_no LIMIT :limit
""")
