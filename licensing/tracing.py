"""Clips that were submitted to one host, looked for in the streams of all: whoever shows another's has a case there.

It imports what decodes and compares, which takes seconds: only jobs and commands import this.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing.cases import SeenClip, open_case
from licensing.handles import confirmed_accounts
from licensing.segments import Segment
from licensing.tables import traces
from media import tracing
from media.errors import MediaError
from media.places import Place
from media.storage import Storage

log = structlog.get_logger()

_DUE = text("""
    SELECT submission.book_id, submission.clip_id, submission.clipper_id, clip.place
    FROM licensing.submissions AS submission
    JOIN media.clips AS clip ON clip.book_id = submission.book_id AND clip.clip_id = submission.clip_id
    WHERE clip.state IN ('identified', 'unrecognised') AND clip.place IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM licensing.traces AS trace
          WHERE trace.book_id = submission.book_id AND trace.clip_id = submission.clip_id
      )
    ORDER BY submission.book_id, submission.clip_id
""")


async def trace_due(engine: AsyncEngine, storage: Storage, index: Path) -> int:
    """Look for every submission that was not looked for yet; returns how many were. It happens once to each.

    No transaction is open while a clip is read, and none touches two hosts. What was broken off is done again, and
    finds the cases that it has opened.

    Raises:
        ExceptionGroup: faults that are no clip's own. Those clips are due again.
    """
    async with engine.connect() as connection:
        due = (await connection.execute(_DUE)).all()
    faults = list[Exception]()
    for row in due:
        try:
            await _trace(engine, row, await _look(engine, storage, index, row))
        except Exception as fault:
            fault.add_note(f"book {row.book_id}, clip {row.clip_id}")
            faults.append(fault)
    if faults:
        raise ExceptionGroup("submissions were not traced", faults)
    return len(due)


async def _trace(engine: AsyncEngine, row: Row[Any], seen: Sequence[tracing.Sighting]) -> None:
    """Open what cases there are, and remember that this was looked for."""
    in_order = sorted(seen, key=lambda each: each.book_id)
    for book_id, sightings in groupby(in_order, lambda each: each.book_id):
        async with engine.begin() as connection:
            await _tell(connection, book_id, row, tuple(_segment(each) for each in sightings))
    values = {"book_id": row.book_id, "clip_id": row.clip_id, "sightings": len(seen)}
    async with engine.begin() as connection:
        await connection.execute(insert(traces).values(values).on_conflict_do_nothing())


async def _look(engine: AsyncEngine, storage: Storage, index: Path, row: Row[Any]) -> list[tracing.Sighting]:
    """Where it shows streams of other hosts; nowhere, if its bytes are gone."""
    try:
        async with storage.local(Place.parse(row.place)) as path:
            found = await tracing.trace(engine, index, path)
    except MediaError as refusal:
        log.warning("a submission can't be traced", book_id=row.book_id, clip_id=row.clip_id, error=str(refusal))
        return []
    return [each for each in found.sightings if each.book_id != row.book_id]


async def _tell(connection: AsyncConnection, book_id: int, row: Row[Any], segments: tuple[Segment, ...]) -> None:
    accounts = (await confirmed_accounts(connection, [row.clipper_id])).get(row.clipper_id, ())
    await open_case(connection, book_id, SeenClip(f"{row.book_id}:{row.clip_id}", row.clipper_id, accounts, segments))


def _segment(sighting: tracing.Sighting) -> Segment:
    known = {name: sighting.match[name] for name in Segment.__struct_fields__ if name != "title"}
    return Segment(title=sighting.title, **known)
