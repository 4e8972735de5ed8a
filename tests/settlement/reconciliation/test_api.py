"""Reconciliation over HTTP: from a bank's file to a signature, and what is refused on the way."""

from typing import Any

import pytest
from httpx import AsyncClient

from clipledger.access import roles
from settlement.reconciliation.rail_lines import import_movements
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import NewUser
from tests.settlement.reconciliation.office import Office
from tests.settlement.reconciliation.test_imports import BAD, Books, movement

FILE = b"booked_on,amount,currency,end_to_end_id,kind\n2026-10-05,5.00,CNY,B1,receipt\n2026-10-06,-0.35,CNY,,fee\n"
NEW = {"account": "assets:bank", "currency": "CNY", "month": "2026-10"}


@pytest.fixture
async def finance(new_user: NewUser, office: Office) -> User:
    return await new_user(roles.ROLES["finance"], "finance", office.host.book)


@pytest.fixture
async def approver(new_user: NewUser, office: Office) -> User:
    return await new_user(roles.ROLES["approver"], "approver", office.host.book)


async def sent(client: AsyncClient, office: Office, by: User, content: bytes = FILE) -> Any:
    headers = {**posting(by), "Content-Type": "application/octet-stream"}
    path = f"{office.host.path}/bank-files"
    return await client.post(path, headers=headers, content=content, params={"name": "oct.csv", "account": "DE1"})


async def test_from_the_banks_file_to_the_signature(
    client: AsyncClient, office: Office, finance: User, approver: User
) -> None:
    base = office.host.path
    await office.book(500, reference="B1")
    first = await sent(client, office, finance)
    assert (first.status_code, first.json()["new_lines"]) == (201, 2)
    assert (await client.get(first.headers["location"], headers=finance.bearer)).json() == first.json()
    assert (await sent(client, office, finance)).status_code == 200

    made = await client.post(f"{base}/reconciliations", headers=posting(finance), json=NEW)
    assert made.status_code == 201
    place = made.headers["location"]
    early = await client.post(f"{place}/submit", headers=posting(finance), json={})
    assert (early.status_code, problem(early)["type"]) == (409, "/problems/never-run")
    done = await client.post(f"{place}/run", headers=posting(finance))
    assert done.status_code == 200, done.text
    told = done.json()["reconciliation"]
    assert (told["sums"]["ledger"], told["sums"]["outside"], told["unexplained"]) == (500, 465, 1)

    (its,) = (await client.get(f"{place}/residuals?kind=fee-not-booked", headers=finance.bearer)).json()["data"]
    assert (its["amount"], its["owner"]) == (35, "finance")
    assert (await client.get(f"{place}/residuals?explained=true", headers=finance.bearer)).json()["data"] == []
    (match,) = (await client.get(f"{place}/matches?rule=reference", headers=finance.bearer)).json()["data"]
    assert (match["confidence"], match["postings"][0]["amount"], match["lines"][0]["amount"]) == (100, 500, 500)
    csv = await client.get(f"{place}/residuals/export", headers=finance.bearer)
    assert csv.headers["content-type"].startswith("text/csv")
    assert ",0.00,-0.35,0.35," in csv.text.splitlines()[1]
    assert (await client.get(f"{place}/residuals/export?form=json", headers=finance.bearer)).json()[0] == its

    unexplained = await client.post(f"{place}/submit", headers=posting(finance))
    assert problem(unexplained)["type"] == "/problems/unexplained"
    fee = f"{place}/residuals/{its['residual_id']}"
    said = await client.post(f"{fee}/explain", headers=posting(finance), json={"reason": "October's fee"})
    assert said.json()["explanation"] == "October's fee"
    posted = await client.post(f"{fee}/post", headers=posting(finance), json={"reason": "October's fee"})
    assert posted.json()["entry_id"]
    await client.post(f"{place}/run", headers=posting(finance))
    assert (await client.post(f"{place}/submit", headers=posting(finance))).status_code == 200
    own = await client.post(f"{place}/sign-off", headers=posting(finance))
    assert own.status_code == 403
    back = await client.post(f"{place}/return", headers=posting(approver), json={"reason": "Look again"})
    assert back.json()["reconciliation"]["state"] == "draft"
    await client.post(f"{place}/submit", headers=posting(finance))
    signed = await client.post(f"{place}/sign-off", headers=posting(approver))
    assert signed.json()["reconciliation"]["state"] == "signed"
    assert (await client.post(f"{place}/run", headers=posting(finance))).status_code == 409

    (row,) = (await client.get(f"{base}/reconciliations/board?month=2026-10", headers=finance.bearer)).json()
    assert (row["account"], row["state"], row["ledger"], row["difference"]) == ("assets:bank", "signed", 465, 0)
    listed = (await client.get(f"{base}/reconciliations?month=2026-10&in_state=signed", headers=finance.bearer)).json()
    assert [each["account"] for each in listed["data"]] == ["assets:bank"]


async def test_lines_are_matched_and_parted_by_hand(client: AsyncClient, office: Office, finance: User) -> None:
    entry = await office.book(500, "2026-10-25")
    await sent(client, office, finance)
    made = await client.post(f"{office.host.path}/reconciliations", headers=posting(finance), json=NEW)
    place = made.headers["location"]
    lines = (await client.get(f"{office.host.path}/outside-lines?matched=false", headers=finance.bearer)).json()["data"]
    (line,) = [each["line_id"] for each in lines if each["amount"] == 500]
    body = {"postings": [{"entry_id": entry, "line": 1}], "lines": [line], "reason": "The same, late"}
    assert (await client.post(f"{place}/matches", headers=posting(finance), json=body)).status_code == 201
    again = await client.post(f"{place}/matches", headers=posting(finance), json=body)
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/already-matched")
    (match,) = (await client.get(f"{place}/matches", headers=finance.bearer)).json()["data"]
    undo = f"{place}/matches/{match['match_id']}/undo"
    assert (await client.post(undo, headers=posting(finance), json={"reason": "It is not"})).status_code == 200
    assert (await client.post(undo, headers=posting(finance), json={"reason": "It is not"})).status_code == 409


async def test_parked_rows_are_shown(client: AsyncClient, office: Office, finance: User) -> None:
    kept = await sent(client, office, finance, BAD)
    shown = await client.get(f"{kept.headers['location']}/parked", headers=finance.bearer)
    assert [each["row_no"] for each in shown.json()["data"]] == [5, 4, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "assets:cash"}, {"account": ""}, {"currency": "XYZ"}, {"currency": "cny"}, {"month": "2026-13"},
        {"month": "1900-01"}, {"month": "October"}, {"extra": 1},
    ],
)  # fmt: skip
async def test_bad_input_is_refused(client: AsyncClient, office: Office, finance: User, wrong: dict[str, Any]) -> None:
    path = f"{office.host.path}/reconciliations"
    assert (await client.post(path, headers=posting(finance), json={**NEW, **wrong})).status_code in (400, 422)


async def test_a_host_reads_and_does_nothing(client: AsyncClient, office: Office) -> None:
    host = office.host.person
    assert (await client.get(f"{office.host.path}/reconciliations/board", headers=host.bearer)).status_code == 200
    assert (
        await client.post(f"{office.host.path}/reconciliations", headers=posting(host), json=NEW)
    ).status_code == 403
    assert (await client.get("/v1/rail-lines", headers=host.bearer)).status_code == 403


async def test_an_operator_gives_a_line_to_its_book(client: AsyncClient, office: Office, operator: User) -> None:
    name = f"txn_{office.book_id}_http"
    await import_movements(office.engine, Books(movement(name, 50)))  # type: ignore[arg-type]
    shown = (await client.get("/v1/rail-lines?assigned=false&limit=1000", headers=operator.bearer)).json()["data"]
    (line,) = [each["line_id"] for each in shown if each["external_id"] == name]
    body = {"book": office.host.book, "reason": "Lili's own top-up"}
    given = await client.post(f"/v1/rail-lines/{line}/assign", headers=posting(operator), json=body)
    assert (given.status_code, given.json()["book_id"]) == (200, office.book_id)
    again = await client.post(f"/v1/rail-lines/{line}/assign", headers=posting(operator), json=body)
    assert again.status_code == 409
