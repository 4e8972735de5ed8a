"""A book that owes its clippers something, whose accounts at the sandbox are ready; and a run that is approved."""

from collections import Counter
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.faults.world import World
from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post_batch
from licensing.tables import parties
from settlement.closing import Person
from settlement.payouts.approving import approve
from settlement.payouts.runs import draft, submit
from settlement.payouts.tables import payout_accounts
from settlement.suspense import book_today

ANA, BEN = Person(1, "user:1"), Person(2, "user:2")
CURRENCIES = (("USD", "US"), ("EUR", "DE"), ("GBP", "GB"), ("JPY", "JP"))
"""With a country in which Stripe pays in it."""


@dataclass
class Payee:
    """A clipper that is owed `owed` and owes `recoverable`, in minor units."""

    clipper_id: int
    currency: str
    owed: int
    recoverable: int
    destination: str

    @property
    def party(self) -> str:
        return f"clipper-{self.clipper_id}"


async def open_purse(world: World, payees: list[Payee], funded: Counter[str]) -> None:
    """Fills `payees` and `funded`. The run is approved when it returns."""
    chance = world.chance
    async with world.real_engine.begin() as connection:
        world.book_id = await connection.scalar(_OPEN, {"slug": f"book-{uuid4().hex}"})
        many = chance.choice((1, 1, 2, 2, 3, 4))
        added = insert(parties).values([{"kind": "clipper", "name": "Ana", "registered_by": "bench"}] * many)
        numbers = (await connection.scalars(added.returning(parties.c.party_id))).all()
        currency, country = chance.choice(CURRENCIES)
        for number in numbers:
            if chance.random() < 0.2:
                currency, country = chance.choice(CURRENCIES)
            account = world.sandbox.new_account(country)
            manual = world.sandbox.state.holders[account].account["settings"]["payouts"]["schedule"]
            manual["interval"] = chance.choice(("manual", "manual", "manual", "daily"))
            owed = chance.randint(50, 100_000)
            recoverable = owed // 10 if chance.random() < 0.2 else 0
            payees.append(Payee(number, currency, owed, recoverable, account))
        await _owe(connection, world.book_id, payees)
        await connection.execute(insert(payout_accounts), [_account(payee) for payee in payees])
        await connection.execute(_SWEPT, {"now": world.clock()})
    _fund(world, payees, funded)
    for connect in (False, True):
        world.sandbox.new_webhook_endpoint("https://clips.example.com/", connect=connect)
    world.sandbox.outbox.waiting.clear()
    await approved(world)


async def approved(world: World) -> None:
    """A run of all that is available."""
    async with world.engine.begin() as connection:
        run = await draft(connection, world.book_id, "stripe", "available", by=ANA)
        await submit(connection, world.book_id, run.run_id, ANA)
        await approve(connection, world.book_id, run.run_id, BEN, world.rail, world.clock())


def _account(payee: Payee) -> dict[str, object]:
    return {
        "party_id": payee.clipper_id,
        "rail": "stripe",
        "destination": payee.destination,
        "country": "US",
        "currencies": [payee.currency],
        "state": "active",
        "created_by": "bench",
    }


async def _owe(connection: AsyncConnection, book_id: int, payees: list[Payee]) -> None:
    lines: list[Line] = []
    for payee in payees:
        earned = payee.owed - payee.recoverable
        lines.append(Line(f"liabilities:available:{payee.party}", payee.currency, -payee.owed))
        lines.append(Line("assets:stripe", payee.currency, earned))
        if payee.recoverable:
            lines.append(Line(f"assets:recoverable:{payee.party}", payee.currency, payee.recoverable))
    accounts = {(line.account, line.currency): None for line in lines}
    await ensure_accounts(connection, book_id, [NewAccount(*name) for name in accounts])
    on = await book_today(connection, book_id)
    earned_entry = NewEntry(idempotency_key="earned", effective_on=on, description="Earned", lines=tuple(lines))
    await post_batch(connection, book_id, [earned_entry])


def _fund(world: World, payees: list[Payee], funded: Counter[str]) -> None:
    """Enough, mostly."""
    wanted: Counter[str] = Counter()
    for payee in payees:
        wanted[payee.currency] += payee.owed
    for currency, amount in wanted.items():
        given = amount if world.chance.random() < 0.85 else amount // 2 + 1
        funded[currency] += given
        world.sandbox.fund(given, currency.lower())


_OPEN = text("""
    INSERT INTO ledger.books (slug, name, time_zone) VALUES (:slug, 'A host', 'UTC') RETURNING book_id
""")
"""As `ledger.books.open_book`, without looking the time zone up, which takes longer than all the rest."""

_SWEPT = text("""
    INSERT INTO settlement.rail_sweeps (rail, what, through, swept_at) VALUES ('stripe', 'movements', :now, :now)
    ON CONFLICT (rail, what) DO UPDATE SET through = :now
""")
