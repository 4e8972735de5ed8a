"""Finding offers: open ones ranked by how well they fit and why, and one of them with everything it says."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.fitting import sentence_of, told
from clipledger.pages.clipper.hosts import reading_of, with_host
from clipledger.pages.clipper.plain_terms import WHO
from clipledger.pages.host.terms_lines import examples
from clipledger.pages.routes import page
from clipledger.pages.view import Form, View
from clipledger.web.problems import FieldFault
from ledger.errors import LedgerError
from ledger.money import parse_rate
from licensing import marketplace
from licensing.api.matching import cursor_of, place_of
from licensing.applications import list_own_applications
from licensing.errors import InvalidQuery, OfferNotFound
from licensing.grants import list_grants
from licensing.handles import list_handles
from licensing.marketplace import OpenOffer, Place, Search
from licensing.offers import book_of_offer
from licensing.states import HANDLE
from licensing.vocabulary import PLATFORMS
from media.api.pages import Cursor

_PAGE = 20
_TOP = 3
"""Reasons that a list shows of each offer."""
_PPM = 1_000_000
_MOST = 100
_Filter = Annotated[str, QueryParameter(max_length=100)]
_Sort = Annotated[Literal["fit", "newest"], QueryParameter()]


@page("/clippers/{clipper:int}/offers", space="clipper", scope="party:read")
async def offers(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    q: _Filter = "",
    platform: _Filter = "",
    category: _Filter = "",
    language: _Filter = "",
    currency: _Filter = "",
    share: _Filter = "",
    sort: _Sort = "fit",
    cursor: Cursor = None,
) -> Response[str]:
    """Those that fit best first. What can't be searched for is told beside its field."""
    asked = {"q": q, "platform": platform, "category": category, "language": language, "currency": currency}
    found, end, fault = await _search(connection, party_id, {**asked, "share": share}, sort, cursor)
    faults = (FieldFault(fault.field or "", fault.rule or ""),) if fault else ()
    return view.render(
        "clipper/offers.html",
        offers=[(each, told(each.fit, view.say, view.formats)[:_TOP]) for each in found],
        search=Form("search", "", "", "", "", "", {**asked, "share": share, "sort": sort}, faults),
        narrowed=any([*asked.values(), share]),
        platforms=PLATFORMS,
        sorts=get_args(get_args(_Sort)[0]),
        cursor=cursor_of(end),
        applied=await list_own_applications(connection, party_id, state="submitted", limit=_MOST),
    )


async def _search(
    connection: AsyncConnection, party_id: int, asked: Mapping[str, str], sort: marketplace.Sort, cursor: str | None
) -> tuple[list[OpenOffer], Place | None, InvalidQuery | LedgerError | None]:
    """What was found, where it ended, and what can't be searched for."""
    said = {name: text.strip() or None for name, text in asked.items() if name != "share"}
    said = {**said, "currency": said["currency"] and said["currency"].upper()}
    try:
        search = Search(**said, least_share_ppm=_share(asked["share"]))
        return *await marketplace.search_offers(
            connection, party_id, search, sort=sort, after=place_of(cursor), limit=_PAGE
        ), None
    except (InvalidQuery, LedgerError) as fault:
        return [], None, fault


def _share(said: str) -> int | None:
    """A percentage in millionths. Raises InvalidQuery."""
    if not said.strip():
        return None
    try:
        rate = parse_rate(f"{said.strip().removesuffix('%').strip()}%")
    except LedgerError:
        raise InvalidQuery("share", said, "a percentage, such as 60") from None
    return int(rate * _PPM)


@page("/clippers/{clipper:int}/offers/{offer_id:int}", space="clipper", scope="party:read")
async def offer(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    offer_id: FromPath[int],
) -> Response[str]:
    """All its terms, why it fits, and what has become of applying. One that is no longer open is shown to whoever has
    applied for it.
    """
    applications = await list_own_applications(connection, party_id, offer_id=offer_id, limit=_PAGE)
    try:
        found = await marketplace.offer_for_clipper(connection, party_id, offer_id)
    except OfferNotFound:
        if not applications:
            raise
        return view.render("clipper/offer_gone.html", applications=applications)
    book_id = await book_of_offer(connection, offer_id)
    view, book = await with_host(view, connection, book_id)
    reading = await reading_of(view, connection, book_id, found.terms)
    claimed = await list_handles(connection, party_id)
    living = [each for each in claimed if each.state in HANDLE.initial and each.platform in found.platforms]
    return view.render(
        "clipper/offer.html",
        offer=found,
        book=book,
        rules=[sentence_of(rule, view.say, view.formats) or rule for rule in found.approval],
        reasons=told(found.fit, view.say, view.formats),
        lines=reading.lines(found.terms),
        examples=examples(found.terms.split),
        who=WHO,
        applications=applications,
        grants=await list_grants(connection, book_id, offer_id=offer_id, clipper_id=party_id, limit=_PAGE),
        handles=living,
    )
