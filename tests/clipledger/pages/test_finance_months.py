"""Month end: a checklist that two people go through, and reopening what was issued."""

from datetime import date

from settlement.months import list_months
from tests.clipledger.pages.counting_house import CountingHouse, actor
from tests.clipledger.pages.visitor import Shown, visiting
from tests.settlement.till import by, facts

OCTOBER = "/months/2026-10"


def steps(page: Shown) -> dict[str, str]:
    """How far each step of the checklist is."""
    items = page.soup.select(".checklist > li")
    return {item.select("strong")[0].get_text(): item.select(".badge")[0].get_text() for item in items}


async def test_two_people_close_a_month(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant), due=13_020))
    async with visiting(office.app, office.finance) as finance, visiting(office.app, office.approver) as approver:
        page = await finance.get(f"{office.path}{OCTOBER}")
        assert page.title == "October 2026"
        assert steps(page)["Statements are drafted"] == "now"
        assert steps(page)["One person submits"] == "later"
        page = await finance.send(page, "draft")
        assert "The statements are drafted." in page.text
        assert page.rows("Its statements") == [["CNY", "2", "CN¥0.00", "CN¥123.69"]]
        page = await finance.send(page, "submit")
        assert "You have submitted this month, so another person has to approve it." in page.text
        assert page.forms() == []
        page = await approver.get(f"{office.path}{OCTOBER}")
        page = await approver.send(page, "return", reason="Look again")
        assert "The month is a draft again." in page.text
        page = await finance.get(f"{office.path}{OCTOBER}")
        assert page.rows("Who did what")[0][1:] == ["returned", approver_name(page), "Look again"]
        await finance.send(page, "submit")
        page = await approver.send(await approver.get(f"{office.path}{OCTOBER}"), "approve")
        assert "its statements are issued" in page.text
        assert steps(page)["The month is locked"] == "done"
        assert page.rows("Who did what")[0][1:3] == ["approved", "you"]


def approver_name(page: Shown) -> str:
    return page.rows("Who did what")[0][2]


async def test_a_month_is_closed_over_what_is_open_with_a_reason_only(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant)), facts(due=500))
    await office.propose()
    async with visiting(office.app, office.finance) as finance:
        page = await finance.get(f"{office.path}{OCTOBER}")
        assert steps(page)["Suspense is clear"] == "to look at"
        links = {" ".join(link.get_text().split()): link["href"] for link in page.soup.select(".checklist li li a")}
        assert links == {
            "1 sale in suspense · CN¥5.00": f"{office.path}/suspense",
            "1 adjustment to decide": f"{office.path}/adjustments?in_state=proposed",
        }
        page = await finance.send(page, "draft")
        page = await finance.send(page, "submit", status=409)
        assert "Nothing was changed." in page.text
        page = await finance.send(page, "submit", fields={"reason@null": "It waits for TikTok"})
        assert "It waits for TikTok" in page.rows("Who did what")[0]


async def test_books_that_move_make_a_draft_outdated(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant)))
    await office.closer.draft(by=actor(office.finance))
    await office.till.sell(facts(**by(office.grant)))
    page = await office.see(OCTOBER)
    assert "2 statements have to be drafted again" in page.text
    assert steps(page)["Statements are drafted"] == "now"


async def test_reopening_is_asked_for_by_one_and_decided_by_another(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant)))
    await office.closer.draft(by=actor(office.finance))
    await office.closer.submit(by=actor(office.finance))
    await office.closer.approve(by=actor(office.approver))
    async with visiting(office.app, office.finance) as finance, visiting(office.app, office.approver) as approver:
        page = await finance.get(f"{office.path}{OCTOBER}")
        page = await finance.send(page, "ask-reopening", reason="A refund came late")
        assert "You have asked to reopen this month" in page.text
        assert page.forms() == []
        page = await approver.get(page.path)
        page = await approver.send(page, "refuse-reopening", reason="It can wait")
        assert "The month stays issued." in page.text
        page = await finance.get(page.path)
        page = await finance.send(page, "ask-reopening", reason="It can not")
        page = await approver.get(page.path)
        assert "asks to reopen it: It can not" in page.text
        page = await approver.send(page, "reopen")
        assert "The month is open again." in page.text
        assert "Revision 2" in page.text
        assert steps(page)["The month is locked"] == "later"
    rows = (await office.see("/statements?state=superseded")).rows("Statements")
    assert [row[0] for row in rows] == ["Ana", "A host"]


async def test_months_are_listed_with_what_is_next(office: CountingHouse) -> None:
    assert len((await office.see("/months")).rows("Months")) == 1  # the present one
    await office.till.sell(facts(**by(office.grant), sold_on=date(2026, 9, 30)), facts(**by(office.grant)))
    rows = (await office.see("/months")).rows("Months")
    assert rows[0][1:] == ["running", "", "It ends first"]
    assert rows[-2:] == [
        ["October 2026", "open", "", "Close September 2026 before"],
        ["September 2026", "open", "", "Draft its statements"],
    ]
    page = await office.see(OCTOBER)
    assert "September 2026 is to be closed before." in page.text
    assert page.forms() == []
    await office.closer.close(date(2026, 9, 1))
    async with office.till.engine.connect() as connection:
        october, september = (await list_months(connection, office.till.book_id))[-2:]
    assert (october.state, october.waits_for, october.locked) == ("open", None, False)
    assert (september.state, september.statements, september.locked) == ("issued", 2, True)
    async with office.till.engine.connect() as connection:
        assert await list_months(connection, office.till.book_id, before=date(2026, 10, 1)) == [september]


async def test_what_is_no_month_is_refused_and_chinese_is_spoken(office: CountingHouse) -> None:
    await office.see("/months/october", status=422)
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(f"{office.path}/months")).title == "月结"
        assert (await visitor.get(f"{office.path}{OCTOBER}")).title == "2026年10月"
