"""A host's streams: registered, fingerprinted part by part, growing while live, and never matched once removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media import fingerprinting, leases
from media.errors import DamagedVideo
from media.fingerprint import fingerprint_source
from media.fingerprinting import fingerprint_one
from media.sources import forget_removed
from media.tables import recordings
from tests.clipledger.front_door import problem
from tests.media.studio import NewStudio, Studio


async def test_an_uploaded_stream_is_fingerprinted(studio: Studio, stream: bytes) -> None:
    upload = await studio.uploaded(stream)
    made = await studio.made(
        "sources", {"title": "Launch", "upload": upload, "recorded_at": "2026-10-05T20:00:00+08:00"}
    )
    assert (made["state"], made["progress"], made["live"]) == ("waiting", 0, False)

    done = await studio.fingerprinted(made["source_id"])

    assert (done["state"], done["progress"], done["failure"]) == ("ready", 1, None)
    assert done["duration_s"] == pytest.approx(8, abs=0.3)
    assert await studio.parts() == [(made["source_id"], 1, 0)]
    assert (await studio.get(f"uploads/{upload}")).status_code == 404
    kept = [path for path in (studio.settings.var / "media/books" / str(studio.book_id)).rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [stream]


async def test_a_live_stream_grows_by_recordings_until_it_is_finished(studio: Studio, stream: bytes) -> None:
    made = await studio.made("sources", {"title": "Live", "live": True})
    source = made["source_id"]
    assert (made["state"], made["recordings"]) == ("waiting", [])
    for starts in (None, None, 100.0):
        upload = await studio.uploaded(stream)
        await studio.made(f"sources/{source}/recordings", {"upload": upload, "starts_s": starts})
        assert (await studio.fingerprinted(source))["state"] == "ready"

    finished = (await studio.post(f"sources/{source}/finish")).json()

    assert [each["starts_s"] for each in finished["recordings"]] == [0, pytest.approx(8, abs=0.3), 100]
    assert finished["live"] is False
    assert finished["duration_s"] == pytest.approx(108, abs=0.3)
    firsts = [first for _, _, first in await studio.parts()]
    assert firsts == [0, pytest.approx(32, abs=1), 400]
    upload = await studio.uploaded(b"too late")
    refused = await studio.post(f"sources/{source}/recordings", {"upload": upload})
    assert problem(refused)["type"] == "/problems/source-finished"
    assert (await studio.get(f"uploads/{upload}")).status_code == 200, "what was refused used up the upload"


async def test_recordings_are_fingerprinted_in_their_order(studio: Studio, stream: bytes) -> None:
    source = await studio.live_source()
    for _ in range(2):
        upload = await studio.uploaded(stream)
        await studio.made(f"sources/{source}/recordings", {"upload": upload})
    first = await leases.take(studio.engine, recordings, studio.book_id, fingerprinting._in_turn())
    assert first is not None
    assert first.row.recording_no == 1
    assert not await fingerprint_one(studio.engine, studio.storage, studio.book_id, source)


@pytest.mark.parametrize("starts", [-1.0, 3.0])
async def test_a_recording_does_not_begin_before_the_one_before_it(studio: Studio, starts: float) -> None:
    source = await studio.live_source()
    upload = await studio.uploaded(b"x")
    await studio.made(f"sources/{source}/recordings", {"upload": upload, "starts_s": 4.0})
    upload = await studio.uploaded(b"x")
    refused = await studio.post(f"sources/{source}/recordings", {"upload": upload, "starts_s": starts})
    assert (problem(refused)["type"], problem(refused)["field"]) == ("/problems/invalid-time", "starts_s")


async def test_what_is_no_video_fails_with_its_reason(studio: Studio) -> None:
    upload = await studio.uploaded(b"this is a letter, not a film")
    made = await studio.made("sources", {"title": "Letter", "upload": upload})
    done = await studio.fingerprinted(made["source_id"])
    assert done["state"] == "failed"
    assert done["failure"]["code"] == "not-a-video"
    assert "must be a video" in done["failure"]["rule"]


async def test_a_removed_source_is_gone_with_its_fingerprints_and_bytes(studio: Studio, stream: bytes) -> None:
    fingerprinted_one, waiting = [await studio.source(stream) for _ in range(2)]
    await studio.fingerprinted(fingerprinted_one)
    for source in (fingerprinted_one, waiting):
        assert (await studio.delete(f"sources/{source}")).status_code == 204
        assert (await studio.delete(f"sources/{source}")).status_code == 404
    assert await studio.parts() == []
    assert not await fingerprint_one(studio.engine, studio.storage, studio.book_id, waiting)
    await forget_removed(studio.engine, studio.storage)
    assert await studio.rows("SELECT DISTINCT place FROM media.recordings WHERE book_id = :book") == [(None,)]
    assert (await studio.read("sources"))["data"] == []
    assert (await studio.read(f"sources/{waiting}"))["state"] == "removed"


async def test_a_recording_with_damage_at_its_end_keeps_the_reason_and_what_came_before(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fingerprint_source

    def breaking(path: Path, *, first: int, progress: Any) -> Iterator[Any]:
        yield from whole(path, first=first, progress=progress)
        raise DamagedVideo("file", "stream.mp4")

    monkeypatch.setattr(fingerprinting, "fingerprint_source", breaking)
    source = await studio.source(stream)
    done = await studio.fingerprinted(source)
    assert (done["state"], done["failure"]["code"]) == ("failed", "damaged-video")
    assert len(await studio.parts()) == 1


# What everybody may get wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["", "x" * 201, "nul\0"])
async def test_a_title_that_is_none_is_refused(studio: Studio, title: str) -> None:
    refused = await studio.post("sources", {"title": title, "live": True})
    assert (refused.status_code, problem(refused)["type"]) == (422, "/problems/invalid-title")


async def test_a_source_without_a_recording_has_to_be_live(studio: Studio) -> None:
    assert problem(await studio.post("sources", {"title": "x"}))["type"] == "/problems/source-finished"


async def test_an_instant_without_a_time_zone_is_refused(studio: Studio) -> None:
    refused = await studio.post("sources", {"title": "x", "live": True, "recorded_at": "2026-10-05T20:00:00"})
    assert problem(refused)["field"] == "recorded_at"


async def test_a_source_of_another_book_is_none(studio: Studio, new_studio: NewStudio) -> None:
    other = await new_studio()
    source = await studio.live_source()
    assert (await other.get(f"sources/{source}")).status_code == 404
    assert (await other.post(f"sources/{source}/finish")).status_code == 404
    assert (await other.delete(f"sources/{source}")).status_code == 404
    assert (await other.read("sources"))["data"] == []


async def test_lists_are_pages(studio: Studio) -> None:
    made = [await studio.live_source() for _ in range(3)]
    page = await studio.read("sources", limit=2)
    rest = await studio.read("sources", limit=2, cursor=page["next_cursor"])
    assert [each["source_id"] for each in page["data"] + rest["data"]] == made[::-1]
    assert rest["next_cursor"] is None
    assert problem(await studio.get("sources", cursor="x"))["type"] == "/problems/invalid-cursor"
