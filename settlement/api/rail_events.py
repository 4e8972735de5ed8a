"""What rails have told by themselves, as the operator sees it: what came of it, and what was given up."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from media.api.pages import Cursor, Limit, Page
from settlement.api.scopes import RAILS
from settlement.payouts import rail_events
from settlement.payouts.rail_events import Arrived, EventState

_State = Annotated[EventState | None, QueryParameter(name="state", description="In this state alone.")]


class TriedAgain(msgspec.Struct, frozen=True):
    """How many events are acted upon once more."""

    events: int


@get("/rail-events", opt=RAILS, summary="What rails have told by themselves")
async def list_events(
    connection: NamedDependency[AsyncConnection],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Arrived]:
    """Newest first by when they arrived. What can't be acted upon is tried again for nine hours, and then given up."""
    found = await rail_events.list_events(connection, state=in_state, before=cursor, limit=limit + 1)
    shown = found[:limit]
    return Page(shown, shown[-1].event_id if len(found) > limit else None)


@post(
    "/rail-events/retry",
    opt={**RAILS, "action": "rail-events.retry"},
    status_code=200,
    summary="Act once more upon all that was given up",
)
async def retry_all(connection: NamedDependency[AsyncConnection]) -> TriedAgain:
    """As after a long outage. What can't be acted upon then is given up again."""
    return TriedAgain(await rail_events.retry_all(connection))


@post(
    "/rail-events/{event_id:str}/retry",
    opt={**RAILS, "action": "rail-event.retry"},
    status_code=202,
    summary="Act once more upon an event that was given up",
)
async def retry(event_id: FromPath[str], connection: NamedDependency[AsyncConnection]) -> None:
    """Within moments. If it can't be acted upon then, it is given up again."""
    await rail_events.retry(connection, event_id)


SERVICE_ROUTES = [list_events, retry_all, retry]
