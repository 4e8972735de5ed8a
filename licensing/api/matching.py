"""The marketplace: offers that fit a clipper, and clippers that fit a host's offer, each with its reasons.

A page ends at a score and a number, and the next one begins after them. Scores move when sales come in: an offer whose
score has moved over that border meanwhile is then seen twice, or not at all; all others are seen once.
"""

import re
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import candidates, marketplace
from licensing.api.scopes import PARTY_READ, READ
from licensing.candidates import Candidate, Standing
from licensing.errors import InvalidQuery
from licensing.marketplace import OfferToAccept, OpenOffer, Search, Sort
from media.api.pages import Cursor, Page

_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")

_Words = Annotated[
    str | None,
    QueryParameter(
        name="q", max_length=100, description="Words that title, summary or licensor contain, each of them."
    ),
]
_Platform = Annotated[str | None, QueryParameter(description="May be posted there: douyin.")]
_Category = Annotated[str | None, QueryParameter(description="In this category: beauty.")]
_Language = Annotated[str | None, QueryParameter(description="In this language (BCP 47), or in any.")]
_Currency = Annotated[str | None, QueryParameter(description="Paid in this currency (ISO 4217).")]
_Share = Annotated[
    int | None,
    QueryParameter(ge=0, le=1_000_000, description="The clipper gets at least so many millionths of what is shared."),
]
_Sort = Annotated[Sort, QueryParameter(description="Those that fit best first, or those opened last.")]
_Standing = Annotated[
    Standing | None,
    QueryParameter(description="Who has applied for this offer; who has a licence of yours; who has none of yours."),
]
_Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most.")]


@get("/offers", opt=PARTY_READ, summary="Open offers that fit")
async def search(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    q: _Words = None,
    platform: _Platform = None,
    category: _Category = None,
    language: _Language = None,
    currency: _Currency = None,
    least_share_ppm: _Share = None,
    sort: _Sort = "fit",
    limit: _Limit = 20,
    cursor: Cursor = None,
) -> Page[OpenOffer]:
    """Offers that can be applied for and have a place left, each with its fit and why. Sales are told in bands."""
    wanted = Search(
        q=q,
        platform=platform,
        category=category,
        language=language,
        currency=currency,
        least_share_ppm=least_share_ppm,
    )
    place = place_of(cursor)
    found, end = await marketplace.search_offers(connection, party_id, wanted, sort=sort, after=place, limit=limit)
    return Page(found, cursor_of(end))


@get("/offers/{offer_id:int}", opt=PARTY_READ, summary="An open offer, with the terms to accept")
async def show(
    offer_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> OfferToAccept:
    """Its newest terms, and their `sha256`, which is what you name when you accept."""
    return await marketplace.offer_for_clipper(connection, party_id, offer_id)


@get("/offers/{offer_id:int}/candidates", opt=READ, summary="Clippers that fit an offer")
async def rank(
    offer_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    standing: _Standing = None,
    limit: _Limit = 20,
    cursor: Cursor = None,
) -> Page[Candidate]:
    """Clippers without a grant of it, best first, with reasons in bands: what they sold is theirs and other hosts'."""
    place = place_of(cursor)
    found, end = await candidates.rank_candidates(
        connection, book_id, offer_id, standing=standing, after=place, limit=limit
    )
    return Page(found, cursor_of(end))


def place_of(cursor: str | None) -> tuple[int, int] | None:
    """Where the page before ended. Raises InvalidQuery."""
    if cursor is None:
        return None
    match = _PLACE.fullmatch(cursor)
    if match is None or not cursor.isascii():
        raise InvalidQuery("cursor", cursor, "a next_cursor that an earlier page gave")
    return int(match[1]), int(match[2])


def cursor_of(place: tuple[int, int] | None) -> str | None:
    """As the next page is asked for."""
    return None if place is None else f"{place[0]}-{place[1]}"


CLIPPER_ROUTES = [search, show]
HOST_ROUTES = [rank]
