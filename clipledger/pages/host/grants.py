"""Licences of clippers: found among thousands, one with its history and all that can be done with it, and many at once.

The code calls them grants; people call them licences.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.host.terms_lines import Reading
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.api.bulk import LARGEST_BODY
from licensing.bulk import COLUMNS, MOST_ROWS
from licensing.certificates.numbers import printed
from licensing.changes import GrantChange, history_of
from licensing.grant_search import search_grants
from licensing.grants import State, find_grant
from licensing.handles import confirmed_accounts
from licensing.offers import find_offer, find_terms
from licensing.overview import open_offers
from licensing.parties import find_party
from media.api.pages import Cursor, number_of, page_of

_LIMIT = 50
_ANSWERED_WITHIN = timedelta(days=14)
_OVERHEAD = 64 * 1024
"""Of a form around a file."""
_SHOWN = 200
"""Outcomes of rows that a page shows; a longer list is for the API."""
_Words = Annotated[str | None, QueryParameter(name="q", max_length=100, pattern="^[^\\x00\\ud800-\\udfff]*$")]
_State = Annotated[State | Literal[""] | None, QueryParameter(name="state", description="In this state.")]
_Offer = Annotated[str | None, QueryParameter(name="offer", pattern="^([1-9][0-9]{0,17})?$")]

_CLIPPERS = ("accepted", "declined", "resigned", "terms accepted")
"""Changes that the clipper makes."""
STATES = ("active", "offered", "suspended", "revoked", "resigned", "expired", "declined")


@page("/books/{book:str}/grants", space="host", scope="licences:read")
async def grants(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    words: _Words = None,
    in_state: _State = None,
    offer: _Offer = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first."""
    offer_id = int(offer) if offer else None
    found = await search_grants(
        connection,
        book_id,
        words,
        state=in_state or None,
        offer_id=offer_id,
        before=number_of(cursor),
        limit=_LIMIT + 1,
    )
    return view.render(
        "host/grants.html",
        page=page_of(found, _LIMIT, lambda grant: grant.grant_id),
        words=words,
        state=in_state,
        states=STATES,
        offer_id=offer_id,
        offers=await open_offers(connection, book_id),
    )


@page("/books/{book:str}/grants/{grant_id:int}", space="host", scope="licences:read")
async def grant(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    grant_id: FromPath[int],
) -> Response[str]:
    """How it stands, how it came to that, under which terms."""
    its = await find_grant(connection, book_id, grant_id)
    version = await find_terms(connection, book_id, its.offer_id, its.version_no)
    accounts = (await confirmed_accounts(connection, [its.clipper_id]))[its.clipper_id]
    until = datetime.now(UTC) + _ANSWERED_WITHIN
    history = await history_of(connection, book_id, grant_id)
    return view.render(
        "host/grant.html",
        grant=its,
        clipper=await find_party(connection, its.clipper_id),
        offer=await find_offer(connection, book_id, its.offer_id),
        history=history,
        clippers=[change.change_no for change in history if _by_clipper(change)],
        people=await people_behind(connection, [change.actor or "" for change in history if not _by_clipper(change)]),
        lines=Reading(view.say, view.formats).lines(version.terms),
        number=printed(its.certificate_no),
        more=[account for account in accounts if account not in its.handles],
        zone=_zone(view),
        answer_until=f"{until.astimezone(ZoneInfo(_zone(view))):%Y-%m-%dT%H:%M}",
    )


@page("/books/{book:str}/grants/bulk", space="host", scope="licences:write", largest_body=LARGEST_BODY + _OVERHEAD)
async def bulk(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    offer: _Offer = None,
) -> Response[str]:
    """A table of clippers, each of whom gets a licence of one offer."""
    offers = await open_offers(connection, book_id)
    wanted = int(offer) if offer else None
    chosen = next((number for number, _ in offers if wanted in (None, number)), None)
    return view.render(
        "host/grants_bulk.html",
        offers=offers,
        chosen=chosen,
        columns=COLUMNS,
        most_rows=MOST_ROWS,
        largest=LARGEST_BODY,
        shown=_SHOWN,
        zone=_zone(view),
    )


def _by_clipper(change: GrantChange) -> bool:
    """Whose people are nothing for a host to see. What began as accepted was so by the word of the host."""
    return change.action in _CLIPPERS and change.change_no > 1


def _zone(view: View) -> str:
    return view.book.time_zone if view.book else "UTC"


routes = [grants, bulk, grant]
