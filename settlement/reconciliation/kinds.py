"""The kinds of what does not match: a closed list, who sees to each, and what is to be done about it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal[
    "missing-in-ledger",
    "missing-outside",
    "amount-differs",
    "currency-differs",
    "sign-differs",
    "date-out-of-tolerance",
    "duplicate-outside",
    "duplicate-in-ledger",
    "fee-not-booked",
    "fx-difference",
    "reversal-not-booked",
    "returned-payment-not-booked",
    "unknown-reference",
    "wrong-account",
    "grouped-remainder",
    "chargeback",
    "top-up-not-booked",
    "own-transfer-not-booked",
    "remittance-not-recorded",
    "in-transit",
    "stale-in-transit",
    "report-row-parked",
    "sale-not-posted",
    "remittance-short",
    "remittance-over",
]

Owner = Literal["finance", "operator", "marketplace", "payee"]


class About(NamedTuple):
    """Who sees to it, and what is to be done, in words."""

    owner: Owner
    advice: str


ABOUT: Mapping[Kind, About] = {
    "missing-in-ledger": About("finance", "It moved outside and is in no entry: find out what it is, and book it."),
    "missing-outside": About("finance", "It is booked and never moved: wait for it, or take the entry back."),
    "amount-differs": About("finance", "The same reference with another amount: book the difference, or ask."),
    "currency-differs": About("finance", "The same reference in another currency: book it in the one that moved."),
    "sign-differs": About("finance", "Booked the wrong way round: reverse the entry and book it again."),
    "date-out-of-tolerance": About("finance", "Everything fits but the day: match it by hand if it is the same."),
    "duplicate-outside": About("finance", "It moved twice: ask for it back, or give it back."),
    "duplicate-in-ledger": About("finance", "It is booked twice: reverse one of the entries."),
    "fee-not-booked": About("finance", "A fee that is in no entry: book it."),
    "fx-difference": About("finance", "The bank has converted at another rate: book the difference."),
    "reversal-not-booked": About("operator", "A transfer was taken back and its payout does not know: look it up."),
    "returned-payment-not-booked": About("payee", "The payee's bank has sent it back: the payee corrects its account."),
    "unknown-reference": About("operator", "Money left for a payment that is in no entry: look at once."),
    "wrong-account": About("finance", "Booked on another account than it moved on: move it."),
    "grouped-remainder": About("finance", "Lines of one reference, whose sums differ: find the rest."),
    "chargeback": About("finance", "A payer has taken money back: answer the dispute, or book the loss."),
    "top-up-not-booked": About("operator", "Money was put on the rail: book where it came from."),
    "own-transfer-not-booked": About("finance", "Money moved between own accounts: book it."),
    "remittance-not-recorded": About("finance", "A marketplace has paid: record the remittance."),
    "in-transit": About("operator", "Sent and not confirmed yet: nothing is to be done."),
    "stale-in-transit": About("operator", "Sent long ago and never confirmed: look the payouts up."),
    "report-row-parked": About("finance", "A report's row that nobody could read: settle it."),
    "sale-not-posted": About("operator", "A sale whose commission is not what is posted for it: read it in again."),
    "remittance-short": About("marketplace", "It has settled more than it has paid: ask for the rest."),
    "remittance-over": About("marketplace", "It has paid more than it has settled: ask what for."),
}

SELF_EXPLAINING: frozenset[Kind] = frozenset({"in-transit"})
"""Kinds that need no reason: they are what is usual."""
