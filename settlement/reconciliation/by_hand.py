"""Matching by hand: a person says that lines belong together, or that they do not; and what is matched."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.closing import Person
from settlement.reasons import checked_reason
from settlement.reconciliation.errors import (
    AlreadyMatched,
    AlreadyUndone,
    InvalidMatch,
    InvalidReconciliation,
    MatchNotFound,
)
from settlement.reconciliation.lines import Rule
from settlement.reconciliation.reconciliations import record, source_of, take_step
from settlement.reconciliation.tables import matched_lines, matched_postings, matches

MOST_LINES = 1_000
"""Of one match by hand."""


class PostingName(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of an entry."""

    entry_id: int
    line: int


class MatchedPosting(Struct, frozen=True):
    """A ledger line of a match."""

    entry_id: int
    line: int
    effective_on: date
    amount: int
    description: str


class MatchedLine(Struct, frozen=True):
    """A line outside of a match."""

    line_id: int
    external_id: str
    booked_on: date
    amount: int
    reference: str
    description: str


class MatchRow(Struct, frozen=True, kw_only=True):
    """Lines that belong together, by which rule, how surely (percent), and why. One that was undone has no lines."""

    match_id: int
    reconciliation_id: int
    rule: Rule
    confidence: int
    reason: str | None
    ledger_amount: int
    outside_amount: int
    made_by: str
    made_at: datetime
    undone_by: str | None
    undone_at: datetime | None
    undone_reason: str | None
    postings: list[MatchedPosting]
    lines: list[MatchedLine]


async def match(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    by: Person,
    *,
    postings: Sequence[PostingName],
    lines: Sequence[int],
    reason: str,
) -> int:
    """Its number. Lines of both sides, or of one alone, that make the same sum; they are free.

    Raises ReconciliationNotFound, WrongReconciliationStep, InvalidReconciliation, InvalidMatch, AlreadyMatched.
    """
    said = checked_reason(reason, InvalidReconciliation)
    row = await take_step(connection, book_id, reconciliation_id, "matched")
    _check(postings, lines)
    booked = await _postings(connection, book_id, row, postings)
    moved = await _lines(connection, book_id, row, lines)
    if booked != moved:
        raise InvalidMatch("lines", moved, f"the ledger's lines make {booked}, the others {moved}")
    number = await keep(
        connection, book_id, reconciliation_id, "by-hand", by.actor, said, (booked, moved), postings, lines
    )
    await record(connection, book_id, reconciliation_id, "matched", by, said, {"match": number})
    await _forget_sums(connection, book_id, reconciliation_id)
    return number


async def keep(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    rule: Rule,
    actor: str,
    reason: str,
    sums: tuple[int, int],
    postings: Sequence[PostingName],
    lines: Sequence[int],
) -> int:
    """Write a match of a person's down. Raises AlreadyMatched."""
    values: dict[str, Any] = {"book_id": book_id, "reconciliation_id": reconciliation_id, "rule": rule}
    values |= {
        "confidence": 100,
        "ledger_amount": sums[0],
        "outside_amount": sums[1],
        "made_by": actor,
        "reason": reason,
    }
    number: int = (
        await connection.execute(insert(matches).values(**values).returning(matches.c.match_id))
    ).scalar_one()
    its = {"book_id": book_id, "match_id": number}
    try:
        async with connection.begin_nested():
            if postings:
                mine = [{**its, "entry_id": each.entry_id, "line": each.line} for each in postings]
                await connection.execute(insert(matched_postings), mine)
            if lines:
                await connection.execute(insert(matched_lines), [{**its, "line_id": each} for each in lines])
    except IntegrityError as error:
        raise AlreadyMatched("lines") from error
    return number


async def unmatch(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, match_id: int, by: Person, reason: str
) -> None:
    """Part them: no rule joins them again in this reconciliation.

    Raises ReconciliationNotFound, WrongReconciliationStep, InvalidReconciliation, MatchNotFound, AlreadyUndone.
    """
    said = checked_reason(reason, InvalidReconciliation)
    await take_step(connection, book_id, reconciliation_id, "unmatched")
    its = matches.c
    here = (its.book_id == book_id) & (its.reconciliation_id == reconciliation_id) & (its.match_id == match_id)
    row = (await connection.execute(select(matches).where(here))).one_or_none()
    if row is None:
        raise MatchNotFound("match", match_id)
    if row.undone_at is not None:
        raise AlreadyUndone("match", match_id)
    if row.rule == "posted":
        raise InvalidMatch("match", match_id, "an entry put it right: reverse that entry instead")
    gone = {"book": book_id, "match": match_id}
    ours = [[row.entry_id, row.line] for row in await connection.execute(_PART_POSTINGS, gone)]
    theirs = [row.line_id for row in await connection.execute(_PART_LINES, gone)]
    members = {"ours": sorted(ours), "theirs": sorted(theirs)}
    change = {"undone_by": by.actor, "undone_at": text("now()"), "undone_reason": said, "members": members}
    await connection.execute(update(matches).where(here).values(**change))
    await record(connection, book_id, reconciliation_id, "unmatched", by, said, {"match": match_id})
    await _forget_sums(connection, book_id, reconciliation_id)


def _check(postings: Sequence[PostingName], lines: Sequence[int]) -> None:
    if len(postings) + len(lines) < 2 or len(postings) + len(lines) > MOST_LINES:
        raise InvalidMatch("lines", len(lines), f"2 to {MOST_LINES:,} lines of both sides together")
    if len(set(postings)) < len(postings) or len(set(lines)) < len(lines):
        raise InvalidMatch("lines", None, "names a line twice")


async def _postings(connection: AsyncConnection, book_id: int, row: Row[Any], named: Sequence[PostingName]) -> int:
    """What they sum up to. Raises InvalidMatch."""
    asked = {"book": book_id, "account": row.account, "currency": row.currency, "month": row.month}
    asked |= {"entries": [each.entry_id for each in named], "numbers": [each.line for each in named]}
    found = (await connection.execute(_POSTINGS, asked)).one()
    if found.number != len(named):
        raise InvalidMatch("postings", None, f"lines of entries on {row.account} in {row.currency}")
    return int(found.amount)


async def _lines(connection: AsyncConnection, book_id: int, row: Row[Any], named: Sequence[int]) -> int:
    """What they sum up to. Raises InvalidMatch."""
    asked = {"book": book_id, "source": source_of(row.account), "currency": row.currency, "lines": [*named]}
    found = (await connection.execute(_LINES, asked)).one()
    if found.number != len(named):
        raise InvalidMatch("lines", None, f"lines from outside of {row.account} in {row.currency}")
    return int(found.amount)


async def _forget_sums(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> None:
    """What was found before does not say how it stands any more: it is to be run again."""
    await connection.execute(_STALE, {"book": book_id, "reconciliation": reconciliation_id})


# Reading ----------------------------------------------------------------------------------------------------


async def list_matches(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    *,
    rule: Rule | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[MatchRow]:
    """Newest first by number, those before a given one; of one rule alone."""
    asked = {"book": book_id, "reconciliation": reconciliation_id, "rule": rule, "before": before or BIGINT_MAX}
    rows = await connection.execute(_LIST, {**asked, "limit": limit})
    return [msgspec.convert(dict(row._mapping), MatchRow) for row in rows]


# SQL --------------------------------------------------------------------------------------------------------

_POSTINGS = text("""
    SELECT count(*) AS number, coalesce(sum(p.amount), 0) AS amount
    FROM unnest(CAST(:entries AS bigint[]), CAST(:numbers AS bigint[])) AS w (entry_id, line)
    JOIN ledger.postings AS p ON p.book_id = :book AND p.entry_id = w.entry_id AND p.line = w.line
    JOIN ledger.accounts AS a USING (book_id, account_id)
    WHERE a.code = :account AND a.currency = :currency
""")
_LINES = text("""
    SELECT count(*) AS number, coalesce(sum(amount), 0) AS amount FROM settlement.external_lines
    WHERE book_id = :book AND line_id = ANY (CAST(:lines AS bigint[])) AND source = :source AND currency = :currency
""")
_PART_POSTINGS = text("""
    DELETE FROM settlement.matched_postings WHERE book_id = :book AND match_id = :match RETURNING entry_id, line
""")
_PART_LINES = text("""
    DELETE FROM settlement.matched_lines WHERE book_id = :book AND match_id = :match RETURNING line_id
""")
_STALE = text("""
    UPDATE settlement.reconciliations SET sums = NULL WHERE book_id = :book AND reconciliation_id = :reconciliation
""")
_LIST = text("""
    SELECT its.match_id, its.reconciliation_id, its.rule, its.confidence, its.reason, its.ledger_amount,
           its.outside_amount, its.made_by, its.made_at, its.undone_by, its.undone_at, its.undone_reason,
           coalesce(ours.postings, '[]') AS postings, coalesce(theirs.lines, '[]') AS lines
    FROM (
        SELECT * FROM settlement.matches
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND match_id < :before
          AND (CAST(:rule AS text) IS NULL OR rule = :rule)
        ORDER BY match_id DESC LIMIT :limit
    ) AS its
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('entry_id', p.entry_id, 'line', p.line, 'effective_on', p.effective_on,
                         'amount', p.amount, 'description', e.description) ORDER BY p.entry_id, p.line) AS postings
        FROM settlement.matched_postings AS m
        JOIN ledger.postings AS p USING (book_id, entry_id, line)
        JOIN ledger.entries AS e USING (book_id, entry_id)
        WHERE m.book_id = its.book_id AND m.match_id = its.match_id
    ) AS ours ON true
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object('line_id', l.line_id, 'external_id', l.external_id,
                         'booked_on', l.booked_on, 'amount', l.amount, 'reference', l.reference,
                         'description', l.description)
                         ORDER BY l.booked_on, l.external_id) AS lines
        FROM settlement.matched_lines AS m JOIN settlement.external_lines AS l USING (book_id, line_id)
        WHERE m.book_id = its.book_id AND m.match_id = its.match_id
    ) AS theirs ON true
    ORDER BY its.match_id DESC
""")
