"""What a clipper is paid next: when each host pays, about how much, and what is in the way."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from settlement.balances import earnings
from settlement.payouts.coming import Coming, coming
from settlement.payouts.days import PayDays
from settlement.payouts.schedules import Plan, set_schedule
from tests.licensing.house import TERMS, Granted, NewGrant, NewHost
from tests.settlement.books import OCTOBER, Closer
from tests.settlement.payouts.purse import Purse
from tests.settlement.till import Till, facts

MONDAY = datetime(2026, 10, 5, 4, tzinfo=UTC)
FRIDAY = datetime(2026, 10, 9, 1, tzinfo=UTC)
"""Nine in the morning by the book's clock, Asia/Shanghai."""
FRIDAYS = Plan(days=PayDays(cadence="weekly", days=(5,)), basis="available")
STATED = Plan(days=PayDays(cadence="weekly", days=(5,)), basis="statement")


@pytest.fixture
async def granted(purse: Purse, new_grant: NewGrant) -> Granted:
    """Of terms that pay from 50.00 on, and keep back at most half for what is owed."""
    terms = msgspec.structs.replace(TERMS, minimum_payout=5_000, recovery_cap="50%")
    return await new_grant(purse.host, terms=terms)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def scheduled(purse: Purse, plan: Plan) -> None:
    async with purse.engine.begin() as connection:
        await set_schedule(connection, purse.book_id, plan, by="user:1", now=MONDAY)


async def told(purse: Purse, granted: Granted) -> list[Coming]:
    clipper_id = granted.clipper.clipper_id
    async with purse.engine.connect() as connection:
        earned = await earnings(connection, "clipper", clipper_id)
        return await coming(connection, clipper_id, earned, MONDAY)


async def test_the_next_day_of_payment_and_what_is_available(purse: Purse, granted: Granted) -> None:
    await purse.owe(party(granted), 8_000)
    await purse.account(granted.clipper)
    await scheduled(purse, FRIDAYS)
    (found,) = await told(purse, granted)
    assert (found.next_at, found.rail, found.basis) == (FRIDAY, "stripe", "available")
    assert (found.amount, found.recovery, found.minimum, found.block) == (8_000, 0, 5_000, None)


async def test_without_a_schedule_the_host_pays_by_hand(purse: Purse, granted: Granted) -> None:
    await purse.owe(party(granted), 8_000)
    await purse.account(granted.clipper)
    (found,) = await told(purse, granted)
    assert (found.next_at, found.rail, found.amount, found.block) == (None, None, 8_000, None)
    await scheduled(purse, msgspec.structs.replace(FRIDAYS, active=False))
    (found,) = await told(purse, granted)
    assert (found.next_at, found.rail) == (None, None)


async def test_what_is_owed_back_is_kept_as_far_as_the_terms_allow(purse: Purse, granted: Granted) -> None:
    await purse.owe(party(granted), 12_000, recoverable=9_000)
    await purse.account(granted.clipper)
    await scheduled(purse, FRIDAYS)
    (found,) = await told(purse, granted)
    assert (found.amount, found.recovery, found.block) == (6_000, 6_000, None)


async def test_what_is_released_by_then_counts(purse: Purse, granted: Granted) -> None:
    await purse.account(granted.clipper)
    await scheduled(purse, FRIDAYS)
    till = Till(purse.engine, purse.host)
    platform, handle = granted.clipper.accounts[0].split(":")
    for settled in (FRIDAY - timedelta(days=15), FRIDAY - timedelta(days=14)):
        told_of = {"state": "settled", "settled_at": settled, "sold_at": settled, "sold_on": settled.date()}
        await till.sell(facts(platform=platform, handle=handle, **told_of))
    (found,) = await told(purse, granted)
    assert (found.amount, found.block) == (7_421, None)


async def test_with_the_basis_of_statements_no_more_than_they_say(purse: Purse, granted: Granted) -> None:
    await purse.account(granted.clipper)
    await scheduled(purse, STATED)
    closer = Closer(Till(purse.engine, purse.host))
    await closer.post(OCTOBER, "Earned", {"assets:stripe": 6_000, f"liabilities:available:{party(granted)}": -6_000})
    (found,) = await told(purse, granted)
    assert (found.amount, found.block) == (0, "nothing")
    await closer.close()
    await closer.post(
        date(2026, 11, 2), "More", {"assets:stripe": 900, f"liabilities:available:{party(granted)}": -900}
    )
    (found,) = await told(purse, granted)
    assert (found.amount, found.block) == (6_000, None)


async def test_what_is_in_the_way(purse: Purse, granted: Granted) -> None:
    await purse.owe(party(granted), 4_999)
    assert [each.block for each in await told(purse, granted)] == ["no-account"]
    await purse.account(granted.clipper, state="pending")
    assert [each.block for each in await told(purse, granted)] == ["account"]


async def test_what_the_account_does_not_take_or_is_too_little(purse: Purse, granted: Granted) -> None:
    await purse.owe(party(granted), 4_999)
    await purse.owe(party(granted), 9_000, "USD")
    await purse.account(granted.clipper)
    found = {each.currency: each for each in await told(purse, granted)}
    assert (found["CNY"].block, found["USD"].block) == ("below-minimum", "currency")


async def test_each_host_by_itself(purse: Purse, granted: Granted, new_host: NewHost, new_grant: NewGrant) -> None:
    other = await new_host()
    its = await new_grant(other, clipper=granted.clipper)
    second = Purse(purse.engine, other, purse.rail, purse.clock)
    await purse.account(granted.clipper)
    await purse.owe(party(granted), 8_000)
    await second.owe(party(its), 100)
    await scheduled(second, FRIDAYS)
    found = {each.book: each for each in await told(purse, granted)}
    assert (found[purse.host.book].next_at, found[purse.host.book].amount) == (None, 8_000)
    assert (found[other.book].next_at, found[other.book].amount, found[other.book].minimum) == (FRIDAY, 100, 0)
