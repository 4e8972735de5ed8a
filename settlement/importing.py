"""Reading a report in: the whole of it is looked at first, then it goes into the books chunk by chunk.

One transaction a chunk writes down its rows, what they change of sales, what that posts, and how far the import is. So
a run that is broken off at any point leaves the state before a chunk or after it, and the next one goes on there. That
a file can't be read as a whole shows before the first chunk: nothing of it is ever half posted.

One run at a time works on an import: it holds a lock of the database's for as long as its connection lives.
"""

import asyncio
import operator
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, func, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import get_book
from media.errors import VideoFileNotFound
from media.places import Place
from media.storage import Storage
from settlement import tables
from settlement.accruing import Accrued, Event, accrue
from settlement.checking import CHUNK, Progress, Told, check, judged, open_report
from settlement.errors import FileRefused, ImportRunning
from settlement.imports import Import, find_import
from settlement.licences import Licences
from settlement.observations import Observation, Quarantined
from settlement.observing import Counts, Observed, copied, copied_parked, observe, write_rows
from settlement.posted import keep_posted
from settlement.preparing import Prepared, current, prepare, sales_of
from settlement.readers import Report
from settlement.sales import Sale


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
    done = Counts()
    try:
        async with storage.local(Place("object", report.key)) as path:
            if not report.rows_read:
                await asyncio.to_thread(check, path, report, told)
            async with aclosing(_chunks(aside, path, book_id, report)) as chunks:
                async for chunk, prepared in chunks:
                    async with engine.begin() as connection:
                        its = await _post(connection, book_id, report, chunk, prepared)
                    done = done.and_(its)
                    told(Progress(False, chunk.last, chunk.bytes_read, report.size))
    except (FileRefused, VideoFileNotFound) as refusal:
        await _end(engine, book_id, report, "refused", {"code": refusal.code, "rule": str(refusal)})
    else:
        await _end(engine, book_id, report, "done", None)
    return done


async def _end(engine: AsyncEngine, book_id: int, report: Import, state: str, failure: dict[str, str] | None) -> None:
    its = update(tables.imports).where(*_its(book_id, report.import_id))
    ended = {"state": state, "failure": null() if failure is None else failure, "finished_at": func.now()}
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


class _Chunk(NamedTuple):
    """Rows after `after` up to `last`, as they are written down, and what they tell."""

    after: int
    last: int
    bytes_read: int
    observations: str
    parked: str
    parked_rows: int
    sales: Sequence[Sale]


async def _chunks(
    aside: AsyncConnection, path: Path, book_id: int, report: Import
) -> AsyncGenerator[tuple[_Chunk, Prepared], None]:
    """What is left of the file. The next chunk is read and prepared while this one is posted."""
    zone, licences = await calendar(aside, book_id), Licences(book_id)
    with open_report(path, report) as opened:
        left = _read_on(opened, book_id, report, zone)

        async def following() -> tuple[_Chunk, Prepared] | None:
            chunk = await asyncio.to_thread(next, left, None)
            return chunk and (chunk, await prepare(aside, book_id, chunk.sales, zone, licences))

        coming = asyncio.ensure_future(following())
        try:
            while found := await coming:
                coming = asyncio.ensure_future(following())
                yield found
        finally:
            await asyncio.wait([coming])  # the file is closed when nobody reads it any more


def _read_on(opened: Report, book_id: int, report: Import, zone: ZoneInfo) -> Iterator[_Chunk]:
    after, number_of = report.rows_read, operator.attrgetter("row_no")
    of = book_id, report.import_id
    rows = (row for row in judged(opened, report.as_of) if row.row_no > after)
    while chunk := list(islice(rows, CHUNK)):
        last = number_of(chunk[-1])
        parked = [row for row in chunk if isinstance(row, Quarantined)]
        seen = [row for row in chunk if isinstance(row, Observation)]
        texts = copied(of, seen), copied_parked(of, parked)
        yield _Chunk(after, last, opened.bytes_read, *texts, len(parked), sales_of(seen, report, zone))
        after = last


async def _post(connection: AsyncConnection, book_id: int, report: Import, chunk: _Chunk, prepared: Prepared) -> Counts:
    """Raises ImportRunning where another run has come further."""
    await take_turn(connection, book_id)
    imports, its = tables.imports, _its(book_id, report.import_id)
    left = select(imports.c.rows_read).where(*its).with_for_update()
    if await connection.scalar(left) != chunk.after:
        raise ImportRunning("import", report.import_id)
    await write_rows(connection, chunk.observations, chunk.parked)
    placed = await current(connection, book_id, prepared)
    observed = await observe(connection, book_id, report.import_id, chunk.after + 1, chunk.last, placed)
    await accrue_observed(connection, book_id, report, chunk.after + 1, observed)
    values = {
        "rows_read": chunk.last,
        "bytes_read": chunk.bytes_read,
        "parked": imports.c.parked + chunk.parked_rows,
        "changed": imports.c.changed + observed.counts.new + observed.counts.changed,
    }
    await connection.execute(update(imports).where(*its).values(values))
    return observed.counts


async def accrue_observed(
    connection: AsyncConnection, book_id: int, report: Import, first: int, observed: Observed
) -> Accrued:
    """Post what the rows from `first` on have changed."""
    event = Event(
        cause="observed",
        key=f"import:{report.import_id}:{first}",
        on=report.as_of.astimezone(await calendar(connection, book_id)).date(),
        description=f"Report {report.name}"[:200],
        metadata={"import": str(report.import_id), "sha256": report.sha256, "first_row": str(first)},
    )
    its = observed.sales, event
    return await accrue(connection, book_id, *its, was_in=observed.was_in, new=observed.new)


async def calendar(connection: AsyncConnection, book_id: int) -> ZoneInfo:
    """The zone by which the book tells days."""
    return ZoneInfo((await get_book(connection, book_id)).time_zone)


_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def take_turn(connection: AsyncConnection, book_id: int) -> None:
    """Wait until nobody else writes what reports say into the book; then it is this transaction's turn."""
    await connection.execute(_TURN, {"name": f"settlement.imports {book_id}"})
