"""What happened, as Stripe tells it: an event holds the object as it was then, and belongs to one account."""

from typing import Any

import msgspec

from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

API_VERSION = "2026-10-28.endive"
"""The version of Stripe's API that is spoken here, and that events are written in."""


def emit(state: State, holder: Holder, kind: str, thing: Thing, previous: dict[str, Any] | None = None) -> Thing:
    """Record an event of `holder` about `thing`. `previous` are the former values of what changed."""
    data: Thing = {"object": snapshot(thing)}
    if previous is not None:
        data["previous_attributes"] = previous
    event: Thing = {
        "id": state.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": state.seconds,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": dict(state.request),
        "type": kind,
    }
    if holder is not state.platform:
        event["account"] = holder.id
    state.keep(holder.events, event)
    state.on_event(holder, event)
    return event


def snapshot(thing: Thing) -> Thing:
    """The object as it is now, whatever becomes of it."""
    copied: Thing = msgspec.json.decode(msgspec.json.encode(thing))
    return copied
