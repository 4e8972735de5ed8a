"""What a rail shows of a transfer reaches its payout: that it was made, that it arrived, that it came back.

Only what the rail says when it is asked counts, never what an event carries: so events may come twice, late, in any
order or not at all. Each step is a transaction of its own, and doing it again changes nothing.
"""

import re
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.answers import Stop, after_call
from settlement.payouts.lifecycle import RailName
from settlement.payouts.recording import Made, finish, halt, lock_payouts, write
from settlement.payouts.sending import Clock, utc_now
from settlement.payouts.steps import come_back, confirm
from settlement.rails.protocol import Rail, Sent, TransferStatus

_GROUP = re.compile(r"clp-([0-9]{1,18})-([0-9]{1,18})")


async def observe_transfer(
    engine: AsyncEngine, rail: Rail, rail_name: RailName, reference: str, *, clock: Clock = utc_now
) -> str:
    """Ask the rail for a transfer, and put on record what it says; in words, what came of it.

    Raises RailUnavailable.
    """
    status = await rail.status(reference)
    if status is None:
        return "the rail knows no such transfer"
    found = _GROUP.fullmatch(status.group or "")
    if found is None:
        return "not one of ours"
    book_id, payout_id = int(found[1]), int(found[2])
    made = await _made(engine, rail_name, book_id, payout_id, status, clock)
    if made is not None:
        return made
    if status.reversed:
        async with engine.begin() as connection:
            state = await come_back(
                connection, book_id, payout_id, status.reversed, "the transfer was reversed", clock()
            )
        return f"reversed: {state}"
    return "arrived"


async def _made(
    engine: AsyncEngine, rail: RailName, book_id: int, payout_id: int, status: TransferStatus, clock: Clock
) -> str | None:
    """Put on record that it was made and has arrived. In words why not, where it is not as it ought to be."""
    async with engine.begin() as connection:
        row = (await lock_payouts(connection, book_id, [payout_id])).get(payout_id)
        if row is None or row.key is None:
            return "not one of ours"
        if wrong := _why_halted(row, status):
            await halt(connection, book_id, row.run_id, rail, Stop(rail=True, reason=wrong), clock())
            return wrong
        if row.reference is None:
            sent = after_call(row.state, Sent(status.reference, status.created), row.attempts, clock())
            await write(connection, book_id, [Made(row, sent)], clock())
            await finish(connection, book_id, clock())
    if row.reference is None or row.state == "sent":
        async with engine.begin() as connection:
            await confirm(connection, book_id, [payout_id], clock())
    return None


def _why_halted(row: Row[Any], status: TransferStatus) -> str | None:
    """What the rail shows that was never ordered."""
    if row.reference not in (None, status.reference):
        return f"payout {row.payout_id} is {row.reference} and {status.reference} at once"
    ordered = row.destination, row.amount, row.currency
    if ordered != (status.destination, status.amount, status.currency):
        return f"payout {row.payout_id} was sent as {status.amount} {status.currency} to {status.destination}"
    if row.reference is None and row.state not in ("ready", "sending", "unknown"):
        return f"payout {row.payout_id} is {row.state}, and was sent as {status.reference}"
    return None


async def funds_came(engine: AsyncEngine, rail: RailName, *, clock: Clock = utc_now) -> int:
    """Payouts that wait for funds are tried again at once; how many."""
    async with engine.begin() as connection:
        waiting = await connection.execute(_FUNDED, {"rail": rail, "now": clock()})
    return waiting.rowcount


_FUNDED = text("""
    WITH waiting AS MATERIALIZED (
        SELECT book_id, payout_id FROM settlement.payouts
        WHERE rail = :rail AND state = 'ready' AND code = 'unfunded' AND next_attempt_at > :now
        FOR UPDATE SKIP LOCKED
    )
    UPDATE settlement.payouts AS its SET next_attempt_at = :now
    FROM waiting WHERE (its.book_id, its.payout_id) = (waiting.book_id, waiting.payout_id)
""")
