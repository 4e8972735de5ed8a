"""Handles: whose account it is, who may say so, and what hosts bring from their papers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import tables
from licensing.errors import HandleTaken, InvalidBulk, WrongTransition
from licensing.handles import claim_handle, confirm_for_host, confirmed_accounts, prove_handle, release_handle
from licensing.proofs import CodeInProfile
from licensing.registration import ClipperAccount, ClipperRow, RegisteredRow, register_clippers
from licensing.states import By
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Clipper, Host, NewClipper, NewGrant, NewHost, NewOffer, soon

HOST = By("host", "user:1")


class ProfilesByHand:
    """Profiles as a test wrote them: no platform is asked."""

    def __init__(self, **said: str) -> None:
        self.said = said

    async def text_of(self, platform: str, handle: str) -> str | None:
        return self.said.get(f"{platform}:{handle}".replace(":", "_"))


async def claim(client: AsyncClient, clipper: Clipper, handle: str, platform: str = "tiktok") -> dict[str, Any]:
    asked = {"platform": platform, "handle": handle}
    made = await client.post(f"{clipper.path}/handles", json=asked, headers=posting(clipper.person))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


async def decide(client: AsyncClient, who: Person, place: str, handle_id: int, verb: str) -> Any:
    return await client.post(f"{place}/handles/{handle_id}/{verb}", headers=posting(who))


# Claiming ---------------------------------------------------------------------------------------------------


async def test_a_clipper_claims_an_account_and_gets_a_code(client: AsyncClient, clipper: Clipper) -> None:
    name = uuid4().hex
    made = await client.post(
        f"{clipper.path}/handles",
        json={"platform": "tiktok", "handle": f"@{name.upper()}"},
        headers=posting(clipper.person),
    )
    claimed = made.json()
    assert (claimed["handle"], claimed["state"], claimed["proof"]) == (name, "claimed", None)
    assert claimed["code"].startswith("CLIP-")
    shown = await client.get(made.headers["location"], headers=clipper.person.bearer)
    assert shown.json() == claimed
    page = (await client.get(f"{clipper.path}/handles", params={"limit": 1}, headers=clipper.person.bearer)).json()
    assert (page["data"], page["next_cursor"]) == ([claimed], str(claimed["handle_id"]))


async def test_an_account_is_claimed_once_until_it_is_given_up(client: AsyncClient, clipper: Clipper) -> None:
    name = uuid4().hex
    claimed = await claim(client, clipper, name)
    asked = {"platform": "tiktok", "handle": name}
    again = await client.post(f"{clipper.path}/handles", json=asked, headers=posting(clipper.person))
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/already-claimed")
    for status in (200, 409):
        given = await decide(client, clipper.person, clipper.path, claimed["handle_id"], "release")
        assert given.status_code == status
    assert problem(given)["type"] == "/problems/wrong-transition"
    anew = await claim(client, clipper, name)
    assert anew["code"] != claimed["code"]


async def test_an_account_is_the_same_however_its_letters_are_composed(client: AsyncClient, clipper: Clipper) -> None:
    name = uuid4().hex
    made = await claim(client, clipper, f"\uff20{name.upper()}\uff25")
    assert made["handle"] == f"{name}e"
    again = {"platform": "tiktok", "handle": f" @{name}E "}
    answer = await client.post(f"{clipper.path}/handles", json=again, headers=posting(clipper.person))
    assert problem(answer)["type"] == "/problems/already-claimed"


async def test_what_is_no_account_is_refused(client: AsyncClient, clipper: Clipper) -> None:
    for field, asked in (
        ("platform", {"platform": "myspace", "handle": "lina"}),
        ("handle", {"platform": "tiktok", "handle": "@"}),
        ("handle", {"platform": "tiktok", "handle": "two words"}),
        ("handle", {"platform": "tiktok", "handle": "nul\0"}),
        ("handle", {"platform": "tiktok", "handle": "x" * 101}),
    ):
        refused = await client.post(f"{clipper.path}/handles", json=asked, headers=posting(clipper.person))
        said = problem(refused)
        assert (refused.status_code, said["type"], said["field"]) == (422, "/problems/invalid-handle", field)


async def test_an_account_of_another_clipper_is_none(client: AsyncClient, new_clipper: NewClipper) -> None:
    one, other = await new_clipper(), await new_clipper()
    its = (await claim(client, one, uuid4().hex))["handle_id"]
    mine = f"{other.path}/handles/{its}"
    assert (await client.get(mine, headers=other.person.bearer)).status_code == 404
    assert (await client.post(f"{mine}/release", headers=posting(other.person))).status_code == 404


# Confirming -------------------------------------------------------------------------------------------------


async def test_a_host_confirms_accounts_of_its_own_clippers_only(
    client: AsyncClient, host: Host, new_host: NewHost, new_grant: NewGrant, clipper: Clipper
) -> None:
    stranger = await new_host()
    await new_grant(host, clipper=clipper)
    claimed = await claim(client, clipper, uuid4().hex)
    its = claimed["handle_id"]
    assert (await decide(client, stranger.person, stranger.path, its, "confirm")).status_code == 404
    assert (await decide(client, stranger.person, stranger.path, its, "refuse")).status_code == 404
    there = await client.get(f"{stranger.path}/handles", headers=stranger.person.bearer)
    assert there.json()["data"] == []

    waiting = await client.get(f"{host.path}/handles", params={"state": "claimed"}, headers=host.person.bearer)
    assert [(each["handle_id"], each["code"]) for each in waiting.json()["data"]] == [(its, claimed["code"])]
    assert "claimed_by" not in waiting.json()["data"][0], "who acts for whom is nothing for a host to see"
    confirmed = (await decide(client, host.person, host.path, its, "confirm")).json()
    assert (confirmed["state"], confirmed["proof"]) == ("confirmed", "host")
    again = await decide(client, host.person, host.path, its, "confirm")
    assert problem(again)["type"] == "/problems/wrong-transition"
    assert "released" in problem(again)["rule"]


async def test_a_grant_that_was_only_offered_or_has_ended_lets_a_host_decide_on_no_account(
    client: AsyncClient, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant, clipper: Clipper
) -> None:
    granted = await new_grant(host, clipper=clipper)
    its = (await claim(client, clipper, uuid4().hex))["handle_id"]
    for state in ("offered", "declined", "revoked", "expired"):
        async with owner_engine.begin() as connection:
            grants = tables.grants
            await connection.execute(grants.update().where(grants.c.grant_id == granted.grant_id).values(state=state))
        assert (await decide(client, host.person, host.path, its, "confirm")).status_code == 404
        assert (await decide(client, host.person, host.path, its, "refuse")).status_code == 404


async def test_an_applicants_account_is_the_hosts_to_confirm(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_offer: NewOffer, clipper: Clipper
) -> None:
    row = {"offer_id": await new_offer(host), "clipper_id": clipper.clipper_id, "version_no": 1, "message": ""}
    async with app_engine.begin() as connection:
        row |= {"findings": [], "submitted_by": "test", "expires_at": soon(days=1)}
        await connection.execute(insert(tables.applications).values(book_id=host.book_id, **row))
    its = (await claim(client, clipper, uuid4().hex))["handle_id"]
    refused = await decide(client, host.person, host.path, its, "refuse")
    assert refused.json()["state"] == "refused"


async def test_an_account_confirmed_for_another_clipper_is_moved_by_an_operator_alone(
    client: AsyncClient,
    app_engine: AsyncEngine,
    host: Host,
    operator: Person,
    new_grant: NewGrant,
    new_clipper: NewClipper,
) -> None:
    one, other = await new_clipper("tiktok"), await new_clipper("douyin")
    await new_grant(host, clipper=other)
    name = one.accounts[0].removeprefix("tiktok:")
    its = (await claim(client, other, name))["handle_id"]
    taken = await decide(client, host.person, host.path, its, "confirm")
    said = problem(taken)
    assert (taken.status_code, said["type"], said["value"]) == (409, "/problems/handle-taken", one.accounts[0])

    assert (await decide(client, host.person, "/v1", its, "confirm")).status_code == 403
    listed = await client.get("/v1/handles", params={"state": "claimed", "limit": 1}, headers=operator.bearer)
    assert listed.json()["data"][0]["handle_id"] == its
    moved = await decide(client, operator, "/v1", its, "confirm")
    assert (moved.json()["state"], moved.json()["proof"]) == ("confirmed", "operator")
    async with app_engine.connect() as connection:
        accounts = await confirmed_accounts(connection, [one.clipper_id, other.clipper_id])
    assert accounts == {one.clipper_id: (), other.clipper_id: tuple(sorted([*other.accounts, one.accounts[0]]))}
    lost = (await client.get(f"{one.path}/handles", headers=one.person.bearer)).json()["data"][0]
    assert (lost["state"], lost["decided_by"]) == ("released", moved.json()["decided_by"])


async def test_an_operator_refuses(client: AsyncClient, operator: Person, clipper: Clipper) -> None:
    its = (await claim(client, clipper, uuid4().hex))["handle_id"]
    assert (await decide(client, operator, "/v1", its, "refuse")).json()["state"] == "refused"
    assert (await decide(client, operator, "/v1", 2**62, "refuse")).status_code == 404


async def test_of_two_who_prove_the_same_account_at_once_one_has_it(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    claimed, name = [], uuid4().hex
    for _ in range(2):
        clipper = await new_clipper()
        await new_grant(host, clipper=clipper)
        async with app_engine.begin() as connection:
            made = await claim_handle(connection, clipper.clipper_id, "tiktok", name, "test")
        claimed.append(made.handle_id)

    async def confirm(handle_id: int) -> bool:
        async with app_engine.connect() as connection:
            try:
                await confirm_for_host(connection, host.book_id, handle_id, HOST)
            except HandleTaken:
                return False
            await asyncio.sleep(0.05)
            await connection.commit()
            return True

    assert sorted(await asyncio.gather(*map(confirm, claimed))) == [False, True]


async def test_a_code_in_the_profile_proves_control(app_engine: AsyncEngine, clipper: Clipper) -> None:
    async with app_engine.begin() as connection:
        claimed = await claim_handle(connection, clipper.clipper_id, "x", "lina_" + uuid4().hex, "test")
        profiles = ProfilesByHand()
        proof = CodeInProfile(profiles)
        assert await prove_handle(connection, clipper.clipper_id, claimed.handle_id, proof) == claimed
        profiles.said[f"x_{claimed.handle}"] = f"I clip. {claimed.code.lower()} Ask me."
        proved = await prove_handle(connection, clipper.clipper_id, claimed.handle_id, proof)
        assert (proved.state, proved.proof, proved.decided_by) == (
            "confirmed",
            "code-in-profile",
            "proof:code-in-profile",
        )
        with pytest.raises(WrongTransition):
            await prove_handle(connection, clipper.clipper_id, claimed.handle_id, proof)
        by = By("clipper", "user:1")
        assert (await release_handle(connection, clipper.clipper_id, claimed.handle_id, by)).state == "released"


# Registering ------------------------------------------------------------------------------------------------


def row(name: str, *accounts: str) -> ClipperRow:
    pairs = [account.split(":") for account in accounts]
    return ClipperRow(
        name=name, handles=tuple(ClipperAccount(platform=platform, handle=handle) for platform, handle in pairs)
    )


async def test_a_host_registers_its_clippers_and_finds_those_who_are_here(
    client: AsyncClient, host: Host, clipper: Clipper
) -> None:
    platform, handle = clipper.accounts[0].split(":")
    new, other = uuid4().hex, uuid4().hex
    sent = {
        "clippers": [
            {"name": "Bo", "country": "TH", "languages": ["th"], "handles": [{"platform": "shopee", "handle": new}]},
            {"name": "Ana, as we call her", "handles": [{"platform": platform, "handle": f"@{handle.upper()}"}]},
            {"name": "", "handles": [{"platform": "shopee", "handle": other}]},
            {"name": "Bo again", "handles": [{"platform": "shopee", "handle": new}]},
            {"name": "Nobody", "handles": []},
            {"name": "Both", "handles": [{"platform": "x", "handle": other}, {"platform": platform, "handle": handle}]},
            {"name": "Typo", "handles": [{"platform": "tictoc", "handle": other}]},
        ]
    }
    answer = await client.post(f"{host.path}/clippers", json=sent, headers=posting(host.person))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["registered"], told["known"], told["refused"]) == (1, 1, 5)
    first, second, *refused = told["rows"]
    assert first["outcome"] == "registered"
    assert (second["row"], second["outcome"], second["clipper_id"]) == (2, "known", clipper.clipper_id)
    assert [(each["row"], each["code"], each["field"]) for each in refused] == [
        (3, "invalid-party", "name"),
        (4, "handle-taken", "handles"),
        (5, "invalid-handle", "handles"),
        (6, "handle-taken", "handles"),
        (7, "invalid-handle", "handles[0].platform"),
    ]
    assert refused[1]["rule"] == "row 1 has it, too"
    assert refused[3]["value"] == clipper.accounts[0]
    assert refused[4]["value"] == "tictoc"

    again = (await client.post(f"{host.path}/clippers", json=sent, headers=posting(host.person))).json()
    assert [each["outcome"] for each in again["rows"][:2]] == ["known", "known"]
    assert again["rows"][0]["clipper_id"] == first["clipper_id"]


async def test_thousands_are_registered_in_order_and_nobody_of_them_has_a_member(
    app_engine: AsyncEngine, host: Host
) -> None:
    run = uuid4().hex
    rows = [row(f"Clipper {number}", f"tiktok:{run}.{number}", f"x:{run}.{number}") for number in range(2500)]
    async with app_engine.begin() as connection:
        outcomes = await register_clippers(connection, HOST, rows)
        ids = [outcome.clipper_id for outcome in outcomes if outcome.clipper_id]
        assert {outcome.outcome for outcome in outcomes} == {"registered"}
        query = text("SELECT name FROM licensing.parties WHERE party_id = ANY (:ids) ORDER BY party_id")
        assert list(await connection.scalars(query, {"ids": ids})) == [each.name for each in rows]
        accounts = await confirmed_accounts(connection, ids[:2])
        assert accounts[ids[1]] == (f"tiktok:{run}.1", f"x:{run}.1")
        members = "SELECT count(*) FROM licensing.members WHERE party_id = ANY (:ids)"
        assert await connection.scalar(text(members), {"ids": ids}) == 0


async def test_of_two_hosts_who_bring_the_same_clipper_at_once_one_registers_it(
    app_engine: AsyncEngine,
) -> None:
    name = uuid4().hex

    async def bring() -> RegisteredRow:
        async with app_engine.begin() as connection:
            (outcome,) = await register_clippers(connection, HOST, [row("Lina", f"tiktok:{name}")])
            await asyncio.sleep(0.05)
            return outcome

    one, other = await asyncio.gather(bring(), bring())
    assert {one.outcome, other.outcome} == {"registered", "known"}
    assert one.clipper_id == other.clipper_id


async def test_none_and_too_many_are_refused_as_a_whole(
    client: AsyncClient, app_engine: AsyncEngine, host: Host
) -> None:
    empty = await client.post(f"{host.path}/clippers", json={"clippers": []}, headers=posting(host.person))
    assert (empty.status_code, problem(empty)["type"]) == (422, "/problems/invalid-bulk")
    many = [row("Lina", "tiktok:lina")] * 10_001
    async with app_engine.connect() as connection:
        with pytest.raises(InvalidBulk):
            await register_clippers(connection, HOST, many)
