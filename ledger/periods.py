"""Periods: calendar months. A book is locked through a month, and what is locked stays as it is.

A period is named by its first day. Locking one locks every month before it.
"""

from datetime import date, datetime

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import tables
from ledger.errors import InvalidPeriod, PeriodLocked
from ledger.refusals import refusals


class PeriodLock(msgspec.Struct, frozen=True):
    """Who locked the book through which month, and when."""

    period: date
    locked_at: datetime
    locked_by: str


_COLUMNS = [tables.period_locks.c[name] for name in PeriodLock.__struct_fields__]


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def parse_period(text_: str, field: str = "period") -> date:
    """The period that `2026-10` names. Raises InvalidPeriod."""
    try:
        return datetime.strptime(text_, "%Y-%m").date()
    except ValueError:
        raise InvalidPeriod(field, text_) from None


def format_period(period: date) -> str:
    """`2026-10`, as `parse_period` reads it."""
    return period.isoformat()[:7]


async def lock_period(connection: AsyncConnection, book_id: int, period: date, *, locked_by: str) -> PeriodLock:
    """Lock the book through a month that has ended by the book's calendar.

    Waits for the entries being posted; those that come after meet the lock.

    Raises:
        InvalidPeriod: not the first day of a month.
        PeriodNotEnded: the month has not ended.
        PeriodLocked: the book is locked through it already.
    """
    if period.day != 1:
        raise InvalidPeriod("period", period)
    statement = insert(tables.period_locks).values(book_id=book_id, period=period, locked_by=locked_by)
    with refusals({"period_locks_pkey": PeriodLocked("period", format_period(period), "locked already")}):
        row = (await connection.execute(statement.returning(*_COLUMNS))).one()
    return PeriodLock(**row._mapping)


async def locked_through(connection: AsyncConnection, book_id: int) -> date | None:
    """The last locked period, or None."""
    locks = tables.period_locks
    found: date | None = await connection.scalar(select(func.max(locks.c.period)).where(locks.c.book_id == book_id))
    return found


async def list_locks(connection: AsyncConnection, book_id: int) -> list[PeriodLock]:
    """Every lock of the book, newest first."""
    locks = tables.period_locks
    statement = select(*_COLUMNS).where(locks.c.book_id == book_id).order_by(locks.c.period.desc())
    return [PeriodLock(**row._mapping) for row in await connection.execute(statement)]
