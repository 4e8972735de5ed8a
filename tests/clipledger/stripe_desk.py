"""A Stripe sandbox in process, with Stripe's own SDK on it, at a time that stands still unless it is moved."""

from typing import Any

import stripe

from clipledger.stripe_sandbox import API_KEY, Faults, Sandbox
from clipledger.stripe_sandbox.events import API_VERSION
from clipledger.stripe_sandbox.in_process import InProcess

MONDAY = 1_767_571_200
"""2026-01-05 00:00 UTC."""
_http_client = InProcess(Sandbox())


class Desk:
    """`client` is the SDK, `sandbox` what it talks to. Only one desk at a time: the client's connection is shared."""

    def __init__(self, faults: Faults | None = None, *, funded: int = 1_000_00, **options: Any) -> None:
        self.sandbox = Sandbox(clock=lambda: MONDAY, faults=faults, **options)
        if funded:
            self.sandbox.fund(funded)
        _http_client.transport.sandbox = self.sandbox
        self.client = stripe.StripeClient(API_KEY, http_client=_http_client, stripe_version=API_VERSION)

    async def transfer(
        self, amount: int, to: str, key: str | None = None, currency: str = "usd", **others: Any
    ) -> stripe.Transfer:
        params: Any = {"amount": amount, "currency": currency, "destination": to, **others}
        return await self.client.v1.transfers.create_async(params, {"idempotency_key": key} if key else {})

    def raw(self, method: str, path: str, body: str = "", **headers: str) -> Any:
        """Without the SDK: the response of a request with the key, and headers like `Stripe_Account`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {API_KEY}", **named}
        return self.sandbox.handle(method, path, sent, body.encode())


def error_of(raised: Any) -> tuple[int | None, str | None, str | None]:
    """Status, code and param of an SDK's exception, from the body as it was sent."""
    body = raised.value.json_body["error"]
    return raised.value.http_status, body.get("code"), body.get("param")
