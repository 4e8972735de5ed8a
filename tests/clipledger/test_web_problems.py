"""Whatever goes wrong, the client gets problem details (RFC 9457) that name field, value and rule."""

from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Litestar

from clipledger.web.app import create_app
from tests.clipledger.front_door import ROUTES, Company, client_of, posting, problem


async def test_an_unknown_address_is_a_problem(client: AsyncClient) -> None:
    answer = await client.get("/v1/nothing-here")

    assert problem(answer)["type"] == "/problems/not-found"
    assert answer.status_code == 404


async def test_a_method_the_address_does_not_have_is_a_problem_that_names_those_it_has(
    client: AsyncClient,
) -> None:
    answer = await client.put("/v1/users")

    assert problem(answer)["type"] == "/problems/method-not-allowed"
    assert answer.status_code == 405
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize("body", ["{no", "2}", '{"text": 2}}'])
async def test_a_body_that_is_no_json_is_a_problem(client: AsyncClient, company: Company, body: str) -> None:
    headers = {**posting(company.finance), "Content-Type": "application/json"}
    answer = await client.post(f"/v1/books/{company.book}/notes", headers=headers, content=body)

    assert answer.status_code == 400
    assert problem(answer)["type"] == "/problems/malformed-request"


async def test_a_field_of_the_wrong_type_is_named_with_its_value_and_the_rule(
    client: AsyncClient, company: Company
) -> None:
    body = {"lines": [{"text": "first"}, {"text": "second", "length": "long"}]}
    answer = await client.post(f"/v1/books/{company.book}/lines", headers=posting(company.finance), json=body)

    said = problem(answer)
    assert answer.status_code == 400
    assert (said["field"], said["value"]) == ("lines[1].length", "long")
    assert "int" in said["rule"]


@pytest.mark.parametrize("length", ["12", 12.0, 1e3, True, 1.5])
async def test_no_float_and_no_text_passes_for_an_integer(
    client: AsyncClient, company: Company, length: object
) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/notes",
        headers=posting(company.finance),
        json={"text": "strict", "length": length},
    )

    assert answer.status_code == 400
    assert problem(answer)["field"] == "length"


async def test_a_missing_field_is_named(client: AsyncClient, company: Company) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/lines", headers=posting(company.finance), json={"lines": [{"length": 3}]}
    )

    said = problem(answer)
    assert (said["field"], said["rule"]) == ("lines[0].text", "is required")


async def test_a_body_of_another_form_is_named(client: AsyncClient, company: Company) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/lines", headers=posting(company.finance), json=["no", "object"]
    )

    said = problem(answer)
    assert (answer.status_code, said["field"]) == (400, "body")


async def test_a_missing_body_is_named(client: AsyncClient, company: Company) -> None:
    answer = await client.post(f"/v1/books/{company.book}/lines", headers=posting(company.finance))

    said = problem(answer)
    assert answer.status_code == 400
    assert (said["field"], said["rule"]) == ("body", "is required")


async def test_a_query_parameter_of_the_wrong_type_is_named(client: AsyncClient, company: Company) -> None:
    answer = await client.get("/v1/numbers/3", headers=company.finance.bearer, params={"limit": "many"})

    said = problem(answer)
    assert (answer.status_code, said["field"], said["value"]) == (400, "limit", "many")


async def test_a_password_of_the_wrong_type_is_not_repeated(client: AsyncClient) -> None:
    answer = await client.post("/v1/session", json={"email": "a@example.com", "password": 123456789012})

    assert problem(answer)["field"] == "password"
    assert "123456789012" not in answer.text


async def test_a_body_of_another_media_type_is_refused(client: AsyncClient, company: Company) -> None:
    headers = {**posting(company.finance), "Content-Type": "text/plain"}
    answer = await client.post(f"/v1/books/{company.book}/notes", headers=headers, content='{"text": "a"}')

    said = problem(answer)
    assert answer.status_code == 415
    assert (said["field"], said["value"]) == ("Content-Type", "text/plain")


async def test_a_rooms_error_is_told_by_its_kind_with_field_value_and_rule(
    client: AsyncClient, company: Company
) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/refused-notes", headers=posting(company.finance), json={"text": "late"}
    )

    said = problem(answer)
    assert answer.status_code == 409
    assert said["type"] == "/problems/period-locked"
    assert (said["field"], said["value"]) == ("effective_on", "2026-10-31")
    assert said["rule"] == "nothing is posted into a locked period"


async def test_a_fault_of_ours_tells_nothing_of_its_inside_but_is_logged_under_the_requests_id(
    client: AsyncClient, company: Company, logged: list[dict[str, Any]]
) -> None:
    answer = await client.get("/v1/fault", headers=company.finance.bearer)

    said = problem(answer)
    assert answer.status_code == 500
    assert "inside" not in answer.text
    entry = next(entry for entry in logged if entry["event"] == "request failed")
    assert entry["request_id"] == said["instance"]
    assert "the inside of the service" in str(entry["exc_info"])


@pytest.mark.parametrize(
    ("statement", "status", "code"),
    [
        ("SELECT 9223372036854775807 + 1", 422, "overflow"),
        ("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", 503, "busy"),
        ("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", 503, "busy"),
        ("DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", 503, "busy"),
        ("DO $$ BEGIN RAISE SQLSTATE '57014'; END $$", 503, "busy"),
        ("SELECT * FROM no_such_table", 500, "internal-error"),
    ],
)
async def test_a_database_error_that_reaches_the_top_is_told_for_what_it_is(
    client: AsyncClient, company: Company, statement: str, status: int, code: str
) -> None:
    answer = await client.get("/v1/sql", headers=company.finance.bearer, params={"statement": statement})

    assert answer.status_code == status
    assert problem(answer)["type"] == f"/problems/{code}"
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_database_that_is_away_is_503(settings: Any, unreachable: Any) -> None:
    app: Litestar = create_app(settings, unreachable, routes=ROUTES)
    async with client_of(app) as client:
        answers = [
            await client.get("/v1/session", headers={"Authorization": f"Bearer clk_{'0' * 12}_{'A' * 43}"}),
            await client.post("/v1/session", json={"email": "a@example.com", "password": "wrong password"}),
        ]

    assert [answer.status_code for answer in answers] == [503, 503]
    assert {problem(answer)["type"] for answer in answers} == {"/problems/database-unavailable"}
