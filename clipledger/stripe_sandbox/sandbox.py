"""The sandbox: its state, its clock, what goes wrong, and what Stripe, banks and account owners do by themselves."""

import time
from collections.abc import Callable, Mapping
from typing import Literal

from clipledger.stripe_sandbox import accounts, money, onboarding, payouts, refusals, transfers
from clipledger.stripe_sandbox.answering import Answering, Request, Response
from clipledger.stripe_sandbox.faults import Faults, Kind
from clipledger.stripe_sandbox.keys import IdempotencyKeys, Rates
from clipledger.stripe_sandbox.outbox import Outbox, Post
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

API_KEY = "sk_test_sandbox_not_stripe"

Failing = Literal["refused", "timeout", "dropped"]
_UNANSWERED: dict[Kind, tuple[Failing, bool]] = {
    "refused": ("refused", False),
    "timeout_before": ("timeout", False),
    "timeout_after": ("timeout", True),
    "dropped_before": ("dropped", False),
    "dropped_after": ("dropped", True),
}
"""How the connection fails, and whether the call has its effect."""


class ConnectionFault(Exception):  # noqa: N818 - what is simulated
    """No answer comes; `how` tells what the caller sees."""

    def __init__(self, how: Failing) -> None:
        super().__init__(how)
        self.how: Failing = how


class Sandbox:
    """Its whole state; no I/O. The same seed, clock, faults and requests give the same answers, ids included.

    `clock` gives seconds since 1970; `advance` is added to it. `rate` limits the requests a second to one endpoint,
    `overall_rate` those to all. None is no limit.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        api_key: str = API_KEY,
        rate: float | None = None,
        overall_rate: float | None = None,
        faults: Faults | None = None,
        country: str = "US",
    ) -> None:
        self.faults = faults or Faults()
        self.rates = Rates(rate, overall_rate)
        self.keys = IdempotencyKeys()
        self._clock = clock
        self._ahead = 0.0
        self.state = State(seed, clock(), country, accounts.COUNTRIES[country])
        self.outbox = Outbox(self.state, lambda: self.faults)
        self._answering = Answering(self.state, self.outbox, self.keys, self.rates, api_key)
        accounts.platform(self.state)
        payouts.every_day(self.state)

    # Requests -----------------------------------------------------------------------------------------------------

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
        """The answer to a request; `path` may carry a query. Raises ConnectionFault where a fault leaves none."""
        self.tick()
        path, _, query = path.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        fault = self.faults.for_call(method, path)
        request = Request(self.state.new_request_id(), method, path, query, lower, body, fault)
        how, effect = _UNANSWERED[fault.kind] if fault and fault.kind in _UNANSWERED else (None, True)
        response = self._answering.answer(request) if effect else None
        if response is None or how is not None:
            raise ConnectionFault(how or "dropped")
        if request.suffers("malformed"):
            response.body = response.body[: len(response.body) // 2]
        return response

    def claim(self, headers: Mapping[str, str]) -> Callable[[], None] | None:
        """Note that a request is under way whose answer takes a while: until then its key is in use.

        Gives what ends that, to be called just before `handle`; None if the key is in use already.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        scope = (lower.get("stripe-account", self.state.platform.id), lower.get("idempotency-key", ""))
        if not scope[1]:
            return lambda: None
        return (lambda: self.keys.release(scope)) if self.keys.claim(scope) else None

    # Time ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.state.now

    def tick(self) -> None:
        """Do what is due by the clock."""
        self.state.reach(self._clock() + self._ahead)

    def advance(self, seconds: float) -> None:
        """Travel into the future; what is due on the way happens at its own time."""
        assert seconds >= 0
        self._ahead += seconds
        self.tick()

    # What Stripe or others do by themselves -----------------------------------------------------------------------

    def fund(self, amount: int, currency: str = "usd", *, available_in: int = 0) -> Thing:
        """Top up the platform's balance, at once or pending for so many seconds."""
        self.tick()
        return money.fund(self.state, amount, currency, available_in=available_in)

    def new_account(self, country: str = "US", *, ready: bool = True) -> str:
        """A connected account that asked for transfers, onboarded if `ready`; its id."""
        self.tick()
        values = {"type": "express", "country": country, "capabilities": {"transfers": {"requested": "true"}}}
        account_id = str(accounts.create(self.state, values)["id"])
        if ready:
            self.onboard(account_id)
        return account_id

    def onboard(self, account_id: str, bank_number: str = onboarding.GOOD_BANK) -> Thing:
        self.tick()
        return onboarding.onboard(self.state, self._holder(account_id), bank_number)

    def set_capability(
        self,
        account_id: str,
        status: str,
        *,
        name: str = "transfers",
        due: tuple[str, ...] = (),
        disabled_reason: str | None = None,
    ) -> Thing:
        self.tick()
        holder = self._holder(account_id)
        return onboarding.set_capability(self.state, holder, name, status, due=due, disabled_reason=disabled_reason)

    def deauthorize(self, account_id: str) -> None:
        self.tick()
        accounts.deauthorize(self.state, self._holder(account_id))

    def replace_bank(self, account_id: str, number: str = onboarding.GOOD_BANK, currency: str | None = None) -> Thing:
        self.tick()
        return onboarding.replace_bank(self.state, self._holder(account_id), number, currency)

    def reverse_transfer(self, transfer_id: str, amount: int | None = None) -> Thing:
        """As Stripe's support would: whatever the destination's balance is. Raises Refusal beyond what is left."""
        self.tick()
        values = {} if amount is None else {"amount": amount}
        transfer = self._thing(transfer_id, "transfer")
        return transfers.reverse(self.state, transfer, values, forced=True)

    def fail_payout(self, payout_id: str, code: str = "account_closed") -> Thing:
        """The bank refuses or returns a payout. Raises Refusal if it has failed already."""
        self.tick()
        payout = self._thing(payout_id, "payout")
        holder = next(one for one in self.state.holders.values() if one.payouts.get(payout_id) is payout)
        return payouts.fail(self.state, holder, payout, code)

    def new_webhook_endpoint(self, url: str, *events: str, connect: bool = False) -> str:
        """An endpoint for these types of events, or for all; its secret."""
        self.tick()
        values = {"url": url, "enabled_events": list(events) or ["*"], "connect": connect}
        return self.outbox.register(values).secret

    async def deliver(self, post: Post) -> int:
        """Send the webhooks that are due; how many were taken. Call it again after `advance` for what is retried."""
        self.tick()
        return await self.outbox.deliver(post)

    def balance(self, account_id: str | None = None) -> dict[str, tuple[int, int]]:
        """Available and pending minor units by currency, of the platform or an account."""
        self.tick()
        holder = self._holder(account_id) if account_id else self.state.platform
        currencies = {*holder.available, *holder.pending}
        return {one: (holder.available.get(one, 0), holder.pending.get(one, 0)) for one in sorted(currencies)}

    def _holder(self, account_id: str) -> Holder:
        holder = self.state.holders.get(account_id)
        if holder is None or holder is self.state.platform:
            raise refusals.no_such("account", account_id, "account")
        return holder

    def _thing(self, thing_id: str, kind: str) -> Thing:
        thing = self.state.things.get(thing_id)
        if thing is None or thing["object"] != kind:
            raise refusals.no_such(kind, thing_id, kind)
        return thing
