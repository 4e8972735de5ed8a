"""What waits to be worked on in all books."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from media.backlog import backlog

_SOURCE = text("""
    WITH source AS (
        INSERT INTO media.sources (book_id, title, live, created_by) VALUES (1, 'A stream', false, 'test')
        RETURNING book_id, source_id
    )
    INSERT INTO media.recordings (book_id, source_id, recording_no, state, failure_code, created_at)
    SELECT book_id, source_id, no, state, code, now() - days * interval '1 day' FROM source, (VALUES
        (1, 'waiting', NULL, 2), (2, 'waiting', NULL, 1), (3, 'failed', 'not-a-video', 1), (4, 'failed', 'x', 30)
    ) AS its (no, state, code, days)
""")
_CLIP = text("INSERT INTO media.clips (book_id, title, submitted_by) VALUES (1, 'A clip', 'test')")


async def test_recordings_and_clips_are_counted_by_where_they_stand(app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        before = await backlog(connection)
        await connection.execute(_SOURCE)
        await connection.execute(_CLIP)
        after = await backlog(connection)
        await connection.rollback()
    assert after.recordings.waiting - before.recordings.waiting == 2
    assert after.recordings.failed - before.recordings.failed == 1
    assert after.clips.waiting - before.clips.waiting == 1
    assert after.recordings.since is not None
    assert after.parts == before.parts
