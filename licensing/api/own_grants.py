"""A clipper's own grants, of all hosts: read the terms, accept or decline them, and newer ones; resign."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import granting, grants, renewal
from licensing.api.scopes import PARTY_READ, PARTY_WRITE
from licensing.changes import GrantChange, history_of
from licensing.grants import Grant, State
from licensing.offers import TermsVersion, find_terms
from licensing.states import By
from licensing.terms import Difference, Terms, differences
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_InState = Annotated[State | None, QueryParameter(name="state", description="In this state.")]


class AcceptedTerms(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The hash of the terms that were read."""

    sha256: Annotated[str, msgspec.Meta(examples=["5f" * 32])]


class Declined(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, if the host shall know."""

    reason: Annotated[str | None, msgspec.Meta(examples=["The split is too low"])] = None


class Resigned(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why, if the host shall know."""

    reason: Annotated[str | None, msgspec.Meta(examples=["I have no time for clips any more"])] = None


class AgreedTerms(msgspec.Struct):
    """A version of the offer's terms; `sha256` is what is accepted."""

    version_no: int
    terms: Terms
    sha256: str
    published_at: datetime


class GrantTerms(msgspec.Struct):
    """The terms of a grant; those that are proposed or accepted and still to come into force; what differs in them."""

    agreed: AgreedTerms
    proposed: AgreedTerms | None
    differences: list[Difference]


@get("/grants", opt=PARTY_READ, summary="Your grants")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    in_state: _InState = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Grant]:
    """Of all hosts, newest first."""
    found = await grants.list_own_grants(
        connection, party_id, state=in_state, before=number_of(cursor), limit=limit + 1
    )
    return page_of([_told(grant) for grant in found], limit, lambda grant: grant.grant_id)


@get("/grants/{grant_id:int}", opt=PARTY_READ, summary="A grant of yours")
async def show_own(
    grant_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Grant:
    """States: offered, active, suspended, revoked, resigned, expired, declined."""
    return _told(await grants.find_grant(connection, book_id, grant_id))


@get("/grants/{grant_id:int}/history", opt=PARTY_READ, summary="The history of a grant of yours")
async def show_own_history(
    grant_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Sequence[GrantChange]:
    """By which your sales are judged, and with the reasons the host gave."""
    found = await history_of(connection, book_id, grant_id)
    return [msgspec.structs.replace(change, actor=None) for change in found]


@get("/grants/{grant_id:int}/terms", opt=PARTY_READ, summary="The terms of a grant of yours")
async def show_own_terms(
    grant_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> GrantTerms:
    """To accept them, send back their `sha256`."""
    grant = await grants.find_grant(connection, book_id, grant_id)
    terms = await find_terms(connection, book_id, grant.offer_id, grant.version_no)
    if grant.proposed_no is None:
        return GrantTerms(_agreed(terms), None, [])
    proposed = await find_terms(connection, book_id, grant.offer_id, grant.proposed_no)
    return GrantTerms(_agreed(terms), _agreed(proposed), differences(terms.terms, proposed.terms))


@post(
    "/grants/{grant_id:int}/accept",
    opt={**PARTY_WRITE, "action": "grant.accept"},
    status_code=200,
    summary="Accept a grant",
)
async def accept(
    grant_id: FromPath[int],
    data: JSONBody[AcceptedTerms],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    ip: NamedDependency[str | None],
) -> Grant:
    """Time, address and the hash of the terms are kept. The grant is active from now on."""
    by = By("clipper", actor)
    return _told(await granting.accept(connection, book_id, by, grant_id, data.sha256, ip))


@post(
    "/grants/{grant_id:int}/decline",
    opt={**PARTY_WRITE, "action": "grant.decline"},
    status_code=200,
    summary="Decline a grant",
)
async def decline(
    grant_id: FromPath[int],
    data: JSONBody[Declined],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """Its place is free for another clipper."""
    return _told(await granting.decline(connection, book_id, By("clipper", actor), grant_id, data.reason))


@post(
    "/grants/{grant_id:int}/resign",
    opt={**PARTY_WRITE, "action": "grant.resign"},
    status_code=200,
    summary="End a grant of yours",
)
async def resign(
    grant_id: FromPath[int],
    data: JSONBody[Resigned],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """For good, from now on, with no tail. What was sold before still pays."""
    return _told(await granting.resign(connection, book_id, By("clipper", actor), grant_id, data.reason))


@post(
    "/grants/{grant_id:int}/renewal/accept",
    opt={**PARTY_WRITE, "action": "grant.accept-terms"},
    status_code=200,
    summary="Accept newer terms",
)
async def accept_renewal(
    grant_id: FromPath[int],
    data: JSONBody[AcceptedTerms],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    ip: NamedDependency[str | None],
) -> Grant:
    """They hold when the rate lock of the old ones is over; the history tells from when on."""
    by = By("clipper", actor)
    return _told(await renewal.accept_renewal(connection, book_id, by, grant_id, data.sha256, ip))


@post(
    "/grants/{grant_id:int}/renewal/decline",
    opt={**PARTY_WRITE, "action": "grant.decline-terms"},
    status_code=200,
    summary="Decline newer terms",
)
async def decline_renewal(
    grant_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """The terms you have go on."""
    return _told(await renewal.decline_renewal(connection, book_id, By("clipper", actor), grant_id))


def _told(grant: Grant) -> Grant:
    """Without what is the host's own."""
    return msgspec.structs.replace(grant, reference=None)


def _agreed(version: TermsVersion) -> AgreedTerms:
    return AgreedTerms(version.version_no, version.terms, version.sha256, version.published_at)


CLIPPER_ROUTES = [
    list_own,
    show_own,
    show_own_history,
    show_own_terms,
    accept,
    decline,
    resign,
    accept_renewal,
    decline_renewal,
]
