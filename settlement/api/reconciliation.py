"""Reconciliation: the month's board, bank files, matching, residuals, two people's sign-off."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import find_book
from ledger.errors import LedgerError
from ledger.periods import parse_period
from ledger.sheets import csv_text
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.storage import Storage
from settlement.api.scopes import APPROVE, IMPORT, RAILS, READ
from settlement.closing import Person
from settlement.payouts.halts import Rails
from settlement.reasons import MOST_REASON
from settlement.reconciliation import (
    bank_files,
    board,
    by_hand,
    putting_right,
    rail_lines,
    reconciliations,
    residuals,
    running,
    signing,
)
from settlement.reconciliation.bank_files import BankFile, ParkedLine
from settlement.reconciliation.board import BoardRow
from settlement.reconciliation.by_hand import MatchRow, PostingName
from settlement.reconciliation.errors import InvalidReconciliation
from settlement.reconciliation.kinds import Kind, Owner
from settlement.reconciliation.lines import Rule
from settlement.reconciliation.outside import OutsideLine, list_lines
from settlement.reconciliation.proposals import ProposedLine
from settlement.reconciliation.rail_lines import PlatformLine
from settlement.reconciliation.reconciliations import Reconciliation, ReconciliationEvent, State
from settlement.reconciliation.residuals import MOST_EXPORTED, ResidualRow
from settlement.reconciliation.taking_in import take_in

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a bank file."""

_Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_Amount = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["The bank's fee for October; see its letter."])
]
_Month = Annotated[str | None, QueryParameter(pattern="^[0-9]{4}-[0-9]{2}$", description="Of this month: 2026-10.")]
_Account = Annotated[str | None, QueryParameter(pattern="^assets:[a-z0-9:-]{1,100}$", description="Of one account.")]
_InState = Annotated[State | None, QueryParameter(name="state", description="In this state.")]
_Kind = Annotated[Kind | None, QueryParameter(description="Of this kind.")]
_Owner = Annotated[Owner | None, QueryParameter(description="That these see to.")]
_Explained = Annotated[bool | None, QueryParameter(description="With a reason or an entry; or without.")]
_Rule = Annotated[Rule | None, QueryParameter(description="By this rule.")]
_Source = Annotated[Literal["bank", "stripe"] | None, QueryParameter(description="From the bank, or from Stripe.")]
_Matched = Annotated[bool | None, QueryParameter(description="In a match; or in none.")]
_Assigned = Annotated[bool | None, QueryParameter(description="Said to be a book's; or nobody's.")]
_Name = Annotated[str, QueryParameter(min_length=1, max_length=500, description="The file's.")]
_BankAccount = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Whose lines a CSV holds: the IBAN. A camt.053 says so itself."),
]
_TABLE = "booked_on,amount,currency,end_to_end_id,text\n2026-10-21,-640.00,CNY,clp-1-1-1,Payout of October\n"
_File = Annotated[
    bytes,
    Body(
        media_type="application/octet-stream",
        title="A bank file",
        description="ISO 20022 camt.053, or CSV in our own format.",
        examples=[Example(value=_TABLE)],
    ),
]


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
    reason: _Reason


class ReconciliationReason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: _Reason


class EntryLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """In minor units, debits positive."""

    account: Annotated[str, msgspec.Meta(max_length=200, examples=["expenses:payout-fees"])]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["CNY"])]
    amount: _Amount


class ResidualEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Post what is proposed, or these lines instead."""

    reason: _Reason
    lines: Annotated[list[EntryLine], msgspec.Meta(max_length=100)] = []
    effective_on: date | None = None


class Assignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose it is, and how one knows."""

    book: Annotated[str, msgspec.Meta(min_length=1, max_length=63, examples=["lili"])]
    reason: _Reason


class ReconciliationWithEvents(msgspec.Struct, frozen=True):
    """How far it is, what was found, and who did what."""

    reconciliation: Reconciliation
    events: list[ReconciliationEvent]


class BankFileRequest(Request[Any, Any, Any]):
    """Takes a body as it is."""

    async def json(self) -> bytes:
        """The file."""
        return await self.body()


# Bank files -------------------------------------------------------------------------------------------------


@post(
    "/bank-files",
    opt={**IMPORT, "action": "bank-file.import"},
    request_class=BankFileRequest,
    request_max_body_size=LARGEST_BODY,
    summary="Send a bank's file",
)
async def send_bank_file(
    data: _File,
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    rails: NamedDependency[Rails],
    book_id: NamedDependency[int],
    book: FromPath[str],
    actor: NamedDependency[str],
    name: _Name,
    account: _BankAccount = None,
) -> Response[BankFile]:
    """It is kept whole, and each of its lines once; payouts by file that it shows are paid, or have come back. A file
    that was sent before is found as it is, with a 200.
    """
    kept, new = await take_in(engine, storage, rails, book_id, data, name=name, account=account, created_by=actor)
    place = f"/v1/books/{book}/bank-files/{kept.file_id}"
    return Response(kept, status_code=201 if new else 200, headers={"Location": place})


@get("/bank-files", opt=READ, summary="Bank files")
async def list_bank_files(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[BankFile]:
    """Newest first."""
    found = await bank_files.list_files(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.file_id)


@get("/bank-files/{bank_file_id:int}", opt=READ, summary="A bank file")
async def show_bank_file(
    bank_file_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> BankFile:
    """How many lines it had, how many were new, and what it says of balances."""
    return await bank_files.find_file(connection, book_id, bank_file_id)


@get("/bank-files/{bank_file_id:int}/parked", opt=READ, summary="Rows of a bank file that could not be read")
async def show_parked_lines(
    bank_file_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ParkedLine]:
    """The last rows of the file first. Send the file again once it is mended: what was read is recognised."""
    await bank_files.find_file(connection, book_id, bank_file_id)
    found = await bank_files.list_faults(connection, book_id, bank_file_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.row_no)


@get("/outside-lines", opt=READ, summary="What moved at the bank and at Stripe")
async def list_outside_lines(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    source: _Source = None,
    matched: _Matched = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[OutsideLine]:
    """Newest first by number."""
    found = await list_lines(
        connection, book_id, source=source, matched=matched, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.line_id)


# Reconciliations --------------------------------------------------------------------------------------------


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


# Residuals --------------------------------------------------------------------------------------------------


@get("/reconciliations/{reconciliation_id:int}/residuals", opt=READ, summary="What does not match")
async def list_residuals(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    kind: _Kind = None,
    owner: _Owner = None,
    explained: _Explained = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ResidualRow]:
    """With amount, kind, who sees to it, age in days and, where there is one, an entry to post. Newest first."""
    await reconciliations.find_reconciliation(connection, book_id, reconciliation_id)
    found = await residuals.list_residuals(
        connection,
        book_id,
        reconciliation_id,
        kind=kind,
        owner=owner,
        explained=explained,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda each: each.residual_id)


@get(
    "/reconciliations/{reconciliation_id:int}/residuals/export",
    opt=READ,
    media_type="text/csv",
    summary="Residuals as a file",
)
async def export_residuals(
    reconciliation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    form: Annotated[Literal["csv", "json"], QueryParameter(description="Of the file.")] = "csv",
) -> Response[bytes]:
    """All of them, in the order of their numbers; in CSV amounts are decimals, in JSON minor units."""
    await reconciliations.find_reconciliation(connection, book_id, reconciliation_id)
    found = await residuals.list_residuals(connection, book_id, reconciliation_id, limit=MOST_EXPORTED)
    found.reverse()
    content = csv_text(residuals.sheet(found)).encode() if form == "csv" else msgspec.json.encode(found)
    named = {"Content-Disposition": f'attachment; filename="residuals-{reconciliation_id}.{form}"'}
    kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
    return Response(content, media_type=kind, headers=named)


@get(
    "/reconciliations/{reconciliation_id:int}/residuals/{residual_id:int}", opt=READ, summary="One that does not match"
)
async def show_residual(
    reconciliation_id: FromPath[int],
    residual_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> ResidualRow:
    """Its lines, and what is proposed."""
    return await residuals.find_residual(connection, book_id, reconciliation_id, residual_id)


@post(
    "/reconciliations/{reconciliation_id:int}/residuals/{residual_id:int}/explain",
    opt={**IMPORT, "action": "reconciliation.explain"},
    status_code=200,
    summary="Say why it does not match",
)
async def explain(
    reconciliation_id: FromPath[int],
    residual_id: FromPath[int],
    data: JSONBody[ReconciliationReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ResidualRow:
    """Said again, the newer reason counts."""
    await residuals.explain(connection, book_id, reconciliation_id, residual_id, person, data.reason)
    return await residuals.find_residual(connection, book_id, reconciliation_id, residual_id)


@post(
    "/reconciliations/{reconciliation_id:int}/residuals/{residual_id:int}/post",
    opt={**IMPORT, "action": "reconciliation.post"},
    status_code=200,
    summary="Post the entry that puts it right",
)
async def post_residual(
    reconciliation_id: FromPath[int],
    residual_id: FromPath[int],
    data: JSONBody[ResidualEntry],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> ResidualRow:
    """What is proposed, or other lines; they make up the residual on the account. Run it again afterwards."""
    await putting_right.post_entry(
        connection,
        book_id,
        reconciliation_id,
        residual_id,
        person,
        reason=data.reason,
        lines=[ProposedLine(each.account, each.currency, each.amount) for each in data.lines],
        effective_on=data.effective_on,
    )
    return await residuals.find_residual(connection, book_id, reconciliation_id, residual_id)


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


# The platform's own -----------------------------------------------------------------------------------------


@get("/rail-lines", opt=RAILS, summary="What moved at a rail and names no book")
async def list_platform_lines(
    connection: NamedDependency[AsyncConnection],
    assigned: _Assigned = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[PlatformLine]:
    """Top-ups without a name, payouts to the platform's bank, Stripe's own fees. Newest first."""
    found = await rail_lines.list_platform_lines(
        connection, assigned=assigned, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.line_id)


@post(
    "/rail-lines/{line_id:int}/assign",
    opt={**RAILS, "action": "rail-line.assign"},
    status_code=200,
    summary="Say of which book a line is",
)
async def assign(
    line_id: FromPath[int],
    data: JSONBody[Assignment],
    connection: NamedDependency[AsyncConnection],
    actor: NamedDependency[str],
) -> PlatformLine:
    """Once; it becomes a line of that book."""
    book = await find_book(connection, data.book)
    return await rail_lines.assign(connection, line_id, book.book_id, actor, data.reason)


HOST_ROUTES = [
    send_bank_file,
    list_bank_files,
    show_bank_file,
    show_parked_lines,
    list_outside_lines,
    show_board,
    begin,
    list_all,
    show,
    run,
    list_matches,
    match,
    unmatch,
    list_residuals,
    export_residuals,
    show_residual,
    explain,
    post_residual,
    submit,
    give_back,
    sign_off,
]
SERVICE_ROUTES = [list_platform_lines, assign]
