"""Entries: dated, described, immutable business events, each a set of lines that sum to zero per currency.

An entry has two dates and a month. `effective_on` is when it happened; `recorded_at` is when the books learned of
it, set by the database; `period` is the month it is booked in: that of `effective_on`, or a later one that is
still open when the fact comes late. Nothing is ever changed: a correction is an entry that reverses another.

Post in one call per transaction. A call takes its locks in one order, so any number of writers pass each other;
two calls in one transaction could wait for another's two in a circle.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entry_arrays import entry_arrays, line_arrays, numbered_accounts
from ledger.entry_content import (
    MAX_LINES,
    MAX_METADATA,
    Line,
    NewEntry,
    canonical_content,
    check_entry,
    content_digest,
)
from ledger.errors import EntryNotFound, UnknownAccount
from ledger.money import BIGINT_MAX
from ledger.refusals import refusals, storable

__all__ = [
    "MAX_LINES",
    "MAX_METADATA",
    "Batch",
    "Entry",
    "Line",
    "NewEntry",
    "Posted",
    "canonical_content",
    "content_digest",
    "content_of",
    "count_entries",
    "find_entry",
    "find_entry_by_key",
    "list_entries",
    "post",
    "post_batch",
    "post_ready",
    "ready",
    "reverse",
]


class Entry(NewEntry, frozen=True, kw_only=True):
    """An entry of the books. `digest` is `content_digest` of what was posted, in hex."""

    entry_id: int
    recorded_at: datetime
    digest: str
    reversed_by: int | None = None


class Posted(msgspec.Struct, frozen=True):
    """What became of a posted entry; `created` is false where it was in the books before."""

    entry_id: int
    recorded_at: datetime
    created: bool


# Posting -------------------------------------------------------------------------------------------------------


async def post(connection: AsyncConnection, book_id: int, entry: NewEntry) -> Posted:
    """Post one entry; see `post_batch`."""
    check_entry(entry, "")
    return (await post_ready(connection, _ready(book_id, [entry], "")))[0]


class Batch(NamedTuple):
    """Entries that a book could hold, as they travel to it: what `ready` makes of them."""

    book_id: int
    entries: Sequence[NewEntry]
    field: str
    """What is put before the names of fields, an entry's position in its braces."""
    accounts: Sequence[tuple[str, str]]
    """Code and currency of those that they are on, once each."""
    arrays: Sequence[str]


def ready(book_id: int, entries: Sequence[NewEntry]) -> Batch:
    """All of `post_batch` that needs no database, for who has time for it before.

    Raises InvalidAmount, UnknownCurrency, UnbalancedEntry, EntryTooSmall, EntryTooLarge, InvalidEntry, UnknownAccount.
    """
    for position, entry in enumerate(entries):
        check_entry(entry, f"entries[{position}].")
    return _ready(book_id, entries, "entries[{}].")


async def post_ready(connection: AsyncConnection, batch: Batch) -> list[Posted]:
    """Post them; see `post_batch`."""
    if not batch.entries:
        return []
    with _named(batch.entries, batch.field), refusals():
        rows = await connection.exec_driver_sql(_POST, (batch.book_id, *batch.arrays))
    return [Posted(row.entry_id, row.recorded_at, row.created) for row in rows]


async def post_batch(connection: AsyncConnection, book_id: int, entries: Sequence[NewEntry]) -> list[Posted]:
    """Post entries in one statement, all or none, and answer in their order.

    Raises:
        InvalidAmount, UnknownCurrency, UnbalancedEntry, EntryTooSmall, EntryTooLarge, InvalidEntry,
        UnknownAccount: an entry that the book can't hold; the field names which, as `entries[3].lines[0].amount`.
        PeriodLocked: an entry's month is locked; a late fact names an open one as its `period`.
        IdempotencyConflict: a key was used before, for other content.
        AlreadyReversed: the entry to be reversed has been.
    """
    return await post_ready(connection, ready(book_id, entries))


async def reverse(
    connection: AsyncConnection,
    book_id: int,
    entry_id: int,
    *,
    idempotency_key: str,
    effective_on: date,
    description: str | None = None,
    period: date | None = None,
) -> Posted:
    """Post the entry that undoes another, line by line.

    Raises:
        EntryNotFound: the book has no such entry.
        AlreadyReversed: by an entry with another key.
        PeriodLocked: see `post_batch`.
    """
    original = await find_entry(connection, book_id, entry_id)
    mirror = NewEntry(
        idempotency_key=idempotency_key,
        effective_on=effective_on,
        description=description or f"Reversal of entry {entry_id}",
        lines=tuple(Line(line.account, line.currency, -line.amount) for line in original.lines),
        period=period,
        reverses=entry_id,
    )
    return await post(connection, book_id, mirror)


_POST = """
    SELECT entry_id, recorded_at, created FROM ledger.post_entries(
        %s::bigint,
        %s::text[], %s::date[], %s::date[], %s::text[], %s::jsonb[], %s::bigint[], %s::integer[], %s::bytea[],
        %s::text[], %s::text[], %s::integer[],
        %s::integer[], %s::integer[], %s::integer[], %s::bigint[])"""


def _ready(book_id: int, entries: Sequence[NewEntry], field: str) -> Batch:
    accounts = numbered_accounts(entries)
    with _named(entries, field):
        lines = [*line_arrays(entries, accounts)]
    return Batch(book_id, entries, field, [*accounts], [*entry_arrays(book_id, entries), *lines])


@contextmanager
def _named(entries: Sequence[NewEntry], field: str) -> Iterator[None]:
    """An account that is unknown by its number is told by its name, and by the field where it stands."""
    try:
        yield
    except UnknownAccount as error:
        raise _unknown_account(int(error.value or 1), entries, field) from error.__cause__


def _unknown_account(number: int, entries: Sequence[NewEntry], field: str) -> UnknownAccount:
    """The refusal of the first line on the account to which `line_arrays` gave this number."""
    first: dict[tuple[str, str], str] = {}
    for entry_no, entry in enumerate(entries):
        for line_no, line in enumerate(entry.lines):
            first.setdefault((line.account, line.currency), f"{field.format(entry_no)}lines[{line_no}].account")
    name, place = [*first.items()][number - 1]
    return UnknownAccount(place, " ".join(name))


# Reading -------------------------------------------------------------------------------------------------------

_ENTRIES = """
    SELECT e.entry_id, e.recorded_at, encode(e.digest, 'hex') AS digest, e.idempotency_key, e.effective_on,
           e.period, e.description, e.metadata, e.reverses, r.entry_id AS reversed_by, l.lines
    FROM ledger.entries AS e
    LEFT JOIN ledger.entries AS r ON r.book_id = e.book_id AND r.reverses = e.entry_id
    CROSS JOIN LATERAL (
        SELECT array_agg(ARRAY[a.code, p.currency, p.amount::text] ORDER BY p.line) AS lines
        FROM ledger.postings AS p
        JOIN ledger.accounts AS a ON a.book_id = p.book_id AND a.account_id = p.account_id
        WHERE p.book_id = e.book_id AND p.entry_id = e.entry_id
    ) AS l
    WHERE e.book_id = :book"""

_FIND = text(f"{_ENTRIES} AND e.entry_id = :entry")
_FIND_BY_KEY = text(f"{_ENTRIES} AND e.idempotency_key = :key")
_LIST = text(f"{_ENTRIES} AND e.entry_id < :before ORDER BY e.entry_id DESC LIMIT :limit")


async def find_entry(connection: AsyncConnection, book_id: int, entry_id: int) -> Entry:
    """The entry with its lines. Raises EntryNotFound."""
    row = (await connection.execute(_FIND, {"book": book_id, "entry": entry_id})).one_or_none()
    if row is None:
        raise EntryNotFound("entry", entry_id)
    return _entry_of(row)


async def find_entry_by_key(connection: AsyncConnection, book_id: int, idempotency_key: str) -> Entry:
    """The entry posted under this key. Raises EntryNotFound."""
    if not storable(idempotency_key):
        raise EntryNotFound("idempotency_key", idempotency_key)
    row = (await connection.execute(_FIND_BY_KEY, {"book": book_id, "key": idempotency_key})).one_or_none()
    if row is None:
        raise EntryNotFound("idempotency_key", idempotency_key)
    return _entry_of(row)


async def list_entries(
    connection: AsyncConnection, book_id: int, *, before: int = BIGINT_MAX, limit: int = 100
) -> list[Entry]:
    """Entries, newest first by number, those below `before`."""
    rows = await connection.execute(_LIST, {"book": book_id, "before": before, "limit": limit})
    return [_entry_of(row) for row in rows]


async def count_entries(connection: AsyncConnection, book_id: int) -> int:
    """How many entries the book has."""
    counted = text("SELECT count(*) FROM ledger.entries WHERE book_id = :book")
    return int((await connection.execute(counted, {"book": book_id})).scalar_one())


def content_of(row: Row[Any]) -> dict[str, Any]:
    """The fields of a NewEntry in a row with an entry's columns and its lines as [code, currency, amount] texts."""
    return {
        "idempotency_key": row.idempotency_key,
        "effective_on": row.effective_on,
        "description": row.description,
        "lines": tuple(Line(account, currency, int(amount)) for account, currency, amount in row.lines),
        "metadata": row.metadata,
        "period": row.period,
        "reverses": row.reverses,
    }


def _entry_of(row: Row[Any]) -> Entry:
    return Entry(
        **content_of(row),
        entry_id=row.entry_id,
        recorded_at=row.recorded_at,
        digest=row.digest,
        reversed_by=row.reversed_by,
    )
