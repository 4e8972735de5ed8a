"""Sums that are kept of a large book: the same as reading all its sales would give, until something changes."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.clicks import Clicks, count_clicks
from settlement.lately import EVERY
from settlement.reports.books import month_before, year_before
from settlement.reports.overview import days_sold, recently_sold
from settlement.reports.performance import Asked, By, performance, performance_lately
from settlement.sale import Sale
from settlement.sold import refresh_sold
from tests.licensing.house import Granted, Host, NewGrant, NewHost
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, by, facts, publish

NOW = timedelta(0)
TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
FIRST = year_before(TODAY)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


async def refresh(till: Till, every: timedelta = NOW, at_least: int = 1) -> int | None:
    return await refresh_sold(till.engine, till.book_id, every=every, at_least=at_least)


async def same(till: Till, asked: Asked, **page: Any) -> bool:
    """That rows of all kinds are those that are read; whether they were kept."""
    kept = set()
    for kind in get_args(By):
        async with till.engine.connect() as connection:
            lately, as_of = await performance_lately(connection, till.book_id, kind, asked, **page)
            kept.add(as_of is not None)
            assert lately == await performance(connection, till.book_id, kind, asked, **page)
    (its,) = kept
    return its


async def overview(till: Till) -> tuple[Any, ...]:
    """Days and the best of each currency, and as of when they are."""
    since = month_before(TODAY)
    async with till.engine.connect() as connection:
        days = await days_sold(connection, till.book_id, FIRST, TODAY)
        best = [await recently_sold(connection, till.book_id, its, since, TODAY, most=2) for its in ("CNY", "USD")]
    as_of = {days.as_of, *(each.as_of for each in best)}
    return days.days, [msgspec.structs.replace(each, as_of=None) for each in best], as_of


def drawn(chance: random.Random, grants: list[Granted]) -> dict[str, Any]:
    """Facts of a sale: few orders with many lines, over fourteen months, given back in part, or nobody's."""
    gmv = chance.randint(1, 1_000) * 100
    whose = chance.choice([*(by(grant) for grant in grants), {"platform": "tiktok", "content_id": "post-a"}, {}])
    return facts(
        **whose,
        marketplace=chance.choice(("tiktok", "douyin")),
        order_no=f"o-{chance.randint(1, 25)}",
        currency=chance.choice(("CNY", "CNY", "USD")),
        product=str(chance.randint(1, 4)),
        gmv=gmv,
        net_gmv=chance.choice((gmv, gmv, 0, gmv // 2)),
        due=gmv // 10,
        sold_on=TODAY - timedelta(days=chance.choice((chance.randint(0, 60), chance.randint(0, 430)))),
    )


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_kept_is_what_reading_all_sales_gives(
    till: Till, host: Host, new_grant: NewGrant, new_host: NewHost, seed: int
) -> None:
    """Random histories: sales, clicks, then changes, returns, other clippers and other currencies."""
    chance, elsewhere = random.Random(seed), Till(till.engine, await new_host())
    grants = [await new_grant(host) for _ in range(3)]
    await elsewhere.sell(facts(sold_on=TODAY))
    async with till.engine.begin() as connection:
        await publish(connection, grants[0], "post-a")
        clicks = [
            Clicks(day=f"{TODAY - timedelta(days=back)}", platform="tiktok", content_id="post-a", clicks=back + 5)
            for back in (0, 40, 200)
        ]
        await count_clicks(connection, till.book_id, clicks, as_of=None, told_by="test")
    sold = await till.sell(*({**drawn(chance, grants), "line_no": str(line)} for line in range(60)))
    read = await overview(till)
    assert read[2] == {None}
    assert await refresh(elsewhere)
    before = await overview(elsewhere)
    for _ in range(2):
        assert await refresh(till)
        assert await same(till, Asked())
        assert await same(till, Asked(sort="returned_orders", descending=False), offset=1, limit=2)
        kept = await overview(till)
        assert kept[:2] == read[:2]
        assert None not in kept[2]
        sold = [await told(till, chance, grants, each) for each in sold[:20]]
        assert (await overview(till)) == kept  # until they are worked out anew
        await forget(till)
        read = await overview(till)
        assert read[2] == {None}
        assert read != kept
    assert await overview(elsewhere) == before


async def told(till: Till, chance: random.Random, grants: list[Granted], sale: Sale) -> Sale:
    """Something else of the same line."""
    line = ("marketplace", "order_no", "line_no")
    return await till.tell(sale, **{name: value for name, value in drawn(chance, grants).items() if name not in line})


async def forget(till: Till) -> None:
    await in_sql(till, "DELETE FROM settlement.sold_periods WHERE book_id = :book")


async def age(till: Till, by_so_much: timedelta) -> None:
    """As if what is kept had been worked out earlier."""
    columns = "book_id, since, kinds, last_on, as_of"
    rows = await in_sql(till, f"SELECT {columns} FROM settlement.sold_periods WHERE book_id = :book")
    await forget(till)
    for _, since, kinds, last_on, as_of in rows:
        its = {"since": since, "kinds": kinds, "last": last_on, "at": as_of - by_so_much}
        await in_sql(
            till, f"INSERT INTO settlement.sold_periods ({columns}) VALUES (:book, :since, :kinds, :last, :at)", **its
        )


async def test_they_are_worked_out_anew_where_something_has_changed_or_a_month_begins(till: Till) -> None:
    assert await refresh(till) is None  # nothing is sold
    (sold,) = await till.sell(facts(sold_on=TODAY))
    assert await refresh(till, EVERY, at_least=2) is None  # few sales
    assert await refresh(till, EVERY)
    assert await refresh(till, EVERY) is None  # lately
    await age(till, -timedelta(hours=1))
    assert await refresh(till, -timedelta(hours=2)) is None  # nothing has changed since
    await age(till, timedelta(hours=2))
    await till.tell(sold, due=0, gmv=700)
    assert await refresh(till, EVERY)
    async with till.engine.connect() as connection:
        (day,) = (await days_sold(connection, till.book_id, TODAY, TODAY)).days
    assert day.gmv == 700
    await age(till, timedelta(days=2))
    assert await refresh(till, EVERY)  # a day has passed
    await in_sql(till, "DELETE FROM settlement.sold_periods WHERE book_id = :book AND since = :since", since=FIRST)
    assert await refresh(till, EVERY)  # the months that count are others


async def test_what_was_sold_since_another_day_or_later_is_read(till: Till) -> None:
    await till.sell(facts(sold_on=TODAY), facts(sold_on=TODAY - timedelta(days=3)))
    await refresh(till)
    assert await same(till, Asked())
    assert await same(till, Asked(since=FIRST, until=TODAY + timedelta(days=40)))
    assert not await same(till, Asked(until=TODAY - timedelta(days=1)))
    assert not await same(till, Asked(since=FIRST + timedelta(days=1)))
    assert not await same(till, Asked(currency="CNY"))
    since = month_before(TODAY)
    async with till.engine.connect() as connection:
        report, as_of = await performance_lately(connection, till.book_id, "day", Asked(since=since))
        assert (len(report.rows), as_of) == (2, None)  # of these days, the best alone are kept
        earlier = await recently_sold(connection, till.book_id, "CNY", since, TODAY - timedelta(days=1))
        assert earlier.as_of is None
        assert earlier.of("product")[0].gmv == 100_000


async def test_two_at_once_take_turns(till: Till) -> None:
    await till.sell(facts(sold_on=TODAY))
    kept = await asyncio.gather(*(refresh(till, EVERY) for _ in range(3)))
    assert sorted(each is None for each in kept) == [False, True, True]
