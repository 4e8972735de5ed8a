"""Webhooks: where a book's events are sent, what became of each, and sending again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.api.scopes import WEBHOOKS
from licensing.states import By
from licensing.webhooks import deliveries, endpoints
from licensing.webhooks.deliveries import Delivery, DeliveryLog, State
from licensing.webhooks.endpoints import Endpoint, NewSecret
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_Url = Annotated[str, msgspec.Meta(examples=["https://example.com/clipledger"])]
_Description = Annotated[str, msgspec.Meta(examples=["Our shop system"])]
_Types = Annotated[Sequence[str], msgspec.Meta(examples=[["grant.revoked", "submission.approved"]])]


class NewEndpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`types` of events to send, none meaning all."""

    url: _Url
    description: _Description = ""
    types: _Types = ()


class EndpointChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: _Url | None = None
    description: _Description | None = None
    types: _Types | None = None


class Since(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A moment, with its time zone."""

    since: Annotated[datetime, msgspec.Meta(examples=["2026-10-05T20:00:00+08:00"])]


class Replayed(msgspec.Struct):
    """How many deliveries are sent again."""

    count: int


@post(
    "/webhooks",
    opt={**WEBHOOKS, "shown_once": "secret", "action": "webhook.create"},
    summary="Have events sent to an address",
)
async def add(
    data: JSONBody[NewEndpoint],
    connection: NamedDependency[AsyncConnection],
    webhooks_private: NamedDependency[bool],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
) -> Response[NewSecret]:
    """Signed as https://www.standardwebhooks.com says, with the `secret` that is shown this once."""
    about = msgspec.structs.asdict(data)
    made = await endpoints.add_endpoint(connection, book_id, By("host", actor), **about, allow_private=webhooks_private)
    return Response(made, headers={"Location": f"/v1/books/{book}/webhooks/{made.endpoint_id}"})


@get("/webhooks", opt=WEBHOOKS, summary="Where events are sent")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Endpoint]:
    """Newest first, with those that are disabled."""
    found = await endpoints.list_endpoints(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda endpoint: endpoint.endpoint_id)


@get("/webhooks/{endpoint_id:int}", opt=WEBHOOKS, summary="An endpoint")
async def show(
    endpoint_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Endpoint:
    """Without its secret."""
    return await endpoints.find_endpoint(connection, book_id, endpoint_id)


@patch("/webhooks/{endpoint_id:int}", opt={**WEBHOOKS, "action": "webhook.change"}, summary="Change an endpoint")
async def change(
    endpoint_id: FromPath[int],
    data: JSONBody[EndpointChange],
    connection: NamedDependency[AsyncConnection],
    webhooks_private: NamedDependency[bool],
    book_id: NamedDependency[int],
) -> Endpoint:
    """What waits to be sent goes to the new address."""
    about = msgspec.structs.asdict(data)
    return await endpoints.change_endpoint(connection, book_id, endpoint_id, **about, allow_private=webhooks_private)


@post(
    "/webhooks/{endpoint_id:int}/rotate",
    opt={**WEBHOOKS, "shown_once": "secret", "action": "webhook.rotate"},
    status_code=200,
    summary="Change an endpoint's secret",
)
async def rotate(
    endpoint_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> NewSecret:
    """Until `former_until` it is signed with both, so that nothing is lost on the way."""
    return await endpoints.rotate_secret(connection, book_id, endpoint_id)


@post(
    "/webhooks/{endpoint_id:int}/disable",
    opt={**WEBHOOKS, "action": "webhook.disable"},
    status_code=200,
    summary="Send nothing more there",
)
async def disable(
    endpoint_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Endpoint:
    """What waits counts as failed, and can be replayed later. Doing it twice changes nothing."""
    return await endpoints.disable_endpoint(connection, book_id, endpoint_id, By("host", actor))


@post(
    "/webhooks/{endpoint_id:int}/enable",
    opt={**WEBHOOKS, "action": "webhook.enable"},
    status_code=200,
    summary="Send there again",
)
async def enable(
    endpoint_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Endpoint:
    """What happens from now on. Doing it twice changes nothing."""
    return await endpoints.enable_endpoint(connection, book_id, endpoint_id, By("host", actor))


@post(
    "/webhooks/{endpoint_id:int}/test",
    opt={**WEBHOOKS, "action": "webhook.test"},
    status_code=202,
    summary="Send a test event",
)
async def test(
    endpoint_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Delivery:
    """`webhook.tested`, to this endpoint alone; its delivery tells what came of it."""
    return await deliveries.send_test(connection, book_id, endpoint_id, By("host", actor))


@get("/webhooks/{endpoint_id:int}/deliveries", opt=WEBHOOKS, summary="What was sent to an endpoint")
async def list_deliveries(
    endpoint_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    in_state: Annotated[State | None, QueryParameter(name="state", description="In this state only.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Delivery]:
    """Newest first."""
    found = await deliveries.list_deliveries(
        connection, book_id, endpoint_id, state=in_state, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda delivery: delivery.delivery_id)


@get("/webhooks/{endpoint_id:int}/deliveries/{delivery_id:int}", opt=WEBHOOKS, summary="A delivery, attempt by attempt")
async def show_delivery(
    endpoint_id: FromPath[int],
    delivery_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> DeliveryLog:
    """Each with the status and the beginning of the answer, and how long it took."""
    return await deliveries.delivery_log(connection, book_id, endpoint_id, delivery_id)


@post(
    "/webhooks/{endpoint_id:int}/deliveries/{delivery_id:int}/replay",
    opt={**WEBHOOKS, "action": "webhook.replay"},
    status_code=202,
    summary="Send one again",
)
async def replay(
    endpoint_id: FromPath[int],
    delivery_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Delivery:
    """Whatever became of it; the receiver sees the same `webhook-id`."""
    return await deliveries.replay(connection, book_id, endpoint_id, delivery_id)


@post(
    "/webhooks/{endpoint_id:int}/replay",
    opt={**WEBHOOKS, "action": "webhook.replay"},
    status_code=202,
    summary="Send again what failed",
)
async def replay_failed(
    endpoint_id: FromPath[int],
    data: JSONBody[Since],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
) -> Replayed:
    """Of the events since a moment."""
    return Replayed(await deliveries.replay_failed(connection, book_id, endpoint_id, data.since))


HOST_ROUTES = [
    add,
    list_all,
    show,
    change,
    rotate,
    disable,
    enable,
    test,
    list_deliveries,
    show_delivery,
    replay,
    replay_failed,
]
