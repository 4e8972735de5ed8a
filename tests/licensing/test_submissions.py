"""A clip is handed in under a grant, recognised, reviewed by a person or the clock, and taken down."""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import errors, reviewing, submissions
from licensing.states import By
from licensing.submissions import ClipAbout, Submission
from licensing.terms import EditRules, Terms
from media.errors import UploadIncomplete, UploadNotFound, UploadUsed
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import TERMS, Granted, Host, NewClipper, NewGrant, NewHost, events_of, soon
from tests.licensing.reels import arrived, identified, segment, sql, stream, unreadable

CLIPPER, HOST = By("clipper", "user:7"), By("host", "user:8")
AD = ClipAbout(title="Red coat", caption="Red coat #ad")
SILENT = ClipAbout(title="Red coat", caption="Red coat")


def terms(**more: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **more)


async def submitted(engine: AsyncEngine, grant: Granted, about: ClipAbout = AD) -> Submission:
    upload = await arrived(engine, grant.book_id, f"clipper:{grant.clipper.clipper_id}")
    async with engine.begin() as connection:
        return await submissions.submit(connection, grant.book_id, grant.grant_id, upload, about, by=CLIPPER)


async def recognised(
    engine: AsyncEngine, grant: Granted, about: ClipAbout = AD, source: int | None = None
) -> Submission:
    """A submission that media has found to show a stream of the host's."""
    made = await submitted(engine, grant, about)
    source = source or await stream(engine, grant.book_id)
    await identified(engine, grant.book_id, made.clip_id, segment(source))
    return await advanced(engine, made, grant)


async def advanced(engine: AsyncEngine, made: Submission, grant: Granted) -> Submission:
    async with engine.begin() as connection:
        await reviewing.advance(connection, grant.book_id)
        return await submissions.find_submission(connection, grant.book_id, made.submission_id)


async def overdue(engine: AsyncEngine, made: Submission, grant: Granted) -> Submission:
    """The submission, after the time for its review has run out and the clock has run twice."""
    past = "UPDATE licensing.submissions SET review_by = now() WHERE book_id = :book AND submission_id = :id"
    await sql(engine, past, book=grant.book_id, id=made.submission_id)
    async with engine.begin() as connection:
        await reviewing.approve_due(connection, grant.book_id)
        assert await reviewing.approve_due(connection, grant.book_id) == 0
        return await submissions.find_submission(connection, grant.book_id, made.submission_id)


# Handing in -------------------------------------------------------------------------------------------------


async def test_a_clip_is_submitted_under_an_active_grant(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host, terms=terms(review_hours=48))
    made = await submitted(app_engine, grant, ClipAbout(title=" Coat ", caption="#AD", products=("1", "2", "1")))
    assert (made.state, made.disclosed, made.findings) == ("submitted", "caption", ())
    assert (made.title, made.products) == ("Coat", ("1", "2"))
    assert made.clipper_id == grant.clipper.clipper_id
    assert made.review_by is not None
    assert soon(hours=47) < made.review_by < soon(hours=49)
    assert await events_of(app_engine, host.book_id) == ["submission.submitted"]


async def test_a_host_submits_an_upload_of_its_own_on_a_clippers_behalf(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    upload = await arrived(app_engine, host.book_id)
    async with app_engine.begin() as connection:
        made = await submissions.submit(connection, host.book_id, grant.grant_id, upload, AD, by=HOST)
    assert (made.clipper_id, made.submitted_by, made.review_by) == (grant.clipper.clipper_id, "user:8", None)


async def test_what_is_said_of_a_clip_is_checked(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    for about, field in (
        (ClipAbout(title=" "), "title"),
        (ClipAbout(title="a\0b"), "title"),
        (ClipAbout(title="a", caption="b" * 5001), "caption"),
        (ClipAbout(title="a", caption="\ud800"), "caption"),
        (ClipAbout(title="a", products=("",)), "products[0]"),
        (ClipAbout(title="a", products=("1",) * 101), "products"),
    ):
        with pytest.raises(errors.InvalidSubmission) as refused:
            await submitted(app_engine, grant, about)
        assert refused.value.field == field


async def test_under_a_grant_that_is_not_active_nothing_is_submitted(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    for state in ("offered", "suspended", "revoked", "expired", "declined"):
        await put(app_engine, grant, state)
        with pytest.raises(errors.WrongTransition) as refused:
            await submitted(app_engine, grant)
        assert (refused.value.field, refused.value.value) == ("grant.state", state)


async def put(engine: AsyncEngine, grant: Granted, state: str) -> None:
    statement = "UPDATE licensing.grants SET state = :state WHERE book_id = :book AND grant_id = :id"
    await sql(engine, statement, state=state, book=grant.book_id, id=grant.grant_id)


async def test_under_a_grant_that_has_run_out_nothing_is_submitted(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host, ends_at=soon(seconds=-1))
    with pytest.raises(errors.DeadlinePassed):
        await submitted(app_engine, grant)


async def test_only_a_whole_upload_of_ones_own_is_submitted_and_only_once(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant, other = await new_grant(host), await new_host()
    mine = f"clipper:{grant.clipper.clipper_id}"
    whole = await arrived(app_engine, host.book_id, mine)
    foreign = [
        await arrived(app_engine, host.book_id),
        await arrived(app_engine, host.book_id, "clipper:0"),
        await arrived(app_engine, other.book_id, mine),
    ]
    cases: list[tuple[int, type[Exception]]] = [(upload, UploadNotFound) for upload in foreign]
    cases.append((await arrived(app_engine, host.book_id, mine, received=2), UploadIncomplete))

    async def submit(upload: int) -> Submission:
        async with app_engine.begin() as connection:
            return await submissions.submit(connection, host.book_id, grant.grant_id, upload, AD, by=CLIPPER)

    for upload, refusal in cases:
        with pytest.raises(refusal):
            await submit(upload)
    await submit(whole)
    with pytest.raises(UploadUsed):
        await submit(whole)


async def test_of_a_submission_and_a_revocation_at_once_one_comes_first(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    async with app_engine.begin() as revoking:
        revoke = text("UPDATE licensing.grants SET state = 'revoked' WHERE book_id = :book AND grant_id = :id")
        await revoking.execute(revoke, {"book": grant.book_id, "id": grant.grant_id})
        submitting = asyncio.create_task(submitted(app_engine, grant))
        await asyncio.sleep(0.2)
        assert not submitting.done()
    with pytest.raises(errors.WrongTransition):
        await submitting


# What media found -------------------------------------------------------------------------------------------


async def test_a_submission_follows_what_media_finds(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    made = await submitted(app_engine, grant)
    assert (await advanced(app_engine, made, grant)).state == "submitted"
    working = (
        "UPDATE media.clips SET state = 'working', worker = gen_random_uuid(), leased_until = now()"
        " WHERE book_id = :book AND clip_id = :clip"
    )
    await sql(app_engine, working, book=host.book_id, clip=made.clip_id)
    assert (await advanced(app_engine, made, grant)).state == "identifying"
    await sql(
        app_engine,
        "UPDATE media.clips SET state = 'waiting', worker = NULL, leased_until = NULL WHERE clip_id = :clip",
        clip=made.clip_id,
    )
    assert (await advanced(app_engine, made, grant)).state == "identifying"
    await identified(app_engine, host.book_id, made.clip_id)
    assert (await advanced(app_engine, made, grant)).state == "unrecognised"
    await identified(app_engine, host.book_id, made.clip_id, segment(await stream(app_engine, host.book_id)))
    assert (await advanced(app_engine, made, grant)).state == "identified"
    told = [name.removeprefix("submission.") for name in await events_of(app_engine, host.book_id)]
    assert told == ["submitted", "taken-up", "unrecognised", "identified"]


async def test_what_breaks_the_terms_is_found_when_the_clip_is_identified(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    inside, outside = await stream(app_engine, host.book_id), await stream(app_engine, host.book_id)
    scope = terms(streams=(inside,), edits=EditRules(mirroring=False, longest_s=20))
    grant = await new_grant(host, terms=scope)
    made = await submitted(app_engine, grant, SILENT)
    await identified(app_engine, host.book_id, made.clip_id, segment(inside), segment(outside, mirrored=True))
    found = await advanced(app_engine, made, grant)
    assert [each.code for each in found.findings] == [
        "stream-out-of-scope",
        "mirrored",
        "too-long",
        "disclosure-missing",
    ]
    assert found.findings[0].value == str(outside)


async def test_a_clip_that_cannot_be_read_is_unrecognised_and_says_why(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    made = await submitted(app_engine, grant)
    await unreadable(app_engine, host.book_id, made.clip_id)
    found = await advanced(app_engine, made, grant)
    assert (found.state, found.findings[0].code) == ("unrecognised", "not-a-video")


async def test_two_clocks_at_once_move_a_submission_once(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    made = await submitted(app_engine, grant)
    await identified(app_engine, host.book_id, made.clip_id)

    async def clock() -> None:
        async with app_engine.begin() as connection:
            await reviewing.advance(connection, host.book_id)

    await asyncio.gather(clock(), clock())
    assert await events_of(app_engine, host.book_id) == ["submission.submitted", "submission.unrecognised"]


# Reviewing --------------------------------------------------------------------------------------------------


async def test_what_nothing_speaks_against_is_approved_when_its_time_has_come(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host, terms=terms(review_hours=1))
    made = await recognised(app_engine, grant)
    async with app_engine.begin() as connection:
        await reviewing.approve_due(connection, host.book_id)
        assert (await submissions.find_submission(connection, host.book_id, made.submission_id)).state == "identified"
    approved = await overdue(app_engine, made, grant)
    assert (approved.state, approved.decided_by) == ("approved", "job:submissions")
    assert (await events_of(app_engine, host.book_id))[-1] == "submission.approved"


async def test_what_a_person_must_look_at_is_never_approved_by_the_clock(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    source = await stream(app_engine, host.book_id)
    strict = await new_grant(host, terms=terms(streams=(source + 1,)))
    broken = await recognised(app_engine, strict, source=source)
    assert (await overdue(app_engine, broken, strict)).state == "identified"
    grant = await new_grant(host)
    silent = await recognised(app_engine, grant, SILENT, source)
    assert (await overdue(app_engine, silent, grant)).state == "identified"
    suspended = await recognised(app_engine, grant, AD, source)
    await put(app_engine, grant, "suspended")
    assert (await overdue(app_engine, suspended, grant)).state == "identified"


async def test_a_clip_without_disclosure_is_approved_only_by_who_has_seen_it(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    made = await recognised(app_engine, grant, SILENT)
    async with app_engine.begin() as connection:
        key = (connection, host.book_id, made.submission_id)
        with pytest.raises(errors.NotDisclosed):
            await reviewing.approve(*key, confirmed=False, by=HOST)
        approved = await reviewing.approve(*key, confirmed=True, by=HOST)
    assert (approved.state, approved.disclosed, approved.decided_by) == ("approved", "confirmed", "user:8")


async def test_a_rejection_says_why_and_only_its_host_can_take_it_back(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    made = await recognised(app_engine, grant)
    async with app_engine.begin() as connection:
        key = (connection, host.book_id, made.submission_id)
        with pytest.raises(errors.InvalidSubmission):
            await reviewing.reject(*key, reason="  ", refused=False, by=HOST)
        await reviewing.approve(*key, confirmed=False, by=HOST)
        rejected = await reviewing.reject(*key, reason="Too loud", refused=True, by=HOST)
        assert (rejected.state, rejected.disclosed, rejected.reason) == ("rejected", "refused", "Too loud")
        with pytest.raises(errors.WrongTransition, match=r"allowed: approved \(by the host\)"):
            await submissions.remove(*key, reason=None, by=CLIPPER)
        with pytest.raises(errors.NotDisclosed):
            await reviewing.approve(*key, confirmed=False, by=HOST)
        after_all = await reviewing.approve(*key, confirmed=True, by=HOST)
        assert (after_all.state, after_all.disclosed, after_all.reason) == ("approved", "confirmed", None)


async def test_of_two_reviewers_at_once_one_decides(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    made = await recognised(app_engine, grant)

    async def approve() -> Submission:
        async with app_engine.begin() as connection:
            return await reviewing.approve(connection, host.book_id, made.submission_id, confirmed=False, by=HOST)

    ended = await asyncio.gather(approve(), approve(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["Submission", "WrongTransition"]


async def test_a_clipper_takes_a_submission_back_and_a_host_only_a_live_one(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    made = await recognised(app_engine, grant)
    async with app_engine.begin() as connection:
        key = (connection, host.book_id, made.submission_id)
        with pytest.raises(errors.WrongTransition):
            await submissions.remove(*key, reason="no", by=HOST)
        assert (await submissions.remove(*key, reason=None, by=CLIPPER)).state == "removed"
        with pytest.raises(errors.WrongTransition):
            await submissions.remove(*key, reason=None, by=CLIPPER)


async def test_the_queue_begins_with_what_is_due_first(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    source = await stream(app_engine, host.book_id)
    made = [await recognised(app_engine, grant, AD, source) for _ in range(3)]
    due: list[datetime | None] = [None, soon(hours=2), soon(hours=1)]
    for each, review_by in zip(made, due, strict=True):
        statement = "UPDATE licensing.submissions SET review_by = :at WHERE submission_id = :id"
        await sql(app_engine, statement, at=review_by, id=each.submission_id)
    async with app_engine.connect() as connection:
        first = await reviewing.list_to_review(connection, host.book_id, limit=2)
        rest = await reviewing.list_to_review(connection, host.book_id, after=first[-1].submission_id)
    wanted = [made[2], made[1], made[0]]
    assert [each.submission_id for each in [*first, *rest]] == [each.submission_id for each in wanted]


async def test_a_host_and_a_clipper_see_only_their_own(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant, other = await new_grant(host), await new_host()
    made = await submitted(app_engine, grant)
    stranger = (await new_grant(host)).clipper
    async with app_engine.connect() as connection:
        for refused in (
            submissions.find_submission(connection, other.book_id, made.submission_id),
            submissions.book_of_submission(connection, stranger.clipper_id, made.submission_id),
        ):
            with pytest.raises(errors.SubmissionNotFound):
                await refused
        assert await submissions.list_submissions(connection, book_id=other.book_id) == []
        assert await submissions.list_submissions(connection, clipper_id=stranger.clipper_id) == []
        found = await submissions.list_submissions(connection, clipper_id=grant.clipper.clipper_id, state="submitted")
        assert [each.submission_id for each in found] == [made.submission_id]


# Over HTTP --------------------------------------------------------------------------------------------------


async def post(client: AsyncClient, by: Person, path: str, body: Any) -> Response:
    return await client.post(path, json=body, headers=posting(by))


async def test_a_clip_goes_from_its_clipper_to_the_host_and_back(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    grant, stranger = await new_grant(host), await new_clipper()
    clipper = grant.clipper
    body = {
        "upload": await arrived(app_engine, host.book_id, f"clipper:{clipper.clipper_id}"),
        "title": "Red coat",
        "caption": "Red coat #ad",
    }
    path = f"{clipper.path}/grants/{grant.grant_id}/submissions"
    hers = path.replace(clipper.path, stranger.path)
    assert (await post(client, stranger.person, hers, body)).status_code == 404
    unknown = await post(client, clipper.person, path, {**body, "book": 1})
    assert (unknown.status_code, problem(unknown)["field"]) == (400, "book")
    answer = await post(client, clipper.person, path, body)
    assert answer.status_code == 201, answer.text
    place, number = answer.headers["location"], answer.json()["submission_id"]
    await identified(
        app_engine, host.book_id, answer.json()["clip_id"], segment(await stream(app_engine, host.book_id, "October"))
    )
    async with app_engine.begin() as connection:
        await reviewing.advance(connection, host.book_id)

    queue = await client.get(f"{host.path}/submissions/to-review", headers=host.person.bearer)
    told = queue.json()["data"][0]
    assert told["contact_sheet"] == f"{host.path}/clips/{told['clip_id']}/contact-sheet"
    assert (told["segments"][0]["title"], told["duration_s"]) == ("October", 30)

    ours = f"{host.path}/submissions/{number}"
    assert (await post(client, host.person, f"{ours}/approve", {})).json()["state"] == "approved"
    again = await post(client, host.person, f"{ours}/approve", {})
    assert (again.status_code, problem(again)["field"]) == (409, "submission.state")
    down = await post(client, host.person, f"{ours}/take-down", {"reason": "not posted yet"})
    assert down.status_code == 409
    assert (await post(client, host.person, f"{ours}/reject", {"reason": "Sold out"})).status_code == 200

    mine = (await client.get(place, headers=clipper.person.bearer)).json()
    assert (mine["state"], mine["reason"], mine["segments"][0]["source_t0"]) == ("rejected", "Sold out", 60)
    assert mine["decided_by"] is None, "who of the host decided is the host's to know"
    assert (await post(client, clipper.person, f"{place}/remove", {})).status_code == 409
    listed = await client.get(f"{clipper.path}/submissions?state=rejected", headers=clipper.person.bearer)
    assert [each["submission_id"] for each in listed.json()["data"]] == [number]
    for person, address in ((stranger.person, f"{stranger.path}/submissions/{number}"), (stranger.person, place)):
        assert (await client.get(address, headers=person.bearer)).status_code == 404


async def test_a_host_hands_in_for_a_clipper_and_looks_through_its_submissions(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant, other = await new_grant(host), await new_host()
    body = {"upload": await arrived(app_engine, host.book_id), "title": "Red coat"}
    made = await post(client, host.person, f"{host.path}/grants/{grant.grant_id}/submissions", body)
    assert made.status_code == 201, made.text
    query = f"?clipper={grant.clipper.clipper_id}&grant={grant.grant_id}&state=submitted"
    found = await client.get(f"{host.path}/submissions{query}", headers=host.person.bearer)
    assert [each["submission_id"] for each in found.json()["data"]] == [made.json()["submission_id"]]
    assert (await client.get(made.headers["location"], headers=host.person.bearer)).json()["contact_sheet"] is None
    odd = await client.get(f"{host.path}/submissions?state=lost", headers=host.person.bearer)
    assert odd.status_code == 400
    foreign = f"{other.path}/submissions/{made.json()['submission_id']}"
    assert (await client.get(foreign, headers=other.person.bearer)).status_code == 404
