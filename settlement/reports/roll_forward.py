"""The roll-forward of a month: how what is owed to hosts, clippers and agencies came from its opening to its closing.

Payables are a party's five liability accounts: held, available, reserve, frozen, paying. What goes from one of them to
another is no movement here. A month is what is booked in it. Entries of sales are told apart by what they changed for
each sale (`settlement.accruals`), every other entry by its own lines, just as on statements; openings and closings are
the ledger's balances. So that the one explains the other is proved by each report itself: `difference` is what of the
closing nothing explains, and nothing but zero is sound.

Of a large book a locked month is kept row by row, and then is not summed again (`settlement.rolled`).

One column differs from statements: a statement counts what a party owes against the rest, so that what was kept back
for it is no movement there. Here it is, in `recoveries`.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from ledger.periods import format_period
from ledger.sheets import decimal_of
from settlement.reports.books import Book, Links, find_reported
from settlement.reports.roll_forward_sql import AMOUNTS, MOVES, query_of
from settlement.rolled import find_rolled

By = Literal["kind", "party"]


class Movement(Struct, frozen=True, kw_only=True):
    """Of one party, or of all of a kind (`host`, `clippers`, `agencies`), or of `all`; in minor units, positive for
    what is owed to it. `recoverable` is what it owes at the end, which the closing does not count.
    """

    party: str
    currency: str
    opening: int
    earned: int
    refunds: int
    adjustments: int
    true_ups: int
    withholding: int
    recoveries: int
    payouts: int
    closing: int
    recoverable: int
    difference: int
    links: Links


class RollForward(Struct, frozen=True, kw_only=True):
    """A page of rows; `totals` are of all parties, by currency. `proved`: every row's movements make up its closing,
    on whatever page it is.
    """

    book: str
    month: str
    as_of: date
    proved: bool
    rows: Sequence[Movement]
    totals: Sequence[Movement]
    next_cursor: str | None = None


class _Query(NamedTuple):
    """Which rows."""

    month: date
    by: By
    party: str | None
    offset: int
    limit: int | None


async def roll_forward(
    connection: AsyncConnection,
    book_id: int,
    month: date,
    *,
    by: By = "kind",
    party: str | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> RollForward:
    """By kinds of parties or party by party, or of one party; those who had anything, were owed it, or moved: the rows
    after so many, all of them without a limit. It reads twice, and has to do so in one snapshot.
    """
    kept = await find_rolled(connection, book_id, month)
    its = _Query(month, by, party, offset, limit)
    return await _report(connection, book_id, its, kept is not None and kept.final)


async def roll_forward_lately(
    connection: AsyncConnection, book_id: int, month: date, *, by: By = "kind", offset: int = 0, limit: int = 100
) -> tuple[RollForward, datetime | None]:
    """The same as it was some minutes ago, if it is not final and is kept; and as of when."""
    kept = await find_rolled(connection, book_id, month)
    report = await _report(connection, book_id, _Query(month, by, None, offset, limit), kept is not None)
    return report, None if kept is None or kept.final else kept.as_of


def sheet(report: RollForward) -> Iterator[Sequence[object]]:
    """A row for each row and total, below a heading. Amounts are decimals."""
    names = ("party", "currency", *AMOUNTS, "difference")
    yield ("month", *names)
    for row in (*report.rows, *report.totals):
        amounts = (decimal_of(getattr(row, name), row.currency) for name in names[2:])
        yield report.month, row.party, row.currency, *amounts


async def _report(connection: AsyncConnection, book_id: int, its: _Query, kept: bool) -> RollForward:
    book = await find_reported(connection, book_id)
    until = BIGINT_MAX if its.limit is None else its.offset + its.limit + 1  # the one too many tells that there is more
    asked = {"book": book_id, "month": its.month, "party": its.party, "after": its.offset, "until": until}
    alone = its.party is not None
    found = (await connection.execute(query_of(alone or its.by == "party", kept, alone), asked)).all()
    rows, totals = [row for row in found if row.place], [row for row in found if not row.place]
    shown = rows[: its.limit]
    return RollForward(
        book=book.slug,
        month=format_period(its.month),
        as_of=book.today,
        proved=all(row.proved for row in totals),
        rows=[_movement(book, its.month, row) for row in shown],
        totals=[_movement(book, its.month, row) for row in totals],
        next_cursor=str(its.offset + len(shown)) if len(rows) > len(shown) else None,
    )


def _movement(book: Book, month: date, row: Row[Any]) -> Movement:
    amounts = {name: int(row._mapping[name]) for name in AMOUNTS}
    explained = amounts["opening"] + sum(amounts[move] for move in MOVES)
    through = format_period(month)
    party = row.party if row.party == "host" or "-" in row.party else None
    of_month = book.link("statements", month=through, party=party, currency=row.currency)
    links = {**dict.fromkeys(MOVES, of_month), "closing": book.link("trial-balance", through=through)}
    difference = amounts["closing"] - explained
    return Movement(party=row.party, currency=row.currency, **amounts, difference=difference, links=links)
