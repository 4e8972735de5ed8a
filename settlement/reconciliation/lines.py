"""Lines as they are matched: ours in the ledger, theirs outside; and how far apart two may be."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from settlement.reconciliation.kinds import Kind

TheirKind = Literal[
    "transfer",
    "return",
    "receipt",
    "charge",
    "refund",
    "chargeback",
    "payout",
    "payout-return",
    "fee",
    "top-up",
    "other",
]
"""`transfer` left to a payee and `return` came back; `payout` left for our own bank."""

Rule = Literal[
    "reference",
    "other-reference",
    "reference-in-text",
    "reversed",
    "reference-group",
    "reference-less-fee",
    "reference-fx",
    "amount-and-date",
    "group-of-day",
    "group-of-window",
    "group-of-some",
    "in-and-out",
    "by-hand",
    "posted",
]


class Ours(Struct, frozen=True, gc=False):
    """A ledger line on the account. `day` is the ordinal of its effective day; `amount` minor units, debits positive.

    `reference` names what it paid, `group` the payment whose attempts it is of; `family` what it was paid together
    with: a marketplace, or `run:7`. `reverses` is the entry that its entry takes back. `inside`: it is booked in the
    month, or before.
    """

    entry_id: int
    line: int
    day: int
    amount: int
    reference: str = ""
    group: str = ""
    family: str = ""
    reverses: int | None = None
    inside: bool = True


class Theirs(Struct, frozen=True, gc=False):
    """A line from outside; positive if it came in. `others` are further references, `about` what the bank says of it
    and of the other side, in small letters. `converted`: it says that it was changed from another currency.
    """

    line_id: int
    external_id: str
    day: int
    amount: int
    kind: TheirKind
    reference: str = ""
    others: tuple[str, ...] = ()
    about: str = ""
    source: str = "bank"
    converted: bool = False
    inside: bool = True


class Stranger(Struct, frozen=True, gc=False):
    """A line of another account or currency that nothing of its own account claims. `account` is empty where it is the
    same.
    """

    account: str
    currency: str
    amount: int


class Strangers(Struct, frozen=True):
    """Others' lines by reference, ours and theirs."""

    ours: Mapping[str, Stranger]
    theirs: Mapping[str, Stranger]


NO_STRANGERS = Strangers({}, {})


class Tolerance(Struct, frozen=True, kw_only=True):
    """How far apart lines may be: days where a reference says that they are the same, where only the amount does, and
    within a group; parts per million of an amount that a fee, or a rate, may take. `stale` is days in transit.

    `candidates` and `tries` bound the search for groups.
    """

    days_by_reference: int = 10
    days_by_amount: int = 3
    days_in_group: int = 5
    fee_ppm: int = 30_000
    fx_ppm: int = 50_000
    stale: int = 7
    candidates: int = 18
    tries: int = 20_000


class Match(Struct, frozen=True, gc=False):
    """Places of lines that belong together. `confidence` in percent."""

    rule: Rule
    confidence: int
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    reason: str | None = None


class Residual(Struct, frozen=True, gc=False):
    """Places of lines that do not match, or, where `match` is one's place, that do and differ."""

    kind: Kind
    ours: tuple[int, ...]
    theirs: tuple[int, ...]
    said: str
    match: int | None = None
    stranger: Stranger | None = None


class Found(Struct, frozen=True):
    """What came of matching one account in one currency."""

    matches: Sequence[Match]
    residuals: Sequence[Residual]
