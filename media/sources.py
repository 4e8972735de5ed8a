"""Sources: a host's streams, each of one recording or, while it is live, of more and more of them.

A recording is a file that can be decoded by itself. A source that grows gets another one appended, be it the next
five minutes or the rest; it is `live` until it is said to be finished. A source that was removed is never matched
again: its fingerprints are deleted in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.errors import InvalidTime, SourceFinished, SourceNotFound
from media.places import OWN_PREFIX, Place
from media.storage import Storage
from media.tables import parts, recordings, sources
from media.titles import checked_title
from media.uploads import drop_pieces

State = Literal["waiting", "fingerprinting", "ready", "failed", "removed"]
_REMOVED = {
    "state": "failed",
    "failure_code": "source-removed",
    "failure_rule": "the source was removed",
    "worker": None,
    "leased_until": None,
}


class Failure(msgspec.Struct, frozen=True):
    """Why a file could not be used: a stable code, and the sentence for people."""

    code: str
    rule: str


class Recording(msgspec.Struct, frozen=True):
    """`starts_s` seconds after the source's start; that and `duration_s` are null until known. `progress` is 0 to 1."""

    recording_no: int
    state: Literal["waiting", "working", "ready", "failed"]
    starts_s: float | None
    duration_s: float | None
    progress: float
    failure: Failure | None
    created_at: datetime


class Source(msgspec.Struct, frozen=True):
    """A stream. What of it is fingerprinted is searched, also while its `state` is not ready yet.

    `progress` is 0 to 1, over all recordings there are so far; `failure` is the first of a recording.
    """

    source_id: int
    title: str
    state: State
    live: bool
    duration_s: float
    progress: float
    failure: Failure | None
    recorded_at: datetime | None
    created_by: str
    created_at: datetime
    removed_at: datetime | None
    recordings: tuple[Recording, ...]


async def create_source(
    connection: AsyncConnection,
    book_id: int,
    title: str,
    place: Place | None,
    *,
    created_by: str,
    live: bool = False,
    recorded_at: datetime | None = None,
) -> Source:
    """Register a stream, with its recording or, when live, perhaps without one yet.

    Raises:
        InvalidTitle
        SourceFinished: there is no recording, and none is to come.
    """
    if place is None and not live:
        raise SourceFinished("live", "false", "a source that is not live has a recording from the beginning")
    values = {"title": checked_title(title), "live": live, "recorded_at": recorded_at, "created_by": created_by}
    row = insert(sources).values(book_id=book_id, **values).returning(sources.c.source_id)
    source_id: int = (await connection.execute(row)).scalar_one()
    if place is not None:
        await _append(connection, book_id, source_id, 1, place, None)
    return await find_source(connection, book_id, source_id)


async def add_recording(
    connection: AsyncConnection, book_id: int, source_id: int, place: Place, *, starts_s: float | None = None
) -> Source:
    """Let a live source grow. Without `starts_s` the recording begins where the one before it ends.

    Raises:
        SourceNotFound, SourceFinished
        InvalidTime: it begins before the recording before it does.
    """
    source = await _locked(connection, book_id, source_id)
    if not source.live:
        raise SourceFinished("source", source_id)
    earlier = (await find_source(connection, book_id, source_id)).recordings
    if starts_s is not None and not _earliest(earlier) <= starts_s < float("inf"):
        raise InvalidTime("starts_s", starts_s)
    await _append(connection, book_id, source_id, len(earlier) + 1, place, starts_s)
    return await find_source(connection, book_id, source_id)


def _earliest(earlier: Sequence[Recording]) -> float:
    return max((recording.starts_s or 0.0 for recording in earlier), default=0.0)


async def _append(
    connection: AsyncConnection, book_id: int, source_id: int, number: int, place: Place, starts_s: float | None
) -> None:
    values = {"recording_no": number, "place": str(place), "starts_s": starts_s}
    await connection.execute(insert(recordings).values(book_id=book_id, source_id=source_id, **values))


async def finish_source(connection: AsyncConnection, book_id: int, source_id: int) -> Source:
    """No more recordings will come. Raises SourceNotFound."""
    await _locked(connection, book_id, source_id)
    await connection.execute(update(sources).where(_named(book_id, source_id)).values(live=False))
    return await find_source(connection, book_id, source_id)


async def remove_source(connection: AsyncConnection, book_id: int, source_id: int) -> None:
    """Never match it again. What clips were found to show before stays on record. Raises SourceNotFound."""
    await _locked(connection, book_id, source_id)
    of_it = and_(recordings.c.book_id == book_id, recordings.c.source_id == source_id)
    now = func.now()
    await connection.execute(update(sources).where(_named(book_id, source_id)).values(live=False, removed_at=now))
    unfinished = recordings.c.state.in_(["waiting", "working"])
    await connection.execute(update(recordings).where(of_it, unfinished).values(_REMOVED))
    await connection.execute(delete(parts).where(parts.c.book_id == book_id, parts.c.source_id == source_id))
    in_pieces = and_(of_it, recordings.c.place.startswith("upload:"))
    for place in (await connection.scalars(select(recordings.c.place).where(in_pieces))).all():
        await drop_pieces(connection, book_id, int(Place.parse(place).name))
    await connection.execute(update(recordings).where(in_pieces).values(place=None))


async def forget_removed(engine: AsyncEngine, storage: Storage) -> int:
    """Delete the uploaded bytes of removed sources; files and objects that were only named stay. Returns how many."""
    gone = and_(sources.c.book_id == recordings.c.book_id, sources.c.source_id == recordings.c.source_id)
    ours = recordings.c.place.startswith(f"object:{OWN_PREFIX}")
    chosen = select(recordings).join(sources, gone).where(ours, sources.c.removed_at.is_not(None))
    async with engine.connect() as connection:
        found = (await connection.execute(chosen)).all()
    for row in found:
        await storage.delete([Place.parse(row.place).name])
        key = and_(recordings.c.source_id == row.source_id, recordings.c.recording_no == row.recording_no)
        async with engine.begin() as connection:
            of_it = update(recordings).where(recordings.c.book_id == row.book_id, key)
            await connection.execute(of_it.values(place=None))
    return len(found)


# Reading ----------------------------------------------------------------------------------------------------


async def find_source(connection: AsyncConnection, book_id: int, source_id: int) -> Source:
    """Removed ones too. Raises SourceNotFound."""
    row = (await connection.execute(select(sources).where(_named(book_id, source_id)))).one_or_none()
    if row is None:
        raise SourceNotFound("source", source_id)
    return (await _with_recordings(connection, book_id, [row]))[0]


async def find_source_at(connection: AsyncConnection, book_id: int, place: Place) -> Source | None:
    """The newest source that has a recording at this place, unless it failed or was removed."""
    here = and_(recordings.c.book_id == book_id, recordings.c.place == str(place), recordings.c.state != "failed")
    there = and_(sources.c.book_id == book_id, sources.c.source_id == recordings.c.source_id)
    kept = select(sources.c.source_id).join(recordings, there).where(here, sources.c.removed_at.is_(None))
    found = await connection.scalar(kept.order_by(sources.c.source_id.desc()).limit(1))
    return None if found is None else await find_source(connection, book_id, found)


async def list_sources(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[Source]:
    """Sources that were not removed, newest first, those before a given one."""
    chosen = select(sources).where(sources.c.book_id == book_id, sources.c.removed_at.is_(None))
    if before is not None:
        chosen = chosen.where(sources.c.source_id < before)
    rows = (await connection.execute(chosen.order_by(sources.c.source_id.desc()).limit(limit))).all()
    return await _with_recordings(connection, book_id, rows)


async def places_of(connection: AsyncConnection, book_id: int, source_id: int) -> list[tuple[float, float, Place]]:
    """Where the source's seconds lie: start, end and place of each recording whose bytes are still there."""
    chosen = select(recordings.c.starts_s, recordings.c.duration_s, recordings.c.place).where(
        recordings.c.book_id == book_id,
        recordings.c.source_id == source_id,
        recordings.c.duration_s.is_not(None),
        recordings.c.place.is_not(None),
    )
    rows = await connection.execute(chosen.order_by(recordings.c.recording_no))
    return [(row.starts_s, row.starts_s + row.duration_s, Place.parse(row.place)) for row in rows]


async def _locked(connection: AsyncConnection, book_id: int, source_id: int) -> Row[Any]:
    there = and_(_named(book_id, source_id), sources.c.removed_at.is_(None))
    row = (await connection.execute(select(sources).where(there).with_for_update())).one_or_none()
    if row is None:
        raise SourceNotFound("source", source_id)
    return row


def _named(book_id: int, source_id: int) -> Any:
    return and_(sources.c.book_id == book_id, sources.c.source_id == source_id)


async def _with_recordings(connection: AsyncConnection, book_id: int, rows: Sequence[Row[Any]]) -> list[Source]:
    ids = [row.source_id for row in rows]
    chosen = select(recordings).where(recordings.c.book_id == book_id, recordings.c.source_id.in_(ids))
    found: dict[int, list[Recording]] = {source_id: [] for source_id in ids}
    for row in await connection.execute(chosen.order_by(recordings.c.source_id, recordings.c.recording_no)):
        found[row.source_id].append(_recording(row))
    return [_source(row, found[row.source_id]) for row in rows]


def _recording(row: Row[Any]) -> Recording:
    failure = failure_of(row)
    names = [name for name in Recording.__struct_fields__ if name != "failure"]
    return Recording(failure=failure, **{name: row._mapping[name] for name in names})


def failure_of(row: Row[Any]) -> Failure | None:
    """Of a recording's or clip's row."""
    return None if row.failure_code is None else Failure(row.failure_code, row.failure_rule or row.failure_code)


def _source(row: Row[Any], its: Sequence[Recording]) -> Source:
    names = ("source_id", "title", "live", "recorded_at", "created_by", "created_at", "removed_at")
    ends = [(each.starts_s or 0.0) + (each.duration_s or 0.0) for each in its]
    return Source(
        **{name: row._mapping[name] for name in names},
        state="removed" if row.removed_at else _state(its),
        duration_s=max(ends, default=0.0),
        progress=sum(each.progress for each in its) / len(its) if its else 0.0,
        failure=next((each.failure for each in its if each.failure), None),
        recordings=tuple(its),
    )


def _state(its: Sequence[Recording]) -> State:
    """The least finished of its recordings decides."""
    states = {each.state for each in its} or {"waiting"}
    if "working" in states or {"waiting", "ready"} <= states:
        return "fingerprinting"
    if "waiting" in states:
        return "waiting"
    return "failed" if "failed" in states else "ready"
