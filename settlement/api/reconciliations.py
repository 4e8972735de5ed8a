"""Reconciliation: the month's board, matching by rules and by hand, two people's sign-off."""

from datetime import date
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import LedgerError
from ledger.periods import parse_period
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.closing import Person
from settlement.reasons import MOST_REASON
from settlement.reconciliation import (
    board,
    by_hand,
    reconciliations,
    running,
    signing,
)
from settlement.reconciliation.board import BoardRow
from settlement.reconciliation.by_hand import MatchRow, PostingName
from settlement.reconciliation.errors import InvalidReconciliation
from settlement.reconciliation.lines import Rule
from settlement.reconciliation.reconciliations import Reconciliation, ReconciliationEvent, State

_Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["The bank's fee for October; see its letter."])
]
"""Of a step that a person takes."""
_Month = Annotated[str | None, QueryParameter(pattern="^[0-9]{4}-[0-9]{2}$", description="Of this month: 2026-10.")]
_Account = Annotated[str | None, QueryParameter(pattern="^assets:[a-z0-9:-]{1,100}$", description="Of one account.")]
_InState = Annotated[State | None, QueryParameter(name="state", description="In this state.")]
_Rule = Annotated[Rule | None, QueryParameter(description="By this rule.")]


class NewReconciliation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of one account in one currency in one month."""

    account: Annotated[str, msgspec.Meta(max_length=200, examples=["assets:bank"])]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["CNY"])]
    month: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}$", examples=["2026-10"])]


class NamedPosting(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A line of an entry, numbered from 1."""

    entry_id: _Id
    line: _Number


class NewMatch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Lines that belong together, and why. Both sides make the same sum; one may be empty if the other makes zero."""

    postings: Annotated[list[NamedPosting], msgspec.Meta(max_length=1000)] = []
    lines: Annotated[list[_Id], msgspec.Meta(max_length=1000)] = []
    reason: Reason


class ReconciliationReason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason


class ReconciliationWithEvents(msgspec.Struct, frozen=True):
    """How far it is, what was found, and who did what."""

    reconciliation: Reconciliation
    events: list[ReconciliationEvent]


@get("/reconciliations/board", opt=READ, summary="What of a month is reconciled")
async def show_board(
    connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int], month: _Month = None
) -> list[BoardRow]:
    """Every account of cash, of transit and of a marketplace that has something in the month, or carries something
    over. Without a month, of the one before this.
    """
    asked = _month(month) if month else await board.last_month(connection, book_id)
    return await board.board(connection, book_id, asked)


@post("/reconciliations", opt={**IMPORT, "action": "reconciliation.begin"}, summary="Begin a reconciliation")
async def begin(
    data: JSONBody[NewReconciliation],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    person: NamedDependency[Person],
) -> Response[Reconciliation]:
    """There is one of an account, currency and month; asked again, it is the one there is."""
    its = await reconciliations.begin(
        connection, book_id, person, account=data.account, currency=data.currency, month=_month(data.month)
    )
    return Response(its, headers={"Location": f"/v1/books/{book}/reconciliations/{its.reconciliation_id}"})


@get("/reconciliations", opt=READ, summary="Reconciliations")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    month: _Month = None,
    account: _Account = None,
    in_state: _InState = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Reconciliation]:
    """Newest first."""
    found = await reconciliations.list_reconciliations(
        connection,
        book_id,
        month=_month(month) if month else None,
        account=account,
        state=in_state,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda each: each.reconciliation_id)


@get("/reconciliations/{reconciliation_id:int}", opt=READ, summary="A reconciliation")
async def show(
    reconciliation_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> ReconciliationWithEvents:
    """What is in the ledger and not outside = residuals + timing, where timing is what moved after the month's end."""
    return await _shown(connection, book_id, reconciliation_id)


@post(
    "/reconciliations/{reconciliation_id:int}/run",
    opt={**IMPORT, "action": "reconciliation.run"},
    status_code=200,
    summary="Match the lines",
)
async def run(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> Response[ReconciliationWithEvents]:
    """What people matched, parted, explained and posted stays. With many lines a worker does it, and this is a 202."""
    done = await running.ask(connection, book_id, reconciliation_id, person)
    return Response(await _shown(connection, book_id, reconciliation_id), status_code=200 if done else 202)


@get("/reconciliations/{reconciliation_id:int}/matches", opt=READ, summary="What matches")
async def list_matches(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    rule: _Rule = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[MatchRow]:
    """With rule, confidence in percent, and lines of both sides. Newest first by number."""
    await reconciliations.find_reconciliation(connection, book_id, reconciliation_id)
    found = await by_hand.list_matches(
        connection, book_id, reconciliation_id, rule=rule, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.match_id)


@post(
    "/reconciliations/{reconciliation_id:int}/matches",
    opt={**IMPORT, "action": "reconciliation.match"},
    summary="Match lines by hand",
)
async def match(
    reconciliation_id: FromPath[int],
    data: JSONBody[NewMatch],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ReconciliationWithEvents:
    """Lines that are in no match. Run it again afterwards."""
    await by_hand.match(
        connection,
        book_id,
        reconciliation_id,
        person,
        postings=[PostingName(each.entry_id, each.line) for each in data.postings],
        lines=data.lines,
        reason=data.reason,
    )
    return await _shown(connection, book_id, reconciliation_id)


@post(
    "/reconciliations/{reconciliation_id:int}/matches/{match_id:int}/undo",
    opt={**IMPORT, "action": "reconciliation.unmatch"},
    status_code=200,
    summary="Part lines that were matched",
)
async def unmatch(
    reconciliation_id: FromPath[int],
    match_id: FromPath[int],
    data: JSONBody[ReconciliationReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ReconciliationWithEvents:
    """No rule joins them again. Run it again afterwards."""
    await by_hand.unmatch(connection, book_id, reconciliation_id, match_id, person, data.reason)
    return await _shown(connection, book_id, reconciliation_id)


# Two people -------------------------------------------------------------------------------------------------


@post(
    "/reconciliations/{reconciliation_id:int}/submit",
    opt={**IMPORT, "action": "reconciliation.submit"},
    status_code=200,
    summary="Submit a reconciliation",
)
async def submit(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ReconciliationWithEvents:
    """Once it adds up and each residual has a reason. Another person signs it."""
    await signing.submit(connection, book_id, reconciliation_id, person)
    return await _shown(connection, book_id, reconciliation_id)


@post(
    "/reconciliations/{reconciliation_id:int}/return",
    opt={**APPROVE, "action": "reconciliation.return"},
    status_code=200,
    summary="Return a reconciliation to draft",
)
async def give_back(
    reconciliation_id: FromPath[int],
    data: JSONBody[ReconciliationReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ReconciliationWithEvents:
    """With the reason, for whoever submitted it."""
    await signing.give_back(connection, book_id, reconciliation_id, person, data.reason)
    return await _shown(connection, book_id, reconciliation_id)


@post(
    "/reconciliations/{reconciliation_id:int}/sign-off",
    opt={**APPROVE, "action": "reconciliation.sign"},
    status_code=200,
    summary="Sign a reconciliation off",
)
async def sign_off(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ReconciliationWithEvents:
    """By another person than the one who submitted it, and for good."""
    await signing.sign(connection, book_id, reconciliation_id, person)
    return await _shown(connection, book_id, reconciliation_id)


async def _shown(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> ReconciliationWithEvents:
    its = await reconciliations.find_reconciliation(connection, book_id, reconciliation_id)
    return ReconciliationWithEvents(its, await reconciliations.events_of(connection, book_id, reconciliation_id))


def _month(told: str) -> date:
    try:
        return parse_period(told, "month")
    except LedgerError as wrong:
        raise InvalidReconciliation("month", told, "a month, as 2026-10") from wrong


HOST_ROUTES = [show_board, begin, list_all, show, run, list_matches, match, unmatch, submit, give_back, sign_off]
