"""What a finally upheld claim does to the clip or the grant it was about."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import granting
from licensing.changes import history_of
from licensing.claim_evidence import Statement
from licensing.claim_rules import Claim
from licensing.claims import apply_deadlines, claim_file, find_claim, move_claim, open_claim
from licensing.grants import Grant, find_grant
from licensing.states import By
from licensing.submissions import Submission, find_submission
from tests.clipledger.front_door import posting
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost, events_of
from tests.licensing.reels import handed_in, sql

HOST, CLIPPER, OPERATOR = By("host", "user:1"), By("clipper", "user:2"), By("operator", "user:3")
SAID = Statement("It says so in the stream.")


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def opened(engine: AsyncEngine, grant: Granted, by: By, ground: str, submission_id: int | None = None) -> Claim:
    whose = {"book_id": grant.book_id} if by is HOST else {"clipper_id": grant.clipper.clipper_id}
    over = {"grant_id": grant.grant_id} if submission_id is None else {"submission_id": submission_id}
    async with engine.begin() as connection:
        return await open_claim(connection, by, whose, ground, SAID, **over)


async def moved(engine: AsyncEngine, grant: Granted, claim: Claim, *moves: tuple[str, By]) -> Claim:
    for action, by in moves:
        async with engine.begin() as connection:
            claim = await move_claim(connection, grant.book_id, claim.claim_id, action, by, SAID)
    return claim


async def conceded(engine: AsyncEngine, grant: Granted, claim: Claim) -> Claim:
    return await moved(engine, grant, claim, ("conceded", CLIPPER if claim.claimant == "host" else HOST))


async def on_file(engine: AsyncEngine, grant: Granted, claim: Claim) -> tuple[str, str]:
    """The last thing in the claim's file, and who says it."""
    async with engine.connect() as connection:
        last = (await claim_file(connection, grant.book_id, claim.claim_id)).evidence[-1]
    return last.side, last.statement


async def did(engine: AsyncEngine, action: Callable[..., Awaitable[Grant]], grant: Granted) -> Grant:
    async with engine.begin() as connection:
        return await action(connection, grant.book_id, HOST, grant.grant_id)


async def grant_now(engine: AsyncEngine, grant: Granted) -> Grant:
    async with engine.connect() as connection:
        return await find_grant(connection, grant.book_id, grant.grant_id)


async def clip_now(engine: AsyncEngine, grant: Granted, submission_id: int) -> Submission:
    async with engine.connect() as connection:
        return await find_submission(connection, grant.book_id, submission_id)


# A clipper's, over a grant ----------------------------------------------------------------------------------


async def test_a_grant_that_was_wrongly_suspended_is_resumed(app_engine: AsyncEngine, grant: Granted) -> None:
    await did(app_engine, granting.suspend, grant)
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-suspended")
    await moved(app_engine, grant, claim, ("released", HOST), ("appealed", CLIPPER))
    assert (await grant_now(app_engine, grant)).state == "suspended"
    await moved(app_engine, grant, claim, ("finally upheld", OPERATOR))
    assert (await grant_now(app_engine, grant)).state == "active"
    async with app_engine.connect() as connection:
        last = (await history_of(connection, grant.book_id, grant.grant_id))[-1]
    assert (last.action, last.actor) == ("resumed", f"claim:{claim.claim_id}")
    assert last.reason == f"claim {claim.claim_id} was finally upheld: wrongly-suspended"
    assert (await events_of(app_engine, grant.book_id))[-2:] == ["claim.finally-upheld", "grant.resumed"]
    assert await on_file(app_engine, grant, claim) == ("system", "The grant is active again.")


@pytest.mark.parametrize(("action", "state"), [(granting.resume, "active"), (granting.revoke, "revoked")])
async def test_a_grant_that_is_not_suspended_any_more_stays_as_it_is(
    app_engine: AsyncEngine, grant: Granted, action: Any, state: str
) -> None:
    await did(app_engine, granting.suspend, grant)
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-suspended")
    await did(app_engine, action, grant)
    assert (await conceded(app_engine, grant, claim)).state == "finally-upheld"
    assert (await grant_now(app_engine, grant)).state == state
    assert f"it is {state}." in (await on_file(app_engine, grant, claim))[1]


async def test_a_grant_that_anothers_excludes_stays_suspended_and_the_decision_stands(
    app_engine: AsyncEngine, grant: Granted, new_host: NewHost, new_grant: NewGrant
) -> None:
    await did(app_engine, granting.suspend, grant)
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-suspended")
    exclusive = msgspec.structs.replace(TERMS, exclusivity="all")
    await new_grant(await new_host(), clipper=grant.clipper, terms=exclusive)
    assert (await conceded(app_engine, grant, claim)).state == "finally-upheld"
    assert (await grant_now(app_engine, grant)).state == "suspended"
    assert (await on_file(app_engine, grant, claim))[1].startswith("The grant stays suspended until its host resumes")


async def test_for_a_grant_that_was_wrongly_revoked_the_host_owes_a_new_one(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, grant: Granted
) -> None:
    await did(app_engine, granting.revoke, grant)
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-revoked")
    assert claim.owed is None
    path = f"{host.path}/claims/{claim.claim_id}"
    upheld = await client.post(f"{path}/uphold", json={"statement": "So it was."}, headers=posting(host.person))
    assert (upheld.json()["state"], upheld.json()["owed"]) == ("finally-upheld", "new-grant")
    assert (await grant_now(app_engine, grant)).state == "revoked"
    owed = ("system", "A revocation is final: the host owes the clipper a new grant.")
    assert await on_file(app_engine, grant, claim) == owed
    listed = await client.get(f"{grant.clipper.path}/claims", headers=grant.clipper.person.bearer)
    assert [each["owed"] for each in listed.json()["data"]] == ["new-grant"]


# A clipper's, over a clip -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ground", ["wrongly-rejected", "wrongly-recognised"])
async def test_a_clip_that_was_wrongly_rejected_is_approved(
    app_engine: AsyncEngine, grant: Granted, ground: str
) -> None:
    number, _ = await handed_in(app_engine, grant, "rejected")
    await sql(app_engine, "UPDATE licensing.submissions SET disclosed = 'refused' WHERE submission_id = :n", n=number)
    claim = await opened(app_engine, grant, CLIPPER, ground, number)
    await conceded(app_engine, grant, claim)
    clip = await clip_now(app_engine, grant, number)
    assert (clip.state, clip.disclosed, clip.decided_by) == ("approved", "confirmed", f"claim:{claim.claim_id}")
    assert clip.reason == f"claim {claim.claim_id} was finally upheld: {ground}"
    assert (await events_of(app_engine, grant.book_id))[-1] == "submission.approved"
    assert await on_file(app_engine, grant, claim) == ("system", "The clip is approved.")


async def test_a_clip_that_is_not_rejected_any_more_stays_as_it_is(app_engine: AsyncEngine, grant: Granted) -> None:
    number, _ = await handed_in(app_engine, grant, "rejected")
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-rejected", number)
    await sql(app_engine, "UPDATE licensing.submissions SET state = 'live' WHERE submission_id = :n", n=number)
    await conceded(app_engine, grant, claim)
    assert (await clip_now(app_engine, grant, number)).state == "live"
    assert "it is live." in (await on_file(app_engine, grant, claim))[1]


# A host's ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        ("submitted", "rejected"),
        ("identifying", "rejected"),
        ("identified", "rejected"),
        ("unrecognised", "rejected"),
        ("approved", "rejected"),
        ("live", "removed"),
        ("rejected", "rejected"),
        ("removed", "removed"),
    ],
)
async def test_a_clip_against_which_its_host_is_upheld_is_rejected_or_taken_down(
    app_engine: AsyncEngine, grant: Granted, state: str, becomes: str
) -> None:
    number, _ = await handed_in(app_engine, grant, state)
    claim = await opened(app_engine, grant, HOST, "foreign-content", number)
    await conceded(app_engine, grant, claim)
    clip = await clip_now(app_engine, grant, number)
    assert clip.state == becomes
    changed = [each for each in await events_of(app_engine, grant.book_id) if each.startswith("submission.")]
    if state == becomes:
        assert (changed, clip.reason) == ([], None)
        assert f"it is {state}." in (await on_file(app_engine, grant, claim))[1]
    else:
        assert changed == [f"submission.{becomes}"]
        assert clip.reason == f"claim {claim.claim_id} was finally upheld: foreign-content"
        assert await on_file(app_engine, grant, claim) == ("system", f"The clip is {becomes}.")


async def test_a_hosts_claim_over_a_grant_does_nothing_to_it(app_engine: AsyncEngine, grant: Granted) -> None:
    claim = await opened(app_engine, grant, HOST, "false-sales")
    assert (await conceded(app_engine, grant, claim)).owed is None
    assert (await grant_now(app_engine, grant)).state == "active"
    assert await events_of(app_engine, grant.book_id) == ["claim.opened", "claim.conceded"]
    assert (await on_file(app_engine, grant, claim))[1].startswith("Nothing is done to the grant")


# When -------------------------------------------------------------------------------------------------------


async def test_what_is_upheld_but_may_be_appealed_or_is_released_does_nothing(
    app_engine: AsyncEngine, grant: Granted
) -> None:
    number, _ = await handed_in(app_engine, grant, "live")
    claim = await opened(app_engine, grant, HOST, "foreign-content", number)
    await moved(app_engine, grant, claim, ("responded", CLIPPER), ("upheld", HOST), ("appealed", CLIPPER))
    assert (await clip_now(app_engine, grant, number)).state == "live"
    await moved(app_engine, grant, claim, ("finally released", OPERATOR))
    assert (await clip_now(app_engine, grant, number)).state == "live"


async def test_the_clock_makes_final_and_carries_out_all_that_is_due_at_once(
    app_engine: AsyncEngine, grant: Granted
) -> None:
    await did(app_engine, granting.suspend, grant)
    clips = [(await handed_in(app_engine, grant, state))[0] for state in ("live", "approved")]
    due = [await opened(app_engine, grant, CLIPPER, "wrongly-suspended")]
    due += [await opened(app_engine, grant, HOST, "foreign-content", number) for number in clips]
    for deadline in ("respond_by", "appeal_by"):
        late = f"UPDATE licensing.claims SET {deadline} = now() - interval '1 minute' WHERE book_id = :book"
        await sql(app_engine, late, book=grant.book_id)
        async with app_engine.begin() as connection:
            assert await apply_deadlines(connection, grant.book_id) == len(due)
    async with app_engine.connect() as connection:
        states = {(await find_claim(connection, grant.book_id, claim.claim_id)).state for claim in due}
    assert states == {"finally-upheld"}
    assert (await grant_now(app_engine, grant)).state == "active"
    assert [(await clip_now(app_engine, grant, number)).state for number in clips] == ["removed", "rejected"]


async def test_the_decision_and_its_effect_are_one(app_engine: AsyncEngine, grant: Granted) -> None:
    """A transaction that is given up leaves neither."""
    number, _ = await handed_in(app_engine, grant, "rejected")
    claim = await opened(app_engine, grant, CLIPPER, "wrongly-rejected", number)
    async with app_engine.connect() as connection:
        await move_claim(connection, grant.book_id, claim.claim_id, "conceded", HOST, SAID)
        await connection.rollback()
        assert (await find_claim(connection, grant.book_id, claim.claim_id)).state == "open"
    assert (await clip_now(app_engine, grant, number)).state == "rejected"
