"""What sales put into the books: real ledger, real terms."""

import asyncio
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.errors import InvalidAmount
from ledger.money import BIGINT_MAX
from ledger.periods import lock_period
from ledger.splits import Share, SplitRule, Take, Tier
from licensing.tables import claims
from settlement.positions import Standing, lines_of
from settlement.sale import Sale
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.till import NOON, TODAY, Till, by, facts, publish

TAKES = (Take("platform", "5%"), Take("agency", "10%"))
SPLIT = SplitRule(
    currency="CNY", takes=TAKES, shares=(Share("host", 4), Share("clipper", 6)), tiers=(Tier(50_000, (3, 7)),)
)
AGREED = msgspec.structs.replace(TERMS, split=SPLIT, agency=3, reserve="10%", reserve_days=30)
SETTLED = {"state": "settled", "settled_at": NOON}
RELEASE = date(2026, 10, 20)
"""The day after a hold of 15 days, counted from NOON's."""
RESERVED = date(2026, 11, 19)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=AGREED)


def of(grant: Granted, balances: dict[str, int]) -> dict[str, int]:
    """A clipper's, by the words in the middle."""
    party = f":clipper-{grant.clipper.clipper_id}"
    return {code.split(":")[1]: amount for code, amount in balances.items() if code.endswith(party)}


def stood(sale: Sale) -> dict[str, int]:
    """What a sale has on each account, by its row."""
    standing = Standing(
        sale.suspense, sale.platform_part, sale.agency_part, sale.host_part, sale.clipper_part, sale.reserved,
        sale.stage, sale.fee_earned, sale.clipper_id, sale.agency_id,
    )  # fmt: skip
    return lines_of(standing, sale.marketplace)


# One sale ---------------------------------------------------------------------------------------------------


async def test_the_life_of_a_sale(till: Till, grant: Granted) -> None:
    """That of `docs/settlement.md`."""
    clipper = f"clipper-{grant.clipper.clipper_id}"
    [sold] = await till.sell(facts(**by(grant)))
    assert await till.balances() == {
        "assets:marketplace:tiktok": 13_020,
        "liabilities:deferred-fee": -651,
        "liabilities:held:agency-3": -1_302,
        f"liabilities:held:{clipper}": -6_640,
        "liabilities:held:host": -4_427,
    }
    sold = await till.tell(sold, due=10_000, **SETTLED)
    assert sold.release_on == RELEASE
    assert await till.balances() == {
        "assets:marketplace:tiktok": 10_000,
        "income:platform-fee": -500,
        "liabilities:held:agency-3": -1_000,
        f"liabilities:held:{clipper}": -5_100,
        "liabilities:held:host": -3_400,
    }
    await till.accrue([sold.sale_id], RELEASE, "released", attribute=False, today=RELEASE)
    assert await till.balances() == {
        "assets:marketplace:tiktok": 10_000,
        "income:platform-fee": -500,
        "liabilities:available:agency-3": -1_000,
        f"liabilities:available:{clipper}": -4_590,
        f"liabilities:reserve:{clipper}": -510,
        "liabilities:available:host": -3_400,
    }
    sold = await till.tell(sold, due=5_000)
    assert of(grant, await till.balances()) == {"available": -2_295, "reserve": -255}
    await till.accrue([sold.sale_id], RESERVED, "reserve-released", attribute=False, today=RESERVED)
    assert of(grant, await till.balances()) == {"available": -2_550}
    await till.tell(sold, due=0, state="void")
    assert await till.balances() == {}
    causes = [(each.change_no, each.cause, each.due) for each in await till.history(sold)]
    assert causes == [
        (1, "observed", 13_020),
        (2, "observed", 10_000),
        (3, "released", 10_000),
        (4, "observed", 5_000),
        (5, "reserve-released", 5_000),
        (6, "observed", 0),
    ]


async def test_what_has_not_changed_posts_nothing(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(**by(grant)))
    done = await till.accrue([sold.sale_id])
    assert (done.moved, done.entries) == (0, ())
    assert await till.sales([sold.sale_id]) == [sold]
    assert len(await till.entries()) == 1
    assert (await till.accrue([])).moved == 0


async def test_a_sale_that_is_worth_nothing_is_attributed_and_posts_nothing(till: Till, grant: Granted) -> None:
    [void] = await till.sell(facts(**by(grant), due=0, state="void"))
    assert (void.grant_id, void.change_no) == (grant.grant_id, 0)
    assert (await till.entries(), await till.history(void)) == ([], [])


async def test_what_nobody_earned_waits_in_suspense_until_somebody_has(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(platform="tiktok", content_id="731"))
    assert (sold.rule, sold.reason) == (None, "unknown-content")
    assert await till.balances() == {"assets:marketplace:tiktok": 13_020, "liabilities:suspense": -13_020}
    async with till.engine.begin() as connection:
        number = await publish(connection, grant, "731")
    await till.accrue([sold.sale_id], cause="attributed")
    [found] = await till.sales([sold.sale_id])
    assert (found.rule, found.submission_id, found.reason, found.suspense) == ("content", number, None, 0)
    assert of(grant, await till.balances()) == {"held": -6_640}
    assert "liabilities:suspense" not in await till.balances()


async def test_an_attribution_that_is_kept_is_not_looked_for_again(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(platform="tiktok", content_id="731"))
    async with till.engine.begin() as connection:
        await publish(connection, grant, "731")
    await till.accrue([sold.sale_id], attribute=False)
    assert await till.sales([sold.sale_id]) == [sold]


async def test_a_sale_whose_currency_is_told_otherwise_leaves_the_old_one_whole(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(**by(grant)))
    sold = await till.tell(sold, currency="JPY", due=500)
    assert sold.reason == "currency"
    assert await till.balances() == {}
    assert await till.balances("JPY") == {"assets:marketplace:tiktok": 500, "liabilities:suspense": -500}
    await till.tell(sold, currency="CNY", due=0)
    assert await till.balances("JPY") == {}
    assert [each.change_no for each in await till.history(sold)] == [1, 2, 3]


async def test_a_negative_total_is_owed_back(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=-13_020, **SETTLED))
    assert of(grant, await till.balances()) == {"held": 6_640}
    assert (await till.balances())["assets:marketplace:tiktok"] == -13_020


async def test_a_sale_that_settled_on_no_day_is_held_from_the_day_it_was_sold(till: Till, grant: Granted) -> None:
    told = {"as_of": NOON + timedelta(days=40), "sold_on": date(2026, 10, 4)}
    [sold] = await till.sell(facts(**by(grant), state="settled", **told))
    assert sold.release_on == date(2026, 10, 19)


async def test_the_day_of_settling_is_by_the_book_s_calendar(till: Till, grant: Granted) -> None:
    evening = datetime.fromisoformat("2026-10-05T18:00:00+00:00")
    [sold] = await till.sell(facts(**by(grant), state="settled", settled_at=evening))
    assert sold.release_on == date(2026, 10, 21)


async def test_sums_that_no_account_can_hold_are_refused_whole(till: Till, grant: Granted) -> None:
    with pytest.raises(InvalidAmount):
        await till.sell(facts(due=BIGINT_MAX), facts(due=BIGINT_MAX))
    assert await till.balances() == {}


# Claims -----------------------------------------------------------------------------------------------------


async def claim(till: Till, grant: Granted, state: str, **said: Any) -> None:
    async with till.engine.begin() as connection:
        whose = {"book_id": grant.book_id, "grant_id": grant.grant_id, "clipper_id": grant.clipper.clipper_id}
        told = {"claimant": "host", "ground": "unlicensed", "frozen": state != "finally-upheld", "opened_by": "test"}
        row = insert(claims).values(**whose, **told, state=state, respond_by=NOON, **said)
        await connection.execute(row)


async def test_what_is_sold_under_a_claim_is_frozen_at_once(till: Till, grant: Granted, new_grant: NewGrant) -> None:
    free = await new_grant(till.host, terms=AGREED)
    await claim(till, grant, "open")
    await till.sell(facts(**by(grant), **SETTLED), facts(**by(free), **SETTLED), today=RELEASE)
    balances = await till.balances()
    assert of(grant, balances) == {"frozen": -6_640}
    assert of(free, balances) == {"available": -5_976, "reserve": -664}


async def test_a_claim_over_one_clip_leaves_the_others_free(till: Till, grant: Granted) -> None:
    async with till.engine.begin() as connection:
        number = await publish(connection, grant, "731")
        await publish(connection, grant, "732")
    await claim(till, grant, "open", submission_id=number)
    told = [facts(platform="tiktok", content_id=each) for each in ("731", "732")]
    assert [sold.stage for sold in await till.sell(*told)] == ["frozen", "held"]


async def test_what_a_clipper_has_forfeited_is_the_host_s(till: Till, grant: Granted) -> None:
    await claim(till, grant, "finally-upheld", decided_at=NOON)
    before, after = await till.sell(
        facts(**by(grant), sold_at=NOON - timedelta(seconds=1)), facts(**by(grant), sold_at=NOON)
    )
    assert (before.host_part, before.clipper_part) == (11_067, 0)
    assert (after.host_part, after.clipper_part) == (4_427, 6_640)


# Entries ----------------------------------------------------------------------------------------------------


async def test_sales_of_a_day_and_currency_are_one_entry_and_an_account_one_line(till: Till, grant: Granted) -> None:
    days = [date(2026, 10, day) for day in (3, 4, 4)]
    sold = await till.sell(*(facts(**by(grant), sold_on=day) for day in days), facts(currency="JPY"))
    entries = {(each.effective_on, each.line_count) for each in await till.entries()}
    assert entries == {(date(2026, 10, 3), 5), (date(2026, 10, 4), 5), (date(2026, 10, 5), 2)}
    numbers = [(await till.history(each))[0].entry_id for each in sold]
    assert numbers[1] == numbers[2] != numbers[0]


async def test_the_first_difference_is_dated_by_the_sale_and_others_by_what_was_learned(
    till: Till, grant: Granted
) -> None:
    [sold] = await till.sell(facts(**by(grant), sold_on=date(2026, 9, 30)))
    await till.tell(sold, due=1)
    assert [each.effective_on for each in await till.entries()] == [date(2026, 9, 30), TODAY]


async def test_differences_that_cancel_each_other_are_both_in_the_books(till: Till, grant: Granted) -> None:
    more, less = await till.sell(facts(**by(grant), due=1_000), facts(**by(grant), due=2_000))
    async with till.engine.begin() as connection:
        swap = text("UPDATE settlement.sales SET due = 3000 - due WHERE book_id = :book")
        await connection.execute(swap, {"book": till.book_id})
    before = await till.balances()
    done = await till.accrue([more.sale_id, less.sale_id])
    assert (done.moved, len(done.entries)) == (2, 1)
    assert await till.balances() == before
    assert [each.posted for each in await till.sales([more.sale_id, less.sale_id])] == [2_000, 1_000]


async def test_what_comes_after_the_month_was_locked_is_booked_in_the_first_that_is_open(
    till: Till, grant: Granted
) -> None:
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, date(2026, 9, 1), locked_by="test")
    await till.sell(facts(**by(grant), sold_on=date(2026, 8, 9)), facts(**by(grant), sold_on=date(2026, 10, 1)))
    dated = {(each.effective_on, each.period) for each in await till.entries()}
    assert dated == {(date(2026, 8, 9), date(2026, 10, 1)), (date(2026, 10, 1), date(2026, 10, 1))}


async def test_two_at_once_who_open_the_same_accounts_both_come_through(till: Till, grant: Granted) -> None:
    await asyncio.gather(*(till.sell(facts(**by(grant), due=100)) for _ in range(6)))
    assert (await till.balances())["assets:marketplace:tiktok"] == 600


# Any history ------------------------------------------------------------------------------------------------

tellings = st.fixed_dictionaries(
    {
        "due": st.integers(-20_000, 20_000),
        "state": st.sampled_from(["pending", "settled", "frozen", "void"]),
        "currency": st.sampled_from(["CNY", "CNY", "CNY", "USD"]),
        "known": st.booleans(),
    }
)


@given(histories=st.lists(st.lists(tellings, min_size=1, max_size=3), min_size=1, max_size=4))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_told_the_accounts_are_what_the_sales_stand_at(
    till: Till, grant: Granted, histories: list[list[dict[str, Any]]]
) -> None:
    nobody = {"platform": "tiktok", "handle": "nobody"}
    for history in histories:
        first, *later = (
            {**{k: v for k, v in told.items() if k != "known"}, **(by(grant) if told["known"] else nobody)}
            for told in history
        )
        [sold] = await till.sell(facts(**first, settled_at=NOON))
        for told in later:
            sold = await till.tell(sold, **told)
    await till.accrue([each.sale_id for each in await every(till)], attribute=False, cause="released", today=RELEASE)
    found = await every(till)
    for currency in ("CNY", "USD"):
        expected: Counter[str] = Counter()
        for sold in found:
            if sold.currency == currency:
                expected.update(stood(sold))
        assert await till.balances(currency) == {code: amount for code, amount in expected.items() if amount}
    assert all(sold.posted == sold.due for sold in found)


async def every(till: Till) -> list[Sale]:
    async with till.engine.connect() as connection:
        query = text("SELECT sale_id FROM settlement.sales WHERE book_id = :book")
        numbers = list(await connection.scalars(query, {"book": till.book_id}))
    return await till.sales(numbers)
