"""Payouts by bank file through the front door: accounts, files, the bank's answers; and what is nobody else's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.rails import rails_of
from clipledger.settings import Settings
from media.storage import Storage
from settlement.payouts.statement_lines import look_through_statements
from settlement.reconciliation.bank_files import import_file
from settlement.reconciliation.tables import external_lines
from tests.clipledger.front_door import NewPerson, Person, posting, problem
from tests.licensing.house import Clipper, Host, NewClipper, NewHost
from tests.settlement.payouts.purse import Hands, Purse, ScriptedRail
from tests.settlement.rails.bank_stand import answer

OWN = {"currency": "EUR", "account": {"holder": "Clip House", "country": "DE", "iban": "DE89370400440532013000"}}
IBAN = "NL91ABNA0417164300"
PAYEE = {"holder": "Ana Müller", "country": "NL", "iban": IBAN, "currency": "EUR"}


@dataclass(frozen=True)
class Desk:
    """Finance and the approver of a book that pays euros by file."""

    client: AsyncClient
    engine: AsyncEngine
    settings: Settings
    host: Host
    finance: Person
    approver: Person

    async def get(self, path: str, by: Person | None = None) -> Response:
        return await self.client.get(self._whole(path), headers=(by or self.finance).bearer)

    async def post(self, path: str, by: Person, body: Any = None, xml: bytes | None = None) -> Response:
        if xml is not None:
            headers = {**posting(by), "Content-Type": "application/xml"}
            return await self.client.post(self._whole(path), headers=headers, content=xml)
        return await self.client.post(self._whole(path), headers=posting(by), json=body or {})

    async def done(self, path: str, by: Person, body: Any = None, xml: bytes | None = None) -> Any:
        told = await self.post(path, by, body, xml)
        assert told.is_success, told.text
        return told.json()

    def _whole(self, path: str) -> str:
        return path if path.startswith("/v1/") else f"{self.host.path}/{path}"

    async def owe(self, clipper: Clipper, amount: int) -> None:
        clock = Hands()
        purse = Purse(self.engine, self.host, ScriptedRail(clock), clock)
        await purse.owe(f"clipper-{clipper.clipper_id}", amount, "EUR")

    async def approved(self) -> int:
        asked = {"rail": "bank-file", "basis": "available"}
        run = (await self.done("payout-runs", self.finance, asked))["run"]["run_id"]
        await self.done(f"payout-runs/{run}/submit", self.finance)
        await self.done(f"payout-runs/{run}/approve", self.approver)
        return int(run)

    async def statement(self, *lines: str) -> Response:
        """The bank's, as a CSV."""
        headers = {**posting(self.finance), "Content-Type": "application/octet-stream"}
        asked = {"name": "bank.csv", "account": "DE89370400440532013000"}
        path = self._whole("bank-files")
        return await self.client.post(path, headers=headers, content=self.csv(*lines), params=asked)

    def csv(self, *lines: str) -> bytes:
        return "\n".join(("booked_on,amount,currency,kind,end_to_end_id", *lines)).encode()

    async def payout(self) -> dict[str, Any]:
        (found,) = (await self.get("payouts")).json()["data"]
        return dict(found)


@pytest.fixture
async def desk(
    client: AsyncClient, app_engine: AsyncEngine, settings: Settings, new_host: NewHost, new_person: NewPerson
) -> Desk:
    host = await new_host()
    people = {role: await new_person(role, host.book) for role in ("finance", "approver")}
    made = Desk(client, app_engine, settings, host, **people)
    put = await client.put(f"{host.path}/bank-accounts", headers=made.finance.bearer, json={"accounts": [OWN]})
    assert put.json() == [OWN]
    return made


@pytest.fixture
async def payee(desk: Desk, new_clipper: NewClipper) -> Clipper:
    clipper = await new_clipper()
    await desk.owe(clipper, 10_000)
    made = await desk.post(f"{clipper.path}/payout-accounts/bank", clipper.person, PAYEE)
    assert (made.status_code, made.json()["destination"], made.json()["state"]) == (201, "…4300", "active")
    return clipper


async def test_from_the_payees_account_to_the_banks_statement(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    made = await desk.post(f"payout-runs/{run}/files", desk.finance)
    assert made.status_code == 201, made.text
    file = made.json()
    assert made.headers["location"].endswith(f"/payout-files/{file['file_id']}")
    assert (file["payments"], file["totals"]) == (1, {"EUR": 10_000})
    assert (await desk.get(f"payout-runs/{run}/files")).json() == [file]
    assert (await desk.get(f"payout-files/{file['file_id']}")).json() == file

    first, second = [await desk.get(f"payout-files/{file['file_id']}/payments.xml") for _ in range(2)]
    assert first.content == second.content
    assert (first.headers["content-type"], IBAN in first.text) == ("application/xml", True)
    assert file["message_id"] in first.headers["content-disposition"]

    key = (await desk.payout())["reference"]
    status = f"payout-files/{file['file_id']}/status"
    told = await desk.done(status, desk.finance, xml=answer(file["message_id"], [(key, "ACSC", None)]))
    assert (told["outcome"], told["new"], (await desk.payout())["state"]) == ({"settled": 1}, True, "sent")

    today = datetime.now(UTC).date()
    line = {"source": "bank", "account": "DE89370400440532013000", "external_id": key, "kind": "transfer"}
    its = {"amount": -10_000, "currency": "EUR", "booked_on": today, "value_on": today, "reference": key}
    said = dict.fromkeys(("counterparty", "description", "payment_group", "bank_reference"), "")
    async with desk.engine.begin() as connection:
        await connection.execute(insert(external_lines).values(book_id=desk.host.book_id, **line, **its, **said))
    await look_through_statements(desk.engine, rails_of(desk.settings), desk.host.book_id)
    assert (await desk.payout())["state"] == "paid"


async def test_a_statement_is_looked_at_when_it_is_imported_however_old_it_is(desk: Desk, payee: Clipper) -> None:
    await desk.done(f"payout-runs/{await desk.approved()}/files", desk.finance)
    key = (await desk.payout())["reference"]
    long_ago = datetime.now(UTC).date() - timedelta(days=200)
    left, came_back = f"{long_ago},-100.00,EUR,transfer,{key}", f"{long_ago},100.00,EUR,return,{key}"
    for line, status, state in ((left, 201, "paid"), (came_back, 201, "returned"), (left, 200, "returned")):
        told = await desk.statement(line)
        assert (told.status_code, (await desk.payout())["state"]) == (status, state), told.text


async def test_what_an_import_left_undone_is_done_when_the_file_is_sent_again(desk: Desk, payee: Clipper) -> None:
    await desk.done(f"payout-runs/{await desk.approved()}/files", desk.finance)
    line = f"2026-01-05,-100.00,EUR,transfer,{(await desk.payout())['reference']}"
    content, its = desk.csv(line), {"name": "bank.csv", "account": "DE89370400440532013000", "created_by": "test"}
    await import_file(desk.engine, Storage(desk.settings.media_storage), desk.host.book_id, content, **its)
    assert (await desk.payout())["state"] == "sent"
    assert (await desk.statement(line)).status_code == 200
    assert (await desk.payout())["state"] == "paid"


async def test_what_the_bank_rejects_is_told_and_the_file_is_not_given_out_again(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    file = await desk.done(f"payout-runs/{run}/files", desk.finance)
    place, key = f"payout-files/{file['file_id']}", (await desk.payout())["reference"]
    told = await desk.done(f"{place}/status", desk.finance, xml=answer(file["message_id"], [(key, "RJCT", "AC04")]))
    assert (told["outcome"], told["file"]["closed"]) == ({"rejected": 1}, True)
    refused = await desk.payout()
    assert (refused["state"], refused["code"], refused["fixed_by"]) == ("refused", "AC04", "payee")
    assert problem(await desk.get(f"{place}/payments.xml"))["type"] == "/problems/payout-file-closed"
    await desk.done(f"payouts/{refused['payout_id']}/retry", desk.finance)
    again = await desk.done(f"payout-runs/{run}/files", desk.finance)
    assert again["message_id"] != file["message_id"]
    assert problem(await desk.post(f"payout-runs/{run}/files", desk.finance))["status"] == 409


async def test_forged_foreign_and_endless_answers_change_nothing(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    file = await desk.done(f"payout-runs/{run}/files", desk.finance)
    status = f"payout-files/{file['file_id']}/status"
    for xml, code in (
        (answer("CLOTHER", group="RJCT"), 422),
        (answer(file["message_id"], [("clp-9-9-9", "RJCT", "AC04")]), 422),
        (b"not XML", 422),
        (b"<!DOCTYPE a><a/>", 422),
        (b" " * (16 * 1024 * 1024 + 1), 413),
    ):
        assert (await desk.post(status, desk.finance, xml=xml)).status_code == code
    assert (await desk.payout())["state"] == "sent"


async def test_another_books_finance_gets_at_nothing_by_number(
    desk: Desk, payee: Clipper, new_host: NewHost, new_person: NewPerson
) -> None:
    run = await desk.approved()
    file = await desk.done(f"payout-runs/{run}/files", desk.finance)
    other = await new_host()
    strangers = [await new_person(role, other.book) for role in ("finance", "approver")]
    place, said = f"{other.path}/payout-files/{file['file_id']}", answer(file["message_id"], group="RJCT")
    finance, approver = strangers
    answers = [
        await desk.get(place, finance),
        await desk.get(f"{place}/payments.xml", finance),
        await desk.post(f"{place}/status", finance, xml=said),
        await desk.post(f"{place}/not-paid", approver, {"reason": "x"}),
        await desk.get(f"{other.path}/payout-runs/{run}/files", finance),
        await desk.post(f"{other.path}/payout-runs/{run}/files", finance),
    ]
    assert [each.status_code for each in answers] == [404] * 6
    assert (await desk.payout())["state"] == "sent"


async def test_files_and_numbers_are_for_finance_alone(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    assert (await desk.post(f"payout-runs/{run}/files", desk.host.person)).status_code == 403
    file = await desk.done(f"payout-runs/{run}/files", desk.finance)
    place = f"payout-files/{file['file_id']}"
    assert (await desk.get(f"{place}/payments.xml", desk.host.person)).status_code == 403
    assert (await desk.post(f"{place}/not-paid", desk.finance, {"reason": "x"})).status_code == 403
    assert (await desk.get("bank-accounts", desk.host.person)).status_code == 403
    for path in ("payouts", place, f"payout-runs/{run}"):
        assert IBAN not in (await desk.get(path, desk.host.person)).text
    shown = await desk.client.get(f"{payee.path}/payout-accounts", headers=payee.person.bearer)
    assert IBAN not in shown.text


async def test_an_approver_says_that_the_bank_never_got_a_file(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    file = await desk.done(f"payout-runs/{run}/files", desk.finance)
    place = f"payout-files/{file['file_id']}/not-paid"
    closed = await desk.done(place, desk.approver, {"reason": "It was lost."})
    assert (closed["told"], (await desk.payout())["state"]) == ({"not-paid": 1}, "refused")
    assert (await desk.post(place, desk.approver, {"reason": "It was lost."})).status_code == 409


async def test_accounts_that_can_not_be_are_refused_by_their_field(desk: Desk, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    place = f"{clipper.path}/payout-accounts/bank"
    for changed, field in (
        ({"iban": "NL91ABNA0417164301"}, "iban"),
        ({"iban": None, "number": "12345"}, "bic"),
        ({"currency": "XYZ"}, "currency"),
        ({"country": "Netherlands"}, "country"),
    ):
        told = problem(await desk.post(place, clipper.person, PAYEE | changed))
        assert (told["status"] in (400, 422), field in str(told)) == (True, True), told
    both = [OWN, OWN]
    put = await desk.client.put(f"{desk.host.path}/bank-accounts", headers=desk.finance.bearer, json={"accounts": both})
    assert put.status_code == 422


async def test_a_host_and_an_agency_give_accounts_too(desk: Desk) -> None:
    made = await desk.post("payout-accounts/bank", desk.finance, PAYEE)
    assert made.json()["destination"] == "…4300"
    assert (await desk.post("payout-accounts/bank", desk.finance, PAYEE)).status_code == 409
    number = made.json()["account_id"]
    refresh = await desk.post(f"payout-accounts/{number}/refresh", desk.finance)
    assert refresh.status_code in (404, 409), "Stripe knows nothing of it"


async def test_a_book_without_accounts_is_not_set_up(desk: Desk, payee: Clipper) -> None:
    run = await desk.approved()
    await desk.client.put(f"{desk.host.path}/bank-accounts", headers=desk.finance.bearer, json={"accounts": []})
    told = problem(await desk.post(f"payout-runs/{run}/files", desk.finance))
    assert told["type"] == "/problems/rail-not-set-up"
