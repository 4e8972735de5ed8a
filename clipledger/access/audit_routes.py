"""/v1/audit-events: who did what."""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.audit import RecordedEvent, Sought, list_events
from clipledger.access.principal import Principal
from ledger.books import find_book
from ledger.errors import BookNotFound
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_SCOPE = "audit:read"
_STORABLE = "^[^\\x00\\ud800-\\udfff]{0,200}$"
_By = Annotated[
    str | None,
    QueryParameter(name="actor", pattern=_STORABLE, description="Done by this one: user:3, key:7, cli:root."),
]
_Action = Annotated[
    str | None,
    QueryParameter(pattern=_STORABLE, description="This action, or all that begin with it: user, user.role."),
]
_Since = Annotated[datetime | None, QueryParameter(description="From this moment on.")]
_Until = Annotated[datetime | None, QueryParameter(description="Before this moment.")]


@get("/audit-events", opt={"scope": _SCOPE, "across_books": True}, summary="The audit trail")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    book: FromQuery[str | None] = None,
    by: _By = None,
    action: _Action = None,
    since: _Since = None,
    until: _Until = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[RecordedEvent]:
    """Newest first; of one book, or of all the caller may see (an operator: also what belongs to no book)."""
    books = principal.books(_SCOPE)
    if book is not None:
        book_id = (await find_book(connection, book)).book_id
        if not principal.may(_SCOPE, book_id):
            raise BookNotFound("book", book)
        books = frozenset({book_id})
    sought = Sought(by, action, since, until)
    events = await list_events(connection, books=books, sought=sought, before=number_of(cursor), limit=limit + 1)
    return page_of(events, limit, lambda event: event.event_id)
