"""An approved clip is posted: its content id is how its sales find it."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import errors, publications
from licensing.publications import Posting, Publication
from licensing.states import By
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import LONG_AGO, TERMS, Granted, Host, NewClipper, NewGrant, NewHost, events_of, soon
from tests.licensing.reels import handed_in, sql

CLIPPER, HOST = By("clipper", "user:7"), By("host", "user:8")


async def approved(engine: AsyncEngine, grant: Granted, state: str = "approved") -> int:
    """A submission in this state."""
    return (await handed_in(engine, grant, state))[0]


def post(grant: Granted, content_id: str = "7345", **more: Any) -> Posting:
    platform, _, handle = grant.clipper.accounts[0].partition(":")
    usual = {"handle": handle, "url": f"https://www.example.com/{content_id}", "published_at": soon(minutes=-1)}
    return Posting(**{"platform": platform, "content_id": content_id, **usual, **more})


async def published(
    engine: AsyncEngine, grant: Granted, submission_id: int, said: Posting | None = None, by: By = CLIPPER
) -> Publication:
    async with engine.begin() as connection:
        return await publications.publish(connection, grant.book_id, submission_id, said or post(grant), by=by)


async def state_of(engine: AsyncEngine, submission_id: int) -> str:
    query = "SELECT state FROM licensing.submissions WHERE submission_id = :id"
    return str((await sql(engine, query, id=submission_id))[0][0])


async def test_the_first_posting_makes_an_approved_clip_live(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    number = await approved(app_engine, grant)
    handle = grant.clipper.accounts[0].partition(":")[2]
    made = await published(app_engine, grant, number, post(grant, handle=f"@{handle.upper()}"))
    assert (made.handle, made.removed_at) == (handle, None)
    assert await state_of(app_engine, number) == "live"
    await published(app_engine, grant, number, post(grant, "7346"), HOST)
    assert await state_of(app_engine, number) == "live"
    assert await events_of(app_engine, host.book_id) == ["submission.published"] * 2


async def test_what_is_said_of_a_posting_is_checked(app_engine: AsyncEngine, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    number = await approved(app_engine, grant)
    wrong: list[tuple[str, Any]] = [
        ("platform", "myspace"),
        ("content_id", ""),
        ("content_id", "7 3"),
        ("content_id", "7" * 201),
        ("handle", "somebody-else"),
        ("handle", "a/b"),
        ("url", "http://www.example.com/1"),
        ("url", "https://www.example.com/外套"),
        ("url", "https://example.com/" + "a" * 2000),
        ("published_at", datetime(2026, 1, 1)),
        ("published_at", datetime.min.replace(tzinfo=LONG_AGO.tzinfo)),
        ("published_at", datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))),
        ("published_at", soon(minutes=6)),
        ("published_at", soon(days=-1, minutes=-1)),
    ]
    for field, value in wrong:
        with pytest.raises(errors.Invalid) as refused:
            await published(app_engine, grant, number, post(grant, **{field: value}))
        assert refused.value.field == field
    assert await state_of(app_engine, number) == "approved"


async def test_a_clip_that_was_not_approved_is_not_posted(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    for state in ("submitted", "identified", "rejected", "removed"):
        with pytest.raises(errors.WrongTransition) as refused:
            await published(app_engine, grant, await approved(app_engine, grant, state))
        assert refused.value.value == state


async def as_of_history(engine: AsyncEngine, grant: Granted, *states: str) -> None:
    """The grant became each of these now, one after the other."""
    for state in states:
        await sql(
            engine,
            "WITH its AS (UPDATE licensing.grants SET state = :state WHERE grant_id = :grant RETURNING book_id)"
            " INSERT INTO licensing.grant_changes"
            " (book_id, grant_id, change_no, action, state, effective_at, recorded_at, actor)"
            " SELECT its.book_id, :grant, count(*) + 1, 'test', :state, now(), now(), 'test'"
            " FROM its JOIN licensing.grant_changes USING (book_id) WHERE grant_id = :grant GROUP BY its.book_id",
            state=state,
            grant=grant.grant_id,
        )


async def test_a_clip_is_posted_under_a_grant_that_is_active_or_in_its_tail(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    terms = msgspec.structs.replace(TERMS, tail_days=7)
    for states, ends_at in (
        (("suspended", "active"), None),
        ((), soon(days=-6)),
        (("expired",), soon(days=-6)),
    ):
        grant = await new_grant(host, terms=terms, ends_at=ends_at)
        number = await approved(app_engine, grant)
        await as_of_history(app_engine, grant, *states)
        await published(app_engine, grant, number, post(grant, str(number)))
    for states, named in (
        (("suspended",), "suspended"),
        (("revoked",), "revoked"),
        (("resigned",), "resigned"),
        (("suspended", "expired"), "suspended"),
    ):
        grant = await new_grant(host, terms=terms, ends_at=soon(days=-6))
        number = await approved(app_engine, grant)
        await as_of_history(app_engine, grant, *states)
        with pytest.raises(errors.WrongTransition) as refused:
            await published(app_engine, grant, number, post(grant, str(number)))
        assert (refused.value.field, refused.value.value) == ("grant.state", named)
        assert await state_of(app_engine, number) == "approved"
    for states in ((), ("expired",)):
        grant = await new_grant(host, terms=terms, ends_at=soon(days=-7))
        number = await approved(app_engine, grant)
        await as_of_history(app_engine, grant, *states)
        with pytest.raises(errors.DeadlinePassed) as late:
            await published(app_engine, grant, number)
        assert late.value.field == "grant.ends_at"


async def test_a_content_id_belongs_to_one_clip_of_a_book_for_good(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    first, second = await approved(app_engine, grant), await approved(app_engine, grant)
    made = await published(app_engine, grant, first)
    for number in (first, second):
        with pytest.raises(errors.ContentTaken):
            await published(app_engine, grant, number)
    async with app_engine.begin() as connection:
        key = (connection, host.book_id, first, made.publication_id)
        assert (await publications.remove_publication(*key, by=CLIPPER)).removed_at is not None
        await publications.remove_publication(*key, by=CLIPPER)
    with pytest.raises(errors.ContentTaken):
        await published(app_engine, grant, second)
    later = post(grant, published_at=soon(hours=-23))
    again = await published(app_engine, grant, first, later)
    assert (again.publication_id, again.removed_at) == (made.publication_id, None)
    assert again.published_at == later.published_at
    elsewhere = await new_grant(await new_host())
    await published(app_engine, elsewhere, await approved(app_engine, elsewhere))
    told = ["submission.published", "submission.unpublished", "submission.published"]
    assert await events_of(app_engine, host.book_id) == told


async def test_of_two_who_claim_a_content_id_at_once_one_gets_it(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    numbers = [await approved(app_engine, grant) for _ in range(2)]
    claims = [published(app_engine, grant, number) for number in numbers]
    ended = await asyncio.gather(*claims, return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["ContentTaken", "Publication"]
    assert sorted([await state_of(app_engine, number) for number in numbers]) == ["approved", "live"]


async def test_sales_find_their_clip_by_platform_and_content_id(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant, other = await new_grant(host), await new_host()
    number = await approved(app_engine, grant)
    made = await published(app_engine, grant, number)
    async with app_engine.begin() as connection:
        await publications.remove_publication(connection, host.book_id, number, made.publication_id, by=HOST)
    keys = [("tiktok", "7345"), ("douyin", "7345"), ("tiktok", "1"), ("tiktok", "7345")]
    async with app_engine.connect() as connection:
        found = await publications.content_index(connection, host.book_id, keys)
        assert found == {("tiktok", "7345"): (number, grant.grant_id, grant.clipper.clipper_id)}
        assert await publications.content_index(connection, host.book_id, []) == {}
        assert await publications.content_index(connection, other.book_id, keys) == {}


async def test_clipper_and_host_put_postings_on_record_over_http(
    app_engine: AsyncEngine,
    client: AsyncClient,
    host: Host,
    new_host: NewHost,
    new_grant: NewGrant,
    new_clipper: NewClipper,
) -> None:
    grant, other, stranger = await new_grant(host), await new_host(), await new_clipper()
    clipper, number = grant.clipper, await approved(app_engine, grant)
    body = {
        "platform": "tiktok",
        "content_id": "7345",
        "handle": clipper.accounts[0].removeprefix("tiktok:"),
        "url": "https://www.tiktok.com/@lina/video/7345",
        "published_at": soon(minutes=4).isoformat(),
    }
    path = f"/submissions/{number}/publications"
    made = await client.post(clipper.path + path, json=body, headers=posting(clipper.person))
    assert made.status_code == 201, made.text
    assert (await client.get(made.headers["location"], headers=clipper.person.bearer)).json() == made.json()
    taken = await client.post(host.path + path, json=body, headers=posting(host.person))
    assert (taken.status_code, problem(taken)["type"]) == (409, "/problems/content-taken")
    ours = f"{host.path}{path}/{made.json()['publication_id']}"
    assert (await client.delete(ours, headers=host.person.bearer)).status_code == 204
    (listed,) = (await client.get(host.path + path, headers=host.person.bearer)).json()
    assert listed["removed_at"] is not None
    for root, person in ((other.path, other.person), (stranger.path, stranger.person)):
        answers = [
            await client.get(root + path, headers=person.bearer),
            await client.post(root + path, json={**body, "content_id": "1"}, headers=posting(person)),
            await client.get(f"{root}{path}/{listed['publication_id']}", headers=person.bearer),
            await client.delete(f"{root}{path}/{listed['publication_id']}", headers=person.bearer),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
