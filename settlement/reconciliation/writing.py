"""What a run has found is written down: matches by COPY, and residuals, of which what people said stays."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.arrays import driver, planned, text_array
from settlement.reconciliation.lines import Found, Match, Ours, Theirs
from settlement.reconciliation.loading import Scope, Sides

_CHUNK = 50_000


class Row(Struct, frozen=True):
    """A residual as the table has it; its explanation is kept where it was there before."""

    key: str
    kind: str
    owner: str
    since: date
    currency: str | None
    ledger_amount: int
    outside_amount: int
    match_id: int | None
    members: dict[str, Any]
    said: str
    proposal: Any = None


async def forget(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> None:
    """What rules have matched, for it is matched anew; what people have matched stays."""
    its = {"book": book_id, "reconciliation": reconciliation_id}
    for part in _FORGET:
        await connection.execute(part, its)


def _counts(sides: Sides, match: Match) -> bool:
    """Some of it is of the month, or of before; else it is the next month's."""
    return any(sides.ours[at].inside for at in match.ours) or any(sides.theirs[at].inside for at in match.theirs)


async def write_matches(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, sides: Sides, found: Found
) -> list[int | None]:
    """The matches' numbers; none of those that are the next month's."""
    counting = [_counts(sides, match) for match in found.matches]
    new = iter((await connection.scalars(_NUMBERS, {"count": sum(counting)})).all())
    numbers = [next(new) if counts else None for counts in counting]
    kept = [(no, match) for no, match in zip(numbers, found.matches, strict=True) if no is not None]
    ours, theirs = sides.ours, sides.theirs
    await _copy(connection, _COPY_MATCHES, _match_rows(book_id, reconciliation_id, kept, ours, theirs), _MATCH_TYPES)
    lines = ((book_id, ours[at].entry_id, ours[at].line, no) for no, match in kept for at in match.ours)
    await _copy(connection, _COPY_POSTINGS, lines, ("int8", "int8", "int4", "int8"))
    outside = ((book_id, theirs[at].line_id, no) for no, match in kept for at in match.theirs)
    await _copy(connection, _COPY_LINES, outside, ("int8", "int8", "int8"))
    return numbers


def _match_rows(
    book_id: int,
    reconciliation_id: int,
    kept: Sequence[tuple[int, Match]],
    ours: Sequence[Ours],
    theirs: Sequence[Theirs],
) -> Iterator[tuple[object, ...]]:
    for number, match in kept:
        booked, moved = sum(ours[at].amount for at in match.ours), sum(theirs[at].amount for at in match.theirs)
        yield book_id, number, reconciliation_id, match.rule, match.confidence, match.reason, booked, moved, "rule"


async def _copy(
    connection: AsyncConnection, statement: str, rows: Iterator[tuple[object, ...]], types: Sequence[str]
) -> None:
    async with (
        (await driver(connection)).cursor() as cursor,
        cursor.copy(statement.encode()) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


async def write_residuals(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, rows: Sequence[Row]
) -> None:
    """Those that are there stay with what was said of them, others come, and those that are gone go; those that are
    carried are left to `carry`.
    """
    keys = text_array(row.key for row in rows)
    await planned(connection, _GONE, {"book": book_id, "reconciliation": reconciliation_id, "keys": keys})
    for start in range(0, len(rows), _CHUNK):
        told = msgspec.json.encode(rows[start : start + _CHUNK]).decode()
        its = {"book": book_id, "reconciliation": reconciliation_id, "rows": told}
        await connection.execute(_WRITE, its)


async def carry(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> None:
    """Differences of lines that were matched before the month, and that no entry has put right: those that are there
    stay with the newest that was said of them, others come, and those that are gone go.
    """
    its = {"book": book_id, "reconciliation": reconciliation_id, "month": scope.month}
    its |= {"account": scope.account, "currency": scope.currency}
    await connection.execute(_NO_LONGER_CARRIED, its)
    await connection.execute(_CARRY, its)


# SQL --------------------------------------------------------------------------------------------------------

_RULED = """
    SELECT match_id FROM settlement.matches
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND rule NOT IN ('by-hand', 'posted')
      AND undone_at IS NULL
"""
_FORGET = (
    text(f"DELETE FROM settlement.matched_postings WHERE book_id = :book AND match_id IN ({_RULED})"),  # noqa: S608
    text(f"DELETE FROM settlement.matched_lines WHERE book_id = :book AND match_id IN ({_RULED})"),  # noqa: S608
    text(f"DELETE FROM settlement.matches WHERE book_id = :book AND match_id IN ({_RULED})"),  # noqa: S608
)
_NUMBERS = text("SELECT nextval('settlement.matches_match_id_seq') FROM generate_series(1, :count)")
_COPY_MATCHES = """
    COPY settlement.matches (book_id, match_id, reconciliation_id, rule, confidence, reason, ledger_amount,
                             outside_amount, made_by) FROM STDIN (FORMAT binary)
"""
_MATCH_TYPES = ("int8", "int8", "int8", "text", "int2", "text", "int8", "int8", "text")
_COPY_POSTINGS = "COPY settlement.matched_postings (book_id, entry_id, line, match_id) FROM STDIN (FORMAT binary)"
_COPY_LINES = "COPY settlement.matched_lines (book_id, line_id, match_id) FROM STDIN (FORMAT binary)"

# What was posted stays on record. What was carried, and is found anew in the month itself, is carried no longer.
_GONE = """
    DELETE FROM settlement.residuals
    WHERE book_id = %(book)s AND reconciliation_id = %(reconciliation)s AND entry_id IS NULL
      AND (key = ANY (%(keys)s::text[])) = (members ->> 'carried_from' IS NOT NULL)
"""
_WRITE = text("""
    INSERT INTO settlement.residuals (book_id, reconciliation_id, key, kind, owner, since, currency, ledger_amount,
                                      outside_amount, match_id, members, said, proposal)
    SELECT :book, :reconciliation, key, kind, owner, since, currency, ledger_amount, outside_amount, match_id, members,
           said, nullif(proposal, 'null')
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS its (key text, kind text, owner text, since date, currency text,
         ledger_amount bigint, outside_amount bigint, match_id bigint, members jsonb, said text, proposal jsonb)
    ON CONFLICT (book_id, reconciliation_id, key) DO UPDATE SET
        since = excluded.since, ledger_amount = excluded.ledger_amount, outside_amount = excluded.outside_amount,
        match_id = excluded.match_id, said = excluded.said, proposal = excluded.proposal
""")
# Where an entry put it right in another month, it is so from the month on in which that entry is booked.
_CARRIED = """
    FROM settlement.residuals AS was
    JOIN settlement.reconciliations AS its USING (book_id, reconciliation_id)
    WHERE was.book_id = :book AND its.account = :account AND its.currency = :currency
      AND its.month = (SELECT max(month) FROM settlement.reconciliations AS before
                       WHERE before.book_id = :book AND before.account = :account AND before.currency = :currency
                         AND before.month < :month)
      AND (was.match_id IS NOT NULL OR was.members ->> 'carried_from' IS NOT NULL) AND was.entry_id IS NULL
      AND was.ledger_amount <> was.outside_amount
      AND NOT EXISTS (
          SELECT FROM settlement.reconciliations AS other
          JOIN settlement.residuals AS same USING (book_id, reconciliation_id)
          JOIN ledger.entries AS e USING (book_id, entry_id)
          WHERE other.book_id = :book AND other.account = :account AND other.currency = :currency
            AND same.key = was.key AND e.period <= :month)
"""
_NO_LONGER_CARRIED = text(f"""
    DELETE FROM settlement.residuals
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
      AND members ->> 'carried_from' IS NOT NULL AND key NOT IN (SELECT was.key {_CARRIED})
""")  # noqa: S608 - of constants
_CARRY = text(f"""
    INSERT INTO settlement.residuals AS kept (
        book_id, reconciliation_id, key, kind, owner, since, currency, ledger_amount, outside_amount, members, said,
        proposal, explanation, explained_by, explained_at)
    SELECT was.book_id, :reconciliation, was.key, was.kind, was.owner, was.since, was.currency, was.ledger_amount,
           was.outside_amount, jsonb_build_object('carried_from', was.residual_id), was.said, was.proposal,
           was.explanation, was.explained_by, was.explained_at
    {_CARRIED}
    ON CONFLICT (book_id, reconciliation_id, key) DO UPDATE SET
        explanation = excluded.explanation, explained_by = excluded.explained_by, explained_at = excluded.explained_at
    WHERE kept.entry_id IS NULL AND excluded.explained_at > coalesce(kept.explained_at, '-infinity')
""")
