"""Applications: a clipper applies, rules or a host approve, and a grant is made."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing import tables
from licensing.applications import (
    approve_application,
    expire_applications,
    find_application,
    reject_application,
    withdraw_application,
)
from licensing.applying import apply_for_offer, facts_of
from licensing.errors import LicensingError, PartyNotFound, QuotaReached
from licensing.grants import find_grant
from licensing.states import By
from licensing.terms import encode, sha256_of
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import (
    LONG_AGO,
    TERMS,
    Clipper,
    Host,
    NewClipper,
    NewGrant,
    NewHost,
    NewOffer,
    events_of,
    soon,
)

HASH = sha256_of(TERMS)
HOST, CLIPPER = By("host", "user:1"), By("clipper", "user:2")


async def apply(client: AsyncClient, clipper: Clipper, offer_id: int, **more: str) -> Any:
    asked = {"offer_id": offer_id, "accept_sha256": HASH, **more}
    return await client.post(f"{clipper.path}/applications", json=asked, headers=posting(clipper.person))


async def decide(client: AsyncClient, who: Person, place: str, number: int, verb: str, **body: str) -> Any:
    place = f"{place}/applications/{number}/{verb}"
    return await client.post(place, headers=posting(who), json=body or None)


async def applied(engine: AsyncEngine, clipper: Clipper, offer_id: int) -> int:
    async with engine.begin() as connection:
        made = await apply_for_offer(connection, clipper.clipper_id, offer_id, CLIPPER, message="", accept_sha256=HASH)
    return made.application_id


async def won(engine: AsyncEngine, act: Callable[[AsyncConnection], Awaitable[Any]]) -> str:
    """What became of an act that another one runs against: its result's state, or why it was refused."""
    async with engine.connect() as connection:
        try:
            result = await act(connection)
        except LicensingError as error:
            return error.code
        await asyncio.sleep(0.05)
        await connection.commit()
        return str(result.state)


# From applying to a grant -----------------------------------------------------------------------------------


async def test_a_host_approves_and_the_grant_is_active_since_the_clipper_applied(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    made = await apply(client, clipper, offer_id, message=" Three clips a day ")
    assert made.status_code == 201
    application = made.json()
    number = application["application_id"]
    assert (application["state"], application["message"], application["findings"]) == (
        "submitted",
        "Three clips a day",
        [],
    )
    shown = await client.get(made.headers["location"], headers=clipper.person.bearer)
    assert shown.json() == application
    waiting = {"state": "submitted", "offer": str(offer_id)}
    listed = await client.get(f"{host.path}/applications", params=waiting, headers=host.person.bearer)
    assert listed.json() == {"data": [application], "next_cursor": None}

    approved = (await decide(client, host.person, host.path, number, "approve")).json()
    assert (approved["state"], approved["reason"]) == ("approved", None)
    async with app_engine.connect() as connection:
        grant = await find_grant(connection, host.book_id, approved["grant_id"])
    assert (grant.state, grant.clipper_id, grant.version_no) == ("active", clipper.clipper_id, 1)
    assert sorted(grant.handles) == sorted(clipper.accounts)
    assert grant.accepted_at is not None
    assert grant.accepted_at == msgspec.convert(application["submitted_at"], type(grant.accepted_at))
    told = await events_of(app_engine, host.book_id)
    assert told == ["application.submitted", "grant.accepted", "application.approved"]


async def test_who_keeps_all_rules_is_approved_at_once(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    rules = {"countries": ["SG"], "least_orders": 10, "least_gmv": 500, "most_returned_ppm": 100_000}
    offer_id = await new_offer(host, approval=rules)
    good, bad = await new_clipper(country="SG"), await new_clipper(country="SG")
    async with app_engine.begin() as connection:
        for clipper, returned in ((good, 1), (bad, 3)):
            sold = {"clipper_id": clipper.clipper_id, "platform": "tiktok", "category": "beauty", "as_of": LONG_AGO}
            cny = {"currency": "CNY", "gmv": 600, "orders": 12, "returned": returned}
            usd = {"currency": "USD", "gmv": 9, "orders": 8, "returned": 0}
            await connection.execute(insert(tables.clipper_facts), [{**sold, **cny}, {**sold, **usd}])
        facts = await facts_of(connection, good.clipper_id, "CNY")
        assert (facts.gmv, facts.orders, facts.returned_ppm) == (600, 20, 50_000)

    at_once = (await apply(client, good, offer_id)).json()
    assert (at_once["state"], at_once["decided_by"]) == ("approved", None), "who decided is the host's to know"
    shown = await client.get(f"{host.path}/applications/{at_once['application_id']}", headers=host.person.bearer)
    assert shown.json()["decided_by"] == "approval-rules"
    assert at_once["grant_id"] is not None
    assert {finding["rule"]: finding["passed"] for finding in at_once["findings"]} == dict.fromkeys(rules, True)
    waits = (await apply(client, bad, offer_id)).json()
    assert (waits["state"], waits["grant_id"]) == ("submitted", None)
    failed = [finding for finding in waits["findings"] if not finding["passed"]]
    assert failed == [{"rule": "most_returned_ppm", "asked": 100_000, "value": 150_000, "passed": False}]


async def test_who_applied_under_earlier_terms_is_offered_the_newer_ones(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    number = await applied(app_engine, clipper, offer_id)
    newer = msgspec.structs.replace(TERMS, hold_days=30)
    async with app_engine.begin() as connection:
        version = {"version_no": 2, "terms": msgspec.json.decode(encode(newer)), "sha256": sha256_of(newer)}
        row = {"book_id": host.book_id, "offer_id": offer_id, "published_by": "test", **version}
        await connection.execute(insert(tables.terms_versions).values(row))
        await connection.execute(update(tables.offers).where(tables.offers.c.offer_id == offer_id).values(version_no=2))
        approved = await approve_application(connection, host.book_id, number, HOST)
        assert (approved.version_no, approved.grant_id is not None) == (1, True)
        grant = await find_grant(connection, host.book_id, approved.grant_id or 0)
        assert (grant.state, grant.version_no, grant.accepted_at) == ("offered", 2, None)


async def test_a_host_rejects_with_a_reason_and_the_clipper_may_apply_again(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    number = (await apply(client, clipper, offer_id)).json()["application_id"]
    silent = await decide(client, host.person, host.path, number, "reject", reason=" ")
    assert (silent.status_code, problem(silent)["field"]) == (422, "reason")
    rejected = await decide(client, host.person, host.path, number, "reject", reason="Not now")
    assert (rejected.json()["state"], rejected.json()["reason"]) == ("rejected", "Not now")
    late = await decide(client, host.person, host.path, number, "approve")
    assert (late.status_code, problem(late)["type"]) == (409, "/problems/wrong-transition")
    assert (await apply(client, clipper, offer_id)).status_code == 201


async def test_a_clipper_withdraws_while_nobody_has_decided(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    number = (await apply(client, clipper, await new_offer(host))).json()["application_id"]
    withdrawn = await decide(client, clipper.person, clipper.path, number, "withdraw")
    assert withdrawn.json()["state"] == "withdrawn"
    again = await decide(client, clipper.person, clipper.path, number, "withdraw")
    assert problem(again)["type"] == "/problems/wrong-transition"
    mine = f"{clipper.path}/applications"
    for state, count in (("withdrawn", 1), ("submitted", 0)):
        found = await client.get(mine, params={"state": state}, headers=clipper.person.bearer)
        assert len(found.json()["data"]) == count


async def test_what_nobody_decides_on_expires(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    hosts = [host, await new_host()]
    numbers = [await applied(app_engine, clipper, await new_offer(each)) for each in hosts]
    async with app_engine.begin() as connection:
        due = update(tables.applications).where(tables.applications.c.application_id.in_(numbers))
        await connection.execute(due.values(expires_at=LONG_AGO))
        with pytest.raises(LicensingError, match="has expired"):
            await approve_application(connection, host.book_id, numbers[0], HOST)
        for each, number in zip(hosts, numbers, strict=True):
            assert await expire_applications(connection, each.book_id) == 1
            assert (await find_application(connection, each.book_id, number)).state == "expired"
        assert await expire_applications(connection, host.book_id) == 0
    for each in hosts:
        assert await events_of(app_engine, each.book_id) == ["application.submitted", "application.expired"]


# What stands against it -------------------------------------------------------------------------------------


async def test_an_offer_takes_applications_while_it_is_open(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("wrong-transition", "offer.state", {"state": "paused"}),
        ("wrong-transition", "offer.state", {"state": "closed"}),
        ("deadline-passed", "applications_until", {"applications_until": LONG_AGO}),
    ]
    for code, field, values in cases:
        refused = await apply(client, clipper, await new_offer(host, **values))
        said = problem(refused)
        assert (refused.status_code, said["type"], said["field"]) == (409, f"/problems/{code}", field)


async def test_what_a_clipper_must_bring(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id, clipper = await new_offer(host), await new_clipper("youtube")
    elsewhere = await apply(client, clipper, offer_id)
    said = problem(elsewhere)
    assert (elsewhere.status_code, said["type"], said["value"]) == (422, "/problems/invalid-handle", "youtube")
    assert said["rule"] == "first claim an account on one of douyin, tiktok"
    unread = await apply(client, clipper, offer_id, accept_sha256="0" * 64)
    assert (unread.status_code, problem(unread)["type"]) == (409, "/problems/not-accepted")
    wordy = await apply(client, clipper, offer_id, message="x" * 2001)
    assert (wordy.status_code, problem(wordy)["type"]) == (422, "/problems/invalid-application")
    for nothing in (2**62, await new_draft(app_engine, host)):
        assert problem(await apply(client, clipper, nothing))["type"] == "/problems/offer-not-found"
    assert (await apply(client, clipper, 2**63)).status_code == 400


async def test_who_has_claimed_an_account_may_apply_and_is_granted_once_the_host_has_confirmed_it(
    client: AsyncClient, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id, clipper = await new_offer(host, approval={}), await new_clipper("youtube")
    account = {"platform": "tiktok", "handle": uuid4().hex}
    claimed = await client.post(f"{clipper.path}/handles", json=account, headers=posting(clipper.person))
    application = (await apply(client, clipper, offer_id)).json()
    assert application["state"] == "submitted", "what is not confirmed is never approved by itself"
    number = application["application_id"]
    early = await decide(client, host.person, host.path, number, "approve")
    assert problem(early)["rule"] == "the clipper has no confirmed account on douyin, tiktok"

    confirm = f"{host.path}/handles/{claimed.json()['handle_id']}/confirm"
    assert (await client.post(confirm, headers=posting(host.person))).status_code == 200
    approved = (await decide(client, host.person, host.path, number, "approve")).json()
    grant = await client.get(f"{clipper.path}/grants/{approved['grant_id']}", headers=clipper.person.bearer)
    assert grant.json()["handles"] == [f"tiktok:{account['handle']}"]


async def new_draft(engine: AsyncEngine, host: Host) -> int:
    about = {"title": "A draft", "summary": "", "category": "beauty", "created_by": "test"}
    async with engine.begin() as connection:
        row = insert(tables.offers).values(book_id=host.book_id, **about).returning(tables.offers.c.offer_id)
        offer_id: int = (await connection.execute(row)).scalar_one()
    return offer_id


async def test_terms_that_have_ended_take_nobody(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    over = msgspec.structs.replace(TERMS, ends_at=soon(hours=-1))
    offer_id = await new_offer(host, over)
    async with app_engine.connect() as connection:
        with pytest.raises(LicensingError, match="the terms have ended"):
            await apply_for_offer(
                connection, clipper.clipper_id, offer_id, CLIPPER, message="", accept_sha256=sha256_of(over)
            )


async def test_one_applies_once_and_not_for_what_one_has(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer, new_grant: NewGrant
) -> None:
    offer_id = await new_offer(host)
    assert (await apply(client, clipper, offer_id)).status_code == 201
    assert problem(await apply(client, clipper, offer_id))["type"] == "/problems/already-applied"
    granted = await new_grant(host, clipper=clipper)
    assert problem(await apply(client, clipper, granted.offer_id))["type"] == "/problems/already-granted"


async def test_a_full_offer_takes_nobody(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer, new_grant: NewGrant
) -> None:
    offer_id = await new_offer(host, quota=1)
    await new_grant(host, offer_id=offer_id)
    refused = await apply(client, clipper, offer_id)
    assert (problem(refused)["type"], problem(refused)["value"]) == ("/problems/quota-reached", "1")


async def test_an_agency_is_no_clipper(app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        row = insert(tables.parties).values(kind="agency", name="Stars", registered_by="test")
        party_id = (await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()
        with pytest.raises(PartyNotFound):
            await facts_of(connection, party_id, "CNY")


# Whose it is ------------------------------------------------------------------------------------------------


async def test_an_application_of_others_is_none(
    client: AsyncClient,
    host: Host,
    new_host: NewHost,
    clipper: Clipper,
    new_clipper: NewClipper,
    new_offer: NewOffer,
) -> None:
    number = (await apply(client, clipper, await new_offer(host))).json()["application_id"]
    stranger, other = await new_host(), await new_clipper()
    for place, who in ((stranger.path, stranger.person), (other.path, other.person)):
        assert (await client.get(f"{place}/applications/{number}", headers=who.bearer)).status_code == 404
        assert (await client.get(f"{place}/applications", headers=who.bearer)).json()["data"] == []
    assert (await decide(client, stranger.person, stranger.path, number, "approve")).status_code == 404
    assert (await decide(client, stranger.person, stranger.path, number, "reject", reason="x")).status_code == 404
    assert (await decide(client, other.person, other.path, number, "withdraw")).status_code == 404
    assert (await decide(client, clipper.person, host.path, number, "approve")).status_code == 404


# Races ------------------------------------------------------------------------------------------------------


async def test_of_two_approvals_at_once_one_makes_the_grant(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    number = await applied(app_engine, clipper, await new_offer(host))

    async def approve(connection: AsyncConnection) -> Any:
        return await approve_application(connection, host.book_id, number, HOST)

    outcomes = await asyncio.gather(won(app_engine, approve), won(app_engine, approve))
    assert sorted(outcomes) == ["approved", "wrong-transition"]
    assert (await events_of(app_engine, host.book_id)).count("grant.accepted") == 1


@pytest.mark.parametrize("first", ["withdrawn", "approved", "rejected"])
async def test_of_withdrawing_and_deciding_at_once_one_wins(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, first: str
) -> None:
    number = await applied(app_engine, clipper, await new_offer(host))

    async def withdraw(connection: AsyncConnection) -> Any:
        return await withdraw_application(connection, clipper.clipper_id, number, CLIPPER)

    async def approve(connection: AsyncConnection) -> Any:
        return await approve_application(connection, host.book_id, number, HOST)

    async def reject(connection: AsyncConnection) -> Any:
        return await reject_application(connection, host.book_id, number, "No", HOST)

    acts = {"withdrawn": (withdraw, approve), "approved": (approve, withdraw), "rejected": (reject, withdraw)}[first]
    outcomes = await asyncio.gather(*(won(app_engine, act) for act in acts))
    assert "wrong-transition" in outcomes
    assert {*outcomes} - {"wrong-transition"} <= {"withdrawn", "approved", "rejected"}
    assert len({*outcomes}) == 2


@pytest.mark.parametrize("approval", [None, {}], ids=["by the host", "by the rules"])
async def test_of_two_who_want_the_last_place_one_gets_it(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer, approval: dict[str, Any] | None
) -> None:
    offer_id = await new_offer(host, quota=1, approval=approval)
    clippers = [await new_clipper() for _ in range(2)]
    numbers = [] if approval is not None else [await applied(app_engine, each, offer_id) for each in clippers]

    def act(position: int) -> Callable[[AsyncConnection], Awaitable[Any]]:
        if approval is None:
            return lambda connection: approve_application(connection, host.book_id, numbers[position], HOST)
        asked = {"message": "", "accept_sha256": HASH}
        return lambda connection: apply_for_offer(connection, clippers[position].clipper_id, offer_id, CLIPPER, **asked)

    outcomes = await asyncio.gather(*(won(app_engine, act(position)) for position in range(2)))
    assert sorted(outcomes) == ["approved", QuotaReached.code]
    query = text("SELECT count(*) FROM licensing.grants WHERE offer_id = :offer_id AND state = 'active'")
    async with app_engine.connect() as connection:
        assert await connection.scalar(query, {"offer_id": offer_id}) == 1
