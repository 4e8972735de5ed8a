"""The bank's answers to a file, and a person's word where the bank gives none.

An answer is kept as it came, and acted upon in the same transaction; one that comes again changes nothing.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing.vocabulary import check_text
from settlement.closing import Person
from settlement.errors import SamePerson
from settlement.payouts.answers import Change, Stop
from settlement.payouts.banks import bank_rail
from settlement.payouts.errors import InvalidRun, WrongPayoutStep
from settlement.payouts.files import PayoutFile, file_line, find_file, lines_of
from settlement.payouts.halts import Rails
from settlement.payouts.lifecycle import target
from settlement.payouts.recording import Made, finish, halt, lock_payouts, write
from settlement.payouts.sending import Clock, utc_now
from settlement.payouts.tables import payout_file_answers, payout_files
from settlement.payouts.verdicts import Verdict, verdict_on
from settlement.rails.bank_answers import Answer, outcomes_in, read_answer
from settlement.rails.protocol import Conflicting, Filed, Outcome, Refused, Sent

LARGEST_ANSWER = 16 << 20
"""Bytes."""
_MOST_REASON = 500
_WORDS: Mapping[type[Outcome], str] = {
    Filed: "pending",
    Sent: "settled",
    Refused: "rejected",
    Conflicting: "duplicate",
}


class Answered(msgspec.Struct, frozen=True):
    """How the file stands. `outcome` counts what the answer says of its payments, which are silent of the rest; `new`
    is false where it was received before.
    """

    file: PayoutFile
    outcome: dict[str, int]
    new: bool


async def receive_answer(
    engine: AsyncEngine, book_id: int, file_id: int, content: bytes, by: str, *, clock: Clock = utc_now
) -> Answered:
    """Act upon a pain.002. Raises PayoutFileNotFound, FileRefused: unreadable, or the answer to another file."""
    async with engine.connect() as connection:
        await find_file(connection, book_id, file_id)
    answer = await asyncio.to_thread(read_answer, content)
    async with engine.begin() as connection:
        return await act_upon(connection, book_id, file_id, answer, content, by, clock())


async def act_upon(
    connection: AsyncConnection, book_id: int, file_id: int, answer: Answer, content: bytes, by: str, now: datetime
) -> Answered:
    """The same in the caller's transaction, once in it: it posts one batch."""
    file = await find_file(connection, book_id, file_id)
    rows = await _lock_payouts(connection, book_id, file_id)
    digest = hashlib.sha256(content).hexdigest()
    known = await connection.scalar(
        select(payout_file_answers.c.outcome).filter_by(book_id=book_id, file_id=file_id, sha256=digest)
    )
    if known is not None:
        return Answered(file, known, new=False)
    lines = {row.key: row for row in await lines_of(connection, book_id, file_id)}
    outcomes = outcomes_in(answer, file.message_id, map(file_line, lines.values()))
    verdicts = [
        (rows[lines[key].payout_id], lines[key], verdict_on(rows[lines[key].payout_id], lines[key], outcome, now))
        for key, outcome in outcomes.items()
    ]
    counted = Counter(_WORDS[type(outcome)] for outcome in outcomes.values())
    await conclude(connection, book_id, verdicts, now)
    kept = {"book_id": book_id, "file_id": file_id, "sha256": digest, "content": content}
    row = insert(payout_file_answers).values(**kept, outcome=dict(counted), received_by=by, received_at=now)
    await connection.execute(row)
    return Answered(await find_file(connection, book_id, file_id), dict(counted), new=True)


async def conclude(
    connection: AsyncConnection, book_id: int, verdicts: Sequence[tuple[Row[Any], Row[Any], Verdict]], now: datetime
) -> None:
    """Write down what becomes of payouts and their lines, and halt the runs of which a person has to know.

    Once in a transaction. The caller has locked the payouts. Of two words on one payout, that on its newest key counts.
    """
    told = [{"key": line.key, "told": verdict.told} for _, line, verdict in verdicts if verdict.told != line.told]
    await connection.execute(_TELL, {"book": book_id, "now": now, "told": msgspec.json.encode(told).decode()})
    made: dict[int, Made] = {}
    for row, _, verdict in sorted(verdicts, key=lambda its: (its[0].payout_id, its[0].key != its[1].key)):
        if verdict.change is not None:
            made.setdefault(row.payout_id, Made(row, verdict.change))
    await write(connection, book_id, [*made.values()], now)
    for run_id, why in _halts(verdicts).items():
        await halt(connection, book_id, run_id, "bank-file", Stop(rail=False, reason=why), now)
    await finish(connection, book_id, now)


def _halts(verdicts: Iterable[tuple[Row[Any], Row[Any], Verdict]]) -> dict[int, str]:
    """By run, the first reason."""
    found: dict[int, str] = {}
    for row, _, verdict in verdicts:
        if verdict.halt is not None:
            found.setdefault(row.run_id, verdict.halt)
    return found


# Without an answer --------------------------------------------------------------------------------------------


class Undone:
    """Takes back what the bank has not paid, and never will: it never got the file, or says so by telephone."""

    def __init__(self, engine: AsyncEngine, rails: Rails, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._rails = rails
        self._clock = clock

    async def declare(
        self, book_id: int, file_id: int, by: Person, reason: str, payout_ids: Sequence[int] | None = None
    ) -> PayoutFile:
        """These payouts of the file, or all of which nothing else is known. By another person than made the file.

        Raises PayoutFileNotFound, SamePerson, InvalidRun, WrongPayoutStep: the bank says otherwise.
        """
        said = check_text(reason, InvalidRun, "reason", most=_MOST_REASON)
        async with self._engine.connect() as connection:
            await find_file(connection, book_id, file_id)
            rail = await bank_rail(self._rails, connection, book_id)
            lines = await lines_of(connection, book_id, file_id)
        chosen = [line for line in lines if payout_ids is None or line.payout_id in payout_ids]
        for line in chosen:
            if await rail.status(line.key) is not None:
                raise WrongPayoutStep("payout", line.payout_id, "a statement of the bank's shows that it was paid")
        async with self._engine.begin() as connection:
            return await _declare(connection, book_id, file_id, by, said, payout_ids, self._clock())


async def _declare(
    connection: AsyncConnection,
    book_id: int,
    file_id: int,
    by: Person,
    reason: str,
    payout_ids: Sequence[int] | None,
    now: datetime,
) -> PayoutFile:
    maker = select(payout_files.c.user_id).filter_by(book_id=book_id, file_id=file_id)
    if await connection.scalar(maker) == by.user_id:
        raise SamePerson("file", file_id)
    rows = await _lock_payouts(connection, book_id, file_id)
    lines = {row.payout_id: row for row in await lines_of(connection, book_id, file_id)}
    open_ones = [number for number, line in lines.items() if _is_open(rows[number], line)]
    chosen = open_ones if payout_ids is None else sorted(set(payout_ids))
    if not chosen or (wrong := set(chosen) - set(open_ones)):
        which = min(wrong) if chosen else None
        raise WrongPayoutStep("payout", which, "only what was sent by this file, and the bank has not settled")
    verdicts = [
        (rows[number], lines[number], Verdict("not-paid", _unpaid(rows[number], by, reason))) for number in chosen
    ]
    await conclude(connection, book_id, verdicts, now)
    return await find_file(connection, book_id, file_id)


def _is_open(row: Row[Any], line: Row[Any]) -> bool:
    return row.key == line.key and row.state in ("sent", "unknown") and line.told != "settled"


def _unpaid(row: Row[Any], by: Person, reason: str) -> Change:
    return Change(
        action="refused",
        state=target(row.state, "refused"),
        detail={"reason": reason, "by": by.actor},
        code="not-paid",
        reason=reason,
        fixed_by="operator",
    )


async def _lock_payouts(connection: AsyncConnection, book_id: int, file_id: int) -> dict[int, Row[Any]]:
    """All that the file holds, so that one answer, or one person, has its say at a time."""
    lines = await lines_of(connection, book_id, file_id)
    return await lock_payouts(connection, book_id, [line.payout_id for line in lines])


_TELL = text("""
    UPDATE settlement.payout_file_lines AS line SET told = its.told, told_at = :now
    FROM jsonb_to_recordset(CAST(:told AS jsonb)) AS its (key text, told text)
    WHERE line.book_id = :book AND line.key = its.key
""")
