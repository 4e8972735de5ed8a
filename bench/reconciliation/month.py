"""A month made up: what a ledger and the world outside say of it, and where they differ.

Half of the lines are payouts through Stripe in USD, the others a bank's in CNY: payouts by file, a marketplace's
remittances, some without any reference. Nine in ten of the clean lines carry a reference; the rest is found by amount
and day, one for several, or by a word in a text. Amounts of lines without a reference are all different: two that are
alike in everything could not be told apart by anybody.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from settlement.reconciliation.kinds import Kind
from settlement.reconciliation.lines import TheirKind

FIRST = date(2026, 10, 1).toordinal()
DAYS = 31
MARKETS = ("amazon", "douyin", "tiktok-shop")
BANK, STRIPE, TRANSIT = "assets:bank", "assets:stripe", "assets:in-transit:stripe"


@dataclass(frozen=True, slots=True)
class Booked:
    """A line of the ledger, and the entry it is of."""

    number: int
    account: str
    currency: str
    day: int
    amount: int
    reference: str = ""
    group: str = ""
    market: str = ""
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """A line outside."""

    external_id: str
    source: str
    currency: str
    day: int
    amount: int
    kind: TheirKind
    reference: str = ""
    group: str = ""
    counterparty: str = ""
    text: str = ""


@dataclass
class Month:
    """Both sides, in no order; `defects` are the numbers and the external ids of each kind's lines, `clean` those of
    lines that have to be matched.
    """

    booked: list[Booked] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    clean: set[int | str] = field(default_factory=set)
    defects: dict[Kind, list[frozenset[int | str]]] = field(default_factory=lambda: defaultdict(list))


class Maker:
    """Draws lines; the same seed draws the same."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.month = Month()
        self._numbers = 0
        self._lone = 0

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def day(self, margin: int = 0) -> int:
        return FIRST + self.chance.randrange(margin, DAYS - margin)

    def amount(self) -> int:
        """As payouts are: many small, few large."""
        return int(self.chance.lognormvariate(9, 1.5)) + 1_000

    def lone_amount(self) -> int:
        """That no other line without a reference has, nor several of them together."""
        self._lone += 1
        return 10**11 + self._lone * 1_000_003

    def book(self, **told: Any) -> Booked:
        usual = {"account": BANK, "currency": "CNY", "day": self.day(), "amount": self.amount()}
        line = Booked(self.number(), **{**usual, **told})
        self.month.booked.append(line)
        return line

    def move(self, **told: Any) -> Moved:
        usual = {"source": "bank", "currency": "CNY", "day": self.day(), "kind": "receipt"}
        line = Moved(f"x{self.number()}", **{**usual, **told})
        self.month.moved.append(line)
        return line

    def clean(self, *lines: Booked | Moved) -> None:
        self.month.clean.update(its.number if isinstance(its, Booked) else its.external_id for its in lines)

    def defect(self, kind: Kind, *lines: Booked | Moved) -> None:
        names = frozenset(its.number if isinstance(its, Booked) else its.external_id for its in lines)
        self.month.defects[kind].append(names)


# Clean lines --------------------------------------------------------------------------------------------------


def _sent(make: Maker, **told: Any) -> tuple[Booked, Moved]:
    """A payout through Stripe."""
    number, day, amount = make.number(), make.day(), make.amount()
    reference, group = f"tr_{number:012}", f"clp-1-{number}"
    mine = make.book(
        account=STRIPE, currency="USD", day=day, amount=-amount, reference=reference, group=group, run=number // 10_000
    )
    its: dict[str, Any] = {"source": "stripe", "currency": "USD", "day": day, "amount": -amount, "kind": "transfer"}
    other = make.move(**{**its, "reference": reference, "group": group, **told})
    return mine, other


def _by_bank(make: Maker, **told: Any) -> tuple[Booked, Moved]:
    """A payout by a bank's file, that books some days later."""
    number, day, amount = make.number(), make.day(2), make.amount()
    reference = f"clp-1-{number}-1"
    mine = make.book(day=day, amount=-amount, reference=reference, group=f"clp-1-{number}", run=number // 10_000)
    its: dict[str, Any] = {"day": day + make.chance.randrange(3), "amount": -amount, "kind": "transfer"}
    return mine, make.move(**{**its, "reference": reference, **told})


def _remitted_in_text(make: Maker) -> tuple[Booked | Moved, ...]:
    number, day, amount, market = make.number(), make.day(2), make.amount(), make.chance.choice(MARKETS)
    reference = f"RMT-{number:09}"
    mine = make.book(day=day, amount=amount, reference=reference, market=market)
    text = f"{market.upper()} SETTLEMENT {reference} OCT"
    return mine, make.move(day=day + 1, amount=amount, counterparty=market.title(), text=text)


def _unnamed(make: Maker) -> tuple[Booked | Moved, ...]:
    """Only the amount and the day tell."""
    day, amount = make.day(3), make.lone_amount()
    return make.book(day=day, amount=amount), make.move(day=day + make.chance.randrange(-2, 3), amount=amount)


def _several_for_one(make: Maker) -> tuple[Booked | Moved, ...]:
    """A marketplace's remittances of one day, in one of the bank's lines; days of such lines are far apart."""
    number, amounts = make.number(), [make.lone_amount() for _ in range(make.chance.randrange(2, 6))]
    market, day = f"market-{number}", make.day(2)
    mine = [
        make.book(day=day, amount=each, market=market, reference=f"{number}-{at}") for at, each in enumerate(amounts)
    ]
    return *mine, make.move(day=day + 1, amount=sum(amounts), counterparty=f"Market {number} Ltd")


def _one_for_several(make: Maker) -> tuple[Booked | Moved, ...]:
    """One entry for what the bank has booked in parts, all with the entry's reference."""
    number, day = make.number(), make.day(2)
    parts = [make.amount() for _ in range(make.chance.randrange(2, 5))]
    reference = f"SPL-{number:09}"
    mine = make.book(day=day, amount=sum(parts), reference=reference)
    return mine, *[make.move(day=day + 1, amount=each, reference=reference) for each in parts]


_CLEAN: Sequence[tuple[int, Callable[[Maker], tuple[Booked | Moved, ...]]]] = (
    (500, _sent), (400, _by_bank), (60, _remitted_in_text), (30, _unnamed), (5, _several_for_one),
    (5, _one_for_several),
)  # fmt: skip


# Defects --------------------------------------------------------------------------------------------------------


def _missing_in_ledger(make: Maker) -> None:
    make.defect("missing-in-ledger", make.move(amount=make.lone_amount(), counterparty="Somebody"))


def _missing_outside(make: Maker) -> None:
    named = {"reference": f"clp-1-{make.number()}-1"} if make.chance.random() < 0.5 else {}
    make.defect("missing-outside", make.book(amount=make.lone_amount(), **named))


def _amount_differs(make: Maker) -> None:
    mine, other = _by_bank(make)
    _replace(make, other, amount=other.amount * 3 // 2)
    make.defect("amount-differs", mine, other)


def _currency_differs(make: Maker) -> None:
    mine, other = _by_bank(make)
    _replace(make, other, currency="EUR")
    make.defect("currency-differs", mine, other)


def _sign_differs(make: Maker) -> None:
    mine, other = _by_bank(make)
    _replace(make, other, amount=-other.amount)
    make.defect("sign-differs", mine, other)


def _date_out(make: Maker) -> None:
    mine, other = _by_bank(make)
    _replace(make, other, day=mine.day - 12 if mine.day > FIRST + 15 else mine.day + 12)
    make.defect("date-out-of-tolerance", mine, other)


def _duplicate_outside(make: Maker) -> None:
    mine, other = _by_bank(make)
    make.clean(mine)
    again = make.move(day=_within(other.day + 2), amount=other.amount, kind=other.kind, reference=other.reference)
    make.defect("duplicate-outside", again)


def _duplicate_in_ledger(make: Maker) -> None:
    mine, other = _sent(make)
    make.clean(other)
    told = {"account": STRIPE, "currency": "USD", "amount": mine.amount, "reference": mine.reference}
    last = mine.day == FIRST + DAYS - 1
    again = make.book(**told, day=mine.day + (-1 if last else 1), group=mine.group)
    make.defect("duplicate-in-ledger", again)


def _fee(make: Maker) -> None:
    if make.chance.random() < 0.5:
        fee = {"amount": -make.chance.randrange(20, 3_000), "kind": "fee"}
        make.defect("fee-not-booked", make.move(source="stripe", currency="USD", text="Stripe fee", **fee))
        return
    number, amount = make.number(), make.amount() + 10_000
    mine = make.book(amount=amount, reference=f"RMT-{number:09}")
    other = make.move(day=mine.day, amount=amount - amount // 100, reference=mine.reference)
    make.defect("fee-not-booked", mine, other)


def _fx(make: Maker) -> None:
    number, amount = make.number(), make.amount() + 10_000
    mine = make.book(amount=amount, reference=f"RMT-{number:09}")
    other = make.move(day=mine.day, amount=amount + amount // 50, reference=mine.reference, text="USD FX RATE 7.1034")
    make.defect("fx-difference", mine, other)


def _reversal(make: Maker) -> None:
    mine, other = _sent(make)
    make.clean(mine, other)
    back = make.move(
        source="stripe", currency="USD", day=mine.day, amount=-mine.amount, kind="return", reference=mine.reference
    )
    make.defect("reversal-not-booked", back)


def _returned(make: Maker) -> None:
    mine, other = _by_bank(make)
    make.clean(mine, other)
    back = make.move(day=_within(other.day + 1), amount=-mine.amount, kind="return", reference=mine.reference)
    make.defect("returned-payment-not-booked", back)


def _unknown_reference(make: Maker) -> None:
    unknown = make.move(amount=-make.amount(), kind="transfer", reference=f"clp-1-{make.number()}-1")
    make.defect("unknown-reference", unknown)


def _wrong_account(make: Maker) -> None:
    number, amount = make.number(), make.amount()
    mine = make.book(currency="USD", amount=amount, reference=f"po_{number:09}")
    other = make.move(
        source="stripe", currency="USD", day=mine.day, amount=amount, kind="charge", reference=mine.reference
    )
    make.defect("wrong-account", mine, other)


def _remainder(make: Maker) -> None:
    number, day = make.number(), make.day(2)
    mine = [make.book(day=day, amount=make.amount(), reference=f"BAT-{number:09}") for _ in range(3)]
    short = sum(its.amount for its in mine) - 777
    make.defect("grouped-remainder", *mine, make.move(day=day, amount=short, reference=f"BAT-{number:09}"))


def _chargeback(make: Maker) -> None:
    told = {"amount": -make.amount(), "kind": "chargeback", "text": "Chargeback withdrawal for ch_1"}
    make.defect("chargeback", make.move(source="stripe", currency="USD", **told))


def _top_up(make: Maker) -> None:
    make.defect("top-up-not-booked", make.move(source="stripe", currency="USD", amount=make.amount(), kind="top-up"))


def _own_transfer(make: Maker) -> None:
    told = {"amount": -make.amount(), "kind": "payout", "reference": f"po_{make.number():09}"}
    make.defect("own-transfer-not-booked", make.move(source="stripe", currency="USD", **told))


def _not_recorded(make: Maker) -> None:
    market = make.chance.choice(MARKETS)
    told = {"amount": make.lone_amount(), "counterparty": f"{market.title()} Ltd", "text": "settlement"}
    make.defect("remittance-not-recorded", make.move(**told))


def _stale(make: Maker) -> None:
    number = make.number()
    day = FIRST + make.chance.randrange(15)
    told = {"account": TRANSIT, "currency": "USD", "reference": f"tr_{number:012}", "group": f"clp-1-{number}"}
    make.defect("stale-in-transit", make.book(day=day, amount=make.amount(), **told))


_DEFECTS: Sequence[Callable[[Maker], None]] = (
    _missing_in_ledger, _missing_outside, _amount_differs, _currency_differs, _sign_differs, _date_out,
    _duplicate_outside, _duplicate_in_ledger, _fee, _fx, _reversal, _returned, _unknown_reference, _wrong_account,
    _remainder, _chargeback, _top_up, _own_transfer, _not_recorded, _stale,
)  # fmt: skip


def _within(day: int) -> int:
    """In the month: what comes later is the next one's."""
    return min(day, FIRST + DAYS - 1)


def _replace(make: Maker, was: Moved, **told: Any) -> None:
    """What was moved last, told otherwise."""
    its = {name: getattr(was, name) for name in Moved.__slots__}
    assert make.month.moved[-1] is was
    make.month.moved[-1] = Moved(**{**its, **told})


def make_month(lines: int, seed: int, *, of_each_kind: int | None = None) -> Month:
    """So many lines on each side, give or take a defect's. The same for the same seed."""
    make = Maker(seed)
    each = of_each_kind if of_each_kind is not None else max(lines // 2_000, 3)
    for draw in _DEFECTS:
        for _ in range(each):
            draw(make)
    weights = [weight for weight, _ in _CLEAN]
    draws = [draw for _, draw in _CLEAN]
    month = make.month
    while min(len(month.booked), len(month.moved)) < lines:
        (draw_clean,) = make.chance.choices(draws, weights)
        make.clean(*draw_clean(make))
    make.chance.shuffle(month.booked)
    make.chance.shuffle(month.moved)
    return month
