"""Whose stream does a video show? Looked for in the streams of every book; nothing is registered or kept.

This crosses from one host's books to another's: it is for those who run the service.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from media.catalogue import Told
from media.clips import plain_match
from media.fingerprint import fingerprint_clip
from media.searching import search
from media.tables import sources


class Sighting(msgspec.Struct, frozen=True):
    """A stretch of the video is one of a source of this book; `match` as a `FoundMatch`, which needs no number."""

    book_id: int
    title: str
    match: dict[str, Any]


class Trace(msgspec.Struct, frozen=True):
    """Which sources a video shows, in its order, and among how many it was looked for."""

    duration_s: float
    sources: int
    sightings: tuple[Sighting, ...]


async def trace(engine: AsyncEngine, index: Path, path: Path, told: Told | None = None) -> Trace:
    """Look for a video in the streams of every book. Raises MediaError where it can't be read."""
    clip = await asyncio.to_thread(fingerprint_clip, path)
    found, searched = await search(engine, index, clip, told=told)
    there = await _there(engine, {match.source for match in found})
    known = [Sighting(*there[match.source], plain_match(match)) for match in found if match.source in there]
    return Trace(clip.duration, searched, tuple(known))


async def _there(engine: AsyncEngine, source_ids: set[int]) -> dict[int, tuple[int, str]]:
    """The book and title of each of the sources that was not removed."""
    its = sources.c
    chosen = select(its.source_id, its.book_id, its.title).where(
        its.source_id.in_(source_ids), its.removed_at.is_(None)
    )
    async with engine.connect() as connection:
        return {row.source_id: (row.book_id, row.title) for row in await connection.execute(chosen)}
