"""Applications of clippers, and the accounts of theirs that wait for the host to confirm them."""

from typing import Annotated, Literal

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.people import people_behind
from clipledger.pages.host.fit import FEATURES, told
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from licensing.applications import State, find_application, list_applications
from licensing.candidates import fit_of_clipper
from licensing.handles import confirmed_accounts, list_handles_for_host
from licensing.names import names_of_parties
from licensing.offers import find_terms
from licensing.overview import open_offers
from media.api.pages import Cursor, number_of, page_of

_LIMIT = 50
_HANDLES = 20
_State = Annotated[State | Literal["", "all"] | None, QueryParameter(name="state", description="In this state.")]
_Offer = Annotated[str | None, QueryParameter(name="offer", pattern="^([1-9][0-9]{0,17})?$")]

RULES = {
    "platforms": N_("Confirmed accounts"),
    "countries": N_("Country"),
    "languages": N_("Languages"),
    "least_approved_clips": N_("Clips approved so far, at least"),
    "least_orders": N_("Orders so far, at least"),
    "least_gmv": N_("Sales value so far, at least"),
    "most_returned_ppm": N_("Returned orders, at most"),
}
"""Of automatic approval."""


@page("/books/{book:str}/applications", space="host", scope="licences:read")
async def applications(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = "submitted",
    offer: _Offer = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first: those that wait, if nothing else is asked for."""
    state: State | None = None if not in_state or in_state == "all" else in_state
    offer_id = int(offer) if offer else None
    found = await list_applications(
        connection, book_id, state=state, offer_id=offer_id, before=number_of(cursor), limit=_LIMIT + 1
    )
    handles = await list_handles_for_host(connection, book_id, state="claimed", limit=_HANDLES)
    return view.render(
        "host/applications.html",
        page=page_of(found, _LIMIT, lambda each: each.application_id),
        state=in_state or "all",
        offer_id=offer_id,
        offers=await open_offers(connection, book_id),
        handles=handles,
        names=await names_of_parties(connection, {each.clipper_id for each in handles}),
    )


@page("/books/{book:str}/applications/{application_id:int}", space="host", scope="licences:read")
async def application(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    application_id: FromPath[int],
) -> Response[str]:
    """Who applies, what speaks for and against it, and the decision."""
    its = await find_application(connection, book_id, application_id)
    waits = its.state == "submitted"
    newest = await find_terms(connection, book_id, its.offer_id)
    return view.render(
        "host/application.html",
        application=its,
        accounts=(await confirmed_accounts(connection, [its.clipper_id]))[its.clipper_id],
        fit=await fit_of_clipper(connection, book_id, its.offer_id, its.clipper_id) if waits else None,
        newest=newest.version_no,
        currency=newest.terms.split.currency,
        told=told,
        features=FEATURES,
        rules=RULES,
        people=await people_behind(connection, [its.decided_by] if its.decided_by else []),
    )


routes = [applications, application]
