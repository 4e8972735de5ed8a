"""Newer terms: proposed to who has a grant, accepted or not, in force when the rate is free."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.splits import Share, SplitRule
from licensing import granting, renewal
from licensing.changes import history_of
from licensing.errors import (
    DeadlinePassed,
    ExclusiveElsewhere,
    GrantNotFound,
    InvalidGrant,
    NotAccepted,
    NothingPublished,
    TermsNotFound,
    WrongTransition,
)
from licensing.grants import Acceptance, Grant, create_grants, find_grant
from licensing.grants import NewGrant as Wanted
from licensing.offers import OfferAbout, create_offer
from licensing.publishing import publish_terms
from licensing.register import load_register
from licensing.renewal import Proposed, holds_from
from licensing.states import By
from licensing.terms import Terms, sha256_of
from tests.clipledger.front_door import posting
from tests.licensing.house import (
    LONG_AGO,
    TERMS,
    Clipper,
    Granted,
    Host,
    NewClipper,
    NewGrant,
    NewHost,
    NewOffer,
    events_of,
    soon,
)

HOST, CLIPPER = By("host", "user:1"), By("clipper", "user:2")
BETTER = SplitRule(currency="CNY", shares=(Share("host", 3), Share("clipper", 7)))
ON_PAPER = Acceptance(accepted_at=LONG_AGO, accepted_by="user:1", attested=True)
NEWER = msgspec.structs.replace(TERMS, split=BETTER)


async def publish(engine: AsyncEngine, granted: Granted, terms: Terms = NEWER) -> str:
    async with engine.begin() as connection:
        return (await publish_terms(connection, granted.book_id, granted.offer_id, terms, HOST)).sha256


async def propose(engine: AsyncEngine, granted: Granted, *arguments: Any) -> Proposed:
    async with engine.begin() as connection:
        return await renewal.propose(connection, granted.book_id, HOST, granted.offer_id, *arguments)


async def do(engine: AsyncEngine, action: Callable[..., Awaitable[Grant]], granted: Granted, *arguments: Any) -> Grant:
    by = HOST if action in (granting.resume, granting.revoke, granting.suspend) else CLIPPER
    async with engine.begin() as connection:
        return await action(connection, granted.book_id, by, granted.grant_id, *arguments)


async def row_of(engine: AsyncEngine, granted: Granted) -> Grant:
    async with engine.connect() as connection:
        return await find_grant(connection, granted.book_id, granted.grant_id)


async def test_all_or_some_of_an_offers_grants_are_proposed_its_newest_terms(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_grant: NewGrant
) -> None:
    first = await new_grant(host)
    others = [await new_grant(host, offer_id=first.offer_id) for _ in range(2)]
    await do(app_engine, granting.revoke, others[1])
    with pytest.raises(GrantNotFound) as refused:
        await propose(app_engine, first, [first.grant_id, others[1].grant_id])
    assert refused.value.value == str(others[1].grant_id)
    with pytest.raises(InvalidGrant, match="must lie in the future"):
        await propose(app_engine, first, None, LONG_AGO)
    none = await propose(app_engine, first)
    assert (none.version_no, none.proposed, none.up_to_date) == (1, 0, 2)

    await publish(app_engine, first)
    some = await propose(app_engine, first, [first.grant_id])
    assert (some.version_no, some.proposed, some.up_to_date, some.waiting) == (2, 1, 0, 0)
    assert (await row_of(app_engine, first)).proposed_no == 2
    assert (await row_of(app_engine, others[0])).proposed_no is None
    until = soon(days=3)
    assert (await propose(app_engine, first, None, until)).proposed == 2
    assert (await row_of(app_engine, first)).proposed_until == until
    assert (await events_of(app_engine, host.book_id))[-2:] == ["grant.terms-proposed"] * 2


async def test_an_offer_without_terms_proposes_none(app_engine: AsyncEngine, host: Host) -> None:
    async with app_engine.begin() as connection:
        about = OfferAbout(title="An offer", category="beauty")
        offer = await create_offer(connection, host.book_id, about, HOST)
        with pytest.raises(NothingPublished):
            await renewal.propose(connection, host.book_id, HOST, offer.offer_id)


async def test_accepted_terms_hold_at_once_where_no_rate_is_locked(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    ends = soon(days=50)
    sha256 = await publish(app_engine, granted, msgspec.structs.replace(NEWER, ends_at=ends))
    await propose(app_engine, granted)
    with pytest.raises(NotAccepted, match="version 2"):
        await do(app_engine, renewal.accept_renewal, granted, sha256_of(TERMS))
    accepted = await do(app_engine, renewal.accept_renewal, granted, sha256, "10.0.0.7")
    assert (accepted.version_no, accepted.ends_at, accepted.proposed_no, accepted.proposed_until) == (
        2,
        ends,
        None,
        None,
    )
    with pytest.raises(TermsNotFound):
        await do(app_engine, renewal.accept_renewal, granted, sha256)
    async with app_engine.connect() as connection:
        change = (await history_of(connection, host.book_id, granted.grant_id))[-1]
    assert (change.action, change.version_no, change.ends_at) == ("terms accepted", 2, ends)
    assert change.effective_at == change.recorded_at == accepted.accepted_at


async def test_a_locked_rate_holds_until_its_day_and_the_clock_brings_the_row_after(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    begun = datetime.now(UTC) - timedelta(days=10)
    locked = msgspec.structs.replace(TERMS, rate_lock_days=30)
    granted = await new_grant(host, terms=locked, starts_at=begun)
    sha256 = await publish(app_engine, granted)
    await propose(app_engine, granted)
    accepted = await do(app_engine, renewal.accept_renewal, granted, sha256)
    assert (accepted.version_no, accepted.proposed_no, accepted.proposed_until) == (1, 2, None)
    free = begun + timedelta(days=30)
    async with app_engine.begin() as connection:
        assert await renewal.apply_renewals(connection, host.book_id) == 0
        found = (await load_register(connection, host.book_id)).grant(granted.grant_id)
        assert found is not None
        versions = [found.standing_at(at).scope for at in (free - timedelta(seconds=1), free)]
        assert [scope and scope.version_no for scope in versions] == [1, 2]

    await publish(app_engine, granted, msgspec.structs.replace(NEWER, hold_days=20))
    assert (await propose(app_engine, granted)).waiting == 1
    with pytest.raises(TermsNotFound):
        await do(app_engine, renewal.decline_renewal, granted)

    await let_pass(owner_engine, granted, timedelta(days=20))
    async with app_engine.begin() as connection:
        assert await renewal.apply_renewals(connection, host.book_id) == 1
        assert await renewal.apply_renewals(connection, host.book_id) == 0
    applied = await row_of(app_engine, granted)
    assert (applied.version_no, applied.proposed_no) == (2, None)
    assert (await events_of(app_engine, host.book_id))[-1] == "grant.terms-in-force"
    assert (await propose(app_engine, granted)).proposed == 1


async def let_pass(owner_engine: AsyncEngine, granted: Granted, time: timedelta) -> None:
    """Move a grant's history into the past, which only the owner of the database could."""
    async with owner_engine.begin() as connection:
        await connection.execute(text("ALTER TABLE licensing.grant_changes DISABLE TRIGGER append_only"))
        change = text("""
            UPDATE licensing.grant_changes SET effective_at = effective_at - :time, recorded_at = recorded_at - :time
            WHERE grant_id = :grant
        """)
        await connection.execute(change, {"time": time, "grant": granted.grant_id})
        await connection.execute(text("ALTER TABLE licensing.grant_changes ENABLE TRIGGER append_only"))


async def test_what_was_agreed_on_comes_into_force_also_after_the_grant_was_revoked(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    """Else the row would not be what its history comes to."""
    granted = await new_grant(host, terms=msgspec.structs.replace(TERMS, rate_lock_days=3), starts_at=soon(days=-1))
    sha256 = await publish(app_engine, granted)
    await propose(app_engine, granted)
    await do(app_engine, renewal.accept_renewal, granted, sha256)
    assert (await do(app_engine, granting.revoke, granted)).proposed_no == 2
    await let_pass(owner_engine, granted, timedelta(days=2))
    async with app_engine.begin() as connection:
        assert await renewal.apply_renewals(connection, host.book_id) == 1
    row = await row_of(app_engine, granted)
    assert (row.state, row.version_no, row.proposed_no) == ("revoked", 2, None)


def test_terms_hold_from_when_the_rate_is_free_the_window_ends_or_they_begin() -> None:
    now = datetime(2026, 10, 5, tzinfo=UTC)
    grant = Grant(1, 1, 1, 1, "active", (), LONG_AGO, None, None, "", LONG_AGO, None, now, False, 2, now)
    locked = msgspec.structs.replace(TERMS, rate_lock_days=30)

    def after(ends_in: int | None, old: Terms, begins_in: int = 0) -> int:
        ends_at = None if ends_in is None else now + timedelta(days=ends_in)
        new = msgspec.structs.replace(NEWER, starts_at=now + timedelta(days=begins_in))
        return (holds_from(msgspec.structs.replace(grant, ends_at=ends_at), old, new, now) - now).days

    assert after(None, TERMS) == 0
    assert after(None, locked) == 30
    assert after(90, locked) == 30
    assert after(10, locked) == 10
    assert after(None, TERMS, begins_in=40) == 40
    assert after(10, locked, begins_in=40) == 40


async def test_a_window_that_waits_for_newer_terms_is_not_expired(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    ends = soon(days=1)
    granted = await new_grant(host, terms=msgspec.structs.replace(TERMS, rate_lock_days=3660), ends_at=ends)
    sha256 = await publish(app_engine, granted)
    await propose(app_engine, granted)
    await do(app_engine, renewal.accept_renewal, granted, sha256)
    await let_pass(owner_engine, granted, timedelta(days=2))
    async with owner_engine.begin() as connection:
        its = {"grant": granted.grant_id}
        await connection.execute(text("UPDATE licensing.grants SET ends_at = now() WHERE grant_id = :grant"), its)
    async with app_engine.begin() as connection:
        await granting.expire_grants(connection, host.book_id)
        await renewal.apply_renewals(connection, host.book_id)
        await granting.expire_grants(connection, host.book_id)
    row = await row_of(app_engine, granted)
    assert (row.state, row.version_no, row.ends_at) == ("active", 2, None)


async def test_newer_terms_are_declined_or_run_out_and_the_old_go_on(
    app_engine: AsyncEngine, owner_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host)
    sha256 = await publish(app_engine, granted)
    await propose(app_engine, granted)
    declined = await do(app_engine, renewal.decline_renewal, granted)
    assert (declined.state, declined.version_no, declined.proposed_no) == ("active", 1, None)
    await propose(app_engine, granted)
    async with owner_engine.begin() as connection:
        its = {"grant": granted.grant_id}
        await connection.execute(
            text("UPDATE licensing.grants SET proposed_until = now() WHERE grant_id = :grant"), its
        )
    with pytest.raises(DeadlinePassed) as late:
        await do(app_engine, renewal.accept_renewal, granted, sha256)
    assert late.value.field == "grant.proposed_until"
    await do(app_engine, granting.revoke, granted)
    with pytest.raises(WrongTransition):
        await do(app_engine, renewal.accept_renewal, granted, sha256)


async def test_terms_that_are_over_before_they_could_hold_are_not_accepted(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted = await new_grant(host, terms=msgspec.structs.replace(TERMS, rate_lock_days=3660))
    sha256 = await publish(app_engine, granted, msgspec.structs.replace(NEWER, ends_at=soon(days=30)))
    await propose(app_engine, granted)
    with pytest.raises(DeadlinePassed) as late:
        await do(app_engine, renewal.accept_renewal, granted, sha256)
    assert late.value.field == "terms.ends_at"


async def test_newer_terms_that_are_exclusive_find_another_hosts_grant(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_grant: NewGrant
) -> None:
    granted = await new_grant(await new_host(), clipper=clipper)
    await new_grant(await new_host(), clipper=clipper)
    sha256 = await publish(app_engine, granted, msgspec.structs.replace(NEWER, exclusivity="all"))
    await propose(app_engine, granted)
    with pytest.raises(ExclusiveElsewhere):
        await do(app_engine, renewal.accept_renewal, granted, sha256)


async def test_exclusive_terms_that_were_agreed_on_exclude_from_that_moment_also_who_was_suspended(
    app_engine: AsyncEngine, new_host: NewHost, clipper: Clipper, new_grant: NewGrant, new_offer: NewOffer
) -> None:
    locked = msgspec.structs.replace(TERMS, rate_lock_days=3660)
    granted = await new_grant(await new_host(), clipper=clipper, terms=locked, starts_at=soon(days=-1))
    sha256 = await publish(app_engine, granted, msgspec.structs.replace(NEWER, exclusivity="all"))
    await propose(app_engine, granted)
    waiting = await do(app_engine, renewal.accept_renewal, granted, sha256)
    assert (waiting.version_no, waiting.agreed) == (1, (1, 2)), "the exclusive terms are still to come"
    there = await new_host()
    offer_id, asked = await new_offer(there), Wanted(clipper_id=clipper.clipper_id, acceptance=ON_PAPER)
    async with app_engine.connect() as connection:
        with pytest.raises(ExclusiveElsewhere):
            await create_grants(connection, there.book_id, HOST, offer_id, [asked])

    await do(app_engine, granting.suspend, granted)
    async with app_engine.begin() as connection:
        await create_grants(connection, there.book_id, HOST, offer_id, [asked])
    with pytest.raises(ExclusiveElsewhere):
        await do(app_engine, granting.resume, granted)


async def test_from_the_hosts_proposal_to_the_clippers_yes_over_http(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, clipper: Clipper, new_grant: NewGrant, new_offer: NewOffer
) -> None:
    granted = await new_grant(host, clipper=clipper)
    await publish(app_engine, granted)
    path = f"{host.path}/offers/{granted.offer_id}/renewals"
    made = await client.post(path, json={"grants": [granted.grant_id]}, headers=posting(host.person))
    assert (made.status_code, made.json()["proposed"]) == (200, 1)
    own = f"{clipper.path}/grants/{granted.grant_id}"
    told = (await client.get(f"{own}/terms", headers=clipper.person.bearer)).json()
    assert (told["agreed"]["version_no"], told["proposed"]["version_no"]) == (1, 2)
    assert {each["path"] for each in told["differences"]} >= {"split.shares[1].weight"}
    body = {"sha256": told["proposed"]["sha256"]}
    accepted = await client.post(f"{own}/renewal/accept", json=body, headers=posting(clipper.person))
    assert (accepted.status_code, accepted.json()["version_no"]) == (200, 2)
    again = await client.post(f"{own}/renewal/decline", headers=posting(clipper.person))
    assert again.status_code == 404
