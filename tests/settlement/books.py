"""A host's book at the end of a month: who closes it, and what its statements say."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line as EntryLine
from ledger.entries import NewEntry, post
from ledger.seals import seal
from settlement import checklists, closing
from settlement.closing import Person
from settlement.statements.papers import Whole
from settlement.statements.reading import Amounts, all_lines, list_statements, summaries_of
from tests.settlement.till import Till

OCTOBER = date(2026, 10, 1)
FINANCE, APPROVER = Person(1, "user:1"), Person(2, "user:2")
CLOSED = "Nothing that matters"
LATE = "A refund came late"


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

    async def ask_reopening(self, month: date = OCTOBER, by: Person = FINANCE, reason: str = LATE) -> None:
        async with self.engine.begin() as connection:
            await closing.ask_reopening(connection, self.book_id, month, by, reason=reason)

    async def refuse_reopening(self, month: date = OCTOBER, by: Person = APPROVER, reason: str = "It can wait") -> None:
        async with self.engine.begin() as connection:
            await closing.refuse_reopening(connection, self.book_id, month, by, reason=reason)

    async def reopen(self, month: date = OCTOBER, by: Person = APPROVER) -> None:
        async with self.engine.begin() as connection:
            await closing.reopen(connection, self.book_id, month, by)

    async def close(self, month: date = OCTOBER) -> None:
        await self.draft(month)
        await self.submit(month)
        await self.approve(month)

    async def seal(self) -> None:
        """What the job does every few minutes."""
        async with self.engine.begin() as connection:
            await seal(connection, self.book_id)
        async with self.engine.begin() as connection:
            await closing.seal_issued(connection, self.book_id)

    async def sealed(self, month: date = OCTOBER) -> int:
        """The month's seal, once no other transaction of the server is older than its entries."""
        for _ in range(200):
            if (found := (await self.checklist(month)).seal_no) is not None:
                return found
            await asyncio.sleep(0.05)
            await self.seal()
        raise AssertionError("it was never sealed")

    async def checklist(self, month: date = OCTOBER) -> checklists.Checklist:
        async with self.engine.connect() as connection:
            return await checklists.checklist(connection, self.book_id, month)

    async def statement(self, party: str, month: date = OCTOBER, currency: str = "CNY") -> Whole:
        """The party's newest."""
        async with self.engine.connect() as connection:
            found, *_ = await list_statements(
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
