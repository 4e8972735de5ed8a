"""Looking at a whole report before anything of it goes into the books."""

from collections.abc import Callable, Iterator, Set
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from settlement.errors import RowsRefused, WrongAsOf
from settlement.observations import Observation, Quarantined
from settlement.readers import Report, read
from settlement.report import Import

CHUNK = 10_000
"""Rows of one transaction, and between two words of how far it is."""
_LATER = timedelta(days=2)
"""How far past the beginning of a report's day a time may be: the day, and the zones of the world."""
_TOO_LATE = "is later than the report, which is of {:%Y-%m-%d}"


class Progress(Struct, frozen=True, tag=True):
    """How far a run is; `checking` is the look at the whole file before the first chunk. `size` is in bytes."""

    checking: bool
    rows: int
    bytes: int
    size: int


Told = Callable[[Progress], None]


def check(opened: Report, report: Import) -> Iterator[Progress]:
    """Look at every row. Raises FileRefused where the file can't be read in as a whole."""
    for number, _ in enumerate(checked(judged(opened, report.as_of), report), 1):
        if not number % CHUNK:
            yield Progress(True, number, opened.bytes_read, report.size)


def checked(rows: Iterator[Observation | Quarantined], report: Import) -> Iterator[Observation | Quarantined]:
    """The rows, and in the end what speaks against them together. Raises WrongAsOf, RowsRefused."""
    count = faults = later = 0
    first: Quarantined | None = None
    too_late = _TOO_LATE.format(report.as_of)
    for row in rows:
        count += 1
        if isinstance(row, Quarantined):
            faults, first = faults + 1, first or row
            later += row.rule == too_late
        yield row
    if first and 2 * later > count:
        raise WrongAsOf(
            "as_of", f"{report.as_of:%Y-%m-%d}", f"most rows tell of later days, the first is {first.row_no}"
        )
    if first and report.on_fault == "refuse":
        more = f"; {faults - 1} more can't be read either" if faults > 1 else ""
        where = f"row {first.row_no}" + (f", column {first.column}" if first.column else "")
        raise RowsRefused(where, first.text, f"{first.rule}{more}")


def open_report(path: Path, report: Import, repeated: Set[int] | None = None) -> Report:
    """`repeated`: as `read` takes them."""
    return read(path, name=report.name, zone=ZoneInfo(report.zone), repeated=repeated)


def judged(opened: Report, as_of: datetime) -> Iterator[Observation | Quarantined]:
    """The rows; a line that a report can't know of yet is not taken from it."""
    limit, rule = as_of + _LATER, _TOO_LATE.format(as_of)
    for row in opened.rows:
        if isinstance(row, Observation) and row.placed_at is not None and row.placed_at > limit:
            yield Quarantined(row.row_no, None, row.placed_at.isoformat(), rule, row.raw, row.identity)
        else:
            yield row
