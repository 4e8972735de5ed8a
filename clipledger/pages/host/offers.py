"""Offers: the list, a new one, one of them with all that can be done with it, and the clippers that fit it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.host.fit import FEATURES, told
from clipledger.pages.host.terms_lines import Reading
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.money import BIGINT_MAX, format_amount
from licensing.api.matching import cursor_of, place_of
from licensing.candidates import Standing, rank_candidates
from licensing.offers import OfferInFull, State, offer_in_full
from licensing.overview import held_by_version, offer_standings
from licensing.vocabulary import PLATFORMS
from media.api.pages import Cursor, number_of, page_of

_LIMIT = 50
_FEWER = 20
_ANSWERED_WITHIN = timedelta(days=14)
_State = Annotated[State | Literal[""] | None, QueryParameter(name="state", description="In this state.")]
_Standing = Annotated[Standing | Literal[""] | None, QueryParameter(description="Applicants, licensed, or not.")]
_Clipper = Annotated[int | None, QueryParameter(name="clipper", ge=1, le=BIGINT_MAX)]


@page("/books/{book:str}/offers", space="host", scope="licences:read")
async def offers(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first."""
    found = await offer_standings(
        connection, book_id, state=in_state or None, before=number_of(cursor), limit=_LIMIT + 1
    )
    shown = page_of(found, _LIMIT, lambda offer: offer.offer_id)
    reading = Reading(view.say, view.formats)
    return view.render("host/offers.html", page=shown, state=in_state, reading=reading)


@page("/books/{book:str}/offers/new", space="host", scope="licences:write")
async def new_offer(view: NamedDependency[View]) -> Response[str]:
    """What it is about; its terms come next."""
    return view.render("host/offer_new.html", zone=_zone(view), platforms=PLATFORMS)


@page("/books/{book:str}/offers/{offer_id:int}", space="host", scope="licences:read")
async def offer(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    offer_id: FromPath[int],
    clipper_id: _Clipper = None,
) -> Response[str]:
    """Its terms, its licences, and the forms to change it."""
    its = await offer_in_full(connection, book_id, offer_id)
    (standing,) = await offer_standings(connection, book_id, before=offer_id + 1, limit=1)
    reading = Reading(view.say, view.formats)
    return view.render(
        "host/offer.html",
        offer=its,
        standing=standing,
        held=await held_by_version(connection, book_id, offer_id),
        lines=reading.lines(its.terms.terms) if its.terms else [],
        share=reading.share(its.terms.terms.split) if its.terms else "",
        zone=_zone(view),
        platforms=PLATFORMS,
        clipper_id=clipper_id,
        currency=its.terms.terms.split.currency if its.terms else "CNY",
        least_gmv=_least_gmv(its),
        applications_until=_local(its.applications_until, view),
        answer_until=_local(datetime.now(UTC) + _ANSWERED_WITHIN, view),
    )


@page("/books/{book:str}/offers/{offer_id:int}/candidates", space="host", scope="licences:read")
async def candidates(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    offer_id: FromPath[int],
    standing: _Standing = None,
    cursor: Cursor = None,
) -> Response[str]:
    """Clippers without a licence of it, those that fit best first."""
    its = await offer_in_full(connection, book_id, offer_id)
    if its.terms is None:
        return view.render(
            "host/candidates.html", offer=its, found=[], cursor=None, standing=standing, told=told, features=FEATURES
        )
    found, end = await rank_candidates(
        connection, book_id, offer_id, standing=standing or None, after=place_of(cursor), limit=_FEWER
    )
    return view.render(
        "host/candidates.html",
        offer=its,
        found=found,
        cursor=cursor_of(end),
        standing=standing,
        told=told,
        features=FEATURES,
    )


def _zone(view: View) -> str:
    return view.book.time_zone if view.book else "UTC"


def _local(at: datetime | None, view: View) -> str:
    """As a browser's field of date and time has it."""
    return "" if at is None else f"{at.astimezone(ZoneInfo(_zone(view))):%Y-%m-%dT%H:%M}"


def _least_gmv(its: OfferInFull) -> str:
    """What automatic approval asks for, in units of the offer's currency."""
    if its.approval is None or its.approval.least_gmv is None or its.terms is None:
        return ""
    return format_amount(its.approval.least_gmv, its.terms.terms.split.currency).replace(",", "")


routes = [offers, new_offer, offer, candidates]
