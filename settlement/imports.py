"""Imports: files with reports, kept as they came, each read in once.

A file is known by its SHA-256: what was imported before is told, and nothing changes. `settlement.importing` reads
what is begun here, at once or later, and goes on where it was broken off.
"""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import get_book
from ledger.refusals import storable
from media.storage import Storage
from settlement import tables
from settlement.errors import ImportNotFound, UnknownAsOf, UnreadableFile, WrongAsOf
from settlement.readers import FORMATS, Report, read
from settlement.report import Import, ImportFailure, OnFault

_USUAL_ZONES = {form.name: form.usual_zone for form in FORMATS}
_BLOCK = 4 * 1024 * 1024


class ParkedRow(Struct, frozen=True):
    """A row that was not read: in which column what stands, and the rule it breaks; then how a person settled it."""

    row_no: int
    column_name: str | None
    value: str | None
    rule: str
    raw: tuple[str, ...]
    parked_at: datetime
    settled_by: str | None
    settled_at: datetime | None
    reason: str | None


class Request(Struct, frozen=True, kw_only=True):
    """A file to be imported, and what is to be known of it beyond what it says itself.

    `as_of` is needed only where neither the file nor its name has a date; a day is that day's beginning by the book's
    calendar. `zone` (IANA) is that of times without one, by default the marketplace's usual.
    """

    file: Path | bytes
    name: str
    as_of: date | datetime | None = None
    zone: str | None = None
    on_fault: OnFault = "park"


def opened(request: Request) -> BinaryIO:
    """The file, to be read. Raises UnreadableFile."""
    if isinstance(request.file, bytes):
        return io.BytesIO(request.file)
    try:
        return request.file.open("rb")
    except OSError as error:
        raise UnreadableFile("file", request.name, f"can't be opened: {error.strerror}") from error


def digest_of(request: Request) -> tuple[str, int]:
    """The SHA-256 of a file, in hexadecimal, and its size in bytes."""
    with opened(request) as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest(), file.tell()


def zone_of(name: str | None) -> ZoneInfo | None:
    """Raises UnreadableFile where there is no such time zone."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnreadableFile("zone", name, "must be an IANA time zone, such as Asia/Shanghai") from None


async def begin_import(
    engine: AsyncEngine, storage: Storage, book_id: int, request: Request, *, created_by: str
) -> tuple[Import, bool]:
    """Keep a file that is to be read, and tell whether it is new; a file that came before is found as it is.

    The bytes are stored before the import is on record, so there is none without its bytes.

    Raises:
        FileRefused: no reader knows it, or it is not known of what day it is. Nothing was kept.
    """
    digest, size = await asyncio.to_thread(digest_of, request)
    async with engine.connect() as connection:
        if known := await find_file(connection, book_id, digest):
            return known, False
        values = await described(connection, book_id, request)
    key = f"reports/{book_id}/{digest}"
    await storage.put(key, request.file if isinstance(request.file, bytes) else _blocks(request.file))
    values |= {"sha256": digest, "size": size, "key": key, "created_by": created_by}
    async with engine.begin() as connection:
        made = insert(tables.imports).values(book_id=book_id, **values).on_conflict_do_nothing()
        number = await connection.scalar(made.returning(tables.imports.c.import_id))
        if number is not None:
            return await find_import(connection, book_id, number), True
        known = await find_file(connection, book_id, digest)
        assert known is not None
        return known, False


async def described(connection: AsyncConnection, book_id: int, request: Request) -> dict[str, Any]:
    """What the file's beginning tells, as columns of an import. Raises FileRefused."""
    name = request.name.replace("\0", "").strip()[-500:] or "report"
    name = name if storable(name) else name.encode(errors="replace").decode()
    with opened(request) as file:
        report = await asyncio.to_thread(read, file, name=name, zone=zone_of(request.zone))
        day = _as_of(report, request)
    calendar = (await get_book(connection, book_id)).time_zone
    as_of = day if isinstance(day, datetime) else datetime.combine(day, time(), ZoneInfo(calendar))
    return {
        "name": name,
        "format": report.format,
        "columns": list(report.columns),
        "as_of": as_of,
        "zone": request.zone or _USUAL_ZONES[report.format],
        "on_fault": request.on_fault,
    }


def _as_of(report: Report, request: Request) -> date | datetime:
    """Raises UnknownAsOf, or WrongAsOf where the file itself says otherwise."""
    if request.as_of is None:
        if report.as_of is None:
            raise UnknownAsOf("as_of")
        return report.as_of
    if isinstance(request.as_of, datetime):
        return request.as_of
    with opened(request) as file:
        own = read(file, name="", zone=zone_of(request.zone)).as_of
    if own not in (None, request.as_of):
        raise WrongAsOf("as_of", request.as_of, f"the file itself says that it is of {own}")
    return request.as_of


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block


# Reading ----------------------------------------------------------------------------------------------------

_COLUMNS = [tables.imports.c[name] for name in Import.__struct_fields__]
_PARKED = [tables.parked_rows.c[name] for name in ParkedRow.__struct_fields__]


async def find_import(connection: AsyncConnection, book_id: int, import_id: int) -> Import:
    """Raises ImportNotFound."""
    imports = tables.imports.c
    chosen = select(*_COLUMNS).where(imports.book_id == book_id, imports.import_id == import_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise ImportNotFound("import", import_id)
    return _import(row)


async def find_file(connection: AsyncConnection, book_id: int, sha256: str) -> Import | None:
    """The import of a file with this hash that was not refused."""
    imports = tables.imports.c
    chosen = select(*_COLUMNS).where(imports.book_id == book_id, imports.sha256 == sha256, imports.state != "refused")
    row = (await connection.execute(chosen)).one_or_none()
    return None if row is None else _import(row)


async def list_imports(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[Import]:
    """Newest first, those before a given one."""
    imports = tables.imports.c
    chosen = select(*_COLUMNS).where(imports.book_id == book_id)
    if before is not None:
        chosen = chosen.where(imports.import_id < before)
    rows = await connection.execute(chosen.order_by(imports.import_id.desc()).limit(limit))
    return [_import(row) for row in rows]


async def list_parked(
    connection: AsyncConnection, book_id: int, import_id: int, *, before: int | None = None, limit: int = 100
) -> list[ParkedRow]:
    """Last rows first, those before a given one."""
    parked = tables.parked_rows.c
    chosen = select(*_PARKED).where(parked.book_id == book_id, parked.import_id == import_id)
    if before is not None:
        chosen = chosen.where(parked.row_no < before)
    rows = await connection.execute(chosen.order_by(parked.row_no.desc()).limit(limit))
    return [ParkedRow(*row) for row in rows]


def _import(row: Row[Any]) -> Import:
    found = row._asdict()
    failure = found["failure"] and ImportFailure(**found["failure"])
    return Import(**{**found, "columns": tuple(found["columns"]), "failure": failure})
