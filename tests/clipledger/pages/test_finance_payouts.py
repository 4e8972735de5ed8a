"""Payouts on finance's pages: planned, let go by two people, filed for the bank, and each payout's way."""

import pytest
from httpx import AsyncClient
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.rails import rails_of
from clipledger.settings import Settings
from settlement.payouts.overview import count_payees, list_payees
from settlement.payouts.pace import Pace
from settlement.payouts.paying import pay_due
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.visitor import Shown, Visitor, visiting
from tests.clipledger.test_web_payout_files import OWN, PAYEE, Desk
from tests.licensing.house import Clipper, NewClipper, NewHost


@pytest.fixture
async def desk(
    client: AsyncClient, app_engine: AsyncEngine, settings: Settings, new_host: NewHost, new_person: NewPerson
) -> Desk:
    host = await new_host()
    people = {role: await new_person(role, host.book) for role in ("finance", "approver")}
    made = Desk(client, app_engine, settings, host, **people)
    put = await client.put(f"{host.path}/bank-accounts", headers=made.finance.bearer, json={"accounts": [OWN]})
    assert put.status_code == 200
    return made


@pytest.fixture
async def payee(desk: Desk, new_clipper: NewClipper) -> Clipper:
    clipper = await new_clipper(name="Ana 安娜")
    await desk.owe(clipper, 10_000)
    await desk.done(f"{clipper.path}/payout-accounts/bank", clipper.person, PAYEE)
    return clipper


def place(desk: Desk, path: str = "") -> str:
    return f"/books/{desk.host.book}/finance/payouts{path}"


async def drafted(visitor: Visitor, desk: Desk) -> Shown:
    page = await visitor.get(place(desk))
    return await visitor.send(page, "plan", rail="bank-file", basis="available")


async def test_a_run_is_previewed_drafted_submitted_and_approved_by_another(
    app: Litestar, desk: Desk, payee: Clipper, new_clipper: NewClipper
) -> None:
    await desk.owe(await new_clipper(name="Bo"), 900)
    look = f"POST {desk.host.path}/payout-runs/preview"
    async with visiting(app, desk.finance) as visitor:
        page = await visitor.get(place(desk))
        assert "No run yet." in page.text
        page = await visitor.send(page, "plan", rail="bank-file", basis="available", fields={"_look": look})
        assert "€100.00 to 1 payee" in page.text
        rows = {row[0]: row for row in page.rows("What a run would pay now")}
        assert rows["Ana 安娜"][1:5] == ["€100.00", "€0.00", "€0.00", "€100.00"]
        assert rows["Bo"][4:] == ["€0.00", "no account the payee, in its account"]
        page = await drafted(visitor, desk)
        assert "The run is drafted." in page.text
        assert page.figures()["Pays, EUR"] == "€100.00 to 1 payee"
        assert "€100.00 to 1 payee, by bank file" in page.form("submit").get_text(" ")
        page = await visitor.send(page, "submit")
        assert "another person must approve it" in page.text
        assert "approve" not in page.forms()
        run = page.path
    async with visiting(app, desk.approver) as visitor:
        page = await visitor.get(run)
        page = await visitor.send(page, "return", reason=" ", status=400)
        assert page.faults()
        page = await visitor.send(page, "approve")
        assert "Approved." in page.text
        assert page.soup.select_one("#progress[data-live] progress") is not None
        assert [row[1:3] for row in page.rows("Who did what")] == [
            ["drafted", desk.finance.email],
            ["submitted", desk.finance.email],
            ["approved", "you"],
        ]
        page = await visitor.get(run, state="left-out")
        assert [row[0] for row in page.rows("Payouts")] == ["Bo"]
        assert "You approve runs" in (await visitor.get(place(desk))).text
    async with visiting(app, desk.host.person) as visitor:
        page = await visitor.get(place(desk))
        assert "You approve runs" not in page.text
        assert "people who hold the finance role" in page.text


async def test_a_file_is_made_for_the_bank_which_is_declared_not_paid_and_the_payout_cancelled(
    app: Litestar, desk: Desk, payee: Clipper
) -> None:
    run = await desk.approved()
    await pay_due(desk.engine, rails_of(desk.settings), desk.host.book_id, Pace(None))
    async with visiting(app, desk.finance) as visitor:
        page = await visitor.get(place(desk, f"/{run}"))
        page = await visitor.send(page, "file", execute_on="2001-02-30", status=400)
        assert page.faults()
        page = await visitor.send(page, "file", execute_on="")
        link = page.soup.select_one('a[href$="payments.xml"]')
        assert link is not None
        assert (await visitor.client.get(str(link["href"]))).status_code == 200
        answer = next(name for name in page.forms() if name.startswith("answer-"))
        page = await visitor.send(page, answer, file=("a.xml", b"<no/>"), status=422)
        assert "Nothing was changed." in page.text
        assert not page.folded(answer)
        one = place(desk, f"/{run}/{(await desk.payout())['payout_id']}")
        page = await visitor.get(one)
        assert page.title.endswith("to Ana 安娜")
        assert page.figures()["Paid out"] == "€100.00"
        assert page.rows("Every step of its way")[0][1] == "Approved: the money was set aside"
        entry = page.soup.select_one('a[href*="/finance/ledger/entries/"]')
        assert entry is not None
        page = await visitor.get(str(entry["href"]))
        assert page.soup.select_one(f'a[href="{one}"]') is not None
    async with visiting(app, desk.approver) as visitor:
        page = await visitor.get(place(desk, f"/{run}"))
        unpaid = next(name for name in page.forms() if name.startswith("unpaid-"))
        await visitor.send(page, unpaid, reason="The bank never got it.")
        page = await visitor.send(await visitor.get(one), "cancel", reason="Not now.")
        assert "Never paid; the money is available again." in page.text


async def test_the_schedule_is_set_and_what_is_wrong_is_told(app: Litestar, desk: Desk) -> None:
    async with visiting(app, desk.finance) as visitor:
        page = await visitor.get(place(desk), show="schedule")
        assert "There is no schedule" in page.text
        fields = {"days.cadence": "semi-monthly", "days.days[]@words": "15", "days.hour": "7"}
        page = await visitor.send(page, "schedule", fields=fields, status=422)
        assert page.typed("schedule", "days.days[]@words") == "15"
        assert "Nothing was changed." in page.text
        page = await visitor.send(page, "schedule", fields={**fields, "days.days[]@words": "15 31"})
        assert "The schedule is set." in page.text
        assert "twice a month" in page.text
        assert "Next payout run" in (await visitor.get(place(desk))).figures()
    async with visiting(app, desk.approver, language="zh") as visitor:
        page = await visitor.get(place(desk), show="schedule")
        assert "schedule" not in page.forms()


async def test_payees_are_listed_with_what_is_in_the_way(
    app: Litestar, desk: Desk, payee: Clipper, new_clipper: NewClipper
) -> None:
    await desk.owe(await new_clipper(name="Bo"), 900)
    async with visiting(app, desk.finance) as visitor:
        page = await visitor.get(place(desk), show="payees")
        assert page.figures() == {"Can be paid": "1", "Something is in the way": "0", "No account yet": "1"}
        assert [row[0] for row in page.rows("Payees")] == ["Ana 安娜", "Bo"]
        page = await visitor.get(place(desk), show="payees", payable="none")
        assert [row[0] for row in page.rows("Payees")] == ["Bo"]
    async with desk.engine.connect() as connection:
        assert await count_payees(connection, desk.host.book_id) == {"active": 1, "blocked": 0, "none": 1}
        found = await list_payees(connection, desk.host.book_id, after=payee.clipper_id)
        assert [each.name for each in found] == ["Bo"]


async def test_the_hosts_own_accounts_are_given_and_removed(app: Litestar, desk: Desk) -> None:
    async with visiting(app, desk.finance) as visitor:
        page = await visitor.get(place(desk), show="accounts")
        assert page.typed("kept", "accounts[0].account.iban") == "DE89370400440532013000"
        bank = {"holder": "Host", "country": "NL", "currency": "EUR", "iban": "NL00"}
        page = await visitor.send(page, "bank", fields=bank, status=422)
        assert page.typed("bank", "iban") == "NL00"
        assert page.faults()
        assert not page.folded("bank")
        assert page.folded("stripe")
        page = await visitor.send(page, "bank", iban="NL91ABNA0417164300")
        assert "…4300" in page.text
        close = next(name for name in page.forms() if name.startswith("close-"))
        assert "The account is removed." in (await visitor.send(page, close)).text


async def test_what_is_another_books_is_not_there(app: Litestar, desk: Desk, payee: Clipper, new_host: NewHost) -> None:
    run = await desk.approved()
    other = await new_host()
    async with visiting(app, other.person) as visitor:
        await visitor.get(place(desk, f"/{run}"), status=404)
    async with visiting(app, desk.finance) as visitor:
        await visitor.get(place(desk, f"/{run + 10**9}"), status=404)
        payout = (await desk.payout())["payout_id"]
        await visitor.get(place(desk, f"/{run + 1}/{payout}"), status=404)
