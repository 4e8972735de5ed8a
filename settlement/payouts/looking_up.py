"""Finding out what became of payouts of which nothing is known: the rail is asked by their group, not told again."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import get_book
from settlement.payouts.answers import Change, Stop, after_look, lost
from settlement.payouts.lifecycle import RailName
from settlement.payouts.payouts import order_of
from settlement.payouts.recording import Made, finish, halt, lock_payouts, write
from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import Rail, RailContradicts, RailError, Sent

_AT_ONCE = 100
_LEASE = timedelta(minutes=5)
_LATER = timedelta(minutes=5)
_NEXT_STATEMENT = timedelta(hours=1)
"""What a file for the bank holds is never taken for unpaid by itself: statements come late."""


async def look_up_due(
    engine: AsyncEngine, rail: Rail, rail_name: RailName, book_id: int, *, clock: Clock = utc_now
) -> Counter[str]:
    """Ask for every payout that is unknown and due to be looked up; how many are in which state afterwards."""
    done: Counter[str] = Counter()
    while rows := await _claim(engine, book_id, rail_name, clock()):
        async with engine.connect() as connection:
            book = (await get_book(connection, book_id)).slug
        for row in rows:
            found: Sent | RailError | None
            try:
                found = await rail.look_up(order_of(book, row))
            except RailError as error:
                found = error
            done[await _record(engine, book_id, rail_name, row, found, clock())] += 1
    return done


async def _claim(engine: AsyncEngine, book_id: int, rail: RailName, now: datetime) -> list[Row[Any]]:
    asked = {"book": book_id, "rail": rail, "now": now, "lease": now + _LEASE, "limit": _AT_ONCE}
    async with engine.begin() as connection:
        return [*(await connection.execute(_CLAIM, asked))]


async def _record(
    engine: AsyncEngine, book_id: int, rail: RailName, asked: Row[Any], found: Sent | RailError | None, now: datetime
) -> str:
    async with engine.begin() as connection:
        row = (await lock_payouts(connection, book_id, [asked.payout_id]))[asked.payout_id]
        if row.state != "unknown" or row.key != asked.key:
            return str(row.state)
        if isinstance(found, Sent) and rail == "bank-file" and row.file_id is None:
            found = RailContradicts(f"the bank has paid {row.key}, which no file holds")
        if isinstance(found, RailContradicts):
            await halt(connection, book_id, row.run_id, rail, Stop(rail=True, reason=found.reason), now)
        change = _change(row, found, now)
        await write(connection, book_id, [Made(row, change)], now)
        await finish(connection, book_id, now)
    return change.state


def _change(row: Row[Any], found: Sent | RailError | None, now: datetime) -> Change:
    if isinstance(found, RailContradicts):
        return lost(row.state, "contradiction", found.reason, None)
    if isinstance(found, RailError):
        return lost(row.state, "unavailable", found.reason, now + _LATER)
    if found is None and row.file_id is not None:
        return lost(row.state, "not-found", "no statement of the bank's shows it yet", now + _NEXT_STATEMENT)
    return after_look(row.state, found, row.first_sent_at, row.attempts, now)


_CLAIM = text("""
    WITH chosen AS MATERIALIZED (
        SELECT payout_id FROM settlement.payouts
        WHERE book_id = :book AND rail = :rail AND state = 'unknown' AND next_attempt_at <= :now
          AND (leased_until IS NULL OR leased_until <= :now)
        ORDER BY payout_id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE settlement.payouts AS its SET leased_until = :lease
    FROM chosen WHERE its.book_id = :book AND its.payout_id = chosen.payout_id
    RETURNING its.*
""")
