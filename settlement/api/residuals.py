"""What a reconciliation found that does not match: explained, or put right by an entry."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.sheets import csv_text
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.reconciliations import Reason, ReconciliationReason
from settlement.api.scopes import IMPORT, READ
from settlement.closing import Person
from settlement.reconciliation import (
    putting_right,
    reconciliations,
    residuals,
)
from settlement.reconciliation.kinds import Kind, Owner
from settlement.reconciliation.proposals import ProposedLine
from settlement.reconciliation.residuals import MOST_EXPORTED, ResidualRow

_Amount = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_Kind = Annotated[Kind | None, QueryParameter(description="Of this kind.")]
_Owner = Annotated[Owner | None, QueryParameter(description="That these see to.")]
_Explained = Annotated[bool | None, QueryParameter(description="With a reason or an entry; or without.")]


class EntryLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """In minor units, debits positive."""

    account: Annotated[str, msgspec.Meta(max_length=200, examples=["expenses:payout-fees"])]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", examples=["CNY"])]
    amount: _Amount


class ResidualEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Post what is proposed, or these lines instead."""

    reason: Reason
    lines: Annotated[list[EntryLine], msgspec.Meta(max_length=100)] = []
    effective_on: date | None = None


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


HOST_ROUTES = [list_residuals, export_residuals, show_residual, explain, post_residual]
