"""A line of a statement, opened: the entry that it tells of, and what that was posted for."""

from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.errors import LineNotFound
from settlement.statements.drafting import BALANCES
from settlement.statements.reading import EarningsLine, Statement, lines_of


class LinePosting(msgspec.Struct, frozen=True):
    """One posting of an entry to an account of the party's; debits positive."""

    account: str
    amount: int


class LineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The entry, as far as it is the party's. `seal_no` is null where it waits for the next seal."""

    entry_id: int
    effective_on: date
    recorded_at: datetime
    description: str
    postings: list[LinePosting]
    seal_no: int | None


class LineAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """What two people decided, and why."""

    adjustment_id: int
    kind: str
    amount: int
    against: str
    reason: str
    decided_at: datetime | None


class LineTrueUp(msgspec.Struct, frozen=True, kw_only=True):
    """What a clipper's sales of a month under one version of terms came to: `net_gmv` reached `tier`, and their parties
    had accrued `host_part` and `clipper_part`. `change` is what was posted to this party on top of earlier true-ups.
    """

    true_up_id: int
    clipper_id: int
    sold_in: date
    offer_id: int
    version_no: int
    net_gmv: int
    tier: int
    host_part: int
    clipper_part: int
    change: int


class LineWithholding(msgspec.Struct, frozen=True, kw_only=True):
    """What was withheld of a payment, by which rule, and how it was worked out."""

    paid_on: date
    gross: int
    withheld: int
    authority: str
    code: str
    valid_from: date
    steps: list[str]


class OpenedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line and what it is made of. One with `sales` has no entry of its own: its sales are listed beside it, and so
    are its `true_ups`, of which only the number stands here.
    """

    line: EarningsLine
    entry: LineEntry | None = None
    adjustments: list[LineAdjustment] = []
    withholdings: list[LineWithholding] = []
    true_ups: int = 0


async def find_line(connection: AsyncConnection, book_id: int, statement: Statement, line_no: int) -> EarningsLine:
    """Raises LineNotFound."""
    if 1 <= line_no < 2**31:
        its = await lines_of(connection, book_id, statement.statement_id, after=line_no - 1, limit=1)
        if its and its[0].line_no == line_no:
            return its[0]
    raise LineNotFound("line", line_no)


async def open_line(connection: AsyncConnection, book_id: int, statement: Statement, line_no: int) -> OpenedLine:
    """Raises LineNotFound."""
    line = await find_line(connection, book_id, statement, line_no)
    if line.entry_id is None:
        return OpenedLine(line=line)
    asked = _of_entry(book_id, statement, line)
    entry = (await connection.execute(_ENTRY, asked)).one()
    postings = [LinePosting(*row) for row in await connection.execute(_POSTINGS, asked)]
    return OpenedLine(
        line=line,
        entry=LineEntry(**entry._mapping, postings=postings),
        adjustments=[LineAdjustment(**row._mapping) for row in await connection.execute(_ADJUSTMENTS, asked)],
        withholdings=[LineWithholding(**row._mapping) for row in await connection.execute(_WITHHOLDINGS, asked)],
        true_ups=int((await connection.execute(_COUNT_TRUE_UPS, asked)).scalar_one()),
    )


async def true_ups_behind(
    connection: AsyncConnection,
    book_id: int,
    statement: Statement,
    line_no: int,
    *,
    after: int = 0,
    limit: int = 100,
) -> list[LineTrueUp]:
    """In order of their numbers, those after a number. Raises LineNotFound."""
    line = await find_line(connection, book_id, statement, line_no)
    asked = {**_of_entry(book_id, statement, line), "after": after, "limit": limit}
    return [LineTrueUp(**row._mapping) for row in await connection.execute(_TRUE_UPS, asked)]


def _of_entry(book_id: int, statement: Statement, line: EarningsLine) -> dict[str, Any]:
    return {
        "book": book_id,
        "entry": line.entry_id,
        "party": statement.party,
        "accounts": accounts_of(statement),
        "currency": statement.currency,
        "clipper": clipper_of(statement),
    }


def accounts_of(statement: Statement) -> list[str]:
    """The party's, by their codes."""
    kinds = (f"{'assets' if name == 'recoverable' else 'liabilities'}:{name}" for name in BALANCES)
    return [f"{kind}:{statement.party}" for kind in kinds]


def clipper_of(statement: Statement) -> int | None:
    """Whose it is, if it is a clipper's."""
    kind, _, number = statement.party.partition("-")
    return int(number) if kind == "clipper" else None


# SQL --------------------------------------------------------------------------------------------------------

_ENTRY = text("""
    SELECT entry_id, effective_on, recorded_at, description, seal_no
    FROM ledger.entries LEFT JOIN ledger.sealed_entries AS sealed USING (book_id, entry_id)
    WHERE book_id = :book AND entry_id = :entry
""")
_POSTINGS = text("""
    SELECT account.code, line.amount
    FROM ledger.postings AS line JOIN ledger.accounts AS account USING (book_id, account_id)
    WHERE line.book_id = :book AND line.entry_id = :entry AND line.currency = :currency
      AND account.code = ANY(CAST(:accounts AS text[]))
    ORDER BY line.line
""")
_ADJUSTMENTS = text("""
    SELECT adjustment_id, kind, CASE WHEN party = :party THEN amount ELSE -amount END AS amount, against, reason,
           decided_at
    FROM settlement.adjustments
    WHERE book_id = :book AND entry_id = :entry AND currency = :currency
      AND (party = :party OR :party = 'host' AND against = 'host')
    ORDER BY adjustment_id
""")
_WITHHOLDINGS = text("""
    SELECT paid_on, gross, withheld, authority, code, valid_from, steps
    FROM settlement.withholdings
    WHERE book_id = :book AND entry_id = :entry AND currency = :currency AND party = :party
      AND code IS NOT NULL
    ORDER BY withholding_id
""")
_OF_TRUE_UPS = """
    FROM settlement.true_ups
    WHERE book_id = :book AND currency = :currency AND (entry_id = :entry OR release_entry = :entry)
      AND (:party = 'host' OR clipper_id = CAST(:clipper AS bigint))
"""
_COUNT_TRUE_UPS = text(f"SELECT count(*) {_OF_TRUE_UPS}")
_TRUE_UPS = text(f"""
    SELECT true_up_id, clipper_id, sold_in, offer_id, version_no, net_gmv, tier, host_part, clipper_part,
           CASE :party WHEN 'host' THEN host_change ELSE clipper_change END AS change
    {_OF_TRUE_UPS} AND true_up_id > :after
    ORDER BY true_up_id LIMIT :limit
""")
