"""The close of a month: cut-off, true-up, statements drafted, submitted by one person, approved by another, issued.

Nothing is closed before the month has ended by the book's calendar, nor while an earlier month waits. A draft may be
made again, and has to be when the books have moved since. Approval locks the month in the ledger and proves once more
that every statement says what the ledger says; then its statements are issued, and nothing of them changes any more.
"""

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period, lock_period, locked_through
from settlement.errors import (
    EarlierMonthOpen,
    ExceptionsOpen,
    InvalidClose,
    MonthNotEnded,
    SamePerson,
    WrongStep,
)
from settlement.exceptions import OpenMatter, open_matters
from settlement.statements.drafting import check_current, draft_statements, first_unclosed, outdated, prove_statements
from settlement.tables import closing_events, closings
from settlement.true_ups import next_month, post_true_ups

State = Literal["open", "draft", "submitted", "issued"]
Action = Literal["drafted", "submitted", "returned", "approved"]

STEPS: dict[Action, tuple[tuple[State, ...], State]] = {
    "drafted": (("open", "draft"), "draft"),
    "submitted": (("draft",), "submitted"),
    "returned": (("submitted",), "draft"),
    "approved": (("submitted",), "issued"),
}
"""What each action leads from, and to."""

_MOST_REASON = 2000


class Person(NamedTuple):
    """Who does it: the user, and the name that trails know (`user:3`, or `key:7` for one of the user's keys)."""

    user_id: int
    actor: str


class Step(msgspec.Struct, frozen=True):
    """One action of the close."""

    action: Action
    state: State
    user_id: int
    actor: str
    reason: str | None
    detail: dict[str, Any]
    at: datetime


class Prepared(msgspec.Struct, frozen=True):
    """Statements of a month in one currency: how many, and what they sum up to."""

    currency: str
    statements: int
    opening: int
    closing: int


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """How far the close of a month is. `cut_off` is the first moment after it, by the book's calendar. `exceptions` are
    what it would be closed over. `outdated`: statements whose balances the ledger has moved since they were drafted.
    """

    month: str
    state: State
    cut_off: datetime
    ended: bool
    locked: bool
    exceptions: list[OpenMatter]
    true_ups: int
    statements: list[Prepared]
    outdated: int
    steps: list[Step]


# The steps --------------------------------------------------------------------------------------------------


async def draft(connection: AsyncConnection, book_id: int, month: date, by: Person) -> int:
    """Post the true-ups that are missing and draft all statements, in place of earlier drafts; how many there are.

    Raises:
        InvalidClose: no month.
        MonthNotEnded, EarlierMonthOpen, WrongStep, StatementsDiffer.
        PeriodLocked: of the ledger, where there are true-ups to post.
    """
    calendar = await _calendar(connection, book_id, month)
    if not calendar.ended:
        raise MonthNotEnded("month", format_period(month))
    await _check_earlier(connection, book_id, month)
    await _step(connection, book_id, month, "drafted")
    trued_up = await post_true_ups(connection, book_id, month)
    made = await draft_statements(connection, book_id, month)
    await _record(connection, book_id, month, "drafted", by, detail={"statements": made, "true_ups": trued_up})
    return made


async def submit(
    connection: AsyncConnection, book_id: int, month: date, by: Person, *, reason: str | None = None
) -> None:
    """Hand the draft to another person. Where there are exceptions, `reason` says why it is closed over them.

    Raises WrongStep, StatementsOutdated, ExceptionsOpen, InvalidClose.
    """
    said = None if reason is None else _checked_reason(reason)
    await _step(connection, book_id, month, "submitted", submitted_by=by.user_id)
    await check_current(connection, book_id, month)
    matters = await open_matters(connection, book_id, next_month(month))
    if matters and said is None:
        raise ExceptionsOpen("reason", ", ".join(f"{matter.count} {matter.matter}" for matter in matters))
    detail = {"exceptions": msgspec.to_builtins(matters)} if matters else {}
    await _record(connection, book_id, month, "submitted", by, said, detail)


async def give_back(connection: AsyncConnection, book_id: int, month: date, by: Person, *, reason: str) -> None:
    """Return it to draft. Raises WrongStep, InvalidClose."""
    said = _checked_reason(reason)
    await _step(connection, book_id, month, "returned")
    await _record(connection, book_id, month, "returned", by, said)


async def approve(connection: AsyncConnection, book_id: int, month: date, by: Person) -> None:
    """Lock the month and issue its statements.

    Raises WrongStep, SamePerson, EarlierMonthOpen, StatementsOutdated, StatementsDiffer.
    """
    submitted_by = await _step(connection, book_id, month, "approved")
    if submitted_by == by.user_id:
        raise SamePerson("month", f"{month:%Y-%m}")
    await _check_earlier(connection, book_id, month)
    if ((locked := await locked_through(connection, book_id)) or date.min) < month:
        await lock_period(connection, book_id, month, locked_by=by.actor)
    await check_current(connection, book_id, month)
    await prove_statements(connection, book_id, month)
    await _record(connection, book_id, month, "approved", by, detail={"locked": locked is None or locked < month})


async def _check_earlier(connection: AsyncConnection, book_id: int, month: date) -> None:
    if (earlier := await first_unclosed(connection, book_id, month)) is not None:
        raise EarlierMonthOpen("month", format_period(earlier))


async def _step(connection: AsyncConnection, book_id: int, month: date, action: Action, **values: Any) -> int | None:
    """Lock the month's closing and move it on; who has submitted it. Raises WrongStep."""
    row = upsert(closings).values(book_id=book_id, month=month)
    await connection.execute(row.on_conflict_do_nothing())
    its = (closings.c.book_id == book_id) & (closings.c.month == month)
    found = (await connection.execute(select(closings).where(its).with_for_update())).one()
    sources, target = STEPS[action]
    if found.state not in sources:
        rule = f"what is {action} is {' or '.join(sources)} before"
        raise WrongStep("month.state", found.state, rule)
    await connection.execute(update(closings).where(its).values(state=target, **values))
    submitted_by: int | None = found.submitted_by
    return submitted_by


async def _record(
    connection: AsyncConnection,
    book_id: int,
    month: date,
    action: Action,
    by: Person,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    its = closing_events.c
    of_month = (its.book_id == book_id) & (its.month == month)
    number = select(func.coalesce(func.max(its.event_no), 0) + 1).where(of_month).scalar_subquery()
    values = {"action": action, "state": STEPS[action][1], "user_id": by.user_id, "actor": by.actor, "reason": reason}
    key = {"book_id": book_id, "month": month, "event_no": number}
    await connection.execute(closing_events.insert().values(**key, **values, detail=detail or {}))


def _checked_reason(reason: str) -> str:
    said = reason.strip()
    if not 1 <= len(said) <= _MOST_REASON or "\0" in said or any("\ud800" <= letter <= "\udfff" for letter in said):
        raise InvalidClose("reason", reason, f"1 to {_MOST_REASON} characters, none of them NUL")
    return said


# How far it is ----------------------------------------------------------------------------------------------


async def checklist(connection: AsyncConnection, book_id: int, month: date) -> Checklist:
    """Raises InvalidClose."""
    calendar = await _calendar(connection, book_id, month)
    asked = {"book": book_id, "month": month}
    state: State = await connection.scalar(_STATE, asked) or "open"
    its = closing_events.c
    names = Step.__struct_fields__
    events = select(*(its[name] for name in names)).where(its.book_id == book_id, its.month == month)
    return Checklist(
        month=format_period(month),
        state=state,
        cut_off=calendar.cut_off,
        ended=calendar.ended,
        locked=(await locked_through(connection, book_id) or date.min) >= month,
        exceptions=await open_matters(connection, book_id, next_month(month)),
        true_ups=int((await connection.execute(_TRUE_UPS, asked)).scalar_one()),
        statements=[Prepared(*row) for row in await connection.execute(_PREPARED, asked)],
        outdated=await outdated(connection, book_id, month) if state in ("draft", "submitted") else 0,
        steps=[Step(*row) for row in await connection.execute(events.order_by(its.event_no))],
    )


class _Calendar(NamedTuple):
    cut_off: datetime
    ended: bool


async def _calendar(connection: AsyncConnection, book_id: int, month: date) -> _Calendar:
    if month.day != 1 or not 2000 <= month.year < 2200:
        raise InvalidClose("month", month.isoformat(), "a month of the years 2000 to 2199, as 2026-10")
    row = (await connection.execute(_CALENDAR, {"book": book_id, "next": next_month(month)})).one()
    return _Calendar(row.cut_off, row.ended)


_CALENDAR = text("""
    SELECT cut_off, cut_off <= now() AS ended
    FROM (SELECT CAST(:next AS timestamp) AT TIME ZONE time_zone AS cut_off
          FROM ledger.books WHERE book_id = :book) AS its
""")
_STATE = text("SELECT state FROM settlement.closings WHERE book_id = :book AND month = :month")
_TRUE_UPS = text("SELECT count(*) FROM settlement.true_ups WHERE book_id = :book AND month = :month")
_OWED = "{0}_held + {0}_available + {0}_reserve + {0}_frozen + {0}_paying - {0}_recoverable"
_PREPARED = text(f"""
    SELECT currency, count(*), sum({_OWED.format("opening")})::bigint, sum({_OWED.format("closing")})::bigint
    FROM settlement.statements WHERE book_id = :book AND month = :month
    GROUP BY currency ORDER BY currency
""")  # noqa: S608 - of constants
