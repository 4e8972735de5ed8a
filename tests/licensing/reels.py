"""What media knows, put straight into its tables: uploads that have arrived, streams, and what clips show."""

import json
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.segments import Segment
from tests.licensing.house import Granted

WHOLE = json.dumps([0, 0, 1, 1])


async def sql(engine: AsyncEngine, statement: str, **values: Any) -> list[Any]:
    """Of plain SQL, in a transaction of its own."""
    async with engine.begin() as connection:
        result = await connection.execute(text(statement), values)
        return list(result) if result.returns_rows else []


async def arrived(engine: AsyncEngine, book_id: int, owner: str | None = None, *, received: int = 3) -> int:
    """An upload of three bytes, of which so many have arrived."""
    rows = await sql(
        engine,
        "INSERT INTO media.uploads (book_id, length, received, created_by, expires_at, owner)"
        " VALUES (:book, 3, :received, 'test', now() + interval '1 day', :owner) RETURNING upload_id",
        book=book_id,
        owner=owner,
        received=received,
    )
    return int(rows[0][0])


async def stream(engine: AsyncEngine, book_id: int, title: str = "Autumn launch") -> int:
    rows = await sql(
        engine,
        "INSERT INTO media.sources (book_id, title, live, created_by) VALUES (:book, :title, false, 'test')"
        " RETURNING source_id",
        book=book_id,
        title=title,
    )
    return int(rows[0][0])


def segment(source_id: int, t0: float = 0.0, t1: float = 30.0, **more: Any) -> Segment:
    """Seconds t0 to t1 of a clip, as they are in the stream's second minute."""
    usual = {"title": "Autumn launch", "score": 0.9, "speed": 1.0, "mirrored": False}
    times = {"clip_t0": t0, "clip_t1": t1, "source_t0": t0 + 60, "source_t1": t1 + 60}
    return Segment(source_id=source_id, **{**usual, **times, **more})


async def identified(
    engine: AsyncEngine, book_id: int, clip_id: int, *segments: Segment, duration_s: float = 30.0
) -> None:
    """Media has found that the clip shows this; nothing: it is unrecognised."""
    state = "identified" if segments else "unrecognised"
    run = await sql(
        engine,
        "INSERT INTO media.identifications (book_id, clip_id, run_no, version, threshold, sources)"
        " SELECT :book, :clip, count(*) + 1, 1, 0.7, 1 FROM media.identifications"
        " WHERE book_id = :book AND clip_id = :clip RETURNING run_no",
        book=book_id,
        clip=clip_id,
    )
    for number, each in enumerate(segments, 1):
        await sql(
            engine,
            "INSERT INTO media.matches VALUES (:book, :clip, :run, :number, :source_id, :clip_t0, :clip_t1,"
            f" :source_t0, :source_t1, :score, :speed, :mirrored, '{WHOLE}', '{WHOLE}', CAST('{{}}' AS jsonb))",
            book=book_id,
            clip=clip_id,
            run=run[0][0],
            number=number,
            **{name: getattr(each, name) for name in Segment.__struct_fields__ if name != "title"},
        )
    statement = "UPDATE media.clips SET state = :state, duration_s = :s WHERE book_id = :book AND clip_id = :clip"
    await sql(engine, statement, state=state, s=duration_s, book=book_id, clip=clip_id)


async def handed_in(engine: AsyncEngine, grant: Granted, state: str = "submitted") -> tuple[int, int]:
    """The numbers of a submission in this state, and of its clip."""
    rows = await sql(
        engine,
        "WITH clip AS ("
        "INSERT INTO media.clips (book_id, title, submitted_by) VALUES (:book, 'Coat', 'test') RETURNING clip_id"
        ") INSERT INTO licensing.submissions"
        " (book_id, grant_id, clipper_id, clip_id, title, caption, state, on_screen, disclosed, submitted_by)"
        " SELECT :book, :grant, :clipper, clip_id, 'Coat', '#ad', :state, false, 'caption', 'test' FROM clip"
        " RETURNING submission_id, clip_id",
        book=grant.book_id,
        grant=grant.grant_id,
        clipper=grant.clipper.clipper_id,
        state=state,
    )
    return int(rows[0][0]), int(rows[0][1])


async def unreadable(engine: AsyncEngine, book_id: int, clip_id: int) -> None:
    statement = (
        "UPDATE media.clips SET state = 'failed', failure_code = 'not-a-video', failure_rule = 'is no video'"
        " WHERE book_id = :book AND clip_id = :clip"
    )
    await sql(engine, statement, book=book_id, clip=clip_id)
