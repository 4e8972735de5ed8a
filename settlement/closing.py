"""The close of a month: cut-off, true-up, statements drafted, submitted by one person, approved by another, issued.

Nothing is closed before the month has ended by the book's calendar, nor while an earlier month waits. A draft may be
made again, and has to be when the books have moved since. Approval locks the month in the ledger and proves once more
that every statement says what the ledger says; then its statements are issued, and nothing of them changes any more.

The last month that is issued can be reopened, which one person asks for and another decides. It begins again as its
next revision: what was issued stays as it was, and is superseded.
"""

from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period, lock_period, locked_through, next_month, reopen_period
from ledger.seals import seal
from licensing.vocabulary import check_text
from settlement.errors import (
    EarlierMonthOpen,
    ExceptionsOpen,
    InvalidClose,
    LaterMonthIssued,
    MonthNotEnded,
    SamePerson,
    WrongStep,
)
from settlement.exceptions import open_matters
from settlement.parties import BALANCES_CODE
from settlement.reports.books import MONTHS_BOOKED
from settlement.statements.drafting import check_current, draft_statements, prove_statements, seen_by
from settlement.tables import closing_events, closings
from settlement.true_ups import post_true_ups

State = Literal["open", "draft", "submitted", "issued"]
Action = Literal["drafted", "submitted", "returned", "approved", "reopening-asked", "reopening-refused", "reopened"]

STEPS: dict[Action, tuple[tuple[State, ...], State]] = {
    "drafted": (("open", "draft"), "draft"),
    "submitted": (("draft",), "submitted"),
    "returned": (("submitted",), "draft"),
    "approved": (("submitted",), "issued"),
    "reopening-asked": (("issued",), "issued"),
    "reopening-refused": (("issued",), "issued"),
    "reopened": (("issued",), "open"),
}
"""What each action leads from, and to."""

_DECISIONS = ("reopening-refused", "reopened")
"""Of a reopening that somebody has asked for."""
_MOST_REASON = 2000


class Person(NamedTuple):
    """Who does it: the user, and the name that trails know (`user:3`, or `key:7` for one of the user's keys)."""

    user_id: int
    actor: str


# Closing ----------------------------------------------------------------------------------------------------


async def draft(connection: AsyncConnection, book_id: int, month: date, by: Person) -> int:
    """Post the true-ups that are missing and draft all statements, in place of earlier drafts; how many there are.

    Raises:
        InvalidClose: no month.
        MonthNotEnded, EarlierMonthOpen, WrongStep, StatementsDiffer.
        PeriodLocked: of the ledger, where there are true-ups to post.
    """
    calendar = await calendar_of(connection, book_id, month)
    if not calendar.ended:
        raise MonthNotEnded("month", format_period(month))
    await _step(connection, book_id, month, "drafted")
    await _check_earlier(connection, book_id, month, await locked_through(connection, book_id))
    trued_up = await post_true_ups(connection, book_id, month)
    known = await seen_by(connection)
    made = await draft_statements(connection, book_id, month)
    detail = {"statements": made, "true_ups": trued_up, "seen": known}
    await _record(connection, book_id, month, "drafted", by, detail=detail)
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
    """Lock the month, issue its statements, and seal its entries if no other transaction stands in the way of that.

    Raises WrongStep, SamePerson, EarlierMonthOpen, StatementsOutdated, StatementsDiffer.
    """
    was = await _locked(connection, book_id, month, "approved")
    if was.submitted_by == by.user_id:
        raise SamePerson("month", format_period(month))
    await _step(connection, book_id, month, "approved", approved_by=by.user_id)
    if ((locked := await locked_through(connection, book_id)) or date.min) < month:
        await lock_period(connection, book_id, month, locked_by=by.actor)
    await _check_earlier(connection, book_id, month, locked)
    await check_current(connection, book_id, month)
    await prove_statements(connection, book_id, month)
    await _record(connection, book_id, month, "approved", by, detail={"locked": locked is None or locked < month})
    await seal(connection, book_id)
    await seal_issued(connection, book_id)


async def seal_issued(connection: AsyncConnection, book_id: int) -> None:
    """Note of each issued month, all of whose entries are sealed now, through which seal they are."""
    its = closings.c
    waiting = (its.book_id == book_id, its.state == "issued", its.seal_no.is_(None))
    months = (await connection.scalars(select(its.month).where(*waiting).order_by(its.month).with_for_update())).all()
    if months:  # a statement of its own, which sees what was booked until they were locked
        await connection.execute(_SEALED, {"book": book_id, "months": months})


async def _check_earlier(connection: AsyncConnection, book_id: int, month: date, locked: date | None) -> None:
    if (earlier := await first_unclosed(connection, book_id, month, locked)) is not None:
        raise EarlierMonthOpen("month", format_period(earlier))


async def first_unclosed(connection: AsyncConnection, book_id: int, before: date, locked: date | None) -> date | None:
    """The first month before this one that is not issued, and either has postings of parties and was not locked (the
    book was through `locked`), or was issued before and reopened.
    """
    found: date | None = await connection.scalar(_UNCLOSED, {"book": book_id, "month": before, "locked": locked})
    return found


# Reopening --------------------------------------------------------------------------------------------------


async def ask_reopening(connection: AsyncConnection, book_id: int, month: date, by: Person, *, reason: str) -> None:
    """Ask that an issued month be reopened; it stays issued until another person has decided.

    Raises WrongStep, LaterMonthIssued, InvalidClose.
    """
    said = _checked_reason(reason)
    await _step(connection, book_id, month, "reopening-asked", reopening_by=by.user_id)
    await _check_last(connection, book_id, month)
    await _record(connection, book_id, month, "reopening-asked", by, said)


async def refuse_reopening(connection: AsyncConnection, book_id: int, month: date, by: Person, *, reason: str) -> None:
    """The month stays issued. Who has asked may take it back so, too. Raises WrongStep, InvalidClose."""
    said = _checked_reason(reason)
    await _step(connection, book_id, month, "reopening-refused", reopening_by=None)
    await _record(connection, book_id, month, "reopening-refused", by, said)


async def reopen(connection: AsyncConnection, book_id: int, month: date, by: Person) -> None:
    """Begin the month again as its next revision, and lift the ledger's lock if it was its close that had set it.

    Raises:
        WrongStep: it is not issued, or nobody has asked for it.
        SamePerson, LaterMonthIssued.
        PeriodNotLocked: of the ledger, where somebody has locked a later month.
    """
    was = await _locked(connection, book_id, month, "reopened")
    if was.reopening_by == by.user_id:
        raise SamePerson("month", format_period(month))
    people = {"asked_by": was.reopening_by, "reopened_by": by.user_id, "reopening_by": None, "approved_by": None}
    await _step(connection, book_id, month, "reopened", revision=was.revision + 1, seal_no=None, **people)
    await _check_last(connection, book_id, month)
    its = {"book": book_id, "month": month, "revision": was.revision}
    asked = (await connection.execute(_ASKED, its)).one()
    if asked.locked:
        await reopen_period(connection, book_id, month, reopened_by=by.actor, reason=asked.reason)
    detail = {"seal_no": was.seal_no, "unlocked": asked.locked}
    await _record(connection, book_id, month, "reopened", by, asked.reason, detail)


async def _check_last(connection: AsyncConnection, book_id: int, month: date) -> None:
    its = closings.c
    issued = select(func.max(its.month)).where(its.book_id == book_id, its.state == "issued", its.month > month)
    if (later := await connection.scalar(issued)) is not None:
        raise LaterMonthIssued("month", format_period(later))


# Steps ------------------------------------------------------------------------------------------------------


async def _step(connection: AsyncConnection, book_id: int, month: date, action: Action, **values: Any) -> None:
    """Move the month on. Raises WrongStep."""
    await _locked(connection, book_id, month, action)
    its = (closings.c.book_id == book_id) & (closings.c.month == month)
    await connection.execute(update(closings).where(its).values(state=STEPS[action][1], **values))


async def _locked(connection: AsyncConnection, book_id: int, month: date, action: Action) -> Row[Any]:
    """Lock the closings of the book, for a step of one month hangs on the others; the month's, from which that is done.

    Raises WrongStep.
    """
    row = upsert(closings).values(book_id=book_id, month=month)
    await connection.execute(row.on_conflict_do_nothing())
    of_book = select(closings).where(closings.c.book_id == book_id).order_by(closings.c.month).with_for_update()
    found = next(each for each in await connection.execute(of_book) if each.month == month)
    sources = STEPS[action][0]
    if found.state not in sources:
        rule = f"what is {action} is {' or '.join(sources)} before"
        raise WrongStep("month.state", found.state, rule)
    if "reopen" in action and (found.reopening_by is not None) != (action in _DECISIONS):
        rule = "one person asks that it be reopened, once, and another decides"
        raise WrongStep("month.reopening", "asked" if found.reopening_by else "not asked", rule)
    return found


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
    now = closings.c
    revision = select(now.revision).where(now.book_id == book_id, now.month == month).scalar_subquery()
    values = {"action": action, "state": STEPS[action][1], "user_id": by.user_id, "actor": by.actor, "reason": reason}
    key = {"book_id": book_id, "month": month, "event_no": number, "revision": revision}
    await connection.execute(closing_events.insert().values(**key, **values, detail=detail or {}))


def _checked_reason(reason: str) -> str:
    return check_text(reason, InvalidClose, "reason", most=_MOST_REASON)


class Calendar(NamedTuple):
    """The first moment after a month by the book's calendar, and whether it has come."""

    cut_off: datetime
    ended: bool


async def calendar_of(connection: AsyncConnection, book_id: int, month: date) -> Calendar:
    """Raises InvalidClose."""
    if month.day != 1 or not 2000 <= month.year < 2200:
        raise InvalidClose("month", month.isoformat(), "a month of the years 2000 to 2199, as 2026-10")
    row = (await connection.execute(_CALENDAR, {"book": book_id, "next": next_month(month)})).one()
    return Calendar(row.cut_off, row.ended)


# SQL --------------------------------------------------------------------------------------------------------

_CALENDAR = text("""
    SELECT cut_off, cut_off <= now() AS ended
    FROM (SELECT CAST(:next AS timestamp) AT TIME ZONE time_zone AS cut_off
          FROM ledger.books WHERE book_id = :book) AS its
""")
_ASKED = text("""
    SELECT coalesce(bool_or(CAST(detail ->> 'locked' AS boolean)) FILTER (WHERE action = 'approved'), false) AS locked,
           (array_agg(reason ORDER BY event_no DESC) FILTER (WHERE action = 'reopening-asked'))[1] AS reason
    FROM settlement.closing_events WHERE book_id = :book AND month = :month AND revision = :revision
""")
_SEALED = text("""
    UPDATE settlement.closings SET seal_no = newest.seal_no
    FROM (SELECT max(seal_no) AS seal_no FROM ledger.seals WHERE book_id = :book) AS newest,
         (SELECT min(period) AS period FROM ledger.entries AS entry
          WHERE book_id = :book AND (SELECT true FROM ledger.sealed_entries AS its
                                     WHERE its.book_id = :book AND its.entry_id = entry.entry_id) IS NULL) AS unsealed
    WHERE book_id = :book AND month = ANY (CAST(:months AS date[]))
      AND newest.seal_no IS NOT NULL AND coalesce(unsealed.period > month, true)
""")
# Movements are looked at in months alone that are still to be closed, and only up to the first of a party.
_UNCLOSED = text(f"""
    WITH RECURSIVE {MONTHS_BOOKED}
    SELECT least(min(period), (
        SELECT min(month) FROM settlement.closings
        WHERE book_id = :book AND month < :month AND revision > 1 AND state <> 'issued'))
    FROM booked
    WHERE period < :month AND period > coalesce(CAST(:locked AS date), '-infinity')
      AND NOT EXISTS (SELECT FROM settlement.closings AS its
                      WHERE its.book_id = :book AND its.month = period AND its.state = 'issued')
      AND (SELECT true FROM ledger.movements AS moved JOIN ledger.accounts AS account USING (book_id, account_id)
           WHERE moved.book_id = :book AND moved.period = booked.period AND account.code ~ '{BALANCES_CODE}' LIMIT 1)
""")  # noqa: S608 - of constants
