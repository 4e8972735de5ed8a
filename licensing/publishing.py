"""How an offer comes before clippers: its terms are published, then it is opened, paused and closed.

Whoever changes an offer holds its row until the transaction ends, so that of two who open it one is refused, and of
two who publish the second one's version comes after the first one's.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, and_, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import InvalidTerms, NothingPublished, SameTerms
from licensing.events import Change, record
from licensing.offers import (
    Offer,
    OfferAbout,
    TermsVersion,
    change_row,
    create_offer,
    find_terms,
    lock_offer,
    refuse_closed,
)
from licensing.policies import policy_in_force
from licensing.states import OFFER, By
from licensing.tables import offers, parties, terms_versions
from licensing.terms import AGENCY, Terms, check_terms, clipper_ppm, encode, sha256_of
from media.tables import sources

Action = Literal["opened", "paused", "closed"]


async def make_offer(
    connection: AsyncConnection, book_id: int, about: OfferAbout, by: By, *, terms: Terms | None, opened: bool
) -> int:
    """From nothing to an offer, with its first terms and open where that is wished. Returns its number.

    Raises what `create_offer`, `publish_terms` and `move_offer` raise.
    """
    if opened and terms is None:
        raise NothingPublished("terms", None, "an offer opens with terms: send them along, or open it later")
    offer_id = (await create_offer(connection, book_id, about, by)).offer_id
    if terms is not None:
        await publish_terms(connection, book_id, offer_id, terms, by)
    if opened:
        await move_offer(connection, book_id, offer_id, "opened", by)
    return offer_id


async def publish_terms(connection: AsyncConnection, book_id: int, offer_id: int, terms: Terms, by: By) -> TermsVersion:
    """The offer's next version. Grants that there are keep theirs until they are offered this one.

    Raises:
        OfferNotFound
        WrongTransition: the offer is closed.
        InvalidTerms, InvalidSplit, SplitOutOfBounds: see `check_proposed`.
        SameTerms: they are the newest already.
    """
    offer = await lock_offer(connection, book_id, offer_id)
    refuse_closed(offer, "takes no new terms")
    await check_proposed(connection, book_id, terms)
    sha256 = sha256_of(terms)
    if offer.version_no is not None:
        newest = await find_terms(connection, book_id, offer_id, offer.version_no)
        if newest.sha256 == sha256:
            raise SameTerms("terms", sha256)
    made = await _add_version(connection, book_id, offer, terms, sha256, by)
    detail = {"version_no": made.version_no, "sha256": sha256}
    told = Change("terms published", offer_id, offer.state, offer.state, None, detail)
    await record(connection, book_id, "offer", by, [told])
    return made


async def _add_version(
    connection: AsyncConnection, book_id: int, offer: Offer, terms: Terms, sha256: str, by: By
) -> TermsVersion:
    number = (offer.version_no or 0) + 1
    stored = {"terms": msgspec.json.decode(encode(terms)), "sha256": sha256, "published_by": by.actor}
    row = insert(terms_versions).values(book_id=book_id, offer_id=offer.offer_id, version_no=number, **stored)
    published_at = (await connection.execute(row.returning(terms_versions.c.published_at))).scalar_one()
    await change_row(connection, book_id, offer.offer_id, {"version_no": number, **_searched(terms)})
    return TermsVersion(number, terms, sha256, by.actor, published_at)


def _searched(terms: Terms) -> dict[str, Any]:
    """What of the terms stands in the offer's row, to find it by."""
    return {
        "licensor": terms.licensor,
        "platforms": list(terms.platforms),
        "territories": None if terms.territories is None else list(terms.territories),
        "currency": terms.split.currency,
        "clipper_ppm": clipper_ppm(terms),
        "ends_at": terms.ends_at,
    }


async def move_offer(connection: AsyncConnection, book_id: int, offer_id: int, action: Action, by: By) -> Offer:
    """Open, pause or close it. Grants that there are go on in any state of their offer.

    Raises:
        OfferNotFound, WrongTransition
        NothingPublished: an offer opens with terms.
    """
    offer = await lock_offer(connection, book_id, offer_id)
    target = OFFER.target(offer.state, action, by.side)
    if target == "open" and offer.version_no is None:
        raise NothingPublished("offer", offer_id)
    columns: dict[str, Any] = {"state": target}
    if target == "open":
        columns["opened_at"] = func.coalesce(offers.c.opened_at, func.now())
    moved = await change_row(connection, book_id, offer_id, columns)
    await record(connection, book_id, "offer", by, [Change(action, offer_id, target, offer.state)])
    return moved


async def check_proposed(connection: AsyncConnection, book_id: int, terms: Terms) -> None:
    """That the terms could be published by this book today.

    Raises:
        InvalidTerms: a rule of `check_terms`; no such agency; a stream that is none of the book's.
        InvalidSplit, SplitOutOfBounds: of the ledger, under the operator's policy.
    """
    check_terms(terms, (await policy_in_force(connection)).bounds)
    if terms.agency is not None and not await _is_agency(connection, terms.agency):
        raise InvalidTerms("agency", terms.agency, "must be the number of a registered agency")
    if terms.streams is not None:
        await _check_streams(connection, book_id, terms.streams)


async def _is_agency(connection: AsyncConnection, party_id: int) -> bool:
    its = parties.c
    found = await connection.scalar(select(its.kind).where(its.party_id == party_id))
    return found == AGENCY


async def _check_streams(connection: AsyncConnection, book_id: int, streams: Sequence[int]) -> None:
    its = sources.c
    here: ColumnElement[bool] = and_(its.book_id == book_id, its.source_id.in_(streams), its.removed_at.is_(None))
    there = set(await connection.scalars(select(its.source_id).where(here)))
    for position, stream in enumerate(streams):
        if stream not in there:
            raise InvalidTerms(f"streams[{position}]", stream, "must be the number of one of the book's sources")
