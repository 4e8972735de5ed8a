"""Reconciliation on finance's pages: from the bank's file to the signature."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from media.storage import Storage
from settlement.reconciliation.overview import kinds_of, matched_shares
from settlement.remittances import NewRemittance, record_remittances
from tests.clipledger.front_door import NewPerson, Person
from tests.clipledger.pages.visitor import Shown, Visitor, visiting
from tests.licensing.house import NewHost
from tests.settlement.reconciliation.office import Office

FILE = b"booked_on,amount,currency,end_to_end_id,kind\n2026-10-05,5.00,CNY,B1,receipt\n2026-10-06,-0.35,CNY,,fee\n"


@pytest.fixture
async def office(app_engine: AsyncEngine, new_host: NewHost, tmp_path: Path) -> Office:
    return Office(app_engine, Storage(tmp_path.as_uri()), await new_host())


@pytest.fixture
async def finance(office: Office, new_person: NewPerson) -> Person:
    return await new_person("finance", office.host.book)


@pytest.fixture
async def approver(office: Office, new_person: NewPerson) -> Person:
    return await new_person("approver", office.host.book)


def place(office: Office, path: str = "") -> str:
    return f"/books/{office.host.book}/finance/reconciliations{path}"


async def begun(visitor: Visitor, office: Office) -> Shown:
    page = await visitor.get(place(office), month="2026-10")
    page = await visitor.send(page, "begin-1")
    return await visitor.send(page, "run")


async def test_why_one_can_not_be_begun_is_told_in_its_row(app: Litestar, office: Office, finance: Person) -> None:
    await office.book(500, reference="B1")
    async with visiting(app, finance) as visitor:
        page = await visitor.get(place(office), month="2026-10")
        page = await visitor.send(page, "begin-1", month="2026-13", status=422)
        faults = page.form("begin-1").select_one(".faults")
        assert faults is not None
        assert "Nothing was changed." in faults.get_text()


async def test_from_the_board_over_reasons_and_entries_to_the_signature(
    app: Litestar, office: Office, finance: Person, approver: Person
) -> None:
    await office.book(500, reference="B1")
    await office.send(FILE)
    async with visiting(app, finance) as visitor:
        page = await visitor.get(place(office), month="2026-10")
        assert page.rows("Accounts of the month")[0][:2] == ["assets:bank · CNY", "not begun"]
        page = await begun(visitor, office)
        figures = page.figures()
        assert (figures["Matched"], figures["In the ledger"]) == ("66.7% 1 match", "CN¥5.00 1 line")
        assert (figures["Outside"], figures["Difference"]) == ("CN¥4.65 2 lines", "CN¥0.35")
        assert "It adds up" in page.text
        assert "submit" not in page.forms()
        assert page.rows("What is left over, by kind")[0][:4] == ["fee not booked", "1", "1", "CN¥0.35"]
        link = page.soup.select_one('a[href*="residual="]')
        assert link is not None
        page = await visitor.get(str(link["href"]))
        assert (
            page.rows("Proposed entry")
            == [
                ["assets:bank", "", "CN¥0.35"],
                ["expenses:payout-fees", "CN¥0.35", ""],
            ]
            or len(page.rows("Proposed entry")) == 2
        )
        page = await visitor.send(page, "explain", reason=" ", status=400)
        assert page.faults()
        page = await visitor.send(await visitor.get(str(link["href"])), "post", reason="October's fee")
        page = await visitor.send(page, "run")
        assert page.figures()["Difference"] == "CN¥0.00"
        page = await visitor.send(page, "submit")
        assert "another person signs it off" in page.text
        assert "sign" not in page.forms()
        its = page.path
    async with visiting(app, approver) as visitor:
        page = await visitor.send(await visitor.get(its), "sign")
        assert "Signed off." in page.text
        assert page.rows("Who did what")[-1][1:3] == ["signed off", "you"]
        assert "run" not in page.forms()
        page = await visitor.get(its, show="matches")
        assert {row[1] for row in page.rows("Matches")} >= {"same reference"}


async def test_lines_are_ticked_and_matched_by_hand_and_parted(app: Litestar, office: Office, finance: Person) -> None:
    await office.book(500, reference="ours")
    await office.hear({"booked_on": "2026-10-20", "amount": 500, "currency": "CNY", "end_to_end_id": "theirs"})
    async with visiting(app, finance) as visitor:
        page = await begun(visitor, office)
        ticks = [str(box["value"]) for box in page.soup.select('input[name="tick"]')]
        its = page.path
        answer = await visitor.client.get(its, params={"tick": ticks[:1]})
        assert "make the same sum" in answer.text
        page = await visitor.get(its + "?" + "&".join(f"tick={each}" for each in ticks))
        assert len(ticks) == 2
        assert "Ledger: CN¥5.00. Outside: CN¥5.00. Both sides make the same sum." in page.text
        page = await visitor.send(page, "match", reason="It is the same.")
        page = await visitor.send(page, "run")
        assert "Nothing is left over here." in page.text
        page = await visitor.get(its, show="matches")
        link = page.soup.select_one('a[href*="part="]')
        assert link is not None
        page = await visitor.send(await visitor.get(str(link["href"])), "part", reason="It is not.")
        assert "parted" in page.text


async def test_bank_files_and_marketplaces_payments_are_taken_in(
    app: Litestar, office: Office, finance: Person
) -> None:
    async with visiting(app, finance) as visitor:
        page = await visitor.get(place(office), show="files")
        assert "No file yet." in page.text
        page = await visitor.send(page, "file", file=("oct.csv", FILE), fields={"?account": "DE1"})
        assert page.rows("Bank files")[0][0] == "oct.csv"
        assert page.rows("Bank files")[0][2:5] == ["2", "2", "0"]
        page = await visitor.get(place(office), show="remittances")
        told: dict[str, Any] = {
            "marketplace": "my-shop",
            "currency": "CNY",
            "received_on": "2026-10-20",
            "reference": "R<1>",
        }
        for wrong, rule in (
            ({"amount": "twelve"}, "must be a decimal number such as 1,234.50"),
            ({"currency": "XXX"}, "must be the ISO 4217 code of a national currency in use"),
            ({"received_on": "October"}, "must be a day"),
        ):
            page = await visitor.ask(page, "asked", **{**told, "amount": "12.50", **wrong})
            assert page.faults() == [rule]
            assert {name: page.typed("asked", name) for name in wrong} == wrong
            assert "remittance" not in page.forms()
        page = await visitor.ask(page, "asked", **told, amount="12.50")
        said = "CN¥12.50 that my-shop paid on 20 Oct 2026 (at the bank, reference R<1>) is booked"
        assert f"{said}: it owes you that much less." in page.form("remittance").get_text()
        page = await visitor.send(page, "remittance", status=422)
        assert page.faults() == ["a marketplace whose reports were imported into this book"]
        assert (page.typed("asked", "reference"), page.typed("asked", "amount")) == ("R<1>", "12.50")


async def test_a_payment_is_recorded_after_the_page_has_said_of_whom_and_how_much(
    app: Litestar, office: Office, finance: Person
) -> None:
    await office.book(500, account="assets:marketplace:douyin")
    told: dict[str, Any] = {"marketplace": "douyin", "currency": "CNY", "received_on": "2026-10-20", "reference": "R1"}
    async with visiting(app, finance) as visitor:
        page = await visitor.get(place(office), show="remittances")
        page = await visitor.ask(page, "asked", **told, amount="-1,012.50", account="stripe")
        said = "CN¥1,012.50 that Douyin took back on 20 Oct 2026 (at Stripe, reference R1) is booked"
        assert f"{said}: it owes you that much more." in page.form("remittance").get_text()
        page = await visitor.send(page, "remittance")
        assert "The payment is recorded." in page.text
        assert page.rows("Marketplaces' payments")[0][:3] == ["R1", "Douyin", "−CN¥1,012.50"]
    async with visiting(app, finance, language="zh") as visitor:
        page = await visitor.get(place(office), show="remittances", **told, amount="12.50", account="bank")
        assert "抖音 于" in page.form("remittance").get_text()


@pytest.mark.parametrize(
    ("language", "description", "cause"),
    [("en", "Paid by Douyin: R1", "A payment by Douyin R1"), ("zh", "抖音 回款：R1", "抖音 R1 的回款")],
)
async def test_an_entry_calls_the_marketplace_that_has_paid_as_it_calls_itself(
    app: Litestar, office: Office, finance: Person, language: str, description: str, cause: str
) -> None:
    its = {"marketplace": "douyin", "currency": "CNY", "amount": 500, "received_on": date(2026, 10, 20)}
    new = msgspec.convert({**its, "account": "assets:bank", "reference": "R1"}, NewRemittance)
    await office.book(500, account="assets:marketplace:douyin")
    async with office.engine.begin() as connection:
        (made,) = await record_remittances(connection, office.book_id, "test", [new])
    async with visiting(app, finance, language=language) as visitor:
        page = await visitor.get(f"/books/{office.host.book}/finance/ledger/entries/{made.entry_id}")
        assert description in page.text
        assert cause in page.text


async def test_the_board_of_nothing_and_of_who_may_only_look(
    app: Litestar, office: Office, finance: Person, approver: Person, new_host: NewHost
) -> None:
    async with visiting(app, approver) as visitor:
        page = await visitor.get(place(office), month="2026-10")
        assert "No account has anything in this month." in page.text
        assert page.forms() == []
    async with visiting(app, finance) as visitor:
        page = await visitor.get(place(office), month="2026-10")
        page = await visitor.send(page, "begin", account="assets:shoe-box", currency="CNY", status=422)
        assert page.faults()
        assert page.typed("begin", "account") == "assets:shoe-box"
        await visitor.get(place(office, "/1000000000"), status=404)


async def test_shares_and_kinds_are_of_the_book_alone(office: Office) -> None:
    await office.book(500, reference="B1")
    await office.send(FILE)
    desktop = await office.run()
    async with office.engine.connect() as connection:
        shares = await matched_shares(connection, office.book_id, [desktop.number])
        (kind,) = await kinds_of(connection, office.book_id, desktop.number)
        assert await matched_shares(connection, office.book_id + 10**9, [desktop.number]) == {}
    assert float(shares[desktop.number]) == pytest.approx(2 / 3)
    assert (kind.kind, kind.number, kind.open, kind.amount) == ("fee-not-booked", 1, 1, 35)
    assert kind.advice == "A fee that is in no entry: book it."
