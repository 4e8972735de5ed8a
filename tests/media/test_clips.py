"""Clips: submitted, identified, and identified again without losing what was found before."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from psycopg import errors

from clipledger.database import DatabaseUrls, conninfo
from media import identifying, searching
from media.identification import THRESHOLD, Evidence, Match
from media.identifying import identify_due, identify_one
from tests.clipledger.front_door import problem
from tests.media.studio import NewStudio, Studio

Says = Callable[[Sequence[Match]], None]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    """Identification finds what the test says; the clip is still decoded and the library searched."""

    def found(matches: Sequence[Match]) -> None:
        monkeypatch.setattr(searching, "identify", lambda clip, library: list(matches))

    found([])
    return found


def match(source: int, **more: Any) -> Match:
    whole = (0.0, 0.0, 1.0, 1.0)
    times = {"clip_times": (0.5, 1.5), "source_times": (2.5, 3.5)}
    measured = {name: (0.9, 0.8) for name in Evidence.__dataclass_fields__ if name not in {*times, "heard"}}
    evidence = Evidence(**times, **measured, heard=0.7)
    place = {"clip_t0": 0.0, "clip_t1": 2.0, "source_t0": 2.0, "source_t1": 4.0}
    about = {"score": 0.9, "speed": 1.0, "mirrored": False, "clip_rect": whole, "source_rect": whole}
    return Match(**{"source": source, "evidence": evidence, **place, **about, **more})


async def submitted(studio: Studio, content: bytes) -> int:
    upload = await studio.uploaded(content)
    made = await studio.made("clips", {"title": "Red coat", "upload": upload})
    assert made["state"] == "waiting"
    return int(made["clip_id"])


async def identified(studio: Studio, clip: int) -> Any:
    assert await identify_one(studio.engine, studio.storage, studio.index, studio.book_id, clip)
    return await studio.read(f"clips/{clip}")


async def test_a_clip_is_told_what_it_shows_with_the_evidence(studio: Studio, stream: bytes, says: Says) -> None:
    source, clip = await studio.source(stream), await submitted(studio, stream)
    await studio.fingerprinted(source)
    says([match(source, mirrored=True), match(source, clip_t0=2.0, clip_t1=3.0)])

    told = await identified(studio, clip)
    found = await studio.read(f"clips/{clip}/matches")

    assert (told["state"], told["failure"]) == ("identified", None)
    assert told["duration_s"] == pytest.approx(8, abs=0.3)
    assert (found["run_no"], found["threshold"], found["sources"]) == (1, THRESHOLD, 1)
    first, second = found["matches"]
    assert (first["source_id"], first["source_t0"], first["mirrored"]) == (source, 2.0, True)
    assert (second["clip_t0"], second["clip_rect"]) == (2.0, [0, 0, 1, 1])
    assert first["evidence"]["source_times"] == [2.5, 3.5]
    assert first["evidence"]["heard"] == 0.7


async def test_a_clip_of_nothing_known_is_unrecognised(studio: Studio, stream: bytes, says: Says) -> None:
    clip = await submitted(studio, stream)
    assert (await identified(studio, clip))["state"] == "unrecognised"
    assert (await studio.read(f"clips/{clip}/matches"))["matches"] == []


async def test_identifying_again_adds_a_run_and_the_newest_counts(studio: Studio, stream: bytes, says: Says) -> None:
    source, clip = await studio.source(stream), await submitted(studio, stream)
    says([match(source)])
    await identified(studio, clip)
    says([])

    asked = await studio.post(f"clips/{clip}/identify")
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    assert (await identified(studio, clip))["state"] == "unrecognised"

    assert (await studio.read(f"clips/{clip}/matches"))["run_no"] == 2
    assert len((await studio.read(f"clips/{clip}/matches", run=1))["matches"]) == 1
    assert problem(await studio.get(f"clips/{clip}/matches", run=3))["type"] == "/problems/identification-not-found"


async def test_a_source_that_is_removed_during_the_search_does_not_match(
    studio: Studio, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = await studio.source(stream), await studio.source(stream)
    clip = await submitted(studio, stream)

    async def removed_meanwhile(*_: Any) -> Any:
        assert (await studio.delete(f"sources/{gone}")).status_code == 204
        return [match(gone), match(kept)], 2

    monkeypatch.setattr(identifying, "search", removed_meanwhile)
    await identified(studio, clip)
    found = await studio.read(f"clips/{clip}/matches")
    assert [each["source_id"] for each in found["matches"]] == [kept]


async def test_what_is_no_video_fails_with_its_reason_and_may_be_tried_again(studio: Studio) -> None:
    clip = await submitted(studio, b"a letter")
    told = await identified(studio, clip)
    assert (told["state"], told["failure"]["code"]) == ("failed", "not-a-video")
    assert problem(await studio.get(f"clips/{clip}/matches"))["type"] == "/problems/identification-not-found"
    assert (await studio.post(f"clips/{clip}/identify")).json()["failure"] is None


async def test_every_clip_that_is_due_is_identified(studio: Studio, stream: bytes, says: Says) -> None:
    clips = [await submitted(studio, stream) for _ in range(2)]
    await identify_due(studio.engine, studio.storage, studio.index)
    told = await studio.read("clips")
    assert [(each["clip_id"], each["state"]) for each in told["data"]] == [(n, "unrecognised") for n in clips[::-1]]


async def test_the_contact_sheet_is_a_picture(studio: Studio, stream: bytes, says: Says) -> None:
    source, clip = await studio.source(stream), await submitted(studio, stream)
    early = await studio.get(f"clips/{clip}/contact-sheet")
    assert early.status_code == 404
    await studio.fingerprinted(source)
    says([match(source), match(await studio.live_source(), clip_t0=2.0, clip_t1=3.0)])
    await identified(studio, clip)

    sheet = await studio.get(f"clips/{clip}/contact-sheet")

    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "image/jpeg")
    assert sheet.content.startswith(b"\xff\xd8\xff")


async def test_a_clip_of_another_book_is_none(studio: Studio, new_studio: NewStudio, stream: bytes) -> None:
    other, clip = await new_studio(), await submitted(studio, stream)
    for path in ("", "/matches", "/contact-sheet"):
        assert (await other.get(f"clips/{clip}{path}")).status_code == 404
    assert (await other.post(f"clips/{clip}/identify")).status_code == 404
    assert (await other.read("clips"))["data"] == []


async def test_a_clip_is_registered_by_its_path_by_who_runs_the_service(studio: Studio, stream: bytes) -> None:
    path = studio.folder / f"{studio.book}-clip.mp4"
    path.write_bytes(stream)
    body = {"title": "By path", "video": {"path": str(path)}}
    assert (await studio.post("clips/import", body)).status_code == 403
    assert (await studio.made("clips/import", body, by=studio.operator))["state"] == "waiting"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE media.matches SET score = 1",
        "DELETE FROM media.matches",
        "DELETE FROM media.identifications",
        "DELETE FROM media.clips",
        "DELETE FROM media.sources",
        "UPDATE media.parts SET fingerprint = ''",
    ],
)
def test_the_service_cannot_change_what_was_found(urls: DatabaseUrls, statement: str) -> None:
    with psycopg.connect(conninfo(urls.app)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)
