"""Stripe's webhooks: whether one is Stripe's own, and what is done about each kind."""

from datetime import UTC, datetime
from typing import Final

import msgspec
import stripe
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.errors import ForgedEvent
from settlement.payouts.observing import funds_came, observe_transfer
from settlement.payouts.rail_events import Arrived, RailEvent
from settlement.payouts.sending import Clock, utc_now
from settlement.payouts.stripe_payees import Payees
from settlement.rails.protocol import Rail

TOLERANCE: Final = 300
"""Seconds between signing and arriving, by our clock."""


class _Object(msgspec.Struct):
    id: str | None = None
    account: str | None = None


class _Data(msgspec.Struct):
    object: _Object


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    data: _Data
    account: str | None = None


def read_event(body: bytes, signature: str | None, secret: str) -> RailEvent:
    """The event that a webhook carries. Raises ForgedEvent: not signed by this secret, too long ago, or no event."""
    if signature is not None and not signature.isascii():  # which the SDK could not compare
        raise ForgedEvent("Stripe-Signature", ascii(signature), "is no signature")
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise ForgedEvent("Stripe-Signature", signature, str(error)) from None
    try:
        event = msgspec.json.decode(body, type=_Event)
        payload = msgspec.json.decode(body, type=dict)
    except msgspec.MsgspecError as error:
        raise ForgedEvent("body", None, f"no event: {error}") from None
    return RailEvent(
        event_id=event.id,
        kind=event.type,
        account=event.account or event.data.object.account,
        object_id=event.data.object.id,
        created_at=datetime.fromtimestamp(event.created, UTC),
        payload=payload,
    )


class Acting:
    """What is done about Stripe's events: it is asked again about whatever they are about."""

    def __init__(self, engine: AsyncEngine, rail: Rail, payees: Payees, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._rail = rail
        self._payees = payees
        self._clock = clock

    async def __call__(self, event: Arrived) -> str:
        """In words, what came of it. Raises RailError."""
        kind = event.kind
        if kind.startswith("transfer.") and event.object_id:
            return await observe_transfer(self._engine, self._rail, "stripe", event.object_id, clock=self._clock)
        if kind == "balance.available":
            return f"{await funds_came(self._engine, 'stripe', clock=self._clock)} payouts are tried again"
        if kind == "account.application.deauthorized" and event.account:
            return await self._payees.lose(event.account)
        if event.account and kind.startswith(("account.", "capability.", "payout.")):
            return await self._payees.observe(event.account)
        return "nothing to be done about it"
