"""Clips that show a host's stream without a grant: reported by the host, or seen where they went to another host."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

import media.tracing
from licensing import cases, errors, tracing
from licensing.cases import Case, Found
from licensing.segments import Segment
from licensing.states import By
from licensing.terms import Terms
from media.errors import UploadNotFound, VideoFileNotFound
from media.fingerprinting import fingerprint_one
from media.storage import Storage
from media.tracing import Sighting, Trace
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import TERMS, Granted, Host, NewClipper, NewGrant, NewHost, events_of, soon
from tests.licensing.reels import arrived, handed_in, identified, segment, sql, stream, unreadable
from tests.media.showing import cut, film

HOST = By("host", "user:8")
ACCOUNT = "tiktok:stranger"


async def reported(engine: AsyncEngine, host: Host, account: str = ACCOUNT, **more: Any) -> Case:
    upload = await arrived(engine, host.book_id)
    platform, _, handle = account.partition(":")
    found = Found(**{"platform": platform, "handle": handle, "url": "https://www.tiktok.com/@x/video/1", **more})
    async with engine.begin() as connection:
        return await cases.report(connection, host.book_id, upload, found, by=HOST)


async def concluded(engine: AsyncEngine, host: Host, case: Case) -> Case:
    async with engine.begin() as connection:
        await cases.advance_cases(connection, host.book_id)
        return await cases.find_case(connection, host.book_id, case.case_id)


def scope(*streams: int) -> Terms:
    return msgspec.structs.replace(TERMS, streams=streams)


# Reported by the host ---------------------------------------------------------------------------------------


async def test_a_video_that_shows_a_stream_without_a_grant_opens_a_case(app_engine: AsyncEngine, host: Host) -> None:
    case = await reported(app_engine, host)
    assert (case.state, case.clipper_id) == ("looking", None)
    assert (await concluded(app_engine, host, case)).state == "looking"
    assert case.clip_id is not None
    shown = segment(await stream(app_engine, host.book_id, "October"), title="October")
    await identified(app_engine, host.book_id, case.clip_id, shown)
    opened = await concluded(app_engine, host, case)
    assert (opened.state, opened.evidence.segments, opened.evidence.accounts) == ("open", (shown,), (ACCOUNT,))
    assert await events_of(app_engine, host.book_id) == ["case.reported", "case.opened"]


async def test_what_a_grant_of_the_account_covers_is_cleared(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    source = await stream(app_engine, host.book_id)
    grant = await new_grant(host, terms=scope(source))
    case = await reported(app_engine, host, grant.clipper.accounts[0].upper().replace("TIKTOK", "tiktok"))
    assert (case.clipper_id, case.clip_id is None) == (grant.clipper.clipper_id, False)
    await identified(app_engine, host.book_id, case.clip_id or 0, segment(source))
    cleared = await concluded(app_engine, host, case)
    assert (cleared.state, cleared.decided_by) == ("cleared", "job:cases")
    assert cleared.reason == f"{grant.clipper.accounts[0]} holds a grant for what it shows"


async def test_a_grant_covers_its_streams_its_time_and_its_accounts_only(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    inside, outside = await stream(app_engine, host.book_id), await stream(app_engine, host.book_id)
    both = (segment(inside), segment(outside))
    grant = await new_grant(host, terms=scope(inside))
    ended = await new_grant(host, ends_at=soon(seconds=-1))
    not_yet = await new_grant(host, starts_at=soon(hours=1))
    elsewhere = await new_grant(await new_host())

    async def beyond(**holder: Any) -> tuple[Segment, ...]:
        async with app_engine.connect() as connection:
            return await cases.unlicensed(connection, host.book_id, both, **holder)

    assert await beyond(account=grant.clipper.accounts[0]) == both[1:]
    assert await beyond(clipper_id=grant.clipper.clipper_id) == both[1:]
    for other in (ended, not_yet, elsewhere):
        assert await beyond(account=other.clipper.accounts[0]) == both
    await sql(app_engine, "UPDATE licensing.grants SET state = 'suspended' WHERE grant_id = :id", id=grant.grant_id)
    assert await beyond(clipper_id=grant.clipper.clipper_id) == both


async def test_a_video_that_shows_nothing_or_cannot_be_read_is_cleared_with_the_reason(
    app_engine: AsyncEngine, host: Host
) -> None:
    other, broken = await reported(app_engine, host), await reported(app_engine, host)
    await identified(app_engine, host.book_id, other.clip_id or 0)
    await unreadable(app_engine, host.book_id, broken.clip_id or 0)
    assert (await concluded(app_engine, host, other)).reason == "shows none of your streams"
    assert (await concluded(app_engine, host, broken)).reason == "the video can't be read: is no video"


async def test_what_is_said_of_a_video_is_checked(app_engine: AsyncEngine, host: Host) -> None:
    wrong = [("platform", "myspace"), ("handle", ""), ("handle", "a\0"), ("url", "ftp://x/1"), ("url", "https://x/\0")]
    for field, value in wrong:
        with pytest.raises(errors.Invalid) as refused:
            await reported(app_engine, host, **{field: value})
        assert refused.value.field == field


async def test_a_clippers_upload_is_not_the_hosts_to_report(app_engine: AsyncEngine, host: Host) -> None:
    upload = await arrived(app_engine, host.book_id, "clipper:1")
    async with app_engine.begin() as connection:
        with pytest.raises(UploadNotFound):
            await cases.report(connection, host.book_id, upload, Found(platform="tiktok", handle="x"), by=HOST)


async def test_only_an_open_case_is_decided_and_by_one_of_two(app_engine: AsyncEngine, host: Host) -> None:
    case = await reported(app_engine, host)

    async def decide(verdict: cases.Verdict, reason: str = "paid") -> Case:
        async with app_engine.begin() as connection:
            return await cases.decide(connection, host.book_id, case.case_id, verdict, reason=reason, by=HOST)

    with pytest.raises(errors.WrongTransition):
        await decide("settled")
    await identified(app_engine, host.book_id, case.clip_id or 0, segment(await stream(app_engine, host.book_id)))
    await concluded(app_engine, host, case)
    with pytest.raises(errors.InvalidCase):
        await decide("settled", " ")
    ended = await asyncio.gather(decide("settled"), decide("dismissed"), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["Case", "WrongTransition"]


# Seen where it went to another host -------------------------------------------------------------------------


class Seen:
    """What tracing sees in clips, as the test says."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self.fault: Exception | None = None
        self.times = 0

    async def __call__(self, *_: Any) -> Trace:
        self.times += 1
        if self.fault:
            raise self.fault
        return Trace(30.0, 2, tuple(self.sightings))

    def add(self, book_id: int, title: str, shown: Segment) -> None:
        self.sightings.append(Sighting(book_id, title, {**msgspec.structs.asdict(shown), "evidence": {}}))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    made = Seen()
    monkeypatch.setattr(media.tracing, "trace", made)
    return made


async def traceable(engine: AsyncEngine, grant: Granted, path: Path) -> int:
    """A clip that was submitted and identified, whose bytes are this file's."""
    _, clip = await handed_in(engine, grant)
    place = "UPDATE media.clips SET place = :place WHERE book_id = :book AND clip_id = :clip"
    await sql(engine, place, place=f"file:{path}", book=grant.book_id, clip=clip)
    await identified(engine, grant.book_id, clip)
    return clip


async def traced(engine: AsyncEngine, index: Path) -> int:
    return await tracing.trace_due(engine, Storage("file:///nowhere"), index)


async def cases_of(engine: AsyncEngine, host: Host) -> list[Case]:
    async with engine.connect() as connection:
        return await cases.list_cases(connection, host.book_id)


@pytest.fixture
async def clip(tmp_path: Path, app_engine: AsyncEngine) -> Path:
    """A file, in a world where everything before it was traced."""
    await sql(app_engine, "UPDATE licensing.submissions SET sightings = 0 WHERE sightings IS NULL")
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a film")
    return path.resolve()


async def test_a_clip_handed_to_one_host_opens_a_case_for_another_whose_stream_it_shows(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, seen: Seen, clip: Path
) -> None:
    theirs, ours = await new_host(), await new_host()
    grant = await new_grant(theirs)
    clip_id = await traceable(app_engine, grant, clip)
    own, foreign = segment(await stream(app_engine, theirs.book_id)), segment(await stream(app_engine, ours.book_id))
    seen.add(theirs.book_id, "Theirs", own)
    seen.add(ours.book_id, "Ours", foreign)

    assert await traced(app_engine, clip) == 1
    assert await traced(app_engine, clip) == 0

    assert seen.times == 1
    assert await cases_of(app_engine, theirs) == []
    (case,) = await cases_of(app_engine, ours)
    assert (case.state, case.clipper_id, case.clip_id) == ("open", grant.clipper.clipper_id, None)
    assert case.evidence.segments == (msgspec.structs.replace(foreign, title="Ours"),)
    assert case.evidence.accounts == tuple(sorted(grant.clipper.accounts))
    assert await events_of(app_engine, ours.book_id) == ["case.opened"]
    told = await sql(
        app_engine, "SELECT detail, clipper_id FROM licensing.events WHERE book_id = :book", book=ours.book_id
    )
    assert told == [({}, None)]
    sightings = "SELECT sightings FROM licensing.submissions WHERE book_id = :book AND clip_id = :clip"
    assert await sql(app_engine, sightings, book=theirs.book_id, clip=clip_id) == [(1,)]


async def test_a_clipper_with_a_grant_of_that_host_has_no_case_there(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, seen: Seen, clip: Path
) -> None:
    theirs, ours = await new_host(), await new_host()
    grant = await new_grant(theirs)
    source = await stream(app_engine, ours.book_id)
    await new_grant(ours, clipper=grant.clipper, terms=scope(source))
    await traceable(app_engine, grant, clip)
    seen.add(ours.book_id, "Ours", segment(source))
    await traced(app_engine, clip)
    assert await cases_of(app_engine, ours) == []


async def test_what_was_broken_off_is_traced_again_and_opens_no_second_case(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, seen: Seen, clip: Path
) -> None:
    theirs, ours = await new_host(), await new_host()
    clip_id = await traceable(app_engine, await new_grant(theirs), clip)
    seen.add(ours.book_id, "Ours", segment(await stream(app_engine, ours.book_id)))
    seen.fault = RuntimeError("the machine")
    with pytest.raises(ExceptionGroup):
        await traced(app_engine, clip)
    seen.fault = None
    await traced(app_engine, clip)
    sightings = [tracing._segment(each) for each in seen.sightings]
    async with app_engine.begin() as connection:
        again = cases.SeenClip(f"{theirs.book_id}:{clip_id}", 1, (), tuple(sightings))
        assert not await cases.open_case(connection, ours.book_id, again)
    assert len(await cases_of(app_engine, ours)) == 1


async def test_a_clip_whose_bytes_are_gone_is_not_looked_for_again(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, seen: Seen, clip: Path
) -> None:
    await traceable(app_engine, await new_grant(host), clip)
    seen.fault = VideoFileNotFound("path")
    assert (await traced(app_engine, clip), await traced(app_engine, clip)) == (1, 0)


async def test_a_real_clip_is_recognised_in_another_hosts_stream(
    app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, clip: Path, tmp_path: Path
) -> None:
    theirs, ours = await new_host(), await new_host()
    whole = film(tmp_path / "stream.mp4", seconds=8, seed=2).resolve()
    cut(clip, whole, start=2, seconds=4)
    source = await stream(app_engine, ours.book_id, "Ours")
    recording = (
        "INSERT INTO media.recordings (book_id, source_id, recording_no, place) VALUES (:book, :source, 1, :place)"
    )
    await sql(app_engine, recording, book=ours.book_id, source=source, place=f"file:{whole}")
    assert await fingerprint_one(app_engine, Storage("file:///nowhere"), ours.book_id, source)
    await traceable(app_engine, await new_grant(theirs), clip)
    await traced(app_engine, tmp_path / "index")
    (case,) = await cases_of(app_engine, ours)
    (shown,) = case.evidence.segments
    assert (shown.source_id, shown.title) == (source, "Ours")


# Over HTTP --------------------------------------------------------------------------------------------------


async def test_a_host_reports_reads_and_settles_over_http(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_host: NewHost, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper("tiktok")
    body = {
        "upload": await arrived(app_engine, host.book_id),
        "platform": "tiktok",
        "handle": clipper.accounts[0].removeprefix("tiktok:"),
    }
    made = await client.post(f"{host.path}/cases", json=body, headers=posting(host.person))
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["state"], told["clipper_id"], "origin" in told) == ("looking", clipper.clipper_id, False)
    source = await stream(app_engine, host.book_id)
    await identified(app_engine, host.book_id, told["clip_id"], segment(source))
    async with app_engine.begin() as connection:
        await cases.advance_cases(connection, host.book_id)
    place = made.headers["location"]
    opened = (await client.get(place, headers=host.person.bearer)).json()
    assert opened["contact_sheet"] == f"{host.path}/clips/{told['clip_id']}/contact-sheet"
    settled = await client.post(f"{place}/settle", json={"reason": "paid"}, headers=posting(host.person))
    assert (settled.status_code, settled.json()["state"]) == (200, "settled")
    late = await client.post(f"{place}/dismiss", json={"reason": "no"}, headers=posting(host.person))
    assert (late.status_code, problem(late)["value"]) == (409, "settled")
    listed = await client.get(f"{host.path}/cases?state=settled", headers=host.person.bearer)
    assert [each["case_id"] for each in listed.json()["data"]] == [told["case_id"]]
    other = await new_host()
    foreign = place.replace(host.path, other.path)
    assert (await client.get(foreign, headers=other.person.bearer)).status_code == 404
    assert (await client.get(place, headers=clipper.person.bearer)).status_code == 404
    decided = await client.post(f"{foreign}/settle", json={"reason": "x"}, headers=posting(other.person))
    assert decided.status_code == 404
