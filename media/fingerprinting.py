"""The work on a recording: decode it, and keep its fingerprint in parts as they come.

Decoding runs in a thread and outside of every transaction. Each part is committed by itself, and searched from then
on; what is broken off begins again, and keeps the parts that are there.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from media.clips import look_again
from media.fingerprint import SOURCE_RATE, VERSION, SourceFingerprint, fingerprint_source
from media.leases import Lease, take
from media.probe import probe
from media.storage import Storage
from media.tables import parts, recordings
from media.work import do, do_all_due, whole_place

Told = Callable[[float], None]
"""Told how far the work is, 0 to 1, in the thread that does it."""


async def fingerprint_due(engine: AsyncEngine, storage: Storage) -> int:
    """Fingerprint every recording that is due; returns how many. Raises ExceptionGroup."""
    return await do_all_due(engine, recordings, partial(_fingerprint, storage=storage), _in_turn())


async def fingerprint_one(
    engine: AsyncEngine, storage: Storage, book_id: int, source_id: int, told: Told | None = None
) -> bool:
    """Fingerprint the source's next recording; False when none is due, or another worker has it."""
    lease = await take(engine, recordings, book_id, and_(_in_turn(), recordings.c.source_id == source_id))
    if lease is not None:
        await do(lease, partial(_fingerprint, storage=storage, told=told))
    return lease is not None


def _in_turn() -> ColumnElement[bool]:
    """A recording begins where the one before it ends, so that one is done first."""
    earlier = recordings.alias("earlier")
    waits_for = exists().where(
        earlier.c.book_id == recordings.c.book_id,
        earlier.c.source_id == recordings.c.source_id,
        earlier.c.recording_no < recordings.c.recording_no,
        earlier.c.state.in_(["waiting", "working"]),
    )
    return ~waits_for


async def _fingerprint(lease: Lease, *, storage: Storage, told: Told | None = None) -> None:
    async with storage.local(await whole_place(lease, storage)) as path:
        announced = (await asyncio.to_thread(probe, path)).duration
        first = round(await _start(lease) * SOURCE_RATE)

        def progress(seconds: float) -> None:
            lease.check()
            lease.values["progress"] = min(seconds / announced, 1.0) if announced else 0.0
            if told:
                told(lease.values["progress"])

        coming, end = fingerprint_source(path, first=first, progress=progress), first
        while part := await asyncio.to_thread(_next, coming):
            await _keep(lease, *part)
            end = part[0].end
    async with lease.engine.begin() as connection:
        await lease.settle(connection, "ready", progress=1.0, duration_s=_duration(end - first, announced))
        await look_again(connection, lease.row.book_id)


def _next(coming: Iterator[SourceFingerprint]) -> tuple[SourceFingerprint, bytes] | None:
    part = next(coming, None)
    return None if part is None else (part, part.to_bytes())


async def _start(lease: Lease) -> float:
    """Seconds from the source's start: as told, or where the recording before ends."""
    row, before = lease.row, recordings.alias()
    chosen = select(before.c.starts_s, before.c.duration_s).where(
        before.c.book_id == row.book_id,
        before.c.source_id == row.source_id,
        before.c.recording_no < row.recording_no,
        before.c.starts_s.is_not(None),
    )
    async with lease.engine.begin() as connection:
        starts: float | None = row.starts_s
        if starts is None:
            last = (await connection.execute(chosen.order_by(before.c.recording_no.desc()).limit(1))).one_or_none()
            starts = last.starts_s + (last.duration_s or 0.0) if last else 0.0
        await lease.write(connection, starts_s=starts)
    return starts


async def _keep(lease: Lease, part: SourceFingerprint, packed: bytes) -> None:
    row = lease.row
    key = {"book_id": row.book_id, "source_id": row.source_id, "recording_no": row.recording_no}
    kept = insert(parts).values(**key, first=part.first, version=VERSION, fingerprint=packed)
    async with lease.engine.begin() as connection:
        await lease.write(connection, **lease.values)
        await connection.execute(kept.on_conflict_do_nothing())


def _duration(pictures: int, announced: float | None) -> float:
    """Seconds: what the container says, to the frame, unless less or more than that was in it."""
    counted = pictures / SOURCE_RATE
    return announced if announced is not None and abs(announced - counted) < 1 else counted
