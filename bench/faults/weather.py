"""What goes wrong at Stripe, from a seed: faults of calls and of webhooks."""

import random
from collections import Counter

from clipledger.stripe_sandbox import EventFault, Fault, Faults
from clipledger.stripe_sandbox.faults import EVENT_KINDS, KINDS, ONLY_TRANSFERS, Kind
from clipledger.stripe_sandbox.state import State
from settlement.rails.protocol import Order

_READS: tuple[Kind, ...] = (
    "refused",
    "timeout_after",
    "dropped_after",
    "rate_limited",
    "error_before",
    "malformed",
    "api_key_expired",
)
"""What may befall a question."""
_QUESTIONS = ("/v1/transfers", "/v1/transfers/*", "/v1/balance_transactions", "/v1/accounts/*")


class Weather(Faults):
    """Faults that Stripe may have. What it promises it keeps: no key is forgotten within a day of a payment."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__([*_of_calls(chance)], [*_of_events(chance)])
        self.state: State | None = None
        self.order: Order | None = None

    def ordered(self, order: Order) -> None:
        """What the next call to pay is about."""
        self.order = order

    def for_call(self, method: str, path: str) -> Fault | None:
        found = super().for_call(method, path)
        if found is not None and found.kind == "idempotency_key_expired" and self._paid():
            self.struck.pop()
            return None
        return found

    def _paid(self) -> bool:
        assert self.state
        assert self.order
        return bool(self.state.transfers.page({"limit": 1}, transfer_group=self.order.group)["data"])

    def counted(self) -> Counter[str]:
        """How often each kind struck; those of questions apart."""
        return Counter(_name(kind, at) for kind, at in self.struck)


def _name(kind: str, at: str) -> str:
    if " /" not in at:
        return f"webhook {kind}"
    return f"transfer {kind}" if at == "POST /v1/transfers" else f"question {kind}"


def _of_calls(chance: random.Random) -> list[Fault]:
    faults = []
    for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4))):
        kind = chance.choice(KINDS)
        times = 1 if kind in ONLY_TRANSFERS else chance.choice((1, 1, 1, 2, 3, 5, 9))
        nth = chance.choice((1, 1, 1, 2, 2, 3, 4))
        faults.append(Fault(kind, nth=nth, times=times, delay=chance.choice((5, 600, 90_000))))
    for _ in range(chance.choice((0, 0, 1, 2))):
        path = chance.choice(_QUESTIONS)
        faults.append(Fault(chance.choice(_READS), "GET", path, chance.choice((1, 1, 2)), chance.choice((1, 2, 6))))
    return faults


def _of_events(chance: random.Random) -> list[EventFault]:
    faults = []
    for _ in range(chance.choice((0, 0, 1, 1, 2))):
        kind, type_ = chance.choice(EVENT_KINDS), chance.choice(("*", "transfer.*"))
        times = chance.choice((1, 2, 99))
        faults.append(
            EventFault(kind, type_, chance.choice((1, 1, 2)), times, delay=chance.choice((30, 4000, 100_000)))
        )
    return faults
