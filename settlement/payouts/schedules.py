"""Schedules: when a book pays by itself. On each day of payment a run is drafted; two people let it go."""

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import get_book
from settlement.payouts.days import PayDays, check_days, newest_due, next_due
from settlement.payouts.errors import NothingToPay, RunOpen, ScheduleNotFound
from settlement.payouts.lifecycle import RailName
from settlement.payouts.planning import Basis
from settlement.payouts.runs import Run, draft
from settlement.payouts.tables import payout_schedules


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a book pays, by which rail, and whether as issued statements say or all that is available."""

    days: PayDays
    rail: Annotated[RailName, msgspec.Meta(examples=["stripe"])] = "stripe"
    basis: Annotated[Basis, msgspec.Meta(examples=["statement"])] = "statement"
    active: bool = True


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """`next_at` is null while it is not active; `last_due` is the newest day that is dealt with."""

    plan: Plan
    next_at: datetime | None
    last_due: date | None
    updated_by: str
    updated_at: datetime


async def find_schedule(connection: AsyncConnection, book_id: int, now: datetime) -> Schedule:
    """Raises ScheduleNotFound."""
    its = payout_schedules
    row = (await connection.execute(select(its).where(its.c.book_id == book_id))).one_or_none()
    if row is None:
        raise ScheduleNotFound("schedule", None)
    days = PayDays(
        cadence=row.cadence,
        days=tuple(row.days),
        hour=row.hour,
        business_day=row.business_day,
        holidays=tuple(row.holidays),
    )
    plan = Plan(days=days, rail=row.rail, basis=row.basis, active=row.active)
    return Schedule(
        plan=plan,
        next_at=next_due(days, now, await _zone(connection, book_id)) if row.active else None,
        last_due=row.last_due,
        updated_by=row.updated_by,
        updated_at=row.updated_at,
    )


async def set_schedule(connection: AsyncConnection, book_id: int, plan: Plan, *, by: str, now: datetime) -> Schedule:
    """In place of any before. Days of payment that have come by now are not made up for. Raises InvalidSchedule."""
    check_days(plan.days)
    values = {
        **msgspec.structs.asdict(plan.days),
        "rail": plan.rail,
        "basis": plan.basis,
        "active": plan.active,
        "last_due": newest_due(plan.days, now, await _zone(connection, book_id)),
        "updated_by": by,
        "updated_at": now,
    }
    row = insert(payout_schedules).values(book_id=book_id, **values)
    await connection.execute(row.on_conflict_do_update(index_elements=["book_id"], set_=values))
    return await find_schedule(connection, book_id, now)


async def draft_due(connection: AsyncConnection, book_id: int, now: datetime) -> Run | None:
    """Draft the run of the newest day of payment that has come. None where it was, where there is nothing to pay, or
    as long as another run waits for its people.

    Days that were missed are not made up for one by one: the newest has all that is payable.
    """
    await connection.execute(_LOCK, {"book": book_id})
    schedule = await find_schedule(connection, book_id, now)
    plan = schedule.plan
    due = newest_due(plan.days, now, await _zone(connection, book_id)) if plan.active else None
    if due is None or (schedule.last_due is not None and due <= schedule.last_due):
        return None
    run = None
    try:
        async with connection.begin_nested():
            run = await draft(connection, book_id, plan.rail, plan.basis, by=None, due_on=due)
    except RunOpen:
        return None
    except NothingToPay:
        pass  # the day is dealt with all the same
    await connection.execute(_DEALT_WITH, {"book": book_id, "due": due})
    return run


async def _zone(connection: AsyncConnection, book_id: int) -> ZoneInfo:
    return ZoneInfo((await get_book(connection, book_id)).time_zone)


_LOCK = text("SELECT FROM settlement.payout_schedules WHERE book_id = :book FOR UPDATE")
_DEALT_WITH = text("UPDATE settlement.payout_schedules SET last_due = :due WHERE book_id = :book")

SCHEDULED = "settlement.payout_schedules WHERE active"
"""A FROM clause: books that pay by themselves."""
