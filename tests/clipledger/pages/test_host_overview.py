"""The host's first page: figures of this month and the last, plots, what sold best, and what waits."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.host.overview import starts_of
from settlement.sold import refresh_sold
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.test_host_applications import applied
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewClipper, NewGrant, NewHost
from tests.settlement.till import Till, by, facts, publish


def days() -> tuple[date, date]:
    """Today by the books' calendar, and a day of the month before."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
    return today, today.replace(day=1) - timedelta(days=1)


async def test_an_empty_book_says_what_will_be_there(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}")
        assert "Nothing was sold in the last twelve months." in page.text
        assert "Nothing today." in page.text
        assert page.figures()["Active licences"] == "0 0 clippers"


async def test_figures_plots_and_the_best(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    today, before = days()
    async with app_engine.begin() as connection:
        clip = await publish(connection, grant, f"content-{grant.grant_id}")
    shown = {**by(grant), "content_id": f"content-{grant.grant_id}"}
    till = Till(app_engine, host)
    await till.sell(facts(**shown, sold_on=today), facts(**by(grant), sold_on=today, net_gmv=0, due=0, product="18"))
    await till.sell(facts(**by(grant), sold_on=before), facts(sold_on=before, currency="USD"))
    await applied(app_engine, host, grant.offer_id, await new_clipper())
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}")
        figures = page.figures()
        assert figures["Sales value (GMV)"] == "CN¥2,000.00 Last month: CN¥1,000.00"
        assert figures["Commission"] == "CN¥130.20 Last month: CN¥130.20"
        assert figures["Your part of it"] == "CN¥49.48 Last month: CN¥49.48"
        assert figures["Given back by buyers"] == "50% Last month: 0%"
        assert figures["Clippers who sold"].startswith("1 since ")
        assert figures["Active licences"] == "1 1 clipper"
        behind = page.soup.select_one(".figure.main a")
        assert behind is not None
        of_month = await visitor.get(str(behind["href"]))
        assert of_month.figures()["Sold, CNY"].startswith("CN¥2,000.00"), "not of other months"
        assert of_month.figures()["Commission"] == "CN¥130.20"
        assert "1 application to decide on" in page.text
        assert [row[1] for row in page.rows("Sales value (GMV)")][-2:] == ["CN¥1,000.00", "CN¥2,000.00"]
        assert len(page.rows("Commission")) == 12
        assert page.rows("Clippers") == [["Ana", "CN¥3,000.00", "CN¥260.40"]]
        assert page.rows("Clips") == [["A clip", "CN¥1,000.00", "CN¥130.20"]]
        assert page.soup.select_one(f'a[href="/books/{host.book}/review/{clip}"]') is not None
        assert [row[0] for row in page.rows("Products")] == ["17 tiktok", "18 tiktok"]
        page = await visitor.get(f"/books/{host.book}", step="week")
        assert page.rows("Sales value (GMV)")[-1][1] == "CN¥2,000.00"
        page = await visitor.get(f"/books/{host.book}", currency="USD")
        assert page.figures()["Sales value (GMV)"] == "US$0.00 Last month: US$1,000.00"
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}")
        assert "¥2,000.00" in page.text


async def test_who_may_not_read_sales_sees_what_waits(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_person: Any
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    await Till(app_engine, host).sell(facts(**by(grant), sold_on=days()[0]))
    reviewer = await new_person("reviewer", host.book)
    async with visiting(app, reviewer) as visitor:
        page = await visitor.get(f"/books/{host.book}")
        assert set(page.figures()) == {"Active licences", "Offered, not accepted yet", "Suspended"}
    other = await new_host()
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"/books/{host.book}", status=404)


def test_twelve_months_and_weeks_end_with_todays() -> None:
    today = date(2026, 2, 18)
    months, weeks = starts_of("month", today), starts_of("week", today)
    assert (months[0], months[-1]) == (date(2025, 3, 1), date(2026, 2, 1))
    assert (len(weeks), weeks[-1]) == (12, date(2026, 2, 16))


async def test_a_large_books_sums_are_kept_and_the_pages_say_of_when(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_person: NewPerson
) -> None:
    host = await new_host()
    finance = await new_person("finance", host.book)
    till = Till(app_engine, host)
    await till.sell(facts(sold_on=days()[0]))
    assert await refresh_sold(app_engine, host.book_id, at_least=1)
    await till.sell(facts(sold_on=days()[0]))
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}")
        assert "As of " in page.text
        assert page.figures()["Sales value (GMV)"].startswith("CN¥1,000.00 ")
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{host.book}/finance/figures", show="performance")
        assert "as they were known on" in page.text
        assert page.figures()["Sold, CNY"].startswith("CN¥1,000.00 ")
        page = await visitor.get(f"/books/{host.book}/finance/figures", show="performance", since=f"{days()[0]}")
        assert "as they are known now" in page.text
        assert page.figures()["Sold, CNY"].startswith("CN¥2,000.00 ")
