"""What clips were found to show, as the newest identification says."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ClipKey = tuple[int, int]
"""book_id, clip_id"""


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
    SELECT book_id, clip_id, match.source_id, source.title, match.clip_t0, match.clip_t1, match.source_t0,
           match.source_t1, match.score, match.speed, match.mirrored
    FROM unnest(CAST(:books AS bigint[]), CAST(:clips AS bigint[])) AS asked (book_id, clip_id)
    CROSS JOIN LATERAL (
        SELECT max(run_no) AS run_no FROM media.identifications AS run
        WHERE run.book_id = asked.book_id AND run.clip_id = asked.clip_id
    ) AS newest
    JOIN media.matches AS match USING (book_id, clip_id, run_no)
    JOIN media.sources AS source USING (book_id, source_id)
    ORDER BY book_id, clip_id, match.clip_t0, match.match_no
""")


async def segments_of(
    connection: AsyncConnection, book_id: int, clip_ids: Collection[int]
) -> dict[int, tuple[Segment, ...]]:
    """For each of the book's clips what it shows, in its order; nothing for one that was not identified."""
    found = await segments_of_clips(connection, [(book_id, clip_id) for clip_id in clip_ids])
    return {clip_id: its for (_, clip_id), its in found.items()}


async def segments_of_clips(
    connection: AsyncConnection, clips: Collection[ClipKey]
) -> dict[ClipKey, tuple[Segment, ...]]:
    """The same of clips of several books."""
    found: dict[ClipKey, tuple[Segment, ...]] = dict.fromkeys(clips, ())
    asked = {"books": [book_id for book_id, _ in clips], "clips": [clip_id for _, clip_id in clips]}
    for row in await connection.execute(_SEGMENTS, asked):
        named = {name: row._mapping[name] for name in Segment.__struct_fields__}
        found[row.book_id, row.clip_id] += (Segment(**named),)
    return found
