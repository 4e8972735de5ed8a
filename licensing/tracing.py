"""Clips that were submitted to one host, looked for in the streams of all: whoever shows another's has a case there.

What decodes and compares is imported when there is something to look for: it takes seconds.
"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import structlog
from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing.cases import SeenClip, open_case
from licensing.handles import confirmed_accounts
from licensing.segments import Segment
from licensing.tables import submissions
from media.errors import MediaError
from media.places import Place
from media.storage import Storage

if TYPE_CHECKING:
    from media.tracing import Sighting

log = structlog.get_logger()

UNTRACED: LiteralString = """
    licensing.submissions AS submission JOIN media.clips AS clip USING (book_id, clip_id)
    WHERE sightings IS NULL AND clip.state IN ('identified', 'unrecognised') AND clip.place IS NOT NULL
"""
"""Submissions that are to be looked for, as a FROM clause."""

_DUE = text(f"""
    SELECT book_id, clip_id, clipper_id, place FROM {UNTRACED} ORDER BY book_id, clip_id
""")  # noqa: S608 - of constants


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


async def _trace(engine: AsyncEngine, row: Row[Any], seen: "Sequence[Sighting]") -> None:
    """Open what cases there are, and remember that this was looked for."""
    in_order = sorted(seen, key=lambda each: each.book_id)
    for book_id, sightings in groupby(in_order, lambda each: each.book_id):
        async with engine.begin() as connection:
            await _tell(connection, book_id, row, tuple(_segment(each) for each in sightings))
    its = submissions.c
    here = update(submissions).where(its.book_id == row.book_id, its.clip_id == row.clip_id)
    async with engine.begin() as connection:
        await connection.execute(here.values(sightings=len(seen)))


async def _look(engine: AsyncEngine, storage: Storage, index: Path, row: Row[Any]) -> "list[Sighting]":
    """Where it shows streams of other hosts; nowhere, if its bytes are gone."""
    from media import tracing

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


def _segment(sighting: "Sighting") -> Segment:
    known = {name: sighting.match[name] for name in Segment.__struct_fields__ if name != "title"}
    return Segment(title=sighting.title, **known)
