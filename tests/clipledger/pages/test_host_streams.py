"""Streams: the list, one of them, adding one that lies on the server, finishing and removing."""

from datetime import UTC, datetime
from uuid import uuid4

from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewGrant, NewHost, NewUser
from tests.licensing.reels import arrived, handed_in, identified, segment, sql, stream

_WORKING = {"state": "working", "worker": str(uuid4()), "leased_until": datetime(2100, 1, 1, tzinfo=UTC)}


async def _recording(engine: AsyncEngine, book_id: int, source_id: int, **values: object) -> None:
    told = {"state": "ready", "progress": 1.0, "duration_s": 5400.0, "starts_s": 0.0, **values}
    await sql(
        engine,
        f"INSERT INTO media.recordings (book_id, source_id, recording_no, place, {', '.join(told)})"
        f" VALUES (:book, :source, 1, 'file:/nowhere', {', '.join(f':{name}' for name in told)})",
        book=book_id,
        source=source_id,
        **told,
    )


async def test_a_stream_shows_how_far_it_is(app: Litestar, app_engine: AsyncEngine, new_host: NewHost) -> None:
    host = await new_host()
    path = f"/books/{host.book}/streams"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "a clip can only be recognised" in page.text
        ready, reading = [await stream(app_engine, host.book_id, title) for title in ("Spring <b>sale</b>", "Autumn")]
        failed = await stream(app_engine, host.book_id, "A text")
        await _recording(app_engine, host.book_id, ready)
        await _recording(app_engine, host.book_id, reading, progress=0.25, duration_s=None, **_WORKING)
        damaged = {"failure_code": "not-a-video", "failure_rule": "must be a video"}
        await _recording(app_engine, host.book_id, failed, state="failed", progress=0.0, duration_s=None, **damaged)
        page = await visitor.get(path)
        assert page.rows("Your streams") == [
            ["A text", "failed The file is no video that can be read here.", "–", "not said"],
            ["Autumn", "being fingerprinted 25 % 25 % read", "–", "not said"],
            ["Spring <b>sale</b>", "ready", "1:30:00.0", "not said"],
        ]
        assert page.soup.select("#streams[data-live]")
        page = await visitor.get(f"{path}/{ready}")
        assert page.title == "Spring <b>sale</b>"
        assert not page.soup.select("[data-live]")
    async with visiting(app, host.person, language="zh") as visitor:
        assert (await visitor.get(path)).title == "直播"


async def test_a_live_stream_is_begun_finished_and_removed(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/streams")
        page = await visitor.send(page, "live", title=" ", status=400)
        page = await visitor.send(page, "live", title="x" * 201, status=422)
        assert page.faults() == ["1 to 200 characters, none of them NUL"]
        assert page.typed("live", "title") == "x" * 201
        page = await visitor.send(
            page, "live", title="Tonight", fields={"recorded_at@Asia/Shanghai": "2026-11-20T20:00"}
        )
        assert (page.title, "20 Nov 2026, 20:00" in page.text) == ("Tonight", True)
        page = await visitor.send(page, "recording", upload=999, status=404)
        assert page.faults() == ["no such upload in this book"]
        page = await visitor.send(page, "recording", upload=await arrived(app_engine, host.book_id))
        assert "The recording is here" in page.text
        page = await visitor.send(page, "finish")
        assert "recording" not in page.forms()
        source = int(page.path.rpartition("/")[2])
        _, clip = await handed_in(app_engine, await new_grant(host))
        await identified(app_engine, host.book_id, clip, segment(source))
        page = await visitor.get(page.path)
        assert "1 clip shows it" in page.text
        page = await visitor.send(page, "remove")
        assert "The stream is removed." in page.text
        page = await visitor.get(f"/books/{host.book}/streams/{source}")
        assert "No clip is recognised by it any more" in page.text
        assert page.forms() == []


async def test_a_stream_is_taken_from_the_server_by_who_may_import(
    app: Litestar, new_host: NewHost, new_person: NewPerson
) -> None:
    host = await new_host()
    operator = await new_person("operator")
    path = f"/books/{host.book}/streams"
    async with visiting(app, host.person) as visitor:
        assert "import" not in (await visitor.get(path)).forms()
    async with visiting(app, operator) as visitor:
        page = await visitor.get(path)
        assert page.forms() == ["import"]
        page = await visitor.send(page, "import", title="Archive", video__path="/etc/passwd", status=422)
        assert page.typed("import", "video.path") == "/etc/passwd"
        assert page.typed("import", "title") == "Archive"


async def test_a_stream_comes_with_the_form_that_brings_it(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/streams")
        form = page.form("stream")
        assert (form["data-upload"], form["enctype"]) == (f"/v1/books/{host.book}/uploads", "multipart/form-data")
        video = ("launch.mp4", b"seconds of a stream" * 1000)
        page = await visitor.send(page, "stream", title="x" * 201, file=video, status=422)
        assert page.typed("stream", "upload").isdigit()  # what has arrived is not lost
        page = await visitor.send(page, "stream", title="Launch")
        assert (page.title, "The stream is here." in page.text) == ("Launch", True)
        page = await visitor.get(f"/books/{host.book}/streams")
        page = await visitor.send(page, "stream", title="Nothing", file=("empty.mp4", b""), status=422)
        assert "at least one byte" in page.text


async def test_nobody_sees_the_streams_of_others(app: Litestar, new_host: NewHost, new_user: NewUser) -> None:
    host, other = await new_host(), await new_host()
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"/books/{host.book}/streams", status=404)
        await visitor.get(f"/books/{other.book}/streams/999999", status=404)
