"""Tiers: sales are shared at what the clipper's month reached, by every path the same, and posted once."""

from datetime import date

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.errors import PeriodLocked
from ledger.periods import lock_period
from ledger.splits import Share, SplitRule, Take, Tier
from settlement.true_ups import TrueUp, list_true_ups, post_true_ups, release_true_ups
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.books import OCTOBER, Closer, moved, told
from tests.settlement.shop import CONCEDED, decide, dispute, settle, sums
from tests.settlement.till import Till, by, facts

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"),),
    shares=(Share("host", 4), Share("clipper", 6)),
    tiers=(Tier(200_000, (35, 65)), Tier(300_000, (3, 7))),
)
"""4 : 6; from 2,000.00 net 35 : 65, from 3,000.00 net 3 : 7."""
OURS = msgspec.structs.replace(TERMS, split=SPLIT, hold_days=10)
NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def trued_up(till: Till, month: date = OCTOBER) -> int:
    async with till.engine.begin() as connection:
        return await post_true_ups(connection, till.book_id, month)


async def recorded(till: Till, month: date = OCTOBER) -> list[TrueUp]:
    async with till.engine.connect() as connection:
        return await list_true_ups(connection, till.book_id, month)


async def test_a_month_that_reached_a_tier_is_shared_at_it(till: Till, closer: Closer, grant: Granted) -> None:
    """Two sales of 1,000.00 net each: 130.20 = 6.51 platform + 49.48 host + 74.21 clipper, so 98.96 and 148.42.
    At 35 : 65 of the shared 247.38 the host has 86.58 and the clipper 160.80: 12.38 more.
    """
    await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=13_020))
    assert (await till.balances())[f"liabilities:held:{party(grant)}"] == -14_842
    await closer.draft()
    balances = await till.balances()
    assert sums(balances, party(grant)) == {"held": 16_080}
    assert sums(balances, "host") == {"held": 8_658}
    assert told(await closer.statement(party(grant)))[1] == (
        "true-up", "Tiers reached by the end of 2026-10", 0, {"held": 1_238}
    )  # fmt: skip
    assert moved((await closer.statement("host")).statement.closing) == {"held": 8_658}
    (its,) = await recorded(till)
    assert (its.net_gmv, its.tier, its.host_part, its.clipper_part) == (200_000, 200_000, 9_896, 14_842)
    assert (its.host_change, its.clipper_change, its.release_on) == (-1_238, 1_238, date(2026, 11, 11))


async def test_below_the_first_tier_nothing_is_posted(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), net_gmv=199_999))
    assert await trued_up(till) == 0
    assert [entry.description for entry in await till.entries()] == ["a test's"]


async def test_what_is_posted_once_is_not_posted_again(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), net_gmv=200_000))
    await closer.draft()
    before = await till.balances()
    await closer.draft()
    assert await trued_up(till) == 0
    assert await till.balances() == before
    assert len(await recorded(till)) == 1


async def test_a_draft_made_again_posts_only_the_difference(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020, net_gmv=200_000))  # 43.29 and 80.40 of 123.69
    await closer.draft()
    await till.sell(facts(**by(grant), due=13_020, net_gmv=100_000))  # now 3 : 7 of 247.38: 74.21 and 173.17
    await closer.draft()
    assert sums(await till.balances(), party(grant)) == {"held": 17_317}
    assert sums(await till.balances(), "host") == {"held": 7_421}
    assert [its.clipper_change for its in await recorded(till)] == [619, 17_317 - 14_842 - 619]


async def test_a_refund_after_the_close_is_made_up_for_in_the_next(till: Till, closer: Closer, grant: Granted) -> None:
    a, _ = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=13_020))
    await closer.close()
    await till.tell(a, due=0, net_gmv=0)  # booked in November: October is locked; one sale of 1,000.00 net is left
    assert await trued_up(till, NOVEMBER) == 1
    assert sums(await till.balances(), party(grant)) == {"held": 7_421}
    assert sums(await till.balances(), "host") == {"held": 4_948}
    (its,) = await recorded(till, NOVEMBER)
    assert (its.sold_in, its.tier, its.clipper_change) == (OCTOBER, 0, -1_238)


async def test_a_clipper_whose_sales_were_another_s_gives_the_tier_back(
    till: Till, host: Host, closer: Closer, grant: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host, offer_id=grant.offer_id)
    a, _ = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=13_020))
    await closer.draft()
    await till.tell(a, **by(other))
    await closer.draft()
    balances = await till.balances()
    assert sums(balances, party(grant)) == sums(balances, party(other)) == {"held": 7_421}


async def test_months_and_clippers_are_counted_each_by_itself(
    till: Till, host: Host, closer: Closer, grant: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host, offer_id=grant.offer_id)
    september = {"sold_on": date(2026, 9, 30)}
    await till.sell(facts(**by(grant)), facts(**by(other)), facts(**by(grant), **september))
    assert await trued_up(till, date(2026, 9, 1)) == await trued_up(till) == 0


async def test_what_was_forfeited_stays_the_host_s(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020, net_gmv=400_000))
    claim = await dispute(till, grant)
    await decide(till, claim, CONCEDED)
    await settle(till, date(2026, 10, 8))
    before = await till.balances()
    assert sums(before, "host") == {"held": 12_369}
    assert await trued_up(till) == 0
    assert await till.balances() == before


async def test_a_true_up_is_held_as_long_as_a_sale_and_released_once(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant), due=13_020, net_gmv=200_000))
    await trued_up(till)

    async def released(day: date) -> int:
        async with till.engine.begin() as connection:
            return await release_true_ups(connection, till.book_id, day)

    assert await released(date(2026, 11, 10)) == 0
    assert await released(date(2026, 11, 11)) == 1
    balances = await till.balances()
    assert sums(balances, party(grant)) == {"held": 7_421, "available": 619}
    assert sums(balances, "host") == {"held": 4_948, "available": -619}
    assert await released(date(2026, 11, 12)) == 0
    assert await till.balances() == balances


async def test_two_currencies_are_two_entries(
    till: Till, host: Host, closer: Closer, grant: Granted, new_grant: NewGrant
) -> None:
    split = msgspec.structs.replace(SPLIT, currency="USD")
    dollars = await new_grant(host, terms=msgspec.structs.replace(OURS, split=split))
    await till.sell(
        facts(**by(grant), due=13_020, net_gmv=200_000),
        facts(**by(dollars), due=13_020, net_gmv=200_000, currency="USD"),
    )
    assert await trued_up(till) == 2
    assert sums(await till.balances("USD"), party(dollars)) == {"held": 8_040}
    entries = {its.currency: its.entry_id for its in await recorded(till)}
    assert len({*entries.values()}) == 2


async def test_nothing_is_posted_into_a_month_that_was_locked(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), net_gmv=200_000))
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, OCTOBER, locked_by="test")
    with pytest.raises(PeriodLocked):
        await trued_up(till)
    assert await recorded(till) == []
