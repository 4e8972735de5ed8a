"""A host's month as ledger entries: sales with three split ratios, a refund, the release, a payout.

Accounts and entries are those of the money flow in `docs/ledger.md`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from ledger.accounts import BUSY_STRIPES, NewAccount
from ledger.entries import Line, NewEntry
from ledger.splits import Share, Split, SplitRule, Take, evaluate, evaluate_change

CURRENCY = "CNY"
MARKETPLACE = "assets:marketplace:tiktok"
STRIPE = "assets:stripe"
IN_TRANSIT = "assets:in-transit:stripe"
DEFERRED_FEE = "liabilities:deferred-fee"
FEE_INCOME = "income:platform-fee"
CLIPPERS = {"ana": (3, 7), "bo": (4, 6), "chen": (5, 5)}
"""Clippers and their ratios, host : clipper."""


def held(party: str) -> str:
    """Earned, still inside the refund window."""
    return f"liabilities:held:{party}"


def available(party: str) -> str:
    """Earned and releasable."""
    return f"liabilities:available:{party}"


def paying(party: str) -> str:
    """In an approved payout."""
    return f"liabilities:paying:{party}"


def rule_of(clipper: str) -> SplitRule:
    """5 % of the gross to the platform, 10 % to the agency, the rest between host and clipper."""
    host, part = CLIPPERS[clipper]
    return SplitRule(
        currency=CURRENCY,
        takes=(Take("platform", "5%"), Take("agency", "10%")),
        shares=(Share("host", host), Share(clipper, part)),
    )


def accounts() -> list[NewAccount]:
    """All accounts of the story; those that every sale touches are striped."""
    busy = (MARKETPLACE, DEFERRED_FEE, held("host"), held("agency"))
    quiet = [STRIPE, IN_TRANSIT, FEE_INCOME]
    for party in ("host", "agency", *CLIPPERS):
        quiet += [held(party), available(party), paying(party)]
    striped = [NewAccount(code, CURRENCY, BUSY_STRIPES) for code in busy]
    return striped + [NewAccount(code, CURRENCY) for code in quiet if code not in busy]


@dataclass(frozen=True)
class Sale:
    """One order line: whose clip sold it, when, and the gross commission in minor units."""

    order: str
    clipper: str
    sold_on: date
    commission: int

    @property
    def split(self) -> Split:
        """Who gets what of it."""
        return evaluate(rule_of(self.clipper), self.commission)


def sales(month: date, days: int) -> list[Sale]:
    """A sale a day for each clipper, with amounts that make every rounding rule work."""
    return [
        Sale(
            f"{month:%Y%m}-{day + 1:02}-{clipper}", clipper, month + timedelta(days=day), 4_999 + 271 * day + 1_313 * n
        )
        for day in range(days)
        for n, clipper in enumerate(CLIPPERS, 1)
    ]


def accrued(sale: Sale) -> NewEntry:
    """The marketplace owes the commission; each party has earned its part, held until the refund window ends."""
    return _entry(
        f"sale:{sale.order}",
        sale.sold_on,
        f"Sale {sale.order} accrued",
        {MARKETPLACE: sale.commission, **_credits(sale.split.parts)},
        order=sale.order,
    )


def refunded(sale: Sale, remaining: int, on: date, period: date | None = None) -> NewEntry:
    """The commission shrank to `remaining`: the difference goes back along the same accounts."""
    change = evaluate_change(rule_of(sale.clipper), sale.split.parts, remaining)
    amounts = {MARKETPLACE: remaining - sale.commission, **_credits(change)}
    return _entry(f"refund:{sale.order}:{remaining}", on, f"Sale {sale.order} partly returned", amounts, period)


def remitted(amount: int, on: date) -> NewEntry:
    """The marketplace paid what it owed."""
    return _entry(f"remittance:{on}", on, "Marketplace paid", {STRIPE: amount, MARKETPLACE: -amount})


def released(balances: Mapping[str, int], on: date) -> NewEntry:
    """The refund window has ended: what was held becomes available, the deferred fee income.

    `balances` are the held and deferred balances by account, credits negative.
    """
    amounts: dict[str, int] = {}
    for account, balance in balances.items():
        target = FEE_INCOME if account == DEFERRED_FEE else account.replace(":held:", ":available:")
        amounts |= {account: -balance, target: balance}
    return _entry(f"release:{on}", on, "Refund window ended", amounts)


def payout(party: str, amount: int, on: date) -> Iterator[NewEntry]:
    """Approved, sent and confirmed."""
    name, payee = f"payout:{on}:{party}", party.capitalize()
    yield _entry(
        f"{name}:approved", on, f"Payout to {payee} approved", {available(party): amount, paying(party): -amount}
    )
    yield _entry(f"{name}:sent", on, f"Payout to {payee} sent", {IN_TRANSIT: amount, STRIPE: -amount})
    day = on + timedelta(days=1)
    yield _entry(f"{name}:paid", day, f"Payout to {payee} arrived", {paying(party): amount, IN_TRANSIT: -amount})


def _credits(parts: Mapping[str, int]) -> dict[str, int]:
    return {DEFERRED_FEE if party == "platform" else held(party): -part for party, part in parts.items()}


def _entry(
    key: str, on: date, description: str, amounts: Mapping[str, int], period: date | None = None, **metadata: str
) -> NewEntry:
    return NewEntry(
        idempotency_key=key,
        effective_on=on,
        description=description,
        lines=tuple(Line(account, CURRENCY, amount) for account, amount in amounts.items() if amount),
        metadata=metadata,
        period=period,
    )
