"""Events: what became of a book's things, as webhooks tell it; and what became of a clipper's own."""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import events
from licensing.api.scopes import PARTY_READ, READ
from licensing.events import Event, OwnEvent
from media.api.pages import Cursor, Limit, Page, number_of, page_of

Subject = Literal["offer", "application", "grant", "submission", "claim", "case", "webhook"]
OwnSubject = Literal["application", "grant", "submission", "claim"]
_Number = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX, description="Of this one only.")]


@get("/events", opt=READ, summary="Events")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    subject: Annotated[Subject | None, QueryParameter(description="Of this kind of subject only.")] = None,
    subject_id: _Number = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Event]:
    """Newest first."""
    found = await events.list_events(
        connection,
        book_id,
        subject=subject,
        subject_id=subject_id,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda event: event.event_id)


@get("/events/{event_id:int}", opt=READ, summary="An event")
async def show(
    event_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Event:
    """Who did it, from which state to which."""
    return await events.find_event(connection, book_id, event_id)


@get("/events", opt=PARTY_READ, summary="Events of one's own")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    subject: Annotated[OwnSubject | None, QueryParameter(description="Of this kind of subject only.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[OwnEvent]:
    """With every host, newest first."""
    before = number_of(cursor)
    found = await events.list_own_events(connection, party_id, subject=subject, before=before, limit=limit + 1)
    return page_of(found, limit, lambda event: event.event_id)


HOST_ROUTES = [list_all, show]
CLIPPER_ROUTES = [list_own]
