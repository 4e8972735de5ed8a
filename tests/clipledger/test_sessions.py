"""Logging in with a password: the cookie, its end, CSRF, and what a wrong password is told."""

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles, sessions, users
from clipledger.access.audit import list_events
from clipledger.settings import Settings
from clipledger.web.app import create_app
from tests.clipledger.front_door import PASSWORD, Company, NewPerson, Person, client_of, problem


async def log_in(client: AsyncClient, person: Person, password: str = PASSWORD) -> Response:
    return await client.post("/v1/session", json={"email": person.email, "password": password})


async def logged_in(client: AsyncClient, person: Person) -> dict[str, str]:
    """The CSRF header of a fresh session, whose cookie the client keeps."""
    answer = await log_in(client, person)
    assert answer.status_code == 201
    return {"X-CSRF-Token": answer.json()["csrf_token"]}


async def age_session(engine: AsyncEngine, user_id: int, column: str, age: timedelta) -> None:
    statement = text(f"UPDATE clipledger.sessions SET {column} = {column} - :age WHERE user_id = :user_id")
    async with engine.begin() as connection:
        await connection.execute(statement, {"age": age, "user_id": user_id})


@pytest.fixture(scope="module")
async def ada(company: Company, new_person: NewPerson) -> Person:
    return await new_person("finance", company.book)


async def test_a_session_says_who_it_is_and_what_it_may_do(app: Litestar, company: Company, ada: Person) -> None:
    async with client_of(app) as client:
        csrf = await logged_in(client, ada)
        me = (await client.get("/v1/session")).json()

    assert me["actor"] == f"user:{ada.user_id}"
    assert me["email"] == ada.email
    assert me["csrf_token"] == csrf["X-CSRF-Token"]
    assert me["allowed"] == [{"book": company.book, "scopes": sorted(roles.ROLES["finance"])}]


async def test_the_address_is_accepted_in_any_case(app: Litestar, ada: Person) -> None:
    async with client_of(app) as client:
        answer = await client.post("/v1/session", json={"email": ada.email.upper(), "password": PASSWORD})

    assert answer.status_code == 201


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites_forms(app: Litestar, ada: Person) -> None:
    async with client_of(app) as client:
        answer = await log_in(client, ada)

    cookie = SimpleCookie(answer.headers["set-cookie"])["clipledger"]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert cookie.value not in answer.text


async def test_over_https_the_cookie_is_secure_and_bound_to_its_host(app_engine: AsyncEngine, ada: Person) -> None:
    settings = Settings.from_environment({"CLIPLEDGER_PUBLIC_URL": "https://clips.example"})
    async with client_of(create_app(settings, app_engine)) as client:
        answer = await log_in(client, ada)

    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-clipledger"]
    assert cookie["secure"]
    assert cookie["path"] == "/"


async def test_the_database_holds_only_a_digest_of_the_token(
    app: Litestar, app_engine: AsyncEngine, ada: Person
) -> None:
    async with client_of(app) as client:
        await logged_in(client, ada)
        token = client.cookies["clipledger"]
    async with app_engine.connect() as connection:
        rows = str((await connection.execute(text("SELECT s::text FROM clipledger.sessions s"))).all())

    assert token not in rows


@pytest.mark.parametrize("token", [None, "", "wrong", "ü"])
async def test_a_session_changes_nothing_without_its_csrf_token(app: Litestar, ada: Person, token: str | None) -> None:
    async with client_of(app) as client:
        await logged_in(client, ada)
        headers = [] if token is None else [(b"X-CSRF-Token", token.encode())]
        answer = await client.delete("/v1/session", headers=headers)

        assert answer.status_code == 403
        assert problem(answer)["type"] == "/problems/csrf-token-required"
        assert (await client.get("/v1/session")).status_code == 200


async def test_the_csrf_token_of_another_session_does_not_do(app: Litestar, ada: Person, company: Company) -> None:
    async with client_of(app) as mine, client_of(app) as other:
        await logged_in(mine, ada)
        foreign = await logged_in(other, company.approver)

        assert (await mine.delete("/v1/session", headers=foreign)).status_code == 403


async def test_logging_out_ends_this_session_and_no_other(app: Litestar, ada: Person) -> None:
    async with client_of(app) as desk, client_of(app) as phone:
        csrf = await logged_in(desk, ada)
        await logged_in(phone, ada)
        kept = desk.cookies["clipledger"]
        answer = await desk.delete("/v1/session", headers=csrf)
        desk.cookies.set("clipledger", kept)

        assert answer.status_code == 204
        assert (await desk.get("/v1/session")).status_code == 401
        assert (await phone.get("/v1/session")).status_code == 200


async def test_logging_out_everywhere_ends_all_sessions(app: Litestar, ada: Person) -> None:
    async with client_of(app) as desk, client_of(app) as phone:
        csrf = await logged_in(desk, ada)
        await logged_in(phone, ada)
        await desk.delete("/v1/session", headers=csrf, params={"everywhere": "true"})

        assert (await phone.get("/v1/session")).status_code == 401


@pytest.mark.parametrize(("column", "age"), [("last_seen_at", sessions.IDLE), ("expires_at", sessions.LONGEST)])
async def test_a_session_ends_when_idle_and_at_the_latest_after_a_week(
    app: Litestar, app_engine: AsyncEngine, owner_engine: AsyncEngine, ada: Person, column: str, age: timedelta
) -> None:
    async with client_of(app) as client:
        await logged_in(client, ada)
        await age_session(owner_engine, ada.user_id, column, age - timedelta(minutes=5))
        still = await client.get("/v1/session")
        await age_session(owner_engine, ada.user_id, column, age)
        over = await client.get("/v1/session")
    async with app_engine.begin() as connection:
        forgotten = await sessions.forget_expired_sessions(connection)

    assert (still.status_code, over.status_code) == (200, 401)
    assert forgotten >= 1


async def test_use_keeps_a_session_from_going_idle(app: Litestar, owner_engine: AsyncEngine, ada: Person) -> None:
    nearly = sessions.IDLE - timedelta(minutes=5)
    async with client_of(app) as client:
        await logged_in(client, ada)
        for _ in range(2):
            await age_session(owner_engine, ada.user_id, "last_seen_at", nearly)
            assert (await client.get("/v1/session")).status_code == 200


async def test_a_new_password_needs_the_old_one_and_ends_every_session(
    app: Litestar, company: Company, new_person: NewPerson
) -> None:
    person = await new_person("reviewer", company.book)
    async with client_of(app) as desk, client_of(app) as phone:
        csrf = await logged_in(desk, person)
        await logged_in(phone, person)
        change = {"current_password": "not the password", "new_password": "twelve chars or more"}
        refused = await desk.put("/v1/session/password", headers=csrf, json=change)
        change["current_password"] = PASSWORD
        accepted = await desk.put("/v1/session/password", headers=csrf, json=change)

        assert problem(refused)["field"] == "current_password"
        assert accepted.status_code == 204
        assert (await phone.get("/v1/session")).status_code == 401
        assert (await log_in(phone, person)).status_code == 401
        assert (await log_in(phone, person, "twelve chars or more")).status_code == 201


async def test_a_disabled_user_is_out_at_once_and_stays_out(
    app: Litestar, company: Company, new_person: NewPerson, app_engine: AsyncEngine
) -> None:
    person = await new_person("finance", company.book)
    async with client_of(app) as client:
        await logged_in(client, person)
        async with app_engine.begin() as connection:
            await users.disable_user(connection, person.user_id)
        cookie = await client.get("/v1/session")
        key = await client.get(f"/v1/books/{company.book}/notes", headers=person.bearer)
        again = await log_in(client, person)

    assert (cookie.status_code, key.status_code, again.status_code) == (401, 401, 401)
    assert "disabled" in problem(key)["detail"]


async def test_wrong_password_unknown_address_and_disabled_user_are_told_the_same(
    app: Litestar, company: Company, ada: Person, new_person: NewPerson, app_engine: AsyncEngine
) -> None:
    disabled = await new_person("reviewer", company.book)
    async with app_engine.begin() as connection:
        await users.disable_user(connection, disabled.user_id)
    nobody = Person(0, f"{uuid4().hex}@example.com", "")
    async with client_of(app) as client:
        answers = [
            await log_in(client, ada, "not the password"),
            await log_in(client, nobody),
            await log_in(client, disabled),
        ]

    told = [{**problem(answer), "instance": ""} for answer in answers]
    assert told[0] == told[1] == told[2]
    assert told[0]["status"] == 401
    assert all("set-cookie" not in answer.headers for answer in answers)


async def test_a_failed_login_is_in_the_audit_trail_although_nothing_else_is(
    app: Litestar, app_engine: AsyncEngine, ada: Person
) -> None:
    async with client_of(app) as client:
        await log_in(client, ada, "not the password")
        await log_in(client, ada)
    async with app_engine.connect() as connection:
        events = await list_events(connection, limit=1000)
    mine = [event for event in events if ada.email == event.subject or event.actor == f"user:{ada.user_id}"]
    mine = mine[:2]

    assert [event.action for event in mine] == ["session.login", "session.login-failed"]
    assert [event.actor for event in mine] == [f"user:{ada.user_id}", "anonymous"]
    assert [event.ip for event in mine] == ["127.0.0.9"] * 2


async def test_a_role_for_a_book_opens_it_without_its_ledger(app: Litestar, company: Company) -> None:
    """A reviewer's book exists for them (403, not 404), but its ledger is not theirs to read."""
    async with client_of(app) as client:
        await logged_in(client, company.reviewer)
        answer = await client.get(f"/v1/books/{company.book}/notes")

    assert answer.status_code == 403


async def test_other_cookies_do_not_disturb(app: Litestar, ada: Person) -> None:
    async with client_of(app) as client:
        answer = await log_in(client, ada)
        token = SimpleCookie(answer.headers["set-cookie"])["clipledger"].value
        header = f'theme={{"dark": true}}; clipledger={token}; x=y=z'
        me: Any = await client.get("/v1/session", headers={"Cookie": header})

    assert me.status_code == 200
