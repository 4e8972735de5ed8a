"""A clip looked for in a library, whatever happens to the library's files meanwhile."""

import asyncio
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from media.catalogue import Told, forget, library
from media.errors import DamagedFingerprint
from media.fingerprint import ClipFingerprint
from media.identification import Match, identify
from media.index.errors import StaleIndex

log = structlog.get_logger()


async def search(
    engine: AsyncEngine, index: Path, clip: ClipFingerprint, book_id: int | None = None, told: Told | None = None
) -> tuple[list[Match], int]:
    """What matches, and among how many sources: those of the book, or without one of every book.

    What goes wrong may be that another process removes a source at this moment: then the next attempt doesn't know
    it any more. If not, the cache is damaged, and made anew.
    """
    for again in (False, True):
        try:
            return await _searched(engine, index, clip, book_id, told)
        except (StaleIndex, DamagedFingerprint, OSError) as damage:
            if again:
                log.warning("a media index can't be read and is made anew", error=str(damage))
                await forget(index, book_id)
    return await _searched(engine, index, clip, book_id, told)


async def _searched(
    engine: AsyncEngine, index: Path, clip: ClipFingerprint, book_id: int | None, told: Told | None
) -> tuple[list[Match], int]:
    async with library(engine, index, book_id, told) as opened:
        searched = len({source for source, _ in opened.parts()})
        return await asyncio.to_thread(identify, clip, opened), searched
