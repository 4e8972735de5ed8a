"""Libraries on this machine: caches of the fingerprints that PostgreSQL keeps, to search in.

There is one for each book that was searched, and one of all books together, for those who look for a host's clips
wherever they are shown. A source's number is its own in all of them: no two books share one.

Before each use it is made equal to the database: parts that are missing are added, sources that were removed go. A
cache that is not there, or can't be read, is made anew. Machines don't know of each other's.
"""

import asyncio
import fcntl
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from media.fingerprint import VERSION, SourceFingerprint
from media.index.errors import StaleIndex
from media.library import Library
from media.tables import parts

P = ParamSpec("P")
T = TypeVar("T")
Part = tuple[int, int]
"""A source's id, and the number of the part's first picture."""
Told = Callable[[int, int], None]
"""Told how many of so many missing parts have been added."""
_LOOK_AGAIN = 0.05
"""Seconds between two looks whether another process has let go of the cache."""

_MANY = 60
"""Parts after whose coming the index is put in order for fast searches: ten hours."""

log = structlog.get_logger()


@asynccontextmanager
async def library(
    engine: AsyncEngine, root: Path, book_id: int | None = None, told: Told | None = None
) -> AsyncIterator[Library]:
    """The book's library, with everything that is fingerprinted at this moment and nothing that was removed.

    Without a book: that of every book. It stays as it was opened: what others add meanwhile is not in it.
    """
    folder = folder_of(root, book_id)
    async with _locked(folder):
        opened = await _up_to_date(engine, folder, book_id, told)
    try:
        yield opened
    finally:
        await asyncio.to_thread(opened.close)


async def forget(root: Path, book_id: int | None = None) -> None:
    """Delete the cache of the book, or without one that of every book; the next use makes it anew."""
    folder = folder_of(root, book_id)
    async with _locked(folder):
        await _to_its_end(shutil.rmtree, folder, ignore_errors=True)


def folder_of(root: Path, book_id: int | None = None) -> Path:
    """Where the cache lies."""
    return root / ("all" if book_id is None else str(book_id))


async def _up_to_date(engine: AsyncEngine, folder: Path, book_id: int | None, told: Told | None) -> Library:
    try:
        return await _synchronised(engine, folder, book_id, told)
    except (StaleIndex, OSError) as damage:
        log.warning("a media index can't be read and is made anew", book_id=book_id, error=str(damage))
        await _to_its_end(shutil.rmtree, folder, ignore_errors=True)
        return await _synchronised(engine, folder, book_id, told)


async def _synchronised(engine: AsyncEngine, folder: Path, book_id: int | None, told: Told | None) -> Library:
    opened = await _to_its_end(_open, folder)
    try:
        kept = await _kept(engine, book_id)
        for source in {source for source, first in opened.parts() - kept.keys()}:
            await _to_its_end(opened.remove, source)
        missing = sorted(kept.keys() - opened.parts())
        for done, part in enumerate(missing):
            if told:
                told(done, len(missing))
            await _add(engine, opened, kept[part], part)
        if len(missing) > _MANY:
            await _to_its_end(opened.compact)
    except BaseException:
        opened.close()
        raise
    return opened


def _open(folder: Path) -> Library:
    """The folder carries the version of the fingerprints in it: those of another version are of no use."""
    marked = folder / "version"
    if folder.exists() and (not marked.is_file() or marked.read_text() != str(VERSION)):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marked.write_text(str(VERSION))
    return Library.open(folder)


async def _kept(engine: AsyncEngine, book_id: int | None) -> Mapping[Part, int]:
    """Every part that is to be in the library, with its book."""
    chosen = select(parts.c.source_id, parts.c.first, parts.c.book_id).where(parts.c.version == VERSION)
    if book_id is not None:
        chosen = chosen.where(parts.c.book_id == book_id)
    async with engine.connect() as connection:
        return {(row.source_id, row.first): row.book_id for row in await connection.execute(chosen)}


async def _add(engine: AsyncEngine, opened: Library, book_id: int, part: Part) -> None:
    source, first = part
    key = (parts.c.book_id == book_id, parts.c.source_id == source, parts.c.first == first)
    async with engine.connect() as connection:
        packed = await connection.scalar(select(parts.c.fingerprint).where(*key))
    if packed is not None:  # or its source was removed a moment ago
        await _to_its_end(lambda: opened.add(source, SourceFingerprint.from_bytes(packed)))


async def _to_its_end(change: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """In a thread. Who is told to stop meanwhile waits for it, for nobody else may change the cache before."""
    changing = asyncio.ensure_future(asyncio.to_thread(change, *arguments, **named))
    try:
        return await asyncio.shield(changing)
    except asyncio.CancelledError:
        await asyncio.wait([changing])
        raise


@asynccontextmanager
async def _locked(folder: Path) -> AsyncIterator[None]:
    """One process at a time changes a cache; the system lets go for one that is killed."""
    path = folder.with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK_AGAIN)
        yield
