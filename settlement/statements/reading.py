"""Statements as their readers see them: a host all of its book, a clipper or agency its own once they are issued.

What a reopened month had issued stays: it is superseded, and says so.
"""

from collections.abc import AsyncIterator, Collection
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.errors import StatementNotFound
from settlement.statements.drafting import BALANCES, KINDS

Kind = Literal[
    "earned", "refund", "adjustment", "true-up", "release", "reserve", "frozen", "recovery", "withholding", "payout"
]
State = Literal["draft", "submitted", "issued", "superseded"]

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


class StatementSeal(msgspec.Struct, frozen=True):
    """The seal of the ledger through which every entry of the statement's month is sealed; its hash is in hex."""

    seal_no: int
    seal_hash: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A party's month in one currency, in minor units. `host` is the name of the book, `issued_at` null for a draft.

    `revision` grows each time the month is reopened. A superseded one tells by which revision it is replaced, which is
    issued once the month is closed again. `code` is what whoever holds the paper can ask about it. `seal` is null until
    every entry of the month is sealed.
    """

    statement_id: int
    month: str
    revision: int
    state: State
    book: str
    host: str
    party: str
    name: str
    currency: str
    opening: Amounts
    closing: Amounts
    issued_at: datetime | None
    replaced_by: int | None
    code: str
    seal: StatementSeal | None


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


class Place(NamedTuple):
    """A statement, and the line of it that tells of an entry by itself; none where its sales are told by clip."""

    statement_id: int
    line_no: int | None


def amounts_of(row: Row[Any], prefix: str = "") -> Amounts:
    """From a row's columns of these names."""
    found = {name: int(row._mapping[f"{prefix}{name}"]) for name in BALANCES}
    return Amounts(**found, total=sum(found.values()) - 2 * found["recoverable"])


# Reading ----------------------------------------------------------------------------------------------------


async def find_statement(
    connection: AsyncConnection,
    statement_id: int,
    *,
    book_id: int | None = None,
    clipper_id: int | None = None,
    agency_id: int | None = None,
) -> tuple[int, Statement]:
    """The statement and its book: one of the book's, or issued to the clipper or agency. Raises StatementNotFound."""
    query, whose = _whose(_FIND, book_id, clipper_id, agency_id)
    row = (await connection.execute(query, {**whose, "statement": statement_id})).one_or_none()
    if row is None:
        raise StatementNotFound("statement", statement_id)
    return row.book_id, _statement(row)


async def list_statements(
    connection: AsyncConnection,
    *,
    book_id: int | None = None,
    clipper_id: int | None = None,
    agency_id: int | None = None,
    month: date | None = None,
    party: str | None = None,
    currency: str | None = None,
    state: State | None = None,
    name: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Statement]:
    """Newest first: a book's, or those that were issued to a clipper or agency; of every revision. `name` is a part of
    the party's.
    """
    asked = {"month": month, "party": party, "currency": currency, "before": before or BIGINT_MAX, "limit": limit}
    asked |= {"state": state, "name": name}
    query, whose = _whose(_LIST, book_id, clipper_id, agency_id)
    rows = await connection.execute(query, {**whose, **asked})
    return [_statement(row) for row in rows]


async def places_of_entry(
    connection: AsyncConnection, book_id: int, entry_id: int, month: date, whose: Collection[tuple[str, str]]
) -> dict[tuple[str, str], Place]:
    """Where an entry that is booked in the month is told of: by party and currency, of those in `whose` that have a
    statement of it, drafts too.
    """
    parties, currencies = [party for party, _ in whose], [currency for _, currency in whose]
    asked = {"book": book_id, "entry": entry_id, "month": month, "parties": parties, "currencies": currencies}
    rows = await connection.execute(_PLACES, asked)
    return {(row.party, row.currency): Place(row.statement_id, row.line_no) for row in rows}


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


def _whose(
    query: str, book_id: int | None, clipper_id: int | None, agency_id: int | None
) -> tuple[TextClause, dict[str, int]]:
    """For the one of them that asks."""
    asking = ((_OF_BOOK, book_id), (_OF_CLIPPER, clipper_id), (_OF_AGENCY, agency_id))
    ((condition, number),) = ((condition, number) for condition, number in asking if number is not None)
    return text(query.format(condition)), {"whose": number}


def _statement(row: Row[Any]) -> Statement:
    return Statement(
        statement_id=row.statement_id,
        month=row.month.isoformat()[:7],
        revision=row.revision,
        state=row.state,
        book=row.slug,
        host=row.host,
        party=row.party,
        name=row.name,
        currency=row.currency,
        opening=amounts_of(row, "opening_"),
        closing=amounts_of(row, "closing_"),
        issued_at=row.issued_at,
        replaced_by=row.revision + 1 if row.state == "superseded" else None,
        code=row.code.hex,
        seal=None if row.seal_no is None else StatementSeal(row.seal_no, row.seal_hash.hex()),
    )


# SQL --------------------------------------------------------------------------------------------------------

# A month's statements are of its current revision; those of earlier ones were issued, and what had sealed them is kept
# with the reopening that replaced them.
_STATEMENTS = """
    SELECT its.*, book.slug, book.name AS host, standing.state, seal.seal_no, seal.seal_hash,
           CASE WHEN standing.state IN ('issued', 'superseded') THEN (
               SELECT max(at) FROM settlement.closing_events AS event
               WHERE event.book_id = its.book_id AND event.month = its.month AND event.revision = its.revision
                 AND event.action = 'approved'
           ) END AS issued_at
    FROM settlement.statements AS its
    JOIN settlement.closings AS closing USING (book_id, month)
    JOIN ledger.books AS book USING (book_id)
    CROSS JOIN LATERAL (SELECT
        CASE WHEN its.revision < closing.revision THEN 'superseded' ELSE closing.state END AS state,
        CASE WHEN its.revision < closing.revision THEN (
            SELECT CAST(event.detail ->> 'seal_no' AS integer) FROM settlement.closing_events AS event
            WHERE event.book_id = its.book_id AND event.month = its.month AND event.revision = its.revision + 1
              AND event.action = 'reopened'
        ) ELSE closing.seal_no END AS seal_no
    ) AS standing
    LEFT JOIN ledger.seals AS seal ON seal.book_id = its.book_id AND seal.seal_no = standing.seal_no
    WHERE {}
"""
_FIND = f"{_STATEMENTS} AND its.statement_id = :statement"
_LIST = f"""
    {_STATEMENTS}
      AND (CAST(:month AS date) IS NULL OR its.month = :month)
      AND (CAST(:party AS text) IS NULL OR its.party = :party)
      AND (CAST(:currency AS text) IS NULL OR its.currency = :currency)
      AND (CAST(:state AS text) IS NULL OR standing.state = :state)
      AND (CAST(:name AS text) IS NULL OR strpos(lower(its.name), lower(:name)) > 0)
      AND its.statement_id < :before
    ORDER BY its.statement_id DESC LIMIT :limit
"""
# A party has one statement of a month in a currency, of each revision; the newest is the one that counts, or will.
_PLACES = text("""
    SELECT DISTINCT ON (its.party, its.currency) its.party, its.currency, its.statement_id, line.line_no
    FROM unnest(CAST(:parties AS text[]), CAST(:currencies AS text[])) AS whose (party, currency)
    JOIN settlement.statements AS its
        ON its.book_id = :book AND its.month = :month AND its.party = whose.party AND its.currency = whose.currency
    LEFT JOIN LATERAL (
        SELECT min(line_no) AS line_no FROM settlement.statement_lines AS line
        WHERE line.book_id = :book AND line.statement_id = its.statement_id AND line.entry_id = :entry
    ) AS line ON true
    ORDER BY its.party, its.currency, its.revision DESC
""")
_ISSUED = "standing.state IN ('issued', 'superseded')"
_OF_BOOK = "its.book_id = :whose"
_OF_CLIPPER = f"its.clipper_id = :whose AND {_ISSUED}"
_OF_AGENCY = f"its.agency_id = :whose AND {_ISSUED}"
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
