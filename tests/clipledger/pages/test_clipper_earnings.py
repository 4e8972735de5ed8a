"""A clipper's first page: what was earned, what is held and until when, what is paid next, and what is in the way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.clipper.totals import Ahead, Release, forecast
from settlement.payouts.days import PayDays
from settlement.payouts.schedules import Plan, set_schedule
from settlement.payouts.tables import payout_accounts
from settlement.sale import Sale
from tests.clipledger.pages.visitor import Shown, visiting
from tests.licensing.house import SPLIT, TERMS, Clipper, Granted, Host, NewClipper, NewGrant, NewHost
from tests.settlement.books import Closer
from tests.settlement.shop import dispute, settle
from tests.settlement.till import Till, by, facts

NOW = datetime.now(UTC)
TODAY = NOW.date()
IN_DOLLARS = msgspec.structs.replace(TERMS, split=msgspec.structs.replace(SPLIT, currency="USD"))
IN_YEN = msgspec.structs.replace(TERMS, split=msgspec.structs.replace(SPLIT, currency="JPY"))
KEPT = msgspec.structs.replace(TERMS, reserve="10%", reserve_days=30, minimum_payout=9_000)
FRIDAYS = PayDays(cadence="weekly", days=(5,))


async def seen(app: Litestar, clipper: Clipper, language: str = "en") -> Shown:
    async with visiting(app, clipper.person, language=language) as visitor:
        return await visitor.get(f"/clippers/{clipper.clipper_id}")


async def sold(till: Till, granted: Granted, days_ago: int, **told: Any) -> Sale:
    """For 130.20, of which 74.21 are the clipper's; settled on the day itself."""
    moment = NOW - timedelta(days=days_ago)
    when = {"as_of": moment, "sold_at": moment, "sold_on": moment.date(), "state": "settled", "settled_at": moment}
    (sale,) = await till.sell(facts(**by(granted), **{**when, **told}))
    return sale


async def pays(till: Till, basis: Any = "available") -> None:
    """The host pays on Fridays."""
    async with till.engine.begin() as connection:
        await set_schedule(connection, till.book_id, Plan(days=FRIDAYS, basis=basis), by="user:1", now=NOW)


async def payable(engine: AsyncEngine, clipper: Clipper, state: str = "active") -> None:
    """The clipper has an account at Stripe."""
    its = {"rail": "stripe", "destination": f"acct_{clipper.clipper_id}", "country": "CN", "currencies": ["CNY"]}
    async with engine.begin() as connection:
        row = insert(payout_accounts).values(party_id=clipper.clipper_id, state=state, created_by="test", **its)
        await connection.execute(row)


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


async def test_who_has_earned_nothing_is_told_what_to_do(app: Litestar, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    page = await seen(app, clipper)
    assert page.title == "Earnings"
    assert "You have earned nothing yet." in page.text
    assert page.soup.select_one(f'main a[href="/clippers/{clipper.clipper_id}/offers"]')
    assert page.figures() == {}


async def test_what_is_held_and_until_when(app: Litestar, till: Till, granted: Granted) -> None:
    first = await sold(till, granted, 10)
    await sold(till, granted, 5)
    await sold(till, granted, 1, state="pending", settled_at=None)
    page = await seen(app, granted.clipper)
    assert first.release_on is not None
    day = f"{first.release_on.day} {first.release_on:%b %Y}".replace("Sep ", "Sept ")
    figures = page.figures()
    assert figures["Available"] == "CN¥0.00"
    assert figures["Held"] == f"CN¥222.63 CN¥74.21 of it until {day}"
    assert figures["Paid so far"] == "CN¥0.00"
    rows = page.rows("Day by day in CNY")
    assert rows[0] == [day, "A host", "Held", "CN¥74.21"]
    assert rows[2] == ["no day yet", "A host", "Held", "CN¥74.21"]
    ahead = page.rows("What becomes available in CNY")
    assert ahead[-1] == ["once the marketplace has settled it", "CN¥74.21"]
    assert "An estimate, from what is already sold" in page.text


async def test_the_next_payout_with_its_day_and_about_how_much(app: Litestar, till: Till, granted: Granted) -> None:
    await sold(till, granted, 20)
    await settle(till, TODAY)
    await pays(till)
    page = await seen(app, granted.clipper)
    assert "You have no account to be paid to: set it up" in page.text
    await payable(till.engine, granted.clipper)
    page = await seen(app, granted.clipper)
    assert "About CN¥74.21 Pays next on" in page.text
    assert page.figures()["Available"].startswith("CN¥74.21 about CN¥74.21 is paid on ")


async def test_what_keeps_a_payout_back(app: Litestar, host: Host, till: Till, new_grant: NewGrant) -> None:
    kept = await new_grant(host, terms=KEPT)
    await sold(till, kept, 20)
    await settle(till, TODAY)
    await payable(till.engine, kept.clipper)
    page = await seen(app, kept.clipper)
    assert "CN¥66.79 so far; it is paid from CN¥90.00 on Pays by hand, on no fixed day." in page.text
    figures = page.figures()
    assert figures["Available"] == "CN¥66.79"
    assert figures["Reserve"].startswith("CN¥7.42 all of it until ")


async def test_an_account_that_is_not_ready(app: Litestar, till: Till, granted: Granted) -> None:
    await sold(till, granted, 20)
    await settle(till, TODAY)
    await payable(till.engine, granted.clipper, state="pending")
    assert "Your account can't be paid to yet" in (await seen(app, granted.clipper)).text


async def test_what_is_frozen_leads_to_the_dispute(app: Litestar, till: Till, granted: Granted) -> None:
    await sold(till, granted, 3)
    await dispute(till, granted)
    await settle(till, TODAY)
    page = await seen(app, granted.clipper)
    assert page.figures()["Frozen"] == "CN¥74.21 until 1 dispute is decided"
    assert page.soup.select_one(f'.figure a[href="/clippers/{granted.clipper.clipper_id}/disputes"]')


async def test_currencies_and_hosts_negative_and_huge(
    app: Litestar, app_engine: AsyncEngine, till: Till, granted: Granted, new_host: NewHost, new_grant: NewGrant
) -> None:
    clipper = granted.clipper
    await sold(till, granted, 3)
    tills = [Till(app_engine, await new_host()) for _ in range(3)]
    terms = (TERMS, IN_DOLLARS, IN_YEN)
    grants = [await new_grant(each.host, clipper=clipper, terms=its) for each, its in zip(tills, terms, strict=True)]
    await sold(tills[0], grants[0], 3)
    await sold(tills[1], grants[1], 3, currency="USD", due=9_000_000_000_000_000)
    await sold(tills[2], grants[2], 3, currency="JPY", due=1_000)
    owed = {"assets:stripe": -123_456, f"liabilities:available:clipper-{clipper.clipper_id}": 123_456}
    await Closer(tills[2]).post(TODAY, "Taken back", owed, "JPY")
    page = await seen(app, clipper)
    assert [head.text for head in page.soup.select("h2")][:3] == ["Chinese Yuan", "Japanese Yen", "US Dollar"]
    figures = page.figures()
    assert figures["Available in JPY"] == "−JP¥123,456"
    assert "US$51,300,000,000,000.00" in page.text
    assert "More was given back than you had." in page.text
    assert page.rows("By host in CNY")[-1][:3] == ["All hosts", "CN¥0.00", "CN¥148.42"]
    assert "By host in USD" not in str(page.soup)


async def test_the_plot_has_the_last_twelve_months(app: Litestar, till: Till, granted: Granted) -> None:
    await sold(till, granted, 0)
    await sold(till, granted, 400)
    page = await seen(app, granted.clipper)
    rows = page.rows("Your share, by month of sale")
    assert len(rows) == 12
    assert (rows[-1][1], {row[1] for row in rows[:-1]}) == ("CN¥74.21", {"CN¥0.00"})
    assert page.figures()["Earned this month"] == "CN¥74.21 CN¥0.00 the month before"
    assert page.rows("What your newest clips have earned") == [
        ["Sold without a known clip A host", "CN¥74.21", "CN¥1,000.00"]
    ]


async def test_in_chinese(app: Litestar, till: Till, granted: Granted) -> None:
    await sold(till, granted, 3)
    page = await seen(app, granted.clipper, "zh")
    assert page.soup.html is not None
    assert page.soup.html["lang"] == "zh-Hans"
    figures = page.figures()
    assert figures["可提现"] == "¥0.00"
    assert figures["待结算"].startswith("¥74.21")


async def test_what_somebody_else_has_earned_is_nobodys_to_see(
    app: Litestar, granted: Granted, new_clipper: NewClipper
) -> None:
    stranger = await new_clipper()
    async with visiting(app, stranger.person) as visitor:
        page = await visitor.get(f"/clippers/{granted.clipper.clipper_id}", status=404)
        assert "nothing here" in page.text.lower()


# The forecast -----------------------------------------------------------------------------------------------

MONDAY = date(2026, 10, 5)


def release(on: date | None, amount: int = 100) -> Release:
    return Release(on, "A host", False, amount)


def test_a_forecast_is_by_weeks_then_by_months_and_last_what_has_no_day() -> None:
    days = [date(2026, 10, 1), MONDAY, date(2026, 10, 11), date(2026, 10, 12), date(2026, 11, 20), date(2026, 12, 1)]
    assert forecast([*(release(day) for day in days), release(None)], MONDAY) == [
        Ahead(date(2026, 10, 11), 300),
        Ahead(date(2026, 10, 18), 100),
        Ahead(date(2026, 11, 30), 100),
        Ahead(date(2026, 12, 31), 100),
        Ahead(None, 100),
    ]


def test_what_cancels_out_is_no_forecast() -> None:
    assert forecast([release(MONDAY), release(MONDAY, -100)], MONDAY) == []


def test_the_last_week_of_a_forecast_goes_before_its_month() -> None:
    today = date(2026, 12, 2)  # four weeks later is a Wednesday, whose week ends in January
    days = [date(2026, 12, 30), date(2026, 12, 31), date(2027, 1, 4)]
    found = forecast([release(day) for day in days], today)
    assert found == [Ahead(date(2027, 1, 3), 200), Ahead(date(2027, 1, 31), 100)]
