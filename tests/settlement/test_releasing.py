"""From a sale to money that can be paid out, with every number worked by hand; and in any order, twice, or killed."""

import asyncio
import random
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post
from ledger.splits import Share, SplitRule, Take
from settlement.releasing import release_due
from settlement.settling import settle_due
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.shop import WITHDRAWN, decide, dispute, in_sql, settle, sums
from tests.settlement.till import Till, by, facts, publish

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%")),
    shares=(Share("host", 4), Share("clipper", 6)),
)
OURS = msgspec.structs.replace(TERMS, split=SPLIT, agency=9, hold_days=15, reserve="10%", reserve_days=30)
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 20, 4, tzinfo=UTC)}
"""On 20 October; the hold ends on 4 November, the reserve on 4 December."""


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


async def test_two_sales_from_the_report_to_the_end_of_the_reserve(till: Till, grant: Granted) -> None:
    """Commission is shared 5 % platform, 10 % agency, then 4 : 6 between host and clipper; all in fen of CNY."""
    clipper = f"clipper-{grant.clipper.clipper_id}"
    async with till.engine.begin() as connection:
        clip = await publish(connection, grant, "post-b")

    async def stands(marketplace: int, fee: dict[str, int], **parties: dict[str, int]) -> None:
        balances = await till.balances()
        assert balances["assets:marketplace:tiktok"] == marketplace
        assert {code: -balance for code, balance in balances.items() if "fee" in code} == fee
        assert {name: sums(balances, name) for name in ("host", "agency-9")} | {"clipper": sums(balances, clipper)} == {
            name.replace("agency", "agency-9"): stages for name, stages in parties.items()
        }
        assert sum(balances.values()) == 0

    # 5 October. A: 130.20 = 6.51 + 13.02 + 44.27 + 66.40. B: 80.00 = 4.00 + 8.00 + 27.20 + 40.80.
    a, b = await till.sell(facts(**by(grant), due=13_020), facts(platform="tiktok", content_id="post-b", due=8_000))
    await stands(
        21_020,
        {"liabilities:deferred-fee": 1_051},
        agency={"held": 2_102},
        host={"held": 7_147},
        clipper={"held": 10_720},
    )

    # A buyer gives a part of B back inside the hold, 50.00 remain: 2.50 + 5.00 + 17.00 + 25.50.
    b = await till.tell(b, due=5_000)
    held = {"agency": {"held": 1_802}, "host": {"held": 6_127}, "clipper": {"held": 9_190}}
    await stands(18_020, {"liabilities:deferred-fee": 901}, **held)

    # 20 October. The marketplace settles both, and the platform has earned its fee. Nothing is released before its day.
    a, b = await till.tell(a, **SETTLED), await till.tell(b, **SETTLED)
    earned = {"income:platform-fee": 901}
    await stands(18_020, earned, **held)
    assert await settle(till, date(2026, 11, 3)) == {}
    await stands(18_020, earned, **held)

    # 4 November. Released, but for 10 % of the clipper's parts: 6.64 of A and 2.55 of B.
    assert await settle(till, date(2026, 11, 4)) == {"release_due": 2}
    free = {"agency": {"available": 1_802}, "host": {"available": 6_127}}
    await stands(18_020, earned, **free, clipper={"available": 8_271, "reserve": 919})

    # Half of A comes back, after the release; 65.10 remain: 3.26 + 6.51 + 22.13 + 33.20, and 3.32 of that in reserve.
    a = await till.tell(a, due=6_510)
    earned = {"income:platform-fee": 576}
    free = {"agency": {"available": 1_151}, "host": {"available": 3_913}}
    rest = {"available": 5_283, "reserve": 587}
    await stands(11_510, earned, **free, clipper=rest)

    # 15 November. A claim over B's clip freezes B, all 5.00 + 17.00 + 25.50 of it, and A not at all.
    claim = await dispute(till, grant, clip)
    assert await settle(till, date(2026, 11, 15)) == {"freeze_due": 1}
    await stands(
        11_510,
        earned,
        agency={"available": 651, "frozen": 500},
        host={"available": 2_213, "frozen": 1_700},
        clipper={"available": 2_988, "reserve": 332, "frozen": 2_550},
    )

    # The host withdraws it: as if it had never been, reserve and all.
    await decide(till, claim, WITHDRAWN)
    assert await settle(till, date(2026, 11, 20)) == {"unfreeze_due": 1}
    await stands(11_510, earned, **free, clipper=rest)

    # 4 December. The reserve is over.
    assert await settle(till, date(2026, 12, 3)) == {}
    assert await settle(till, date(2026, 12, 4)) == {"release_reserves": 2}
    await stands(11_510, earned, **free, clipper={"available": 5_870})

    causes = [[each.cause for each in await till.history(sold)] for sold in (a, b)]
    assert causes == [
        ["observed", "observed", "released", "observed", "reserve-released"],
        ["observed", "observed", "observed", "released", "frozen", "unfrozen", "reserve-released"],
    ]


async def test_a_sale_whose_hold_ended_unseen_is_released_with_its_reserve_when_the_job_next_runs(
    till: Till, grant: Granted
) -> None:
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=10_000))
    assert await settle(till, date(2026, 11, 30)) == {"release_due": 1}
    [sold] = await till.sales([sold.sale_id])
    assert (sold.stage, sold.reserved, sold.reserve_until) == ("available", 510, date(2026, 12, 4))


async def test_what_waited_longer_than_hold_and_reserve_together_is_released_at_once(
    till: Till, grant: Granted
) -> None:
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=10_000))
    assert await settle(till, date(2027, 1, 1)) == {"release_due": 1}
    [sold] = await till.sales([sold.sale_id])
    assert (sold.stage, sold.reserved, sold.reserve_until) == ("available", 0, None)


async def test_a_refund_after_the_release_of_the_reserve_keeps_nothing_back_again(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=10_000))
    await settle(till, date(2026, 11, 4))
    await settle(till, date(2026, 12, 4))
    sold = await till.tell(sold, due=5_000)
    assert (sold.clipper_part, sold.reserved) == (2_550, 0)
    assert await settle(till, date(2026, 12, 5)) == {}


async def test_a_sale_that_has_not_settled_is_not_released_however_old(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    assert await settle(till, date(2030, 1, 1)) == {}


async def test_a_void_sale_is_released_without_an_entry_and_not_looked_at_for_ever(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=0))
    assert await settle(till, date(2026, 11, 4)) == {}
    [sold] = await till.sales([sold.sale_id])
    assert sold.stage == "available"


async def test_a_clipper_owes_what_is_refunded_after_it_was_paid_out(till: Till, grant: Granted) -> None:
    """Nothing is dropped: what is available goes below zero, until payouts make it recoverable."""
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=10_000))
    await settle(till, date(2027, 1, 1))
    party = f"clipper-{grant.clipper.clipper_id}"
    await _pay_out(till, f"liabilities:available:{party}", 5_100)
    await till.tell(sold, due=0)
    assert sums(await till.balances(), party) == {"available": -5_100}


async def test_release_and_refund_in_either_order_end_in_the_same_books(till: Till, grant: Granted) -> None:
    async def books(*acts: str) -> dict[str, int]:
        before = await till.balances()
        [sold] = await till.sell(facts(**by(grant), **SETTLED, due=9_999))
        for act in acts:
            if act == "refund":
                sold = await till.tell(sold, due=3_333)
            else:
                await settle(till, date(2026, 11, 4))
        after = await till.balances()
        return {code: change for code in after if (change := after[code] - before.get(code, 0))}

    assert await books("refund", "release") == await books("release", "refund")


# Batches ----------------------------------------------------------------------------------------------------


async def test_batches_are_of_so_many_sales_each_with_one_entry(till: Till, grant: Granted) -> None:
    await till.sell(*(facts(**by(grant), **SETTLED, due=100 + each) for each in range(7)))
    before = len(await till.entries())
    assert await settle(till, date(2026, 11, 4), limit=3) == {"release_due": 7}
    released = (await till.entries())[before:]
    assert [each.metadata["cause"] for each in released] == ["released"] * 3
    assert {each.effective_on for each in released} == {date(2026, 11, 4)}
    assert await settle(till, date(2026, 11, 4), limit=3) == {}
    assert len(await till.entries()) == before + 3


async def test_a_run_that_is_killed_leaves_whole_batches_and_the_next_one_does_the_rest(
    till: Till, grant: Granted
) -> None:
    await till.sell(*(facts(**by(grant), **SETTLED, due=1_000) for _ in range(6)))

    class Killed(Exception):  # noqa: N818
        pass

    def kill(step: str, moved: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        await settle_due(till.engine, till.book_id, today=date(2026, 11, 4), limit=2, told=kill)
    async with till.engine.connect() as connection:  # nobody commits
        assert await release_due(connection, till.book_id, date(2026, 11, 4), limit=2)
    assert await in_sql(till, _STAGES) == [("available", 2), ("held", 4)]
    assert await settle(till, date(2026, 11, 4), limit=2) == {"release_due": 4}
    assert await in_sql(till, _STAGES) == [("available", 6)]
    assert sum((await till.balances()).values()) == 0


async def test_a_run_that_is_broken_off_anywhere_again_and_again_ends_where_one_run_does(
    till: Till, grant: Granted
) -> None:
    sold = await till.sell(*(facts(**by(grant), **SETTLED, due=1_000) for _ in range(12)))
    chance = random.Random(7)
    broken = 0
    for _ in range(15):
        run = asyncio.ensure_future(settle(till, date(2026, 11, 4), limit=1))
        await asyncio.wait([run], timeout=chance.uniform(0, 0.08))
        broken += run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        assert sum((await till.balances()).values()) == 0
    await settle(till, date(2026, 11, 4))
    assert broken
    assert [[each.cause for each in await till.history(each)] for each in sold] == [["observed", "released"]] * 12
    assert sums(await till.balances(), "host") == {"available": 12 * 340}


async def test_two_runs_at_once_release_each_sale_once(till: Till, grant: Granted) -> None:
    sold = await till.sell(*(facts(**by(grant), **SETTLED, due=1_000) for _ in range(40)))
    runs = [settle(till, date(2026, 11, 4), limit=5) for _ in range(4)]
    moved = await asyncio.gather(*runs)
    assert sum(each.get("release_due", 0) for each in moved) == len(sold)
    assert [len(await till.history(each)) for each in sold] == [2] * len(sold)


async def test_a_sale_that_an_import_holds_is_passed_over_until_the_next_run(till: Till, grant: Granted) -> None:
    first, second = await till.sell(*(facts(**by(grant), **SETTLED, due=1_000) for _ in range(2)))
    async with till.engine.begin() as connection:
        await till._sales(connection, [first.sale_id], lock=True)
        assert await settle(till, date(2026, 11, 4)) == {"release_due": 1}
    assert [each.stage for each in await till.sales([first.sale_id, second.sale_id])] == ["held", "available"]
    assert await settle(till, date(2026, 11, 4)) == {"release_due": 1}


async def test_one_books_sales_are_not_another_books(
    till: Till, grant: Granted, new_host: Any, app_engine: AsyncEngine
) -> None:
    await till.sell(facts(**by(grant), **SETTLED))
    other = Till(app_engine, await new_host())
    assert await settle(other, date(2026, 11, 4)) == {}
    assert await settle(till, date(2026, 11, 4)) == {"release_due": 1}


_STAGES = "SELECT stage, count(*) FROM settlement.sales WHERE book_id = :book GROUP BY 1 ORDER BY 1"


async def _pay_out(till: Till, account: str, amount: int) -> None:
    lines = (Line(account, "CNY", amount), Line("assets:bank", "CNY", -amount))
    entry = NewEntry(idempotency_key="payout", effective_on=date(2026, 11, 5), description="Paid", lines=lines)
    async with till.engine.begin() as connection:
        await ensure_accounts(connection, till.book_id, [NewAccount("assets:bank", "CNY")])
        await post(connection, till.book_id, entry)
