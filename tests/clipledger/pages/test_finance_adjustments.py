"""Adjustments: proposed in the browser by one person, decided by another."""

from tests.clipledger.pages.counting_house import CountingHouse
from tests.clipledger.pages.visitor import visiting

WHY = "Counted <twice>."


async def test_one_proposes_and_another_approves(office: CountingHouse) -> None:
    async with visiting(office.app, office.finance) as finance, visiting(office.app, office.approver) as approver:
        page = await finance.get(f"{office.path}/adjustments")
        assert "There are none." in page.text
        fields = {"party": office.party, "amount@{currency}": "-12.5", "against": "host", "reason": WHY}
        page = await finance.send(page, "propose", fields=fields)
        assert "Nothing moves until another person approves it." in page.text
        assert page.figures() == {"Ana": "−CN¥12.50"}
        assert "Ana is owed CN¥12.50 less, which goes to the host." in page.text
        assert page.forms() == ["withdraw"]
        page = await approver.send(await approver.get(page.path), "approve")
        assert "It is booked." in page.text
        assert page.forms() == []
        assert WHY in page.text
        assert page.soup.select_one("a[href*='/ledger/entries/']") is not None
        ((_, name, amount, state, _, _),) = (await finance.get(f"{office.path}/adjustments")).rows("Adjustments")
        assert (name, amount, state) == ("Ana", "−CN¥12.50", "approved")


async def test_what_is_wrong_comes_back_as_it_was_typed(office: CountingHouse) -> None:
    async with visiting(office.app, office.finance) as finance:
        page = await finance.get(f"{office.path}/adjustments")
        fields = {"party": "clipper-1x", "amount@{currency}": "1.234", "reason": WHY}
        page = await finance.send(page, "propose", fields=fields, status=400)
        assert page.faults()
        assert page.typed("propose", "amount@{currency}") == "1.234"
        assert page.typed("propose", "reason") == WHY
        page = await finance.send(
            page, "propose", fields={"party": "clipper-999999", "amount@{currency}": "1"}, status=422
        )
        assert page.faults()
        assert page.typed("propose", "party") == "clipper-999999"


async def test_it_is_refused_with_a_reason_or_taken_back(office: CountingHouse) -> None:
    refused, withdrawn = await office.propose(), await office.propose(300, against="book")
    async with visiting(office.app, office.approver) as approver:
        page = await approver.get(f"{office.path}/adjustments/{refused.adjustment_id}")
        page = await approver.send(page, "refuse", reason="Not so")
        assert "It is refused." in page.text
        assert "Not so" in page.text
    async with visiting(office.app, office.finance) as finance:
        page = await finance.get(f"{office.path}/adjustments/{withdrawn.adjustment_id}")
        assert "You have proposed it, so another person decides." in page.text
        assert "Ana is owed CN¥3.00 more, at the expense of the book." in page.text
        await finance.send(page, "withdraw")
        rows = (await finance.get(f"{office.path}/adjustments?in_state=withdrawn")).rows("Adjustments")
        assert [row[3] for row in rows] == ["withdrawn"]
        await finance.get(f"{office.path}/adjustments/999999", status=404)


async def test_the_host_reads_and_decides_nothing(office: CountingHouse) -> None:
    its = await office.propose()
    page = await office.see(f"/adjustments/{its.adjustment_id}", by=office.host.person)
    assert page.forms() == []
    assert "It waits for another person, who holds the approver role." in page.text
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(f"{office.path}/adjustments")).title == "调整"
