"""Figures: each report shows what the books say, with files of the same, and says so where there is nothing."""

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.periods import lock_period
from settlement.kept_reports import refresh_reports
from settlement.reconciliation.board import last_month
from settlement.suspense import book_today
from tests.clipledger.front_door import NewPerson, OpenBook, Person
from tests.clipledger.pages.test_finance_ledger import booked, entry
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Host, NewClipper, NewGrant, NewHost
from tests.settlement.rolls import keep
from tests.settlement.till import Till, by, facts

AVAILABLE, MARKET = "liabilities:available:", "assets:marketplace:tiktok-shop"


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def owing(
    app_engine: AsyncEngine,
    host: Host,
    new_clipper: NewClipper,
) -> str:
    """Owes a clipper and its host; the clipper's name for accounts."""
    clipper = f"clipper-{(await new_clipper(name='Ana <i>Long</i>')).clipper_id}"
    async with app_engine.connect() as connection:
        today = (await book_today(connection, host.book_id)).isoformat()
    lines = (MARKET, "CNY", 1_000), (AVAILABLE + clipper, "CNY", -700), (AVAILABLE + "host", "CNY", -300)
    await booked(app_engine, host.book_id, entry("a", today, *lines))
    return clipper


@pytest.fixture
async def finance(
    host: Host,
    new_person: NewPerson,
) -> Person:
    return await new_person("finance", host.book)


async def test_payables_are_aged_by_party_with_links_and_files(
    app: Litestar,
    host: Host,
    owing: str,
    finance: Person,
) -> None:
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{host.book}/finance/figures", show="payables")
        rows = {row[0]: row[1:4] for row in page.rows("Payables")}
        assert rows["Ana <i>Long</i> · CNY"] == ["CN¥7.00", "0 days", "CN¥7.00"]
        assert rows["All together · CNY"] == ["CN¥10.00", "0 days", "CN¥10.00"]
        assert page.soup.select_one(f'a[href$="statements?party={owing}"]') is not None
        for link in page.soup.select('a[href*="/v1/"]'):
            answer = await visitor.client.get(str(link["href"]))
            assert answer.status_code == 200, link


async def test_the_roll_forward_is_by_kind_or_party_and_proved(
    app: Litestar,
    host: Host,
    owing: str,
    finance: Person,
) -> None:
    async with visiting(app, finance) as visitor:
        path = f"/books/{host.book}/finance/figures"
        page = await visitor.get(path)
        assert "Nobody was owed anything in this month." in page.text
        async with visiting(app, finance, language="zh") as other:
            assert (await other.get(path)).status == 200
        answer = await visitor.client.get(f"{host.path}/reports/payables-ageing")
        month = answer.json()["as_of"][:7]
        page = await visitor.get(path, month=month)
        assert page.rows("Movements")[-1][0] == "All parties · CNY"
        assert page.rows("Movements")[-1][9] == "CN¥10.00"
        page = await visitor.get(path, month=month, by="party")
        assert page.rows("Movements")[0][0] == "Ana <i>Long</i> · CNY"
        await visitor.get(path, month="2026-13", status=400)


async def test_the_roll_forward_of_a_large_book_says_of_when_it_is_until_its_month_is_locked(
    app: Litestar, app_engine: AsyncEngine, host: Host, finance: Person, new_grant: NewGrant
) -> None:
    till = Till(app_engine, host)
    async with app_engine.connect() as connection:
        month = await last_month(connection, host.book_id)
    sold = facts(**by(await new_grant(host)), due=10_000, sold_on=month)
    await till.sell(sold)
    assert await keep(till)
    await till.sell({**sold, "order_no": "another"})
    async with visiting(app, finance) as visitor:
        path = f"/books/{host.book}/finance/figures"
        page = await visitor.get(path, by="party")
        assert "As of " in page.text
        assert page.rows("Movements")[-1][2] == "CN¥95.00"
        async with app_engine.begin() as connection:
            await lock_period(connection, host.book_id, month, locked_by="user:1")
        assert month in await keep(till)
        page = await visitor.get(path, by="party")
        assert "As of " not in page.text
        assert page.rows("Movements")[-1][2] == "CN¥190.00"


async def test_what_is_kept_of_a_large_book_is_shown_with_its_moment(
    app: Litestar, app_engine: AsyncEngine, host: Host, finance: Person, new_grant: NewGrant
) -> None:
    till = Till(app_engine, host)
    sold = facts(**by(await new_grant(host)), due=10_000)
    await till.sell(sold)
    assert await refresh_reports(app_engine, host.book_id, at_least=1)
    await till.sell({**sold, "order_no": "another"})
    async with visiting(app, finance) as visitor:
        path = f"/books/{host.book}/finance/figures"
        for show, figure in (("payables", "CN¥95.00"), ("receivables", "CN¥100.00")):
            page = await visitor.get(path, show=show)
            assert "As of " in page.text
            assert figure in page.text
        page = await visitor.get(path, show="payables", as_of="2026-12-31")
        assert "As of " not in page.text
        assert "CN¥190.00" in page.text
        page = await visitor.get(f"/books/{host.book}/finance/ledger")
        assert "as it stood on" in page.text
        assert page.figures()["Debits"] == "CN¥100.00"
        page = await visitor.get(f"/books/{host.book}/finance/ledger", as_of="2026-12-31")
        assert page.figures()["Debits"] == "CN¥200.00"


@pytest.mark.parametrize(
    ("show", "said"),
    [
        ("payables", "You owe nobody anything."),
        ("suspense", "Nothing is in suspense"),
        ("receivables", "No marketplace owes you anything."),
        ("performance", "Nothing was sold in these days."),
    ],
)
async def test_a_report_of_nothing_says_so(
    app: Litestar, new_host: NewHost, new_person: NewPerson, show: str, said: str
) -> None:
    host = await new_host()
    async with visiting(app, await new_person("finance", host.book)) as visitor:
        assert said in (await visitor.get(f"/books/{host.book}/finance/figures", show=show)).text


async def test_receivables_lead_to_the_marketplaces_account(
    app: Litestar,
    host: Host,
    owing: str,
    finance: Person,
) -> None:
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{host.book}/finance/figures", show="receivables")
        assert page.figures()["Still to be paid"] == "CN¥10.00"
        link = page.soup.select_one(".figure.main a")
        assert link is not None
        assert (await visitor.get(str(link["href"]))).title == f"{MARKET} · CNY"


async def test_performance_may_be_asked_by_anything_it_knows(
    app: Litestar,
    host: Host,
    finance: Person,
) -> None:
    async with visiting(app, finance) as visitor:
        for by in ("month", "day", "clipper", "clip", "offer", "product", "marketplace", "platform", "other"):
            await visitor.get(f"/books/{host.book}/finance/figures", show="performance", by=by, since="2026-01-01")
        await visitor.get(f"/books/{host.book}/finance/figures", show="everything", status=400)


async def test_a_number_about_a_clipper_or_an_offer_leads_to_what_it_is_made_of(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    ana, bo = await new_grant(host), await new_grant(host, clipper=await new_clipper(name="Bo"))
    async with app_engine.connect() as connection:
        today = await book_today(connection, host.book_id)
    sold = facts(**by(ana), sold_on=today), facts(**by(bo), sold_on=today, order_no="2"), facts(sold_on=today)
    await Till(app_engine, host).sell(*sold)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/clippers/{bo.clipper.clipper_id}")
        assert page.figures()["Sales value (GMV)"] == "CN¥1,000.00"
        link = page.soup.select_one(".figure.main a")
        assert link is not None
        page = await visitor.get(str(link["href"]))
        assert "Only of Bo." in page.text
        assert page.figures()["Sold, CNY"].startswith("CN¥1,000.00")
        (month,) = page.rows("Performance")
        assert month[1] == "CN¥1,000.00"
        page = await visitor.get(str(page.soup.select_one("tbody th a")["href"]))  # type: ignore[index]
        assert page.figures()["Sold, CNY"].startswith("CN¥1,000.00")
        where = f"/books/{host.book}/finance/figures"
        page = await visitor.get(where, show="performance", offer_id=ana.offer_id)
        assert page.figures()["Sold, CNY"].startswith("CN¥1,000.00")
        page = await visitor.get(where, show="performance")
        assert page.figures()["Sold, CNY"].startswith("CN¥3,000.00")
        stranger = (await new_clipper()).clipper_id
        await visitor.get(where, show="performance", clipper_id=stranger, status=404)
        await visitor.get(where, show="performance", offer_id=2**62, status=404)


async def test_another_book_is_not_there(
    app: Litestar,
    host: Host,
    open_book: OpenBook,
    new_person: NewPerson,
) -> None:
    other = await new_person("finance", (await open_book()).slug)
    async with visiting(app, other) as visitor:
        await visitor.get(f"/books/{host.book}/finance/figures", status=404)
