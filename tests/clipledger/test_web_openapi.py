"""The API describes itself, in OpenAPI 3.1, and its page needs nothing from elsewhere."""

import re
from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings
from clipledger.web.app import create_app
from tests.clipledger.front_door import client_of, problem

WITH_LINES = {
    "/v1/books/{book}/statements/{statement_id}",
    "/v1/books/{book}/reports/roll-forward",
    "/v1/books/{book}/reports/payables-ageing",
    "/v1/books/{book}/reports/performance",
    "/v1/clippers/{clipper}/statements/{statement_id}",
    "/v1/agencies/{agency}/statements/{statement_id}",
    "/v1/clippers/{clipper}/performance",
}
"""One thing, whose lines are pages."""
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
async def document(settings: Settings, app_engine: AsyncEngine) -> dict[str, Any]:
    """Of the real routes only."""
    async with client_of(create_app(settings, app_engine)) as client:
        return dict((await client.get("/openapi.json")).json())


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in re.findall(r"'\$ref': '#/([^']+)'", str(document)):
        place: Any = document
        for name in reference.split("/"):
            place = place[name]
        assert place


def test_every_component_has_a_plain_name_that_is_its_own(document: dict[str, Any]) -> None:
    """Two types of one name would be told apart by their modules."""
    assert [name for name in document["components"]["schemas"] if not re.fullmatch("[A-Z][A-Za-z0-9]*", name)] == []
    lists = [
        operation["responses"]["200"]["content"]["application/json"]["schema"].get("$ref", "")
        for path, method, operation in operations(document)
        if method == "get" and "cursor" in str(operation.get("parameters")) and path not in WITH_LINES
    ]
    assert all(reference.endswith("Page") for reference in lists)
    assert len(lists) > 20


def test_every_operation_says_what_it_is_for_who_may_and_how_it_fails(document: dict[str, Any]) -> None:
    public = {
        ("/health", "get"),
        ("/ready", "get"),
        ("/v1/session", "post"),
        ("/v1/certificates/{number}", "get"),
        ("/v1/statements/{code}", "get"),
        ("/v1/webhooks/stripe", "post"),
        ("/v1/webhooks/stripe-connect", "post"),
    }
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert (operation["security"] == []) == ((path, method) in public), path
        assert operation["responses"]["4XX"] == {"$ref": "#/components/responses/Problem"}
        assert "400" not in operation["responses"]
    content = document["components"]["responses"]["Problem"]["content"]
    assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}


def test_every_post_that_changes_anything_asks_for_an_idempotency_key_but_the_login(document: dict[str, Any]) -> None:
    reference = {"$ref": "#/components/parameters/IdempotencyKey"}
    asking = {path for path, _, operation in operations(document) if reference in operation.get("parameters", [])}
    posts = {path for path, method, _ in operations(document) if method == "post"}

    assert posts - asking == {
        "/v1/session",
        "/v1/books/{book}/judge",  # these two change nothing
        "/v1/books/{book}/offers/{offer_id}/what-if",
        "/v1/webhooks/stripe",  # whose events have numbers of their own
        "/v1/webhooks/stripe-connect",
    }
    assert asking <= posts


def test_every_request_body_has_examples(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, _, operation in operations(document):
        if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
            reference = content["schema"]["$ref"]
            assert "'examples'" in str(schemas[reference.rpartition("/")[2]]), path


def test_keys_and_sessions_are_declared_as_security_schemes(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]

    assert schemes["bearer"] == {"type": "http", "scheme": "bearer", "description": "An API key, `clk_…`."}
    assert (schemes["session"]["in"], schemes["csrf"]["in"]) == ("cookie", "header")


async def test_the_page_and_its_files_name_no_address_elsewhere(client: AsyncClient) -> None:
    page = await client.get("/docs")
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    script = (await client.get("/docs/start.js")).text

    assert page.headers["content-type"].startswith("text/html")
    assert len(files) == 5
    assert all(file.startswith("/") for file in files if not file.startswith("data:"))
    assert "//" not in page.text.replace("<!DOCTYPE", "")
    assert "//" not in script
    for file in files:
        if file.startswith("/"):
            assert (await client.get(file)).status_code == 200, file


async def test_the_page_runs_under_its_own_policy(client: AsyncClient) -> None:
    """No inline script or style, and nothing may be fetched from other hosts."""
    page = await client.get("/docs")
    policy = page.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy
    assert not re.search(r"<script>|<style|\son\w+=|style=", page.text)


async def test_the_assets_are_swagger_ui_5(client: AsyncClient) -> None:
    """Version 4 can't read OpenAPI 3.1."""
    bundle = (await client.get("/docs/assets/javascripts/swagger-ui-bundle.js")).text

    assert re.search(r'PACKAGE_VERSION:"5\.', bundle)


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/assets/nothing.js", "/docs/assets/../../plugin.py"])
async def test_an_unknown_file_is_a_problem(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    problem(answer)


async def test_both_addresses_of_the_document_are_the_same(app: Litestar) -> None:
    async with client_of(app) as client:
        first, second = await client.get("/openapi.json"), await client.get("/docs/openapi.json")

    assert first.json() == second.json()
