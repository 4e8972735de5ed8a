"""What Stripe tells by itself: kept as it arrives, once each; a job acts upon it.

Two addresses, for Stripe signs what concerns the platform and what concerns connected accounts with two secrets.
Without its secret an address does not exist.
"""

from typing import Any

import structlog
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.api.scopes import PUBLIC
from settlement.payouts.errors import ForgedEvent
from settlement.payouts.rail_events import StripeSecrets, keep

log = structlog.get_logger()

_LARGEST = 1024 * 1024  # bytes; Stripe's are some ten thousand


@post(
    "/webhooks/stripe",
    opt={**PUBLIC, "idempotency": False, "action": "webhook.receive"},
    status_code=200,
    request_max_body_size=_LARGEST,
    summary="For Stripe: what concerns the platform",
)
async def of_platform(
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    stripe_secrets: NamedDependency[StripeSecrets],
) -> None:
    """Signed with the platform endpoint's secret. One that is sent again is not acted upon again."""
    await _receive(request, connection, stripe_secrets.platform)


@post(
    "/webhooks/stripe-connect",
    opt={**PUBLIC, "idempotency": False, "action": "webhook.receive"},
    status_code=200,
    request_max_body_size=_LARGEST,
    summary="For Stripe: what concerns connected accounts",
)
async def of_connected(
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    stripe_secrets: NamedDependency[StripeSecrets],
) -> None:
    """Signed with the Connect endpoint's secret."""
    await _receive(request, connection, stripe_secrets.connect)


async def _receive(request: Request[Any, Any, Any], connection: AsyncConnection, secret: str | None) -> None:
    if not secret:
        raise NotFoundException
    from settlement.payouts.stripe_events import read_event

    try:
        event = read_event(await request.body(), request.headers.get("stripe-signature"), secret)
    except ForgedEvent as forged:
        log.warning("a webhook was not taken", path=request.url.path, why=forged.rule)
        raise ClientException("This is not signed by Stripe, or was long ago.") from forged
    await keep(connection, "stripe", event)


SERVICE_ROUTES = [of_platform, of_connected]
