"""A report read by the reader that its header calls for.

What is wrong with one row quarantines it and the rest goes on; what is wrong with the file is raised as FileRefused,
by `read` if its beginning tells and otherwise while the rows are taken. Whoever takes them keeps nothing of a file
that was refused.
"""

import re
from collections.abc import Iterator, Set
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
from zoneinfo import ZoneInfo

from msgspec import structs

from settlement.errors import AmbiguousNumbers, EmptyFile, MixedNumbers, UnreadableFile
from settlement.observations import Observation, Quarantined
from settlement.readers import amazon, douyin, generic, impact, tiktok_creator, tiktok_seller
from settlement.readers.documents import Document
from settlement.readers.files import Broken, Row, Source, Table, Text, beginning, storable, unstorable
from settlement.readers.layouts import Format, Layout, RowReader, closest, layout_of, no_format
from settlement.readers.spreadsheets import Workbook, is_spreadsheet
from settlement.readers.values import NumberStyle, Unreadable, is_ambiguous, style_of

FORMATS: Final = tuple(
    module.FORMAT for module in (tiktok_creator, tiktok_seller, douyin, amazon, impact, generic)
)  # fmt: skip
_ABOVE_HEADER: Final = 5  # rows among which the header is looked for
_LOOKED_AHEAD: Final = 2000  # rows among which a number that only one style can read is looked for
_DAY = re.compile(r"(20[0-9]{2})-([0-9]{2})-([0-9]{2})")
_LAST_DAY = re.compile(r"to ([0-9]{2})-([0-9]{2})-(20[0-9]{2})")


class Report:
    """A file that is being read. `rows` can be taken once.

    Memory grows by 100 bytes a line to know those that an earlier row described otherwise. Their numbers are in
    `repeated`; who reads the file again tells them to `read`, and that reading remembers nothing.
    """

    file: BinaryIO | None = None
    """The file, if `read` opened it."""

    def __init__(
        self, source: Source, layout: Layout, rows: Iterator[Row], as_of: date | None, repeated: Set[int] | None
    ) -> None:
        self.format = layout.format.name
        self.container = source.container
        self.columns = tuple(storable(name.strip()) for name in layout.header)
        self.as_of = as_of
        self.notes = tuple(layout.notes)
        """What a person should know: columns that are absent, sheets that are not read."""
        self._source = source
        lines = _Remembered() if repeated is None else _Told(repeated)
        self.repeated = lines.repeated
        self.rows: Iterator[Observation | Quarantined] = _read(source, layout, rows, lines)

    @property
    def bytes_read(self) -> int:
        return self._source.bytes_read

    def close(self) -> None:
        """Closes the file if `read` opened it."""
        if self.file:
            self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(
    file: BinaryIO | Path,
    *,
    name: str,
    zone: ZoneInfo | None = None,
    currency: str | None = None,
    repeated: Set[int] | None = None,
) -> Report:
    """The report in a file; its rows are read as they are taken. A spreadsheet's file must allow seeking.

    `name` is what the file is called: a date in it says what day the report is of, if the file itself does not.
    `zone` is where times without one are from, by default the marketplace's usual; `currency` that of Amazon's
    amounts, if it is not the one that the header's sign usually stands for. `repeated` are those of the same file that
    was read to its end before. Raises FileRefused.
    """
    if not isinstance(file, Path):
        return _opened(file, name, zone, currency, repeated)
    opened = file.open("rb")
    try:
        report = _opened(opened, name, zone, currency, repeated)
    except BaseException:
        opened.close()
        raise
    report.file = opened
    return report


def _opened(
    file: BinaryIO, name: str, zone: ZoneInfo | None, currency: str | None, repeated: Set[int] | None
) -> Report:
    source = _source(file)
    layout, rows = _header(source, zone)
    rows, style = _styled(layout, rows)
    layout = replace(layout, style=style, nulls=layout.format.nulls, currency=currency)
    layout.notes.extend(source.notes)
    return Report(source, layout, rows, _as_of(layout.title, source.facts.get("as_of", ""), name), repeated)


def _source(file: BinaryIO) -> Source:
    head = beginning(file)
    if is_spreadsheet(head):
        if not file.seekable():
            raise UnreadableFile("file", None, "a spreadsheet must be in a file that can be sought in")
        return Workbook(file, file.seek(0, 2))
    text = Text(file, head)
    if head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] in (b"{", b"["):
        return Document(text)
    return Table(text)


def _header(source: Source, zone: ZoneInfo | None) -> tuple[Layout, Iterator[Row]]:
    """The layout by the row that looks most like a header, and the rows below it."""
    rows = source.rows()
    above: list[list[str]] = []
    for row in rows:
        if isinstance(row, list) and any(map(str.strip, row)):
            while not row[-1].strip():
                row.pop()
            above.append(row)
            form, count = closest(FORMATS, row)
            if _is_header(form, row, count):
                title = " ".join(cell for other in above[:-1] for cell in other)
                return layout_of(form, row, zone, title), rows
        if len(above) >= _ABOVE_HEADER:
            break
    if not above:
        raise EmptyFile("file")
    raise no_format(FORMATS, max(above, key=lambda row: closest(FORMATS, row)[1]))


def _is_header(form: Format, row: list[str], count: int) -> bool:
    """More than half of its names are the format's, and of those that are needed more than half are there."""
    return 2 * count > len([cell for cell in row if cell.strip()]) and 2 * count > len(form.needed)


def _styled(layout: Layout, rows: Iterator[Row]) -> tuple[Iterator[Row], NumberStyle]:
    """The rows and the style that the first number tells which can be read in one style only.

    If there is none, a header in English or Chinese means 1,234.56. Raises AmbiguousNumbers if the header's language
    tells nothing and a number could be read either way.
    """
    if layout.format.style:
        return rows, layout.format.style
    places = [layout.at[name] for name in layout.format.amounts if name in layout.at]
    seen: list[Row] = []
    doubtful: str | None = None
    for row in rows:
        seen.append(row)
        for text in (row[place].strip() for place in places if isinstance(row, list) and place < len(row)):
            if style := style_of(text):
                return chain(seen, rows), style
            if is_ambiguous(text):
                doubtful = text
        if len(seen) >= _LOOKED_AHEAD:
            break
    if doubtful and not layout.says_style():
        raise AmbiguousNumbers("file", doubtful)
    return chain(seen, rows), "point"


def _as_of(title: str, fact: str, name: str) -> date | None:
    """The day that the file says it is of, or else the last date in its name."""
    if match := _LAST_DAY.search(title):
        with suppress(ValueError):
            return date(int(match[3]), int(match[1]), int(match[2]))
    for year, month, day in (_DAY.findall(fact[:10]) or _DAY.findall(name))[-1:]:
        with suppress(ValueError):
            return date(int(year), int(month), int(day))
    return None


def _read(
    source: Source, layout: Layout, rows: Iterator[Row], lines: "_Remembered | _Told"
) -> Iterator[Observation | Quarantined]:
    row_of, width = layout.format.reader(layout), len(layout.header)
    row_no = 0
    for row in rows:
        if isinstance(row, list):
            if not any(row):
                continue
            if len(row) != width:
                row = _shaped(row, width, source)
        row_no += 1
        if isinstance(row, Broken) or len(row) != width:
            yield _misshapen(row_no, row, layout)
            continue
        cells = tuple(row)
        spoilt = _undecodable(row_no, cells, layout) if source.suspicious else None
        found = spoilt or _understood(row_of, row_no, cells, layout)
        if isinstance(found, Observation) and lines.repeats(found):
            found = Quarantined(row_no, None, None, _REPEATED, cells, found.identity)
        yield found


def _shaped(row: list[str], width: int, source: Source) -> list[str]:
    """The row as wide as the header, where only empty cells are too many or, in a spreadsheet, missing."""
    if len(row) > width and not any(row[width:]):
        return row[:width]
    if len(row) < width and source.container == "xlsx":
        return row + [""] * (width - len(row))
    return row


def _understood(row_of: RowReader, row_no: int, cells: tuple[str, ...], layout: Layout) -> Observation | Quarantined:
    """Spaces around a text mean nothing: a row is quarantined if it can't be read without them either."""
    try:
        return row_of(row_no, cells)
    except Unreadable as wrong:
        bare = tuple(map(str.strip, cells))
        if bare != cells:
            with suppress(Unreadable):
                return structs.replace(row_of(row_no, bare), raw=cells)
        return Quarantined(row_no, layout.column_of(wrong, cells), wrong.text, wrong.rule, cells)
    except MixedNumbers as mixed:
        raise MixedNumbers(f"row {row_no}", mixed.value) from None


def _misshapen(row_no: int, row: Row, layout: Layout) -> Quarantined:
    if isinstance(row, Broken):
        column = None if row.column is None or row.column >= len(layout.header) else layout.header[row.column].strip()
        text = None if row.text is None else storable(row.text)
        return Quarantined(row_no, column, text, row.rule, tuple(storable(cell) for cell in row.cells))
    rule = f"has {len(row)} columns, and the header {len(layout.header)}"
    return Quarantined(row_no, None, None, rule, tuple(storable(cell) for cell in row))


def _undecodable(row_no: int, cells: tuple[str, ...], layout: Layout) -> Quarantined | None:
    place = unstorable(cells)
    if place is None:
        return None
    rule = "holds bytes or characters that are no text"
    column = storable(layout.header[place].strip())
    return Quarantined(row_no, column, storable(cells[place]), rule, tuple(storable(cell) for cell in cells))


# Lines that are told again ------------------------------------------------------------------------------------

_REPEATED: Final = "an earlier row of this file says otherwise of the same line"


class _Remembered:
    """What each line was told of first."""

    def __init__(self) -> None:
        self.repeated = set[int]()
        self._first: dict[int, int] = {}

    def repeats(self, row: Observation) -> bool:
        """Whether an earlier row says otherwise."""
        content = _short(_content(row))
        if self._first.setdefault(_short(row.identity), content) == content:
            return False
        self.repeated.add(row.row_no)
        return True


class _Told:
    """Which they are is known."""

    def __init__(self, repeated: Set[int]) -> None:
        self.repeated = repeated

    def repeats(self, row: Observation) -> bool:
        return row.row_no in self.repeated


def _content(row: Observation) -> tuple[object, ...]:
    return (
        row.currency, row.product, row.quantity, row.refunded, row.gmv, row.net_gmv, row.estimated, row.actual,
        row.state, row.handle, row.content_id,
    )  # fmt: skip


def _short(told: tuple[object, ...]) -> int:
    """What stands for it, of 60 bits: an integer of more takes half as much memory again."""
    return hash(told) & 0xFFF_FFFF_FFFF_FFFF
