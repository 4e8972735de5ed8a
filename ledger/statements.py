"""Account statements: an account's postings in order of effect, each with the balance after it."""

from datetime import date

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import InvalidCursor


class StatementLine(msgspec.Struct, frozen=True):
    """One posting and the account's balance after it, in minor units, debit positive."""

    effective_on: date
    entry_id: int
    line: int
    description: str
    amount: int
    balance: int


class Place(msgspec.Struct, frozen=True):
    """A place in an account's order of postings; a page of a statement continues after it."""

    effective_on: date
    entry_id: int
    line: int

    def __str__(self) -> str:
        return f"{self.effective_on.isoformat()}.{self.entry_id}.{self.line}"

    @classmethod
    def parse(cls, cursor: str) -> "Place":
        """What `str` wrote. Raises InvalidCursor."""
        try:
            day, entry_id, line = cursor.split(".")
            return cls(date.fromisoformat(day), int(entry_id), int(line))
        except ValueError:
            raise InvalidCursor("cursor", cursor) from None


_PAGE = text("""
    WITH page AS (
        SELECT p.effective_on, p.entry_id, p.line, p.amount
        FROM ledger.postings AS p
        WHERE p.book_id = :book AND p.account_id = :account AND p.effective_on <= :until
          AND (p.effective_on, p.entry_id, p.line) > (:after_day, :after_entry, :after_line)
        ORDER BY p.effective_on, p.entry_id, p.line
        LIMIT :limit
    ), opening AS (
        -- All days before the page's first as movements, that day's earlier postings one by one.
        SELECT coalesce((SELECT sum(m.amount) FROM ledger.movements AS m
                         WHERE m.book_id = :book AND m.account_id = :account AND m.effective_on < f.effective_on), 0)
             + coalesce((SELECT sum(p.amount) FROM ledger.postings AS p
                         WHERE p.book_id = :book AND p.account_id = :account AND p.effective_on = f.effective_on
                           AND (p.entry_id, p.line) < (f.entry_id, f.line)), 0) AS balance
        FROM (SELECT * FROM page ORDER BY effective_on, entry_id, line LIMIT 1) AS f
    )
    SELECT page.effective_on, page.entry_id, page.line, e.description, page.amount,
           o.balance + sum(page.amount) OVER (ORDER BY page.effective_on, page.entry_id, page.line) AS balance
    FROM page
    CROSS JOIN opening AS o
    JOIN ledger.entries AS e ON e.book_id = :book AND e.entry_id = page.entry_id
    ORDER BY page.effective_on, page.entry_id, page.line""")


async def account_statement(
    connection: AsyncConnection,
    book_id: int,
    account_id: int,
    *,
    since: date = date.min,
    until: date = date.max,
    after: Place | None = None,
    limit: int = 100,
) -> list[StatementLine]:
    """A page of postings effective from `since` to `until`, both included, those after a given place."""
    place = after or Place(since, 0, 0)
    asked = {
        "book": book_id,
        "account": account_id,
        "until": until,
        "after_day": place.effective_on,
        "after_entry": place.entry_id,
        "after_line": place.line,
        "limit": limit,
    }
    rows = await connection.execute(_PAGE, asked)
    return [StatementLine(**{**row._mapping, "balance": int(row.balance)}) for row in rows]
