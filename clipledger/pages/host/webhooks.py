"""Webhooks of a host: where its events are sent, what was sent and came back, and sending it again."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.events import TYPES
from licensing.webhooks.deliveries import State, delivery_log, list_deliveries
from licensing.webhooks.endpoints import MOST_ENDPOINTS, find_endpoint, list_endpoints
from licensing.webhooks.payloads import payload_of
from media.api.pages import Cursor, number_of, page_of

_PAGE = 50
_Show = Annotated[State | None, QueryParameter(name="show")]


@page("/books/{book:str}/webhooks", space="host", scope="webhooks:manage")
async def endpoints(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Newest first; the secret of one that was added just now is shown this once."""
    found = await list_endpoints(connection, book_id, before=number_of(cursor), limit=_PAGE + 1)
    shown = page_of(found, _PAGE, lambda each: each.endpoint_id)
    return view.render(
        "host/webhooks.html",
        endpoints=shown.data,
        cursor=shown.next_cursor,
        types=sorted(TYPES),
        most=MOST_ENDPOINTS,
    )


@page("/books/{book:str}/webhooks/{endpoint_id:int}", space="host", scope="webhooks:manage")
async def endpoint(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    endpoint_id: FromPath[int],
    show: _Show = None,
    cursor: Cursor = None,
) -> Response[str]:
    """One, with what was sent to it, newest first."""
    found = await list_deliveries(
        connection, book_id, endpoint_id, state=show, before=number_of(cursor), limit=_PAGE + 1
    )
    shown = page_of(found, _PAGE, lambda each: each.delivery_id)
    now = datetime.now(UTC)
    yesterday = (now - timedelta(days=1)).astimezone(ZoneInfo(view.formats.zone))
    return view.render(
        "host/webhook.html",
        endpoint=await find_endpoint(connection, book_id, endpoint_id),
        deliveries=shown.data,
        cursor=shown.next_cursor,
        show=show,
        types=sorted(TYPES),
        yesterday=yesterday.strftime("%Y-%m-%dT%H:%M"),
        now=now,
    )


@page(
    "/books/{book:str}/webhooks/{endpoint_id:int}/deliveries/{delivery_id:int}", space="host", scope="webhooks:manage"
)
async def delivery(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    endpoint_id: FromPath[int],
    delivery_id: FromPath[int],
) -> Response[str]:
    """One event for one endpoint: what is sent, and what each attempt came to."""
    log = await delivery_log(connection, book_id, endpoint_id, delivery_id)
    payload = await payload_of(connection, book_id, endpoint_id, delivery_id)
    return view.render(
        "host/delivery.html",
        endpoint=await find_endpoint(connection, book_id, endpoint_id),
        delivery=log.delivery,
        attempts=log.attempts,
        payload=msgspec.json.format(payload, indent=2).decode(),
    )


routes = [endpoints, endpoint, delivery]
