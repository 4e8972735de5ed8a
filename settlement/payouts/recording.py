"""Writing down what became of payouts, and booking it, in one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, post_batch
from settlement.entries import open_accounts
from settlement.payouts.answers import Change, Stop
from settlement.payouts.lifecycle import (
    SHARED,
    Action,
    Amounts,
    approval_lines,
    paid_lines,
    partly_returned_lines,
    payable_again_lines,
    sent_lines,
)
from settlement.payouts.payouts import Happened, key_of, record
from settlement.recovering import recovery_lines
from settlement.suspense import book_today
from settlement.tax import withheld_lines

_ENTRIES: Mapping[Action, str] = {
    "sent": "sent_entry",
    "confirmed": "paid_entry",
    "returned": "returned_entry",
    "cancelled": "returned_entry",
}
"""Where the number of an action's entry is kept."""


class Made(NamedTuple):
    """A change of a payout that the caller has locked."""

    row: Row[Any]
    change: Change


async def lock_payouts(connection: AsyncConnection, book_id: int, payout_ids: Sequence[int]) -> dict[int, Row[Any]]:
    """As they stand now, in order of their numbers, nobody else's to change until the transaction ends."""
    asked = {"book": book_id, "payouts": sorted(payout_ids)}
    await connection.execute(_LOCK, asked)
    # By a statement of its own, which sees what was done until they were locked: keys of entries count steps.
    rows = await connection.execute(_READ, asked)
    return {row.payout_id: row for row in rows}


async def write(connection: AsyncConnection, book_id: int, made: Sequence[Made], now: datetime) -> None:
    """The changes and their entries. Once in a transaction: it posts one batch.

    Raises PeriodLocked where today's month is locked by the book's calendar.
    """
    if not made:
        return
    today = await book_today(connection, book_id)
    entries = [[*_entries(each.row, each.change, today)] for each in made]
    flat = [entry for its in entries for entry in its]
    await open_accounts(connection, book_id, flat)
    posted = iter(await post_batch(connection, book_id, flat))
    numbers = [[next(posted).entry_id for _ in its] for its in entries]
    rows = [_written(book_id, each, its[0] if its else None, now) for each, its in zip(made, numbers, strict=True)]
    await connection.execute(_WRITE, {"book": book_id, "rows": msgspec.json.encode(rows).decode()})
    await record(connection, book_id, [_happened(each) for each in made], now)


def _entries(row: Row[Any], change: Change, today: date) -> Iterator[NewEntry]:
    """What the change books; the first is the one that is kept with the payout."""
    for number, (description, lines, reverses) in enumerate(_booked(row, change)):
        yield NewEntry(
            idempotency_key=f"payout:{row.payout_id}:{row.steps}:{change.action}:{number}",
            effective_on=today,
            description=description[:200],
            lines=tuple(Line(account, row.currency, amount) for account, amount in lines.items()),
            metadata=_named(row, change.reference or row.reference),
            reverses=reverses,
        )


class _Booking(NamedTuple):
    """In words, by account, and which entry it takes back."""

    description: str
    lines: Mapping[str, int]
    reverses: int | None = None


def _booked(row: Row[Any], change: Change) -> Iterator[_Booking]:
    its = row.payout_id
    match change.action:
        case "sent" if row.sent_entry is None:
            yield _Booking(f"Payout {its} sent: {change.reference}", sent_lines(row.rail, row.amount))
        case "refused" if row.sent_entry is not None:
            back = _mirrored(sent_lines(row.rail, row.amount))
            yield _Booking(f"Payout {its} refused: {change.reason}", back, row.sent_entry)
        case "confirmed":
            yield _Booking(f"Payout {its} arrived: {row.reference}", paid_lines(row.party, row.rail, row.amount))
        case "cancelled":
            yield from _undone(row, f"Payout {its} cancelled: {change.reason}")
        case "returned" if change.returned == row.amount:
            yield from _undone(row, f"Payout {its} came back: {change.reason}")
            yield from _in_part(row, -row.returned, f"Payout {its} came back whole, no longer in part")
        case "returned":
            yield from _in_part(row, change.returned - row.returned, f"Payout {its} came back in part: {change.reason}")


def _in_part(row: Row[Any], part: int, said: str) -> Iterator[_Booking]:
    """So much more of what was paid has come back, or so much less."""
    if part:
        yield _Booking(said, partly_returned_lines(row.party, row.rail, part))
        yield _Booking(said, payable_again_lines(row.party, part))


def _undone(row: Row[Any], said: str) -> Iterator[_Booking]:
    """Every entry that it had so far, the newest last: what is taken back first is what the party sees."""
    amounts = Amounts(row.taken, row.recovery, row.withheld, row.authority)
    had = (
        (approval_lines(row.party, amounts), row.approval_entry),
        (recovery_lines(row.party, row.recovery), row.recovery_entry),
        (withheld_lines(row.party, row.authority, row.withheld), row.withheld_entry),
        (sent_lines(row.rail, row.amount), row.sent_entry),
        (paid_lines(row.party, row.rail, row.amount), row.paid_entry),
    )
    for lines, entry in had:
        if entry is not None:
            yield _Booking(said, _mirrored(lines), entry)


def _mirrored(lines: Mapping[str, int]) -> dict[str, int]:
    return {account: -amount for account, amount in lines.items()}


def _named(row: Row[Any], reference: str | None) -> dict[str, str]:
    """What an entry says of the payout it books."""
    its = {"payout": str(row.payout_id), "run": str(row.run_id), "group": row.transfer_group}
    return {**its, "reference": reference} if reference else its


def _written(book_id: int, made: Made, entry: int | None, now: datetime) -> Mapping[str, Any]:
    row, change = made
    generation = change.generation or row.generation + change.renewed
    entries = {name: getattr(row, name) for name in _ENTRIES.values()}
    if change.action == "refused":
        entries["sent_entry"] = None  # taken back by `entry`
    elif entry is not None:
        entries[_ENTRIES[change.action]] = entry
    ended = change.state in ("paid", "returned", "cancelled")
    return {
        "payout_id": row.payout_id,
        "state": change.state,
        "reference": None if change.renewed else change.reference or row.reference,
        "sent_at": change.sent_at or row.sent_at,
        "file_id": None if change.renewed else change.file_id or row.file_id,
        **entries,
        "ended_at": now if ended else None,
        "returned": max(change.returned, row.returned),
        "next_attempt_at": change.next_attempt_at,
        "code": change.code,
        "reason": change.reason,
        "fixed_by": change.fixed_by,
        "generation": generation,
        "key": key_of(book_id, row.payout_id, generation),
        "attempts": 0 if change.renewed else row.attempts,
        "first_sent_at": None if change.renewed else row.first_sent_at,
    }


def _happened(made: Made) -> Happened:
    return Happened(made.row.payout_id, made.change.action, made.change.state, made.change.detail)


# Runs ---------------------------------------------------------------------------------------------------------


async def halt(connection: AsyncConnection, book_id: int, run_id: int, rail: str, stop: Stop, now: datetime) -> None:
    """Nothing more is sent of the run, or by a rail of all books, until a person has looked; twice changes nothing.

    The run is locked first: who is resuming it has looked at what was known before.
    """
    if stop.rail and rail in SHARED:
        await connection.execute(_HALT_RAIL, {"rail": rail, "reason": stop.reason, "now": now})
    await connection.execute(_LOCK_RUNS, {"book": book_id, "runs": [run_id]})
    asked = {"book": book_id, "run": run_id, "reason": stop.reason, "now": now}
    if await connection.scalar(_HALT_RUN, asked):
        await connection.execute(_RECORD_HALT, asked)


async def finish(connection: AsyncConnection, book_id: int, now: datetime) -> None:
    """Runs of which nothing is left to send or to find out are done."""
    ended = (await connection.scalars(_ENDED, {"book": book_id})).all()
    if not ended:
        return
    asked = {"book": book_id, "runs": ended, "now": now}
    await connection.execute(_LOCK_RUNS, asked)
    for run_id in (await connection.scalars(_FINISH, asked)).all():  # by what was done until they were locked
        await connection.execute(_RECORD_DONE, {"book": book_id, "run": run_id, "now": now})


async def go_on(connection: AsyncConnection, book_id: int, run_id: int) -> None:
    """A run that was done has something to send again."""
    await connection.execute(_LOCK_RUNS, {"book": book_id, "runs": [run_id]})
    await connection.execute(_GO_ON, {"book": book_id, "run": run_id})


# SQL ----------------------------------------------------------------------------------------------------------

_LOCK = text("""
    SELECT FROM settlement.payouts
    WHERE book_id = :book AND payout_id = ANY (CAST(:payouts AS bigint[]))
    ORDER BY payout_id FOR UPDATE
""")

_READ = text("""
    SELECT its.*, run.state AS run_state,
           (SELECT count(*) FROM settlement.payout_events AS step
            WHERE step.book_id = its.book_id AND step.payout_id = its.payout_id) AS steps,
           (SELECT authority FROM settlement.withholdings AS tax
            WHERE tax.book_id = its.book_id AND tax.entry_id = its.withheld_entry) AS authority
    FROM settlement.payouts AS its JOIN settlement.payout_runs AS run USING (book_id, run_id)
    WHERE its.book_id = :book AND its.payout_id = ANY (CAST(:payouts AS bigint[]))
    ORDER BY its.payout_id
""")

_WRITE = text("""
    UPDATE settlement.payouts AS its SET
        state = told.state, reference = told.reference, sent_at = told.sent_at, sent_entry = told.sent_entry,
        paid_entry = told.paid_entry, returned_entry = told.returned_entry, ended_at = told.ended_at,
        returned = told.returned, file_id = told.file_id,
        next_attempt_at = told.next_attempt_at, code = told.code, reason = told.reason, fixed_by = told.fixed_by,
        generation = told.generation, key = told.key, attempts = told.attempts, first_sent_at = told.first_sent_at,
        leased_until = NULL
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS told (
        payout_id bigint, state text, reference text, sent_at timestamptz, sent_entry bigint,
        paid_entry bigint, returned_entry bigint, ended_at timestamptz, returned bigint, file_id bigint,
        next_attempt_at timestamptz, code text, reason text, fixed_by text, generation smallint, key text,
        attempts smallint, first_sent_at timestamptz
    )
    WHERE its.book_id = :book AND its.payout_id = told.payout_id
""")

_HALT_RAIL = text("""
    INSERT INTO settlement.rail_halts (rail, reason, halted_at)
    SELECT :rail, :reason, :now
    WHERE NOT EXISTS (SELECT FROM settlement.rail_halts WHERE rail = :rail AND ended_at IS NULL)
""")

_HALT_RUN = text("""
    UPDATE settlement.payout_runs SET state = 'halted', halted = :reason, finished_at = NULL
    WHERE book_id = :book AND run_id = :run AND state IN ('sending', 'done') RETURNING run_id
""")

_EVENT = """
    INSERT INTO settlement.payout_run_events (book_id, run_id, event_no, action, state, actor, reason, at)
    SELECT :book, :run, 1 + count(*), '{0}', '{1}', 'system', {2}, :now
    FROM settlement.payout_run_events WHERE book_id = :book AND run_id = :run
"""
_RECORD_HALT = text(_EVENT.format("halted", "halted", ":reason"))
_RECORD_DONE = text(_EVENT.format("finished", "done", "NULL"))

_ENDED_RUNS = """
    FROM settlement.payout_runs AS run
    WHERE book_id = :book AND state = 'sending' AND NOT EXISTS (
        SELECT FROM settlement.payouts AS its
        WHERE its.book_id = run.book_id AND its.run_id = run.run_id
          AND its.state IN ('ready', 'sending', 'filed', 'unknown')
    )
"""
_ENDED = text(f"SELECT run_id {_ENDED_RUNS}")

_LOCK_RUNS = text("""
    SELECT FROM settlement.payout_runs
    WHERE book_id = :book AND run_id = ANY (CAST(:runs AS bigint[])) ORDER BY run_id FOR UPDATE
""")

_FINISH = text(f"""
    UPDATE settlement.payout_runs SET state = 'done', finished_at = :now
    WHERE book_id = :book AND run_id = ANY (CAST(:runs AS bigint[])) AND run_id IN (SELECT run.run_id {_ENDED_RUNS})
    RETURNING run_id
""")  # noqa: S608 - of constants

_GO_ON = text("""
    UPDATE settlement.payout_runs SET state = 'sending', finished_at = NULL
    WHERE book_id = :book AND run_id = :run AND state = 'done'
""")
