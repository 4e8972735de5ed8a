"""Which payees' accounts are looked at again, and in which order, where there is not time for all."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from settlement.payouts.refreshing import refresh_stale
from settlement.payouts.tables import payout_accounts
from settlement.rails.protocol import RailRefused, RailUnavailable, Refused
from tests.licensing.house import NewClipper
from tests.settlement.payouts.purse import Purse

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
"""Longer than any account of another test was looked at."""

NewAccount = Callable[..., Awaitable[str]]


class Stripe:
    """Keeps what it is asked about; an account that it says something else of, it says so."""

    def __init__(self, purse: Purse) -> None:
        self.purse = purse
        self.asked: list[str] = []
        self.wrong: dict[str, Exception] = {}

    async def observe(self, account: str) -> None:
        self.asked.append(account)
        if account in self.wrong:
            raise self.wrong[account]
        its = payout_accounts.c
        seen = update(payout_accounts).where(its.destination == account).values(refreshed_at=self.purse.clock())
        async with self.purse.engine.begin() as connection:
            await connection.execute(seen)

    async def look(self, **limits: int) -> list[str]:
        """Who was asked about in one run."""
        self.asked = []
        await refresh_stale(self.purse.engine, self.observe, clock=self.purse.clock, **limits)
        return self.asked


@pytest.fixture
def told(purse: Purse) -> Stripe:
    return Stripe(purse)


@pytest.fixture
def new_account(purse: Purse, new_clipper: NewClipper) -> NewAccount:
    """One that was looked at so many days after the oldest."""

    async def made(state: str, days: int) -> str:
        account = await purse.account(await new_clipper(), state=state)
        its = payout_accounts.c
        seen = update(payout_accounts).where(its.account_id == account)
        async with purse.engine.begin() as connection:
            seen_at = LONG_AGO + timedelta(days=days)
            row = await connection.execute(seen.values(refreshed_at=seen_at).returning(its.destination))
            return str(row.scalar_one())

    return made


async def test_those_who_wait_come_first_and_the_longest_unseen_of_them(told: Stripe, new_account: NewAccount) -> None:
    idle = await new_account("active", 0)
    blocked, pending = await new_account("blocked", 2), await new_account("pending", 1)
    assert await told.look(at_most=2) == [pending, blocked]
    assert await told.look(at_most=1, urgent=0) == [idle]


async def test_whom_a_run_is_about_to_pay_is_one_of_them(
    told: Stripe, purse: Purse, new_clipper: NewClipper, new_account: NewAccount
) -> None:
    idle = await new_account("active", 0)
    payee = await new_clipper()
    await purse.owe(f"clipper-{payee.clipper_id}", 100)
    await purse.account(payee)
    await purse.approved()
    purse.clock.pass_(hours=1)
    asked = await told.look()
    assert asked.index(f"acct_{payee.clipper_id}") < asked.index(idle)


async def test_those_who_wait_don_t_keep_others_from_being_looked_at(told: Stripe, new_account: NewAccount) -> None:
    waiting = [await new_account("pending", days) for days in range(3, 6)]
    idle = await new_account("active", 7)
    assert await told.look(at_most=3, urgent=2) == [*waiting[:2], waiting[2]]
    assert await told.look(at_most=1, urgent=0) == [idle]


async def test_one_that_stripe_refuses_keeps_no_other_from_it(told: Stripe, new_account: NewAccount) -> None:
    odd, fine = await new_account("blocked", 0), await new_account("blocked", 1)
    told.wrong[odd] = RailRefused(Refused("odd", "odd", "operator", retriable=False))
    with pytest.raises(ExceptionGroup) as faults:
        await told.look(at_most=2)
    assert told.asked == [odd, fine]
    assert [fault.__notes__ for fault in faults.value.exceptions] == [[odd]]
    told.wrong = {}
    assert await told.look(at_most=1) == [odd]


async def test_without_an_answer_it_is_given_up_until_the_next_time(told: Stripe, new_account: NewAccount) -> None:
    accounts = [await new_account("blocked", days) for days in range(8)]
    told.wrong = dict.fromkeys(accounts, RailUnavailable("no answer"))
    with pytest.raises(ExceptionGroup):
        await told.look(at_most=8)
    assert told.asked[:3] == accounts[:3]
    assert len({*told.asked} & {*accounts}) == len(told.asked) == 6
    told.wrong = {}
    assert await told.look(at_most=8) == accounts


async def test_three_that_never_answer_keep_no_other_from_it(told: Stripe, new_account: NewAccount) -> None:
    silent = [await new_account("pending", days) for days in range(3)]
    fine = [await new_account("blocked", days) for days in range(3, 6)]
    told.wrong = {each: RailUnavailable("no answer") for each in silent}
    with pytest.raises(ExceptionGroup) as faults:
        await told.look(at_most=6)
    assert told.asked[:3] == silent
    assert {*told.asked[3:]} == {*fine}
    assert [fault.__notes__ for fault in faults.value.exceptions] == [[each] for each in silent]
