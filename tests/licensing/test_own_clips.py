"""A clipper's clips with all its hosts, and the licences under which it may hand in more."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.errors import SubmissionNotFound
from licensing.events import list_own_events
from licensing.own_clips import find_own_clip, licences_for_clips, list_own_clips
from licensing.segments import segments_of_clips
from tests.licensing.house import TERMS, Host, NewClipper, NewGrant, NewHost, soon
from tests.licensing.reels import handed_in, identified, segment, sql, stream


async def test_clips_of_several_hosts_come_together_newest_first(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    numbers, keys = [], []
    for _ in range(2):
        grant = await new_grant(await new_host(), clipper=clipper)
        number, clip_id = await handed_in(app_engine, grant, "approved")
        source = await stream(app_engine, grant.book_id)
        await identified(app_engine, grant.book_id, clip_id, segment(source))
        await identified(app_engine, grant.book_id, clip_id, segment(source), segment(source, 40, 50))
        numbers.append(number)
        keys.append((grant.book_id, clip_id))
    async with app_engine.connect() as connection:
        found = await list_own_clips(connection, clipper.clipper_id)
        assert [clip.submission.submission_id for clip in found] == numbers[::-1]
        assert [clip.book_id for clip in found] == [book_id for book_id, _ in keys[::-1]]
        assert {(clip.host, clip.zone, clip.offer, clip.reading) for clip in found} == {
            ("A host", "Asia/Shanghai", "An offer", "identified")
        }
        assert found[0].handles == clipper.accounts
        assert [len(clip.segments) for clip in found] == [2, 2]
        assert {key: len(its) for key, its in (await segments_of_clips(connection, keys)).items()} == {
            keys[0]: 2,
            keys[1]: 2,
        }
        assert await list_own_clips(connection, clipper.clipper_id, state="live") == []
        assert len(await list_own_clips(connection, clipper.clipper_id, before=numbers[1])) == 1


async def test_one_that_is_anothers_is_not_found(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    number, _ = await handed_in(app_engine, await new_grant(host))
    other = await new_clipper()
    async with app_engine.connect() as connection:
        with pytest.raises(SubmissionNotFound):
            await find_own_clip(connection, other.clipper_id, number)


async def test_clips_are_handed_in_under_grants_that_live(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    ends: dict[str, datetime | None] = {"open": None, "ended": soon(days=-1), "revoked": None, "ending": soon(days=1)}
    made = {name: await new_grant(host, clipper=clipper, ends_at=at) for name, at in ends.items()}
    await sql(
        app_engine, "UPDATE licensing.grants SET state = 'revoked' WHERE grant_id = :id", id=made["revoked"].grant_id
    )
    async with app_engine.connect() as connection:
        found = await licences_for_clips(connection, clipper.clipper_id)
    assert [each.grant_id for each in found] == [made["ending"].grant_id, made["open"].grant_id]
    assert found[0].terms == TERMS
    assert found[0].ends_at is not None
    assert found[0].ends_at > soon() - timedelta(minutes=1)


async def test_what_happened_to_one_clip_is_told_by_its_number(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    numbers = [(await handed_in(app_engine, grant))[0] for _ in range(2)]
    for number in numbers:
        await sql(
            app_engine,
            "INSERT INTO licensing.events (book_id, type, subject, subject_id, state, side, actor, clipper_id, detail)"
            " VALUES (:book, 'submission.submitted', 'submission', :id, 'submitted', 'clipper', 't', :clipper, '{}')",
            book=grant.book_id,
            id=number,
            clipper=grant.clipper.clipper_id,
        )
    async with app_engine.connect() as connection:
        told = await list_own_events(connection, grant.clipper.clipper_id, subject="submission", subject_id=numbers[0])
    assert [each.subject_id for each in told] == [numbers[0]]
