"""Disputes between hosts and clippers: deadlines, silence against who is silent, and one winner of each race."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import claim_evidence, claim_rules, claims, tables
from licensing.claim_evidence import Statement
from licensing.claim_rules import GROUNDS, Claim, Move
from licensing.claims import apply_deadlines, find_claim, frozen_subjects, move_claim, open_claim
from licensing.errors import AlreadyDisputed, DeadlinePassed, LicensingError, WrongTransition
from licensing.states import By
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Granted, Host, NewClipper, NewGrant, NewHost, events_of

HOST, CLIPPER, OPERATOR = By("host", "user:1"), By("clipper", "user:2"), By("operator", "user:3")
CLIPS = itertools.count(1)
SAID = Statement("It says so in the stream.")
NewClip = Callable[..., Awaitable[int]]
Opened = Callable[..., Awaitable[Claim]]


@pytest.fixture
def new_clip(app_engine: AsyncEngine) -> NewClip:
    async def made(grant: Granted, state: str = "live") -> int:
        clip_id = next(CLIPS)
        values = {
            "grant_id": grant.grant_id,
            "clipper_id": grant.clipper.clipper_id,
            "clip_id": clip_id,
            "state": state,
        }
        said = {"title": "A clip", "caption": "", "on_screen": False, "disclosed": "caption", "submitted_by": "test"}
        row = insert(tables.submissions).values(book_id=grant.book_id, **values, **said)
        async with app_engine.begin() as connection:
            number: int = (await connection.execute(row.returning(tables.submissions.c.submission_id))).scalar_one()
        return number

    return made


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


@pytest.fixture
def opened(app_engine: AsyncEngine, grant: Granted, new_clip: NewClip) -> Opened:
    """Opens a host's claim over a clip, or a clipper's over its rejection."""

    async def made(by: By = HOST, ground: str | None = None) -> Claim:
        clip = await new_clip(grant, "live" if by is HOST else "rejected")
        whose = {"book_id": grant.book_id} if by is HOST else {"clipper_id": grant.clipper.clipper_id}
        ground = ground or ("false-sales" if by is HOST else "wrongly-rejected")
        async with app_engine.begin() as connection:
            return await open_claim(connection, by, whose, ground, SAID, submission_id=clip)

    return made


@pytest.fixture
def moved(app_engine: AsyncEngine, grant: Granted) -> Opened:
    async def made(claim: Claim, action: str, by: By) -> Claim:
        async with app_engine.begin() as connection:
            return await move_claim(connection, grant.book_id, claim.claim_id, action, by, SAID)

    return made


@pytest.fixture
def late(app_engine: AsyncEngine, grant: Granted) -> Callable[..., Awaitable[None]]:
    """Lets a deadline have passed a minute ago, and the clock strike or not yet."""

    async def made(claim: Claim, deadline: str, *, strike: bool = True) -> None:
        change = text(f"UPDATE licensing.claims SET {deadline} = now() - interval '1 minute' WHERE claim_id = :claim")
        async with app_engine.begin() as connection:
            await connection.execute(change, {"claim": claim.claim_id})
        if strike:
            async with app_engine.begin() as connection:
                await apply_deadlines(connection, grant.book_id)

    return made


async def _now(engine: AsyncEngine, grant: Granted, claim: Claim) -> Claim:
    async with engine.connect() as connection:
        return await find_claim(connection, grant.book_id, claim.claim_id)


# A host's claim ---------------------------------------------------------------------------------------------


async def test_a_hosts_claim_freezes_the_clips_money_until_it_is_finally_decided(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened
) -> None:
    claim = await opened()
    assert (claim.state, claim.frozen, claim.decide_by, claim.appeal_by) == ("open", True, None, None)
    assert claim.respond_by - claim.opened_at == timedelta(days=7)
    async with app_engine.connect() as connection:
        frozen = await frozen_subjects(connection, grant.book_id)
    assert frozen == [(claim.claim_id, grant.grant_id, claim.submission_id, claim.opened_at)]

    responded = await moved(claim, "responded", CLIPPER)
    assert responded.decide_by is not None
    upheld = await moved(claim, "upheld", HOST)
    assert (upheld.state, upheld.frozen, upheld.reason) == ("upheld", True, SAID.statement)
    assert upheld.appeal_by == upheld.decided_at + timedelta(days=14)  # type: ignore[operator]
    appealed = await moved(claim, "appealed", CLIPPER)
    assert (appealed.state, appealed.frozen) == ("appealed", True)
    final = await moved(claim, "finally released", OPERATOR)

    assert (final.state, final.frozen) == ("finally-released", False)
    told = ["opened", "responded", "upheld", "appealed", "finally-released"]
    assert await events_of(app_engine, grant.book_id) == [f"claim.{each}" for each in told]
    async with app_engine.connect() as connection:
        assert await frozen_subjects(connection, grant.book_id) == []
        file = await claims.claim_file(connection, grant.book_id, claim.claim_id)
    assert [each.side for each in file.evidence] == ["host", "clipper", "host", "clipper", "operator"]
    assert file.moves == ()


async def test_a_host_upholds_only_after_a_response_or_after_the_time_for_one(
    opened: Opened, moved: Opened, late: Callable[..., Awaitable[None]]
) -> None:
    claim = await opened()
    with pytest.raises(WrongTransition, match="after the clipper's response"):
        await moved(claim, "upheld", HOST)
    await late(claim, "respond_by", strike=False)
    assert (await moved(claim, "upheld", HOST)).state == "upheld"


@pytest.mark.parametrize("before", [(), (("responded", CLIPPER),), (("responded", CLIPPER), ("upheld", HOST))])
async def test_a_host_withdraws_its_claim_at_any_time_and_that_is_final(
    before: tuple[tuple[str, By], ...], opened: Opened, moved: Opened
) -> None:
    claim = await opened()
    for action, by in before:
        await moved(claim, action, by)
    withdrawn = await moved(claim, "withdrawn", HOST)
    assert (withdrawn.state, withdrawn.frozen) == ("finally-released", False)


async def test_a_clipper_may_concede(opened: Opened, moved: Opened) -> None:
    conceded = await moved(await opened(), "conceded", CLIPPER)
    assert (conceded.state, conceded.frozen) == ("finally-upheld", False)


async def test_a_claim_over_a_grants_sales_freezes_all_of_them(app_engine: AsyncEngine, grant: Granted) -> None:
    async with app_engine.begin() as connection:
        whose = {"book_id": grant.book_id}
        await open_claim(connection, HOST, whose, "false-sales", SAID, grant_id=grant.grant_id)
        assert [each[1:3] for each in await frozen_subjects(connection, grant.book_id)] == [(grant.grant_id, None)]


# A clipper's claim ------------------------------------------------------------------------------------------


async def test_a_clippers_claim_is_refused_appealed_and_upheld_by_the_operator(opened: Opened, moved: Opened) -> None:
    claim = await opened(CLIPPER)
    assert (claim.claimant, claim.frozen) == ("clipper", False)
    refused = await moved(claim, "released", HOST)
    assert refused.state == "released"
    with pytest.raises(WrongTransition, match=r"appealed \(by the clipper\)"):
        await moved(claim, "appealed", HOST)
    await moved(claim, "appealed", CLIPPER)
    assert (await moved(claim, "finally upheld", OPERATOR)).state == "finally-upheld"


@pytest.mark.parametrize(("ground", "state"), [("wrongly-suspended", "suspended"), ("wrongly-revoked", "revoked")])
async def test_a_clipper_disputes_what_was_done_to_its_grant(
    app_engine: AsyncEngine, grant: Granted, ground: str, state: str
) -> None:
    whose = {"clipper_id": grant.clipper.clipper_id}
    async with app_engine.begin() as connection:
        with pytest.raises(WrongTransition, match=f"is about a grant that is {state}"):
            await open_claim(connection, CLIPPER, whose, ground, SAID, grant_id=grant.grant_id)
        change = text("UPDATE licensing.grants SET state = :state WHERE grant_id = :grant_id")
        await connection.execute(change, {"state": state, "grant_id": grant.grant_id})
        claim = await open_claim(connection, CLIPPER, whose, ground, SAID, grant_id=grant.grant_id)
    assert (claim.submission_id, claim.grant_id) == (None, grant.grant_id)


# The clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [HOST, CLIPPER])
async def test_who_does_not_answer_has_lost_and_may_appeal(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened, late: Callable[..., Awaitable[None]], by: By
) -> None:
    claim = await opened(by)
    await late(claim, "respond_by")
    upheld = await _now(app_engine, grant, claim)
    assert (upheld.state, upheld.reason, upheld.frozen) == ("upheld", "nobody answered in time", by is HOST)
    assert (await moved(claim, "appealed", CLIPPER if by is HOST else HOST)).state == "appealed"


async def test_a_host_that_does_not_decide_releases_the_money_and_freezes_it_no_more_by_an_appeal(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened, late: Callable[..., Awaitable[None]]
) -> None:
    claim = await opened()
    await moved(claim, "responded", CLIPPER)
    await late(claim, "decide_by")
    released = await _now(app_engine, grant, claim)
    assert (released.state, released.frozen) == ("released", False)
    assert (await moved(claim, "appealed", HOST)).frozen is False


@pytest.mark.parametrize("by", [HOST, CLIPPER])
async def test_a_decision_that_nobody_appeals_is_final(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened, late: Callable[..., Awaitable[None]], by: By
) -> None:
    claim = await opened(by)
    if by is HOST:
        await moved(claim, "responded", CLIPPER)
    await moved(claim, "upheld" if by is HOST else "released", HOST)
    await late(claim, "appeal_by")
    final = await _now(app_engine, grant, claim)
    assert (final.state, final.frozen) == ("finally-upheld" if by is HOST else "finally-released", False)
    whose = {"book_id": grant.book_id} if by is HOST else {"clipper_id": grant.clipper.clipper_id}
    async with app_engine.begin() as connection:
        again = await open_claim(connection, by, whose, claim.ground, SAID, submission_id=claim.submission_id)
    assert again.state == "open"


@pytest.mark.parametrize(
    ("by", "before", "deadline", "action", "late_one"),
    [
        (HOST, (), "respond_by", "responded", CLIPPER),
        (HOST, (("responded", CLIPPER),), "decide_by", "upheld", HOST),
        (HOST, (("responded", CLIPPER), ("upheld", HOST)), "appeal_by", "appealed", CLIPPER),
        (CLIPPER, (), "respond_by", "released", HOST),
        (CLIPPER, (("released", HOST),), "appeal_by", "appealed", CLIPPER),
    ],
)
async def test_after_a_deadline_it_is_too_late_even_before_the_clock_strikes(
    opened: Opened,
    moved: Opened,
    late: Callable[..., Awaitable[None]],
    by: By,
    before: tuple[tuple[str, By], ...],
    deadline: str,
    action: str,
    late_one: By,
) -> None:
    claim = await opened(by)
    for each, side in before:
        await moved(claim, each, side)
    await late(claim, deadline, strike=False)
    with pytest.raises(DeadlinePassed) as refused:
        await moved(claim, action, late_one)
    assert refused.value.field == deadline


async def test_the_clock_changes_nothing_before_the_deadline_and_nothing_twice(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, late: Callable[..., Awaitable[None]]
) -> None:
    claim = await opened()
    async with app_engine.begin() as connection:
        await apply_deadlines(connection, grant.book_id)
    assert (await _now(app_engine, grant, claim)).state == "open"
    await late(claim, "respond_by")
    async with app_engine.begin() as connection:
        assert await apply_deadlines(connection, grant.book_id) == 0
    assert await events_of(app_engine, grant.book_id) == ["claim.opened", "claim.upheld"]


# The rules themselves ---------------------------------------------------------------------------------------


def _standing(claimant: str, state: str) -> Claim:
    now = datetime.now(UTC)
    said: dict[str, Any] = {"claimant": claimant, "state": state, "ground": "false-sales", "frozen": True}
    said |= {"respond_by": now, "decide_by": now, "appeal_by": now, "opened_at": now, "decided_at": None}
    return Claim(claim_id=1, clipper_id=1, grant_id=1, submission_id=None, reason=None, **said)


@pytest.mark.parametrize(
    ("claimant", "state", "who"),
    [
        ("host", "open", {"clipper": "responded conceded", "host": "upheld withdrawn", "system": "upheld"}),
        ("host", "responded", {"clipper": "conceded", "host": "upheld withdrawn", "system": "released"}),
        ("host", "upheld", {"clipper": "appealed", "host": "withdrawn", "system": "finally upheld"}),
        ("host", "released", {"host": "appealed", "clipper": "conceded", "system": "finally released"}),
        ("host", "appealed", {"operator": "", "clipper": "conceded", "host": "withdrawn"}),
        ("clipper", "open", {"host": "released conceded", "clipper": "withdrawn", "system": "upheld"}),
        ("clipper", "released", {"clipper": "appealed", "host": "conceded", "system": "finally released"}),
        ("clipper", "upheld", {"host": "appealed", "clipper": "withdrawn", "system": "finally upheld"}),
        ("host", "finally-upheld", {}),
    ],
)
def test_who_may_do_what(claimant: str, state: str, who: dict[str, str]) -> None:
    expected = {
        Move(action, side)  # type: ignore[arg-type]
        for side, actions in who.items()
        for action in ([actions] if actions.startswith("finally") else actions.split())
    }
    if "operator" in who:
        expected |= {Move("finally upheld", "operator"), Move("finally released", "operator")}
    assert set(claim_rules.moves(_standing(claimant, state))) == expected


def test_each_ground_has_a_sentence_and_somebody_to_claim_it() -> None:
    assert {each.claimant for each in GROUNDS.values()} == {"host", "clipper"}
    assert all(each.sentence.endswith(".") and each.over for each in GROUNDS.values())


# Races ------------------------------------------------------------------------------------------------------


async def test_of_two_decisions_one_is_made(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened
) -> None:
    claim = await opened()
    await moved(claim, "responded", CLIPPER)
    await moved(claim, "upheld", HOST)
    await moved(claim, "appealed", CLIPPER)
    both = [moved(claim, action, OPERATOR) for action in ("finally upheld", "finally released")]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert {type(each) for each in outcomes} == {Claim, WrongTransition}
    told = await events_of(app_engine, grant.book_id)
    assert len([each for each in told if each.startswith("claim.")]) == 5


async def test_an_answer_that_holds_the_claim_is_not_overtaken_by_the_clock(
    app_engine: AsyncEngine, grant: Granted, opened: Opened
) -> None:
    claim = await opened()
    async with app_engine.connect() as answering:
        await move_claim(answering, grant.book_id, claim.claim_id, "responded", CLIPPER, SAID)
        async with app_engine.begin() as connection:  # as the clock sees it that has already passed the deadline
            late = "UPDATE licensing.claims SET respond_by = now() - interval '1 hour' WHERE claim_id = :claim"
            await answering.execute(text(late), {"claim": claim.claim_id})
            await apply_deadlines(connection, grant.book_id)
        await answering.commit()
    assert (await _now(app_engine, grant, claim)).state == "responded"


async def test_an_answer_that_waited_for_the_clock_comes_too_late(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, moved: Opened, late: Callable[..., Awaitable[None]]
) -> None:
    claim = await opened()
    await late(claim, "respond_by", strike=False)
    async with app_engine.connect() as striking:
        await apply_deadlines(striking, grant.book_id)
        answer = asyncio.ensure_future(moved(claim, "responded", CLIPPER))
        await asyncio.sleep(0.05)
        await striking.commit()
    with pytest.raises(WrongTransition):
        await answer
    assert (await _now(app_engine, grant, claim)).state == "upheld"


async def test_the_same_is_disputed_once_at_a_time(app_engine: AsyncEngine, grant: Granted, new_clip: NewClip) -> None:
    clip = await new_clip(grant)

    async def claimed() -> Claim | None:
        async with app_engine.begin() as connection:
            whose = {"book_id": grant.book_id}
            return await open_claim(connection, HOST, whose, "not-disclosed", SAID, submission_id=clip)

    outcomes = await asyncio.gather(claimed(), claimed(), return_exceptions=True)
    assert {type(each) for each in outcomes} == {Claim, AlreadyDisputed}


# Over HTTP --------------------------------------------------------------------------------------------------


async def test_a_dispute_over_http_from_its_opening_to_the_operators_word(
    client: AsyncClient, host: Host, operator: Person, grant: Granted, new_clip: NewClip
) -> None:
    clip = await new_clip(grant)

    async def said(by: Person, path: str, body: Any = None) -> Response:
        return await client.post(path, json=body or {"statement": "Look at it."}, headers=posting(by))

    answer = await said(
        host.person,
        f"{host.path}/claims",
        {
            "submission_id": clip,
            "ground": "foreign-content",
            "statement": "The song is not ours.",
            "url": "https://example.com/song",
            "sha256": "ab" * 32,
        },
    )
    assert answer.status_code == 201
    mine = answer.headers["location"]
    number = answer.json()["claim_id"]
    clipper, theirs = grant.clipper.person, f"{grant.clipper.path}/claims/{number}"
    assert problem(await said(host.person, f"{mine}/uphold"))["type"] == "/problems/wrong-transition"
    assert (await said(clipper, f"{theirs}/respond")).json()["state"] == "responded"
    assert (await said(clipper, f"{theirs}/evidence")).json()["evidence"][2]["side"] == "clipper"
    assert (await said(host.person, f"{mine}/evidence")).status_code == 200
    assert (await said(host.person, f"{mine}/uphold")).json()["state"] == "upheld"
    wrong = problem(await said(host.person, f"{mine}/appeal"))
    assert "appealed (by the clipper)" in wrong["detail"]
    assert (await said(clipper, f"{theirs}/appeal")).json()["state"] == "appealed"

    waiting = await client.get("/v1/claims", headers=operator.bearer)
    assert number in [each["claim_id"] for each in waiting.json()["data"]]
    verdict = {"verdict": "release", "reason": "It is in the public domain."}
    assert (await said(host.person, f"/v1/claims/{number}/decide", verdict)).status_code == 403
    decided = await said(operator, f"/v1/claims/{number}/decide", verdict)
    assert (decided.json()["state"], decided.json()["reason"]) == ("finally-released", verdict["reason"])
    assert problem(await said(clipper, f"{theirs}/evidence"))["field"] == "claim.state"
    for who, path in ((host.person, mine), (clipper, theirs), (operator, f"/v1/claims/{number}")):
        file = (await client.get(path, headers=who.bearer)).json()
        assert (len(file["evidence"]), file["moves"]) == (7, [])
    assert file["evidence"][0]["sha256"] == "ab" * 32


async def test_a_clippers_claim_that_the_host_upholds_is_conceded(
    client: AsyncClient, host: Host, grant: Granted, new_clip: NewClip
) -> None:
    clip = await new_clip(grant, "rejected")
    body = {"submission_id": clip, "ground": "wrongly-rejected", "statement": "It keeps the terms."}
    answer = await client.post(f"{grant.clipper.path}/claims", json=body, headers=posting(grant.clipper.person))
    assert answer.status_code == 201
    assert answer.headers["location"].startswith(grant.clipper.path)
    path = f"{host.path}/claims/{answer.json()['claim_id']}"
    upheld = await client.post(f"{path}/uphold", json={"statement": "So it does."}, headers=posting(host.person))
    assert upheld.json()["state"] == "finally-upheld"


async def test_nobody_sees_or_moves_the_claims_of_others(
    client: AsyncClient,
    host: Host,
    new_host: NewHost,
    grant: Granted,
    new_clipper: NewClipper,
    new_clip: NewClip,
    opened: Opened,
) -> None:
    claim = await opened()
    other, stranger = await new_host(), await new_clipper()
    for person, place in ((other.person, other.path), (stranger.person, stranger.path)):
        path = f"{place}/claims/{claim.claim_id}"
        assert (await client.get(path, headers=person.bearer)).status_code == 404
        assert (await client.get(f"{place}/claims", headers=person.bearer)).json()["data"] == []
        for action in ("evidence", "appeal"):
            moved = await client.post(f"{path}/{action}", json={"statement": "x"}, headers=posting(person))
            assert moved.status_code == 404
    clip = await new_clip(grant, "rejected")
    for person, place, ground in (
        (other.person, other.path, "false-sales"),
        (stranger.person, stranger.path, "wrongly-rejected"),
    ):
        body = {"submission_id": clip, "ground": ground, "statement": "x"}
        refused = await client.post(f"{place}/claims", json=body, headers=posting(person))
        assert problem(refused)["type"] == "/problems/submission-not-found"
    assert (await client.get("/v1/claims", headers=host.person.bearer)).status_code == 403


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"ground": "boredom"}, "ground", "over a submission the host claims one of"),
    ({"ground": "wrongly-rejected"}, "ground", "over a submission the host claims one of"),
    ({"grant_id": 1}, "submission_id", "one of the two"),
    ({"submission_id": None}, "submission_id", "one of the two"),
    ({"statement": "  "}, "statement", "1 to 5000 characters"),
    ({"statement": "x" * 5001}, "statement", "1 to 5000 characters"),
    ({"statement": "nul\0"}, "statement", "NUL"),
    ({"url": "javascript:alert(1)"}, "url", "http"),
    ({"url": "https://["}, "url", "http"),
    ({"sha256": "AB"}, "sha256", "64 hexadecimal digits"),
]


async def test_what_is_no_claim_is_refused_by_field_and_rule(
    client: AsyncClient, host: Host, grant: Granted, new_clip: NewClip
) -> None:
    clip = await new_clip(grant)
    for change, field, rule in REFUSED:
        body = {"submission_id": clip, "ground": "false-sales", "statement": "x", **change}
        refused = await client.post(f"{host.path}/claims", json=body, headers=posting(host.person))
        assert (refused.status_code, problem(refused)["type"]) == (422, "/problems/invalid-claim"), change
        assert problem(refused)["field"] == field
        assert rule in problem(refused)["detail"]


async def test_a_file_takes_so_many_statements_of_each_side(
    app_engine: AsyncEngine, grant: Granted, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_evidence, "MOST_STATEMENTS", 2)
    claim = await opened()
    async with app_engine.begin() as connection:
        await claims.add_evidence(connection, grant.book_id, claim.claim_id, HOST, SAID)
        with pytest.raises(LicensingError, match="no more statements"):
            await claims.add_evidence(connection, grant.book_id, claim.claim_id, HOST, SAID)
        file = await claims.add_evidence(connection, grant.book_id, claim.claim_id, CLIPPER, SAID)
    assert len(file.evidence) == 3


async def test_anybody_reads_the_grounds(client: AsyncClient, host: Host) -> None:
    shown = (await client.get("/v1/claim-grounds", headers=host.person.bearer)).json()
    assert {each["ground"] for each in shown} == set(GROUNDS)
