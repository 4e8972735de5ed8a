"""The rails that payouts leave by, what they told in vain, and what moved at them without naming a book."""

from typing import Annotated, Literal

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.operator.books import MANY, books_named
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.books import list_books
from ledger.money import BIGINT_MAX
from media.api.pages import Cursor, number_of, page_of
from settlement.payouts.halts import Rails, rail_states
from settlement.payouts.rail_events import count_given_up, list_events
from settlement.reconciliation.rail_lines import list_platform_lines

_ON_A_PAGE = 50
_Shown = Annotated[Literal["open", "assigned", "all"], QueryParameter(name="lines")]
_Line = Annotated[int | None, QueryParameter(name="line", ge=1, le=BIGINT_MAX)]
_ASSIGNED = {"open": False, "assigned": True, "all": None}


@page("/operator/rails", space="operator", scope="rails:manage")
async def show(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    rails: NamedDependency[Rails],
    shown: _Shown = "open",
    line: _Line = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Each rail; what it told that was given up; and the lines, of which one may be chosen to say whose it is."""
    before = number_of(cursor)
    found = await list_platform_lines(connection, assigned=_ASSIGNED[shown], before=before, limit=_ON_A_PAGE + 1)
    lines = page_of(found, _ON_A_PAGE, lambda each: each.line_id)
    return view.render(
        "operator/rails.html",
        rails=await rail_states(connection, rails),
        given_up=await count_given_up(connection),
        events=await list_events(connection, state="given-up", limit=_ON_A_PAGE),
        lines=lines,
        shown=shown,
        chosen=next((each for each in lines.data if each.line_id == line and each.book_id is None), None),
        books=await books_named(connection, {each.book_id for each in lines.data if each.book_id is not None}),
        all_books=await list_books(connection, limit=MANY),
        people=await people_behind(connection, {each.assigned_by for each in lines.data if each.assigned_by}),
    )
