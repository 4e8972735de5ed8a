"""Amounts, counts, times and identifiers of a report, read exactly or not at all.

Each kind is a mapping from text to value that remembers what it has read, because a million rows repeat their texts
and a lookup costs a tenth of reading. No float and no decimal context has a part in it.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

from ledger.errors import UnknownCurrency
from ledger.money import BIGINT_MAX, exponent
from settlement.errors import MixedNumbers

NumberStyle = Literal["point", "comma"]
"""Which sign stands before the decimals: 1,234.56 or 1.234,56."""

_REMEMBERED: Final = 200_000  # texts of one kind, some 20 MB; then all are forgotten

_AMOUNT: Final = {
    "point": re.compile(r"(-?)([0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,19})(?:\.([0-9]{1,18}))?"),
    "comma": re.compile(r"(-?)([0-9]{1,3}(?:\.[0-9]{3}){1,6}|[0-9]{1,19})(?:,([0-9]{1,18}))?"),
}
_AMBIGUOUS = re.compile(r"-?[1-9][0-9]{0,2}[.,][0-9]{3}")
_COUNT = re.compile(r"[0-9]{1,9}")
_DAMAGED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE][+]?[0-9]+|[0-9]+[.,][0-9]+")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


class Unreadable(Exception):  # noqa: N818 - never leaves the readers
    """One cell. `kind` tells in which columns to look for the text."""

    def __init__(self, kind: str, text: str, rule: str) -> None:
        super().__init__(kind, text, rule)
        self.kind, self.text, self.rule = kind, text, rule


def style_of(text: str) -> NumberStyle | None:
    """The only style in which the text is a number, or None if there is none, or both would do."""
    if _AMBIGUOUS.fullmatch(text) or text.isdigit():
        return None
    point, comma = _AMOUNT["point"].fullmatch(text), _AMOUNT["comma"].fullmatch(text)
    if bool(point) == bool(comma):
        return None
    return "point" if point else "comma"


def is_ambiguous(text: str) -> bool:
    """1.234 and 1,234 are a thousand to one reader and little more than one to the other."""
    return _AMBIGUOUS.fullmatch(text) is not None


class Amounts(dict[str, int]):
    """Minor units by text, of one currency and number style. Raises Unreadable, or MixedNumbers."""

    def __init__(
        self, currency: str, style: NumberStyle, absent: dict[str, int] | None = None, *, signed: bool
    ) -> None:
        """`absent` holds the texts that mean "no amount", with what that counts as, where that is allowed."""
        super().__init__(absent or {})
        self._absent = absent or {}
        self._currency, self._style, self._signed = currency, style, signed
        self._exponent = exponent(currency)

    def __missing__(self, text: str) -> int:
        amount = self._read(text)
        if len(self) >= _REMEMBERED:
            self.clear()
            self.update(self._absent)
        self[text] = amount
        return amount

    def _read(self, text: str) -> int:
        match = _AMOUNT[self._style].fullmatch(text)
        if match is None:
            raise self._not_a_number(text)
        sign, units, decimals = match[1], match[2].replace(",", "").replace(".", ""), match[3] or ""
        if len(decimals) > self._exponent:
            raise Unreadable("amount", text, f"{self._currency} has {self._exponent} decimals")
        amount = int(sign + units + decimals.ljust(self._exponent, "0"))
        if amount < 0 and not self._signed:
            raise Unreadable("amount", text, "must not be negative")
        if abs(amount) > BIGINT_MAX:
            raise Unreadable("amount", text, "is larger than the ledger's largest amount")
        return amount

    def _not_a_number(self, text: str) -> Exception:
        if style_of(text) not in (None, self._style):
            return MixedNumbers("file", text)
        if text.strip() in ("", "/", "-"):
            return Unreadable("amount", text, "is missing")
        example = "1,234.50" if self._style == "point" else "1.234,50"
        return Unreadable("amount", text, f"must be a decimal number such as {example}")


class Currencies(dict[str, tuple[Amounts, Amounts]]):
    """By currency code: amounts that must be there, and amounts whose absence is zero. Raises Unreadable."""

    def __init__(self, style: NumberStyle, nulls: tuple[str, ...], *, signed: bool = False) -> None:
        super().__init__()
        self._style, self._nulls, self._signed = style, nulls, signed

    def __missing__(self, code: str) -> tuple[Amounts, Amounts]:
        try:
            needed = Amounts(code, self._style, signed=self._signed)
        except UnknownCurrency as refused:
            raise Unreadable("currency", code, str(refused.rule)) from None
        self[code] = needed, Amounts(code, self._style, dict.fromkeys(self._nulls, 0), signed=self._signed)
        return self[code]


class Counts(dict[str, int]):
    """Whole numbers by text, zero or more. Raises Unreadable."""

    def __missing__(self, text: str) -> int:
        if _COUNT.fullmatch(text) is None:
            raise Unreadable("count", text, "must be a whole number such as 3")
        if len(self) < _REMEMBERED:
            self[text] = int(text)
        return int(text)


class Times:
    """Local times of one form and zone, such as 27/09/2026 04:52:51, as aware datetimes.

    A time that occurs twice, when clocks go back, is taken as the first; one that does not occur, when they go
    forward, is Unreadable, as is every other text.
    """

    def __init__(self, form: Literal["DD/MM/YYYY", "YYYY-MM-DD"], zone: tzinfo) -> None:
        self._days = _Days(form, zone)
        self._form, self._zone = form, zone

    def __call__(self, text: str) -> datetime:
        try:
            if len(text) != 19 or text[13] != ":" or text[16] != ":":
                raise ValueError
            day, offset = self._days[text[:11]]
            if offset:
                return datetime.fromisoformat(day + text[11:] + offset)
            local = datetime.fromisoformat(day + text[11:])
        except ValueError:
            raise Unreadable("time", text, f"must be a time such as {self._form} 04:52:51") from None
        return self._placed(local, text)

    def _placed(self, local: datetime, text: str) -> datetime:
        placed = local.replace(tzinfo=self._zone)
        offset = placed.utcoffset()
        if offset is None or (placed.replace(fold=1).utcoffset() != offset and not _happens(placed)):
            raise Unreadable("time", text, f"does not occur in {self._zone}, whose clocks jump over it")
        return placed.astimezone(UTC)  # in its own zone a repeated hour equals no moment of another


class _Days(dict[str, tuple[str, str]]):
    """`27/09/2026 ` as `2026-09-27T` and the day's offset, which is empty if the clocks change on that day."""

    def __init__(self, form: str, zone: tzinfo) -> None:
        super().__init__()
        self._at = form.index("YYYY"), form.index("MM"), form.index("DD")
        self._between = form[2] if form[2] in "/-" else form[4]
        self._zone = zone

    def __missing__(self, text: str) -> tuple[str, str]:
        year, month, day = self._at
        marks = text.count(self._between) == 2 and text[10] == " "
        iso = f"{text[year : year + 4]}-{text[month : month + 2]}-{text[day : day + 2]}"
        start = datetime.fromisoformat(iso + "T00:00:00")
        if not marks or start.year < 2000 or start.year > 2999:
            raise ValueError(text)
        read = iso + "T", _offset(start, self._zone)
        if len(self) < _REMEMBERED:
            self[text] = read
        return read


def _offset(start: datetime, zone: tzinfo) -> str:
    ends = start, start + timedelta(days=1)
    if len({end.replace(tzinfo=zone, fold=fold).utcoffset() for end in ends for fold in (0, 1)}) > 1:
        return ""
    written = start.replace(tzinfo=zone).isoformat()
    return written[19:] if len(written) == 25 else ""


def _happens(placed: datetime) -> bool:
    """True for a repeated hour: as its first occurrence it is ahead of the second."""
    first, second = placed.utcoffset(), placed.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second


def instant(text: str) -> datetime:
    """A moment as ISO 8601 writes it, with its offset from UTC. Raises Unreadable."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise Unreadable("time", text, "must be a moment with its offset such as 2026-10-01T12:32:44Z")


def day_of(text: str, zone: tzinfo) -> datetime:
    """The start of a day that Amazon writes as 10-20-2026. Raises Unreadable."""
    if re.fullmatch(r"[0-9]{2}-[0-9]{2}-20[0-9]{2}", text):
        try:
            return datetime(int(text[6:]), int(text[:2]), int(text[3:5]), tzinfo=zone)
        except ValueError:
            pass
    raise Unreadable("time", text, "must be a day such as 10-20-2026, month first")


def number_id(text: str, kind: str = "id") -> str:
    """An identifier of digits, without the tab that keeps a spreadsheet from rounding it. Raises Unreadable."""
    bare = text.strip()
    if bare.isdigit() and bare.isascii():
        return bare
    raise refused_id(kind, text)


def text_id(text: str, kind: str = "id") -> str:
    """An identifier of any signs. Raises Unreadable if there is none or a spreadsheet made a number of it."""
    if text.isdigit() and text.isascii():  # as nearly all are
        return text
    bare = text.strip()
    if not bare or _DAMAGED.fullmatch(bare):
        raise refused_id(kind, text)
    return bare


def refused_id(kind: str, text: str) -> Unreadable:
    """Why a text is no identifier."""
    bare = text.strip()
    if bare in ("", "/", "-"):
        return Unreadable(kind, text, "is missing")
    if _DAMAGED.fullmatch(bare):
        return Unreadable(kind, text, "a spreadsheet has rounded this identifier; export it as text")
    return Unreadable(kind, text, "must be an identifier of digits")
