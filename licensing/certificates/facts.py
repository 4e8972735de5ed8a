"""What a certificate says, read from the grant as it stands."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import GrantNotFound, NotAccepted
from licensing.tables import grant_changes, grants, offers, parties, terms_versions
from licensing.terms import Terms, decode
from media.tables import sources


class Stream(msgspec.Struct, frozen=True):
    """A source of the host that the terms name."""

    source_id: int
    title: str


class Facts(msgspec.Struct, frozen=True, kw_only=True, tag_field="form", tag=2):
    """What was granted, under which terms, and how they were accepted: all that is hashed.

    Nothing here changes by renaming: licensee and offer are `clipper_id` and `offer_id`, agency and streams are the
    numbers that `terms` give. `licensor` is of the terms, a version of which never changes.

    `terms_sha256` is of `terms` as `licensing.terms.encode` writes them. `ends_at` is the first moment outside.
    `accounts` are `platform:handle`. `attested`: the terms were accepted elsewhere, as the host attests.
    """

    number: str
    licensor: str
    clipper_id: int
    offer_id: int
    terms_version: int
    terms_sha256: str
    terms: Terms
    accounts: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    accepted_at: datetime
    attested: bool


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers of the facts are called today, for people to read; not hashed.

    `agency` is the one that the terms give a part; `streams` are those of the terms, null where they name none.
    """

    licensee: str
    offer: str
    agency: str | None
    streams: tuple[Stream, ...] | None


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256` is of `facts` as `encode` writes them; the grant is in `state` since the moment beside it."""

    facts: Facts
    names: Names
    sha256: str
    state: str
    state_since: datetime


def encode(facts: Facts) -> bytes:
    """The facts as they are hashed: JSON in UTF-8, members in order of their names, no blanks."""
    return msgspec.json.encode(facts, order="sorted")


def sha256_of(facts: Facts) -> str:
    """What a paper carries: the hash of `encode`, in hexadecimal."""
    return hashlib.sha256(encode(facts)).hexdigest()


async def certificate_of(
    connection: AsyncConnection, grant_id: int, *, book_id: int | None = None, clipper_id: int | None = None
) -> Certificate:
    """Of a grant of the host with this book, or of the clipper: one of them is named.

    Raises GrantNotFound; NotAccepted where nobody has accepted any terms yet.
    """
    assert (book_id is None) != (clipper_id is None)
    whose = grants.c.book_id == book_id if clipper_id is None else grants.c.clipper_id == clipper_id
    row = (await connection.execute(_query(and_(whose, grants.c.grant_id == grant_id)))).first()
    if row is None:
        raise GrantNotFound("grant", grant_id)
    if row.accepted_at is None:
        raise NotAccepted("grant.state", row.state, "has a certificate once its terms are accepted")
    return await _certificate(connection, row)


async def certificate_by_number(connection: AsyncConnection, number: str) -> Certificate | None:
    """The one with this number, None if there is none."""
    row = (await connection.execute(_query(grants.c.certificate_no == number))).first()
    return None if row is None or row.accepted_at is None else await _certificate(connection, row)


def _query(which: ColumnElement[bool]) -> Any:
    grant, change = grants.c, grant_changes.c
    offer = and_(offers.c.book_id == grant.book_id, offers.c.offer_id == grant.offer_id)
    version = terms_versions.c
    terms = and_(
        version.book_id == grant.book_id, version.offer_id == grant.offer_id, version.version_no == grant.version_no
    )
    of_grant = and_(change.book_id == grant.book_id, change.grant_id == grant.grant_id, change.state == grant.state)
    since = select(change.effective_at).where(of_grant).order_by(change.change_no.desc()).limit(1)
    joined = grants.join(offers, offer).join(terms_versions, terms)
    columns = (
        grants,
        offers.c.title,
        version.terms,
        version.sha256,
        parties.c.name.label("licensee"),
        since.scalar_subquery().label("since"),
    )
    return select(*columns).select_from(joined.join(parties, parties.c.party_id == grant.clipper_id)).where(which)


async def _certificate(connection: AsyncConnection, row: Row[Any]) -> Certificate:
    terms = decode(row.terms)
    facts = Facts(
        number=row.certificate_no,
        licensor=terms.licensor,
        clipper_id=row.clipper_id,
        offer_id=row.offer_id,
        terms_version=row.version_no,
        terms_sha256=row.sha256,
        terms=terms,
        accounts=tuple(sorted(row.handles)),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        accepted_at=row.accepted_at,
        attested=row.attested,
    )
    names = Names(
        licensee=row.licensee,
        offer=row.title,
        agency=None if terms.agency is None else await _name(connection, terms.agency),
        streams=None if terms.streams is None else await streams_of(connection, row.book_id, terms.streams),
    )
    since = row.since or row.created_at
    return Certificate(facts=facts, names=names, sha256=sha256_of(facts), state=row.state, state_since=since)


async def _name(connection: AsyncConnection, party_id: int) -> str | None:
    name: str | None = await connection.scalar(select(parties.c.name).where(parties.c.party_id == party_id))
    return name


async def streams_of(connection: AsyncConnection, book_id: int, numbers: Iterable[int]) -> tuple[Stream, ...]:
    """The host's sources of these numbers, in their order."""
    its = sources.c
    chosen = select(its.source_id, its.title).where(its.book_id == book_id, its.source_id.in_(numbers))
    rows = await connection.execute(chosen.order_by(its.source_id))
    return tuple(Stream(row.source_id, row.title) for row in rows)
