"""What an entry says, whether a book can hold it, and the one form in which its content is hashed."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from ledger.errors import (
    EntryTooLarge,
    EntryTooSmall,
    InvalidAmount,
    InvalidEntry,
    UnbalancedEntry,
    UnknownCurrency,
)
from ledger.money import BIGINT_MAX, CURRENCIES, check_amount
from ledger.periods import month_of
from ledger.refusals import storable

MAX_LINES = 100_000
MAX_METADATA = 65_536
"""Characters, of all keys and values together."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One posting: `amount` in minor units of `currency`, debit positive, credit negative, never zero."""

    account: str
    currency: str
    amount: int


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be posted. `idempotency_key` names the event in its book: posted again with the same content it
    is the same entry. `period` is the first day of a month; left out, it is that of `effective_on`.
    """

    idempotency_key: str
    effective_on: date
    description: str
    lines: tuple[Line, ...]
    metadata: dict[str, str] = {}
    period: date | None = None
    reverses: int | None = None

    @property
    def booked_in(self) -> date:
        """The first day of the month it is booked in."""
        return self.period or month_of(self.effective_on)


def content_digest(book_id: int, entry: NewEntry) -> bytes:
    """SHA-256 of an entry's `canonical_content`."""
    return hashlib.sha256(canonical_content(book_id, entry)).digest()


def canonical_content(book_id: int, entry: NewEntry) -> bytes:
    """An entry's content in one canonical form: a JSON array whose order and spelling are fixed.

    It covers all that the poster said and nothing that the database added.
    """
    content = (
        book_id,
        entry.idempotency_key,
        entry.effective_on,
        entry.booked_in,
        entry.description,
        sorted(entry.metadata.items()),
        entry.reverses,
        [(line.account, line.currency, line.amount) for line in entry.lines],
    )
    return msgspec.json.encode(content)


# What a book can hold ------------------------------------------------------------------------------------------


def check_entry(entry: NewEntry, field: str) -> None:
    """Raise what `ledger.entries.post_batch` says; `field` is put before the names of fields, as `entries[3].`."""
    _check_text(f"{field}idempotency_key", entry.idempotency_key, 255)
    _check_text(f"{field}description", entry.description, 1000)
    if entry.metadata:
        _check_metadata(f"{field}metadata", entry.metadata)
    if entry.reverses is not None and (type(entry.reverses) is not int or not 1 <= entry.reverses <= BIGINT_MAX):
        raise InvalidEntry(f"{field}reverses", entry.reverses, "an earlier entry of this book")
    _check_dates(entry, field)
    _check_lines(entry.lines, field)


_STORABLE = "text without NUL or half a surrogate pair"


def _check_text(field: str, said: str, longest: int) -> None:
    if not 1 <= len(said) <= longest:
        raise InvalidEntry(field, said, f"1 to {longest:,} characters")
    if not storable(said):
        raise InvalidEntry(field, said, _STORABLE)


def _check_metadata(field: str, metadata: Mapping[str, str]) -> None:
    size = 0
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidEntry(field, {key: value}, "texts by name")
        if not storable(key + value):
            raise InvalidEntry(field, {key: value}, _STORABLE)
        size += len(key) + len(value)
    if size > MAX_METADATA:
        raise InvalidEntry(field, f"{size:,} characters", f"at most {MAX_METADATA:,} characters")


def _check_dates(entry: NewEntry, field: str) -> None:
    if type(entry.effective_on) is not date:  # a datetime passes for one in Python, but the books would keep its day
        raise InvalidEntry(f"{field}effective_on", entry.effective_on, "a date, without a time of day")
    if entry.period is None:
        return
    if type(entry.period) is not date or entry.period.day != 1:
        raise InvalidEntry(f"{field}period", entry.period, "the first day of a month")
    if entry.period < month_of(entry.effective_on):
        raise InvalidEntry(f"{field}period", entry.period, "not before the month of effective_on")


def _check_lines(lines: Sequence[Line], field: str) -> None:
    if len(lines) < 2:
        raise EntryTooSmall(f"{field}lines", len(lines))
    if len(lines) > MAX_LINES:
        raise EntryTooLarge(f"{field}lines", len(lines), f"an entry has at most {MAX_LINES:,} lines")
    sums: dict[str, int] = {}
    for position, line in enumerate(lines):
        if type(line.amount) is not int or not -BIGINT_MAX <= line.amount <= BIGINT_MAX:
            check_amount(f"{field}lines[{position}].amount", line.amount)
        if line.amount == 0:
            raise InvalidAmount(f"{field}lines[{position}].amount", 0, "a posting moves something")
        sums[line.currency] = sums.get(line.currency, 0) + line.amount
    _check_sums(sums, lines, field)


def _check_sums(sums: Mapping[str, int], lines: Sequence[Line], field: str) -> None:
    for currency, total in sums.items():
        if currency not in CURRENCIES:
            first = [line.currency for line in lines].index(currency)
            raise UnknownCurrency(f"{field}lines[{first}].currency", currency)
        if total:
            raise UnbalancedEntry(f"{field}lines", f"{total} {currency}")
