"""A host's book at the end of a month: who closes it, and what its statements say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line as EntryLine
from ledger.entries import NewEntry, post
from settlement import closing
from settlement.closing import Person
from settlement.statements.papers import Whole
from settlement.statements.reading import Amounts, all_lines, list_statements, summaries_of
from tests.settlement.till import Till

OCTOBER = date(2026, 10, 1)
FINANCE, APPROVER = Person(1, "user:1"), Person(2, "user:2")
CLOSED = "Nothing that matters"


@dataclass(frozen=True)
class Closer:
    """Closes a till's months; each act is a transaction of its own."""

    till: Till

    @property
    def engine(self) -> AsyncEngine:
        return self.till.engine

    @property
    def book_id(self) -> int:
        return self.till.book_id

    async def draft(self, month: date = OCTOBER, by: Person = FINANCE) -> int:
        async with self.engine.begin() as connection:
            return await closing.draft(connection, self.book_id, month, by)

    async def submit(self, month: date = OCTOBER, by: Person = FINANCE, reason: str | None = CLOSED) -> None:
        async with self.engine.begin() as connection:
            await closing.submit(connection, self.book_id, month, by, reason=reason)

    async def give_back(self, month: date = OCTOBER, by: Person = APPROVER, reason: str = "Look again") -> None:
        async with self.engine.begin() as connection:
            await closing.give_back(connection, self.book_id, month, by, reason=reason)

    async def approve(self, month: date = OCTOBER, by: Person = APPROVER) -> None:
        async with self.engine.begin() as connection:
            await closing.approve(connection, self.book_id, month, by)

    async def close(self, month: date = OCTOBER) -> None:
        await self.draft(month)
        await self.submit(month)
        await self.approve(month)

    async def checklist(self, month: date = OCTOBER) -> closing.Checklist:
        async with self.engine.connect() as connection:
            return await closing.checklist(connection, self.book_id, month)

    async def statement(self, party: str, month: date = OCTOBER, currency: str = "CNY") -> Whole:
        """The party's, which there is one of."""
        async with self.engine.connect() as connection:
            (found,) = await list_statements(
                connection, book_id=self.book_id, month=month, party=party, currency=currency
            )
            summary = await summaries_of(connection, self.book_id, found.statement_id)
            pages = all_lines(connection, self.book_id, found.statement_id)
            return Whole(found, summary, [line async for some in pages for line in some])

    async def post(self, on: date, said: str, lines: Mapping[str, int], currency: str = "CNY") -> int:
        """An entry of finance's; debits positive."""
        async with self.engine.begin() as connection:
            await ensure_accounts(connection, self.book_id, [NewAccount(code, currency) for code in lines])
            its = tuple(EntryLine(code, currency, amount) for code, amount in lines.items())
            entry = NewEntry(idempotency_key=uuid4().hex, effective_on=on, description=said, lines=its)
            return (await post(connection, self.book_id, entry)).entry_id


def told(whole: Whole) -> list[tuple[Any, ...]]:
    """Of each line its kind, what it is about, how many sales are behind it, and what it moved."""
    return [(line.kind, line.label or line.product, line.sales, moved(line.amounts)) for line in whole.lines]


def moved(amounts: Amounts) -> dict[str, int]:
    """By balance, those that are not zero; the total is their sum and left out."""
    names = ("held", "available", "reserve", "frozen", "paying", "recoverable")
    found = {name: getattr(amounts, name) for name in names}
    assert amounts.total == sum(found.values()) - 2 * found["recoverable"]
    return {name: amount for name, amount in found.items() if amount}
