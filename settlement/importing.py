"""Reading a report in: the whole of it is looked at first, then it goes into the books chunk by chunk.

One transaction a chunk writes down its rows, what they change of sales, what that posts, and how far the import is. So
a run that is broken off at any point leaves the state before a chunk or after it, and the next one goes on there. That
a file can't be read as a whole shows before the first chunk: nothing of it is ever half posted.

One run at a time works on an import: it holds a lock of the database's for as long as its connection lives.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, func, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.errors import VideoFileNotFound
from media.places import Place
from media.storage import Storage
from settlement import tables
from settlement.accruing import Accrued, Event, Posting, accrue, calendar_of
from settlement.checking import Progress, Told
from settlement.chunks import Chunk, Refused, said
from settlement.errors import ImportRunning
from settlement.imports import find_import
from settlement.licences import Licences
from settlement.observing import Counts, Observed, observe, write_rows
from settlement.posted import keep_posted
from settlement.preparing import Prepared, current, prepare
from settlement.report import Import


class Imported(msgspec.Struct, frozen=True):
    """What one run has done: sales that came, were told otherwise, or were known as the rows tell them."""

    report: Import
    new: int
    changed: int
    unchanged: int


async def run_import(
    engine: AsyncEngine, storage: Storage, book_id: int, import_id: int, told: Told = lambda _: None
) -> Imported:
    """Read a report in, from where it was left. What is done or was refused before stays as it is.

    Raises:
        ImportRunning: another run is at it.
        ImportNotFound
    """
    done = Counts()
    async with _alone(engine, book_id, import_id) as (report, aside):
        if report.state == "reading":
            done = await _run(engine, aside, storage, book_id, report, told)
    async with engine.connect() as connection:
        report = await find_import(connection, book_id, import_id)
    return Imported(report, *done)


async def _run(
    engine: AsyncEngine, aside: AsyncConnection, storage: Storage, book_id: int, report: Import, told: Told
) -> Counts:
    """`aside` reads what is needed for the next chunk."""
    done, refused = Counts(), None
    try:
        async with (
            storage.local(Place("object", report.key)) as path,
            _ahead(aside, path, book_id, report, told) as ahead,
        ):
            while isinstance(found := await ahead.found(), _Ready):
                async with engine.begin() as connection:
                    its = await _post(connection, book_id, report, found, ahead)
                done = done.and_(its)
                told(Progress(False, found.chunk.last, found.chunk.bytes_read, report.size))
            refused = found
    except VideoFileNotFound as missing:
        refused = Refused(missing.code, str(missing))
    await _end(engine, book_id, report, refused)
    return done


async def _end(engine: AsyncEngine, book_id: int, report: Import, refused: Refused | None) -> None:
    its = update(tables.imports).where(*_its(book_id, report.import_id))
    failure = {"code": refused.code, "rule": refused.rule} if refused else null()
    ended = {"state": "refused" if refused else "done", "failure": failure, "finished_at": func.now()}
    async with engine.begin() as connection:
        await keep_posted(connection, book_id, report.import_id)
        await connection.execute(its.values(ended))


@asynccontextmanager
async def _alone(engine: AsyncEngine, book_id: int, import_id: int) -> AsyncIterator[tuple[Import, AsyncConnection]]:
    """The import, nobody else's for as long as the block lasts, and the connection that holds it: outside of any
    transaction, to read by. Raises ImportRunning, ImportNotFound.
    """
    lock = {"name": f"settlement.import {book_id} {import_id}"}
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        report = await find_import(connection, book_id, import_id)
        if not await connection.scalar(_TRY_LOCK, lock):
            raise ImportRunning("import", import_id)
        try:
            yield await find_import(connection, book_id, report.import_id), connection
        finally:
            await connection.execute(_UNLOCK, lock)


# What waits ---------------------------------------------------------------------------------------------------

UNREAD = "settlement.imports WHERE state = 'reading' AND key IS NOT NULL"
"""A FROM clause: reports that are to be read, and whose bytes are kept."""
_BROKEN_OFF = {"code": "broken-off", "rule": "something went wrong on our side; it is tried again every minute"}


async def import_due(engine: AsyncEngine, storage: Storage) -> None:
    """Read in every report that was begun, in order, but those that somebody else is reading.

    Raises:
        ExceptionGroup: what went wrong; it keeps no other report from being read.
    """
    async with engine.connect() as connection:
        chosen = text(f"SELECT book_id, import_id FROM {UNREAD} ORDER BY created_at")  # noqa: S608 - of constants
        due = (await connection.execute(chosen)).all()
    faults = []
    for book_id, import_id in due:
        try:
            await run_import(engine, storage, book_id, import_id)
        except ImportRunning:
            continue
        except Exception as fault:
            fault.add_note(f"book {book_id}, import {import_id}")
            faults.append(fault)
            async with engine.begin() as connection:
                its = _its(book_id, import_id)
                await connection.execute(update(tables.imports).where(*its).values(failure=_BROKEN_OFF))
    if faults:
        raise ExceptionGroup("not every report was read in", faults)


def _its(book_id: int, import_id: int) -> tuple[ColumnElement[bool], ...]:
    """An import that is not at its end."""
    imports = tables.imports.c
    return imports.book_id == book_id, imports.import_id == import_id, imports.state == "reading"


# Chunk by chunk ---------------------------------------------------------------------------------------------


class _Ready(NamedTuple):
    chunk: Chunk
    prepared: Prepared


class _Ahead:
    """Reads and prepares what comes next, while what came is posted."""

    def __init__(self, following: Callable[[], Coroutine[Any, Any, _Ready | Refused | None]]) -> None:
        self._following = following
        self.go_on()

    def go_on(self) -> None:
        self._coming = asyncio.ensure_future(self._following())

    async def found(self) -> _Ready | Refused | None:
        """The next chunk; or that the file is refused, or null at its end."""
        return await asyncio.shield(self._coming)

    async def stop(self) -> None:
        """Wait until nobody reads the file any more."""
        await asyncio.wait([self._coming])


@asynccontextmanager
async def _ahead(aside: AsyncConnection, path: Path, book_id: int, report: Import, told: Told) -> AsyncIterator[_Ahead]:
    zone, licences = (await calendar_of(aside, book_id)).zone, Licences(book_id)
    with closing(said(path, report, book_id, zone)) as saying:

        async def following() -> _Ready | Refused | None:
            while isinstance(it := await asyncio.to_thread(next, saying, None), Progress):
                told(it)
            if not isinstance(it, Chunk):
                return it
            event = event_of(report, it.after + 1, zone)
            return _Ready(it, await prepare(aside, book_id, it.sales, event, licences))

        ahead = _Ahead(following)
        try:
            yield ahead
        finally:
            await ahead.stop()


async def _post(connection: AsyncConnection, book_id: int, report: Import, ready: _Ready, ahead: _Ahead) -> Counts:
    """Raises ImportRunning where another run has come further."""
    chunk = ready.chunk
    await take_turn(connection, book_id)
    imports, its = tables.imports, _its(book_id, report.import_id)
    left = select(imports.c.rows_read).where(*its).with_for_update()
    if await connection.scalar(left) != chunk.after:
        raise ImportRunning("import", report.import_id)
    await write_rows(connection, chunk.observations, chunk.parked)
    ahead.go_on()  # not before, for the rows go to the server by many small steps, each of which would have to wait
    posting = await current(connection, book_id, ready.prepared)
    observed = await observe(connection, book_id, report.import_id, chunk.after + 1, chunk.last, posting.placed)
    await accrue_observed(connection, book_id, ready.prepared.event, observed, posting)
    values = {
        "rows_read": chunk.last,
        "bytes_read": chunk.bytes_read,
        "parked": imports.c.parked + chunk.parked_rows,
        "changed": imports.c.changed + observed.counts.new + observed.counts.changed,
    }
    await connection.execute(update(imports).where(*its).values(values))
    return observed.counts


def event_of(report: Import, first: int, zone: ZoneInfo) -> Event:
    """That rows from `first` on were read. `zone` is that of the book's calendar."""
    return Event(
        cause="observed",
        key=f"import:{report.import_id}:{first}",
        on=report.as_of.astimezone(zone).date(),
        description=f"Report {report.name}"[:200],
        metadata={"import": str(report.import_id), "sha256": report.sha256, "first_row": str(first)},
    )


async def accrue_observed(
    connection: AsyncConnection, book_id: int, event: Event, observed: Observed, ahead: Posting
) -> Accrued:
    """Post what rows have changed; all of it, if all of their sales are new, was made ready ahead."""
    its = observed.sales, event
    return await accrue(connection, book_id, *its, was_in=observed.was_in, new=observed.new, ahead=ahead)


_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def take_turn(connection: AsyncConnection, book_id: int) -> None:
    """Wait until nobody else writes what reports say into the book; then it is this transaction's turn."""
    await connection.execute(_TURN, {"name": f"settlement.imports {book_id}"})
