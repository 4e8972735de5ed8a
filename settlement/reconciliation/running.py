"""Running a reconciliation: load, match, judge, write down. All of it is one transaction.

What rules matched before is matched anew, so that the result hangs on the lines alone, and not on when they came; what
a person matched, parted, explained or posted stays. The matching itself runs in a thread.
"""

import asyncio
import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.arrays import driver, planned, text_array
from settlement.closing import Person
from settlement.positions import marketplace_account
from settlement.reconciliation.kinds import ABOUT
from settlement.reconciliation.lines import Found, Match, Ours, Residual, Theirs
from settlement.reconciliation.loading import Scope, Sides, load, parted, strangers
from settlement.reconciliation.marketplaces import NO_DIFFERENCE, compare
from settlement.reconciliation.matching import USUAL, begin, clear_transit, finish
from settlement.reconciliation.proposals import Known, proposal_of
from settlement.reconciliation.reconciliations import Sums, record, source_of, take_step

AT_ONCE = 20_000
"""Lines of both sides up to which a request waits for the result; with more a worker runs it."""

_CHUNK = 50_000


class _Row(Struct, frozen=True):
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


async def run(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person | None) -> Sums:
    """Match what is free and write down what is not matched. Raises ReconciliationNotFound, WrongReconciliationStep."""
    row = await take_step(connection, book_id, reconciliation_id, "run")
    scope = Scope(row.account, row.currency, row.month)
    its = {"book": book_id, "reconciliation": reconciliation_id}
    await connection.execute(_ALONE, {"name": f"reconcile {book_id} {scope.account} {scope.currency}"})
    for forget in _FORGET:
        await connection.execute(forget, its)
    work = _of_marketplace if scope.account.startswith(marketplace_account("")) else _of_lines
    sums = await work(connection, book_id, reconciliation_id, scope)
    done = {"sums": msgspec.to_builtins(sums), "run_at": text("now()"), "asked_at": None}
    await take_step(connection, book_id, reconciliation_id, "run", **done)
    await record(connection, book_id, reconciliation_id, "run", by, detail=done["sums"])
    return sums


async def ask(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> bool:
    """Run it if it is small; else leave it to a worker. Whether it was run. Raises as `run`."""
    row = await take_step(connection, book_id, reconciliation_id, "run")
    asked = {"book": book_id, "account": row.account, "currency": row.currency, "source": source_of(row.account)}
    if (await connection.execute(_SIZE, asked)).scalar_one() <= AT_ONCE:
        await run(connection, book_id, reconciliation_id, by)
        return True
    await take_step(connection, book_id, reconciliation_id, "run", asked_at=text("now()"))
    return False


async def run_asked(engine: AsyncEngine, book_id: int) -> int:
    """Each that was left to a worker, in a transaction of its own; how many."""
    async with engine.connect() as connection:
        waiting = (await connection.scalars(_ASKED, {"book": book_id})).all()
    for reconciliation_id in waiting:
        async with engine.begin() as connection:
            await run(connection, book_id, reconciliation_id, None)
    return len(waiting)


# Line by line -----------------------------------------------------------------------------------------------


async def _of_lines(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    sides = await load(connection, book_id, scope, USUAL)
    gone = await parted(connection, book_id, reconciliation_id)
    if source_of(scope.account) is None:
        found = clear_transit(sides.ours, scope.end.toordinal())
    else:
        work = await asyncio.to_thread(_undisturbed, lambda: begin(sides.ours, sides.theirs, parted=gone))
        others = await strangers(connection, book_id, scope, work.free_references())
        found = await asyncio.to_thread(_undisturbed, lambda: finish(work, others))
    numbers = await _write_matches(connection, book_id, reconciliation_id, sides, found)
    plain = await _reversible(connection, book_id, sides, found)
    markets = frozenset(await connection.scalars(_MARKETS, {"book": book_id, "prefix": marketplace_account("")}))
    rows = [row for each in found.residuals if (row := _row(sides, found, each, scope, numbers, plain, markets))]
    await _write_residuals(connection, book_id, reconciliation_id, rows)
    await _carry(connection, book_id, reconciliation_id, scope)
    return await _summed(connection, book_id, reconciliation_id, scope)


def _undisturbed(do: Callable[[], Any]) -> Any:
    """Millions of small values that all stay: looking for garbage among them takes longer than the work."""
    was = gc.isenabled()
    gc.disable()
    try:
        return do()
    finally:
        if was:
            gc.enable()


def _counts(sides: Sides, match: Match) -> bool:
    """Some of it is of the month, or of before; else it is the next month's."""
    return any(sides.ours[at].inside for at in match.ours) or any(sides.theirs[at].inside for at in match.theirs)


async def _write_matches(
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


# Residuals --------------------------------------------------------------------------------------------------


def _row(
    sides: Sides,
    found: Found,
    each: Residual,
    scope: Scope,
    numbers: Sequence[int | None],
    plain: Mapping[int, str | None],
    markets: frozenset[str],
) -> _Row | None:
    """Null where nothing of it is of the month, or of before."""
    ours = [sides.ours[at] for at in each.ours]
    theirs = tuple(sides.theirs[at] for at in each.theirs)
    number = None if each.match is None else numbers[each.match]
    mine, other = [its for its in ours if its.inside], [its for its in theirs if its.inside]
    if not (mine or other) or (each.match is not None and number is None):
        return None
    if number is not None:
        mine, other = ours, [*theirs]
    only = ours[0].entry_id if len(ours) == 1 and ours[0].entry_id in plain else None
    known = Known(only, None if only is None else plain[only], markets)
    proposal = proposal_of(each, scope, ours, theirs, known)
    members = {
        "postings": sorted([its.entry_id, its.line] for its in ours),
        "lines": sorted(its.line_id for its in theirs),
    }
    return _Row(
        key=f"{each.kind}:{_digest(members)}",
        kind=each.kind,
        owner=ABOUT[each.kind].owner,
        since=date.fromordinal(min([its.day for its in ours] + [its.day for its in theirs])),
        currency=scope.currency,
        ledger_amount=sum(its.amount for its in mine),
        outside_amount=sum(its.amount for its in other),
        match_id=number,
        members=members,
        said=each.said,
        proposal=None if proposal is None else msgspec.to_builtins(proposal),
    )


def _digest(members: object) -> str:
    return hashlib.sha256(msgspec.json.encode(members)).hexdigest()[:32]


async def _reversible(connection: AsyncConnection, book_id: int, sides: Sides, found: Found) -> dict[int, str | None]:
    """Entries of residuals that are of no payout, no remittance, and are not reversed; each with its other account, if
    it has two lines.
    """
    entries = {sides.ours[at].entry_id for each in found.residuals if len(each.ours) == 1 for at in each.ours}
    if not entries:
        return {}
    rows = await connection.execute(_PLAIN, {"book": book_id, "entries": [*entries]})
    return {row.entry_id: row.codes[0] if len(row.codes) == 1 else None for row in rows}


async def _write_residuals(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, rows: Sequence[_Row]
) -> None:
    """Those that are there stay with what was said of them, others come, and those that are gone go."""
    keys = text_array(row.key for row in rows)
    await planned(connection, _GONE, {"book": book_id, "reconciliation": reconciliation_id, "keys": keys})
    for start in range(0, len(rows), _CHUNK):
        told = msgspec.json.encode(rows[start : start + _CHUNK]).decode()
        its = {"book": book_id, "reconciliation": reconciliation_id, "rows": told}
        await connection.execute(_WRITE, its)


async def _carry(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> None:
    """Differences of lines that were matched before the month, and that no entry has put right."""
    its = {"book": book_id, "reconciliation": reconciliation_id, "month": scope.month}
    await connection.execute(_CARRY, {**its, "account": scope.account, "currency": scope.currency})


async def _summed(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    asked = {"book": book_id, "reconciliation": reconciliation_id, "account": scope.account, "month": scope.month}
    asked |= {"currency": scope.currency, "source": source_of(scope.account), "end": scope.end}
    row = (await connection.execute(_SUMMED, asked)).one()
    ledger, outside = int(row.ledger), int(row.outside)
    if asked["source"] is None:  # nobody outside tells of it: what is in transit is all that there is
        outside = 0
    timing = 0 if asked["source"] is None else int((await connection.execute(_TIMING, asked)).scalar_one())
    return Sums(
        ledger=ledger,
        outside=outside,
        residuals=int(row.residuals),
        timing=timing,
        ledger_lines=row.ledger_lines,
        outside_lines=row.outside_lines,
        matches=row.matches,
        residual_count=row.residual_count,
    )


# Marketplaces -----------------------------------------------------------------------------------------------


async def _of_marketplace(connection: AsyncConnection, book_id: int, reconciliation_id: int, scope: Scope) -> Sums:
    owed = await compare(connection, book_id, scope)
    rows = [
        _Row(
            key=f"{each.kind}:{each.key}",
            kind=each.kind,
            owner=ABOUT[each.kind].owner,
            since=each.since,
            currency=None if each.kind == "report-row-parked" else scope.currency,
            ledger_amount=each.ledger,
            outside_amount=each.outside,
            match_id=None,
            members=each.members,
            said=each.said,
        )
        for each in owed.residuals
    ]
    await _write_residuals(connection, book_id, reconciliation_id, rows)
    count = sum(each.ledger - each.outside for each in owed.residuals if each.kind not in NO_DIFFERENCE)
    return Sums(
        ledger=owed.ledger,
        outside=owed.outside,
        residuals=count,
        timing=0,
        ledger_lines=owed.entries,
        outside_lines=owed.sales,
        matches=0,
        residual_count=len(rows),
    )


# SQL --------------------------------------------------------------------------------------------------------

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_NUMBERS = text("SELECT nextval('settlement.matches_match_id_seq') FROM generate_series(1, :count)")
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
_COPY_MATCHES = """
    COPY settlement.matches (book_id, match_id, reconciliation_id, rule, confidence, reason, ledger_amount,
                             outside_amount, made_by) FROM STDIN (FORMAT binary)
"""
_MATCH_TYPES = ("int8", "int8", "int8", "text", "int2", "text", "int8", "int8", "text")
_COPY_POSTINGS = "COPY settlement.matched_postings (book_id, entry_id, line, match_id) FROM STDIN (FORMAT binary)"
_COPY_LINES = "COPY settlement.matched_lines (book_id, line_id, match_id) FROM STDIN (FORMAT binary)"

_PLAIN = text("""
    SELECT w.entry_id, ARRAY(
               SELECT a.code FROM ledger.postings AS p JOIN ledger.accounts AS a USING (book_id, account_id)
               WHERE p.book_id = :book AND p.entry_id = w.entry_id AND e.line_count = 2
                 AND a.code NOT IN ('assets:bank', 'assets:stripe')) AS codes
    FROM unnest(CAST(:entries AS bigint[])) AS w (entry_id)
    JOIN ledger.entries AS e ON e.book_id = :book AND e.entry_id = w.entry_id
    WHERE e.metadata ->> 'payout' IS NULL AND e.reverses IS NULL
      AND NOT EXISTS (SELECT FROM ledger.entries AS r WHERE r.book_id = :book AND r.reverses = w.entry_id)
      AND NOT EXISTS (SELECT FROM settlement.remittances AS its WHERE its.book_id = :book AND its.entry_id = w.entry_id)
      AND NOT EXISTS (SELECT FROM settlement.accruals AS its WHERE its.book_id = :book AND its.entry_id = w.entry_id)
""")
_MARKETS = text("""
    SELECT DISTINCT substr(code, length(:prefix) + 1) FROM ledger.accounts
    WHERE book_id = :book AND starts_with(code, :prefix)
""")

# What was posted stays on record.
_GONE = """
    DELETE FROM settlement.residuals
    WHERE book_id = %(book)s AND reconciliation_id = %(reconciliation)s AND entry_id IS NULL
      AND key <> ALL (%(keys)s::text[])
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
_CARRY = text("""
    INSERT INTO settlement.residuals (book_id, reconciliation_id, key, kind, owner, since, currency, ledger_amount,
                                      outside_amount, members, said, proposal, explanation, explained_by, explained_at)
    SELECT was.book_id, :reconciliation, was.key, was.kind, was.owner, was.since, was.currency, was.ledger_amount,
           was.outside_amount, jsonb_build_object('carried_from', was.residual_id), was.said, was.proposal,
           was.explanation, was.explained_by, was.explained_at
    FROM settlement.residuals AS was
    JOIN settlement.reconciliations AS its USING (book_id, reconciliation_id)
    WHERE was.book_id = :book AND its.account = :account AND its.currency = :currency
      AND its.month = (SELECT max(month) FROM settlement.reconciliations AS before
                       WHERE before.book_id = :book AND before.account = :account AND before.currency = :currency
                         AND before.month < :month)
      AND (was.match_id IS NOT NULL OR was.members ->> 'carried_from' IS NOT NULL) AND was.entry_id IS NULL
      AND was.ledger_amount <> was.outside_amount
    ON CONFLICT DO NOTHING
""")

_SUMMED = text("""
    SELECT coalesce((
        SELECT sum(amount) FROM ledger.movements AS moved JOIN ledger.accounts AS its USING (book_id, account_id)
        WHERE moved.book_id = :book AND its.code = :account AND its.currency = :currency AND moved.period <= :month
    ), 0)::bigint AS ledger, (
        SELECT count(*) FROM ledger.accounts AS its JOIN ledger.postings AS p USING (book_id, account_id)
        WHERE its.book_id = :book AND its.code = :account AND its.currency = :currency AND p.period <= :month
    ) AS ledger_lines, coalesce(sum(amount), 0)::bigint AS outside, count(*) AS outside_lines, (
        SELECT count(*) FROM settlement.matches
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND undone_at IS NULL
    ) AS matches, (
        SELECT count(*) FROM settlement.residuals
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
    ) AS residual_count, coalesce((
        SELECT sum(ledger_amount - outside_amount) FROM settlement.residuals
        WHERE book_id = :book AND reconciliation_id = :reconciliation AND entry_id IS NULL
    ), 0)::bigint AS residuals
    FROM settlement.external_lines
    WHERE book_id = :book AND source = :source AND currency = :currency AND booked_on <= :end
""")

# Matches with a line on either side of the month's end: what of them is inside.
_TIMING = text("""
    WITH late AS (
        SELECT m.match_id FROM settlement.matched_postings AS m
        JOIN ledger.postings AS p USING (book_id, entry_id, line)
        JOIN ledger.accounts AS a USING (book_id, account_id)
        WHERE m.book_id = :book AND p.period > :month AND a.code = :account AND a.currency = :currency
        UNION
        SELECT m.match_id FROM settlement.matched_lines AS m
        JOIN settlement.external_lines AS its USING (book_id, line_id)
        WHERE m.book_id = :book AND its.booked_on > :end AND its.source = :source AND its.currency = :currency
    )
    SELECT coalesce((
        SELECT sum(p.amount) FROM late
        JOIN settlement.matched_postings AS m ON m.book_id = :book AND m.match_id = late.match_id
        JOIN ledger.postings AS p USING (book_id, entry_id, line) WHERE p.period <= :month
    ), 0) - coalesce((
        SELECT sum(its.amount) FROM late
        JOIN settlement.matched_lines AS m ON m.book_id = :book AND m.match_id = late.match_id
        JOIN settlement.external_lines AS its USING (book_id, line_id) WHERE its.booked_on <= :end
    ), 0) - coalesce((
        SELECT sum(its.ledger_amount - its.outside_amount) FROM late JOIN settlement.residuals AS its
            ON its.book_id = :book AND its.reconciliation_id = :reconciliation AND its.match_id = late.match_id
        WHERE its.entry_id IS NULL
    ), 0)
""")
_SIZE = text("""
    SELECT (SELECT count(*) FROM (
                SELECT FROM ledger.accounts AS its JOIN ledger.postings AS p USING (book_id, account_id)
                WHERE its.book_id = :book AND its.code = :account AND its.currency = :currency LIMIT 100000) AS a)
         + (SELECT count(*) FROM (
                SELECT FROM settlement.external_lines
                WHERE book_id = :book AND source = :source AND currency = :currency LIMIT 100000) AS b)
""")
_ASKED = text("SELECT reconciliation_id FROM settlement.reconciliations WHERE book_id = :book AND asked_at IS NOT NULL")
