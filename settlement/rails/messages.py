"""ISO 20022 messages that a bank hands us, read as trees.

Nothing in one may refer to anything outside: a document type is refused, and with it every entity. Names lose their
namespace, because of each message there are a dozen versions and what is read here is the same in all of them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from xml.parsers import expat

from ledger.money import BIGINT_MAX, CURRENCIES
from settlement.errors import EmptyFile, FileTooLarge, UnknownFormat, UnreadableFile

_LARGEST: Final = 16 << 20  # bytes; some 35,000 entries of a statement
_MOST_ELEMENTS = 1_000_000
_LONGEST: Final = 100_000  # characters of one text
_DEEPEST: Final = 40
_NOTHING_GIVEN: Final[Mapping[str, str]] = {}
_CHINESE = re.compile(rb"\s*<\?xml[^>]{0,99}encoding\s*=\s*[\"'](?:gbk|gb2312|gb18030)[\"']", re.IGNORECASE)
_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"


class Element:
    """One element: its text, its attributes, its children in order."""

    __slots__ = ("children", "given", "name", "text")

    def __init__(self, name: str, given: dict[str, str]) -> None:
        self.name, self.text = name, ""
        self.given: Mapping[str, str] = given or _NOTHING_GIVEN
        self.children: Sequence[Element] = ()  # most elements are leaves, and there are hundreds of thousands

    def take(self, child: "Element") -> None:
        if isinstance(self.children, list):
            self.children.append(child)
        else:
            self.children = [child]

    def all(self, path: str) -> Iterator["Element"]:
        """Every element at the path, such as `Refs/EndToEndId`."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.name == first:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def first(self, *paths: str) -> "Element | None":
        """The first element at the first path that leads to one."""
        return next((found for path in paths for found in self.all(path)), None)

    def say(self, *paths: str) -> str | None:
        """The text of `first`, None if there is none or it is empty."""
        found = self.first(*paths)
        return (found.text.strip() or None) if found else None


def read_message(content: bytes, kind: str) -> Element:
    """The message inside the document. `kind` is such as `camt.053`.

    Raises EmptyFile, FileTooLarge, UnreadableFile, or UnknownFormat if it is another message.
    """
    if not content.strip():
        raise EmptyFile("file")
    if len(content) > _LARGEST:
        raise FileTooLarge("file", None, f"has more than {_LARGEST >> 20} MB")
    document = _parsed(content)
    space = document.given.get("", "")
    if document.name != "Document" or not space.startswith(f"{_NAMESPACE}{kind}.") or len(document.children) != 1:
        raise UnknownFormat("file", space or document.name, f"is not a message {kind} of ISO 20022")
    return document.children[0]


def amount_of(element: Element | None, where: str) -> tuple[int, str]:
    """Minor units, never negative, and currency of an `Amt`. Raises UnreadableFile."""
    text = element.text.strip() if element else ""
    currency = element.given.get("Ccy", "") if element else ""
    if currency not in CURRENCIES:
        raise UnreadableFile(where, currency or None, "the amount's currency is none of the ledger's")
    units, _, fraction = text.partition(".")
    digits = CURRENCIES[currency]
    fraction = fraction.rstrip("0") if len(fraction) > digits else fraction
    if not units.isdecimal() or not units.isascii() or not (fraction + "0").isdecimal() or len(fraction) > digits:
        raise UnreadableFile(where, text or None, f"the amount must be a number with at most {digits} decimals")
    amount = int(units + fraction.ljust(digits, "0"))
    if amount > BIGINT_MAX:
        raise UnreadableFile(where, text, "the amount is larger than the ledger's largest")
    return amount, currency


def day_in(element: Element, *paths: str) -> date | None:
    """The day of an ISODate or ISODateTime, as the bank wrote it. Raises UnreadableFile."""
    text = element.say(*paths)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date() if "T" in text else date.fromisoformat(text[:10])
    except ValueError:
        raise UnreadableFile(paths[0], text, "must be a day such as 2026-10-31") from None


def moment_in(element: Element, *paths: str) -> datetime | None:
    """An ISODateTime, as the bank wrote it: with an offset or without. Raises UnreadableFile."""
    text = element.say(*paths)
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        raise UnreadableFile(paths[0], text, "must be a time such as 2026-10-31T12:00:00+01:00") from None


def _parsed(content: bytes) -> Element:
    top = Element("", {})
    stack = [top]
    count = 0

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal count
        count += 1
        space, _, local = name.rpartition(" ")
        if len(stack) > _DEEPEST or count > _MOST_ELEMENTS:
            raise UnreadableFile("file", None, "is nested deeper, or has more elements, than any message")
        element = Element(local, {"": space, **given} if len(stack) == 1 else given)
        stack[-1].take(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def said(text: str) -> None:
        stack[-1].text += text
        if len(stack[-1].text) > _LONGEST:
            raise UnreadableFile("file", None, "has a text longer than any message's")

    parser = expat.ParserCreate(encoding="utf-8" if _CHINESE.match(content) else None, namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, said
    try:
        parser.Parse(content.decode("gb18030").encode() if _CHINESE.match(content) else content, True)
    except expat.ExpatError as broken:
        raise UnreadableFile("file", None, f"is not well-formed XML: {expat.ErrorString(broken.code)}") from None
    except (LookupError, ValueError) as odd:
        raise UnreadableFile("file", None, f"is in a character encoding that is not known: {odd}") from None
    return top.children[0]


def _no_doctype(*_: object) -> None:
    raise UnreadableFile("file", None, "declares a document type, which no message has")
