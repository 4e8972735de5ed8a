"""A Stripe of one platform and one payee: the local sandbox in process."""

from datetime import UTC, datetime

import httpx

from clipledger.stripe_sandbox import API_KEY, Fault, Sandbox
from clipledger.stripe_sandbox.faults import Kind
from clipledger.stripe_sandbox.in_process import SandboxTransport
from settlement.rails.protocol import Order, Outcome
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail
from tests.settlement.rails.contract import Stand

START = 1_795_000_000  # a moment in November 2026


class _Counting(SandboxTransport):
    posts = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.posts += request.method == "POST"
        return await super().handle_async_request(request)


class StripeStand(Stand):
    currency = "USD"
    other_currency = "EUR"

    def __init__(self) -> None:
        self.sandbox = Sandbox(clock=lambda: START)
        self.sandbox.fund(1_000_000)
        self.payee = self.sandbox.new_account()
        self.transport = _Counting(self.sandbox)
        self.client = stripe_client(API_KEY, transport=self.transport)
        self.rail = StripeRail(self.client, currencies=("USD",))

    @property
    def left(self) -> int:
        return self.transport.posts

    async def pay(self, order: Order) -> Outcome:
        return await self.rail.send(order)

    async def pay_unheard(self, order: Order) -> Outcome:
        return await self.send_with("timeout_after", order)

    async def send_with(self, kind: Kind, order: Order) -> Outcome:
        self.sandbox.faults.calls.append(Fault(kind))
        try:
            return await self.rail.send(order)
        finally:
            self.sandbox.faults.clear()

    async def give_back(self, order: Order, amount: int) -> None:
        found = await self.rail.look_up(order)
        assert found is not None
        self.sandbox.reverse_transfer(found.reference, amount)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.sandbox.now, UTC)
