"""`clipledger media …`: fingerprint streams, identify clips, look after the index. To run this is permission enough.

What decodes and searches is imported by the commands that do, for it takes seconds.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.audit import Event, record
from clipledger.cli.bars import bars
from clipledger.cli.connections import actor, connections, run
from clipledger.cli.options import as_json, of_book
from clipledger.cli.tables import json_of, plain, table
from clipledger.settings import Settings
from ledger.books import Book, find_book, list_books
from media.clips import Clip, Identification, find_clip, identification_of, submit_clip
from media.errors import MediaError
from media.places import Place, file_place
from media.sheets import sheet_of
from media.sources import Source, create_source, find_source, find_source_at
from media.storage import Storage

_ENDED = ("ready", "failed", "removed")
_LOOK_AGAIN = 0.5
"""Seconds between two looks at what a worker elsewhere is doing."""
_MOST_CONNECTIONS = 3

videos = click.argument(
    "paths", metavar="VIDEO...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group()
def media() -> None:
    """Videos: fingerprint streams, find out what clips show."""


@dataclass(frozen=True)
class _Desk:
    """What each command works with."""

    engine: AsyncEngine
    storage: Storage
    index: Path
    book: Book


@asynccontextmanager
async def _desk(slug: str) -> AsyncIterator[_Desk]:
    settings = Settings.from_environment()
    async with connections(_MOST_CONNECTIONS) as engine:
        async with engine.connect() as connection:
            book = await find_book(connection, slug)
        yield _Desk(engine, Storage(settings.media_storage), settings.media_index, book)


# Sources --------------------------------------------------------------------------------------------------------


@media.command()
@videos
@of_book
@as_json
def fingerprint(paths: Sequence[Path], slug: str, as_json: bool) -> None:
    """Register streams, each by its file's name, and fingerprint them. Exits with 1 if one can't be.

    The files stay where they are. One that was broken off goes on; one that is done is not done again.
    """

    async def work() -> list[Source]:
        async with _desk(slug) as desk:
            with _progress() as bar:
                tasks = [(path, bar.add_task(plain(path.name), total=1.0)) for path in paths]
                return [await _fingerprinted(desk, path, bar, task) for path, task in tasks]

    found = run(work())
    rows = [(str(each.source_id), plain(each.title), _clock(each.duration_s), _state(each)) for each in found]
    click.echo(json_of(found) if as_json else table([("source", "title", "duration", "state"), *rows], right={0, 2}))
    _end_by([each.state == "failed" for each in found])


async def _fingerprinted(desk: _Desk, path: Path, bar: Progress, task: TaskID) -> Source:
    from media.fingerprinting import fingerprint_one

    def told(done: float) -> None:
        bar.update(task, completed=done)

    source = await _registered(desk, path)
    while source.state not in _ENDED:
        book_id = desk.book.book_id
        if not await fingerprint_one(desk.engine, desk.storage, book_id, source.source_id, told):
            told(source.progress)
            await asyncio.sleep(_LOOK_AGAIN)  # a worker has it
        async with desk.engine.connect() as connection:
            source = await find_source(connection, book_id, source.source_id)
    told(1.0)
    return source


async def _registered(desk: _Desk, path: Path) -> Source:
    place = file_place(path, None)
    async with desk.engine.begin() as connection:
        if known := await find_source_at(connection, desk.book.book_id, place):
            return known
        made = await create_source(connection, desk.book.book_id, _title(path), place, created_by=actor())
        event = Event(actor(), "source.import", str(place), desk.book.book_id, {"source": made.source_id})
        await record(connection, event)
    return made


# Clips ----------------------------------------------------------------------------------------------------------


@media.command()
@videos
@of_book
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), help="Write the contact sheet, a JPEG.")
@as_json
def identify(paths: Sequence[Path], slug: str, sheet: Path | None, as_json: bool) -> None:
    """Say which seconds of which stream each clip shows. Exits with 1 if a file can't be read."""
    if sheet and len(paths) > 1:
        raise click.UsageError("--sheet is for one clip")

    async def work() -> list[tuple[Clip, Identification | None]]:
        async with _desk(slug) as desk:
            with _progress() as bar:
                task = bar.add_task("clips", total=len(paths))
                found = []
                for path in paths:
                    found.append(await _identified(desk, path))
                    bar.advance(task)
            if sheet and found[0][1]:
                picture = await sheet_of(desk.engine, desk.storage, desk.book.book_id, found[0][0].clip_id)
                _write(sheet, picture)
        return found

    found = run(work())
    click.echo(json_of([_as_object(*each) for each in found]) if as_json else _shown(found))
    _end_by([clip.state == "failed" for clip, _ in found])


async def _identified(desk: _Desk, path: Path) -> tuple[Clip, Identification | None]:
    from media.identifying import identify_one

    book_id = desk.book.book_id
    async with desk.engine.begin() as connection:
        place: Place = file_place(path, None)
        clip = await submit_clip(connection, book_id, _title(path), place, submitted_by=actor())
        await record(connection, Event(actor(), "clip.import", str(place), book_id, {"clip": clip.clip_id}))
    while clip.state in ("waiting", "working"):
        if not await identify_one(desk.engine, desk.storage, desk.index, book_id, clip.clip_id):
            await asyncio.sleep(_LOOK_AGAIN)  # a worker has it
        async with desk.engine.connect() as connection:
            clip = await find_clip(connection, book_id, clip.clip_id)
    if clip.state == "failed":
        return clip, None
    async with desk.engine.connect() as connection:
        return clip, await identification_of(connection, book_id, clip.clip_id)


def _as_object(clip: Clip, found: Identification | None) -> dict[str, object]:
    return {"clip": clip, "identification": found}


def _shown(found: Sequence[tuple[Clip, Identification | None]]) -> str:
    rows: list[tuple[str, ...]] = [("clip", "its seconds", "source", "their seconds", "speed", "", "score")]
    for clip, identification in found:
        title = plain(clip.title)
        matches = identification.matches if identification else ()
        if not matches:
            rows.append((title, plain(clip.failure.rule) if clip.failure else "nothing found", "", "", "", "", ""))
        for match in matches:
            times = f"{match.clip_t0:.2f}–{match.clip_t1:.2f}", f"{match.source_t0:.2f}–{match.source_t1:.2f}"
            mirrored = "mirrored" if match.mirrored else ""
            source = str(match.source_id)
            rows.append((title, times[0], source, times[1], f"{match.speed:.2f}", mirrored, f"{match.score:.2f}"))
    return table(rows, right={1, 2, 3, 4, 6})


# Hosts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Traced:
    """What a file shows, or why it can't be told."""

    path: str
    failure: str | None
    sources: int
    sightings: Sequence[dict[str, object]]


@media.command()
@videos
@as_json
def trace(paths: Sequence[Path], as_json: bool) -> None:
    """Say which seconds of whose stream each video shows, among the streams of all books. Exits with 1 as `identify`.

    Nothing is registered, and nothing is kept of the videos.
    """

    async def work() -> list[_Traced]:
        settings = Settings.from_environment()
        async with connections(_MOST_CONNECTIONS) as engine:
            with _parts() as told:
                return [await _traced(engine, settings.media_index, path, told) for path in paths]

    found = run(work())
    click.echo(json_of(found) if as_json else _shown_of_hosts(found))
    _end_by([each.failure is not None for each in found])


async def _traced(engine: AsyncEngine, index: Path, path: Path, told: Callable[[int, int], None]) -> _Traced:
    from media.tracing import trace

    try:
        found = await trace(engine, index, path, told)
    except MediaError as refusal:
        return _Traced(str(path), str(refusal), 0, ())
    ids = {sighting.book_id for sighting in found.sightings}
    async with engine.connect() as connection:
        slugs = {book.book_id: book.slug for book in await list_books(connection, only=ids, limit=len(ids))}
    its = [{"book": slugs[each.book_id], "title": each.title, **each.match} for each in found.sightings]
    return _Traced(str(path), None, found.sources, its)


def _shown_of_hosts(found: Sequence[_Traced]) -> str:
    rows: list[tuple[str, ...]] = [("video", "its seconds", "book", "source", "title", "their seconds", "score")]
    for traced in found:
        name = plain(Path(traced.path).name)
        if not traced.sightings:
            rows.append((name, "", plain(traced.failure or "nothing found"), "", "", "", ""))
        for its in traced.sightings:
            times = [f"{its[side + '_t0']:.2f}–{its[side + '_t1']:.2f}" for side in ("clip", "source")]
            title, score = plain(str(its["title"])), f"{its['score']:.2f}"
            rows.append((name, times[0], str(its["book"]), str(its["source_id"]), title, times[1], score))
    return table(rows, right={1, 3, 5, 6})


# The index ------------------------------------------------------------------------------------------------------


@media.command()
@of_book
@click.option("--rebuild", is_flag=True, help="Throw the cache away and make it anew.")
@as_json
def index(slug: str, rebuild: bool, as_json: bool) -> None:
    """Bring this machine's search index of a book up to date, and say what is in it."""

    async def work() -> dict[str, object]:
        async with _desk(slug) as desk:
            if rebuild:
                from media.catalogue import forget

                await forget(desk.index, desk.book.book_id)
            return await _up_to_date(desk)

    found = run(work())
    said = "sources {sources}, parts {parts}, {mib} MiB in {folder}"
    click.echo(json_of(found) if as_json else said.format_map(found))


async def _up_to_date(desk: _Desk) -> dict[str, object]:
    from media.catalogue import folder_of, library

    with _parts() as told:
        async with library(desk.engine, desk.index, desk.book.book_id, told) as opened:
            parts = opened.parts()
    folder = folder_of(desk.index, desk.book.book_id)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    sources = len({source for source, _ in parts})
    return {"sources": sources, "parts": len(parts), "mib": round(size / 2**20, 1), "folder": str(folder)}


# Output ---------------------------------------------------------------------------------------------------------


def _progress() -> Progress:
    return bars("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())


@contextmanager
def _parts() -> Iterator[Callable[[int, int], None]]:
    """A bar for an index that is brought up to date, and what to tell it."""
    with _progress() as bar:
        task = bar.add_task("parts", total=None)
        yield lambda done, missing: bar.update(task, completed=done, total=missing)


def _title(path: Path) -> str:
    return plain(path.stem)[:200]


def _state(source: Source) -> str:
    return plain(f"failed: {source.failure.rule}") if source.failure else source.state


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"Can't write {path}: {error.strerror}") from error


def _end_by(failures: Sequence[bool]) -> None:
    if any(failures):
        sys.exit(1)
