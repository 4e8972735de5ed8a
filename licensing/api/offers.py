"""Offers of a book: make one in one call, publish terms, open, pause, close, ask what terms would have paid.

`ETag` is an offer's edition. Who edits an offer sends as `If-Match` the edition that was read.
"""

import re
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import offers, publishing
from licensing import what_if as what_ifs
from licensing.api.scopes import READ, WRITE
from licensing.errors import InvalidOffer
from licensing.offers import Offer, OfferAbout, OfferChanges, OfferInFull, State, TermsVersion
from licensing.publishing import Action
from licensing.states import By
from licensing.terms import Difference, Terms, differences
from licensing.what_if import Accruals, Period, WhatIf
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_EXAMPLE_TERMS = {
    "licensor": "Lili Live Ltd",
    "split": {
        "currency": "CNY",
        "takes": [{"party": "platform", "rate": "5%"}],
        "shares": [{"party": "host", "weight": 4}, {"party": "clipper", "weight": 6}],
        "tiers": [{"net_gmv": 10_000_000, "weights": [3, 7]}],
    },
    "platforms": ["douyin", "tiktok"],
    "starts_at": "2026-10-05T00:00:00+08:00",
    "tail_days": 30,
}
_LARGEST_VERSION = 2**31 - 1
_EDITION = re.compile(r'"([0-9]{1,9})"')

_State = Annotated[State | None, QueryParameter(name="state", description="In this state.")]
_Version = Annotated[int, QueryParameter(ge=1, le=_LARGEST_VERSION, description="A version's number.")]
_Edition = Annotated[str, HeaderParameter(name="If-Match", description='The offer\'s `ETag` as you read it: `"3"`.')]
_Terms = Annotated[Terms, msgspec.Meta(examples=[_EXAMPLE_TERMS])]


class OfferToMake(OfferAbout, kw_only=True, forbid_unknown_fields=True):
    """An offer, and where they are known already its first terms; `open` puts it before clippers at once."""

    title: Annotated[str, msgspec.Meta(examples=["Autumn launch"])]
    category: Annotated[str, msgspec.Meta(examples=["beauty"])]
    terms: Annotated[Terms | None, msgspec.Meta(examples=[_EXAMPLE_TERMS])] = None
    open: bool = False


class OfferToEdit(OfferChanges, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; null takes a quota, a last day or the rules of approval away."""

    title: Annotated[str | msgspec.UnsetType, msgspec.Meta(examples=["Autumn launch, second week"])] = msgspec.UNSET


class TermsToPublish(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A scope that is null is everything; one that is listed is that and no more."""

    terms: _Terms


class WhatIfQuestion(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Terms that might be published, and the days whose sales are to be shared by them."""

    terms: _Terms
    period: Annotated[Period, msgspec.Meta(examples=[{"since": "2026-07-01", "until": "2026-09-30"}])]


class TermsDiff(msgspec.Struct, frozen=True):
    """Each member that differs, by its path in the terms."""

    before: int
    after: int
    differences: list[Difference]


@post("/offers", opt={**WRITE, "action": "offer.create"}, summary="Make an offer")
async def create(
    data: JSONBody[OfferToMake],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[OfferInFull]:
    """A draft; with `terms` and `open` it is before clippers when this answers."""
    by = By("host", actor)
    offer_id = await publishing.make_offer(connection, book_id, data, by, terms=data.terms, opened=data.open)
    made = await _in_full(connection, book_id, offer_id)
    made.headers["Location"] = f"/v1/books/{book}/offers/{offer_id}"
    return made


@get("/offers", opt=READ, summary="Offers")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Offer]:
    """Newest first."""
    found = await offers.list_offers(connection, book_id, state=in_state, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda offer: offer.offer_id)


@get("/offers/{offer_id:int}", opt=READ, summary="An offer with its newest terms")
async def show(
    offer_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Response[OfferInFull]:
    """States: draft, open, paused, closed. A place is taken by each grant that has not ended."""
    return await _in_full(connection, book_id, offer_id)


@patch("/offers/{offer_id:int}", opt={**WRITE, "action": "offer.edit"}, summary="Edit an offer")
async def edit(
    offer_id: FromPath[int],
    data: JSONBody[OfferToEdit],
    edition: _Edition,
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[OfferInFull]:
    """Not its terms: those are published. Where somebody else was faster, nothing changes: read it again."""
    number = _edition(edition)
    await offers.edit_offer(connection, book_id, offer_id, data, By("host", actor), edition=number)
    return await _in_full(connection, book_id, offer_id)


@post("/offers/{offer_id:int}/open", opt={**WRITE, "action": "offer.open"}, status_code=200, summary="Open an offer")
async def open_one(
    offer_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[OfferInFull]:
    """Clippers find it and apply. It has terms by now."""
    return await _moved(connection, book_id, offer_id, "opened", actor)


@post("/offers/{offer_id:int}/pause", opt={**WRITE, "action": "offer.pause"}, status_code=200, summary="Pause an offer")
async def pause(
    offer_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[OfferInFull]:
    """Nobody applies until it is opened again; grants go on."""
    return await _moved(connection, book_id, offer_id, "paused", actor)


@post("/offers/{offer_id:int}/close", opt={**WRITE, "action": "offer.close"}, status_code=200, summary="Close an offer")
async def close(
    offer_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[OfferInFull]:
    """For good: it is neither edited nor opened again. Grants go on until they end."""
    return await _moved(connection, book_id, offer_id, "closed", actor)


@post("/offers/{offer_id:int}/terms", opt={**WRITE, "action": "offer.publish"}, summary="Publish terms")
async def publish(
    offer_id: FromPath[int],
    data: JSONBody[TermsToPublish],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[TermsVersion]:
    """The next version, never changed again. Who is granted from now on gets it; grants there are keep theirs."""
    made = await publishing.publish_terms(connection, book_id, offer_id, data.terms, By("host", actor))
    return Response(made, headers={"Location": f"/v1/books/{book}/offers/{offer_id}/terms/{made.version_no}"})


@get("/offers/{offer_id:int}/terms", opt=READ, summary="An offer's terms")
async def list_versions(
    offer_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[TermsVersion]:
    """Every version, newest first."""
    found = await offers.list_terms(connection, book_id, offer_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda version: version.version_no)


@get("/offers/{offer_id:int}/terms/{version_no:int}", opt=READ, summary="One version of the terms")
async def show_version(
    offer_id: FromPath[int],
    version_no: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> TermsVersion:
    """`sha256` is of the terms as JSON, members in order of their names, nothing between them."""
    return await offers.find_terms(connection, book_id, offer_id, version_no)


@get("/offers/{offer_id:int}/terms/diff", opt=READ, summary="What one version changed of another")
async def compare(
    offer_id: FromPath[int],
    before: _Version,
    after: _Version,
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> TermsDiff:
    """In order of the paths; null where a version has no such member."""
    old, new = [await offers.find_terms(connection, book_id, offer_id, number) for number in (before, after)]
    return TermsDiff(before, after, differences(old.terms, new.terms))


@post(
    "/offers/{offer_id:int}/what-if",
    opt={**READ, "idempotency": False, "action": "offer.what-if"},
    status_code=200,
    summary="What these terms would have paid",
)
async def ask(
    offer_id: FromPath[int],
    data: JSONBody[WhatIfQuestion],
    connection: NamedDependency[AsyncConnection],
    accruals: NamedDependency[Accruals],
    book_id: NamedDependency[int],
) -> WhatIf:
    """The offer's sales of that period, shared by these terms. Nothing is published or posted."""
    return await what_ifs.what_if(connection, accruals, book_id, offer_id, data.terms, data.period)


async def _moved(
    connection: AsyncConnection, book_id: int, offer_id: int, action: Action, actor: str
) -> Response[OfferInFull]:
    await publishing.move_offer(connection, book_id, offer_id, action, By("host", actor))
    return await _in_full(connection, book_id, offer_id)


async def _in_full(connection: AsyncConnection, book_id: int, offer_id: int) -> Response[OfferInFull]:
    offer = await offers.offer_in_full(connection, book_id, offer_id)
    return Response(offer, headers={"ETag": f'"{offer.edition}"'})


def _edition(sent: str) -> int:
    """The edition that an ETag names. Raises InvalidOffer."""
    named = _EDITION.fullmatch(sent.strip())
    if named is None:
        raise InvalidOffer("If-Match", sent, 'must be the ETag of the offer as you read it, such as "3"')
    return int(named[1])


HOST_ROUTES = [
    create,
    list_all,
    show,
    edit,
    open_one,
    pause,
    close,
    publish,
    list_versions,
    show_version,
    compare,
    ask,
]
