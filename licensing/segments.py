"""What clips were found to show, as the newest identification says."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Segment(Struct, frozen=True):
    """Seconds clip_t0 to clip_t1 of the clip show seconds source_t0 to source_t1 of the host's stream.

    `score`: the chance that this is right; `speed`: seconds of the stream in one of the clip.
    """

    source_id: int
    title: str
    clip_t0: float
    clip_t1: float
    source_t0: float
    source_t1: float
    score: float
    speed: float
    mirrored: bool


_SEGMENTS = text("""
    SELECT match.clip_id, match.source_id, source.title, match.clip_t0, match.clip_t1, match.source_t0, match.source_t1,
           match.score, match.speed, match.mirrored
    FROM media.matches AS match
    JOIN (
        SELECT clip_id, max(run_no) AS run_no FROM media.identifications
        WHERE book_id = :book_id AND clip_id = ANY (:clip_ids) GROUP BY clip_id
    ) AS newest USING (clip_id, run_no)
    JOIN media.sources AS source ON source.book_id = match.book_id AND source.source_id = match.source_id
    WHERE match.book_id = :book_id
    ORDER BY match.clip_id, match.clip_t0, match.match_no
""")


async def segments_of(
    connection: AsyncConnection, book_id: int, clip_ids: Collection[int]
) -> dict[int, tuple[Segment, ...]]:
    """For each of the book's clips what it shows, in its order; nothing for one that was not identified."""
    found: dict[int, tuple[Segment, ...]] = dict.fromkeys(clip_ids, ())
    for row in await connection.execute(_SEGMENTS, {"book_id": book_id, "clip_ids": list(clip_ids)}):
        named = {name: row._mapping[name] for name in Segment.__struct_fields__}
        found[row.clip_id] += (Segment(**named),)
    return found
