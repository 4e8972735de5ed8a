"""A book that owes its clippers something, and a rail that answers as it is told."""

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Literal

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.balances import trial_balance
from ledger.entries import Line, NewEntry, post_batch
from settlement.closing import Person
from settlement.payouts.approving import approve
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.pace import Pace
from settlement.payouts.payouts import Payout, events_of, list_payouts
from settlement.payouts.runs import draft, find_run, submit
from settlement.payouts.sending import Sender
from settlement.payouts.tables import payout_accounts
from settlement.rails.protocol import (
    Limits,
    Movement,
    Order,
    Outcome,
    RailBalance,
    RailError,
    Refused,
    Sent,
    TransferStatus,
    Unknown,
)
from settlement.suspense import book_today
from tests.licensing.house import Clipper, Host, NewClipper

ANA = Person(1, "user:1")
BEN = Person(2, "user:2")

_numbers = count(1)

Answer = Outcome | Exception | Literal["lost-before", "lost-after"]
"""An outcome, a fault of ours, or no answer: before anything was done, or after it was."""


@dataclass
class ScriptedRail:
    """Pays once for each key, and keeps what it has done; `script` are the answers to the next calls for a group."""

    clock: "Hands"
    script: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    usual: list[Answer] = field(default_factory=list)
    calls: list[Order] = field(default_factory=list)
    paid: dict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    by_key: dict[str, Sent] = field(default_factory=dict)
    looks: list[RailError] = field(default_factory=list)
    name: str = "stripe"
    answers: Literal["at-once", "by-file"] = "at-once"
    currencies: frozenset[str] = frozenset({"CNY", "USD"})

    def limits(self, currency: str) -> Limits:
        return Limits(1, 10**15)

    def refusal(self, order: Order) -> Refused | None:
        return None

    def request_hash(self, order: Order) -> str:
        said = (order.group, order.destination, order.amount, order.currency, order.description)
        return hashlib.sha256(repr(said).encode()).hexdigest()

    async def send(self, order: Order) -> Outcome:
        self.calls.append(order)
        script = self.script[order.group] or self.usual
        answer = script.pop(0) if script else None
        if isinstance(answer, Exception):
            raise answer
        if answer == "lost-before":
            return Unknown("no answer")
        if answer is not None and answer != "lost-after":
            return answer
        sent = self._pay(order)
        return Unknown("no answer") if answer == "lost-after" else sent

    def _pay(self, order: Order) -> Sent:
        if order.key not in self.by_key:
            self.by_key[order.key] = Sent(f"tr_{next(_numbers)}", self.clock())
            self.paid[order.group].append(self.by_key[order.key])
        return self.by_key[order.key]

    async def look_up(self, order: Order) -> Sent | None:
        if self.looks:
            raise self.looks.pop(0)
        found = self.paid.get(order.group)
        return found[0] if found else None

    async def reverse(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        raise NotImplementedError

    async def status(self, reference: str) -> TransferStatus | None:
        raise NotImplementedError

    async def balance(self) -> Sequence[RailBalance]:
        raise NotImplementedError

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        raise NotImplementedError


class Hands:
    """A clock whose hands are moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(frozen=True)
class Purse:
    """A book that pays, its rail and its clock."""

    engine: AsyncEngine
    host: Host
    rail: ScriptedRail
    clock: Hands

    @property
    def book_id(self) -> int:
        return self.host.book_id

    async def owe(
        self, party: str, amount: int, currency: str = "CNY", *, recoverable: int = 0, lies: str = "assets:stripe"
    ) -> None:
        """Make so much available; it came from a marketplace, and lies at Stripe unless otherwise said."""
        accounts = {
            f"liabilities:available:{party}": -amount,
            f"assets:recoverable:{party}": recoverable,
            lies: amount - recoverable,
        }
        lines = tuple(Line(account, currency, its) for account, its in accounts.items() if its)
        async with self.engine.begin() as connection:
            await ensure_accounts(connection, self.book_id, [NewAccount(line.account, currency) for line in lines])
            on = await book_today(connection, self.book_id)
            entry = NewEntry(
                idempotency_key=f"earned:{next(_numbers)}", effective_on=on, description="Earned", lines=lines
            )
            await post_batch(connection, self.book_id, [entry])

    async def move(self, source: str, target: str, amount: int, currency: str = "CNY") -> None:
        """From one account to another."""
        lines = (Line(target, currency, amount), Line(source, currency, -amount))
        async with self.engine.begin() as connection:
            await ensure_accounts(connection, self.book_id, [NewAccount(line.account, currency) for line in lines])
            on = await book_today(connection, self.book_id)
            key = f"moved:{next(_numbers)}"
            entry = NewEntry(idempotency_key=key, effective_on=on, description="Moved", lines=lines)
            await post_batch(connection, self.book_id, [entry])

    async def account(self, clipper: Clipper, state: str = "active", currencies: Iterable[str] = ("CNY",)) -> int:
        """Where the clipper is paid to."""
        row = insert(payout_accounts).values(
            party_id=clipper.clipper_id,
            rail="stripe",
            destination=f"acct_{clipper.clipper_id}",
            country="CN",
            currencies=[*currencies],
            state=state,
            created_by="test",
        )
        async with self.engine.begin() as connection:
            number = (await connection.execute(row.returning(payout_accounts.c.account_id))).scalar_one()
        return int(number)

    async def approved(self) -> int:
        """A run of all that is available, drafted and submitted by one and approved by another."""
        async with self.engine.begin() as connection:
            run = await draft(connection, self.book_id, "stripe", "available", by=ANA)
        async with self.engine.begin() as connection:
            await submit(connection, self.book_id, run.run_id, ANA)
        async with self.engine.begin() as connection:
            await approve(connection, self.book_id, run.run_id, BEN, self.rail, self.clock())
        return run.run_id

    def sender(self, **changed: Any) -> Sender:
        """A worker."""
        pace = Pace(None, sleep=_no_sleep)
        usual = {"pace": pace, "clock": self.clock, "sleep": _no_sleep}
        return Sender(self.engine, self.rail, "stripe", **{**usual, **changed})

    async def send(self) -> None:
        await self.sender().send_due(self.book_id)

    async def look_up(self) -> None:
        await look_up_due(self.engine, self.rail, "stripe", self.book_id, clock=self.clock)

    async def payouts(self) -> list[Payout]:
        """In order of their numbers."""
        async with self.engine.connect() as connection:
            return [*reversed(await list_payouts(connection, self.book_id))]

    async def payout(self) -> Payout:
        """The only one."""
        (found,) = await self.payouts()
        return found

    async def run_state(self, run_id: int) -> str:
        async with self.engine.connect() as connection:
            return (await find_run(connection, self.book_id, run_id)).state

    async def balances(self, currency: str = "CNY") -> dict[str, int]:
        """Of every account with something on it; debits positive."""
        async with self.engine.connect() as connection:
            rows = (await trial_balance(connection, self.book_id)).rows
        return {row.code: row.balance for row in rows if row.balance and row.currency == currency}

    async def trail(self, payout_id: int) -> list[str]:
        """What happened to a payout."""
        async with self.engine.connect() as connection:
            return [each.action for each in await events_of(connection, self.book_id, payout_id)]


async def _no_sleep(seconds: float) -> None:
    """Time does not matter here."""


@pytest.fixture
async def purse(app_engine: AsyncEngine, host: Host) -> Purse:
    clock = Hands()
    return Purse(app_engine, host, ScriptedRail(clock), clock)


NewPayee = Callable[..., Any]


@pytest.fixture
def new_payee(purse: Purse, new_clipper: NewClipper) -> NewPayee:
    """A clipper that is owed something, and its account."""

    async def made(amount: int = 10_000, currency: str = "CNY", **owed: Any) -> Clipper:
        clipper = await new_clipper()
        await purse.owe(f"clipper-{clipper.clipper_id}", amount, currency, **owed)
        await purse.account(clipper, currencies=(currency,))
        return clipper

    return made
