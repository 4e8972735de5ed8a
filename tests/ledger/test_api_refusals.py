"""What the ledger's routes refuse: by whom they are asked, and what they are asked."""

from typing import Any
from uuid import uuid4

import pytest
from httpx import Response
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.roles import ROLES
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.accounts import NewAccount, open_account
from ledger.books import open_book
from tests.clipledger.front_door import posting, problem
from tests.ledger.desk import BANK, HELD, STAFF, Desk, sale

BOOK = "/v1/books/{book:str}"
ROUTES = {
    ("POST", "/v1/books"): "books:open",
    ("GET", "/v1/books"): "ledger:read",
    ("GET", BOOK): "ledger:read",
    ("POST", f"{BOOK}/accounts"): "ledger:post",
    ("GET", f"{BOOK}/accounts"): "ledger:read",
    ("POST", f"{BOOK}/accounts/batch"): "ledger:post",
    ("GET", f"{BOOK}/accounts/{{code:str}}/{{currency:str}}"): "ledger:read",
    ("GET", f"{BOOK}/accounts/{{code:str}}/{{currency:str}}/balance"): "ledger:read",
    ("GET", f"{BOOK}/accounts/{{code:str}}/{{currency:str}}/statement"): "ledger:read",
    ("POST", f"{BOOK}/entries"): "ledger:post",
    ("GET", f"{BOOK}/entries"): "ledger:read",
    ("POST", f"{BOOK}/entries/batch"): "ledger:post",
    ("GET", f"{BOOK}/entries/by-key"): "ledger:read",
    ("GET", f"{BOOK}/entries/{{entry_id:int}}"): "ledger:read",
    ("POST", f"{BOOK}/entries/{{entry_id:int}}/reverse"): "ledger:post",
    ("GET", f"{BOOK}/entries/{{entry_id:int}}/proof"): "ledger:read",
    ("GET", f"{BOOK}/trial-balance"): "ledger:read",
    ("GET", f"{BOOK}/export"): "ledger:read",
    ("GET", f"{BOOK}/periods"): "ledger:read",
    ("POST", f"{BOOK}/periods/{{period:str}}/lock"): "ledger:lock",
    ("POST", f"{BOOK}/seals"): "ledger:seal",
    ("GET", f"{BOOK}/seals"): "ledger:read",
    ("GET", f"{BOOK}/seals/{{seal_no:int}}"): "ledger:read",
}
PLACES = {
    "{code:str}": BANK,
    "{currency:str}": "CNY",
    "{entry_id:int}": "1",
    "{period:str}": "2026-01",
    "{seal_no:int}": "1",
}
OF_A_BOOK = [route for route in ROUTES if BOOK in route[1]]


async def ask(desk: Desk, role: str, method: str, path: str, book: str) -> Response:
    for place, value in {**PLACES, "{book:str}": book}.items():
        path = path.replace(place, value)
    headers = posting(desk.people[role])
    return await desk.client.request(method, path, headers=headers, json={} if method == "POST" else None)


def problem_type(answer: Response) -> str | None:
    return None if answer.is_success else str(problem(answer)["type"])


# By whom -------------------------------------------------------------------------------------------------------


def test_the_table_above_names_every_route_of_the_ledger(app_engine: AsyncEngine) -> None:
    app: Litestar = create_app(Settings.from_environment({}), app_engine)
    found = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        and any(handler.fn.__module__.startswith("ledger.") for handler in route.route_handlers)
        for method in route.methods - {"OPTIONS"}
    }

    assert found == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_route_serves_who_has_its_scope_and_refuses_the_others(desk: Desk, method: str, path: str) -> None:
    for role in (*STAFF, "operator"):
        answer = await ask(desk, role, method, path, desk.book)
        refused = problem_type(answer) == "/problems/scope-required"

        assert refused == (ROUTES[method, path] not in ROLES[role]), (role, answer.text)
        assert answer.status_code != 401


@pytest.mark.parametrize(("method", "path"), OF_A_BOOK)
async def test_a_book_of_others_and_one_that_does_not_exist_are_both_not_found(
    desk: Desk, app_engine: AsyncEngine, method: str, path: str
) -> None:
    foreign, unknown = f"book-{uuid4().hex}", f"book-{uuid4().hex}"
    async with app_engine.begin() as connection:
        await open_book(connection, foreign, "Of others")
    for slug in (foreign, unknown):
        answer = await ask(desk, "finance", method, path, slug)
        told = problem(answer)

        assert (answer.status_code, told["type"], told["value"]) == (404, "/problems/book-not-found", slug)


# What ----------------------------------------------------------------------------------------------------------


def with_line(number: int, **changed: Any) -> dict[str, Any]:
    body = sale()
    body["lines"][number] |= changed
    return body


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in body.items() if field != name}


BAD_ENTRIES: dict[str, tuple[dict[str, Any], int, str, str | None, str]] = {
    "float": (with_line(0, amount=13020.0), 400, "lines[0].amount", "13020.0", "Expected `int`, got `float`"),
    "bool": (with_line(1, amount=True), 400, "lines[1].amount", "true", "Expected `int`, got `bool`"),
    "text": (with_line(1, amount="13020"), 400, "lines[1].amount", "13020", "Expected `int`, got `str`"),
    "zero": (with_line(0, amount=0), 422, "lines[0].amount", "0", "a posting moves something"),
    "past bigint": (with_line(0, amount=2**63), 422, "lines[0].amount", str(2**63), "must lie between"),
    "far past": (with_line(0, amount=10**30), 422, "lines[0].amount", str(10**30), "must lie between"),
    "unbalanced": (with_line(0, amount=1), 422, "lines", "-13019 CNY", "sum to zero in each currency"),
    "unknown currency": (
        *({**sale(), "lines": [{**line, "currency": "XXX"} for line in sale()["lines"]]}, 422),
        *("lines[0].currency", "XXX", "ISO 4217"),
    ),
    "missing account": (
        *(with_line(1, account="liabilities:none"), 422),
        *("lines[1].account", "liabilities:none CNY", "must be an account of this book"),
    ),
    "wrong currency": (
        *({**sale(), "lines": [{**line, "currency": "JPY"} for line in sale()["lines"]]}, 422),
        *("lines[1].account", f"{HELD} JPY", "must be an account of this book"),
    ),
    "unknown field": (sale(reverses=1), 400, "reverses", None, "is not a field"),
    "unknown field of a line": (with_line(0, note="x"), 400, "lines[0].note", None, "is not a field"),
    "missing field": (without(sale(), "effective_on"), 400, "effective_on", None, "is required"),
    "no date": (sale(day="2026-02-30"), 400, "effective_on", "2026-02-30", "date"),
    "no ISO date": (sale(day="5.10.2026"), 400, "effective_on", "5.10.2026", "date"),
    "no month": (sale(period="2026-13"), 422, "period", "2026-13", "a calendar month"),
    "earlier month": (sale(period="2026-09"), 422, "period", "2026-09-01", "not before the month of effective_on"),
    "one line": ({**sale(), "lines": sale()["lines"][:1]}, 422, "lines", "1", "at least two lines"),
    "empty key": (sale(idempotency_key=""), 422, "idempotency_key", "", "1 to 255 characters"),
    "empty text": (sale(description=""), 422, "description", "", "1 to 1,000 characters"),
    "NUL": (sale(description="a\0b"), 422, "description", "a\0b", "NUL"),
    "metadata of numbers": (sale(metadata={"order": 1}), 400, "metadata[...]", None, "Expected `str`, got `int`"),
    "too much metadata": (sale(metadata={"a": "x" * 70_000}), 422, "metadata", "70,001 characters", "at most 65,536"),
}


@pytest.mark.parametrize(("body", "status", "field", "value", "rule"), BAD_ENTRIES.values(), ids=BAD_ENTRIES)
async def test_a_bad_entry_is_told_by_field_value_and_rule_and_changes_nothing(
    desk: Desk, body: dict[str, Any], status: int, field: str, value: str | None, rule: str
) -> None:
    answer = await desk.post("entries", body)
    told = problem(answer)

    assert (answer.status_code, told["field"], told.get("value")) == (status, field, value)
    assert rule in told["rule"]
    assert (await desk.read("entries"))["data"] == []
    assert (await desk.read("trial-balance"))["rows"] == []


async def test_in_a_batch_the_bad_entry_is_named_and_none_is_posted(desk: Desk) -> None:
    good = [sale(number, idempotency_key=f"sale-{number}") for number in (1, 2)]
    for bad, field in (
        (with_line(1, account="income:none"), "entries[2].lines[1].account"),
        (with_line(1, amount=1.5), "entries[2].lines[1].amount"),
        (sale(period="October"), "entries[2].period"),
    ):
        answer = await desk.post("entries/batch", {"entries": [*good, {**bad, "idempotency_key": "bad"}]})

        assert problem(answer)["field"] == field
    assert (await desk.read("entries"))["data"] == []


async def test_an_account_of_another_book_is_no_account_of_this_one(desk: Desk, app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        other = await open_book(connection, f"book-{uuid4().hex}", "Another")
        await open_account(connection, other.book_id, NewAccount("assets:theirs", "CNY"))
    answer = await desk.post("entries", with_line(0, account="assets:theirs"))

    assert (answer.status_code, problem(answer)["field"]) == (422, "lines[0].account")


async def test_an_entry_of_100_000_lines_is_posted_and_one_more_is_refused(desk: Desk) -> None:
    """The longest that a book can hold passes the front door's limit on bodies too."""
    longest = f"liabilities:{'x' * 188}"
    await desk.post("accounts", {"code": longest, "currency": "CNY"})
    line = {"account": longest, "currency": "CNY"}
    lines = [{**line, "amount": sign * 10**12} for sign in (1, -1)] * 50_000
    refused = await desk.post("entries", {**sale(), "lines": [*lines, {**line, "amount": 1}]})
    taken = await desk.post("entries", {**sale(), "lines": lines})

    assert (refused.status_code, problem(refused)["type"]) == (422, "/problems/entry-too-large")
    assert (problem(refused)["field"], problem(refused)["value"]) == ("lines", "100001")
    assert taken.status_code == 201


async def test_a_body_past_the_limit_is_refused_before_it_is_read(desk: Desk) -> None:
    answer = await desk.post("entries", sale(description="x" * 33 * 1024 * 1024))

    assert (answer.status_code, problem(answer)["type"]) == (413, "/problems/body-too-large")


async def test_an_entry_is_reversed_once(desk: Desk) -> None:
    entry_id = await desk.posted(sale())
    path, body = f"entries/{entry_id}/reverse", {"effective_on": "2026-10-06"}
    await desk.post(path, body)
    again = await desk.post(path, body)

    assert (again.status_code, problem(again)["type"]) == (409, "/problems/already-reversed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slug": "Lina's", "name": "x"}, "slug"),
        ({"slug": "lina", "name": ""}, "name"),
        ({"slug": "lina", "name": "x", "time_zone": "Mars/Olympus"}, "time_zone"),
        ({"slug": "lina", "name": "x", "zone": "UTC"}, "zone"),
        ({"slug": "lina"}, "name"),
    ],
)
async def test_a_book_that_cannot_be_is_told_by_its_field(desk: Desk, body: dict[str, str], field: str) -> None:
    answer = await desk.client.post("/v1/books", json=body, headers=posting(desk.people["operator"]))

    assert answer.status_code in {400, 422}
    assert problem(answer)["field"] == field


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"code": "bank", "currency": "CNY"}, 422, "code"),
        ({"code": "assets:bank account", "currency": "CNY"}, 422, "code"),
        ({"code": "assets:bank", "currency": "cny"}, 422, "currency"),
        ({"code": "assets:bank", "currency": "CNY", "stripes": 65}, 422, "stripes"),
        ({"code": "assets:bank", "currency": "CNY"}, 409, "code"),
        ({"code": "assets:bank", "currency": "CNY", "kind": "asset"}, 400, "kind"),
    ],
)
async def test_an_account_that_cannot_be_is_told_by_its_field(
    desk: Desk, body: dict[str, Any], status: int, field: str
) -> None:
    answer = await desk.post("accounts", body)

    assert (answer.status_code, problem(answer)["field"]) == (status, field)


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("accounts/assets:none/CNY", {}, 404, "account"),
        ("accounts/assets:bank/XXX/balance", {}, 404, "account"),
        ("accounts/assets:bank/CNY/balance", {"as_of": "yesterday"}, 400, "as_of"),
        ("accounts/assets:bank/CNY/balance", {"through": "2026"}, 422, "through"),
        ("accounts/assets:bank/CNY/statement", {"cursor": "2026-10-05"}, 422, "cursor"),
        ("accounts", {"cursor": "assets"}, 422, "cursor"),
        ("entries", {"cursor": "x"}, 422, "cursor"),
        ("entries", {"limit": "1001"}, 400, "limit"),
        ("entries/0", {}, 404, "entry"),
        ("entries/99999999999999999999", {}, 404, "entry"),
        ("entries/by-key", {"idempotency_key": "none"}, 404, "idempotency_key"),
        ("entries/0/proof", {}, 404, "entry"),
        ("seals/7", {}, 404, "seal"),
        ("seals", {"cursor": "x"}, 422, "cursor"),
        ("trial-balance", {"depth": "0"}, 400, "depth"),
        ("trial-balance", {"format": "xml"}, 400, "format"),
        ("export", {"format": "xml"}, 400, "format"),
    ],
)
async def test_a_bad_question_is_told_by_its_field(
    desk: Desk, path: str, query: dict[str, str], status: int, field: str
) -> None:
    answer = await desk.get(path, **query)

    assert (answer.status_code, problem(answer)["field"]) == (status, field)


@pytest.mark.parametrize("period", ["2026-13", "October", "2026-10-01", "9999-01"])
async def test_a_period_that_is_no_month_or_has_not_ended_is_not_locked(desk: Desk, period: str) -> None:
    answer = await desk.post(f"periods/{period}/lock", by="approver")

    assert (problem(answer)["field"], problem(answer)["value"]) == ("period", period)
    assert (await desk.read("periods"))["locked_through"] is None
