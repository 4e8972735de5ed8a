"""Statements of all parties: found, read, and opened down to the sales and decisions behind a line."""

from datetime import date

from settlement import adjustments
from tests.clipledger.pages.counting_house import CountingHouse, actor
from tests.clipledger.pages.visitor import visiting
from tests.settlement.till import by, facts

_LAST = date(2026, 10, 31)


async def _drafted(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant), due=13_020, order_no="A-1"), facts(**by(office.grant), due=6_980))
    its = await office.propose()
    async with office.till.engine.begin() as connection:
        await adjustments.approve(
            connection, office.till.book_id, its.adjustment_id, actor(office.approver), today=_LAST
        )
    await office.closer.draft(by=actor(office.finance))


async def test_statements_are_found_by_name_month_and_state(office: CountingHouse) -> None:
    assert "There are none yet." in (await office.see("/statements")).text
    await _drafted(office)
    rows = (await office.see("/statements")).rows("Statements")
    assert [row[:3] for row in rows] == [["Ana", "October 2026", "draft"], ["A host", "October 2026", "draft"]]
    assert rows[0][3:6] == ["CN¥0.00", "+CN¥126.50", "CN¥126.50"]
    for asked, names in (
        ("name=AN", ["Ana"]),
        ("name=%25", []),
        ("month=2026-09&name=", []),
        ("state=issued", []),
        (f"state=draft&party={office.party}&currency=CNY", ["Ana"]),
    ):
        page = await office.see(f"/statements?{asked}")
        found = [row[0] for row in page.rows("Statements")] if names else []
        assert found == names
        assert names or "No statement is like that." in page.text


async def test_a_statement_adds_up_and_opens_line_by_line(office: CountingHouse) -> None:
    await _drafted(office)
    async with visiting(office.app, office.approver) as visitor:
        page = await visitor.get(f"{office.path}/statements", name="ana")
        link = page.soup.select_one("table th a")
        assert link is not None
        page = await visitor.get(str(link["href"]))
        assert page.figures() == {
            "Owed before": "CN¥0.00",
            "Moved in the month": "+CN¥126.50",
            "Owed at the end": "CN¥126.50",
        }
        assert page.rows("From before to the end") == [
            ["At the beginning", "CN¥0.00", "CN¥0.00", "CN¥0.00"],
            ["Earned 1 line", "+CN¥114.00", "", "+CN¥114.00"],
            ["Adjustments 1 line", "", "+CN¥12.50", "+CN¥12.50"],
            ["At the end", "CN¥114.00", "CN¥12.50", "CN¥126.50"],
        ]
        assert {each.get_text() for each in page.soup.select("a.button")} == {"PDF", "CSV", "JSON", "beancount"}
        earned, adjusted = (str(each["href"]) for each in page.soup.select("#lines ~ .table th a"))
        page = await visitor.get(earned)
        assert next((row[0], row[4]) for row in page.rows("Sales")) == ("A-1", "+CN¥74.21")
        assert len(page.rows("Sales")) == 2
        page = await visitor.get(adjusted)
        assert "Order 5762 was miscounted." in page.text
        assert ["", "CN¥12.50"] in [row[1:] for row in page.rows("The entry that it tells of")]
        entry = page.soup.select_one('#entry ~ p a[href*="/ledger/entries/"]')
        assert entry is not None
        assert (await visitor.get(str(entry["href"]))).soup.find("a", href=adjusted), "from the entry back to its line"
        entry = (await visitor.get(earned)).soup.select_one('td a[href*="/ledger/entries/"]')
        assert entry is not None
        assert (await visitor.get(str(entry["href"]))).soup.find("a", href=link["href"])
        await visitor.get(f"{link['href']!s}/lines/99", status=404)
        await visitor.get(f"{office.path}/statements/999999999", status=404)


async def test_in_chinese(office: CountingHouse) -> None:
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(f"{office.path}/statements")).title == "结算单"
