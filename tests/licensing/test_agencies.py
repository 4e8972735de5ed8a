"""Representations: an agency proposes, a clipper decides, one agency at a time."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from licensing.agencies import accept_representation, propose_representation, represented_by
from licensing.errors import AlreadyRepresented
from licensing.parties import Profile, register_party
from licensing.states import By
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Clipper, NewClipper, NewUser, soon


@pytest.fixture
async def mcn(new_user: NewUser) -> Person:
    """Who owns the agencies of a test."""
    return await new_user(roles.PARTY_SCOPES)


@pytest.fixture
async def agencies(app_engine: AsyncEngine, mcn: Person) -> tuple[int, int]:
    async with app_engine.begin() as connection:
        made = [
            await register_party(connection, "agency", Profile(name=name), mcn.user_id, "test")
            for name in ("Stars", "Moons")
        ]
    return made[0].party_id, made[1].party_id


async def propose(client: AsyncClient, agency: int, mcn: Person, clipper_id: int, rate: str = "15%") -> Any:
    asked = {"clipper_id": clipper_id, "rate": rate}
    return await client.post(f"/v1/agencies/{agency}/representations", json=asked, headers=posting(mcn))


async def decide(client: AsyncClient, clipper: Clipper, number: int, verb: str) -> Any:
    place = f"{clipper.path}/representations/{number}/{verb}"
    return await client.post(place, headers=posting(clipper.person))


async def test_an_agency_represents_a_clipper_from_acceptance_to_end(
    client: AsyncClient, app_engine: AsyncEngine, clipper: Clipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    before = soon()
    made = await propose(client, agencies[0], mcn, clipper.clipper_id)
    assert made.status_code == 201
    number = made.json()["representation_id"]
    assert (made.json()["agency_name"], made.json()["clipper_name"], made.json()["state"]) == (
        "Stars",
        "Ana",
        "proposed",
    )
    shown = (await client.get(f"{clipper.path}/representations", headers=clipper.person.bearer)).json()["data"]
    assert [(each["representation_id"], each["rate"]) for each in shown] == [(number, "15%")]

    assert (await decide(client, clipper, number, "accept")).json()["state"] == "active"
    during = soon()
    ended = (await decide(client, clipper, number, "end")).json()
    assert (ended["state"], ended["starts_at"] < ended["ends_at"]) == ("ended", True)
    async with app_engine.connect() as connection:
        for at, found in ((before, {}), (during, {clipper.clipper_id: (agencies[0], "15%")}), (soon(), {})):
            assert await represented_by(connection, [clipper.clipper_id, 2**62], at) == found
        assert await represented_by(connection, [], during) == {}
    there = await client.get(made.headers["location"], headers=mcn.bearer)
    assert there.json() == ended
    listed = await client.get(f"/v1/agencies/{agencies[0]}/representations", headers=mcn.bearer)
    assert listed.json()["data"] == [ended]


async def test_a_clipper_changes_its_agency_by_ending_the_first(
    client: AsyncClient, clipper: Clipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    first, second = [
        (await propose(client, agency, mcn, clipper.clipper_id)).json()["representation_id"] for agency in agencies
    ]
    assert (await decide(client, clipper, first, "accept")).status_code == 200
    refused = await decide(client, clipper, second, "accept")
    assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/already-represented")
    again = await propose(client, agencies[0], mcn, clipper.clipper_id)
    assert problem(again)["rule"] == "this agency's proposal to the clipper is active"
    assert (await decide(client, clipper, first, "end")).status_code == 200
    assert (await decide(client, clipper, second, "accept")).json()["state"] == "active"


async def test_a_proposal_is_declined_once(
    client: AsyncClient, clipper: Clipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    number = (await propose(client, agencies[0], mcn, clipper.clipper_id)).json()["representation_id"]
    open_still = await propose(client, agencies[0], mcn, clipper.clipper_id)
    assert problem(open_still)["type"] == "/problems/already-represented"
    assert (await decide(client, clipper, number, "decline")).json()["state"] == "declined"
    for verb in ("accept", "decline", "end"):
        refused = await decide(client, clipper, number, verb)
        assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/wrong-transition")
    assert (await propose(client, agencies[0], mcn, clipper.clipper_id)).status_code == 201


async def test_an_operator_ends_any(
    client: AsyncClient, operator: Person, clipper: Clipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    number = (await propose(client, agencies[0], mcn, clipper.clipper_id)).json()["representation_id"]
    place = f"/v1/representations/{number}/end"
    assert (await client.post(place, headers=posting(mcn))).status_code == 403
    assert (await client.post(place, headers=posting(operator))).json()["state"] == "ended"
    missing = await client.post(f"/v1/representations/{2**62}/end", headers=posting(operator))
    assert problem(missing)["type"] == "/problems/representation-not-found"


async def test_what_can_be_no_proposal_is_refused(
    client: AsyncClient, clipper: Clipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    for field, kind, clipper_id, rate in (
        ("rate", "/problems/invalid-rate", clipper.clipper_id, "101%"),
        ("rate", "/problems/invalid-rate", clipper.clipper_id, "a fifth\0"),
        ("clipper_id", "/problems/invalid-party", agencies[1], "15%"),
        ("clipper_id", "/problems/invalid-party", 2**63 - 1, "15%"),
    ):
        refused = await propose(client, agencies[0], mcn, clipper_id, rate)
        said = problem(refused)
        assert (refused.status_code, said["type"], said["field"]) == (422, kind, field)
        assert said["rule"]
    assert (await propose(client, agencies[0], mcn, 2**63)).status_code == 400


async def test_a_representation_of_others_is_none(
    client: AsyncClient, new_clipper: NewClipper, mcn: Person, agencies: tuple[int, int]
) -> None:
    one, other = await new_clipper(), await new_clipper()
    number = (await propose(client, agencies[0], mcn, one.clipper_id)).json()["representation_id"]
    for verb in ("accept", "decline", "end"):
        assert (await decide(client, other, number, verb)).status_code == 404
    for place, who in ((other.path, other.person), (f"/v1/agencies/{agencies[1]}", mcn)):
        assert (await client.get(f"{place}/representations/{number}", headers=who.bearer)).status_code == 404
        assert (await client.get(f"{place}/representations", headers=who.bearer)).json()["data"] == []
    assert (await propose(client, agencies[0], other.person, one.clipper_id)).status_code == 404


async def test_of_two_agencies_accepted_at_once_one_represents_the_clipper(
    app_engine: AsyncEngine, clipper: Clipper, agencies: tuple[int, int]
) -> None:
    numbers = []
    async with app_engine.begin() as connection:
        for agency in agencies:
            made = await propose_representation(connection, agency, clipper.clipper_id, "0.2", "test")
            numbers.append(made.representation_id)

    async def accept(number: int) -> bool:
        async with app_engine.begin() as connection:
            try:
                await accept_representation(connection, clipper.clipper_id, number, By("clipper", "user:1"))
            except AlreadyRepresented:
                return False
            await asyncio.sleep(0.05)
            return True

    assert sorted(await asyncio.gather(*map(accept, numbers))) == [False, True]
    async with app_engine.connect() as connection:
        then = await represented_by(connection, [clipper.clipper_id], soon() + timedelta(days=1))
    assert len(then) == 1
