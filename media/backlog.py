"""What waits to be worked on in all books together, and what failed lately: for who runs the service."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

FAILED_DAYS = 7
"""For how long a failure is told of."""


class Queue(msgspec.Struct, frozen=True):
    """Recordings of streams, or clips. `since` is when the one that waits longest came; `failed` are of seven days."""

    waiting: int
    working: int
    failed: int
    since: datetime | None


class Backlog(msgspec.Struct, frozen=True):
    """`parts` are the ten-minute pieces that clips are looked for in."""

    recordings: Queue
    clips: Queue
    parts: int


async def backlog(connection: AsyncConnection) -> Backlog:
    """At this moment."""
    recordings = (await connection.execute(_RECORDINGS, {"days": FAILED_DAYS})).one()
    clips = (await connection.execute(_CLIPS, {"days": FAILED_DAYS})).one()
    return Backlog(_queue(recordings), _queue(clips), int(await connection.scalar(_PARTS) or 0))


def _queue(row: Row[Any]) -> Queue:
    return Queue(row.waiting, row.working, row.failed, row.since)


_RECORDINGS = text("""
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'working') AS working,
           min(created_at) FILTER (WHERE state = 'waiting') AS since,
           count(*) FILTER (WHERE state = 'failed' AND created_at > now() - make_interval(days => :days)) AS failed
    FROM media.recordings
""")
_CLIPS = text("""
    SELECT queue.*, (
        SELECT count(*) FROM media.clips
        WHERE state = 'failed' AND submitted_at > now() - make_interval(days => :days)
    ) AS failed
    FROM (
        SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
               count(*) FILTER (WHERE state = 'working') AS working,
               min(submitted_at) FILTER (WHERE state = 'waiting') AS since
        FROM media.clips WHERE state IN ('waiting', 'working')
    ) AS queue
""")
_PARTS = text("SELECT count(*) FROM media.parts")
