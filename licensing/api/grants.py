"""Grants: a host gives, suspends, resumes and revokes them and proposes newer terms; a clipper accepts or declines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from ledger.refusals import storable
from licensing import granting, grants, renewal
from licensing.api import bulk, own_grants
from licensing.api.scopes import READ, WRITE
from licensing.bulk import Attested
from licensing.changes import GrantChange, history_of
from licensing.errors import InvalidQuery
from licensing.grants import Grant, NewGrant, State
from licensing.renewal import Proposed
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_Number = Annotated[int, msgspec.Meta(ge=1, le=BIGINT_MAX, examples=[7])]
_Moment = Annotated[datetime | None, msgspec.Meta(examples=["2027-10-05T20:00:00+08:00"])]
_Accounts = Annotated[tuple[str, ...], msgspec.Meta(max_length=100, examples=[["tiktok:lina"]])]
_InState = Annotated[State | None, QueryParameter(name="state", description="In this state.")]
_OfOffer = Annotated[int | None, QueryParameter(name="offer", ge=1, le=BIGINT_MAX, description="Of this offer.")]
_OfClipper = Annotated[int | None, QueryParameter(name="clipper", ge=1, le=BIGINT_MAX, description="Of this clipper.")]
_Named = Annotated[str | None, QueryParameter(name="reference", description="With this reference of yours.")]


class GrantToMake(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Left out, `handles` are all the clipper's confirmed accounts on the terms' platforms, the window begins now and
    is as long as the terms allow, and the clipper has 14 days to accept. With `attested` it has, on paper.
    """

    clipper: _Number
    handles: _Accounts | None = None
    starts_at: _Moment = None
    ends_at: _Moment = None
    respond_by: _Moment = None
    reference: Annotated[str | None, msgspec.Meta(examples=["2026-A-0017"])] = None
    attested: Attested | None = None


class GrantReason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the clipper shall be told."""

    reason: Annotated[str | None, msgspec.Meta(examples=["Clips without #ad, warned twice"])] = None


class AccountsToChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Accounts that a grant shall cover from now on, or no longer."""

    add: _Accounts = ()
    remove: _Accounts = ()


class TermsToPropose(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """To these grants, or to all of the offer that are active or suspended; `until` is in 14 days, if left out."""

    grants: Annotated[tuple[_Number, ...], msgspec.Meta(min_length=1, max_length=10_000, examples=[[18]])] | None = None
    until: _Moment = None


@post("/offers/{offer_id:int}/grants", opt={**WRITE, "action": "grant.create"}, summary="Grant a licence")
async def create(
    offer_id: FromPath[int],
    data: JSONBody[GrantToMake],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[Grant]:
    """Under the offer's newest terms. It is offered, for the clipper to accept, or active where that is attested."""
    by = By("host", actor)
    row = NewGrant(
        clipper_id=data.clipper,
        handles=data.handles,
        starts_at=data.starts_at,
        ends_at=data.ends_at,
        respond_by=data.respond_by,
        reference=data.reference,
        acceptance=data.attested.by(by) if data.attested else None,
    )
    made = (await grants.create_grants(connection, book_id, by, offer_id, [row]))[0]
    return Response(made, headers={"Location": f"/v1/books/{book}/grants/{made.grant_id}"})


@get("/grants", opt=READ, summary="Grants")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _InState = None,
    offer_id: _OfOffer = None,
    clipper_id: _OfClipper = None,
    reference: _Named = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Grant]:
    """Newest first."""
    if reference is not None and not storable(reference):
        raise InvalidQuery("reference", reference, "must be text without NUL")
    found = await grants.list_grants(
        connection,
        book_id,
        state=in_state,
        offer_id=offer_id,
        clipper_id=clipper_id,
        reference=reference,
        before=number_of(cursor),
        limit=limit + 1,
    )
    return page_of(found, limit, lambda grant: grant.grant_id)


@get("/grants/{grant_id:int}", opt=READ, summary="A grant")
async def show(
    grant_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Grant:
    """States: offered, active, suspended, revoked, resigned, expired, declined."""
    return await grants.find_grant(connection, book_id, grant_id)


@get("/grants/{grant_id:int}/history", opt=READ, summary="A grant's history")
async def show_history(
    grant_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Sequence[GrantChange]:
    """By which every sale is judged: what changed, from when on, and when that was recorded."""
    await grants.find_grant(connection, book_id, grant_id)
    return await history_of(connection, book_id, grant_id)


@post(
    "/grants/{grant_id:int}/suspend",
    opt={**WRITE, "action": "grant.suspend"},
    status_code=200,
    summary="Suspend a grant",
)
async def suspend(
    grant_id: FromPath[int],
    data: JSONBody[GrantReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """What is sold from now on is not licensed, until it is resumed."""
    return await granting.suspend(connection, book_id, By("host", actor), grant_id, data.reason)


@post(
    "/grants/{grant_id:int}/resume", opt={**WRITE, "action": "grant.resume"}, status_code=200, summary="Resume a grant"
)
async def resume(
    grant_id: FromPath[int],
    data: JSONBody[GrantReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """What was sold while it was suspended stays unlicensed."""
    return await granting.resume(connection, book_id, By("host", actor), grant_id, data.reason)


@post(
    "/grants/{grant_id:int}/revoke", opt={**WRITE, "action": "grant.revoke"}, status_code=200, summary="Revoke a grant"
)
async def revoke(
    grant_id: FromPath[int],
    data: JSONBody[GrantReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """For good, from now on. What was sold before still pays."""
    return await granting.revoke(connection, book_id, By("host", actor), grant_id, data.reason)


@post(
    "/grants/{grant_id:int}/handles",
    opt={**WRITE, "action": "grant.change-handles"},
    status_code=200,
    summary="Change a grant's accounts",
)
async def change_handles(
    grant_id: FromPath[int],
    data: JSONBody[AccountsToChange],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Grant:
    """From now on. The clipper must have confirmed what is added, and one account must stay."""
    return await granting.change_handles(connection, book_id, By("host", actor), grant_id, data.add, data.remove)


@post(
    "/offers/{offer_id:int}/renewals",
    opt={**WRITE, "action": "grant.propose-terms"},
    status_code=200,
    summary="Propose the newest terms to who has a grant",
)
async def propose(
    offer_id: FromPath[int],
    data: JSONBody[TermsToPropose],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Proposed:
    """Who accepts gets them as soon as the old terms' rate lock is over; for who doesn't, the old terms go on."""
    return await renewal.propose(connection, book_id, By("host", actor), offer_id, data.grants, data.until)


HOST_ROUTES = [
    create,
    *bulk.HOST_ROUTES,
    list_all,
    show,
    show_history,
    suspend,
    resume,
    revoke,
    change_handles,
    propose,
]
CLIPPER_ROUTES = own_grants.CLIPPER_ROUTES
