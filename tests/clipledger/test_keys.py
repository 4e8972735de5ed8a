"""API keys: shown once, hashed, scoped, revocable, and never able to do more than their owner may."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from httpx import AsyncClient
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import errors, keys, roles
from tests.clipledger.front_door import PASSWORD, Company, NewPerson, OpenBook, Person, client_of, posting, problem


@pytest.fixture(scope="module")
async def owner(company: Company, new_person: NewPerson) -> Person:
    return await new_person("finance", company.book)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def made(engine: AsyncEngine, owner: Person, *scopes: str, **more: datetime | str) -> tuple[keys.Key, str]:
    async with engine.begin() as connection:
        return await keys.create_key(connection, owner.user_id, "test", scopes or ["ledger:read"], **more)  # type: ignore[arg-type]


async def reads(client: AsyncClient, company: Company, token: str) -> int:
    return (await client.get(f"/v1/books/{company.book}/notes", headers=bearer(token))).status_code


async def test_a_key_does_what_its_scopes_say_and_no_more(
    client: AsyncClient, company: Company, owner: Person, app_engine: AsyncEngine
) -> None:
    _, token = await made(app_engine, owner, "ledger:read")
    headers = {**bearer(token), "Idempotency-Key": uuid4().hex}
    written = await client.post(f"/v1/books/{company.book}/notes", headers=headers, json={"text": "no"})

    assert await reads(client, company, token) == 200
    assert written.status_code == 403


async def test_a_revoked_key_opens_nothing(
    client: AsyncClient, company: Company, owner: Person, app_engine: AsyncEngine
) -> None:
    key, token = await made(app_engine, owner)
    before = await reads(client, company, token)
    async with app_engine.begin() as connection:
        await keys.revoke_key(connection, key.key_id)
    answer = await client.get("/v1/session", headers=bearer(token))

    assert (before, answer.status_code) == (200, 401)
    assert "revoked" in problem(answer)["detail"]


async def test_an_expired_key_opens_nothing(
    client: AsyncClient, company: Company, owner: Person, app_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    key, token = await made(app_engine, owner, expires_at=datetime.now(UTC) + timedelta(hours=1))
    before = await reads(client, company, token)
    async with owner_engine.begin() as connection:
        await connection.execute(
            text("UPDATE clipledger.api_keys SET expires_at = now() WHERE key_id = :key_id"), {"key_id": key.key_id}
        )
    answer = await client.get("/v1/session", headers=bearer(token))

    assert (before, answer.status_code) == (200, 401)
    assert "expired" in problem(answer)["detail"]


async def test_a_key_loses_what_its_owner_loses(
    client: AsyncClient, company: Company, new_person: NewPerson, app_engine: AsyncEngine
) -> None:
    person = await new_person("finance", company.book)
    before = await reads(client, company, person.token)
    async with app_engine.begin() as connection:
        await roles.withdraw_role(connection, person.user_id, "finance", company.book)

    assert (before, await reads(client, company, person.token)) == (200, 404)


async def test_the_database_holds_only_a_digest_of_the_secret(owner: Person, app_engine: AsyncEngine) -> None:
    _, token = await made(app_engine, owner)
    async with app_engine.connect() as connection:
        rows = str((await connection.execute(text("SELECT k::text FROM clipledger.api_keys k"))).all())

    assert token.split("_", 2)[2] not in rows


async def test_the_last_use_is_noted_at_most_once_a_minute(
    client: AsyncClient, company: Company, owner: Person, app_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    key, token = await made(app_engine, owner)

    async def used() -> datetime | None:
        await reads(client, company, token)
        async with app_engine.connect() as connection:
            return (await keys.get_key(connection, key.key_id)).last_used_at

    assert key.last_used_at is None
    first = await used()
    assert first is not None
    assert await used() == first
    age = text("UPDATE clipledger.api_keys SET last_used_at = :then WHERE key_id = :key_id")
    async with owner_engine.begin() as connection:
        await connection.execute(age, {"then": first - timedelta(seconds=61), "key_id": key.key_id})
    third = await used()
    assert third is not None
    assert third > first


@pytest.mark.parametrize(
    ("scopes", "error"),
    [
        (["access:manage"], errors.ScopeNotHeld),
        (["ledger:everything"], errors.UnknownScope),
        ([], errors.UnknownScope),
    ],
)
async def test_a_key_is_not_made_for_more_than_its_owner_may(
    owner: Person, app_engine: AsyncEngine, scopes: list[str], error: type[errors.AccessError]
) -> None:
    async with app_engine.begin() as connection:
        with pytest.raises(error) as raised:
            await keys.create_key(connection, owner.user_id, "greedy", scopes)

    assert raised.value.field == "scopes"


async def test_a_key_is_not_made_for_a_book_its_owner_has_no_role_in(
    owner: Person, app_engine: AsyncEngine, open_book: OpenBook
) -> None:
    foreign = await open_book()

    with pytest.raises(errors.ScopeNotHeld):
        await made(app_engine, owner, book=foreign.slug)


async def test_a_key_is_not_born_expired(owner: Person, app_engine: AsyncEngine) -> None:
    with pytest.raises(errors.InvalidExpiry):
        await made(app_engine, owner, expires_at=datetime.now(UTC))


# Over HTTP ---------------------------------------------------------------------------------------------------


async def session_headers(client: AsyncClient, person: Person) -> dict[str, str]:
    answer = await client.post("/v1/session", json={"email": person.email, "password": PASSWORD})
    return {"X-CSRF-Token": answer.json()["csrf_token"], "Idempotency-Key": uuid4().hex}


async def test_a_person_makes_sees_and_revokes_their_own_keys(
    app: Litestar, client: AsyncClient, company: Company, owner: Person
) -> None:
    async with client_of(app) as browser:
        headers = await session_headers(browser, owner)
        wish = {"name": "export", "scopes": ["ledger:read"], "book": company.book}
        created = await browser.post("/v1/keys", headers=headers, json=wish)
        body = created.json()
        shown = await browser.get(created.headers["location"])
        listed = (await browser.get("/v1/keys", params={"limit": 1000})).json()["data"]

        assert created.status_code == 201
        assert shown.json() == body["key"] == listed[-1]
        assert await reads(client, company, body["token"]) == 200
        assert "token" not in shown.json()

        revoked = await browser.delete(created.headers["location"], headers=headers)
        assert revoked.status_code == 204
        assert await reads(client, company, body["token"]) == 401


async def test_the_replayed_answer_of_a_created_key_has_no_token_and_nor_has_the_database(
    app: Litestar, owner: Person, app_engine: AsyncEngine
) -> None:
    async with client_of(app) as browser:
        headers = await session_headers(browser, owner)
        wish = {"name": "twice", "scopes": ["ledger:read"]}
        first = await browser.post("/v1/keys", headers=headers, json=wish)
        second = await browser.post("/v1/keys", headers=headers, json=wish)
    async with app_engine.connect() as connection:
        kept = await connection.scalars(text("SELECT body FROM clipledger.idempotency_records"))
        stored = b"".join(bytes(body) for body in kept)

    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == {**first.json(), "token": None}
    assert first.json()["token"].split("_", 2)[2].encode() not in stored


async def test_a_key_makes_no_keys(client: AsyncClient, owner: Person) -> None:
    answer = await client.post("/v1/keys", headers=posting(owner), json={"name": "x", "scopes": ["ledger:read"]})

    assert answer.status_code == 403
    assert problem(answer)["type"] == "/problems/session-required"


async def test_the_keys_of_others_do_not_exist(app: Litestar, owner: Person, company: Company) -> None:
    async with client_of(app) as browser:
        headers = await session_headers(browser, owner)
        created = await browser.post("/v1/keys", headers=headers, json={"name": "x", "scopes": ["ledger:read"]})
    async with client_of(app) as browser:
        headers = await session_headers(browser, company.approver)
        shown = await browser.get(created.headers["location"])
        revoked = await browser.delete(created.headers["location"], headers=headers)

    assert (shown.status_code, revoked.status_code) == (404, 404)


async def test_keys_are_listed_in_pages(
    app: Litestar, company: Company, new_person: NewPerson, app_engine: AsyncEngine
) -> None:
    person = await new_person("finance", company.book)
    made_ids = [(await made(app_engine, person))[0].key_id for _ in range(3)]
    async with client_of(app) as browser:
        await session_headers(browser, person)
        first = (await browser.get("/v1/keys", params={"limit": 2})).json()
        second = (await browser.get("/v1/keys", params={"limit": 2, "cursor": first["next_cursor"]})).json()
        bad = await browser.get("/v1/keys", params={"cursor": "nonsense"})

    assert [key["key_id"] for key in first["data"] + second["data"]][1:] == made_ids
    assert second["next_cursor"] is None
    assert problem(bad)["field"] == "cursor"
