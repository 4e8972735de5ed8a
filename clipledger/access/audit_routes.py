"""/v1/audit-events: who did what."""

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.audit import RecordedEvent, list_events
from clipledger.access.principal import Principal
from ledger.books import find_book
from ledger.errors import BookNotFound
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_SCOPE = "audit:read"


@get("/audit-events", opt={"scope": _SCOPE, "across_books": True}, summary="The audit trail")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    book: FromQuery[str | None] = None,
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
    events = await list_events(connection, books=books, before=number_of(cursor), limit=limit + 1)
    return page_of(events, limit, lambda event: event.event_id)
