"""All that moves a book at the end of a month, at once, in any order: nobody waits in a circle, and the books prove."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.errors import LedgerError
from ledger.seals import seal
from ledger.splits import Tier
from ledger.verification import verify
from settlement import adjustments, closing
from settlement.adjustments import Proposed
from settlement.checklists import checklist
from settlement.closing import Person
from settlement.errors import SettlementError
from settlement.payouts import approving, runs, steps
from settlement.payouts.observing import funds_came
from settlement.rails.protocol import Refused, Unfunded
from settlement.recovering import recover_negative
from settlement.remittances import NewRemittance, record_remittances, reverse_remittance
from settlement.settling import settle_due
from settlement.statements.drafting import outdated, prove_statements
from settlement.suspense import book_today
from settlement.tax_rules import add_rule, set_profile
from settlement.true_ups import release_true_ups
from settlement.withholding import Bracket, Brackets
from tests.licensing.house import SPLIT, TERMS, Granted, NewGrant
from tests.settlement.books import Closer
from tests.settlement.payouts.purse import Purse, purse  # noqa: F401 - a fixture
from tests.settlement.till import Till, by, facts

SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)
PEOPLE = [Person(number, f"user:{number}") for number in (1, 2, 3)]
WORKERS, ACTS = 6, 45
NEXT = {
    "open": ["draft"],
    "draft": ["draft", "submit", "submit"],
    "submitted": ["approve", "approve", "give_back"],
    "issued": ["ask", "reopen", "refuse"],
}
"""Steps of a month's close; by the time that one is taken another may have been."""
TIERED = msgspec.structs.replace(
    TERMS, split=msgspec.structs.replace(SPLIT, tiers=(Tier(50_000, (3, 7)),)), minimum_payout=0
)


class Office:
    """Does one thing after another to the book, whatever comes to mind; what is refused is refused."""

    def __init__(self, till: Till, purse: Purse, grants: list[Granted], dice: random.Random) -> None:  # noqa: F811
        self.till = till
        self.purse = purse
        self.grants = grants
        self.dice = dice
        self.done: Counter[str] = Counter()

    async def act(self) -> None:
        does = self.dice.choice(ACTIONS)
        try:
            await does(self)
        except (SettlementError, LedgerError) as refused:
            self.done[type(refused).__name__] += 1
        else:
            self.done[does.__name__] += 1

    async def sell(self) -> None:
        day = self.dice.choice([date(2026, 9, 20), date(2026, 10, 20), date(2026, 11, 20)])
        its = by(self.dice.choice(self.grants))
        await self.till.sell(*(facts(**its, sold_on=day, net_gmv=40_000, state="settled") for _ in range(3)))

    async def refund(self) -> None:
        if numbers := await self.numbers("SELECT sale_id FROM settlement.sales WHERE book_id = :book"):
            (sold,) = await self.till.sales([self.dice.choice(numbers)])
            await self.till.tell(sold, due=self.dice.choice([0, 100, 13_020]), net_gmv=self.dice.choice([0, 90_000]))

    async def settle(self) -> None:
        await settle_due(self.till.engine, self.till.book_id, today=date(2026, 11, self.dice.randint(1, 23)))

    async def close(self) -> None:
        month, by_whom = self.dice.choice([SEPTEMBER, OCTOBER]), self.dice.choice(PEOPLE)
        its = self.till.book_id, month, by_whom
        async with self.till.engine.connect() as connection:
            state = (await checklist(connection, self.till.book_id, month)).state
        step = self.dice.choice(NEXT[state])
        async with self.till.engine.begin() as connection:
            match step:
                case "submit":
                    await closing.submit(connection, *its, reason="So it is")
                case "give_back":
                    await closing.give_back(connection, *its, reason="Look again")
                case "ask":
                    await closing.ask_reopening(connection, *its, reason="Something came")
                case "refuse":
                    await closing.refuse_reopening(connection, *its, reason="It can wait")
                case _:
                    await getattr(closing, step)(connection, *its)
        self.done[step] += 1

    async def seal(self) -> None:
        for do in (seal, closing.seal_issued):
            async with self.till.engine.begin() as connection:
                await do(connection, self.till.book_id)

    async def adjust(self) -> None:
        asked = Proposed(
            kind=self.dice.choice(["adjustment", "adjustment", "write-off"]),
            party=self.party(),
            currency="CNY",
            amount=self.dice.choice([500, 700]),
            against="book",
            reason="A mistake",
        )
        by_whom = self.dice.choice(PEOPLE)
        async with self.till.engine.begin() as connection:
            await adjustments.propose(connection, self.till.book_id, by_whom, asked)

    async def decide(self) -> None:
        query = "SELECT adjustment_id FROM settlement.adjustments WHERE book_id = :book AND state = 'proposed'"
        for number in (await self.numbers(query))[-2:]:
            async with self.till.engine.begin() as connection:
                await adjustments.approve(connection, self.till.book_id, number, self.dice.choice(PEOPLE))

    async def remit(self) -> None:
        told = [
            NewRemittance(
                marketplace="tiktok",
                currency="CNY",
                amount=1_000,
                received_on=date(2026, self.dice.choice([9, 10, 11]), 20),
                account="assets:stripe",
                reference=f"r-{self.dice.randint(1, 9)}",
            )
            for _ in range(2)
        ]
        async with self.till.engine.begin() as connection:
            await record_remittances(connection, self.till.book_id, "user:1", told)

    async def take_back(self) -> None:
        query = "SELECT remittance_id FROM settlement.remittances WHERE book_id = :book AND reversed_by IS NULL"
        if numbers := await self.numbers(query):
            async with self.till.engine.begin() as connection:
                number = self.dice.choice(numbers)
                await reverse_remittance(connection, self.till.book_id, "user:1", number, "A mistake")

    async def recover(self) -> None:
        for last in (release_true_ups, recover_negative):
            async with self.till.engine.begin() as connection:
                await last(connection, self.till.book_id, await book_today(connection, self.till.book_id))

    async def pay(self) -> None:
        """A run, from its plan to its approval."""
        query = "SELECT run_id FROM settlement.payout_runs WHERE book_id = :book AND state IN ('draft', 'submitted')"
        if numbers := await self.numbers(query):
            async with self.till.engine.begin() as connection:
                await runs.give_back(connection, self.till.book_id, numbers[0], PEOPLE[2], reason="Anew")
            async with self.till.engine.begin() as connection:
                await runs.plan_again(connection, self.till.book_id, numbers[0], PEOPLE[0])
        else:
            async with self.till.engine.begin() as connection:
                its = await runs.draft(connection, self.till.book_id, "stripe", self.basis(), by=PEOPLE[0])
                numbers = [its.run_id]
        async with self.till.engine.begin() as connection:
            await runs.submit(connection, self.till.book_id, numbers[0], PEOPLE[0])
        await self.approve_run()

    async def approve_run(self) -> None:
        query = "SELECT run_id FROM settlement.payout_runs WHERE book_id = :book AND state = 'submitted'"
        for number in await self.numbers(query):
            async with self.till.engine.begin() as connection:
                clock = self.purse.clock()
                await approving.approve(connection, self.till.book_id, number, PEOPLE[1], self.purse.rail, clock)

    async def send(self) -> None:
        self.purse.rail.usual.append(
            self.dice.choice([Unfunded("none"), Refused("no", "no", "payee", retriable=True), "lost-after"])
        )
        await self.purse.send()

    async def look_up(self) -> None:
        self.purse.clock.pass_(minutes=2)
        await self.purse.look_up()
        await funds_came(self.till.engine, "stripe", clock=self.purse.clock)

    async def step(self) -> None:
        """What happens to payouts besides."""
        numbers = await self.numbers(
            "SELECT payout_id FROM settlement.payouts WHERE book_id = :book AND approval_entry IS NOT NULL"
        )
        some = self.dice.sample(numbers, min(len(numbers), 3))
        book_id, now = self.till.book_id, self.purse.clock()
        async with self.till.engine.begin() as connection:
            match self.dice.choice(["confirm", "confirm", "cancel", "retry", "come_back"]) if some else "":
                case "confirm":
                    await steps.confirm(connection, book_id, some, now)
                case "cancel":
                    await steps.cancel(connection, book_id, some[:1], "user:1", "Not so", now)
                case "retry":
                    await steps.retry(connection, book_id, some[0], "user:1", now)
                case "come_back":
                    await steps.come_back(connection, book_id, some[0], self.dice.choice([1, 2, 300]), "closed", now)

    async def tax(self) -> None:
        async with self.till.engine.begin() as connection:
            code = self.dice.choice([None, "cn"])
            await set_profile(connection, self.till.book_id, "user:1", self.party(), code, OCTOBER, "As the law says")

    def party(self) -> str:
        return f"clipper-{self.dice.choice(self.grants).clipper.clipper_id}"

    def basis(self) -> Any:
        return self.dice.choice(["statement", "available"])

    async def numbers(self, query: str) -> list[int]:
        async with self.till.engine.connect() as connection:
            return [*await connection.scalars(text(query), {"book": self.till.book_id})]


Action = Callable[[Office], Awaitable[None]]
ACTIONS: tuple[Action, ...] = (
    Office.sell,
    Office.refund,
    Office.settle,
    *(Office.close,) * 6,
    Office.seal,
    Office.adjust,
    Office.decide,
    Office.remit,
    Office.take_back,
    Office.recover,
    Office.pay,
    Office.pay,
    Office.approve_run,
    Office.send,
    Office.look_up,
    Office.step,
    Office.tax,
)


@pytest.fixture
async def office(
    app_engine: AsyncEngine,
    purse: Purse,  # noqa: F811
    new_grant: NewGrant,
) -> Callable[[int], Office]:
    grants = [await new_grant(purse.host, terms=TIERED) for _ in range(4)]
    for grant in grants:
        await purse.account(grant.clipper)
    async with app_engine.begin() as connection:
        rule = Brackets(authority="cn", currency="CNY", period="month", brackets=(Bracket(rate="20%"),))
        await add_rule(connection, purse.book_id, "user:1", "cn", SEPTEMBER, rule)
    till = Till(app_engine, purse.host)
    return lambda seed: Office(till, purse, grants, random.Random(seed))


async def worked(office: Office) -> None:
    for _ in range(ACTS):
        await office.act()


async def test_all_that_moves_a_book_at_once_neither_sticks_nor_spoils_it(office: Callable[[int], Office]) -> None:
    workers = [office(seed) for seed in range(WORKERS)]
    await asyncio.gather(*map(worked, workers))  # a deadlock, or a row that is there already, is raised
    done: Counter[str] = sum((each.done for each in workers), Counter())
    assert {"sell", "send", "step", "recover"} <= done.keys(), done
    till = workers[0].till
    await closed(Closer(till))
    async with till.engine.connect() as connection:
        assert (await verify(connection, till.book_id)).sound
        assert sum((await till.balances()).values()) == 0
        assert await under_way(connection, till.book_id) == await lying_in_paying(connection, till.book_id)
        for month in (SEPTEMBER, OCTOBER):
            await prove_statements(connection, till.book_id, month)
            assert await outdated(connection, till.book_id, month) == 0


async def closed(closer: Closer) -> None:
    """Both months, however far they are."""
    for month in (SEPTEMBER, OCTOBER):
        state = (await closer.checklist(month)).state
        if state == "submitted":
            await closer.give_back(month)
        if state != "issued":
            await closer.close(month)


async def under_way(connection: AsyncConnection, book_id: int) -> int:
    """What payouts say is under way."""
    query = text("""
        SELECT coalesce(sum(amount), 0) FROM settlement.payouts
        WHERE book_id = :book AND state IN ('ready', 'sending', 'sent', 'refused', 'unknown')
    """)
    return int((await connection.execute(query, {"book": book_id})).scalar_one())


async def lying_in_paying(connection: AsyncConnection, book_id: int) -> int:
    """What the ledger says is."""
    query = text("""
        SELECT coalesce(-sum(amount), 0) FROM ledger.movements JOIN ledger.accounts USING (book_id, account_id)
        WHERE book_id = :book AND code LIKE 'liabilities:paying:%'
    """)
    return int((await connection.execute(query, {"book": book_id})).scalar_one())
