"""The XML inside a spreadsheet, read piece by piece: elements by their local names, shared texts, date styles.

Nothing in it may refer to anything outside: a document type is refused, and with it every entity.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final
from xml.parsers import expat

from settlement.errors import FileTooLarge, UnreadableFile

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]

_UNREAD_MOST: Final = 16 << 20  # bytes of one name, tag or text
_PIECES_MOST: Final = 100_000  # of one text, as expat hands it over
_DATE_CODES = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


def parser_of(start: Start, end: End | None) -> expat.XMLParserType:
    """A parser that gives elements by their local names: most writers use no prefix, so the root decides."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_doctype

    def root(name: str, given: dict[str, str]) -> None:
        if ":" in name:
            parser.StartElementHandler = lambda name, given: start(name.rpartition(":")[2], given)
            parser.EndElementHandler = end and (lambda name: end(name.rpartition(":")[2]))
        else:
            parser.StartElementHandler, parser.EndElementHandler = start, end
        start(name.rpartition(":")[2], given)

    parser.StartElementHandler = root
    return parser


def _no_doctype(*_: object) -> None:
    raise UnreadableFile("file", None, "declares a document type, which no spreadsheet has")


def parse(
    blocks: Iterator[bytes], start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None,
    said: Callable[[str], object] | None = None,
) -> None:  # fmt: skip
    parser, unpacked = parser_of(start, end), 0
    if said:
        parser.CharacterDataHandler = said
    for block in blocks:
        parser.Parse(block)
        unpacked += len(block)
        check_room(unpacked - parser.CurrentByteIndex, ())
    if unpacked:
        parser.Parse(b"", True)


def check_room(unread: int, said: Sequence[str]) -> None:
    """Raises FileTooLarge when one name, tag or text of the XML grows beyond what any cell may hold."""
    if unread > _UNREAD_MOST or len(said) > _PIECES_MOST:
        raise FileTooLarge("file", None, "one of its texts is too long for a cell")


class _Texts:
    """Shared texts by number. How a Chinese or Japanese text is pronounced (rPh) is no part of it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.said: list[str] = []
        self._runs: list[str] = []
        self._hidden = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        if name == "si":
            self._runs.clear()
        elif name == "rPh":
            self._hidden += 1
        elif name == "t":
            self.said.clear()

    def end(self, name: str) -> None:
        if name == "t" and not self._hidden:
            self._runs.append("".join(self.said))
        elif name == "rPh":
            self._hidden -= 1
        elif name == "si":
            self.texts.append("".join(self._runs))


def texts_of(blocks: Iterator[bytes]) -> list[str]:
    shared = _Texts()
    parse(blocks, shared.start, shared.end, shared.said.append)
    return shared.texts


def date_styles(blocks: Iterator[bytes]) -> frozenset[str]:
    """Numbers of the cell styles that show a date or a time."""
    custom: dict[int, bool] = {}
    styles: list[bool] = []
    inside = False

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal inside
        if name == "numFmt":
            code = _DATE_CODES.sub("", given["formatCode"]).lower()
            custom[int(given["numFmtId"])] = bool(set("ymdhs") & set(code))
        elif name == "cellXfs":
            inside = True
        elif name == "xf" and inside:
            number = int(given.get("numFmtId", "0"))
            styles.append(custom.get(number, 14 <= number <= 22 or 45 <= number <= 47))

    def end(name: str) -> None:
        nonlocal inside
        inside = inside and name != "cellXfs"

    parse(blocks, start, end)
    return frozenset(str(place) for place, dated in enumerate(styles) if dated)
