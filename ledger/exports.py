"""Exports: a whole book as beancount, CSV or JSON lines, in the order it was posted.

An export is read by two cursors side by side, so its memory is bounded by one entry and the chart of accounts, however
long the book. Ask for it in one REPEATABLE READ transaction: all of it is then of one moment.

- beancount: the whole book; `bean-check` proves its sums, for the file ends with every balance as an assertion
- csv: one row for each posting, amounts as decimals; for spreadsheets, so no cell can be taken for a formula
- json: one object a line for each entry, as the HTTP API shows it; amounts are integers of minor units
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.balances import TrialBalance
from ledger.books import Book
from ledger.entries import Entry, Line
from ledger.money import exponent, format_decimal
from ledger.periods import format_period
from ledger.sheets import csv_text

Format = Literal["beancount", "csv", "json"]

MEDIA_TYPES: Mapping[Format, str] = {"beancount": "text/plain", "csv": "text/csv", "json": "application/x-ndjson"}
"""All are UTF-8."""

SUFFIXES: Mapping[Format, str] = {"beancount": "beancount", "csv": "csv", "json": "jsonl"}

_ROWS_AT_ONCE = 2000
_BLOCK = 64 * 1024  # characters; what is yielded at once


async def export_book(connection: AsyncConnection, book: Book, form: Format) -> AsyncIterator[str]:
    """The book in blocks of text."""
    accounts = await _accounts(connection, book.book_id)
    entries = _entries(connection, book.book_id, {account.account_id: account.code for account in accounts})
    pieces = {"beancount": _beancount, "csv": _csv, "json": _json}[form](book, accounts, entries)
    held: list[str] = []
    length = 0
    async for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= _BLOCK:
            yield "".join(held)
            held, length = [], 0
    yield "".join(held)


# What is exported ----------------------------------------------------------------------------------------------


class _UsedAccount(msgspec.Struct, frozen=True):
    """An account with its balance; `first_used` is the day it was opened where nothing was ever posted to it."""

    account_id: int
    code: str
    currency: str
    balance: int
    first_used: date
    last_used: date | None


_ACCOUNTS = text("""
    SELECT a.account_id, a.code, a.currency, coalesce(m.balance, 0) AS balance, m.last_used,
           coalesce(m.first_used, (a.opened_at AT TIME ZONE b.time_zone)::date) AS first_used
    FROM ledger.accounts AS a
    JOIN ledger.books AS b ON b.book_id = a.book_id
    LEFT JOIN (
        SELECT account_id, sum(amount) AS balance, min(effective_on) AS first_used, max(effective_on) AS last_used
        FROM ledger.movements WHERE book_id = :book GROUP BY account_id
    ) AS m ON m.account_id = a.account_id
    WHERE a.book_id = :book ORDER BY a.code, a.currency""")

_ENTRIES = text("""
    SELECT entry_id, recorded_at, encode(digest, 'hex') AS digest, idempotency_key, effective_on, period, description,
           metadata, reverses
    FROM ledger.entries WHERE book_id = :book ORDER BY entry_id""")

_LINES = text("""
    SELECT entry_id, account_id, currency, amount
    FROM ledger.postings WHERE book_id = :book ORDER BY entry_id, line""")


async def _accounts(connection: AsyncConnection, book_id: int) -> list[_UsedAccount]:
    rows = await connection.execute(_ACCOUNTS, {"book": book_id})
    return [_UsedAccount(**{**row._mapping, "balance": int(row.balance)}) for row in rows]


async def _entries(connection: AsyncConnection, book_id: int, codes: Mapping[int, str]) -> AsyncIterator[Entry]:
    """All entries, each with the lines that bear its number."""
    lines = _rows(connection, _LINES, book_id)
    line = await anext(lines, None)
    async for row in _rows(connection, _ENTRIES, book_id):
        own = []
        while line is not None and line.entry_id <= row.entry_id:
            if line.entry_id == row.entry_id:  # or else it belongs to no entry, which is verification's to tell
                own.append(Line(codes[line.account_id], line.currency, line.amount))
            line = await anext(lines, None)
        yield Entry(**row._mapping, lines=tuple(own))


async def _rows(connection: AsyncConnection, statement: Any, book_id: int) -> AsyncIterator[Row[Any]]:
    result = await connection.stream(statement, {"book": book_id})
    async for some in result.partitions(_ROWS_AT_ONCE):
        for row in some:
            yield row


def _decimal(amount: int, currency: str) -> str:
    """`-1234.50`: for programs, so without commas."""
    return format_decimal(amount, exponent(currency)).replace(",", "")


# JSON ----------------------------------------------------------------------------------------------------------


async def _json(book: Book, accounts: Sequence[_UsedAccount], entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    async for entry in entries:
        shown = {"entry_id": entry.entry_id, **msgspec.structs.asdict(entry), "period": format_period(entry.booked_in)}
        del shown["reversed_by"]  # the reversing entry says so itself
        yield msgspec.json.encode(shown).decode() + "\n"


# CSV -----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    *("entry_id", "line", "effective_on", "period", "recorded_at", "idempotency_key", "description"),
    *("account", "currency", "amount", "reverses", "metadata"),
)


async def _csv(book: Book, accounts: Sequence[_UsedAccount], entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    yield csv_text([_COLUMNS])
    async for entry in entries:
        yield csv_text(_csv_rows(entry))


def _csv_rows(entry: Entry) -> Iterable[Sequence[object]]:
    before = (
        *(entry.effective_on, format_period(entry.booked_in), entry.recorded_at.isoformat()),
        *(entry.idempotency_key, entry.description),
    )
    metadata = msgspec.json.encode(entry.metadata).decode() if entry.metadata else ""
    for number, line in enumerate(entry.lines, 1):
        amount = _decimal(line.amount, line.currency)
        yield entry.entry_id, number, *before, line.account, line.currency, amount, entry.reverses, metadata


def trial_balance_csv(trial: TrialBalance) -> str:
    """A trial balance as accountants lay it out: debits and credits in columns, with their sums below."""
    rows: list[Sequence[object]] = [("account", "kind", "currency", "debit", "credit")]
    for row in trial.rows:
        sides = _decimal(abs(row.balance), row.currency), ""
        rows.append((row.code, row.kind, row.currency, *(sides if row.balance >= 0 else sides[::-1])))
    for currency in sorted({row.currency for row in trial.rows}):
        sums = (side.get(currency, 0) for side in (trial.debits, trial.credits))
        rows.append(("total", "", currency, *(_decimal(total, currency) for total in sums)))
    return csv_text(rows)


# Beancount -----------------------------------------------------------------------------------------------------


async def _beancount(book: Book, accounts: Sequence[_UsedAccount], entries: AsyncIterator[Entry]) -> AsyncIterator[str]:
    yield f'option "title" {quoted(book.name)}\n\n'
    for opening in _openings(accounts):
        yield opening
    async for entry in entries:
        yield _transaction(entry)
    for assertion in _assertions(accounts):
        yield assertion


def _openings(accounts: Sequence[_UsedAccount]) -> Iterable[str]:
    """One directive for each code: what are several accounts here, by currency, is one in beancount."""
    by_code: dict[str, list[_UsedAccount]] = defaultdict(list)
    for account in accounts:
        by_code[account.code].append(account)
    for code, several in by_code.items():
        first_used = min(account.first_used for account in several)
        currencies = ",".join(account.currency for account in several)
        yield f"{first_used} open {beancount_name(code)} {currencies}\n  code: {quoted(code)}\n"


def _transaction(entry: Entry) -> str:
    """Linked to itself by its number and, where it reverses another, to that one."""
    reversed_ = "" if entry.reverses is None else f" ^entry-{entry.reverses}"
    metadata = msgspec.json.encode(entry.metadata).decode() if entry.metadata else None
    told = {
        "entry": str(entry.entry_id),
        "idempotency-key": entry.idempotency_key,
        "period": format_period(entry.booked_in),
        "recorded-at": entry.recorded_at.isoformat(),
        **({"reverses": str(entry.reverses)} if entry.reverses is not None else {}),
        **({"metadata": metadata} if metadata is not None else {}),
    }
    return "".join(
        [
            f"\n{entry.effective_on} * {quoted(entry.description)} ^entry-{entry.entry_id}{reversed_}\n",
            *(f"  {name}: {quoted(value)}\n" for name, value in told.items()),
            *(
                f"  {beancount_name(line.account)}  {_decimal(line.amount, line.currency)} {line.currency}\n"
                for line in entry.lines
            ),
        ]
    )


def _assertions(accounts: Sequence[_UsedAccount]) -> Iterable[str]:
    """The balance of every account that was used, on the day after the last posting; exact, without tolerance.

    An assertion of beancount's counts the accounts below too. A book that reaches to the end of the calendar has no
    day after, and no assertions.
    """
    used = [account for account in accounts if account.last_used is not None]
    last = max((account.last_used for account in used if account.last_used), default=date.max)
    if last == date.max:
        return
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for account in used:
        words = account.code.split(":")
        for depth in range(2, len(words) + 1):
            sums[":".join(words[:depth]), account.currency] += account.balance
    yield "\n"
    for account in used:
        number = _decimal(sums[account.code, account.currency], account.currency)
        yield f"{last + timedelta(days=1)} balance {beancount_name(account.code)}  {number} ~ 0 {account.currency}\n"


def beancount_name(code: str) -> str:
    """The account's name in beancount: `liabilities:held:lina_7` is `Liabilities:Held:Lina--5f7`.

    Each word begins with a capital or a digit and holds only letters, digits and hyphens. So a small first letter is
    made a capital, and `--` begins an escape: `X--` stands before a word that begins with a capital, and `--5f`,
    `--2e`, `--2d` are `_`, `.` and a `-` that another follows. No two codes have the same name.
    """
    return ":".join(_beancount_word(word) for word in code.split(":"))


@lru_cache(maxsize=65_536)  # a book has far fewer words in its codes than postings
def _beancount_word(word: str) -> str:
    escaped = re.sub(r"[_.]|-(?=-)", lambda found: f"--{ord(found[0]):x}", word)
    return f"X--{escaped}" if escaped[0].isupper() else escaped[0].upper() + escaped[1:]


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})


def quoted(said: str) -> str:
    """A text as beancount reads it."""
    return f'"{said.translate(_ESCAPES)}"'
