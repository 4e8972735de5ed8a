"""Periods of a book: the calendar months it is locked through."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import periods
from ledger.api.parameters import READ
from ledger.periods import PeriodLock, Reopening, format_period, parse_period

_Month = Annotated[str, msgspec.Meta(examples=["2026-09"])]


class Lock(msgspec.Struct):
    """Who locked the book through which month, and when."""

    period: _Month
    locked_at: datetime
    locked_by: Annotated[str, msgspec.Meta(examples=["user:3", "key:7", "cli:ada"])]


class LiftedLock(Lock):
    """A lock that was taken back: by whom, when and why."""

    reopened_at: datetime
    reopened_by: Annotated[str, msgspec.Meta(examples=["user:4"])]
    reason: Annotated[str, msgspec.Meta(examples=["Refunds of the 30th came late"])]


class Periods(msgspec.Struct):
    """`locked_through` is the last locked month; every month before it is locked too. Locks are newest first, and so
    are those that were taken back.
    """

    locked_through: _Month | None
    locks: list[Lock]
    reopenings: list[LiftedLock]


@get("/periods", opt=READ, summary="Locked periods")
async def show(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> Periods:
    """Nothing is posted into a locked period."""
    locks = [_view(lock) for lock in await periods.list_locks(connection, book_id)]
    reopenings = [_taken_back(found) for found in await periods.list_reopenings(connection, book_id)]
    return Periods(locks[0].period if locks else None, locks, reopenings)


@post(
    "/periods/{period:str}/lock",
    opt={"scope": "ledger:lock", "action": "period.lock"},
    summary="Lock a period for good",
)
async def lock(
    period: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Lock:
    """A month that has ended, and with it every month before. What is locked here can't be unlocked."""
    return _view(await periods.lock_period(connection, book_id, parse_period(period), locked_by=actor))


def _view(made: PeriodLock) -> Lock:
    return Lock(format_period(made.period), made.locked_at, made.locked_by)


def _taken_back(found: Reopening) -> LiftedLock:
    facts = msgspec.structs.asdict(found)
    return LiftedLock(**{**facts, "period": format_period(found.period)})


ROUTES = [show, lock]
