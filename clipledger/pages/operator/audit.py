"""The audit trail: who did what, when, from where."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import json
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.audit import Sought, list_events
from clipledger.access.errors import UserNotFound
from clipledger.access.people import people_behind
from clipledger.access.principal import Principal
from clipledger.access.users import find_user
from clipledger.pages.operator.books import MANY, books_named
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.books import find_book, list_books
from ledger.errors import BookNotFound
from media.api.pages import Cursor, number_of, page_of

_ON_A_PAGE = 50
_STORABLE = "^[^\\x00\\ud800-\\udfff]{0,200}$"
_Text = Annotated[str, QueryParameter(pattern=_STORABLE)]
_Book = Annotated[str, QueryParameter(name="in", pattern=_STORABLE)]
_SCOPE = "audit:read"


@page("/operator/audit", space="operator", scope=_SCOPE)
async def show(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    by: _Text = "",
    action: _Text = "",
    book_named: _Book = "",
    since: _Text = "",
    until: _Text = "",
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first, each event with all that was recorded of it. `by` is a user's number or e-mail address, or an actor
    as recorded.
    """
    only = await _book_ids(connection, book_named.strip()) if book_named else principal.books(_SCOPE)
    sought = Sought(
        await _actor(connection, by.strip()), action.strip(), _midnight(since), _midnight(until, timedelta(days=1))
    )
    found = await list_events(connection, books=only, sought=sought, before=number_of(cursor), limit=_ON_A_PAGE + 1)
    events = page_of(found, _ON_A_PAGE, lambda event: event.event_id)
    return view.render(
        "operator/audit.html",
        events=events,
        asked={"by": by, "action": action, "in": book_named, "since": since, "until": until},
        all_books=await list_books(connection, limit=MANY),
        books=await books_named(connection, {event.book_id for event in events.data if event.book_id is not None}),
        people=await people_behind(connection, {event.actor for event in events.data}),
        told=_told,
    )


def _told(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was recorded beside: names of the code, and values as JSON where they are no texts."""
    return [(name, value if isinstance(value, str) else json.encode(value).decode()) for name, value in detail.items()]


async def _book_ids(connection: AsyncConnection, slug: str) -> frozenset[int]:
    try:
        return frozenset({(await find_book(connection, slug)).book_id})
    except BookNotFound:
        return frozenset()


async def _actor(connection: AsyncConnection, told: str) -> str:
    if "@" in told:
        try:
            return f"user:{(await find_user(connection, told)).user_id}"
        except UserNotFound:
            return told
    return f"user:{told}" if told.isdecimal() else told


def _midnight(day: str, later: timedelta = timedelta()) -> datetime | None:
    """The beginning of a day, in UTC; None for what is no day."""
    try:
        return datetime.combine(date.fromisoformat(day), time.min, UTC) + later
    except (ValueError, OverflowError):
        return None
