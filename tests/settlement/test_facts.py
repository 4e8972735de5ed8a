"""How clippers and offers have sold, worked out from real sales: what matching ranks by."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.candidates import rank_candidates
from licensing.marketplace import Search, profile_of, search_offers
from settlement.clicks import Clicks, count_clicks
from settlement.facts import refresh_facts
from tests.licensing.house import Granted, Host, NewClipper, NewGrant, NewHost, NewOffer
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, by, facts, publish

ALWAYS = timedelta(0)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def refresh(till: Till, every: timedelta = ALWAYS) -> int | None:
    async with till.engine.begin() as connection:
        return await refresh_facts(connection, till.book_id, every=every)


async def of_offer(till: Till, grant: Granted) -> tuple[Any, ...]:
    (found,) = await in_sql(
        till,
        """SELECT currency, gmv, commission, orders, returned, clicks FROM licensing.offer_facts
           WHERE book_id = :book AND offer_id = :offer""",
        offer=grant.offer_id,
    )
    return found


async def of_clipper(till: Till, grant: Granted) -> list[tuple[Any, ...]]:
    return await in_sql(
        till,
        """SELECT platform, category, currency, gmv, orders, returned, clicks FROM licensing.clipper_facts
           WHERE clipper_id = :clipper ORDER BY 1, 2, 3""",
        clipper=grant.clipper.clipper_id,
    )


async def test_sales_become_facts(till: Till, grant: Granted) -> None:
    """Three orders of four lines, one of them given back in part."""
    await till.sell(
        facts(**by(grant), order_no="o-1", line_no="1", gmv=60_000, net_gmv=60_000, due=13_020),
        facts(**by(grant), order_no="o-1", line_no="2", gmv=40_000, net_gmv=10_000, due=8_000),
        facts(**by(grant), order_no="o-2", gmv=20_000, net_gmv=20_000, due=4_000),
        facts(**by(grant), order_no="o-3", gmv=10_000, net_gmv=10_000, due=2_000),
        facts(gmv=99_000),
    )
    assert await refresh(till) == 1
    assert await of_offer(till, grant) == ("CNY", 130_000, 27_020, 3, 1, None)
    assert await of_clipper(till, grant) == [("tiktok", "beauty", "CNY", 130_000, 3, 1, None)]


async def test_clicks_count_for_the_clips_they_are_on(till: Till, grant: Granted) -> None:
    async with till.engine.begin() as connection:
        await publish(connection, grant, "post-a")
        rows = [
            Clicks(day=f"2026-10-0{day}", platform="tiktok", content_id=content, clicks=50)
            for day in (1, 2)
            for content in ("post-a", "unknown")
        ]
        await count_clicks(connection, till.book_id, rows, as_of=None, told_by="test")
    await refresh(till)
    assert await of_offer(till, grant) == ("CNY", 0, 0, 0, 0, 100)
    assert await of_clipper(till, grant) == [("tiktok", "beauty", "CNY", 0, 0, 0, 100)]


async def test_a_clippers_are_of_all_its_hosts(
    till: Till, grant: Granted, new_host: NewHost, new_grant: NewGrant, new_offer: NewOffer
) -> None:
    elsewhere = Till(till.engine, await new_host())
    food = await new_offer(elsewhere.host, category="food")
    theirs = await new_grant(elsewhere.host, offer_id=food, clipper=grant.clipper)
    await till.sell(facts(**by(grant), gmv=1_000, net_gmv=1_000))
    await elsewhere.sell(facts(**by(theirs), gmv=3_000, net_gmv=0, due=0, state="void"))
    await refresh(till)
    assert await of_clipper(till, grant) == [
        ("tiktok", "beauty", "CNY", 1_000, 1, 0, None),
        ("tiktok", "food", "CNY", 3_000, 1, 1, None),
    ]
    assert await of_offer(till, grant) == ("CNY", 1_000, 13_020, 1, 0, None)
    assert await refresh(elsewhere) == 1


async def test_they_are_worked_out_anew_only_where_something_has_changed(till: Till, grant: Granted) -> None:
    (sold,) = await till.sell(facts(**by(grant), gmv=1_000))
    assert await refresh(till, timedelta(hours=1)) == 1
    assert await refresh(till, timedelta(hours=1)) is None  # lately
    await in_sql(till, "UPDATE licensing.offer_facts SET as_of = now() + interval '1 hour' WHERE book_id = :book")
    assert await refresh(till, -timedelta(hours=2)) is None  # nothing has changed since
    await in_sql(till, "UPDATE licensing.offer_facts SET as_of = now() - interval '2 hours' WHERE book_id = :book")
    await till.tell(sold, due=0, gmv=700)
    assert await refresh(till, timedelta(hours=1)) == 1
    assert (await of_offer(till, grant))[1] == 700


async def test_a_sale_that_turns_out_to_be_anothers_leaves_no_fact_behind(
    till: Till, host: Host, grant: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    (sold,) = await till.sell(facts(**by(grant), gmv=1_000))
    await refresh(till)
    await till.tell(sold, **by(other))
    await refresh(till)
    assert await of_clipper(till, grant) == []
    assert (await of_offer(till, grant))[1:4] == (0, 0, 0)
    assert len(await of_clipper(till, other)) == 1


async def test_a_book_without_offers_has_nothing_to_do(till: Till) -> None:
    await till.sell(facts())
    assert await refresh(till) is None


async def test_matching_ranks_by_real_sales(
    till: Till, host: Host, grant: Granted, new_grant: NewGrant, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    """A clipper that has sold comes before one that has not, and an offer that sells before one that does not."""
    newcomer = await new_clipper("tiktok", "douyin")
    gmv = 10**10  # whoever else is in the market sells less
    await till.sell(*(facts(**by(grant), gmv=gmv, net_gmv=gmv, sold_on=date(2026, 10, day)) for day in range(1, 30)))
    await refresh(till)
    fresh = await new_offer(host)
    async with till.engine.connect() as connection:
        profile = await profile_of(connection, grant.clipper.clipper_id)
        assert (profile.orders, profile.by_category, profile.by_platform) == (29, {"beauty": 29}, {"tiktok": 29})
        ranked, _ = await rank_candidates(connection, host.book_id, fresh, limit=1000)
        places = {each.clipper_id: place for place, each in enumerate(ranked)}
        assert places[grant.clipper.clipper_id] < places[newcomer.clipper_id]
        (seller,) = (each for each in ranked if each.clipper_id == grant.clipper.clipper_id)
        assert "no sales yet" not in str(msgspec.to_builtins(seller.fit))
        offers, _ = await search_offers(connection, newcomer.clipper_id, Search(), limit=1000)
        sold = next(each for each in offers if each.offer_id == grant.offer_id)
        unsold = next(each for each in offers if each.offer_id == fresh)
        assert sold.fit.score > unsold.fit.score
        assert "has sold nothing yet" in str(msgspec.to_builtins(unsold.fit))
        assert "has sold nothing yet" not in str(msgspec.to_builtins(sold.fit))
