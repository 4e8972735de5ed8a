"""What the sandbox knows: accounts with their objects and money, the clock, and what is still to happen."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from clipledger.stripe_sandbox.tables import Table, Thing

DAY = 86_400
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True, eq=False)
class Holder:
    """An account's own side: what belongs to it, and its money by currency in minor units."""

    account: Thing
    balance_transactions: Table = field(
        default_factory=lambda: Table("/v1/balance_transactions", "source", "type", "currency")
    )
    payouts: Table = field(default_factory=lambda: Table("/v1/payouts"))
    charges: Table = field(default_factory=lambda: Table("/v1/charges"))
    topups: Table = field(default_factory=lambda: Table("/v1/topups"))
    events: Table = field(default_factory=lambda: Table("/v1/events", "type"))
    available: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pending: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unpaid: list[Thing] = field(default_factory=list)
    """Balance transactions that no automatic payout has covered yet; kept for connected accounts only."""
    banks: dict[str, Thing] = field(default_factory=dict)
    """External bank accounts by currency."""
    bank_numbers: dict[str, str] = field(default_factory=dict)
    """Their numbers by id: Stripe's test numbers decide what becomes of a payout."""
    connected: bool = True
    """False once the account has revoked the platform's access or was deleted."""

    @property
    def id(self) -> str:
        return str(self.account["id"])


class State:
    """Everything but keys, rates and faults. `now` is the time of what is being done, in seconds since 1970."""

    def __init__(self, seed: int, now: float, country: str, currency: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - ids that replay, no secrets
        self._requests = count()
        self.now = now
        self.request: Thing = {"id": None, "idempotency_key": None}
        self.things: dict[str, Thing] = {}
        self.accounts = Table("/v1/accounts")
        self.transfers = Table("/v1/transfers", "transfer_group", "destination")
        self.reversals: dict[str, Table] = {}
        self.webhook_endpoints = Table("/v1/webhook_endpoints")
        self.covered: dict[str, Table] = {}
        """Balance transactions by the automatic payout that paid them out."""
        self.links: dict[str, Thing] = {}
        """Onboarding links that were made, by token."""
        self.on_event: Callable[[Holder, Thing], None] = lambda holder, event: None
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._turns = count()
        self.platform = Holder(
            {"id": self.new_id("acct"), "object": "account", "country": country, "default_currency": currency}
        )
        self.holders = {self.platform.id: self.platform}

    @property
    def seconds(self) -> int:
        return int(self.now)

    def new_id(self, prefix: str, length: int = 16) -> str:
        return f"{prefix}_1" + "".join(self._random.choices(_ALPHABET, k=length))

    def new_request_id(self) -> str:
        """Numbered, so that it takes no chance from what is drawn for objects."""
        return f"req_1sandbox{next(self._requests):08d}"

    def keep(self, table: Table, thing: Thing) -> Thing:
        """Add a new object where it is listed and where references to it are resolved."""
        self.things[thing["id"]] = thing
        return table.add(thing)

    def later(self, at: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at, next(self._turns), action))

    def reach(self, moment: float) -> None:
        """Do what is due until `moment`, each thing at its own time. Time never runs backwards."""
        while self._agenda and self._agenda[0][0] <= moment:
            at, _, action = heapq.heappop(self._agenda)
            self.now = max(self.now, at)
            action()
        self.now = max(self.now, moment)
