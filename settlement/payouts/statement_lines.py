"""What the bank's statements show of payments by file: that they left, that they came back.

A statement has the last word: a payment that it shows is paid, whatever the bank answered before. It is read by our
keys, the end-to-end ids of our transfers; the same line may be seen any number of times. What is done is done step by
step, each a transaction, and what a killed process left undone is found when it is looked at again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.payouts.answers import lost
from settlement.payouts.banks import bank_rail
from settlement.payouts.file_answers import conclude
from settlement.payouts.halts import Rails
from settlement.payouts.recording import lock_payouts
from settlement.payouts.sending import Clock, utc_now
from settlement.payouts.steps import come_back, confirm
from settlement.payouts.verdicts import Verdict, verdict_on
from settlement.rails.bank_file import BankFileRail
from settlement.rails.protocol import Sent, TransferStatus

_AT_ONCE = 100
_BACK = timedelta(days=90)
"""How far back statements are read again, for what was left undone; each is looked at when it is imported."""

IN_FILES = """
    settlement.payouts WHERE file_id IS NOT NULL AND state IN ('sent', 'paid', 'refused', 'unknown')
      AND sent_at > now() - interval '90 days'
"""
"""A FROM clause: payouts of which a statement may have something to say."""


async def observe_keys(
    engine: AsyncEngine, rail: BankFileRail, book_id: int, keys: Iterable[str], *, clock: Clock = utc_now
) -> Counter[str]:
    """See what statements show of these end-to-end ids; how many payouts are in which state then.

    For whoever has imported a statement (`settlement.reconciliation.taking_in`). Ids that are not ours are passed over.
    """
    done: Counter[str] = Counter()
    wanted = sorted(set(keys))
    for first in range(0, len(wanted), _AT_ONCE):
        async with engine.connect() as connection:
            lines = await _lines(connection, book_id, wanted[first : first + _AT_ONCE])
        shown = {key: status for key in lines if (status := await rail.status(key)) is not None}
        await _paid(engine, book_id, {key: lines[key] for key in shown}, shown, clock)
        for key, status in shown.items():
            done[await _returned(engine, rail, book_id, lines[key], status, clock)] += 1
    return done


async def look_through_statements(
    engine: AsyncEngine, rails: Rails, book_id: int, *, clock: Clock = utc_now
) -> Counter[str]:
    """See what the statements of the last weeks show that nobody has acted upon yet. Raises RailNotSetUp."""
    now = clock()
    async with engine.connect() as connection:
        rail = await bank_rail(rails, connection, book_id)
    left, returned = [], set()
    async for movement in rail.movements(now - _BACK, now + timedelta(days=2)):
        if movement.source is not None and movement.kind in ("transfer", "return"):
            left.append(movement.source)
            returned |= {movement.source} if movement.kind == "return" else set()
    async with engine.connect() as connection:
        asked = {"book": book_id, "keys": sorted(set(left)), "returned": sorted(returned)}
        keys = (await connection.scalars(_NEW, asked)).all()
    return await observe_keys(engine, rail, book_id, keys, clock=clock)


async def _lines(connection: AsyncConnection, book_id: int, keys: Sequence[str]) -> dict[str, Row[Any]]:
    return {row.key: row for row in await connection.execute(_LINES, {"book": book_id, "keys": keys})}


async def _paid(
    engine: AsyncEngine,
    book_id: int,
    lines: Mapping[str, Row[Any]],
    shown: Mapping[str, TransferStatus],
    clock: Clock,
) -> None:
    """What left is sent, if it was not known to be; and then it is confirmed."""
    if not lines:
        return
    payouts = [line.payout_id for line in lines.values()]
    async with engine.begin() as connection:
        rows = await lock_payouts(connection, book_id, payouts)
        lines = await _lines(connection, book_id, [*lines])
        verdicts = [
            (rows[line.payout_id], line, _verdict(rows[line.payout_id], line, shown[line.key], clock()))
            for line in lines.values()
        ]
        await conclude(connection, book_id, verdicts, clock())
        good = [row.payout_id for row, line, verdict in verdicts if verdict.halt is None and row.key == line.key]
    async with engine.begin() as connection:
        await confirm(connection, book_id, good, clock())


def _verdict(row: Row[Any], line: Row[Any], status: TransferStatus, now: datetime) -> Verdict:
    if (status.amount, status.currency) != (line.amount, line.currency):
        said = f"the bank has booked {status.amount} {status.currency} for {line.key}, of {line.amount} {line.currency}"
        if row.state == "unknown" and row.code == "contradiction":
            return Verdict("settled")  # and somebody was told
        ours = row.key == line.key and row.state in ("sent", "refused", "unknown")
        return Verdict("settled", lost(row.state, "contradiction", said, None) if ours else None, said)
    verdict = verdict_on(row, line, Sent(line.key, status.created), now)
    if verdict.change is not None and verdict.change.action == "answered":
        return verdict._replace(change=None)  # it is confirmed at once
    return verdict


async def _returned(
    engine: AsyncEngine, rail: BankFileRail, book_id: int, line: Row[Any], status: TransferStatus, clock: Clock
) -> str:
    """What came back is available again; in which state the payout is then."""
    async with engine.begin() as connection:
        row = (await lock_payouts(connection, book_id, [line.payout_id]))[line.payout_id]
        due = row.key == line.key and row.state == "paid" and row.returned < min(status.reversed, row.amount)
        if not due:
            return str(row.state)
        reason = await rail.why_returned(line.key)
        back = min(status.reversed, row.amount)
        return await come_back(connection, book_id, line.payout_id, back, f"the bank sent it back: {reason}", clock())


_LINES = text("""
    SELECT payout_id, key, batch_id, amount, currency, told, file_id FROM settlement.payout_file_lines
    WHERE book_id = :book AND key = ANY (CAST(:keys AS text[])) ORDER BY payout_id
""")

# What is paid and has come back as far as it is shown is left alone.
_NEW = text("""
    SELECT line.key
    FROM settlement.payout_file_lines AS line JOIN settlement.payouts AS its USING (book_id, payout_id)
    WHERE line.book_id = :book AND line.key = ANY (CAST(:keys AS text[])) AND CASE
        WHEN its.key <> line.key THEN line.told IS DISTINCT FROM 'settled'
        WHEN its.state = 'paid' THEN line.key = ANY (CAST(:returned AS text[])) AND its.returned < its.amount
        ELSE its.state NOT IN ('returned', 'cancelled') OR line.told IS DISTINCT FROM 'settled' END
    ORDER BY line.key
""")
