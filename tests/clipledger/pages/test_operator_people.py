"""The operator's pages about hosts and people: who they are, what they may do, and the trail of what they did."""

from collections.abc import Awaitable
from uuid import uuid4

from httpx import AsyncClient, Response
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clipledger.front_door import PASSWORD, Company, add_user, client_of
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewClipper


async def test_a_person_is_added_found_and_given_a_role_that_is_withdrawn_again(
    app: Litestar, company: Company
) -> None:
    email = f"{uuid4().hex}@example.com"
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/people")
        page = await visitor.send(page, "user", name="Ada Ng", email=email, password="too short", status=422)
        assert page.faults() == ["must have 12 to 1024 characters"]
        assert page.typed("user", "email") == email
        assert page.typed("user", "password") == ""
        page = await visitor.send(page, "user", password="a long enough password")
        assert page.title == "Ada Ng"
        assert "The person is added." in page.text
        assert "They hold no role" not in page.text
        assert "They may log in, and no more" in page.text
        page = await visitor.send(page, "role", role="finance", book=company.book)
        assert page.rows("Roles")[0][:2] == ["finance", company.book]
        page = await visitor.send(page, "withdraw-1")
        assert "The role is withdrawn." in page.text
        page = await visitor.get("/operator/people", named=email.upper())
        assert [row[:4] for row in page.rows("People")] == [["Ada Ng", email, "none", "active"]]
        assert "Nobody is called so." in (await visitor.get("/operator/people", named="nobody%_")).text


async def test_a_role_in_the_wrong_place_is_refused_beside_the_field(app: Litestar, company: Company) -> None:
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get(f"/operator/people/{company.reviewer.user_id}")
        page = await visitor.send(page, "role", role="operator", book=company.book, status=422)
        assert page.faults() == ["operator is held for every book, any other role for one"]
        assert page.typed("role", "book") == company.book


async def test_who_is_disabled_can_be_let_in_again(app: Litestar, company: Company, app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        user_id, _ = await add_user(connection)
    async with visiting(app, company.operator) as visitor:
        page = await visitor.send(await visitor.get(f"/operator/people/{user_id}"), "disable")
        assert "They are kept out." in page.text
        page = await visitor.send(page, "enable")
        assert "They may come in again." in page.text


async def test_a_person_becomes_a_member_and_an_agency_s_owner(
    app: Litestar, company: Company, app_engine: AsyncEngine, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    async with app_engine.begin() as connection:
        user_id, _ = await add_user(connection)
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get(f"/operator/people/{user_id}", party="0")
        assert page.faults() == ["There is no clipper or agency of that number."]
        page = await visitor.get(f"/operator/people/{user_id}", party=clipper.clipper_id)
        page = await visitor.send(page, "member", role="viewer")
        page = await visitor.send(page, "agency", name="Star MCN", fields={"languages[]@words": "zh, en"})
        rows = page.rows("Clippers and agencies")
        assert [row[:2] + row[3:] for row in rows] == [["Star MCN", "agency", "owner"], ["Ana", "clipper", "viewer"]]


async def test_keys_are_listed_and_their_trail_found(app: Litestar, company: Company) -> None:
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get(f"/operator/people/{company.finance.user_id}")
        assert page.rows("API keys")[0][0] == "all"
        assert "disable the person" in page.text


async def test_the_trail_is_filtered_and_opened(app: Litestar, company: Company) -> None:
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get(f"/operator/people/{company.reviewer.user_id}")
        await visitor.send(page, "role", role="reviewer", book=company.book)
        page = await visitor.get("/operator/audit", by=company.operator.email, action="user.role")
        first = page.rows("Audit trail")[0]
        assert first[1] == company.operator.email
        assert first[2].startswith("user.role.grant Event")
        assert "127.0.0.9" in first[2]
        assert company.book in first[2]
        mine = f"/operator/audit?by={company.operator.user_id}&action=user.role&since=2020-01-01&until=not-a-day"
        assert page.rows("Audit trail") == (await visitor.get(mine)).rows("Audit trail")
        for nothing in ("action=user.rol", "until=2020-01-01", "in=no-such-book", "by=user:99999999999999999999"):
            assert "Nothing was found." in (await visitor.get(f"/operator/audit?{nothing}")).text


async def test_the_api_has_the_same_filters(client: AsyncClient, company: Company) -> None:
    def asked(path: str) -> Awaitable[Response]:
        return client.get(path, headers=company.operator.bearer)

    found = (await asked(f"/v1/users?named={company.finance.email[:20].upper()}")).json()["data"]
    assert [user["email"] for user in found] == [company.finance.email]
    async with client_of(client._transport.app) as other:  # type: ignore[attr-defined]
        told = {"email": company.reviewer.email, "password": PASSWORD}
        assert (await other.post("/v1/session", json=told)).status_code == 201
    trail = f"/v1/audit-events?actor=user:{company.reviewer.user_id}"
    assert (await asked(f"{trail}&action=session")).json()["data"][0]["action"] == "session.login"
    assert (await asked(f"{trail}&action=session.log")).json()["data"] == []
    assert (await asked(f"{trail}&until=2020-01-01T00:00:00Z")).json()["data"] == []
    assert (await asked(f"{trail}&since=2020-01-01T00:00:00Z")).json()["data"] != []
    for wrong in ("/v1/users?named=%00", "/v1/audit-events?action=%00"):
        assert (await asked(wrong)).status_code == 400


async def test_nobody_else_comes_in_here(app: Litestar, company: Company) -> None:
    async with visiting(app, company.finance) as visitor:
        for path in ("", "/people", "/policy", "/schedule", "/rails", "/appeals", "/handles"):
            page = await visitor.get(f"/operator{path}", status=403)
            assert page.title == "You may not do this"


async def test_a_host_is_taken_in(app: Litestar, company: Company) -> None:
    slug = f"lili-{uuid4().hex}"
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/books")
        page = await visitor.send(page, "book", name="Lili Live", slug="Lili Live", status=422)
        assert page.faults() == [
            "lower-case letters and digits in words joined by single hyphens, 63 characters at most"
        ]
        assert page.typed("book", "name") == "Lili Live"
        page = await visitor.send(page, "book", slug=slug)
        assert page.title == "People"
        assert "The book is open." in page.text
        page = await visitor.get("/operator/books", cursor=slug[:-1])
        assert page.rows("Hosts")[0][:3] == ["Lili Live", slug, "Asia/Shanghai"]
