"""What every way of paying out must offer: orders go in, outcomes come back, movements can be read.

A rail does what it is told, once for each call, and says exactly how far it came. It retries nothing and remembers
nothing: the payout run writes the order, its key and `request_hash` down first, calls `send`, and keeps the outcome.

What the outcomes mean for whoever calls again:

| outcome | money moved | the key afterwards |
|---|---|---|
| Sent | yes | spent |
| Filed | when the bank's answer says so | the order's end-to-end id, never to be put into another file |
| Unknown | nobody knows | the only one to try again with, within a day; then `look_up` |
| Throttled | not by this call | still good |
| Refused, Unfunded | no | spent: rails replay a stored refusal, so a later attempt takes a new key, in the same group |
| Conflicting | not by this call | names another request: a fault of ours |
| Halted | no | still good, once the operator has put the rail right |

The group stays the same over all attempts of one payment, so `look_up` finds what any of them did.
"""

# ruff: noqa: N818 - named for what is wrong, as in `settlement.errors`

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal, Protocol, runtime_checkable

from ledger.money import check_amount, exponent
from settlement.errors import InvalidOrder

Fixer = Literal["payee", "host", "operator"]
"""Who can remove the reason for a refusal."""

MovementKind = Literal["transfer", "return", "charge", "refund", "payout", "payout-return", "fee", "top-up", "other"]
"""`transfer` leaves to a payee and `return` comes back from one; `payout` leaves to our own bank."""


@dataclass(frozen=True)
class Order:
    """One payment to make. `amount` is minor units of the ledger, more than zero; `destination` is the rail's name
    for the payee. Raises InvalidOrder, InvalidAmount or UnknownCurrency.
    """

    key: str
    """Our idempotency key: unique to this attempt, the same whenever this attempt is sent again."""
    group: str
    """Unique to what is to be paid, the same for all its attempts."""
    destination: str
    amount: int
    currency: str
    description: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        exponent(self.currency)
        if check_amount("amount", self.amount) <= 0:
            raise InvalidOrder("amount", self.amount, "a payment is of more than nothing")
        for name in ("key", "group", "destination"):
            if not getattr(self, name).strip():
                raise InvalidOrder(name, None, "must not be empty")
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))


@dataclass(frozen=True)
class Sent:
    """The rail has moved the money. `reference` is its own name for that."""

    reference: str
    at: datetime


@dataclass(frozen=True)
class Filed:
    """Good for the next file, and moved when the bank's answer to that file says so. `status` is its latest word."""

    reference: str
    status: str


@dataclass(frozen=True)
class Refused:
    """Nothing was moved. `retriable`: the same order may succeed once `fixed_by` has done something about it."""

    code: str
    reason: str
    fixed_by: Fixer
    retriable: bool


@dataclass(frozen=True)
class Unknown:
    """No answer, or none that says whether money was moved."""

    reason: str


@dataclass(frozen=True)
class Unfunded:
    """Nothing was moved, for want of money on our side; waits for funding."""

    reason: str


@dataclass(frozen=True)
class Throttled:
    """Not even looked at. `retry_after` is seconds, where the rail names them."""

    retry_after: float | None


@dataclass(frozen=True)
class Conflicting:
    """The rail knows the key, or the group, from another request: the run stops and somebody is told."""

    reason: str


@dataclass(frozen=True)
class Halted:
    """The rail does not let us in: nothing more is sent by it until an operator has seen to it."""

    reason: str


Outcome = Sent | Filed | Refused | Unknown | Unfunded | Throttled | Conflicting | Halted


class RailError(Exception):
    """A question to a rail that got no answer one could use. No money was moved by asking."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RailUnavailable(RailError):
    """May be asked again later, or, if the rail is halted, once the operator has seen to it."""


class RailRefused(RailError):
    """Asked for what the rail does not grant."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class RailContradicts(RailError):
    """The rail holds something else than was ordered, or holds it twice: somebody has to look."""


@dataclass(frozen=True)
class Limits:
    """The least and the most of one payment, in minor units of the ledger, and of what it must be a multiple."""

    least: int
    most: int
    multiple_of: int = 1


@dataclass(frozen=True)
class RailBalance:
    """What we hold at the rail, in minor units: ready to be sent, and on its way in."""

    currency: str
    available: int
    pending: int


@dataclass(frozen=True)
class Movement:
    """One change of our balance at the rail, in minor units; what comes in is positive. net = amount − fee."""

    id: str
    kind: MovementKind
    kind_there: str
    amount: int
    fee: int
    net: int
    currency: str
    created: datetime
    available_on: date
    source: str | None
    """What moved, by the rail's own reference; for a bank line the end-to-end id, if it has one."""
    description: str
    group: str | None = None
    """That of the order, where the rail tells it with the movement."""


@dataclass(frozen=True)
class TransferStatus:
    """How one payment stands: what was sent, and how much of it has come back."""

    reference: str
    destination: str
    amount: int
    reversed: int
    currency: str
    created: datetime
    group: str | None


@runtime_checkable
class Rail(Protocol):
    """One way of paying out."""

    @property
    def name(self) -> str: ...

    @property
    def answers(self) -> Literal["at-once", "by-file"]:
        """Whether `send` pays, or prepares for a file."""
        ...

    @property
    def currencies(self) -> frozenset[str]: ...

    def limits(self, currency: str) -> Limits:
        """Of one of its currencies; KeyError for another."""
        ...

    def refusal(self, order: Order) -> Refused | None:
        """Why the order would be refused before any call; None if nothing is against it so far."""
        ...

    def request_hash(self, order: Order) -> str:
        """SHA-256, as hex digits, of the request that `send` would make but for the key that names it.

        Only for an order without `refusal`.
        """
        ...

    async def send(self, order: Order) -> Outcome:
        """One call, or none if the order is refused beforehand."""
        ...

    async def look_up(self, order: Order) -> Sent | None:
        """What any attempt of the order's group has done. Raises RailUnavailable, RailContradicts."""
        ...

    async def reverse(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        """Take back a part or all of a payment."""
        ...

    async def status(self, reference: str) -> TransferStatus | None:
        """None if the rail knows no such payment. Raises RailUnavailable."""
        ...

    async def balance(self) -> Sequence[RailBalance]:
        """By currency. Raises RailUnavailable."""
        ...

    def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        """From `since` on and before `until`, in any order. Raises RailUnavailable."""
        ...
