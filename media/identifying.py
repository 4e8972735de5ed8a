"""The work on a clip: decode it, search its book's library, and keep what was found."""

import asyncio
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from media.catalogue import forget, library
from media.clips import record_identification
from media.errors import DamagedFingerprint
from media.fingerprint import VERSION, ClipFingerprint, fingerprint_clip
from media.identification import THRESHOLD, Match, identify
from media.index.errors import StaleIndex
from media.leases import Lease, take
from media.storage import Storage
from media.tables import clips
from media.work import do, do_all_due, whole_place

log = structlog.get_logger()


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
    found, searched = await _search(lease, clip, index)
    key = (lease.row.book_id, lease.row.clip_id)
    async with lease.engine.begin() as connection:
        await lease.write(connection)
        matched = await record_identification(
            connection, key, found, version=VERSION, threshold=THRESHOLD, searched=searched
        )
        state = "identified" if matched else "unrecognised"
        await lease.settle(connection, state, duration_s=clip.duration)


async def _search(lease: Lease, clip: ClipFingerprint, index: Path) -> tuple[list[Match], int]:
    """What matches, and among how many sources.

    What goes wrong may be that another process removes a source at this moment: then the next attempt doesn't know
    it any more. If not, the cache is damaged, and made anew.
    """
    for again in (False, True):
        try:
            return await _searched(lease, clip, index)
        except (StaleIndex, DamagedFingerprint, OSError) as damage:
            if again:
                log.warning("a media index can't be read and is made anew", error=str(damage))
                await forget(index, lease.row.book_id)
    return await _searched(lease, clip, index)


async def _searched(lease: Lease, clip: ClipFingerprint, index: Path) -> tuple[list[Match], int]:
    async with library(lease.engine, index, lease.row.book_id) as opened:
        searched = len({source for source, _ in opened.parts()})
        return await asyncio.to_thread(identify, clip, opened), searched
