"""A clipper's statements, from the list down to why a sale's share is what it is."""

from datetime import UTC, date, datetime
from typing import Any, get_args

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.clipper import wording
from clipledger.pages.tellings import told
from ledger.splits import Tier
from licensing.certificates.labels import Language
from licensing.certificates.numbers import printed
from licensing.terms import AGENCY, CLIPPER, HOST, PLATFORM
from settlement.accruing import Cause
from settlement.sale import Rule, Sale
from settlement.statements import drafting
from settlement.statements.papers import Whole, pdf_of
from tests.clipledger.pages.visitor import Shown, visiting
from tests.licensing.house import SPLIT, TERMS, Granted, Host, NewClipper, NewGrant, NewHost
from tests.settlement.books import OCTOBER, Closer
from tests.settlement.shop import CONCEDED, decide, dispute, settle
from tests.settlement.till import Till, by, facts, publish

SETTLED = datetime(2026, 10, 8, 4, tzinfo=UTC)
LATER = date(2026, 10, 23)
"""The hold of fifteen days is over."""


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def seen(app: Litestar, granted: Granted, path: str, language: str = "en", status: int = 200) -> Shown:
    async with visiting(app, granted.clipper.person, language=language) as visitor:
        return await visitor.get(f"/clippers/{granted.clipper.clipper_id}{path}", status=status)


async def october(till: Till, granted: Granted) -> list[Sale]:
    """A clip sells twice for 74.21, once given back in part, and what settled is released; a sale by the account."""
    async with till.engine.begin() as connection:
        await publish(connection, granted, f"video-{granted.grant_id}")
    clip = {"content_id": f"video-{granted.grant_id}", **by(granted)}
    settled = {"state": "settled", "settled_at": SETTLED}
    sales = await till.sell(facts(**clip, **settled), facts(**clip), facts(**by(granted), product="23"))
    await till.tell(sales[1], due=6_510, net_gmv=50_000)
    await settle(till, LATER)
    return sales


async def issued(closer: Closer, granted: Granted) -> Whole:
    await closer.close()
    return await closer.statement(party(granted))


# The list ---------------------------------------------------------------------------------------------------


async def test_there_is_none_before_a_month_is_closed(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    await october(till, granted)
    await closer.draft()
    page = await seen(app, granted, "/statements")
    assert "There is no statement yet." in page.text


async def test_the_list_has_what_was_issued_by_month_and_currency(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    await october(till, granted)
    its = (await issued(closer, granted)).statement
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"/clippers/{granted.clipper.clipper_id}/statements")
        (row,) = page.rows("Your statements")
        assert row[:4] == ["October 2026 A host", "CN¥185.52", "issued", "CNY"]
        link = page.soup.select_one(f'a[href$="/statements/{its.statement_id}/statement.pdf?lang=en"]')
        assert link is not None
        assert link["aria-label"] == "PDF of October 2026, A host, CNY"
        page = await visitor.get(page.path, month="2026-09")
        assert "There is no statement like that." in page.text
        page = await visitor.get(f"/clippers/{granted.clipper.clipper_id}/statements", month="2026-10", currency="CNY")
        assert len(page.rows("Your statements")) == 1
        await visitor.get(f"/clippers/{granted.clipper.clipper_id}/statements", month="October", status=422)


# A statement ------------------------------------------------------------------------------------------------


async def test_opening_lines_and_closing_with_their_proof(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    await october(till, granted)
    its = (await issued(closer, granted)).statement
    page = await seen(app, granted, f"/statements/{its.statement_id}")
    assert page.title == "Statement of October 2026"
    figures = page.figures()
    assert (figures["You had"], figures["It moved"]) == ("CN¥0.00", "+CN¥185.52")
    assert figures["You have"] == "CN¥185.52 of which CN¥74.21 is available"
    rows = {row[0].split(" (")[0]: row[1] for row in page.rows("What moved it")}
    assert rows == {
        "Opening: what you had before": "CN¥0.00",
        "Earned": "+CN¥222.63",
        "Refunds and corrections": "−CN¥37.11",
        "Released from hold": "CN¥0.00",
        "Closing: what you have": "CN¥185.52",
    }
    assert "Held −CN¥74.21 , Available +CN¥74.21" in page.text
    assert "CN¥0.00 + CN¥185.52 = CN¥185.52" in page.text
    assert page.rows("Where your money lies") == [
        ["Held", "CN¥0.00", "CN¥111.31"],
        ["Available", "CN¥0.00", "CN¥74.21"],
        ["Together", "CN¥0.00", "CN¥185.52"],
    ]
    assert page.rows("Line by line")[:2] == [
        ["A clip Earned", "+CN¥148.42", "2", "Held +CN¥148.42"],
        ["Product 23 Earned", "+CN¥74.21", "1", "Held +CN¥74.21"],
    ]
    code = page.soup.select_one(f'a[href="/s/{its.code}?lang=en"]')
    assert code is not None
    assert code.text == printed(its.code)


async def test_all_papers_of_a_statement_can_be_had(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    await october(till, granted)
    its = (await issued(closer, granted)).statement
    await closer.sealed()
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"/clippers/{granted.clipper.clipper_id}/statements/{its.statement_id}")
        assert "Number 1" in page.text
        links = [str(link["href"]) for link in page.soup.select(".actions a")]
        assert [link.rpartition(".")[2] for link in links] == ["pdf?lang=en", "pdf?lang=zh", "csv", "json", "beancount"]
        for link in links[2:]:
            assert (await visitor.client.get(link)).status_code == 200
        assert (await visitor.get(f"/s/{its.code}")).status == 200


async def test_the_chinese_paper_tells_what_the_books_do_in_chinese(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    lines = {f"liabilities:available:{party(granted)}": -500, "expenses:adjustments": 500}
    await closer.post(date(2026, 10, 9), "Adjustment 7: Order 5762 was miscounted.", lines)
    its = await issued(closer, granted)
    here = app.dependencies["public_url"].dependency()  # type: ignore[union-attr]
    place = f"{granted.clipper.path}/statements/{its.statement.statement_id}/statement.pdf"
    async with visiting(app, granted.clipper.person) as visitor:
        english, chinese = [(await visitor.client.get(place, params={"lang": each})).content for each in ("en", "zh")]
    assert english == pdf_of(its, "en", here, as_kept)
    assert chinese == pdf_of(its, "zh", here, told) != pdf_of(its, "zh", here, as_kept)


def as_kept(text: str, _: Language) -> str:
    return text


async def test_a_statement_that_was_replaced_leads_to_the_one_that_counts(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    await october(till, granted)
    old = (await issued(closer, granted)).statement
    await closer.ask_reopening()
    await closer.reopen()
    page = await seen(app, granted, f"/statements/{old.statement_id}")
    assert "this statement no longer counts. The one that counts comes" in page.text
    new = (await issued(closer, granted)).statement
    page = await seen(app, granted, f"/statements/{old.statement_id}")
    assert page.soup.select_one(f'.note-box a[href$="/statements/{new.statement_id}"]')


async def test_what_moves_between_ones_own_balances_adds_nothing_and_owing_counts_against_it(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    owner = party(granted)
    await closer.post(
        OCTOBER, "Owed back", {f"assets:recoverable:{owner}": 500, f"liabilities:available:{owner}": -500}
    )
    its = (await issued(closer, granted)).statement
    page = await seen(app, granted, f"/statements/{its.statement_id}")
    assert page.rows("Where your money lies")[1:] == [
        ["Available", "CN¥0.00", "CN¥5.00"],
        ["Owed back", "CN¥0.00", "CN¥5.00"],
        ["Together, less what you owe back", "CN¥0.00", "CN¥0.00"],
    ]
    line = await seen(app, granted, f"/statements/{its.statement_id}/lines/1")
    assert line.title == "Recovered: Owed back"
    assert [row[1] for row in line.rows("Where it is booked")] == ["+CN¥5.00", "+CN¥5.00"]


async def test_no_statement_of_anybody_else(
    app: Litestar, till: Till, closer: Closer, granted: Granted, new_clipper: NewClipper
) -> None:
    (sale, *_) = await october(till, granted)
    its = (await issued(closer, granted)).statement
    host_s = (await closer.statement("host")).statement
    stranger = await new_clipper()
    for path in (
        f"/statements/{its.statement_id}",
        f"/statements/{its.statement_id}/lines/1",
        f"/sales/{sale.sale_id}",
    ):
        async with visiting(app, stranger.person) as visitor:
            await visitor.get(f"/clippers/{stranger.clipper_id}{path}", status=404)
    await seen(app, granted, f"/statements/{host_s.statement_id}", status=404)
    await seen(app, granted, f"/statements/{its.statement_id}/lines/99", status=404)


# A line -----------------------------------------------------------------------------------------------------


async def test_a_line_has_its_sales_and_each_leads_to_why(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    first, second, _ = await october(till, granted)
    its = (await issued(closer, granted)).statement
    page = await seen(app, granted, f"/statements/{its.statement_id}/lines/1")
    assert page.title == "Earned: A clip"
    assert page.figures() == {"Amount of the line": "+CN¥148.42", "Held": "+CN¥148.42"}
    rows = page.rows("The sales behind it")
    assert [row[:4] for row in rows] == [
        [f"{first.order_no} TikTok", "+CN¥74.21", "Held +CN¥74.21", "settled"],
        [f"{second.order_no} TikTok", "+CN¥74.21", "Held +CN¥74.21", "pending"],
    ]
    assert page.soup.select_one(f'a[href="/clippers/{granted.clipper.clipper_id}/sales/{first.sale_id}"]')
    page = await seen(app, granted, f"/statements/{its.statement_id}/lines/4")
    assert page.title == "Released from hold: 1 sale"
    assert [row[1] for row in page.rows("The sales behind it")] == ["Held −CN¥74.21 , Available +CN¥74.21"]


async def test_a_line_of_an_entry_says_what_it_was_posted_for(
    app: Litestar, till: Till, closer: Closer, host: Host, new_grant: NewGrant
) -> None:
    split = msgspec.structs.replace(SPLIT, tiers=(Tier(200_000, (35, 65)),))
    granted = await new_grant(host, terms=msgspec.structs.replace(TERMS, split=split))
    await till.sell(facts(**by(granted)), facts(**by(granted)))
    whole = await issued(closer, granted)
    (line,) = [each for each in whole.lines if each.kind == "true-up"]
    page = await seen(app, granted, f"/statements/{whole.statement.statement_id}/lines/{line.line_no}")
    assert page.title.startswith("Tiers reached: ")
    (row,) = page.rows("Which tier you reached")
    assert row == [
        "October 2026", f"Offer {granted.offer_id}, version 1", "CN¥2,000.00", "CN¥2,000.00", "CN¥148.42", "+CN¥12.38",
    ]  # fmt: skip
    assert page.rows("Where it is booked") == [[f"Held liabilities:held:{party(granted)}", "+CN¥12.38"]]


# A sale -----------------------------------------------------------------------------------------------------


async def why(app: Litestar, granted: Granted, sale: Sale, **how: Any) -> Shown:
    return await seen(app, granted, f"/sales/{sale.sale_id}", **how)


async def test_why_this_amount(app: Litestar, till: Till, closer: Closer, granted: Granted) -> None:
    first, second, third = await october(till, granted)
    page = await why(app, granted, first)
    assert page.title == "Why this amount"
    assert f"Order {first.order_no} at TikTok, sold 5 Oct 2026, with A host" in page.text
    figures = page.figures()
    assert figures["Your share"] == "CN¥74.21"
    assert figures["Commission"] == "CN¥130.20 what the marketplace pays for it"
    assert page.rows("How it is shared") == [
        ["Commission", "CN¥130.20", "of the sale"],
        ["Platform fee", "CN¥6.51", "5% of the commission, CN¥130.20"],
        ["Host", "CN¥49.48", "4 of 10 parts of what is left, CN¥123.69 rounded up from CN¥49.476"],
        ["You", "CN¥74.21", "6 of 10 parts of what is left, CN¥123.69 rounded down from CN¥74.214"],
    ]
    assert "The marketplace names the video, and that is a clip of yours. 95 of 100 sure" in page.text
    assert "Your share is available: the waiting time is over." in page.text
    happened = page.rows("What happened to it")
    assert [(row[0].split(" 2")[0], row[1], row[2]) for row in happened] == [
        ("The marketplace reported it", "CN¥74.21", "Held"),
        ("The waiting time was over", "CN¥74.21", "Available"),
    ]
    assert [row[1] for row in page.rows("Entries")] == ["with the next seal", "with the next seal"]
    page = await why(app, granted, second)
    assert page.figures()["Buyer paid"] == "CN¥1,000.00 CN¥500.00 after returns"
    assert "held until the marketplace has settled the order, and 15 days more" in page.text
    assert "The marketplace names your account. 80 of 100 sure" in (await why(app, granted, third)).text
    await closer.seal()
    await closer.close()
    await closer.sealed()
    assert (await why(app, granted, first)).rows("Entries")[0][1] == "by seal 1"


async def test_a_share_that_was_lost_in_a_dispute_says_so(app: Litestar, till: Till, granted: Granted) -> None:
    (sale,) = await till.sell(facts(**by(granted)))
    claim = await dispute(till, granted)
    await settle(till, date(2026, 10, 9))
    page = await why(app, granted, sale)
    assert "Your share is frozen until a dispute is decided." in page.text
    await decide(till, claim, CONCEDED)
    await settle(till, date(2026, 10, 10))
    page = await why(app, granted, sale)
    assert page.figures()["Your share"] == "CN¥0.00"
    assert "A dispute was decided against you" in page.text


async def test_what_was_cancelled_shares_nothing(app: Litestar, till: Till, granted: Granted) -> None:
    (sale,) = await till.sell(facts(**by(granted)))
    await till.tell(sale, due=0, net_gmv=0, state="void")
    page = await why(app, granted, sale)
    assert "there is nothing to share" in page.text
    assert page.figures()["Your share"] == "CN¥0.00"


def test_every_word_of_the_rooms_has_one_for_clippers() -> None:
    assert tuple(wording.KINDS) == drafting.KINDS
    assert tuple(wording.BALANCES) == drafting.BALANCES
    assert set(wording.CAUSES) == set(get_args(Cause))
    assert set(wording.RULES) == set(get_args(Rule))
    assert set(wording.SHARES) == {PLATFORM, AGENCY, HOST, CLIPPER}


async def test_what_others_have_written_is_no_markup(
    app: Litestar, till: Till, closer: Closer, granted: Granted
) -> None:
    lines = {"assets:stripe": 100, f"liabilities:available:{party(granted)}": -100}
    await closer.post(OCTOBER, "<script>alert(1)</script>", lines)
    its = (await issued(closer, granted)).statement
    for path in (f"/statements/{its.statement_id}", f"/statements/{its.statement_id}/lines/1"):
        page = await seen(app, granted, path)
        assert "<script>alert(1)</script>" in page.text
        assert "<script>alert" not in page.answer.text


async def test_everything_in_chinese(app: Litestar, till: Till, closer: Closer, granted: Granted) -> None:
    (sale, *_) = await october(till, granted)
    its = (await issued(closer, granted)).statement
    async with visiting(app, granted.clipper.person, language="zh") as visitor:
        base = f"/clippers/{granted.clipper.clipper_id}"
        for path, title in (
            ("/statements", "结算单"),
            (f"/statements/{its.statement_id}", "2026年10月结算单"),
            (f"/statements/{its.statement_id}/lines/1", "收入：A clip"),
            (f"/sales/{sale.sale_id}", "为什么是这个金额"),
        ):
            assert (await visitor.get(f"{base}{path}")).title == title
