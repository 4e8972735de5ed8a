"""The work on a clip: decode it, search its book's library, and keep what was found."""

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from media.clips import record_identification, settled
from media.fingerprint import VERSION, fingerprint_clip
from media.identification import THRESHOLD
from media.leases import Lease, take
from media.searching import search
from media.storage import Storage
from media.tables import clips
from media.work import do, do_all_due, whole_place


async def identify_due(engine: AsyncEngine, storage: Storage, index: Path) -> int:
    """Identify every clip that is due; returns how many. Raises ExceptionGroup."""
    return await do_all_due(engine, clips, partial(_identify, storage=storage, index=index))


async def identify_one(engine: AsyncEngine, storage: Storage, index: Path, book_id: int, clip_id: int) -> bool:
    """Identify this clip; False when it is not due, or another worker has it."""
    lease = await take(engine, clips, book_id, clips.c.clip_id == clip_id)
    if lease is not None:
        await do(lease, partial(_identify, storage=storage, index=index))
    return lease is not None


async def _identify(lease: Lease, *, storage: Storage, index: Path) -> None:
    async with storage.local(await whole_place(lease, storage)) as path:
        clip = await asyncio.to_thread(fingerprint_clip, path, progress=lambda _: lease.check())
    found, searched = await search(lease.engine, index, clip, lease.row.book_id)
    key = (lease.row.book_id, lease.row.clip_id)
    async with lease.engine.begin() as connection:
        await lease.write(connection)
        matched = await record_identification(
            connection, key, found, version=VERSION, threshold=THRESHOLD, searched=searched
        )
        await lease.settle(connection, **settled(matched=matched > 0), duration_s=clip.duration)
