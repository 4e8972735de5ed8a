"""Handles: claimed by clippers, confirmed by hosts and operators; and clippers whom hosts register themselves."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import handles
from licensing.api.scopes import PARTIES, PARTY_MANAGE, PARTY_READ, READ, WRITE
from licensing.handles import Handle, HandleRecord, State
from licensing.registration import ClipperRow, RegisteredRow, register_clippers
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_LARGEST_BULK = 16 * 1024 * 1024  # bytes: 10,000 rows with twenty accounts each
_State = Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")]


class NewHandle(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An account on a platform; a leading @ and the case of letters don't count."""

    platform: Annotated[str, Meta(examples=["tiktok"])]
    handle: Annotated[str, Meta(examples=["@lina.clips"])]


class NewClippers(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """1 to 10,000 clippers, each with an account of theirs at least."""

    clippers: Annotated[
        list[ClipperRow],
        Meta(examples=[[{"name": "Lina", "handles": [{"platform": "tiktok", "handle": "lina.clips"}]}]]),
    ]


class Registration(msgspec.Struct, frozen=True):
    """What became of each row, in their order, and how many came to what."""

    registered: int
    known: int
    refused: int
    rows: list[RegisteredRow]


# Clippers ---------------------------------------------------------------------------------------------------


@post("/handles", opt={**PARTY_MANAGE, "action": "handle.claim"}, summary="Claim an account on a platform")
async def claim(
    data: JSONBody[NewHandle],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[HandleRecord]:
    """Put the `code` into the account's public profile; a host or an operator then confirms it."""
    made = await handles.claim_handle(connection, party_id, data.platform, data.handle, actor)
    return Response(made, headers={"Location": f"/v1/clippers/{party_id}/handles/{made.handle_id}"})


@get("/handles", opt=PARTY_READ, summary="The clipper's accounts")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[HandleRecord]:
    """Newest first, in every state: claimed, confirmed, refused, released."""
    found = await handles.list_handles(connection, party_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda handle: handle.handle_id)


@get("/handles/{handle_id:int}", opt=PARTY_READ, summary="An account")
async def show_own(
    handle_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> HandleRecord:
    """With the code, and how control was proved."""
    return await handles.find_handle(connection, party_id, handle_id)


@post(
    "/handles/{handle_id:int}/release",
    opt={**PARTY_MANAGE, "action": "handle.release"},
    status_code=200,
    summary="Give an account up",
)
async def release(
    handle_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> HandleRecord:
    """Grants that name it keep it."""
    return await handles.release_handle(connection, party_id, handle_id, By("clipper", actor))


# Hosts ------------------------------------------------------------------------------------------------------


@get("/handles", opt=READ, summary="Accounts of clippers one has to do with")
async def list_for_host(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Handle]:
    """Newest first: of those with an open application, or a grant that they have accepted and that has not ended."""
    before = number_of(cursor)
    found = await handles.list_handles_for_host(connection, book_id, state=in_state, before=before, limit=limit + 1)
    return page_of(found, limit, lambda handle: handle.handle_id)


@post(
    "/handles/{handle_id:int}/confirm",
    opt={**WRITE, "action": "handle.confirm"},
    status_code=200,
    summary="Confirm that an account is the clipper's",
)
async def confirm_for_host(
    handle_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Handle:
    """Whoever confirms has seen the code in the account's public profile."""
    return await handles.confirm_for_host(connection, book_id, handle_id, By("host", actor))


@post(
    "/handles/{handle_id:int}/refuse",
    opt={**WRITE, "action": "handle.refuse"},
    status_code=200,
    summary="Refuse an account",
)
async def refuse_for_host(
    handle_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Handle:
    """The clipper may claim it again, with a new code."""
    return await handles.refuse_for_host(connection, book_id, handle_id, By("host", actor))


@post(
    "/clippers",
    opt={**WRITE, "action": "clippers.register"},
    status_code=200,
    request_max_body_size=_LARGEST_BULK,
    summary="Register clippers who are licensed on paper",
)
async def register(
    data: JSONBody[NewClippers],
    connection: NamedDependency[AsyncConnection],
    actor: NamedDependency[str],
) -> Registration:
    """Who is here already is found by an account; who is new gets a number, with the accounts confirmed by your word.

    A row that is refused keeps no other from being registered. A clipper who comes to run the account is made its
    owner by an operator.
    """
    rows = await register_clippers(connection, By("host", actor), data.clippers)
    came_to = [row.outcome for row in rows]
    return Registration(came_to.count("registered"), came_to.count("known"), came_to.count("refused"), rows)


# Operators --------------------------------------------------------------------------------------------------


@get("/handles", opt=PARTIES, summary="Accounts of all clippers")
async def list_everybodys(
    connection: NamedDependency[AsyncConnection],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[HandleRecord]:
    """Newest first; `state=claimed` are those that wait."""
    found = await handles.list_all_handles(connection, state=in_state, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda handle: handle.handle_id)


@post(
    "/handles/{handle_id:int}/confirm",
    opt={**PARTIES, "action": "handle.confirm"},
    status_code=200,
    summary="Confirm any account",
)
async def confirm(
    handle_id: FromPath[int], connection: NamedDependency[AsyncConnection], actor: NamedDependency[str]
) -> HandleRecord:
    """Another clipper for whom it was confirmed loses it."""
    return await handles.confirm_for_operator(connection, handle_id, By("operator", actor))


@post(
    "/handles/{handle_id:int}/refuse",
    opt={**PARTIES, "action": "handle.refuse"},
    status_code=200,
    summary="Refuse any account",
)
async def refuse(
    handle_id: FromPath[int], connection: NamedDependency[AsyncConnection], actor: NamedDependency[str]
) -> HandleRecord:
    """The clipper may claim it again, with a new code."""
    return await handles.refuse_for_operator(connection, handle_id, By("operator", actor))


CLIPPER_ROUTES = [claim, list_own, show_own, release]
HOST_ROUTES = [list_for_host, confirm_for_host, refuse_for_host, register]
SERVICE_ROUTES = [list_everybodys, confirm, refuse]
