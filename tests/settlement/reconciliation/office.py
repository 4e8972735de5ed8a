"""An accountant's office: a book, what its bank and Stripe say, and two people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.balances import trial_balance
from ledger.entries import Line, NewEntry, post
from ledger.money import format_amount
from media.storage import Storage
from settlement.closing import Person
from settlement.reconciliation.bank_files import BankFile, import_file
from settlement.reconciliation.by_hand import MatchRow, list_matches
from settlement.reconciliation.reconciliations import (
    Reconciliation,
    Sums,
    begin,
    find_reconciliation,
)
from settlement.reconciliation.residuals import ResidualRow, explain, list_residuals
from settlement.reconciliation.running import run
from settlement.reconciliation.signing import sign, submit
from tests.licensing.house import Host

ANA = Person(1, "user:1")
BEN = Person(2, "user:2")
OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
BANK = "assets:bank"
OTHER = "equity:opening"

_numbers = count(1)


@dataclass(frozen=True)
class Office:
    engine: AsyncEngine
    storage: Storage
    host: Host

    @property
    def book_id(self) -> int:
        return self.host.book_id

    async def book(
        self,
        amount: int,
        on: str = "2026-10-05",
        reference: str = "",
        *,
        account: str = BANK,
        currency: str = "CNY",
        against: str = OTHER,
        period: date | None = None,
        **metadata: str,
    ) -> int:
        """An entry on the account; its number. `on` is 2026-10-05."""
        told = {**metadata, **({"reference": reference} if reference else {})}
        entry = NewEntry(
            idempotency_key=f"office:{next(_numbers)}",
            effective_on=date.fromisoformat(on),
            description="Booked",
            lines=(Line(account, currency, amount), Line(against, currency, -amount)),
            metadata=told,
            period=period,
        )
        async with self.engine.begin() as connection:
            names = [NewAccount(account, currency), NewAccount(against, currency)]
            await ensure_accounts(connection, self.book_id, names)
            return (await post(connection, self.book_id, entry)).entry_id

    async def hear(self, *rows: Mapping[str, Any], account: str = "DE1") -> BankFile:
        """A CSV of the bank's; rows by column, amounts in minor units."""
        names = [*dict.fromkeys(name for row in rows for name in row)]
        lines = [",".join(names)]
        for row in rows:
            told = {**row, "amount": format_amount(row["amount"], row["currency"]).replace(",", "")}
            lines.append(",".join(str(told.get(name, "")) for name in names))
        return await self.send("\n".join(lines).encode(), account=account)

    async def send(self, content: bytes, *, account: str | None = "DE1") -> BankFile:
        kept, _ = await import_file(
            self.engine, self.storage, self.book_id, content, name="bank.csv", account=account, created_by="test"
        )
        return kept

    async def run(self, account: str = BANK, currency: str = "CNY", month: date = OCTOBER) -> "Desktop":
        """Begun, and run."""
        async with self.engine.begin() as connection:
            its = await begin(connection, self.book_id, ANA, account=account, currency=currency, month=month)
            sums = await run(connection, self.book_id, its.reconciliation_id, ANA)
        assert sums.unproved == 0, sums
        return Desktop(self, its.reconciliation_id, sums)

    async def balances(self) -> dict[str, int]:
        async with self.engine.connect() as connection:
            rows = (await trial_balance(connection, self.book_id)).rows
        return {row.code: row.balance for row in rows if row.balance}


@dataclass(frozen=True)
class Desktop:
    """A reconciliation on the desk."""

    office: Office
    number: int
    sums: Sums

    async def residuals(self) -> list[ResidualRow]:
        """In order of their days."""
        async with self.office.engine.connect() as connection:
            found = await list_residuals(connection, self.office.book_id, self.number, limit=1000)
        return sorted(found, key=lambda its: (its.since, its.kind, its.residual_id))

    async def kinds(self) -> list[tuple[str, int]]:
        """Kinds and amounts of what is not put right, in order of their days."""
        return [(its.kind, its.amount) for its in await self.residuals() if its.entry_id is None]

    async def matches(self) -> list[MatchRow]:
        async with self.office.engine.connect() as connection:
            return await list_matches(connection, self.office.book_id, self.number, limit=1000)

    async def rules(self) -> list[str]:
        return sorted(its.rule for its in await self.matches() if its.undone_at is None)

    async def explain_all(self, reason: str = "Seen") -> None:
        for its in await self.residuals():
            if its.entry_id is None and its.explanation is None:
                async with self.office.engine.begin() as connection:
                    await explain(connection, self.office.book_id, self.number, its.residual_id, ANA, reason)

    async def submit(self, by: Person = ANA) -> None:
        async with self.office.engine.begin() as connection:
            await submit(connection, self.office.book_id, self.number, by)

    async def sign(self, by: Person = BEN) -> None:
        async with self.office.engine.begin() as connection:
            await sign(connection, self.office.book_id, self.number, by)

    async def find(self) -> Reconciliation:
        async with self.office.engine.connect() as connection:
            return await find_reconciliation(connection, self.office.book_id, self.number)


def moved(amount: int, on: str = "2026-10-05", reference: str = "", **more: Any) -> dict[str, Any]:
    """A row of the bank's CSV; the reference is an end-to-end id."""
    named = {"end_to_end_id": reference} if reference else {}
    return {"booked_on": on, "amount": amount, "currency": "CNY", **named, **more}


def only(found: Sequence[ResidualRow], kind: str) -> ResidualRow:
    (its,) = [each for each in found if each.kind == kind]
    return its


@pytest.fixture
def office(app_engine: AsyncEngine, host: Host, storage_url: str) -> Office:
    return Office(app_engine, Storage(storage_url), host)
