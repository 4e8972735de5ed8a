"""Users, roles and the audit trail."""

from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import errors, roles, users
from clipledger.access.audit import Event, record
from clipledger.access.principal import Principal, grants_of_roles, narrowed
from tests.clipledger.front_door import PASSWORD, Company, NewPerson, OpenBook, posting, problem


async def password_hash(engine: AsyncEngine, user_id: int) -> str:
    async with engine.connect() as connection:
        found = await connection.scalar(
            text("SELECT password_hash FROM clipledger.users WHERE user_id = :user_id"), {"user_id": user_id}
        )
    return str(found)


# Users -------------------------------------------------------------------------------------------------------


async def test_a_password_is_kept_as_argon2id(company: Company, app_engine: AsyncEngine) -> None:
    assert (await password_hash(app_engine, company.finance.user_id)).startswith("$argon2id$")


async def test_a_hash_of_yesterdays_parameters_is_renewed_at_the_next_login(
    company: Company, new_person: NewPerson, app_engine: AsyncEngine
) -> None:
    person = await new_person("reviewer", company.book)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with app_engine.begin() as connection:
        await connection.execute(
            text("UPDATE clipledger.users SET password_hash = :weak WHERE user_id = :user_id"),
            {"weak": weak, "user_id": person.user_id},
        )
    async with app_engine.begin() as connection:
        await users.check_password(connection, person.email, PASSWORD)
    renewed = await password_hash(app_engine, person.user_id)

    assert renewed != weak
    assert not PasswordHasher().check_needs_rehash(renewed)


async def test_an_address_belongs_to_one_user_whatever_its_case(company: Company, app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        with pytest.raises(errors.EmailTaken):
            await users.add_user(connection, company.finance.email.upper(), PASSWORD)


@pytest.mark.parametrize(
    ("email", "password", "error"),
    [
        ("no-at-sign", PASSWORD, errors.InvalidEmail),
        ("two@at@signs.example", PASSWORD, errors.InvalidEmail),
        ("spa ce@example.com", PASSWORD, errors.InvalidEmail),
        ("ünï@example.com", PASSWORD, errors.InvalidEmail),
        (f"{'a' * 250}@b.cc", PASSWORD, errors.InvalidEmail),
        ("short@example.com", "11 letters.", errors.WeakPassword),
        ("long@example.com", "x" * 1025, errors.WeakPassword),
    ],
)
async def test_a_bad_address_or_password_is_refused(
    app_engine: AsyncEngine, email: str, password: str, error: type[errors.AccessError]
) -> None:
    async with app_engine.begin() as connection:
        with pytest.raises(error) as raised:
            await users.add_user(connection, email, password)

    assert password not in str(raised.value)


async def test_a_password_is_the_same_however_its_letters_are_composed(app_engine: AsyncEngine) -> None:
    email, composed, decomposed = f"{uuid4().hex}@example.com", "café " * 3, "cafe\u0301 " * 3
    async with app_engine.begin() as connection:
        user = await users.add_user(connection, email, composed)
        assert await users.check_password(connection, email, decomposed) == user


# Roles -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "with_book", "error"),
    [
        ("operator", True, errors.MisplacedRole),
        ("finance", False, errors.MisplacedRole),
        ("emperor", False, errors.UnknownRole),
    ],
)
async def test_an_operator_has_every_book_and_everyone_else_one(
    company: Company, app_engine: AsyncEngine, role: str, with_book: bool, error: type[errors.AccessError]
) -> None:
    async with app_engine.begin() as connection:
        with pytest.raises(error):
            await roles.grant_role(connection, company.finance.user_id, role, company.book if with_book else None)


def test_every_role_is_made_of_scopes_there_are() -> None:
    assert set[str]().union(*roles.ROLES.values(), *roles.PARTY_ROLES.values()) == set(roles.SCOPES)


def test_who_posts_does_not_lock_and_who_runs_the_service_does_neither() -> None:
    duties = {role: scopes & {"ledger:post", "ledger:lock"} for role, scopes in roles.ROLES.items()}

    assert all(len(duty) <= 1 for duty in duties.values())
    assert not duties["operator"]


def test_a_scope_is_held_for_its_book_only_and_an_operators_for_all() -> None:
    finance = Principal("user:1", 1, "", grants_of_roles([("finance", 7), ("host", 8)]))
    operator = Principal("user:2", 2, "", grants_of_roles([("operator", None)]))

    assert finance.may("ledger:post", 7)
    assert not finance.may("ledger:post", 8)
    assert not finance.may("ledger:post")
    assert finance.books("ledger:read") == frozenset({7, 8})
    assert (finance.sees(8), finance.sees(9)) == (True, False)
    assert operator.may("ledger:read", 9)
    assert operator.books("ledger:read") is None


def test_a_role_the_code_no_longer_knows_allows_nothing() -> None:
    assert grants_of_roles([("emperor", 7)]) == {7: frozenset()}


def test_narrowing_to_a_book_brings_the_grant_for_all_books_to_this_one() -> None:
    operator = grants_of_roles([("operator", None)])

    assert narrowed(operator, frozenset({"ledger:read", "ledger:post"}), 7) == {7: frozenset({"ledger:read"})}
    assert narrowed(grants_of_roles([("finance", 7)]), frozenset({"ledger:read"}), 8) == {}


# Users over HTTP ---------------------------------------------------------------------------------------------


async def test_an_operator_adds_a_user_grants_and_withdraws_a_role_and_disables(
    client: AsyncClient, company: Company
) -> None:
    operator, email = company.operator, f"{uuid4().hex}@Example.com"
    wish = {"email": email, "password": PASSWORD, "name": "Grace"}
    added = await client.post("/v1/users", headers=posting(operator), json=wish)
    address = added.headers["location"]
    grant = {"role": "approver", "book": company.book}
    granted = await client.post(f"{address}/roles", headers=posting(operator), json=grant)
    shown = await client.get(address, headers=operator.bearer)
    withdrawn = await client.delete(f"{address}/roles/approver", headers=operator.bearer, params={"book": company.book})
    disabled = await client.post(f"{address}/disable", headers=posting(operator))
    enabled = await client.post(f"{address}/enable", headers=posting(operator))

    assert added.status_code == 201
    assert added.json()["email"] == email.lower()
    assert added.json()["roles"] == []
    assert PASSWORD not in added.text
    assert granted.json()["roles"] == shown.json()["roles"] == [grant]
    assert withdrawn.status_code == 204
    assert disabled.json()["roles"] == []
    assert disabled.json()["disabled_at"]
    assert enabled.json()["disabled_at"] is None


async def test_users_are_listed_in_pages(client: AsyncClient, company: Company) -> None:
    found: list[int] = []
    params: dict[str, str | int] = {"limit": 2}
    while True:
        page = (await client.get("/v1/users", headers=company.operator.bearer, params=params)).json()
        found += [user["user_id"] for user in page["data"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]

    assert found == sorted(set(found))
    assert {company.finance.user_id, company.operator.user_id} <= set(found)


@pytest.mark.parametrize(("field", "value"), [("email", "nobody"), ("password", "too short")])
async def test_a_user_with_a_bad_field_is_refused_by_name(
    client: AsyncClient, company: Company, field: str, value: str
) -> None:
    wish = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, field: value}
    answer = await client.post("/v1/users", headers=posting(company.operator), json=wish)

    said = problem(answer)
    assert (answer.status_code, said["field"]) == (422, field)
    assert ("value" in said) == (field != "password")


@pytest.mark.parametrize("address", ["/v1/users", "/v1/users/1"])
async def test_users_are_for_operators(client: AsyncClient, company: Company, address: str) -> None:
    assert (await client.get(address, headers=company.approver.bearer)).status_code == 403


async def test_an_unknown_user_is_not_found(client: AsyncClient, company: Company) -> None:
    answer = await client.get("/v1/users/999999999999999999", headers=company.operator.bearer)

    assert answer.status_code == 404
    assert problem(answer)["field"] == "user_id"


# The audit trail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clipledger.audit_events SET actor = 'somebody else'",
        "DELETE FROM clipledger.audit_events",
        "TRUNCATE clipledger.audit_events",
        "UPDATE clipledger.audit_events SET actor = 'x' WHERE false",
    ],
)
@pytest.mark.parametrize("who", ["owner", "app"])
async def test_the_trail_cannot_be_changed_by_the_service_nor_by_a_careless_owner(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, statement: str, who: str
) -> None:
    async with (owner_engine if who == "owner" else app_engine).connect() as connection:
        with pytest.raises(DBAPIError) as raised:
            await connection.execute(text(statement))

    sqlstate = getattr(raised.value.orig, "sqlstate", None)
    assert sqlstate == {"owner": "23001", "app": "42501"}[who]


async def test_the_service_cannot_date_an_event_itself(app_engine: AsyncEngine) -> None:
    statement = text(
        "INSERT INTO clipledger.audit_events (at, actor, action, subject, detail)"
        " VALUES ('2020-01-01', 'user:1', 'x', '', '{}')"
    )
    async with app_engine.connect() as connection:
        with pytest.raises(DBAPIError, match="permission denied"):
            await connection.execute(statement)


async def test_who_may_read_the_trail_of_a_book_sees_that_book_and_nothing_else(
    client: AsyncClient, company: Company, open_book: OpenBook, app_engine: AsyncEngine
) -> None:
    other = await open_book()
    async with app_engine.begin() as connection:
        for book_id in (company.book_id, other.book_id, None):
            await record(connection, Event("user:1", "test", str(book_id), book_id))

    async def subjects(bearer: dict[str, str], **params: str) -> set[str]:
        answer = await client.get("/v1/audit-events", headers=bearer, params={"limit": "20", **params})
        return {event["subject"] for event in answer.json()["data"] if event["action"] == "test"}

    mine, others = str(company.book_id), str(other.book_id)
    assert await subjects(company.finance.bearer) == {mine}
    assert await subjects(company.operator.bearer) >= {mine, others, "None"}
    assert await subjects(company.operator.bearer, book=other.slug) == {others}
    refused = await client.get("/v1/audit-events", headers=company.finance.bearer, params={"book": other.slug})
    assert refused.status_code == 404


async def test_the_trail_is_read_in_pages_newest_first(
    client: AsyncClient, company: Company, new_person: NewPerson, open_book: OpenBook, app_engine: AsyncEngine
) -> None:
    book = await open_book()
    reader = await new_person("approver", book.slug)
    async with app_engine.begin() as connection:
        for number in range(3):
            await record(connection, Event("user:1", "test", str(number), book.book_id))
    params = {"limit": "2"}
    first = (await client.get("/v1/audit-events", headers=reader.bearer, params=params)).json()
    params["cursor"] = first["next_cursor"]
    second = (await client.get("/v1/audit-events", headers=reader.bearer, params=params)).json()

    assert [event["subject"] for event in first["data"] + second["data"]] == ["2", "1", "0"]
    assert second["next_cursor"] is None
