"""Clippers and agencies: who they are, and who acts for them."""

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from licensing.errors import InvalidParty, LastOwner, PartyNotFound
from licensing.parties import (
    Kind,
    Profile,
    add_member,
    change_role,
    find_party,
    list_members,
    register_party,
    remove_member,
    role_of,
)
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Clipper, Host, NewClipper, NewGrant, NewHost, NewUser

ANA = Profile(name=" Ana ", country="SG", languages=("zh-Hant", "en"), categories=("beauty",), capacity=40)


@pytest.fixture
async def user(new_user: NewUser) -> Person:
    return await new_user(roles.PARTY_SCOPES)


async def test_any_user_registers_a_clipper_and_owns_it(client: AsyncClient, user: Person) -> None:
    about = {"name": "Ana", "country": "SG", "languages": ["zh-Hant"], "categories": ["beauty"], "capacity": 40}
    made = await client.post("/v1/clippers", json=about, headers=posting(user))
    assert made.status_code == 201
    party = made.json()
    assert made.headers["location"] == f"/v1/clippers/{party['party_id']}"
    assert {name: party[name] for name in about} == about
    mine = (await client.get("/v1/parties", headers=user.bearer)).json()
    assert mine == {"data": [{"party": party, "role": "owner"}], "next_cursor": None}
    assert (await client.get(made.headers["location"], headers=user.bearer)).json() == party


async def test_an_operator_registers_an_agency_with_its_first_owner(
    client: AsyncClient, operator: Person, user: Person
) -> None:
    asked = {"name": "Stars MCN", "owner": user.user_id}
    assert (await client.post("/v1/agencies", json=asked, headers=posting(user))).status_code == 403
    made = await client.post("/v1/agencies", json=asked, headers=posting(operator))
    assert (made.status_code, made.json()["kind"]) == (201, "agency")
    place = made.headers["location"]
    assert (await client.get(place, headers=user.bearer)).json()["name"] == "Stars MCN"
    assert (await client.get(place, headers=operator.bearer)).status_code == 404
    nobody = await client.post("/v1/agencies", json={**asked, "owner": 2**63 - 1}, headers=posting(operator))
    assert (problem(nobody)["type"], problem(nobody)["field"]) == ("/problems/invalid-party", "owner")


async def test_a_profile_is_changed_member_by_member(client: AsyncClient, clipper: Clipper) -> None:
    bearer = clipper.person.bearer
    changed = await client.patch(clipper.path, json={"country": "CN", "capacity": 3}, headers=bearer)
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["country"], changed.json()["capacity"]) == ("Ana", "CN", 3)
    cleared = await client.patch(clipper.path, json={"country": None}, headers=bearer)
    assert (cleared.json()["country"], cleared.json()["capacity"]) == (None, 3)


async def test_a_profile_that_is_none_is_refused(client: AsyncClient, clipper: Clipper) -> None:
    changes: list[tuple[str, dict[str, Any]]] = [
        ("name", {"name": " "}),
        ("name", {"name": "nul\0"}),
        ("name", {"name": "x" * 201}),
        ("country", {"country": "China"}),
        ("languages[0]", {"languages": ["Chinese"]}),
        ("categories[1]", {"categories": ["beauty", "Ladies' Fashion"]}),
        ("capacity", {"capacity": -1}),
        ("capacity", {"capacity": 10**30}),
    ]
    for field, change in changes:
        refused = await client.patch(clipper.path, json=change, headers=clipper.person.bearer)
        said = problem(refused)
        assert (refused.status_code, said["type"], said["field"]) == (422, "/problems/invalid-party", field)
        assert said["rule"]


async def test_members_are_added_change_their_role_and_leave(
    client: AsyncClient, clipper: Clipper, user: Person
) -> None:
    place, owner = f"{clipper.path}/members", clipper.person
    asked = {"user_id": user.user_id, "role": "viewer"}
    added = await client.post(place, json=asked, headers=posting(owner))
    assert (added.status_code, added.headers["location"]) == (201, f"{place}/{user.user_id}")
    again = await client.post(place, json=asked, headers=posting(owner))
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/already-member")
    assert (await client.get(clipper.path, headers=user.bearer)).status_code == 200
    assert (await client.get(place, headers=user.bearer)).status_code == 403

    its = f"{place}/{user.user_id}"
    assert (await client.patch(its, json={"role": "owner"}, headers=owner.bearer)).json()["role"] == "owner"
    shown = (await client.get(place, headers=user.bearer)).json()
    assert sorted((each["user_id"], each["role"]) for each in shown) == sorted(
        [(owner.user_id, "owner"), (user.user_id, "owner")]
    )
    assert (await client.delete(f"{place}/{owner.user_id}", headers=user.bearer)).status_code == 204
    assert (await client.get(clipper.path, headers=owner.bearer)).status_code == 404
    assert (await client.delete(f"{place}/{owner.user_id}", headers=user.bearer)).status_code == 404


async def test_nobody_is_added_who_has_no_account(client: AsyncClient, clipper: Clipper, operator: Person) -> None:
    asked = {"user_id": 2**63 - 1, "role": "member"}
    for place, who in ((clipper.path, clipper.person), (f"/v1/parties/{clipper.clipper_id}", operator)):
        refused = await client.post(f"{place}/members", json=asked, headers=posting(who))
        assert (refused.status_code, problem(refused)["field"]) == (422, "user_id")
    for wrong in ({"user_id": 2**63, "role": "member"}, {"user_id": 1, "role": "king"}):
        refused = await client.post(f"{clipper.path}/members", json=wrong, headers=posting(clipper.person))
        assert refused.status_code == 400


async def test_an_operator_gives_a_party_its_owner(
    client: AsyncClient, app_engine: AsyncEngine, clipper: Clipper, operator: Person, user: Person
) -> None:
    place, asked = f"/v1/parties/{clipper.clipper_id}/members", {"user_id": user.user_id, "role": "owner"}
    assert (await client.post(place, json=asked, headers=posting(clipper.person))).status_code == 403
    assert (await client.post(place, json=asked, headers=posting(operator))).status_code == 201
    assert (await client.get(clipper.path, headers=user.bearer)).status_code == 200
    missing = await client.post(f"/v1/parties/{2**62}/members", json=asked, headers=posting(operator))
    assert problem(missing)["type"] == "/problems/party-not-found"


async def test_the_last_owner_stays(client: AsyncClient, clipper: Clipper) -> None:
    its = f"{clipper.path}/members/{clipper.person.user_id}"
    for refused in (
        await client.delete(its, headers=clipper.person.bearer),
        await client.patch(its, json={"role": "member"}, headers=clipper.person.bearer),
    ):
        assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/last-owner")


async def test_of_two_owners_who_leave_at_once_one_stays(
    app_engine: AsyncEngine, clipper: Clipper, user: Person
) -> None:
    async with app_engine.begin() as connection:
        await add_member(connection, clipper.clipper_id, user.user_id, "owner", "test")

    async def leave(user_id: int) -> bool:
        async with app_engine.begin() as connection:
            try:
                await remove_member(connection, clipper.clipper_id, user_id)
            except LastOwner:
                return False
            await asyncio.sleep(0.05)
            return True

    left = await asyncio.gather(leave(clipper.person.user_id), leave(user.user_id))
    assert sorted(left) == [False, True]
    async with app_engine.connect() as connection:
        assert [member.role for member in await list_members(connection, clipper.clipper_id)] == ["owner"]


async def test_a_party_of_others_is_none(client: AsyncClient, new_clipper: NewClipper, host: Host) -> None:
    one, other = await new_clipper(), await new_clipper()
    for who in (other.person, host.person):
        assert (await client.get(one.path, headers=who.bearer)).status_code == 404
        assert (await client.patch(one.path, json={"name": "Mine"}, headers=who.bearer)).status_code == 404
        assert (await client.get(f"{one.path}/members", headers=who.bearer)).status_code == 404
        joining = {"user_id": who.user_id, "role": "owner"}
        assert (await client.post(f"{one.path}/members", json=joining, headers=posting(who))).status_code == 404
        its = f"{one.path}/members/{one.person.user_id}"
        assert (await client.delete(its, headers=who.bearer)).status_code == 404
    mine = (await client.get("/v1/parties", headers=other.person.bearer)).json()["data"]
    assert [each["party"]["party_id"] for each in mine] == [other.clipper_id]


async def test_a_host_sees_the_clippers_it_has_to_do_with(
    client: AsyncClient, host: Host, new_host: NewHost, new_clipper: NewClipper, new_grant: NewGrant
) -> None:
    granted, stranger = await new_clipper(country="SG", capacity=4), await new_clipper()
    other = await new_host()
    await new_grant(host, clipper=granted)
    seen = (await client.get(f"{host.path}/clippers/{granted.clipper_id}", headers=host.person.bearer)).json()
    assert seen == {
        "clipper_id": granted.clipper_id,
        "accounts": sorted(granted.accounts),
        "name": "Ana",
        "country": "SG",
        "languages": [],
        "categories": [],
        "capacity": 4,
    }
    for who, clipper in ((host, stranger), (other, granted)):
        place = f"{who.path}/clippers/{clipper.clipper_id}"
        assert (await client.get(place, headers=who.person.bearer)).status_code == 404


async def test_a_party_is_found_by_its_kind(app_engine: AsyncEngine, user: Person) -> None:
    kinds: tuple[tuple[Kind | None, str | None], ...] = ((None, "owner"), ("agency", "owner"), ("clipper", None))
    async with app_engine.begin() as connection:
        party = await register_party(connection, "agency", ANA, user.user_id, "test")
        assert (party.name, party.capacity) == ("Ana", 40)
        assert await find_party(connection, party.party_id, "agency") == party
        with pytest.raises(PartyNotFound):
            await find_party(connection, party.party_id, "clipper")
        for kind, role in kinds:
            assert await role_of(connection, party.party_id, user.user_id, kind) == role
        with pytest.raises(InvalidParty):
            await change_role(connection, party.party_id, user.user_id, "king")
