"""Nobody passes who may not: what a route requires is declared on it, and holds."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from httpx import AsyncClient
from litestar import Litestar, get, post, websocket
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys
from clipledger.settings import Settings
from clipledger.web.app import create_app
from tests.clipledger.front_door import Company, OpenBook, posting, problem


@get("/undeclared")
async def undeclared() -> None: ...


@get("/misspelt", opt={"scope": "ledger:raed"})
async def misspelt() -> None: ...


@get("/both", opt={"scope": "ledger:read", "public": True})
async def both() -> None: ...


@post("/public-post", opt={"public": True})
async def public_post() -> None: ...


@websocket("/socket", opt={"public": True})
async def socket() -> None: ...


@pytest.mark.parametrize("route", [undeclared, misspelt, both, public_post, socket], ids=str)
def test_a_route_that_does_not_say_who_may_use_it_stops_the_application_from_starting(
    settings: Settings, app_engine: AsyncEngine, route: BaseRouteHandler
) -> None:
    with pytest.raises(ImproperlyConfiguredException):
        create_app(settings, app_engine, routes=[route])


def test_a_route_added_later_is_checked_too(settings: Settings, app_engine: AsyncEngine) -> None:
    app = create_app(settings, app_engine)

    with pytest.raises(ImproperlyConfiguredException):
        app.register(undeclared)


def addresses(app: Litestar) -> Iterator[tuple[str, bool]]:
    """Everything that is read at an address without parameters, and whether it is a page."""
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if "GET" in handler.http_methods and "{" not in route.path:
                yield route.path, "page" in handler.opt


async def test_without_credentials_nothing_but_public_routes_answer(client: AsyncClient, app: Litestar) -> None:
    public = {"/health", "/ready", "/metrics", "/openapi.json", "/docs", "/docs/openapi.json", "/docs/start.js"}
    refused = {path for path, is_page in addresses(app) if not is_page} - public
    assert {"/v1/books", "/v1/users"} < refused
    for path in refused | public:
        answer = await client.get(path)
        assert (answer.status_code == 401) == (path in refused), path


async def test_without_credentials_pages_lead_to_the_entrance_and_back(client: AsyncClient, app: Litestar) -> None:
    pages = {path for path, is_page in addresses(app) if is_page} - {"/login"}
    assert {"/", "/account", "/operator"} < pages
    for path in pages:
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={quote(path, safe='')}")
    assert (await client.get("/login")).status_code == 200


@pytest.mark.parametrize(
    "authorization", ["Basic YTpi", "Bearer", "Bearer nonsense", f"Bearer clk_{'0' * 12}_{'A' * 43}"]
)
async def test_wrong_credentials_are_401_and_say_how_to_authenticate(client: AsyncClient, authorization: str) -> None:
    answer = await client.get("/v1/session", headers={"Authorization": authorization})

    problem(answer)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_scope_not_held_is_403_and_named(client: AsyncClient, company: Company) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/notes", headers=posting(company.approver), json={"text": "no"}
    )

    assert answer.status_code == 403
    assert problem(answer)["type"] == "/problems/scope-required"
    assert "ledger:post" in answer.text


async def test_an_unknown_book_and_a_book_of_others_look_the_same(
    client: AsyncClient, company: Company, open_book: OpenBook
) -> None:
    foreign = (await open_book()).slug
    unknown = "no-such-book"
    answers = {
        slug: await client.get(f"/v1/books/{slug}/notes", headers=company.finance.bearer) for slug in (foreign, unknown)
    }

    told = {slug: problem(answer) for slug, answer in answers.items()}
    for slug, said in told.items():
        assert said.pop("instance")
        assert said.pop("value") == slug
        assert said.pop("detail").endswith(f"(got {slug})")
    assert told[foreign] == told[unknown]
    assert told[foreign]["status"] == 404


async def test_an_operator_reaches_every_book(client: AsyncClient, company: Company, open_book: OpenBook) -> None:
    book = await open_book()

    answer = await client.get(f"/v1/books/{book.slug}/notes", headers=company.operator.bearer)

    assert answer.status_code == 200


async def test_a_route_without_a_book_requires_the_scope_for_every_book(client: AsyncClient, company: Company) -> None:
    """Finance holds ledger:seal for its book, the operator for all."""
    assert (await client.get("/v1/seals", headers=company.finance.bearer)).status_code == 403
    assert (await client.get("/v1/seals", headers=company.operator.bearer)).status_code == 200


async def test_a_key_for_one_book_reaches_no_other_even_an_operators(
    client: AsyncClient, company: Company, open_book: OpenBook, app_engine: AsyncEngine
) -> None:
    other = await open_book()
    async with app_engine.begin() as connection:
        _, token = await keys.create_key(
            connection, company.operator.user_id, "one book", {"ledger:read", "ledger:seal"}, company.book
        )
    bearer = {"Authorization": f"Bearer {token}"}

    assert (await client.get(f"/v1/books/{company.book}/notes", headers=bearer)).status_code == 200
    assert (await client.get(f"/v1/books/{other.slug}/notes", headers=bearer)).status_code == 404
    assert (await client.get("/v1/seals", headers=bearer)).status_code == 403


async def test_the_handler_is_told_who_asks(client: AsyncClient, company: Company) -> None:
    answer = await client.get(f"/v1/books/{company.book}/notes", headers=company.finance.bearer)

    assert answer.json()["actor"].startswith("key:")
