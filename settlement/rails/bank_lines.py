"""What a bank has booked, line by line, and the CSV file that such lines may come in.

Columns of the CSV file, comma-separated, UTF-8, first line their names, in any order; no other column is taken:

| column | | holds |
|---|---|---|
| booked_on | needed | day of booking, 2026-10-31 |
| amount | needed | 1234.50; negative if it left the account |
| currency | needed | ISO 4217 code |
| value_on | | value date; the day of booking if absent |
| kind | | transfer, return, fee, receipt or other; made of the sign if absent |
| counterparty | | the other side's name |
| text | | what the bank says of it |
| end_to_end_id | | our key, if the line is one of our transfers or its return |
| reference | | the bank's own |

A line has the same id whenever and in whatever file it comes, so that overlapping statements do no harm: it is made of
what the line says, and of how many like it came before it on the same day.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast, get_args

from ledger.errors import LedgerError
from ledger.money import exponent, parse_amount
from settlement.errors import EmptyFile, FileTooLarge, MissingColumn, UnknownColumn, UnreadableFile

LineKind = Literal["transfer", "return", "fee", "receipt", "other"]

_LARGEST: Final = 32 << 20  # bytes
_NEEDED: Final = ("booked_on", "amount", "currency")
_OPTIONAL: Final = ("value_on", "kind", "counterparty", "text", "end_to_end_id", "reference")
_LONGEST: Final = 2000  # characters of one cell

# ISO 20022 bank transaction codes, by sub-family
_FEES: Final = frozenset({"CHRG", "COMM", "COME", "COMI", "COMT", "FEES", "BRKF", "INTR"})
_RETURNS: Final = frozenset({"RRTN", "RRCT", "RPCR", "RVSL"})


@dataclass(frozen=True)
class BankLine:
    """One booking, or one of the payments that were booked together. `amount` is minor units, positive if it came in.

    `code` is the bank's transaction code, such as PMNT-ICDT-ESCT; `return_reason` one of `bank_reasons`.
    """

    id: str
    account: str
    kind: LineKind
    amount: int
    currency: str
    booked_on: date
    value_on: date
    counterparty: str
    text: str
    end_to_end_id: str | None
    reference: str | None
    code: str | None = None
    return_reason: str | None = None


@dataclass(frozen=True)
class Booking:
    """A line before it has its id and, unless the file says so, its kind."""

    amount: int
    currency: str
    booked_on: date
    value_on: date
    counterparty: str = ""
    text: str = ""
    end_to_end_id: str | None = None
    reference: str | None = None
    code: str | None = None
    return_reason: str | None = None
    returned: bool = False
    kind: LineKind | None = None


@dataclass(frozen=True)
class RowFault:
    """A row that can't be read: what stands in it, and the rule it breaks."""

    row_no: int
    raw: tuple[str, ...]
    value: object
    rule: str


def read_lines(content: bytes, account: str) -> list[BankLine]:
    """The lines of a CSV file, of the `account` that the sender names. Raises FileRefused."""
    faults: list[UnreadableFile] = []
    lines = _read(content, account, lambda number, raw, fault: faults.append(fault))
    if faults:
        raise faults[0]
    return lines


def read_good_lines(content: bytes, account: str) -> tuple[list[BankLine], list[RowFault]]:
    """The lines that can be read, and the rows that can't. Raises FileRefused where it is no table at all."""
    faults: list[RowFault] = []

    def park(number: int, raw: Sequence[str], fault: UnreadableFile) -> None:
        faults.append(RowFault(number, tuple(raw), fault.value, fault.rule or ""))

    return _read(content, account, park), faults


def _read(
    content: bytes, account: str, refuse: Callable[[int, Sequence[str], UnreadableFile], object]
) -> list[BankLine]:
    if len(content) > _LARGEST:
        raise FileTooLarge("file", None, f"has more than {_LARGEST >> 20} MB")
    bookings: list[Booking] = []
    refused = 0
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = next(rows, [])
        _check_names(names)
        for number, row in enumerate(rows, 2):
            if not any(row):
                continue
            try:
                bookings.append(_row(number, names, row))
            except UnreadableFile as fault:
                refuse(number, row, fault)
                refused += 1
    except UnicodeDecodeError:
        raise UnreadableFile("file", None, "is not UTF-8") from None
    except csv.Error as broken:
        raise UnreadableFile("file", None, f"is no table: {broken}") from None
    if not bookings and not refused:
        raise EmptyFile("file")
    return lines_of(account, bookings)


def lines_of(account: str, bookings: Sequence[Booking]) -> list[BankLine]:
    seen: dict[str, int] = {}
    lines: list[BankLine] = []
    for booking in bookings:
        said = "\0".join(
            str(part) for part in (
                account, booking.reference, booking.booked_on, booking.amount, booking.currency,
                booking.end_to_end_id, booking.text,
            )
        )  # fmt: skip
        seen[said] = seen.get(said, 0) + 1
        lines.append(_line(account, hashlib.sha256(f"{said}\0{seen[said]}".encode()).hexdigest()[:32], booking))
    return lines


def _line(account: str, line_id: str, booking: Booking) -> BankLine:
    return BankLine(
        id=line_id,
        account=account,
        kind=booking.kind or _kind(booking),
        amount=booking.amount,
        currency=booking.currency,
        booked_on=booking.booked_on,
        value_on=booking.value_on,
        counterparty=booking.counterparty,
        text=booking.text,
        end_to_end_id=booking.end_to_end_id,
        reference=booking.reference,
        code=booking.code,
        return_reason=booking.return_reason,
    )


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise EmptyFile("file")
    for name in names:
        if name not in (*_NEEDED, *_OPTIONAL):
            raise UnknownColumn("file", name, f"a file of bank lines has {', '.join((*_NEEDED, *_OPTIONAL))}")
    if len(set(names)) < len(names):
        raise UnreadableFile("file", ", ".join(names), "has a column twice")
    for name in _NEEDED:
        if name not in names:
            raise MissingColumn("file", name, "is needed")


def _row(number: int, names: Sequence[str], cells: Sequence[str]) -> Booking:
    where = f"row {number}"
    if len(cells) != len(names):
        raise UnreadableFile(where, None, f"has {len(cells)} cells, not {len(names)}")
    row = dict(zip(names, cells, strict=True))
    if any(len(cell) > _LONGEST or "\0" in cell for cell in row.values()):
        raise UnreadableFile(where, None, f"a cell has {_LONGEST} characters at most, and none that is no text")
    kind = row.get("kind") or None
    if kind is not None and kind not in get_args(LineKind):
        raise UnreadableFile(where, kind, f"the kind is one of {', '.join(get_args(LineKind))}")
    booked = _cell(where, "a day such as 2026-10-31", date.fromisoformat, row["booked_on"])
    try:
        exponent(row["currency"])
        amount = parse_amount(row["amount"], row["currency"])
    except LedgerError as refused:
        raise UnreadableFile(where, row["amount"], str(refused)) from None
    return Booking(
        amount=amount,
        currency=row["currency"],
        booked_on=booked,
        value_on=_cell(where, "a day such as 2026-10-31", date.fromisoformat, row.get("value_on") or row["booked_on"]),
        counterparty=row.get("counterparty", ""),
        text=row.get("text", ""),
        end_to_end_id=row.get("end_to_end_id") or None,
        reference=row.get("reference") or None,
        kind=cast(LineKind | None, kind),
    )


def _cell(where: str, rule: str, read: Callable[[str], date], text: str) -> date:
    try:
        return read(text)
    except ValueError:
        raise UnreadableFile(where, text, f"must be {rule}") from None


def _kind(booking: Booking) -> LineKind:
    last = (booking.code or "").rpartition("-")[2]
    if last in _FEES:
        return "fee"
    if booking.returned or last in _RETURNS:
        return "return"
    if booking.amount > 0:
        return "receipt"
    return "transfer" if booking.end_to_end_id or "-ICDT-" in (booking.code or "") else "other"
