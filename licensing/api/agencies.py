"""Representations: proposed by agencies, decided on by clippers, read by both."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import agencies
from licensing.agencies import Representation
from licensing.api.scopes import PARTIES, PARTY_MANAGE, PARTY_READ, PARTY_WRITE
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of


class NewRepresentation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`rate` is the agency's part of the clipper's share."""

    clipper_id: Annotated[int, Meta(ge=1, le=BIGINT_MAX, examples=[7])]
    rate: Annotated[str, Meta(examples=["15%"], description="As 13.02%, 0.1302 or 3:7.")]


# Both sides -------------------------------------------------------------------------------------------------


@get("/representations/{representation_id:int}", opt=PARTY_READ, summary="A representation")
async def show(
    representation_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Representation:
    """With its rate and when it began and ended."""
    return await agencies.find_representation(connection, party_id, representation_id)


# Agencies ---------------------------------------------------------------------------------------------------


@post(
    "/representations",
    opt={**PARTY_WRITE, "action": "representation.propose"},
    summary="Propose to represent a clipper",
)
async def propose(
    data: JSONBody[NewRepresentation],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[Representation]:
    """It holds from the moment at which the clipper accepts."""
    made = await agencies.propose_representation(connection, party_id, data.clipper_id, data.rate, actor)
    where = f"/v1/agencies/{party_id}/representations/{made.representation_id}"
    return Response(made, headers={"Location": where})


@get("/representations", opt=PARTY_READ, summary="Clippers the agency represents or asks to")
async def list_of_agency(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Representation]:
    """Newest first, in every state: proposed, active, declined, ended."""
    found = await agencies.list_for_agency(connection, party_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.representation_id)


# Clippers ---------------------------------------------------------------------------------------------------


@get("/representations", opt=PARTY_READ, summary="Agencies that represent the clipper or ask to")
async def list_of_clipper(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Representation]:
    """Newest first, in every state: proposed, active, declined, ended."""
    found = await agencies.list_for_clipper(connection, party_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.representation_id)


@post(
    "/representations/{representation_id:int}/accept",
    opt={**PARTY_MANAGE, "action": "representation.accept"},
    status_code=200,
    summary="Be represented",
)
async def accept(
    representation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Representation:
    """From this moment on, by one agency at a time."""
    return await agencies.accept_representation(connection, party_id, representation_id, By("clipper", actor))


@post(
    "/representations/{representation_id:int}/decline",
    opt={**PARTY_MANAGE, "action": "representation.decline"},
    status_code=200,
    summary="Decline a proposal",
)
async def decline(
    representation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Representation:
    """The agency may propose again."""
    return await agencies.decline_representation(connection, party_id, representation_id, By("clipper", actor))


@post(
    "/representations/{representation_id:int}/end",
    opt={**PARTY_MANAGE, "action": "representation.end"},
    status_code=200,
    summary="End a representation",
)
async def end(
    representation_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Representation:
    """From this moment on; sales before still pay the agency."""
    return await agencies.end_representation(connection, party_id, representation_id, By("clipper", actor))


# Operators --------------------------------------------------------------------------------------------------


@post(
    "/representations/{representation_id:int}/end",
    opt={**PARTIES, "action": "representation.end"},
    status_code=200,
    summary="End any representation",
)
async def end_any(
    representation_id: FromPath[int], connection: NamedDependency[AsyncConnection], actor: NamedDependency[str]
) -> Representation:
    """As its clipper would."""
    return await agencies.end_for_operator(connection, representation_id, By("operator", actor))


AGENCY_ROUTES = [propose, list_of_agency, show]
CLIPPER_ROUTES = [list_of_clipper, show, accept, decline, end]
SERVICE_ROUTES = [end_any]
