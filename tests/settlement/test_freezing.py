"""Claims and money: exactly the sales concerned are frozen, and who wins gets them, in whatever order they come."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.claims import frozen_subjects
from settlement.holds import FREE, Hold, Holds, Over, load_holds
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.shop import CLIPPER, CONCEDED, HOST, OPERATOR, WITHDRAWN, decide, dispute, in_sql, settle, sums
from tests.settlement.till import NOON, Till, by, facts, publish

OURS = msgspec.structs.replace(TERMS, hold_days=15, reserve="10%", reserve_days=30)
"""5 % for the platform, then 4 : 6; of 100.00 these are 5.00, 38.00 and 57.00."""
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 20, 4, tzinfo=UTC)}
INSIDE, RELEASED, LATER = date(2026, 10, 25), date(2026, 11, 4), date(2026, 12, 4)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


@pytest.fixture
async def clip(till: Till, grant: Granted) -> int:
    """Posted as `post-1`."""
    return await posted(till, grant, "post-1")


async def posted(till: Till, grant: Granted, content_id: str) -> int:
    async with till.engine.begin() as connection:
        return await publish(connection, grant, content_id)


def sold_by(content_id: str, due: int = 10_000) -> dict[str, object]:
    return facts(platform="tiktok", content_id=content_id, due=due, **SETTLED)


async def clippers(till: Till, grant: Granted) -> dict[str, int]:
    return sums(await till.balances(), f"clipper-{grant.clipper.clipper_id}")


async def hosts(till: Till) -> dict[str, int]:
    return sums(await till.balances(), "host")


# Frozen -----------------------------------------------------------------------------------------------------


async def test_a_claim_over_a_clip_freezes_its_sales_and_no_others(till: Till, grant: Granted, clip: int) -> None:
    await posted(till, grant, "post-2")
    await till.sell(sold_by("post-1"), sold_by("post-2"), facts(**by(grant), due=10_000))
    await dispute(till, grant, clip)
    assert await settle(till, INSIDE) == {"freeze_due": 1}
    assert await clippers(till, grant) == {"held": 11_400, "frozen": 5_700}
    assert await hosts(till) == {"held": 7_600, "frozen": 3_800}
    assert await settle(till, INSIDE) == {}


async def test_a_claim_over_a_grant_freezes_all_its_sales_and_no_other_clippers(
    till: Till, grant: Granted, clip: int, new_grant: NewGrant
) -> None:
    other = await new_grant(till.host, terms=OURS)
    await till.sell(sold_by("post-1"), facts(**by(grant), due=10_000), facts(**by(other), due=10_000))
    await dispute(till, grant)
    assert await settle(till, INSIDE) == {"freeze_due": 2}
    assert await clippers(till, grant) == {"frozen": 11_400}
    assert await clippers(till, other) == {"held": 5_700}


async def test_what_is_reported_while_a_claim_runs_is_frozen_from_the_first(
    till: Till, grant: Granted, clip: int
) -> None:
    await dispute(till, grant, clip)
    [sold] = await till.sell(sold_by("post-1"))
    assert sold.stage == "frozen"
    assert await settle(till, LATER) == {}
    assert await clippers(till, grant) == {"frozen": 5_700}


async def test_a_refund_of_a_frozen_sale_is_taken_from_what_is_frozen(till: Till, grant: Granted, clip: int) -> None:
    [sold] = await till.sell(sold_by("post-1"))
    await dispute(till, grant, clip)
    await settle(till, INSIDE)
    await till.tell(sold, due=5_000)
    assert (await clippers(till, grant), await hosts(till)) == ({"frozen": 2_850}, {"frozen": 1_900})


async def test_two_claims_over_one_clip_hold_until_both_have_ended(till: Till, grant: Granted, clip: int) -> None:
    await till.sell(sold_by("post-1"))
    of_clip, of_grant = await dispute(till, grant, clip), await dispute(till, grant)
    assert await settle(till, INSIDE) == {"freeze_due": 1}
    await decide(till, of_clip, WITHDRAWN)
    assert await settle(till, INSIDE) == {}
    await decide(till, of_grant, WITHDRAWN)
    assert await settle(till, INSIDE) == {"unfreeze_due": 1}
    assert await clippers(till, grant) == {"held": 5_700}


async def test_a_clippers_own_claim_freezes_nothing(till: Till, grant: Granted, clip: int) -> None:
    await till.sell(sold_by("post-1"))
    await in_sql(
        till,
        "INSERT INTO licensing.claims (book_id, claimant, clipper_id, grant_id, ground, frozen, respond_by, opened_by)"
        " VALUES (:book, 'clipper', :clipper, :grant, 'wrongly-suspended', false, now(), 'test')",
        clipper=grant.clipper.clipper_id,
        grant=grant.grant_id,
    )
    assert await settle(till, INSIDE) == {}


# Let go -----------------------------------------------------------------------------------------------------


async def test_a_sale_whose_hold_has_ended_meanwhile_is_available_when_its_claim_ends(
    till: Till, grant: Granted, clip: int
) -> None:
    await till.sell(sold_by("post-1"))
    claim = await dispute(till, grant, clip)
    await settle(till, INSIDE)
    await decide(till, claim, WITHDRAWN)
    assert await settle(till, RELEASED) == {"unfreeze_due": 1}
    assert await clippers(till, grant) == {"available": 5_130, "reserve": 570}


async def test_a_released_claim_lets_go_at_once_and_an_appeal_freezes_nothing_again(
    till: Till, grant: Granted, clip: int
) -> None:
    await till.sell(sold_by("post-1"))
    claim = await dispute(till, grant, clip)
    await settle(till, INSIDE)
    await decide(till, claim, ("responded", CLIPPER))
    await in_sql(
        till,
        "UPDATE licensing.claims SET state = 'released', frozen = false, appeal_by = now() + interval '1 day'"
        " WHERE claim_id = :claim",
        claim=claim.claim_id,
    )
    assert await settle(till, INSIDE) == {"unfreeze_due": 1}
    await decide(till, claim, ("appealed", HOST))
    assert await settle(till, INSIDE) == {}
    assert await clippers(till, grant) == {"held": 5_700}

    await decide(till, claim, ("finally upheld", OPERATOR))  # the operator may still say that it was right
    assert await settle(till, INSIDE) == {"forfeit_due": 1}
    assert (await clippers(till, grant), await hosts(till)) == ({}, {"held": 9_500})


# Forfeited --------------------------------------------------------------------------------------------------


async def test_when_a_claim_is_finally_upheld_the_clippers_part_is_the_hosts_and_the_fee_stays(
    till: Till, grant: Granted, clip: int
) -> None:
    """Of 100.00: the platform keeps 5.00, the host has its 38.00 and the clipper's 57.00."""
    [sold] = await till.sell(sold_by("post-1"))
    claim = await dispute(till, grant, clip)
    await settle(till, INSIDE)
    await decide(till, claim, ("responded", CLIPPER), ("upheld", HOST))
    assert await settle(till, INSIDE) == {}  # the clipper may still appeal
    await decide(till, claim, ("appealed", CLIPPER), ("finally upheld", OPERATOR))
    assert await settle(till, INSIDE) == {"forfeit_due": 1}
    assert await till.balances() == {
        "assets:marketplace:tiktok": 10_000,
        "income:platform-fee": -500,
        "liabilities:held:host": -9_500,
    }
    assert await settle(till, RELEASED) == {"release_due": 1}
    assert (await clippers(till, grant), await hosts(till)) == ({}, {"available": 9_500})
    assert [each.cause for each in await till.history(sold)] == ["observed", "frozen", "forfeited", "released"]


async def test_a_refund_of_a_forfeited_sale_is_the_hosts_loss_alone(till: Till, grant: Granted, clip: int) -> None:
    [sold] = await till.sell(sold_by("post-1"))
    await decide(till, await dispute(till, grant, clip), CONCEDED)
    await settle(till, RELEASED)
    await till.tell(sold, due=4_000)
    assert (await clippers(till, grant), await hosts(till)) == ({}, {"available": 3_800})


async def test_what_was_available_is_forfeited_as_well_with_its_reserve(till: Till, grant: Granted, clip: int) -> None:
    await till.sell(sold_by("post-1"))
    await settle(till, RELEASED)
    assert await clippers(till, grant) == {"available": 5_130, "reserve": 570}
    await decide(till, await dispute(till, grant, clip), CONCEDED)
    assert await settle(till, RELEASED) == {"forfeit_due": 1}
    assert (await clippers(till, grant), await hosts(till)) == ({}, {"available": 9_500})


async def test_a_sale_reported_after_the_claim_stands_as_one_reported_before(
    till: Till, grant: Granted, clip: int
) -> None:
    await till.sell(sold_by("post-1"))
    await decide(till, await dispute(till, grant, clip), CONCEDED)
    await till.sell(sold_by("post-1"))
    await settle(till, RELEASED)
    assert (await clippers(till, grant), await hosts(till)) == ({}, {"available": 19_000})


async def test_what_is_sold_after_the_decision_is_the_clippers_again(till: Till, grant: Granted, clip: int) -> None:
    claim = await decide(till, await dispute(till, grant, clip), CONCEDED)
    assert claim.decided_at is not None
    later = claim.decided_at + timedelta(days=1)
    await till.sell({**sold_by("post-1"), "sold_at": later, "sold_on": later.date(), "settled_at": later})
    assert await settle(till, INSIDE) == {}
    assert await clippers(till, grant) == {"held": 5_700}


# Which ------------------------------------------------------------------------------------------------------


async def test_holds_are_those_that_licensing_lists(till: Till, grant: Granted, clip: int) -> None:
    for submission_id in (clip, None):
        await dispute(till, grant, submission_id)
    ended = await posted(till, grant, "post-2")
    await decide(till, await dispute(till, grant, ended), WITHDRAWN)
    async with till.engine.connect() as connection:
        listed = await frozen_subjects(connection, till.book_id)
        holds = await load_holds(connection, till.book_id)
    assert [each[1:3] for each in listed] == [(grant.grant_id, clip), (grant.grant_id, None)]
    for subject in listed:
        assert holds.on(subject.grant_id, subject.submission_id, NOON).frozen


@pytest.mark.parametrize(
    ("sale", "hold"),
    [
        ((None, None), FREE),
        ((2, None), FREE),
        ((1, None), FREE),
        ((1, 12), FREE),
        ((1, 11), Hold(frozen=True, forfeited=True)),
        ((3, 31), Hold(frozen=True, forfeited=False)),
        ((3, None), Hold(frozen=True, forfeited=False)),
    ],
)
def test_a_claim_is_over_a_clips_sales_or_a_grants(sale: tuple[int | None, int | None], hold: Hold) -> None:
    moment = NOON + timedelta(seconds=1)
    holds = Holds([Over(1, 11, True, None), Over(1, 11, False, moment), Over(3, None, True, None)])
    assert holds.on(*sale, NOON) == hold


def test_what_is_sold_at_the_moment_of_the_decision_or_later_is_not_forfeited() -> None:
    holds = Holds([Over(1, None, False, NOON)])
    assert [holds.on(1, None, NOON + timedelta(seconds=s)).forfeited for s in (-1, 0, 1)] == [True, False, False]
