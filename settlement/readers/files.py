"""A report's file as a stream of rows of texts, whatever its encoding and container.

The first row that comes out is the first of the file; which one is the header is not decided here. Memory is that of
one block and one row, and of a spreadsheet's shared texts.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Final, NamedTuple, Protocol

from settlement.errors import EmptyFile, FileTooLarge, TruncatedFile, UnreadableFile

BLOCK: Final = 1 << 18
_LONGEST_LINE: Final = 1 << 22  # characters; beyond it a file has no lines
_UNDECODED: Final = "\udcff"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DELIMITERS: Final = ",\t;"
_ENOUGH: Final = 4  # delimiters that make a line a header's rather than a title's


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return _UNDECODED, error.end
    raise error


codecs.register_error("clipledger.undecoded", _mark)


_UNENDED: Final = "the file ends without a line break, so this last row may have been cut short"


class Broken(NamedTuple):
    """A row that its container could not give: which of its cells, what stands there and what is wrong."""

    column: int | None
    text: str | None
    rule: str
    cells: tuple[str, ...]


Row = list[str] | Broken


class Source(Protocol):
    """A file that is being read."""

    container: str
    notes: list[str]
    """What a person should know of it."""
    facts: dict[str, str]
    """What it says beside its rows, such as as_of."""

    @property
    def suspicious(self) -> bool:
        """True once something was read that can't be stored: rows are then looked at one by one."""

    @property
    def bytes_read(self) -> int: ...

    def rows(self) -> Iterator[Row]: ...


def unstorable(cells: tuple[str, ...] | list[str]) -> int | None:
    """The first cell with undecodable bytes or characters that a database can't hold."""
    return next((place for place, text in enumerate(cells) if _UNSTORABLE.search(text)), None)


def storable(text: str) -> str:
    """The text with U+FFFD for what can't be stored."""
    return _UNSTORABLE.sub("\ufffd", text)


def beginning(file: BinaryIO) -> bytes:
    """The first block, by which containers and encodings are known. Raises EmptyFile."""
    head = b""
    while len(head) < BLOCK and (more := file.read(BLOCK - len(head))):
        head += more
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise EmptyFile("file")
    return head


class Text:
    """A file decoded block by block. Bytes that are no text become a mark that a row is then refused for."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        """Raises UnreadableFile if the first line is in no encoding we read."""
        self._file, self._head = file, head
        self._encoding, self._skip = _encoding(head)
        self.suspicious = False
        self.bytes_read = 0

    def blocks(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder(self._encoding)("clipledger.undecoded")
        block = self._head
        skip = self._skip
        while block:
            self.bytes_read += len(block)
            yield self._looked_at(decoder.decode(block[skip:]))
            skip = 0
            block = self._file.read(BLOCK)
        yield self._looked_at(decoder.decode(b"", True))

    def _looked_at(self, text: str) -> str:
        if _UNDECODED in text or "\0" in text:
            self.suspicious = True
        return text

    def lines(self) -> Iterator[str]:
        """Raises FileTooLarge for a line of 4 million characters."""
        tail = ""
        for block in self.blocks():
            text = tail + block
            cut = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
            tail = text[cut:]
            if len(tail) > _LONGEST_LINE:
                raise FileTooLarge("file", None, f"a line is longer than {_LONGEST_LINE:,} characters")
            yield from io.StringIO(text[:cut], newline="")
        if tail:
            yield from io.StringIO(tail, newline="")


def _encoding(head: bytes) -> tuple[str, int]:
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    line = head.lstrip(b"\r\n").split(b"\n", 1)[0]
    if b"\0" in line:
        raise UnreadableFile("file", None, "is neither text nor a spreadsheet; UTF-16 needs its byte order mark")
    for encoding in ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(line, final=len(line) < BLOCK)
        except UnicodeDecodeError:
            continue
        return encoding, 0
    raise UnreadableFile("file", None, "its first line is neither UTF-8, UTF-16 nor GB18030")


class Table:
    """CSV or TSV. Quotation marks are taken at their word: a row that breaks their rules is refused."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._lines = text.lines()
        self._first = [line for _, line in zip(range(5), self._lines, strict=False)]
        self._delimiter = _delimiter(self._first)
        self._line, self._unended = "", False
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}
        self.container = "tsv" if self._delimiter == "\t" else "csv"

    @property
    def suspicious(self) -> bool:
        return self._text.suspicious

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def _all_lines(self) -> Iterator[str]:
        for line in chain(self._first, self._lines):
            self._line = line
            self._unended = line[-1] not in "\r\n"
            yield line

    def rows(self) -> Iterator[Row]:
        """Raises TruncatedFile at a quotation mark that is never closed."""
        reader = csv.reader(self._all_lines(), delimiter=self._delimiter, strict=True)
        while True:
            before = reader.line_num
            try:
                for row in reader:
                    yield Broken(None, None, _UNENDED, tuple(row)) if self._unended else row
                    before = reader.line_num
            except csv.Error as error:
                yield _broken(str(error), before, reader.line_num, self._line.rstrip("\r\n"))
            else:
                return


def _broken(said: str, before: int, line: int, text: str) -> Broken:
    if "end of data" in said or "field larger" in said:
        raise TruncatedFile("file", None, f"a quotation mark above line {line} is never closed")
    where = f"line {line}" if line - before <= 1 else f"the lines up to {line}"
    return Broken(None, text, f"{where}: a quotation mark stands where none may stand", (text,))


def _delimiter(lines: list[str]) -> str:
    """Sniffed from the header alone: texts below it may hold any of them."""
    for line in lines:
        bare = re.sub(r'"[^"]*"', "", line)
        delimiter = max(_DELIMITERS, key=bare.count)
        if bare.count(delimiter) >= _ENOUGH:
            return delimiter
    return ","
