"""What a report would post, by account, before it is imported: by doing it and taking it back."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.accruing import calendar_of
from settlement.checking import CHUNK, checked, judged
from settlement.copying import copied
from settlement.importing import accrue_observed, event_of, take_turn
from settlement.imports import Request, described, digest_of, find_file, opened
from settlement.licences import Licences
from settlement.observations import Observation, Quarantined
from settlement.observing import Counts, observe, write_rows
from settlement.posted import Amount, posted_by
from settlement.preparing import prepare
from settlement.readers import read
from settlement.report import Import
from settlement.sale import sales_of

MOST_ROWS = 50_000
"""Of a longer file only so many are looked at: a preview holds what it would post for as long as it takes."""
_NUMBER = 0
"""Of an import that is taken back; real ones begin at 1."""


class Preview(Struct, frozen=True):
    """What importing a file would do. `sample`: of its first rows only, because it has more than MOST_ROWS.

    A file that is `already_imported` would do nothing, and is not looked at.
    """

    name: str
    sha256: str
    format: str
    as_of: datetime
    already_imported: bool
    rows: int
    sample: bool
    parked: Sequence[Quarantined]
    new: int
    changed: int
    unchanged: int
    posted: Sequence[Amount]


class _Rows(Struct):
    """The beginning of a file. A line that is there again adds nothing, and is left out."""

    last: int = 0
    rows: int = 0
    sample: bool = False
    seen: dict[tuple[str, str, str], Observation] = {}
    parked: list[Quarantined] = []


async def preview(engine: AsyncEngine, book_id: int, request: Request) -> Preview:
    """Import the file, chunk by chunk, and take each back.

    Raises:
        FileRefused: it would be refused.
    """
    sha256, size = await asyncio.to_thread(digest_of, request)
    async with engine.connect() as connection:
        known = await find_file(connection, book_id, sha256)
        if known is not None and known.state == "done":
            return _known(known)
        report = _report(await described(connection, book_id, request), sha256, size)
    rows = await asyncio.to_thread(_beginning, request, report)
    seen = list(rows.seen.values())
    done, sums = Counts(), Counter[tuple[str, str]]()
    for first in range(0, len(seen), CHUNK):
        async with engine.connect() as connection:
            tried = await _tried(connection, book_id, report, seen[first : first + CHUNK])
            sums.update(
                {(each.account, each.currency): each.amount for each in await posted_by(connection, book_id, 0)}
            )
            await connection.rollback()
        done = done.and_(tried)
    posted = [Amount(*account, amount) for account, amount in sorted(sums.items()) if amount]
    its = rows.rows, rows.sample, rows.parked, *done, posted
    return Preview(report.name, sha256, report.format, report.as_of, False, *its)


def _known(report: Import) -> Preview:
    its = report.rows_read, False, (), 0, 0, 0, ()
    return Preview(report.name, report.sha256, report.format, report.as_of, True, *its)


def _beginning(request: Request, report: Import) -> _Rows:
    found = _Rows()
    with opened(request) as file:
        its = read(file, name=report.name, zone=ZoneInfo(report.zone))
        for row in checked(judged(its, report.as_of), report):
            if found.rows == MOST_ROWS:
                found.sample = True
                break
            found.rows += 1
            if isinstance(row, Quarantined):
                found.parked.append(row)
            else:
                found.seen.setdefault(row.identity, row)
    return found


async def _tried(connection: AsyncConnection, book_id: int, report: Import, rows: Sequence[Observation]) -> Counts:
    await take_turn(connection, book_id)
    values = {name: getattr(report, name) for name in ("name", "sha256", "size", "format", "as_of", "zone", "on_fault")}
    await connection.execute(_INSERT, {"book": book_id, "number": _NUMBER, "columns": list(report.columns), **values})
    await write_rows(connection, copied((book_id, _NUMBER), rows).encode())
    zone = (await calendar_of(connection, book_id)).zone
    sales = sales_of(rows, report, zone)
    event = event_of(report, rows[0].row_no, zone)
    posting = (await prepare(connection, book_id, sales, event, Licences(book_id))).posting
    observed = await observe(connection, book_id, _NUMBER, rows[0].row_no, rows[-1].row_no, posting.placed)
    await accrue_observed(connection, book_id, event, observed, posting)
    return observed.counts


def _report(values: dict[str, Any], sha256: str, size: int) -> Import:
    """As an import would begin."""
    kept = {"import_id": _NUMBER, "sha256": sha256, "size": size, "key": "", "created_by": "preview"}
    kept |= {"created_at": datetime.now(UTC)}
    state = {"state": "reading", "rows_read": 0, "bytes_read": 0, "parked": 0, "changed": 0, "failure": None}
    return Import(**{**values, **kept, **state, "columns": tuple(values["columns"])}, finished_at=None)


_INSERT = text("""
    INSERT INTO settlement.imports (
        book_id, import_id, name, sha256, size, format, columns, as_of, zone, on_fault, created_by
    ) OVERRIDING SYSTEM VALUE VALUES (
        :book, :number, :name, :sha256, :size, :format, :columns, :as_of, :zone, :on_fault, 'preview'
    )
""")
