"""What could be posted to put a residual right: lines as data, for a person to post or to change. Pure.

Nothing is proposed where an entry of its own would be booked a second time by what is to book it: payouts that came
back are looked up, remittances are recorded, sales are read in again.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from settlement.reconciliation.differing import family_of
from settlement.reconciliation.kinds import Kind
from settlement.reconciliation.lines import Ours, Residual, Stranger, Theirs
from settlement.reconciliation.loading import Scope

FEES = "expenses:payout-fees"
DIFFERENCES = "expenses:reconciliation-differences"
CHARGEBACKS = "expenses:chargebacks"
UNIDENTIFIED = "liabilities:unidentified"
"""What is in no entry because nobody knows what it is."""


class ProposedLine(Struct, frozen=True):
    """`amount` in minor units, debits positive."""

    account: str
    currency: str
    amount: int


class Proposal(Struct, frozen=True, kw_only=True):
    """An entry, or the entry that it `reverses`, or a remittance to record: of which marketplace, and its `amount`. The
    `reference` is what the entry, or the remittance, is of.
    """

    effective_on: date
    description: str
    lines: tuple[ProposedLine, ...] = ()
    reverses: int | None = None
    remittance: str | None = None
    reference: str | None = None
    amount: int = 0


class Known(Struct, frozen=True):
    """What there is to know of a residual's entry: `reversible` if it is the only one, and of no payout and no
    remittance; `counter` is its other account. And the book's marketplaces.
    """

    reversible: int | None
    counter: str | None
    markets: frozenset[str]


def proposal_of(
    residual: Residual, scope: Scope, mine: Sequence[Ours], lines: Sequence[Theirs], known: Known
) -> Proposal | None:
    """Of the residual's lines: ours, and theirs."""
    ours, theirs = sum(line.amount for line in mine), sum(line.amount for line in lines)
    on = date.fromordinal(max(line.day for line in lines)) if lines else scope.end
    said = residual.said[:900]
    if residual.kind in ("missing-outside", "duplicate-in-ledger"):
        if known.reversible is None:
            return None
        return Proposal(effective_on=on, description=f"Taken back: {said}", reverses=known.reversible)
    if residual.kind == "remittance-not-recorded":
        return _remittance(lines[0], on, known.markets)
    if residual.stranger is not None and mine:
        on = date.fromordinal(mine[0].day)
        moved = _elsewhere(residual.stranger, scope, ours)
        return Proposal(effective_on=on, description=said, lines=moved, reference=mine[0].reference)
    moved = _difference(residual, scope, theirs - ours, known)
    return Proposal(effective_on=on, description=said, lines=moved) if moved else None


def _elsewhere(found: Stranger, scope: Scope, booked: int) -> tuple[ProposedLine, ...]:
    """To where it moved. Where it moved has a residual, too; it is put right from here alone."""
    if found.account:
        return _moved(scope.currency, scope.account, found.account, booked)
    back = _moved(scope.currency, scope.account, UNIDENTIFIED, booked)
    return back + _moved(found.currency, UNIDENTIFIED, scope.account, found.amount)


def _difference(residual: Residual, scope: Scope, more: int, known: Known) -> tuple[ProposedLine, ...]:
    counter = known.counter if residual.kind == "sign-differs" else _COUNTER.get(residual.kind)
    if counter is None or not more:
        return ()
    if counter == scope.account:
        counter = UNIDENTIFIED
    return _moved(scope.currency, counter, scope.account, more)


_COUNTER: dict[Kind, str] = {
    "missing-in-ledger": UNIDENTIFIED,
    "duplicate-outside": UNIDENTIFIED,
    "amount-differs": DIFFERENCES,
    "grouped-remainder": DIFFERENCES,
    "fx-difference": DIFFERENCES,
    "fee-not-booked": FEES,
    "chargeback": CHARGEBACKS,
    "top-up-not-booked": "assets:bank",
    "own-transfer-not-booked": "assets:bank",
}
"""What the difference is booked against."""


def _moved(currency: str, source: str, target: str, amount: int) -> tuple[ProposedLine, ...]:
    return ProposedLine(target, currency, amount), ProposedLine(source, currency, -amount)


def _remittance(line: Theirs, on: date, markets: frozenset[str]) -> Proposal | None:
    market = family_of(line, markets)
    if market is None:
        return None
    reference = next((name for name in (line.reference, *line.others) if name), line.external_id)
    return Proposal(
        effective_on=on,
        description=f"Paid by {market}: {reference}",
        remittance=market,
        reference=reference,
        amount=line.amount,
    )
