"""JSON as a stream of rows: the objects of the one list in it, each decoded when its turn comes.

Numbers keep the text they were written with, because a float is not what was written. The first row is the names of
the columns: the keys of the first objects. A later object with another key is a broken row.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from settlement.errors import EmptyFile, FileTooLarge, TruncatedFile, UnreadableFile
from settlement.readers.files import Broken, Row, Text

LISTS: Final = ("Actions", "lines")
"""impact.com's key and ours."""
_LARGEST: Final = 1 << 20  # characters of one value
_LOOKED_AHEAD: Final = 200  # objects whose keys make the header
_SPACE = re.compile(r"[ \t\r\n]*")


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


_DECODER = json.JSONDecoder(
    parse_float=Number, parse_int=Number, parse_constant=Number, object_pairs_hook=_object, strict=True
)


class Document:
    container = "json"

    def __init__(self, text: Text) -> None:
        self._text = text
        self._blocks = text.blocks()
        self._buffer, self._at, self._ended = "", 0, False
        self.notes: list[str] = []
        self.facts: dict[str, str] = {}
        self.suspicious = True  # escapes can write what can't be stored, so every row is looked at

    @property
    def bytes_read(self) -> int:
        return self._text.bytes_read

    def rows(self) -> Iterator[Row]:
        """Raises UnreadableFile, TruncatedFile, FileTooLarge or EmptyFile."""
        items = self._items()
        first = [item for _, item in zip(range(_LOOKED_AHEAD), items, strict=False)]
        names = list(dict.fromkeys(name for item in first if isinstance(item, dict) for name in item))
        if not names:
            if first:
                raise UnreadableFile("file", None, "its list must hold objects")
            raise EmptyFile("file", None, "its list is empty")
        known = frozenset(names)
        yield names
        for item in first:
            yield _row(item, names, known)
        for item in items:
            yield _row(item, names, known)

    def _items(self) -> Iterator[Any]:
        self._expect("{")
        found = False
        if self._next() == "}":
            raise UnreadableFile("file", None, f"has none of the keys {', '.join(LISTS)}")
        while True:
            key = self._value()
            if not isinstance(key, str) or isinstance(key, Number):
                raise UnreadableFile("file", str(key), "a key must be text")
            self._expect(":")
            if key in LISTS and not found:
                found = True
                yield from self._list()
            else:
                self._remember(key, self._value())
            if self._expect(",}") == "}":
                break
        if self._next():
            raise UnreadableFile("file", None, "something stands behind the end of the document")
        if not found:
            raise UnreadableFile("file", None, f"has none of the keys {', '.join(LISTS)}")

    def _remember(self, key: str, value: object) -> None:
        if isinstance(value, str) and len(self.facts) < 50:
            self.facts[key] = value
            if key == "@numpages" and value != "1":
                self.notes.append(f"this is one page of {value}")

    def _list(self) -> Iterator[Any]:
        self._expect("[")
        if self._next() == "]":
            self._expect("]")
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def _more(self) -> bool:
        if self._ended:
            return False
        block = next(self._blocks, None)
        if block is None:
            self._ended = True
            return False
        self._buffer = self._buffer[self._at :] + block
        self._at = 0
        return True

    def _next(self) -> str:
        """The next character that is no space, or nothing at the end."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _expect(self, signs: str) -> str:
        found = self._next()
        if not found:
            raise TruncatedFile("file", None, "the document breaks off")
        if found not in signs:
            raise UnreadableFile("file", self._here(), f"is no JSON: one of {' '.join(signs)} belongs here")
        self._at += 1
        return found

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                self._read_on_after(error)
                continue
            if end < len(self._buffer) or not self._more():
                self._at = end
                return value

    def _read_on_after(self, error: Exception) -> None:
        if isinstance(error, RecursionError):
            raise UnreadableFile("file", self._here(), "is nested too deeply") from None
        if not isinstance(error, json.JSONDecodeError):
            raise UnreadableFile("file", self._here(), str(error)) from None
        if len(self._buffer) - self._at > _LARGEST:
            raise FileTooLarge("file", self._here(), f"one value is longer than {_LARGEST:,} characters, or no JSON")
        if not self._more():
            cut = error.pos >= len(self._buffer.rstrip()) or "Unterminated" in error.msg
            if cut:
                raise TruncatedFile("file", None, "the document breaks off") from None
            raise UnreadableFile("file", self._here(), f"is no JSON: {error.msg}") from None

    def _here(self) -> str:
        return self._buffer[self._at : self._at + 40]


def _row(item: object, names: list[str], known: frozenset[str]) -> Row:
    if not isinstance(item, dict):
        return Broken(None, str(item), "must be an object", (str(item),))
    cells = [_text(item.get(name)) for name in names]
    unknown = sorted(item.keys() - known)
    if unknown:
        return Broken(None, ", ".join(unknown), "has keys that the rows above do not have", tuple(cells))
    nested = next((place for place, name in enumerate(names) if isinstance(item.get(name), dict | list)), None)
    if nested is not None:
        return Broken(nested, cells[nested], "must be a text or a number", tuple(cells))
    return cells


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
