"""Webhooks on their way: which endpoint gets which event, signed, and again until it says 2xx."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from clipledger.stripe_sandbox.faults import Faults
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

RETRIES = (60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, *[12 * 3600] * 4)
"""Seconds from one attempt to the next: about three days together, as Stripe keeps trying."""
_OVERTAKEN_WITHIN = 60
"""Seconds after which a reordered event is sent though nothing has overtaken it."""

Post = Callable[[str, dict[str, str], bytes], Awaitable[int]]
"""Sends headers and body to a URL; the answer's status, or 0 if there was none."""


@dataclass(slots=True)
class Endpoint:
    thing: Thing
    secret: str
    connect: bool
    """Whether it gets the events of connected accounts, rather than the platform's own."""
    newest_sent: int = 0


@dataclass(slots=True, eq=False)
class Delivery:
    """One event for one endpoint."""

    number: int
    endpoint: Endpoint
    event: Thing
    due: float
    attempts: int = 0
    reordered: bool = False


class Outbox:
    """The endpoints, and what is still to be delivered to them."""

    def __init__(self, state: State, faults: Callable[[], Faults]) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.waiting: dict[int, Delivery] = {}
        self._state = state
        self._faults = faults
        self._numbers = 0
        state.on_event = self._record

    def register(self, values: dict[str, Any]) -> Endpoint:
        thing = {
            "id": self._state.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": values.get("api_version"),
            "application": "ca_sandbox" if values.get("connect") else None,
            "created": self._state.seconds,
            "description": values.get("description") or None,
            "enabled_events": values["enabled_events"],
            "livemode": False,
            "metadata": values.get("metadata", {}),
            "status": "enabled",
            "url": values["url"],
        }
        endpoint = Endpoint(thing, self._state.new_id("whsec", 32), values.get("connect", False))
        self.endpoints[str(thing["id"])] = endpoint
        self._state.keep(self._state.webhook_endpoints, thing)
        return endpoint

    def remove(self, endpoint_id: str) -> None:
        endpoint = self.endpoints.pop(endpoint_id)
        self._state.webhook_endpoints.remove(endpoint_id)
        self.waiting = {number: one for number, one in self.waiting.items() if one.endpoint is not endpoint}

    def _record(self, holder: Holder, event: Thing) -> None:
        connect = holder is not self._state.platform
        for endpoint in self.endpoints.values():
            wanted = endpoint.thing["enabled_events"]
            if endpoint.connect == connect and ("*" in wanted or event["type"] in wanted):
                event["pending_webhooks"] += 1
                self._queue(endpoint, event)

    def _queue(self, endpoint: Endpoint, event: Thing) -> None:
        fault = self._faults().for_event(event["type"])
        if fault is not None and fault.kind == "lost":
            return
        delivery = self._add(endpoint, event)
        if fault is None:
            return
        if fault.kind == "duplicated":
            self._add(endpoint, event)
        elif fault.kind == "reordered":
            delivery.reordered = True
        else:
            delivery.due += fault.delay

    def _add(self, endpoint: Endpoint, event: Thing) -> Delivery:
        self._numbers += 1
        delivery = Delivery(self._numbers, endpoint, event, self._state.now)
        self.waiting[delivery.number] = delivery
        return delivery

    def due(self) -> list[Delivery]:
        """What can be sent now, oldest first."""
        ready = [one for one in self.waiting.values() if one.due <= self._state.now and not self._held(one)]
        return sorted(ready, key=lambda one: (one.due, one.number))

    def _held(self, delivery: Delivery) -> bool:
        waits = self._state.now < delivery.due + _OVERTAKEN_WITHIN
        return delivery.reordered and waits and delivery.endpoint.newest_sent < delivery.number

    def message(self, delivery: Delivery) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body, signed for now."""
        body = msgspec.json.encode(delivery.event)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "clipledger-stripe-sandbox (not Stripe)",
            "Stripe-Signature": signature(body, delivery.endpoint.secret, self._state.seconds),
        }
        return str(delivery.endpoint.thing["url"]), headers, body

    def sent(self, delivery: Delivery, status: int) -> None:
        """Note an endpoint's answer; anything but 2xx is tried again until RETRIES are used up."""
        delivery.attempts += 1
        delivery.endpoint.newest_sent = max(delivery.endpoint.newest_sent, delivery.number)
        if 200 <= status < 300:
            delivery.event["pending_webhooks"] = max(0, delivery.event["pending_webhooks"] - 1)
            self.waiting.pop(delivery.number, None)
        elif delivery.attempts > len(RETRIES):
            self.waiting.pop(delivery.number, None)
        else:
            delivery.due = self._state.now + RETRIES[delivery.attempts - 1]

    async def deliver(self, post: Post) -> int:
        """Send all that is due, one after another; how many were taken."""
        taken = 0
        while due := self.due():
            for delivery in due:
                status = await post(*self.message(delivery))
                self.sent(delivery, status)
                taken += 200 <= status < 300
        return taken


def signature(body: bytes, secret: str, at: int) -> str:
    """Stripe's scheme v1, docs.stripe.com/webhooks/signature: HMAC-SHA256 of `time.body`."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"
