"""Grants: given, accepted, suspended, resumed, revoked, expired; within quota, exclusivity and the terms' window."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing import granting
from licensing.changes import history_of
from licensing.errors import (
    AlreadyGranted,
    DeadlinePassed,
    ExclusiveElsewhere,
    GrantNotFound,
    InvalidGrant,
    InvalidHandle,
    LicensingError,
    NotAccepted,
    NothingPublished,
    OfferNotFound,
    PartyNotFound,
    QuotaReached,
    WrongTransition,
)
from licensing.grants import (
    Acceptance,
    Grant,
    NewGrant,
    book_of_grant,
    create_grants,
    find_grant,
    list_grants,
    list_own_grants,
)
from licensing.offers import OfferAbout, create_offer
from licensing.publishing import publish_terms
from licensing.renewal import accept_renewal, propose
from licensing.states import By
from licensing.terms import Terms, sha256_of
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import (
    TERMS,
    Clipper,
    Host,
    NewClipper,
    NewHost,
    NewOffer,
    events_of,
    soon,
)
from tests.licensing.house import (
    NewGrant as Granting,
)

HOST, CLIPPER = By("host", "user:1"), By("clipper", "user:2")
ON_PAPER = Acceptance(accepted_at=datetime(2026, 2, 1, tzinfo=UTC), accepted_by="user:1", attested=True)
SHA256 = sha256_of(TERMS)


async def give(engine: AsyncEngine, host: Host, offer_id: int, clipper: Clipper, **said: Any) -> Grant:
    async with engine.begin() as connection:
        row = NewGrant(clipper_id=clipper.clipper_id, **said)
        return (await create_grants(connection, host.book_id, HOST, offer_id, [row]))[0]


async def do(engine: AsyncEngine, action: Callable[..., Awaitable[Grant]], *arguments: Any) -> Grant:
    async with engine.begin() as connection:
        return await action(connection, *arguments)


async def at_once(*attempts: Awaitable[Any]) -> list[Any]:
    """What each came to, all having been begun together."""
    return list(await asyncio.gather(*attempts, return_exceptions=True))


async def set_row(owner_engine: AsyncEngine, grant_id: int, assignments: str) -> None:
    """Let time pass for a grant."""
    async with owner_engine.begin() as connection:
        await connection.execute(
            text(f"UPDATE licensing.grants SET {assignments} WHERE grant_id = :grant"), {"grant": grant_id}
        )


# Granting ---------------------------------------------------------------------------------------------------


async def test_a_host_offers_a_grant_and_its_clipper_accepts_it(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    offered = await give(app_engine, host, offer_id, clipper, reference=" A-17 ")
    assert (offered.state, offered.version_no, offered.reference, offered.ends_at) == ("offered", 1, "A-17", None)
    assert set(offered.handles) == set(clipper.accounts)
    assert offered.starts_at == offered.created_at
    assert offered.respond_by == offered.created_at + timedelta(days=14)

    accepted = await do(
        app_engine, granting.accept, host.book_id, CLIPPER, offered.grant_id, sha256_of(TERMS), "10.0.0.7"
    )

    assert (accepted.state, accepted.attested, accepted.respond_by) == ("active", False, None)
    async with app_engine.connect() as connection:
        told = await history_of(connection, host.book_id, offered.grant_id)
        row = text("SELECT host(accepted_ip), accepted_by FROM licensing.grants WHERE grant_id = :grant")
        kept = (await connection.execute(row, {"grant": offered.grant_id})).one()
    assert tuple(kept) == ("10.0.0.7", "user:2")
    assert [(change.action, change.state, change.actor) for change in told] == [
        ("offered", "offered", "user:1"),
        ("accepted", "active", "user:2"),
    ]
    assert told[0].handles == offered.handles
    assert accepted.accepted_at == told[1].effective_at == told[1].recorded_at
    assert await events_of(app_engine, host.book_id) == ["grant.offered", "grant.accepted"]


async def test_what_was_accepted_on_paper_is_active_at_once(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    terms = msgspec.structs.replace(TERMS, document_sha256="ab" * 32)
    offer_id = await new_offer(host, terms)
    other = msgspec.structs.replace(ON_PAPER, document_sha256="cd" * 32)
    with pytest.raises(NotAccepted) as refused:
        await give(app_engine, host, offer_id, clipper, acceptance=other)
    assert refused.value.field == "attested.document_sha256"
    signed = msgspec.structs.replace(ON_PAPER, document_sha256="ab" * 32)
    grant = await give(app_engine, host, offer_id, clipper, acceptance=signed)
    assert (grant.state, grant.attested, grant.accepted_at) == ("active", True, ON_PAPER.accepted_at)


async def test_who_applied_has_accepted(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    applied = Acceptance(accepted_at=datetime.now(UTC), accepted_by="user:2", ip="10.0.0.7")
    grant = await give(app_engine, host, await new_offer(host), clipper, acceptance=applied)
    assert (grant.state, grant.attested, grant.accepted_at) == ("active", False, applied.accepted_at)


async def test_a_grant_that_breaks_a_rule_is_refused_by_name(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    tomorrow = msgspec.structs.replace(ON_PAPER, accepted_at=soon(days=1))
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"handles": ()}, "handles", "at least one account"),
        ({"handles": ("tiktok:somebody-else",)}, "handles", "that the clipper has confirmed"),
        ({"handles": ("lina",)}, "handles", "platform:handle"),
        ({"starts_at": datetime(2026, 1, 1)}, "starts_at", "must name its offset"),
        ({"starts_at": datetime(9999, 1, 1, tzinfo=UTC)}, "starts_at", "must lie in the years"),
        ({"ends_at": datetime(2026, 1, 2, tzinfo=UTC)}, "ends_at", "must be after"),
        ({"respond_by": datetime(2026, 1, 2, tzinfo=UTC)}, "respond_by", "must lie in the future"),
        ({"reference": "x" * 101}, "reference", "1 to 100 characters"),
        ({"reference": "\0"}, "reference", "none of them NUL"),
        ({"acceptance": tomorrow}, "attested.accepted_at", "must not lie in the future"),
        (
            {"acceptance": msgspec.structs.replace(ON_PAPER, document_sha256="AB")},
            "attested.document_sha256",
            "64 hexadecimal digits",
        ),
    ]
    for said, field, rule in cases:
        with pytest.raises(InvalidGrant, match=rule) as refused:
            await give(app_engine, host, offer_id, clipper, **said)
        assert refused.value.field == field


async def test_accounts_are_the_confirmed_ones_on_the_terms_platforms(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    clipper = await new_clipper("tiktok", "youtube")
    tiktok, youtube = clipper.accounts
    with pytest.raises(InvalidGrant, match="on douyin, tiktok"):
        await give(app_engine, host, offer_id, clipper, handles=(youtube,))
    with pytest.raises(InvalidHandle):
        await give(app_engine, host, offer_id, clipper, handles=("nowhere:lina",))
    with pytest.raises(InvalidGrant, match="no confirmed account on douyin, tiktok"):
        await give(app_engine, host, offer_id, await new_clipper("youtube"))
    asked = f"tiktok:@{tiktok.partition(':')[2].upper()}"
    assert (await give(app_engine, host, offer_id, clipper, handles=(asked, tiktok))).handles == (tiktok,)


async def test_the_window_is_what_was_asked_for_within_the_terms_and_the_future(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    begins, ends = soon(days=10), soon(days=100)
    terms = msgspec.structs.replace(TERMS, starts_at=begins, ends_at=ends, grant_days=30)
    offer_id = await new_offer(host, terms)

    async def window(**asked: datetime) -> tuple[datetime, datetime | None]:
        grant = await give(app_engine, host, offer_id, await new_clipper(), **asked)
        return grant.starts_at, grant.ends_at

    month = timedelta(days=30)
    assert await window() == (begins, begins + month)
    assert await window(starts_at=soon(days=-1), ends_at=ends) == (begins, begins + month)
    assert await window(starts_at=ends - timedelta(days=3)) == (ends - timedelta(days=3), ends)
    assert await window(ends_at=begins + timedelta(days=2)) == (begins, begins + timedelta(days=2))
    with pytest.raises(InvalidGrant, match="must be after"):
        await window(starts_at=ends)


async def test_grants_are_made_of_offers_with_terms_that_are_open_or_paused(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    async with app_engine.begin() as connection:
        about = OfferAbout(title="An offer", category="beauty")
        draft = (await create_offer(connection, host.book_id, about, HOST)).offer_id
    with pytest.raises(NothingPublished):
        await give(app_engine, host, draft, clipper)
    with pytest.raises(WrongTransition, match="open or paused"):
        await give(app_engine, host, await new_offer(host, state="closed"), clipper)
    with pytest.raises(OfferNotFound):
        await give(app_engine, await new_host(), await new_offer(host), clipper)
    assert (await give(app_engine, host, await new_offer(host, state="paused"), clipper)).state == "offered"


async def test_only_a_clipper_is_granted_and_one_living_grant_of_an_offer(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    nobody = NewGrant(clipper_id=2**62)
    async with app_engine.begin() as connection:
        with pytest.raises(PartyNotFound):
            await create_grants(connection, host.book_id, HOST, offer_id, [nobody])
    grant = await give(app_engine, host, offer_id, clipper)
    with pytest.raises(AlreadyGranted):
        await give(app_engine, host, offer_id, clipper)
    await do(app_engine, granting.decline, host.book_id, CLIPPER, grant.grant_id, "no")
    again = await give(app_engine, host, offer_id, clipper)
    assert again.certificate_no != grant.certificate_no


async def test_a_quota_counts_grants_that_have_not_ended(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host, quota=2)
    first = await give(app_engine, host, offer_id, await new_clipper())
    await give(app_engine, host, offer_id, await new_clipper(), acceptance=ON_PAPER)
    with pytest.raises(QuotaReached) as refused:
        await give(app_engine, host, offer_id, await new_clipper())
    assert (refused.value.field, refused.value.value) == ("offer.quota", "2")
    await do(app_engine, granting.revoke, host.book_id, HOST, first.grant_id)
    await give(app_engine, host, offer_id, await new_clipper())


async def test_the_last_place_goes_to_one(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host, quota=1)
    clippers = [await new_clipper() for _ in range(3)]
    outcomes = await at_once(*(give(app_engine, host, offer_id, clipper) for clipper in clippers))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Grant", "QuotaReached", "QuotaReached"]


# Accepting --------------------------------------------------------------------------------------------------


async def test_only_the_terms_that_were_offered_can_be_accepted_and_only_in_time(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    grant = await give(app_engine, host, await new_offer(host), clipper, ends_at=soon(days=30))
    its = (host.book_id, CLIPPER, grant.grant_id)
    with pytest.raises(NotAccepted) as refused:
        await do(app_engine, granting.accept, *its, "ab" * 32)
    assert (refused.value.field, refused.value.value) == ("sha256", "ab" * 32)
    for column in ("respond_by", "ends_at"):
        await set_row(owner_engine, grant.grant_id, f"starts_at = now() - interval '2 days', {column} = now()")
        with pytest.raises(DeadlinePassed) as late:
            await do(app_engine, granting.accept, *its, SHA256)
        assert late.value.field == f"grant.{column}"
        await set_row(owner_engine, grant.grant_id, "respond_by = now() + interval '1 day'")


async def test_wrong_transitions_name_what_is_allowed_and_by_whom(
    app_engine: AsyncEngine, new_grant: Granting, host: Host
) -> None:
    granted = await new_grant(host)
    its = (host.book_id, HOST, granted.grant_id)
    with pytest.raises(WrongTransition, match=r"suspended \(by the host\)"):
        await do(app_engine, granting.resume, *its)
    with pytest.raises(WrongTransition, match="is active can't be accepted"):
        await do(app_engine, granting.accept, host.book_id, CLIPPER, granted.grant_id, SHA256)
    await do(app_engine, granting.revoke, *its, "enough")
    for action in (granting.suspend, granting.resume, granting.revoke):
        with pytest.raises(WrongTransition, match="it has ended"):
            await do(app_engine, action, *its)
    with pytest.raises(WrongTransition, match="accounts are changed while"):
        await do(app_engine, granting.change_handles, *its, (), granted.clipper.accounts[:1])


async def test_a_clipper_ends_its_own_grant_for_good(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host, quota=1)
    for before in ((), (granting.suspend,)):
        grant = await give(app_engine, host, offer_id, clipper, acceptance=ON_PAPER)
        for action in before:
            await do(app_engine, action, host.book_id, HOST, grant.grant_id)
        its = (granting.resign, host.book_id, CLIPPER, grant.grant_id)
        with pytest.raises(InvalidGrant):
            await do(app_engine, *its, "\0")
        assert (await do(app_engine, *its, "no time")).state == "resigned"
        async with app_engine.connect() as connection:
            last = (await history_of(connection, host.book_id, grant.grant_id))[-1]
        assert (last.action, last.state, last.reason, last.actor) == ("resigned", "resigned", "no time", "user:2")
        assert (await events_of(app_engine, host.book_id))[-1] == "grant.resigned"
        for action, by in ((granting.resign, CLIPPER), (granting.resume, HOST), (granting.revoke, HOST)):
            with pytest.raises(WrongTransition, match="it has ended"):
                await do(app_engine, action, host.book_id, by, grant.grant_id)
    offered = await give(app_engine, host, offer_id, clipper)  # its place is free again
    with pytest.raises(WrongTransition, match=r"declined \(by the clipper\)"):
        await do(app_engine, granting.resign, host.book_id, CLIPPER, offered.grant_id)


async def test_a_clipper_resigns_over_http(
    client: AsyncClient, host: Host, new_grant: Granting, new_clipper: NewClipper
) -> None:
    granted, stranger = await new_grant(host), await new_clipper()
    path, owner = f"/grants/{granted.grant_id}", granted.clipper
    refused = await client.post(f"{stranger.path}{path}/resign", json={}, headers=posting(stranger.person))
    assert refused.status_code == 404
    done = await client.post(f"{owner.path}{path}/resign", json={"reason": "no time"}, headers=posting(owner.person))
    assert (done.status_code, done.json()["state"]) == (200, "resigned")
    again = await client.post(f"{owner.path}{path}/resign", json={}, headers=posting(owner.person))
    assert (again.status_code, problem(again)["type"]) == (409, "/problems/wrong-transition")
    history = (await client.get(f"{host.path}{path}/history", headers=host.person.bearer)).json()
    assert (history[-1]["state"], history[-1]["reason"]) == ("resigned", "no time")
    listed = await client.get(f"{host.path}/grants?state=resigned", headers=host.person.bearer)
    assert [each["grant_id"] for each in listed.json()["data"]] == [granted.grant_id]
    paper = (await client.get(f"{host.path}{path}/certificate", headers=host.person.bearer)).json()
    verdict = (await client.get(f"/v1/certificates/{paper['facts']['number']}")).json()
    assert (paper["state"], verdict["status"]) == ("resigned", "revoked")


async def test_of_two_who_change_a_grant_one_wins(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)

    async def raced(first: Any, second: Any, *, active: bool = False) -> list[str]:
        said = {"acceptance": ON_PAPER} if active else {}
        grant = await give(app_engine, host, offer_id, await new_clipper(), **said)
        outcomes = await at_once(*(do(app_engine, *call(grant.grant_id)) for call in (first, second)))
        async with app_engine.connect() as connection:
            told = await history_of(connection, host.book_id, grant.grant_id)
        assert [change.change_no for change in told] == list(range(1, len(told) + 1))
        return sorted(type(outcome).__name__ for outcome in outcomes)

    def accept(grant: int) -> tuple[Any, ...]:
        return granting.accept, host.book_id, CLIPPER, grant, SHA256

    def by_host(action: Any) -> Callable[[int], tuple[Any, ...]]:
        return lambda grant: (action, host.book_id, HOST, grant)

    one_winner = ["Grant", "WrongTransition"]
    assert await raced(accept, accept) == one_winner
    assert await raced(by_host(granting.suspend), by_host(granting.suspend), active=True) == one_winner
    assert await raced(by_host(granting.revoke), by_host(granting.revoke), active=True) == one_winner
    resign = (granting.resign, host.book_id, CLIPPER)
    assert await raced(lambda grant: (*resign, grant), by_host(granting.revoke), active=True) == one_winner
    assert await raced(accept, by_host(granting.revoke)) in (one_winner, ["Grant", "Grant"])  # accepted, then revoked


# Exclusivity ------------------------------------------------------------------------------------------------


async def test_an_exclusive_grant_stands_alone_both_ways(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_offer: NewOffer, new_grant: Granting
) -> None:
    there, here = await new_host(), await new_host()
    for theirs, ours, category, allowed in (
        ("none", "none", "beauty", True),
        ("category", "none", "beauty", False),
        ("none", "category", "beauty", False),
        ("category", "category", "food", True),
        ("all", "none", "food", False),
        ("none", "all", "food", False),
    ):
        elsewhere = await new_offer(there, _exclusive(theirs), category="beauty")
        held = await new_grant(there, offer_id=elsewhere, clipper=clipper)
        grant = await give(app_engine, here, await new_offer(here, _exclusive(ours), category=category), clipper)
        accept = (granting.accept, here.book_id, CLIPPER, grant.grant_id, sha256_of(_exclusive(ours)))
        if allowed:
            assert (await do(app_engine, *accept)).state == "active"
        else:
            with pytest.raises(ExclusiveElsewhere) as refused:
                await do(app_engine, *accept)
            assert there.book not in str(refused.value)
            other = await new_offer(here, _exclusive(ours), category=category)
            with pytest.raises(ExclusiveElsewhere):
                await give(app_engine, here, other, clipper, acceptance=_applied())
        await do(app_engine, granting.revoke, there.book_id, HOST, held.grant_id)
        await do(app_engine, granting.revoke, here.book_id, HOST, grant.grant_id)


async def test_exclusivity_ends_with_the_grant_and_is_asked_again_when_one_is_resumed(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    there, here = await new_host(), await new_host()
    exclusive = _exclusive("all")
    ours = await give(app_engine, here, await new_offer(here, exclusive), clipper, acceptance=_applied())
    await do(app_engine, granting.suspend, here.book_id, HOST, ours.grant_id)
    theirs = await give(app_engine, there, await new_offer(there, exclusive), clipper, acceptance=_applied())
    with pytest.raises(ExclusiveElsewhere):
        await do(app_engine, granting.resume, here.book_id, HOST, ours.grant_id)
    await do(app_engine, granting.revoke, there.book_id, HOST, theirs.grant_id)
    assert (await do(app_engine, granting.resume, here.book_id, HOST, ours.grant_id)).state == "active"


async def test_a_grant_that_a_host_attests_excludes_nobody_until_the_clipper_accepts_terms_of_it_here(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    first, second, third = await new_host(), await new_host(), await new_host()
    offer_id, exclusive = await new_offer(first, _exclusive("all")), _exclusive("all")
    attested = await give(app_engine, first, offer_id, clipper, acceptance=ON_PAPER)
    other = await give(app_engine, second, await new_offer(second, exclusive), clipper, acceptance=ON_PAPER)
    await give(app_engine, third, await new_offer(third), clipper, acceptance=_applied())
    await do(app_engine, granting.suspend, first.book_id, HOST, attested.grant_id)
    assert (await do(app_engine, granting.resume, first.book_id, HOST, attested.grant_id)).state == "active"

    newer = msgspec.structs.replace(exclusive, tail_days=3)
    async with app_engine.begin() as connection:
        await publish_terms(connection, first.book_id, offer_id, newer, HOST)
        await propose(connection, first.book_id, HOST, offer_id)
    accept = (accept_renewal, first.book_id, CLIPPER, attested.grant_id, sha256_of(newer))
    with pytest.raises(ExclusiveElsewhere):
        await do(app_engine, *accept)
    for grant, host in ((other, second), ((await _grants_of(app_engine, third))[0], third)):
        await do(app_engine, granting.resign, host.book_id, CLIPPER, grant.grant_id)
    assert (await do(app_engine, *accept)).attested is False
    with pytest.raises(ExclusiveElsewhere):
        await give(app_engine, third, await new_offer(third), clipper, acceptance=ON_PAPER)


async def test_what_the_clipper_accepted_itself_excludes_what_another_host_attests(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    there, here = await new_host(), await new_host()
    exclusive = _exclusive("category")
    held = await give(app_engine, there, await new_offer(there, exclusive), clipper)
    await do(app_engine, granting.accept, there.book_id, CLIPPER, held.grant_id, sha256_of(exclusive))
    for rule in ("none", "all"):
        with pytest.raises(ExclusiveElsewhere, match="of another host that is exclusive"):
            await give(app_engine, here, await new_offer(here, _exclusive(rule)), clipper, acceptance=ON_PAPER)


def _applied() -> Acceptance:
    return Acceptance(accepted_at=datetime.now(UTC), accepted_by="user:2", ip="10.0.0.7")


async def _grants_of(engine: AsyncEngine, host: Host) -> list[Grant]:
    async with engine.connect() as connection:
        return await list_grants(connection, host.book_id)


async def test_of_two_grants_that_exclude_each_other_one_becomes_active(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_offer: NewOffer
) -> None:
    calls = []
    for _ in range(3):
        host = await new_host()
        grant = await give(app_engine, host, await new_offer(host, _exclusive("all")), clipper)
        sha256 = sha256_of(_exclusive("all"))
        calls.append(do(app_engine, granting.accept, host.book_id, CLIPPER, grant.grant_id, sha256))
    outcomes = sorted(type(outcome).__name__ for outcome in await at_once(*calls))
    assert outcomes == ["ExclusiveElsewhere", "ExclusiveElsewhere", "Grant"]


def _exclusive(rule: Any) -> Terms:
    return msgspec.structs.replace(TERMS, exclusivity=rule)


# Accounts, the clock, history -------------------------------------------------------------------------------


async def test_a_host_changes_a_grants_accounts(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    first, second = clipper.accounts
    grant = await give(app_engine, host, await new_offer(host), clipper, handles=(first,))
    its = (granting.change_handles, host.book_id, HOST, grant.grant_id)
    assert (await do(app_engine, *its, (second,), (first,))).handles == (second,)
    assert (await do(app_engine, *its, (second,), ())).handles == (second,)
    for add, remove, field in (
        (("tiktok:somebody-else",), (), "add"),
        ((), (first,), "remove"),
        ((), (second,), "remove"),
    ):
        with pytest.raises(InvalidGrant) as refused:
            await do(app_engine, *its, add, remove)
        assert refused.value.field == field
    assert await events_of(app_engine, host.book_id) == ["grant.offered", "grant.accounts-changed"]


async def test_the_clock_ends_windows_and_offers_that_nobody_answered(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    passed = "starts_at = now() - interval '2 days', ends_at = now() - interval '1 hour'"

    async def made(assignments: str, **said: Any) -> int:
        grant = await give(app_engine, host, offer_id, await new_clipper(), **said)
        if assignments:
            await set_row(owner_engine, grant.grant_id, assignments)
        return grant.grant_id

    ended = [
        await made(passed, acceptance=ON_PAPER),
        await made(f"{passed}, state = 'suspended'", acceptance=ON_PAPER),
        await made("respond_by = now() - interval '1 hour'"),
        await made(passed),
    ]
    living = [await made("", acceptance=ON_PAPER), await made(""), await made(f"{passed}, state = 'revoked'")]
    async with app_engine.begin() as connection:
        assert await granting.expire_grants(connection, host.book_id) == len(ended)
    async with app_engine.begin() as connection:
        assert await granting.expire_grants(connection, host.book_id) == 0
        states = [(await find_grant(connection, host.book_id, number)).state for number in (*ended, *living)]
        assert states == ["expired"] * 4 + ["active", "offered", "revoked"]
        assert (await history_of(connection, host.book_id, ended[0]))[-1].state == "expired"
    assert (await events_of(app_engine, host.book_id))[-4:] == ["grant.expired"] * 4


def folded(history: list[Any], at: datetime) -> dict[str, Any]:
    """What a history comes to, by the rule that `licensing.changes` states."""
    came_to: dict[str, Any] = {}
    for change in sorted(history, key=lambda change: (change.effective_at, change.change_no)):
        if change.effective_at <= at:
            came_to |= {
                name: getattr(change, name) for name in ("state", "version_no", "handles") if getattr(change, name)
            }
            if change.starts_at is not None:
                came_to |= {"starts_at": change.starts_at, "ends_at": change.ends_at}
    return came_to


async def test_the_row_is_what_its_history_comes_to(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    clipper = await new_clipper("tiktok", "douyin", "tiktok")
    for seed in range(4):
        dice = random.Random(seed)
        grant = await give(app_engine, host, await new_offer(host), clipper)
        async with app_engine.connect() as connection:
            for _ in range(25):
                action, *arguments = _any_step(dice, host, clipper, grant.grant_id)
                try:
                    await action(connection, *arguments)
                    await connection.commit()
                except LicensingError:
                    await connection.rollback()
                await _check_history(connection, host.book_id, grant.grant_id)


def _any_step(dice: random.Random, host: Host, clipper: Clipper, grant_id: int) -> tuple[Any, ...]:
    its = (host.book_id, HOST, grant_id)
    steps: list[tuple[Any, ...]] = [
        (granting.accept, host.book_id, CLIPPER, grant_id, SHA256, None),
        (granting.suspend, *its),
        (granting.resume, *its),
        (granting.change_handles, *its, (dice.choice(clipper.accounts),), (dice.choice(clipper.accounts),)),
    ]
    return (granting.revoke, *its) if dice.random() < 0.03 else dice.choice(steps)


async def _check_history(connection: AsyncConnection, book_id: int, grant_id: int) -> None:
    row = await find_grant(connection, book_id, grant_id)
    history = await history_of(connection, book_id, grant_id)
    assert folded(history, datetime.now(UTC)) == {
        name: getattr(row, name) for name in ("state", "version_no", "handles", "starts_at", "ends_at")
    }
    assert all(change.effective_at >= change.recorded_at for change in history)
    recorded = [change.recorded_at for change in history]
    assert recorded == sorted(recorded)


# Who sees what ----------------------------------------------------------------------------------------------


async def test_a_host_sees_its_grants_and_a_clipper_its_own(
    app_engine: AsyncEngine, new_host: NewHost, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    here, there = await new_host(), await new_host()
    ana, ben = await new_clipper(), await new_clipper()
    offers = [await new_offer(here), await new_offer(here)]
    first = await give(app_engine, here, offers[0], ana, reference="A")
    second = await give(app_engine, here, offers[1], ben, reference="B")
    third = await give(app_engine, there, await new_offer(there), ana)
    async with app_engine.connect() as connection:

        async def numbers(**filters: Any) -> list[int]:
            return [grant.grant_id for grant in await list_grants(connection, here.book_id, **filters)]

        assert await numbers() == [second.grant_id, first.grant_id]
        assert await numbers(before=second.grant_id) == [first.grant_id]
        assert await numbers(clipper_id=ana.clipper_id) == await numbers(reference="A") == [first.grant_id]
        assert await numbers(offer_id=offers[1], state="offered") == [second.grant_id]
        assert await numbers(state="active") == []
        own = await list_own_grants(connection, ana.clipper_id)
        assert [grant.grant_id for grant in own] == [third.grant_id, first.grant_id]
        assert await book_of_grant(connection, ana.clipper_id, third.grant_id) == there.book_id
        with pytest.raises(GrantNotFound):
            await book_of_grant(connection, ben.clipper_id, first.grant_id)
        with pytest.raises(GrantNotFound):
            await find_grant(connection, there.book_id, first.grant_id)
        with pytest.raises(GrantNotFound):
            await granting.suspend(connection, there.book_id, HOST, first.grant_id)


async def test_from_the_hosts_grant_to_the_clippers_yes_over_http(
    client: AsyncClient, host: Host, new_host: NewHost, clipper: Clipper, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    body = {"clipper": clipper.clipper_id, "reference": "A-17"}
    made = await client.post(f"{host.path}/offers/{offer_id}/grants", json=body, headers=posting(host.person))
    assert made.status_code == 201
    grant = made.json()
    assert made.headers["location"] == f"{host.path}/grants/{grant['grant_id']}"
    its, own = made.headers["location"], f"{clipper.path}/grants/{grant['grant_id']}"

    told = (await client.get(f"{own}/terms", headers=clipper.person.bearer)).json()
    assert (told["agreed"]["sha256"], told["proposed"]) == (SHA256, None)
    accepted = await client.post(
        f"{own}/accept", json={"sha256": told["agreed"]["sha256"]}, headers=posting(clipper.person)
    )
    assert (accepted.status_code, accepted.json()["state"], accepted.json()["reference"]) == (200, "active", None)

    for path, answer in (("suspend", "suspended"), ("resume", "active"), ("revoke", "revoked")):
        done = await client.post(f"{its}/{path}", json={"reason": path}, headers=posting(host.person))
        assert (done.status_code, done.json()["state"]) == (200, answer)
    refused = await client.post(f"{its}/suspend", json={}, headers=posting(host.person))
    assert (refused.status_code, problem(refused)["type"]) == (409, "/problems/wrong-transition")
    history = (await client.get(f"{own}/history", headers=clipper.person.bearer)).json()
    assert [change["reason"] for change in history] == [None, None, "suspend", "resume", "revoke"]
    assert {change["actor"] for change in history} == {None}
    assert (await client.get(f"{its}/history", headers=host.person.bearer)).json()[0]["actor"] is not None

    listed = (await client.get(f"{host.path}/grants?state=revoked&reference=A-17", headers=host.person.bearer)).json()
    assert [each["grant_id"] for each in listed["data"]] == [grant["grant_id"]]
    other, ben = await new_host(), await new_clipper()
    for path, person in (
        (f"{other.path}/grants/{grant['grant_id']}", other.person),
        (its, other.person),
        (f"{ben.path}/grants/{grant['grant_id']}", ben.person),
        (own, ben.person),
        (own, host.person),
    ):
        assert (await client.get(path, headers=person.bearer)).status_code == 404
    bad = await client.get(f"{host.path}/grants?reference=%00", headers=host.person.bearer)
    assert (bad.status_code, problem(bad)["field"]) == (422, "reference")
