"""The first visible sheet of an XLSX file as a stream of rows of texts.

Read with the standard library's zip and expat. The libraries for it hand a number over as a float, keep a whole sheet
in memory, or do not say which cells are formulas: `docs/adr/0014-reading-spreadsheets.md`.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import BinaryIO, Final
from xml.parsers import expat

from settlement.errors import FileTooLarge, TruncatedFile, UnreadableFile
from settlement.readers.files import BLOCK, Broken, Row
from settlement.readers.markup import check_room, date_styles, parse, parser_of, texts_of

_UNPACKED_MOST: Final = 2 << 30
"""Bytes of the sheet: what a million rows of 45 columns need."""
_SHARED_MOST: Final = 256 << 20
_PART_MOST: Final = 16 << 20
_COLUMNS_MOST: Final = 702  # A to ZZ
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, expat.ExpatError, NotImplementedError, RuntimeError, OSError,
           KeyError, ValueError, IndexError, OverflowError, zipfile.LargeZipFile, struct.error)  # fmt: skip
_PLAIN = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_SERIAL = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,20})?")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLACES = {
    letters: place for place, letters in enumerate([*_LETTERS, *(one + two for one in _LETTERS for two in _LETTERS)])
}
_OLE = b"\xd0\xcf\x11\xe0"
_DAY_ZERO = datetime(1899, 12, 30)


def is_spreadsheet(head: bytes) -> bool:
    """Raises UnreadableFile for the old binary format."""
    if head.startswith(_OLE):
        raise UnreadableFile("file", None, "is an old .xls file or has a password; save it as .xlsx or CSV")
    return head.startswith(b"PK")


class Workbook:
    container = "xlsx"
    suspicious = True  # not every writer keeps to what XML allows

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Raises UnreadableFile, TruncatedFile or FileTooLarge."""
        self.bytes_read = 0
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}
        self._size = size
        try:
            self._zip = zipfile.ZipFile(file)
            self._sheet = self._first_sheet()
            self._shared = texts_of(self._part("xl/sharedStrings.xml", _SHARED_MOST))
            self._dates = date_styles(self._part("xl/styles.xml", _PART_MOST))
        except _BROKEN as error:
            raise _refusal(error) from None

    def _part(self, name: str, most: int) -> Iterator[bytes]:
        """The unpacked bytes of a part, none if there is no such part. Raises FileTooLarge."""
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            return
        if info.file_size > most:
            raise FileTooLarge("file", name, f"unpacks to {info.file_size:,} bytes; at most {most:,}")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableFile("file", name, "is packed in a way that no spreadsheet is")
        with self._zip.open(info) as part:
            while block := part.read(BLOCK):
                yield block

    def _first_sheet(self) -> str:
        sheets: list[tuple[str, str]] = []
        targets: dict[str, str] = {}

        def sheet(name: str, given: dict[str, str]) -> None:
            if name == "sheet" and given.get("state", "visible") == "visible":
                sheets.append(
                    (
                        given["name"],
                        given.get("r:id") or next((value for key, value in given.items() if key.endswith(":id")), ""),
                    )
                )

        def relation(name: str, given: dict[str, str]) -> None:
            if name == "Relationship":
                targets[given["Id"]] = given["Target"]

        parse(self._part("xl/workbook.xml", _PART_MOST), sheet)
        parse(self._part("xl/_rels/workbook.xml.rels", _PART_MOST), relation)
        if not sheets:
            raise UnreadableFile("file", None, "is a zip file without a visible sheet")
        self.notes += [f"sheet not read: {name}" for name, _ in sheets[1:]]
        target = targets[sheets[0][1]]
        path = target.lstrip("/") if target.startswith("/") else "xl/" + target
        self._zip.getinfo(path)
        return path

    def rows(self) -> Iterator[Row]:
        """Raises UnreadableFile, TruncatedFile or FileTooLarge."""
        cells = _Cells(self._shared, self._dates)
        parser = parser_of(cells.start, cells.end)
        parser.CharacterDataHandler = cells.said.append
        unpacked, whole = 0, 1
        try:
            whole = max(1, self._zip.getinfo(self._sheet).file_size)
            for block in self._part(self._sheet, _UNPACKED_MOST):
                parser.Parse(block)
                unpacked += len(block)
                check_room(unpacked - parser.CurrentByteIndex, cells.said)
                self.bytes_read = self._size * unpacked // whole
                yield from cells.taken()
            parser.Parse(b"", True)
            yield from cells.taken()
        except _BROKEN as error:
            raise _refusal(error) from None


class _Cells:
    """Rows as the sheet's elements come by."""

    def __init__(self, shared: list[str], dates: frozenset[str]) -> None:
        self.said: list[str] = []
        self._shared, self._dates = shared, dates
        self._rows: list[Row] = []
        self._row: list[str] = []
        self._wrong: tuple[int, str] | None = None
        self._kind, self._style, self._column, self._formula = "n", "0", 0, False
        self._value = ""

    def taken(self) -> list[Row]:
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, given: dict[str, str]) -> None:
        if name == "c":
            self._kind, self._style = given.get("t", "n"), given.get("s", "0")
            self._column = _column(given["r"]) if "r" in given else len(self._row)
            self._value, self._formula = "", False
        elif name == "row":
            self._row, self._wrong = [], None
        elif name in ("v", "t"):
            self.said.clear()
        elif name == "f":
            self._formula = True

    def end(self, name: str) -> None:
        if name == "c":
            self._finish()
        elif name == "v":
            self._value = "".join(self.said)
        elif name == "t":
            self._value += "".join(self.said)
        elif name == "row":
            row, wrong = self._row, self._wrong
            self._rows.append(Broken(wrong[0], row[wrong[0]], wrong[1], tuple(row)) if wrong else row)

    def _finish(self) -> None:
        column, row = self._column, self._row
        if column == len(row):
            row.append(self._text())
        else:
            row.extend([""] * (column + 1 - len(row)))
            row[column] = self._text()
        if self._formula:
            self._wrong = self._wrong or (column, "must be a value; a formula is not calculated")
        elif self._kind == "e":
            self._wrong = self._wrong or (column, "the spreadsheet could not calculate it")
        if column >= _COLUMNS_MOST:
            raise FileTooLarge("file", None, f"has more than {_COLUMNS_MOST:,} columns")

    def _text(self) -> str:
        value = self._value
        if self._kind == "s":
            return self._shared[abs(int(value))] if value else ""
        if self._kind == "n" and value:
            return _moment(value) if self._style in self._dates else _number(value)
        if self._kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        return value


def _number(text: str) -> str:
    """What the spreadsheet shows: it keeps 15 digits, and writes 43.8 as 43.799999999999997.

    A whole number longer than that, whose digits past the 15th are zeros, may have been rounded: it is given as
    1.5E+15, which no reader takes for an identifier or an amount.
    """
    if not _PLAIN.fullmatch(text):
        return text
    whole = text.isdigit()
    if whole and len(text) > 15 and not text[15:].strip("0"):
        return f"{text[0]}.{text[1:15]}E+{len(text) - 1}"
    digits = text.lstrip("-0.").replace(".", "")
    if whole or len(digits) <= 15:
        return text
    shown = format(float(text), ".15g")
    return shown if float(shown) == float(text) else text


def _moment(text: str) -> str:
    """A serial day as ISO 8601 writes it, to the nearest second."""
    if not _SERIAL.fullmatch(text):
        return text
    return (_DAY_ZERO + timedelta(seconds=round(Fraction(text) * 86400))).isoformat()


def _column(reference: str) -> int:
    """The place of cell AB12: 27."""
    letters = reference.rstrip("0123456789")
    place = _PLACES.get(letters)
    if place is None:
        raise ValueError(reference)
    return place


def _refusal(error: Exception) -> UnreadableFile | TruncatedFile:
    if isinstance(error, EOFError) or "not a zip file" in str(error) or "no element found" in str(error):
        return TruncatedFile("file", None, "the spreadsheet breaks off or is damaged")
    return UnreadableFile("file", None, f"is no spreadsheet that can be read: {type(error).__name__}")
