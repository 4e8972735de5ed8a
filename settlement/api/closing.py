"""The close of a month: how far it is, and the steps of it; and reopening one that is issued."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import parse_period
from settlement import closing
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.checklists import Checklist, checklist
from settlement.closing import Person

_Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, examples=["Two sales of a clip taken down"])]


class MonthToSubmit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where there are exceptions, why the month is closed over them."""

    reason: _Reason | None = None


class Return(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why it goes back to draft."""

    reason: _Reason


class ReopeningReason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why an issued month has to be reopened, or is not."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000, examples=["Refunds of the 30th came late"])]


@get("/months/{month:str}", opt=READ, summary="The close of a month, as a checklist")
async def show(
    month: FromPath[str], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Checklist:
    """The cut-off, what is still open, what was drafted, and who did what. `outdated`: statements whose balances have
    moved since; they have to be drafted again.
    """
    return await checklist(connection, book_id, parse_period(month, "month"))


@post(
    "/months/{month:str}/draft",
    opt={**IMPORT, "action": "month.draft"},
    status_code=200,
    summary="Draft the statements of a month",
)
async def draft(
    month: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """Posts what is missing for the tiers that were reached, then drafts a statement for every party with anything
    booked in the month, in place of earlier drafts. The month has to be over, and all months before it issued.
    """
    period = parse_period(month, "month")
    await closing.draft(connection, book_id, period, person)
    return await checklist(connection, book_id, period)


@post(
    "/months/{month:str}/submit",
    opt={**IMPORT, "action": "month.submit"},
    status_code=200,
    summary="Submit the statements of a month for approval",
)
async def submit(
    month: FromPath[str],
    data: JSONBody[MonthToSubmit],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """Refused where the books have moved since the draft."""
    period = parse_period(month, "month")
    await closing.submit(connection, book_id, period, person, reason=data.reason)
    return await checklist(connection, book_id, period)


@post(
    "/months/{month:str}/approve",
    opt={**APPROVE, "action": "month.approve"},
    status_code=200,
    summary="Approve a month: lock it, issue its statements",
)
async def approve(
    month: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """By another person than the one who submitted it. The month is locked, until two people reopen it."""
    period = parse_period(month, "month")
    await closing.approve(connection, book_id, period, person)
    return await checklist(connection, book_id, period)


@post(
    "/months/{month:str}/return",
    opt={**APPROVE, "action": "month.return"},
    status_code=200,
    summary="Return a month to draft",
)
async def give_back(
    month: FromPath[str],
    data: JSONBody[Return],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """With the reason, for whoever submitted it."""
    period = parse_period(month, "month")
    await closing.give_back(connection, book_id, period, person, reason=data.reason)
    return await checklist(connection, book_id, period)


# Reopening --------------------------------------------------------------------------------------------------


@post(
    "/months/{month:str}/reopening",
    opt={**IMPORT, "action": "month.ask-reopening"},
    status_code=200,
    summary="Ask that an issued month be reopened",
)
async def ask_reopening(
    month: FromPath[str],
    data: JSONBody[ReopeningReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """It stays issued until another person has decided. Only the last month that is issued can be reopened."""
    period = parse_period(month, "month")
    await closing.ask_reopening(connection, book_id, period, person, reason=data.reason)
    return await checklist(connection, book_id, period)


@post(
    "/months/{month:str}/reopening/approve",
    opt={**APPROVE, "action": "month.reopen"},
    status_code=200,
    summary="Reopen a month",
)
async def reopen(
    month: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """By another person than the one who asked for it. The month is unlocked and drafted as its next revision; the
    statements that were issued stay readable, superseded.
    """
    period = parse_period(month, "month")
    await closing.reopen(connection, book_id, period, person)
    return await checklist(connection, book_id, period)


@post(
    "/months/{month:str}/reopening/refuse",
    opt={**APPROVE, "action": "month.refuse-reopening"},
    status_code=200,
    summary="Refuse to reopen a month",
)
async def refuse_reopening(
    month: FromPath[str],
    data: JSONBody[ReopeningReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Checklist:
    """It stays issued."""
    period = parse_period(month, "month")
    await closing.refuse_reopening(connection, book_id, period, person, reason=data.reason)
    return await checklist(connection, book_id, period)


HOST_ROUTES = [show, draft, submit, approve, give_back, ask_reopening, reopen, refuse_reopening]
