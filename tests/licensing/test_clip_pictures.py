"""A clipper sees pictures of its own clips, wherever their bytes lie, and of nobody else's."""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from httpx import AsyncClient
from PIL import Image
from sqlalchemy.ext.asyncio import AsyncEngine

from media.ffmpeg import find_ffmpeg
from tests.clipledger.front_door import problem
from tests.licensing.house import Granted, Host, NewClipper, NewGrant
from tests.licensing.reels import handed_in, identified, segment, sql, stream

_SEEN = json.dumps({"clip_times": [], "source_times": [], "still": [], "motion": [], "heard": 0})
_AGAIN = """
    WITH run AS (
        INSERT INTO media.identifications (book_id, clip_id, run_no, version, threshold, sources)
        VALUES (:book, :clip, 2, 1, 0.7, 1)
    )
    INSERT INTO media.matches
    SELECT book_id, clip_id, 2, match_no, source_id, clip_t0, clip_t1, source_t0, source_t1, score, speed, mirrored,
           clip_rect, source_rect, CAST(:seen AS jsonb)
    FROM media.matches WHERE book_id = :book AND clip_id = :clip
"""
"""Once more, with what a contact sheet is drawn from."""


@pytest.fixture(scope="module")
def film(media_var: Path) -> str:
    """The place of nine seconds in upright pictures: three of red, three of green, three of blue."""
    key = "clip-pictures/film.mp4"
    path = media_var / "media" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = [part for colour in ("red", "green", "blue") for part in _three_seconds(colour)]
    joined = ["-filter_complex", "concat=n=3", "-c:v", "mpeg4", "-g", "10", str(path)]
    subprocess.run([find_ffmpeg(), "-v", "error", *inputs, *joined], check=True)
    return f"object:{key}"


def _three_seconds(colour: str) -> list[str]:
    return ["-f", "lavfi", "-i", f"color={colour}:s=90x160:r=10:d=3"]


async def clip_of(engine: AsyncEngine, grant: Granted, film: str) -> str:
    """The address of a submission that was recognised."""
    number, clip_id = await handed_in(engine, grant, "identified")
    await sql(engine, "UPDATE media.clips SET place = :place WHERE clip_id = :id", place=film, id=clip_id)
    source = await stream(engine, grant.book_id)
    await identified(engine, grant.book_id, clip_id, segment(source, 0.0, 9.0), duration_s=9.0)
    await sql(engine, _AGAIN, book=grant.book_id, clip=clip_id, seen=_SEEN)
    return f"{grant.clipper.path}/submissions/{number}"


async def test_a_poster_shows_the_clip_a_third_in(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant, film: str
) -> None:
    grant = await new_grant(host)
    place = await clip_of(app_engine, grant, film)
    answer = await client.get(f"{place}/poster", headers=grant.clipper.person.bearer)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"].startswith("private")
    picture = Image.open(BytesIO(answer.content)).convert("RGB")
    assert picture.size == (135, 240)
    red, green, blue = picture.getpixel((60, 120))  # type: ignore[misc]
    assert green > 90 > max(red, blue)


async def test_a_sheet_shows_its_frames_beside_the_streams(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant, film: str
) -> None:
    grant = await new_grant(host)
    place = await clip_of(app_engine, grant, film)
    answer = await client.get(f"{place}/contact-sheet", headers=grant.clipper.person.bearer)
    assert answer.status_code == 200, answer.text
    assert Image.open(BytesIO(answer.content)).width == 1200


async def test_before_a_clip_was_read_there_is_no_picture(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    number, _ = await handed_in(app_engine, grant)
    answer = await client.get(f"{grant.clipper.path}/submissions/{number}/poster", headers=grant.clipper.person.bearer)
    assert (answer.status_code, problem(answer)["type"]) == (409, "/problems/not-identified-yet")


async def test_nobody_sees_anothers(
    app_engine: AsyncEngine, client: AsyncClient, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    number, _ = await handed_in(app_engine, await new_grant(host))
    other = await new_clipper()
    for picture in ("poster", "contact-sheet"):
        answer = await client.get(f"{other.path}/submissions/{number}/{picture}", headers=other.person.bearer)
        assert answer.status_code == 404
