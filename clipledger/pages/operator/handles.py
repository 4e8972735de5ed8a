"""Clippers' accounts on platforms: whose are they?"""

from typing import Annotated, Literal

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.money import BIGINT_MAX
from licensing.handle_owners import list_owned, owner_of
from licensing.handles import State
from media.api.pages import Cursor, number_of, page_of

_ON_A_PAGE = 50
_InState = Annotated[State | Literal["all"], QueryParameter(name="state")]
_Handle = Annotated[int | None, QueryParameter(name="handle", ge=1, le=BIGINT_MAX)]


@page("/operator/handles", space="operator", scope="parties:manage")
async def show(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    in_state: _InState = "claimed",
    chosen_id: _Handle = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Unless asked otherwise those that wait, of which one may be chosen to decide on it."""
    state = None if in_state == "all" else in_state
    found = await list_owned(connection, state=state, before=number_of(cursor), limit=_ON_A_PAGE + 1)
    handles = page_of(found, _ON_A_PAGE, lambda each: each.handle.handle_id)
    waiting = (each for each in handles.data if each.handle.state == "claimed")
    chosen = next((each for each in waiting if each.handle.handle_id == chosen_id), None)
    return view.render(
        "operator/handles.html",
        handles=handles,
        state=in_state,
        chosen=chosen,
        owner=await owner_of(connection, chosen.handle.platform, chosen.handle.handle) if chosen else None,
        people=await people_behind(
            connection, {each.handle.decided_by for each in handles.data if each.handle.decided_by}
        ),
    )
