"""Applications: clippers apply and withdraw, hosts approve and reject."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import applications
from licensing.api.books import note
from licensing.api.scopes import PARTY_READ, PARTY_WRITE, READ, WRITE
from licensing.applications import Application, State
from licensing.applying import apply_for_offer
from licensing.states import By
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_State = Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")]
_Offer = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX, description="Only those for this offer.")]
_HASH = "4ac2f0de90bb6ad51c65c0dd0f1d5cf50b5f6da1c5a1a0a7f2dcb1b4b7f1a6c3"


class NewApplication(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`accept_sha256` is the hash of the offer's newest terms: whoever applies accepts them."""

    offer_id: Annotated[int, Meta(ge=1, le=BIGINT_MAX, examples=[12])]
    accept_sha256: Annotated[str, Meta(examples=[_HASH])]
    message: Annotated[str, Meta(examples=["Three clips a day, in Spanish."])] = ""


class Rejection(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the clipper is told."""

    reason: Annotated[str, Meta(examples=["We look for clippers in Singapore."])]


# Clippers ---------------------------------------------------------------------------------------------------


@post("/applications", opt={**PARTY_WRITE, "action": "application.submit"}, summary="Apply for an offer")
async def apply(
    data: JSONBody[NewApplication],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
    ip: NamedDependency[str | None],
    request: Request[Any, Any, Any],
) -> Response[Application]:
    """The host decides within 30 days. Where the offer's rules approve at once, `grant_id` is the grant already."""
    asked = {"message": data.message, "accept_sha256": data.accept_sha256}
    made = await apply_for_offer(connection, party_id, data.offer_id, By("clipper", actor), ip=ip, **asked)
    note(request, await applications.book_of_application(connection, party_id, made.application_id))
    return Response(_told(made), headers={"Location": f"/v1/clippers/{party_id}/applications/{made.application_id}"})


@get("/applications", opt=PARTY_READ, summary="The clipper's applications")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Application]:
    """To all hosts, newest first."""
    before = number_of(cursor)
    found = await applications.list_own_applications(
        connection, party_id, state=in_state, before=before, limit=limit + 1
    )
    return page_of([_told(each) for each in found], limit, lambda application: application.application_id)


@get("/applications/{application_id:int}", opt=PARTY_READ, summary="An application of the clipper's")
async def show_own(
    application_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Application:
    """Where it stands, what the offer's rules found, and why it was rejected if it was."""
    return _told(await applications.find_own_application(connection, party_id, application_id))


@post(
    "/applications/{application_id:int}/withdraw",
    opt={**PARTY_WRITE, "action": "application.withdraw"},
    status_code=200,
    summary="Withdraw an application",
)
async def withdraw(
    application_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
    request: Request[Any, Any, Any],
) -> Application:
    """While nobody has decided on it."""
    note(request, await applications.book_of_application(connection, party_id, application_id))
    return await applications.withdraw_application(connection, party_id, application_id, By("clipper", actor))


def _told(application: Application) -> Application:
    """Without who of the host decided."""
    return msgspec.structs.replace(application, decided_by=None)


# Hosts ------------------------------------------------------------------------------------------------------


@get("/applications", opt=READ, summary="Applications")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: _State = None,
    offer: _Offer = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Application]:
    """Newest first; `state=submitted` are those that wait."""
    before = number_of(cursor)
    found = await applications.list_applications(
        connection, book_id, state=in_state, offer_id=offer, before=before, limit=limit + 1
    )
    return page_of(found, limit, lambda application: application.application_id)


@get("/applications/{application_id:int}", opt=READ, summary="An application")
async def show(
    application_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Application:
    """With what each rule of automatic approval asked and found."""
    return await applications.find_application(connection, book_id, application_id)


@post(
    "/applications/{application_id:int}/approve",
    opt={**WRITE, "action": "application.approve"},
    status_code=200,
    summary="Approve an application",
)
async def approve(
    application_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Application:
    """The grant is active at once; where newer terms were published since, the clipper is offered it under those."""
    return await applications.approve_application(connection, book_id, application_id, By("host", actor))


@post(
    "/applications/{application_id:int}/reject",
    opt={**WRITE, "action": "application.reject"},
    status_code=200,
    summary="Reject an application",
)
async def reject(
    application_id: FromPath[int],
    data: JSONBody[Rejection],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Application:
    """The clipper is told the reason, and may apply again."""
    by = By("host", actor)
    return await applications.reject_application(connection, book_id, application_id, data.reason, by)


CLIPPER_ROUTES = [apply, list_own, show_own, withdraw]
HOST_ROUTES = [list_all, show, approve, reject]
