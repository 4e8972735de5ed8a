"""How many clips show a source, as the newest identification of each says."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SHOWING = text("""
    SELECT count(DISTINCT match.clip_id)
    FROM media.matches AS match
    WHERE match.book_id = :book_id AND match.source_id = :source_id
      AND match.run_no = (
          SELECT max(run_no) FROM media.identifications AS run
          WHERE run.book_id = match.book_id AND run.clip_id = match.clip_id
      )
""")


async def clips_showing(connection: AsyncConnection, book_id: int, source_id: int) -> int:
    """Of any state, also those of a source that was removed."""
    return await connection.scalar(_SHOWING, {"book_id": book_id, "source_id": source_id}) or 0
