"""What sold how well, by whatever finance, a host or a clipper asks for; and what marketplaces owe for it."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.sheets import csv_text
from settlement.clicks import Clicks, count_clicks
from settlement.errors import InvalidReport
from settlement.reports import performance, receivables
from settlement.reports.performance import Asked, Performance, PerformanceReport
from settlement.reports.performance_sql import FIGURES
from settlement.reports.receivables import MarketplaceReceivable, ReceivablesReport
from tests.licensing.house import Granted, Host, NewGrant, NewHost
from tests.settlement.books import Closer
from tests.settlement.till import Till, by, facts, publish

FIRST, LAST = date(2026, 9, 1), date(2026, 10, 31)
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 10, 4, tzinfo=UTC)}


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def read(till: Till, rows_by: performance.By, **asked: Any) -> PerformanceReport:
    page = {name: asked.pop(name) for name in ("offset", "limit") if name in asked}
    its = Asked(**{"since": FIRST, "until": LAST, **asked})
    async with till.engine.connect() as connection:
        return await performance.performance(connection, till.book_id, rows_by, its, **page)


async def read_own(till: Till, grant: Granted, rows_by: performance.OwnBy, **asked: Any) -> PerformanceReport:
    its = Asked(**{"since": FIRST, "until": LAST, **asked})
    async with till.engine.connect() as connection:
        return await performance.own_performance(connection, grant.clipper.clipper_id, rows_by, its)


def figures(row: Performance) -> dict[str, int]:
    """Those that are neither zero nor null."""
    return {name: value for name in FIGURES if (value := getattr(row, name))}


async def sold(till: Till, grant: Granted, other: Granted) -> tuple[int, int]:
    """Two clips and a sale of no clip; five orders of six lines, two of which were given back in part; one is nobody's.

    130.20 is 6.51 platform, 49.48 host, 74.21 clipper; 80.00 is 4.00, 30.40, 45.60.
    """
    async with till.engine.begin() as connection:
        first = await publish(connection, grant, "post-a")
        second = await publish(connection, other, "post-b")
    post_a, post_b = ({"platform": "tiktok", "content_id": name} for name in ("post-a", "post-b"))
    await till.sell(
        facts(**post_a, order_no="o-1", line_no="1", gmv=60_000, net_gmv=60_000, due=13_020),
        facts(**post_a, order_no="o-1", line_no="2", gmv=40_000, net_gmv=10_000, due=8_000, product="18"),
        facts(**post_a, order_no="o-2", gmv=20_000, net_gmv=20_000, due=8_000, sold_on=date(2026, 9, 3)),
        facts(**post_b, order_no="o-3", gmv=50_000, net_gmv=0, due=0, state="void"),
        facts(**by(other), order_no="o-4", gmv=30_000, net_gmv=30_000, due=8_000, marketplace="douyin"),
        facts(order_no="o-5", gmv=10_000, net_gmv=10_000, due=1_000),
    )
    rows = [
        Clicks(day="2026-10-05", platform="tiktok", content_id="post-a", clicks=80),
        Clicks(day="2026-09-03", platform="tiktok", content_id="post-a", clicks=20),
        Clicks(day="2026-10-05", platform="tiktok", content_id="nobody's", clicks=1_000),
    ]
    async with till.engine.begin() as connection:
        await count_clicks(connection, till.book_id, rows, as_of=None, told_by="test")
    return first, second


@pytest.fixture
async def other(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def test_every_figure_of_a_clipper(till: Till, grant: Granted, other: Granted) -> None:
    await sold(till, grant, other)
    ana, ben, nobody = (await read(till, "clipper")).rows
    assert (ana.key, ana.name, ana.currency) == (str(grant.clipper.clipper_id), "Ana", "CNY")
    assert figures(ana) == {
        "gmv": 120_000,
        "net_gmv": 90_000,
        "refunded": 30_000,
        "orders": 2,
        "lines": 3,
        "returned_orders": 1,
        "gmv_return_ppm": 250_000,
        "order_return_ppm": 500_000,
        "commission": 29_020,
        "host": 4_948 + 2 * 3_040,
        "clipper": 7_421 + 2 * 4_560,
        "platform_fee": 651 + 2 * 400,
        "clicks": 100,
        "conversion_ppm": 20_000,
    }
    assert (ben.key, ben.orders, ben.returned_orders, ben.clicks) == (str(other.clipper.clipper_id), 2, 1, None)
    assert (nobody.key, nobody.name, nobody.commission, nobody.clipper) == (None, None, 1_000, 0)


async def test_an_order_counts_once_in_each_row_and_in_the_total(till: Till, grant: Granted, other: Granted) -> None:
    await sold(till, grant, other)
    products = await read(till, "product", sort="key", descending=False)
    assert [(row.key, row.within, row.orders, row.lines) for row in products.rows] == [
        ("17", "douyin", 1, 1),
        ("17", "tiktok", 4, 4),
        ("18", "tiktok", 1, 1),
    ]
    (total,) = products.totals
    assert (total.orders, total.lines, total.returned_orders, total.gmv) == (5, 6, 2, 210_000)
    assert (total.clicks, total.conversion_ppm) == (None, None)


@pytest.mark.parametrize(
    ("rows_by", "expected"),
    [
        ("marketplace", [("tiktok", 180_000, None), ("douyin", 30_000, None)]),
        ("platform", [("tiktok", 200_000, 100), (None, 10_000, None)]),
        ("month", [("2026-10", 190_000, 80), ("2026-09", 20_000, 20)]),
        ("day", [("2026-10-05", 190_000, 80), ("2026-09-03", 20_000, 20)]),
        ("all", [(None, 210_000, 100)]),
    ],
)
async def test_the_same_sales_by_anything(
    till: Till,
    grant: Granted,
    other: Granted,
    rows_by: performance.By,
    expected: list[tuple[str | None, int, int | None]],
) -> None:
    await sold(till, grant, other)
    found = await read(till, rows_by)
    assert [(row.key, row.gmv, row.clicks) for row in found.rows] == expected
    assert sum(row.gmv for row in found.totals) == 210_000


async def test_clips_and_offers_are_told_by_their_titles(till: Till, grant: Granted, other: Granted) -> None:
    first, second = await sold(till, grant, other)
    clips = (await read(till, "clip", sort="orders")).rows
    assert [(row.key, row.name, row.orders) for row in clips] == [
        (str(first), "A clip", 2),
        (None, None, 2),
        (str(second), "A clip", 1),
    ]
    offers = (await read(till, "offer", clipper_id=grant.clipper.clipper_id)).rows
    assert [(row.key, row.name, row.gmv, row.clicks) for row in offers] == [
        (str(grant.offer_id), "An offer", 120_000, 100)
    ]


async def test_currencies_are_never_added_up(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), gmv=500), facts(gmv=700, currency="USD", due=70))
    found = await read(till, "month")
    assert [(row.currency, row.gmv) for row in found.rows] == [("USD", 700), ("CNY", 500)]
    assert [(row.currency, row.gmv) for row in found.totals] == [("CNY", 500), ("USD", 700)]
    assert [row.gmv for row in (await read(till, "month", currency="CNY")).rows] == [500]


async def test_a_day_of_clicks_without_a_sale_is_a_row(till: Till, grant: Granted) -> None:
    async with till.engine.begin() as connection:
        await publish(connection, grant, "post-a")
        row = Clicks(day="2026-10-06", platform="tiktok", content_id="post-a", clicks=7)
        await count_clicks(connection, till.book_id, [row], as_of=None, told_by="test")
    (found,) = (await read(till, "day")).rows
    assert (found.key, found.currency, found.clicks, found.conversion_ppm, found.orders) == (
        "2026-10-06",
        "CNY",
        7,
        0,
        0,
    )
    assert (found.gmv_return_ppm, found.order_return_ppm) == (None, None)


async def test_rows_come_in_pages_sorted_by_any_figure(till: Till, grant: Granted) -> None:
    await till.sell(*(facts(product=str(each), gmv=each, due=100 - each) for each in range(1, 6)))
    first = await read(till, "product", limit=2)
    rest = await read(till, "product", limit=2, offset=4)
    assert ([row.key for row in first.rows], first.next_cursor) == (["5", "4"], "2")
    assert ([row.key for row in rest.rows], rest.next_cursor) == (["1"], None)
    assert first.totals == rest.totals
    assert [row.key for row in (await read(till, "product", sort="commission")).rows] == ["1", "2", "3", "4", "5"]
    for sort in ("key", *FIGURES):
        assert len((await read(till, "product", sort=sort, descending=False)).rows) == 5


async def test_a_period_that_ends_before_it_begins_is_refused(till: Till) -> None:
    for since, until in ((LAST, FIRST), (date(2001, 1, 1), LAST)):
        with pytest.raises(InvalidReport):
            await read(till, "month", since=since, until=until)
    assert (await read(till, "month", since=None, until=date.min)).rows == []


# A clipper's own --------------------------------------------------------------------------------------------


async def test_a_clipper_sees_its_own_with_all_hosts(
    till: Till, grant: Granted, other: Granted, new_host: NewHost, new_grant: NewGrant
) -> None:
    first, _ = await sold(till, grant, other)
    elsewhere = await new_host()
    theirs = await new_grant(elsewhere, clipper=grant.clipper)
    await Till(till.engine, elsewhere).sell(facts(**by(theirs), gmv=5_000, net_gmv=5_000, due=500))
    months = await read_own(till, grant, "month", sort="key", descending=False)
    assert [(row.key, row.gmv, row.clicks) for row in months.rows] == [
        ("2026-09", 20_000, 20),
        ("2026-10", 105_000, 80),
    ]
    clips = (await read_own(till, grant, "clip")).rows
    assert [(row.key, row.within, row.name, row.clipper) for row in clips] == [
        (str(first), till.host.book, "A clip", 16_541),
        (None, elsewhere.book, None, 285),
    ]
    hosts = (await read_own(till, grant, "host")).rows
    assert [(row.key, row.name, row.orders) for row in hosts] == [
        (till.host.book, "A host", 2),
        (elsewhere.book, "A host", 1),
    ]
    assert {(row.host, row.agency, row.platform_fee) for row in (*clips, *hosts, *months.totals)} == {
        (None, None, None)
    }
    heading = next(performance.sheet(months))
    assert "clipper" in heading
    assert "host" not in heading


async def test_over_http_with_links_that_lead_somewhere(
    client: AsyncClient, till: Till, grant: Granted, other: Granted, new_grant: NewGrant
) -> None:
    await sold(till, grant, other)
    person, period = till.host.person.bearer, {"since": "2026-09-01", "until": "2026-10-31"}
    for rows_by in ("clipper", "clip", "product", "offer", "marketplace", "platform", "day", "month", "all"):
        found = await client.get(
            f"{till.host.path}/reports/performance", params={**period, "by": rows_by}, headers=person
        )
        rows = found.json()["rows"]
        for row in rows:
            if "sales" in row["links"]:
                sales = (await client.get(row["links"]["sales"], headers=person)).json()["data"]
                assert len(sales) == row["lines"], rows_by
            for name, link in row["links"].items():  # of these clips there is no video
                assert name == "clip" or (await client.get(link, headers=person)).status_code == 200
    clipper = grant.clipper
    own = await client.get(f"{clipper.path}/performance", params=period, headers=clipper.person.bearer)
    (row,) = own.json()["rows"]
    assert (row["clipper"], row["conversion_ppm"], own.json()["book"]) == (16_541, 20_000, None)
    assert row["links"] == {"clip": f"{clipper.path}/submissions/{row['key']}"}
    stranger = await client.get(f"{clipper.path}/performance", headers=other.clipper.person.bearer)
    assert stranger.status_code == 404


async def test_a_file_has_all_rows_and_no_formula(client: AsyncClient, till: Till) -> None:
    await till.sell(
        *(facts(product="=1+1", order_no=str(each), sold_on=LAST, gmv=150, net_gmv=50) for each in range(3))
    )
    asked: dict[str, str | int] = {
        "since": "2026-10-01",
        "until": "2026-10-31",
        "by": "product",
        "format": "csv",
        "limit": 1,
    }
    file = await client.get(f"{till.host.path}/reports/performance", params=asked, headers=till.host.person.bearer)
    (row,) = csv.DictReader(io.StringIO(file.text))
    assert (row["key"], row["gmv"], row["orders"], row["gmv_return_rate"]) == ("'=1+1", "4.50", "3", "0.666667")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "colour"}, "by"),
        ({"sort": "1; DROP TABLE"}, "sort"),
        ({"since": "2026-10-31", "until": "2026-10-01"}, "since"),
        ({"currency": "yuan"}, "currency"),
        ({"marketplace": "a\0b"}, "marketplace"),
        ({"clipper_id": str(2**63)}, "clipper_id"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(
    client: AsyncClient, host: Host, query: dict[str, str], field: str
) -> None:
    refused = await client.get(f"{host.path}/reports/performance", params=query, headers=host.person.bearer)
    assert refused.status_code in (400, 422)
    assert field in refused.text


@pytest.mark.parametrize(
    "path",
    [
        "roll-forward?month=0001-01",
        "roll-forward?month=9999-12&by=party&cursor=999999999999999999",
        "payables-ageing?as_of=0001-01-01",
        "payables-ageing?as_of=9999-12-31&cursor=999999999999999999",
        "performance?since=0001-01-01&until=0001-01-01&by=day",
        "performance?until=9999-12-31&by=month&cursor=999999999999999999",
        "performance?offer_id=9223372036854775807&submission_id=9223372036854775807&by=all",
    ],
)
async def test_the_ends_of_the_calendar_and_of_numbers_are_answered(client: AsyncClient, till: Till, path: str) -> None:
    await till.sell(facts(sold_on=date(9999, 12, 31)), facts(sold_on=date(1, 1, 1)))
    answer = await client.get(f"{till.host.path}/reports/{path}", headers=till.host.person.bearer)
    assert answer.status_code == 200, answer.text
    for by_months in ("sale", "settlement"):
        answer = await client.get(
            f"{till.host.path}/reports/receivables?by={by_months}", headers=till.host.person.bearer
        )
        assert (answer.status_code, answer.json()["proved"]) == (200, True)


# Receivables ------------------------------------------------------------------------------------------------


async def owed(till: Till, months: receivables.By = "sale") -> ReceivablesReport:
    async with till.engine.connect() as connection:
        return await receivables.receivables(connection, till.book_id, by=months)


def told(row: MarketplaceReceivable) -> list[tuple[Any, ...]]:
    return [(its.month, its.accrued, its.settled, its.remitted, its.outstanding) for its in row.months]


async def test_payments_pay_the_oldest_month_first(till: Till, grant: Granted) -> None:
    """100.00 of September, 50.00 of October; 120.00 came, 10.00 of it went back, 5.00 are written off."""
    a, b, _ = await till.sell(
        facts(**by(grant), due=10_000, sold_on=date(2026, 9, 3)),
        facts(**by(grant), due=6_000),
        facts(due=900, marketplace="douyin"),
    )
    await till.tell(a, **SETTLED)
    await till.tell(b, due=5_000)
    closer, market = Closer(till), "assets:marketplace:tiktok"
    await closer.post(date(2026, 10, 20), "Paid", {"assets:bank": 12_000, market: -12_000})
    await closer.post(date(2026, 10, 21), "Clawed back", {"assets:stripe": -1_000, market: 1_000})
    await closer.post(date(2026, 10, 22), "Written off", {"expenses:bad-debt": 500, market: -500})
    found = await owed(till)
    assert found.proved
    douyin, tiktok = found.rows
    assert (douyin.marketplace, douyin.outstanding, told(douyin)) == ("douyin", 900, [("2026-10", 900, 0, 0, 900)])
    assert (tiktok.accrued, tiktok.settled, tiktok.remitted, tiktok.other) == (15_000, 10_000, -11_000, -500)
    assert (tiktok.outstanding, tiktok.difference) == (3_500, 0)
    assert told(tiktok) == [("2026-09", 10_000, 10_000, -10_000, 0), ("2026-10", 5_000, 0, -1_500, 3_500)]
    september, october = tiktok.months
    assert september.age is None
    assert october.age == max((found.as_of - date(2026, 10, 31)).days, 0)
    settled = (await owed(till, "settlement")).rows[1]
    assert told(settled) == [("2026-10", 10_000, 10_000, -10_000, 0), (None, 5_000, 0, -1_500, 3_500)]
    rows = list(csv.DictReader(io.StringIO(csv_text(receivables.sheet(found)))))
    assert [(row["marketplace"], row["month"], row["outstanding"]) for row in rows] == [
        ("douyin", "2026-10", "9.00"),
        ("douyin", "total", "9.00"),
        ("tiktok", "2026-09", "0.00"),
        ("tiktok", "2026-10", "35.00"),
        ("tiktok", "total", "35.00"),
    ]


async def test_what_was_paid_too_much_is_the_last_months(till: Till) -> None:
    await till.sell(facts(due=1_000, sold_on=date(2026, 9, 3)), facts(due=500))
    await Closer(till).post(date(2026, 10, 20), "Paid", {"assets:bank": 1_800, "assets:marketplace:tiktok": -1_800})
    (row,) = (await owed(till)).rows
    assert told(row) == [("2026-09", 1_000, 0, -1_000, 0), ("2026-10", 500, 0, -800, -300)]
    assert (row.outstanding, row.difference) == (-300, 0)


async def test_what_is_paid_for_no_sale_is_told(till: Till) -> None:
    await Closer(till).post(date(2026, 10, 20), "Paid", {"assets:bank": 1_800, "assets:marketplace:shop": -1_800})
    found = await owed(till)
    (row,) = found.rows
    assert (found.proved, row.accrued, row.remitted, row.outstanding, row.months) == (True, 0, -1_800, -1_800, [])


async def test_a_sale_that_changed_its_currency_is_in_its_new_one_alone(till: Till, grant: Granted) -> None:
    (a,) = await till.sell(facts(**by(grant), due=13_020))
    await till.tell(a, currency="USD", due=8_000)
    found = await owed(till)
    assert found.proved
    assert [(row.currency, row.accrued, row.outstanding) for row in found.rows] == [
        ("CNY", 0, 0),
        ("USD", 8_000, 8_000),
    ]


async def test_receivables_over_http(client: AsyncClient, till: Till) -> None:
    await till.sell(facts(due=1_000), facts(due=50, marketplace="a.b_c"))
    person = till.host.person.bearer
    rows = (await client.get(f"{till.host.path}/reports/receivables", headers=person)).json()["rows"]
    for row in rows:
        for link in (*row["links"].values(), *row["months"][0]["links"].values()):
            assert (await client.get(link, headers=person)).status_code == 200, link
