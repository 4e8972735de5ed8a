"""Offers: what a host lets clippers clip, with how many places, and the terms that were published for each.

Terms are published, and offers opened, in `licensing.publishing`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, func, insert, literal, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.approval import Approval, check_approval, decode_approval
from licensing.errors import InvalidOffer, OfferNotFound, StaleEdition, TermsNotFound, WrongTransition
from licensing.events import Change, record
from licensing.states import GRANT, By
from licensing.tables import grants, offers, terms_versions
from licensing.terms import Terms, check_instant, decode
from licensing.vocabulary import check_languages, check_text, check_words

State = Literal["draft", "open", "paused", "closed"]
LIVING = GRANT.sources("revoked")
"""The states of a grant that takes one of its offer's places: those in which it could still be revoked."""
_MOST_PLACES = 1_000_000


class OfferAbout(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a host says of an offer, beside its terms. `category` and `languages` are of what is sold and spoken.

    `quota` is how many grants there may be at a time. Nobody can apply from `applications_until` on. Where an
    application keeps all rules of `approval`, it is approved at once; without rules, a person decides.
    """

    title: str
    summary: str = ""
    category: str
    languages: tuple[str, ...] = ()
    quota: int | None = None
    applications_until: datetime | None = None
    approval: Approval | None = None


class OfferChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed of an `OfferAbout`; what is left out stays."""

    title: str | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    languages: tuple[str, ...] | UnsetType = UNSET
    quota: int | UnsetType | None = UNSET
    applications_until: datetime | UnsetType | None = UNSET
    approval: Approval | UnsetType | None = UNSET


class Offer(Struct, frozen=True, kw_only=True):
    """`version_no` is of the newest terms, null before the first; `edition` goes up with each change of the offer."""

    offer_id: int
    title: str
    summary: str
    category: str
    languages: tuple[str, ...]
    state: State
    quota: int | None
    applications_until: datetime | None
    approval: Approval | None
    version_no: int | None
    edition: int
    created_by: str
    created_at: datetime
    opened_at: datetime | None


class TermsVersion(Struct, frozen=True):
    """Terms as they were published; `sha256` is what a clipper accepts."""

    version_no: int
    terms: Terms
    sha256: str
    published_by: str
    published_at: datetime


class OfferInFull(Offer, frozen=True, kw_only=True):
    """With how many of its places are taken, and its newest terms."""

    places_taken: int
    terms: TermsVersion | None


async def create_offer(connection: AsyncConnection, book_id: int, about: OfferAbout, by: By) -> Offer:
    """A draft. Raises InvalidOffer, InvalidApproval."""
    row = insert(offers).values(book_id=book_id, created_by=by.actor, **_columns(about)).returning(offers)
    made = _offer((await connection.execute(row)).one())
    await record(connection, book_id, "offer", by, [Change("created", made.offer_id, made.state)])
    return made


async def edit_offer(
    connection: AsyncConnection, book_id: int, offer_id: int, changes: OfferChanges, by: By, *, edition: int
) -> Offer:
    """Change what was said of it, as it was read at that edition. Grants that there are stay, whatever the quota.

    Raises:
        OfferNotFound, InvalidOffer, InvalidApproval
        StaleEdition: it has been changed since.
        WrongTransition: it is closed.
    """
    offer = await lock_offer(connection, book_id, offer_id)
    if offer.edition != edition:
        raise StaleEdition("If-Match", edition)
    refuse_closed(offer, "is not changed any more")
    columns = _columns(changes)
    if not columns:
        return offer
    changed = await change_row(connection, book_id, offer_id, columns)
    detail = {"fields": list(columns), "edition": changed.edition}
    await record(connection, book_id, "offer", by, [Change("edited", offer_id, offer.state, offer.state, None, detail)])
    return changed


def refuse_closed(offer: Offer, rule: str) -> None:
    """Raises WrongTransition where the offer is closed."""
    if offer.state == "closed":
        raise WrongTransition("offer.state", offer.state, f"an offer that is closed {rule}")


async def find_offer(connection: AsyncConnection, book_id: int, offer_id: int) -> Offer:
    """Raises OfferNotFound."""
    return await _one(connection, select(offers).where(_named(book_id, offer_id)), offer_id)


async def lock_offer(connection: AsyncConnection, book_id: int, offer_id: int) -> Offer:
    """As it is, and as it stays until this transaction ends, but for what this one changes. Raises OfferNotFound."""
    chosen = select(offers).where(_named(book_id, offer_id))
    return await _one(connection, chosen.with_for_update(key_share=True), offer_id)


async def book_of_offer(connection: AsyncConnection, offer_id: int) -> int:
    """Whose it is, for who knows its number alone. Raises OfferNotFound, also for a draft, which is the host's own."""
    its = offers.c
    book_id: int | None = await connection.scalar(
        select(its.book_id).where(its.offer_id == offer_id, its.state != "draft")
    )
    if book_id is None:
        raise OfferNotFound("offer", offer_id)
    return book_id


async def list_offers(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Offer]:
    """Newest first, those before a given one; in one state, or in any."""
    its = offers.c
    chosen = select(offers).where(its.book_id == book_id)
    if state is not None:
        chosen = chosen.where(its.state == state)
    if before is not None:
        chosen = chosen.where(its.offer_id < before)
    return [_offer(row) for row in await connection.execute(chosen.order_by(its.offer_id.desc()).limit(limit))]


async def places_taken(connection: AsyncConnection, book_id: int, offer_id: int) -> int:
    """How many grants of the offer have not ended."""
    its = grants.c
    living = and_(its.book_id == book_id, its.offer_id == offer_id, its.state.in_(LIVING))
    return await connection.scalar(select(func.count()).select_from(grants).where(living)) or 0


async def offer_in_full(connection: AsyncConnection, book_id: int, offer_id: int) -> OfferInFull:
    """Raises OfferNotFound."""
    offer = await find_offer(connection, book_id, offer_id)
    terms = None if offer.version_no is None else await find_terms(connection, book_id, offer_id, offer.version_no)
    taken = await places_taken(connection, book_id, offer_id)
    return OfferInFull(**msgspec.structs.asdict(offer), places_taken=taken, terms=terms)


# Terms ------------------------------------------------------------------------------------------------------


async def find_terms(
    connection: AsyncConnection, book_id: int, offer_id: int, version_no: int | None = None
) -> TermsVersion:
    """A version; without a number the newest. Raises OfferNotFound, TermsNotFound."""
    its = terms_versions.c
    chosen = _versions(book_id, offer_id).limit(1)
    if version_no is not None:
        asked = literal(version_no, BigInteger)  # for it may be more than a version can be
        chosen = chosen.where(its.version_no == asked)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        await find_offer(connection, book_id, offer_id)
        raise TermsNotFound("version", version_no)
    return _version(row)


async def list_terms(
    connection: AsyncConnection, book_id: int, offer_id: int, *, before: int | None = None, limit: int = 100
) -> list[TermsVersion]:
    """Newest first, those before a given one. Raises OfferNotFound."""
    await find_offer(connection, book_id, offer_id)
    chosen = _versions(book_id, offer_id).limit(limit)
    if before is not None:
        chosen = chosen.where(terms_versions.c.version_no < before)
    return [_version(row) for row in await connection.execute(chosen)]


def _versions(book_id: int, offer_id: int) -> Select[Any]:
    its = terms_versions.c
    here = and_(its.book_id == book_id, its.offer_id == offer_id)
    return select(terms_versions).where(here).order_by(its.version_no.desc())


def _version(row: Row[Any]) -> TermsVersion:
    return TermsVersion(row.version_no, decode(row.terms), row.sha256, row.published_by, row.published_at)


# Rows -------------------------------------------------------------------------------------------------------


async def change_row(connection: AsyncConnection, book_id: int, offer_id: int, columns: Mapping[str, Any]) -> Offer:
    """Set these columns of an offer that was locked, which makes another edition of it."""
    change = update(offers).where(_named(book_id, offer_id)).values(edition=offers.c.edition + 1, **columns)
    return _offer((await connection.execute(change.returning(offers))).one())


def _columns(said: OfferAbout | OfferChanges) -> dict[str, Any]:
    """What was said, checked, as the row holds it. Raises InvalidOffer, InvalidApproval."""
    given = {name: getattr(said, name) for name in _CHECKED}
    return {name: _CHECKED[name](value) for name, value in given.items() if value is not UNSET}


def _category(said: str) -> str:
    try:
        return check_words((said,), InvalidOffer, "category")[0]
    except InvalidOffer as error:
        raise InvalidOffer("category", said, error.rule) from None


def _quota(said: int | None) -> int | None:
    if said is not None and not 1 <= said <= _MOST_PLACES:
        raise InvalidOffer("quota", said, f"must be 1 to {_MOST_PLACES}, or null for any number")
    return said


def _approval(said: Approval | None) -> Any:
    return null() if said is None else msgspec.to_builtins(check_approval(said))


_CHECKED: Mapping[str, Callable[[Any], Any]] = {
    "title": lambda said: check_text(said, InvalidOffer, "title"),
    "summary": lambda said: check_text(said, InvalidOffer, "summary", least=0, most=2000),
    "category": _category,
    "languages": lambda said: list(check_languages(said, InvalidOffer, "languages")),
    "quota": _quota,
    "applications_until": lambda said: check_instant(said, InvalidOffer, "applications_until"),
    "approval": _approval,
}


async def _one(connection: AsyncConnection, chosen: Select[Any], offer_id: int) -> Offer:
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise OfferNotFound("offer", offer_id)
    return _offer(row)


def _named(book_id: int, offer_id: int) -> ColumnElement[bool]:
    return and_(offers.c.book_id == book_id, offers.c.offer_id == offer_id)


def _offer(row: Row[Any]) -> Offer:
    plain = {name: row._mapping[name] for name in Offer.__struct_fields__}
    rules = decode_approval(row.approval)
    return Offer(**{**plain, "languages": tuple(row.languages), "approval": rules})
