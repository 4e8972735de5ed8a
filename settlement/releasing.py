"""Releasing: a sale's hold ends, and its parts become available; a part of the clipper's waits longer, in reserve.

A sale is released on the first day, by the book's calendar, on which its hold has ended (`release_on`). Of the
clipper's part the terms' `reserve` is then kept back for `reserve_days` more. What is released is dated by the day on
which this is done.
"""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.due import BATCH, Batch, Step, take, waiting


async def release_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Make available what was held, of the next so many sales after one; None where there are no more."""
    return await take(connection, book_id, _RELEASE, today, after, limit, due_on=today)


async def release_reserves(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Make available what was kept in reserve, likewise."""
    return await take(connection, book_id, _RELEASE_RESERVE, today, after, limit, due_on=today)


_RELEASE = Step("released", "Holds ended", waiting("stage = 'held' AND release_on <= :due_on"))
_RELEASE_RESERVE = Step("reserve-released", "Reserves ended", waiting("reserved <> 0 AND reserve_until <= :due_on"))
