"""How clippers and offers have sold, worked out from real sales: what matching ranks by."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.clicks import Clicks, count_clicks
from settlement.facts import refresh_facts
from tests.licensing.house import Granted, Host, NewGrant, NewHost, NewOffer
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
