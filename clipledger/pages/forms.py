"""What a form sends, as the body of the operation that it is for.

A form's own members begin with an underscore: `_operation` (method and path, `POST /v1/keys`), `_form` (its name on
the page), `_csrf`, `_key` (for idempotency), `_next` (where to go then; `{member}`, and `{member.inner}`, of the
answer may stand in it), `_done` (what to say there). `_look` is that of a second button: another operation, which
changes nothing and whose answer the page shows. `_edition` is sent as If-Match, where an operation wants it. All else
is the operation's:

- `terms.split.shares[0].rate`: a member, of an object, in a list
- `platforms[]`: one of a list, repeated
- `?as_of`: a parameter of the operation's query
- `_body`: a file, which is the whole body, of the media type that `_type` says; `?name@file` then takes its name
- `amount@CNY`, `amount@{currency}`: written in units of a currency, or of that which another member names; minor units
- `share@percent`: written as percent, sent in millionths; `months[]@words`: split at blanks and commas
- `decided_at@Asia/Shanghai`: a local time there; `note@null`: null where it was left blank,
  which may be said before a unit: `ends_at@null@Asia/Shanghai`; `approval@null`, hidden, after all else of
  `approval`: null where nothing of it was written
- `types@empty`, hidden, after all else of `types[]`: an empty list where nothing was written; `summary@blank`, hidden,
  after `summary`: a blank text
- `matches@text`: as it is; for names that an HTML form has for itself, and would lose

What is left blank is not sent otherwise, nor an object or a row of which nothing was filled in. What can't be read
as its unit is sent as it was typed, so that the operation refuses it and names the member.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from ledger.errors import LedgerError
from ledger.money import CURRENCIES, parse_amount, parse_rate

Json = Any
_PART = re.compile(r"([^.\[\]]+)|\[([0-9]{0,9})\]")
_SEPARATORS = re.compile(r"[\s,，、;；]+")
_DEEPEST = 12
"""Objects and lists within each other."""
_PPM = 1_000_000
_NULL, _EMPTY = object(), object()
_UNWRITTEN: Mapping[str, Json] = {"empty": _EMPTY, "blank": ""}
"""By units: what is sent where nothing was written of a member."""


class MalformedForm(ValueError):  # noqa: N818 - named for what is wrong, as the rooms' are
    """Its names don't go together: a member that is a text and an object, or a list and an object."""


@dataclass
class Sent:
    """A form as it was sent: `typed` are its members' texts, of the repeated ones the last."""

    own: dict[str, str]
    typed: dict[str, str]
    body: dict[str, Json] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)

    @property
    def looks(self) -> bool:
        """Whether its second button was pressed."""
        return bool(self.own.get("_look"))

    @property
    def operation(self) -> str:
        """Method and path."""
        return self.own.get("_look") or self.own.get("_operation", "")

    @property
    def has_members(self) -> bool:
        """Whether it has fields of a body, though they may all have been left blank."""
        return any(name != "_body" and not name.startswith("?") for name in self.typed)

    @property
    def method(self) -> str:
        """Of its operation."""
        return self.operation.partition(" ")[0]

    @property
    def path(self) -> str:
        """Of its operation."""
        return self.operation.partition(" ")[2]


def read_form(members: Iterable[tuple[str, str]]) -> Sent:
    """The names and texts of a form, in its order. Raises MalformedForm."""
    listed = list(members)
    own = {name: text for name, text in listed if name.startswith("_")}
    typed = {name: text for name, text in listed if not name.startswith("_")}
    sent = Sent(own, typed)
    plain = {name.partition("@")[0]: text.strip() for name, text in typed.items()}
    for name, text in listed:
        if not name.startswith("_"):
            _place(sent, name, text.strip(), plain)
    sent.body = _without_gaps(sent.body) or {}
    return sent


def member_of(name: str) -> str:
    """How the operation calls what a form calls `name`."""
    return name.partition("@")[0].removeprefix("?").removesuffix("[]")


def _place(sent: Sent, name: str, text: str, plain: dict[str, str]) -> None:
    member, _, unit = name.partition("@")
    nullable, unit = unit.startswith("null"), unit.removeprefix("null").removeprefix("@")
    if nullable and not text and member not in sent.body:
        _put(sent.body, member, _NULL)
    elif unit in _UNWRITTEN:
        sent.body.setdefault(member, _UNWRITTEN[unit])
    elif not text:
        return
    elif member.startswith("?"):
        sent.query[member[1:]] = text
    elif unit == "words":
        for word in filter(None, _SEPARATORS.split(text)):
            _put(sent.body, member, word)
    else:
        unit = plain.get(unit[1:-1], "") if unit.startswith("{") else unit
        _put(sent.body, member, _in_unit(text, unit))


def _in_unit(text: str, unit: str) -> Json:
    try:
        if unit in CURRENCIES:
            return parse_amount(text, unit)
        if unit == "percent":
            return _whole(parse_rate(f"{text.rstrip('%％').rstrip()}%") * _PPM, text)
        if "/" in unit or unit == "UTC":
            return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(unit)).isoformat()
    except (LedgerError, ValueError, KeyError, OSError):
        return text
    return text


def _whole(number: Fraction, text: str) -> Json:
    return number.numerator if number.denominator == 1 else text


def _put(body: dict[str, Json], path: str, value: Json) -> None:
    """At its place, with the objects and lists on the way there. Raises MalformedForm."""
    parts = [(name, index) for name, index in _PART.findall(path)]
    if not 1 <= len(parts) <= _DEEPEST or not parts[0][0]:
        raise MalformedForm(path)
    place: Json = body
    for (name, index), following in zip(parts, [*parts[1:], None], strict=True):
        if not isinstance(place, dict) or bool(name) == ("[]" in place):
            raise MalformedForm(path)
        key = _key(place, name, index)
        if following is None:
            place[key] = value
        else:
            empty: Json = {} if following[0] else {"[]": True}
            place = place.setdefault(key, empty)


def _key(place: dict[Any, Json], name: str, index: str) -> Json:
    """A list is gathered as an object of its numbers, for rows may come in any order and with gaps."""
    return name or (int(index) if index else max((key for key in place if isinstance(key, int)), default=-1) + 1)


def _without_gaps(value: Json) -> Json:
    """Lists from what was gathered; without what holds nothing."""
    if value is _EMPTY:
        return []
    if value is _NULL or not isinstance(value, dict):
        return value
    if value.pop("[]", False):
        rows = [_without_gaps(value[number]) for number in sorted(value)]
        return [row for row in rows if row is not None] or None
    members = {name: _without_gaps(inner) for name, inner in value.items()}
    kept = {name: None if inner is _NULL else inner for name, inner in members.items() if inner is not None}
    return kept or None
