"""Adjustments and write-offs: what is moved by hand, proposed by one person and decided by another."""

from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import called, parties
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.money import CURRENCIES
from media.api.pages import Cursor, number_of, page_of
from settlement.adjustments import State, find_adjustment, list_adjustments
from settlement.parties import PARTY

_ROWS = 50
STATES: tuple[State, ...] = ("proposed", "approved", "refused", "withdrawn")
_State = Annotated[str | None, QueryParameter(pattern="^(proposed|approved|refused|withdrawn)?$")]
_Party = Annotated[str | None, QueryParameter(pattern=f"{PARTY}|^$")]


@page("/books/{book:str}/finance/adjustments", space="finance", scope="settlement:read")
async def adjustments(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    party: _Party = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first, and the form to propose one."""
    found = await list_adjustments(
        connection,
        book_id,
        state=next((state for state in STATES if state == in_state), None),
        party=party or None,
        before=number_of(cursor),
        limit=_ROWS + 1,
    )
    shown = page_of(found, _ROWS, lambda each: each.adjustment_id)
    return view.render(
        "finance/adjustments.html",
        adjustments=shown.data,
        cursor=shown.next_cursor,
        parties=await parties(view, connection, {each.party for each in shown.data}),
        who=await called(view, connection, [each.proposed_as for each in shown.data]),
        states=STATES,
        currencies=sorted(CURRENCIES),
        chosen={"in_state": in_state, "party": party},
    )


@page("/books/{book:str}/finance/adjustments/{adjustment_id:int}", space="finance", scope="settlement:read")
async def adjustment(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    adjustment_id: FromPath[int],
) -> Response[str]:
    """Who proposed it and why, who decides or has decided it, and how it was booked."""
    its = await find_adjustment(connection, book_id, adjustment_id)
    return view.render(
        "finance/adjustment.html",
        its=its,
        parties=await parties(view, connection, [its.party]),
        who=await called(view, connection, [its.proposed_as, its.decided_as]),
        own=view.principal is not None and its.proposed_by == view.principal.user_id,
    )
