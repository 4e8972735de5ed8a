"""What may become of a payout, and what each step books. Pure.

    planned -> ready -> sending -> sent -> paid
                  ^        |         |       |
                  |        +-> refused       +-> returned
                  |        +-> unknown -> sent, or ready again once it is known that nothing happened
                  +-------- (waits for funds, or for a rail that is busy)

By file, `sending` leads to `filed`, for nothing has left the house yet; to be put into a file is to be `sent`. The bank
may still refuse what is sent, and takes its time to say so: then it is `refused`, and back in our cash. What it says
twice, in two ways, makes it `unknown`, until a statement of its shows what it has done.

Money of an approved payout lies in `liabilities:paying:{party}`, and leaves there when it is confirmed. When the payout
is cancelled or comes back whole, every entry it had is reversed: what was recovered and withheld for it is undone as
well, for it was never paid.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from settlement.payouts.errors import WrongPayoutStep
from settlement.positions import party_account

State = Literal[
    "planned", "left-out", "ready", "sending", "filed", "sent", "paid", "refused", "unknown", "returned", "cancelled"
]
RailName = Literal["stripe", "bank-file"]
Action = Literal[
    "approved",
    "claimed",
    "filed",
    "sent",
    "answered",
    "confirmed",
    "refused",
    "lost",
    "deferred",
    "released",
    "returned",
    "cancelled",
]

STEPS: Mapping[Action, Mapping[State, State]] = {
    "approved": {"planned": "ready"},
    "claimed": {"ready": "sending", "sending": "sending"},
    "filed": {"sending": "filed"},
    "sent": {"sending": "sent", "unknown": "sent", "ready": "sent", "filed": "sent", "refused": "sent"},
    "answered": {"sent": "sent"},
    "confirmed": {"sent": "paid", "paid": "paid"},
    "refused": {"sending": "refused", "filed": "refused", "sent": "refused", "unknown": "refused"},
    "lost": {
        "sending": "unknown",
        "unknown": "unknown",
        "ready": "unknown",
        "filed": "unknown",
        "sent": "unknown",
        "refused": "unknown",
    },
    "deferred": {"sending": "ready"},
    "released": {"refused": "ready", "unknown": "ready"},
    "returned": {"sent": "returned", "paid": "returned"},
    "cancelled": {"ready": "cancelled", "refused": "cancelled", "filed": "cancelled"},
}
"""What each action leads from, and to.

sent, from ready: an answer that came late; from refused: a bank that has paid nevertheless. answered: the bank says how
far it is. lost: no answer came, or one that contradicts another, or its key is too old to be sent again. deferred: the
rail says that it did nothing, for want of funds or because it is busy. released: it may be tried again, since it was
refused and the reason is gone, or since a look-up shows that nothing happened.
"""

OPEN: frozenset[State] = frozenset({"ready", "sending", "filed", "unknown", "refused", "sent"})
"""States of which a person wants to know: money is set aside, and has not arrived."""

_CASH: Mapping[RailName, str] = {"stripe": "assets:stripe", "bank-file": "assets:bank"}
"""What each rail pays out of."""

SHARED: frozenset[RailName] = frozenset({"stripe"})
"""Rails of all books; every other is each book's own, and what is wrong there is not another's matter."""


class Amounts(Struct, frozen=True):
    """Of a payout, in minor units: taken - recovery - withheld = amount. `authority` is whom it is withheld for."""

    taken: int
    recovery: int
    withheld: int
    authority: str | None = None

    @property
    def amount(self) -> int:
        """What leaves."""
        return self.taken - self.recovery - self.withheld


def target(state: State, action: Action) -> State:
    """Where it leads. Raises WrongPayoutStep."""
    found = STEPS[action].get(state)
    if found is None:
        raise WrongPayoutStep("state", state, f"{action}: not from here")
    return found


def cash_account(rail: RailName) -> str:
    """What the rail pays out of."""
    return _CASH[rail]


def transit_account(rail: RailName) -> str:
    """Sent and not confirmed."""
    return f"assets:in-transit:{rail}"


def approval_lines(party: str, amounts: Amounts) -> dict[str, int]:
    """What is available becomes what is being paid. Debits positive; the sum is zero.

    What is kept of it, `settlement.recovering.recovery_lines` and `settlement.tax.withheld_lines` book.
    """
    return {party_account("available", party): amounts.amount, f"liabilities:paying:{party}": -amounts.amount}


def sent_lines(rail: RailName, amount: int) -> dict[str, int]:
    """Out of the rail's cash, in transit."""
    return {transit_account(rail): amount, cash_account(rail): -amount}


def paid_lines(party: str, rail: RailName, amount: int) -> dict[str, int]:
    """It has arrived."""
    return {f"liabilities:paying:{party}": amount, transit_account(rail): -amount}


def partly_returned_lines(party: str, rail: RailName, amount: int) -> dict[str, int]:
    """A part of what was paid has come back; what was recovered and withheld stays as it is."""
    return {cash_account(rail): amount, f"liabilities:paying:{party}": -amount}


def payable_again_lines(party: str, amount: int) -> dict[str, int]:
    """What came back in part can be paid again."""
    return {f"liabilities:paying:{party}": amount, party_account("available", party): -amount}
