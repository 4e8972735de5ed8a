"""Periods: calendar months. A book is locked through a month, and what is locked stays as it is.

A period is named by its first day. Locking one locks every month before it. The last lock can be taken back, which is
recorded with who did it and why; every month before it stays locked. Who may do that, and that it takes two people, is
for the rooms above to say.
"""

from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy import func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import tables
from ledger.errors import InvalidPeriod, PeriodLocked, PeriodNotLocked
from ledger.refusals import refusals, storable

_MOST_REASON = 2000


class PeriodLock(msgspec.Struct, frozen=True):
    """Who locked the book through which month, and when."""

    period: date
    locked_at: datetime
    locked_by: str


class Reopening(msgspec.Struct, frozen=True):
    """A lock that was taken back: whose it was and since when, by whom it was lifted, and why."""

    period: date
    locked_at: datetime
    locked_by: str
    reopened_at: datetime
    reopened_by: str
    reason: str


_COLUMNS = [tables.period_locks.c[name] for name in PeriodLock.__struct_fields__]
_REOPENED = [tables.period_reopenings.c[name] for name in Reopening.__struct_fields__]


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


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


async def reopen_period(
    connection: AsyncConnection, book_id: int, period: date, *, reopened_by: str, reason: str
) -> Reopening:
    """Take back the last lock of the book: entries are posted into the month again, until it is locked once more.

    The months before it stay locked, those too that only this lock had locked. Waits for the entries being posted.

    Raises:
        InvalidPeriod: not the first day of a month, or no reason of 1 to 2,000 characters.
        PeriodNotLocked: the month has no lock of its own, or a later one has.
    """
    if period.day != 1:
        raise InvalidPeriod("period", period)
    if not 1 <= len(reason) <= _MOST_REASON or not storable(reason):
        raise InvalidPeriod("reason", reason, f"1 to {_MOST_REASON} characters, none of them NUL")
    locks = tables.period_locks.c
    lock = select(locks.book_id, locks.period, locks.locked_at, locks.locked_by, literal(reopened_by), literal(reason))
    lock = lock.where(locks.book_id == book_id, locks.period == period)
    names = ["book_id", "period", "locked_at", "locked_by", "reopened_by", "reason"]
    statement = insert(tables.period_reopenings).from_select(names, lock)
    not_locked = PeriodNotLocked("period", format_period(period))
    with refusals({"period_reopenings_pkey": not_locked}):  # by somebody else, at the same moment
        row = (await connection.execute(statement.returning(*_REOPENED))).one_or_none()
    if row is None:
        raise not_locked
    return Reopening(**row._mapping)


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


async def list_reopenings(connection: AsyncConnection, book_id: int) -> list[Reopening]:
    """Every lock of the book that was taken back, the latest first."""
    its = tables.period_reopenings.c
    statement = select(*_REOPENED).where(its.book_id == book_id).order_by(its.reopened_at.desc(), its.period)
    return [Reopening(**row._mapping) for row in await connection.execute(statement)]
