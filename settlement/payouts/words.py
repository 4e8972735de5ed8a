"""A payout's way in words, for people of finance. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from ledger.money import format_amount
from settlement.payouts.lifecycle import Action, State
from settlement.payouts.payouts import Payout, PayoutEvent

_FIXERS: Mapping[str | None, str] = {
    "payee": "the payee can put it right, in its account",
    "host": "the host can put it right",
    "operator": "the operator of the service can put it right",
}

_NEXT: Mapping[State, str] = {
    "planned": "nothing is set aside before its run is approved",
    "left-out": "is not paid by this run; what it would have been stays available",
    "ready": "is sent next",
    "sending": "is being sent; whoever sends it has five minutes, then the next worker goes on",
    "filed": "waits to be put into a file for the bank",
    "sent": "is with the rail; paid once the rail shows it",
    "paid": "has arrived",
    "refused": "nothing was paid; retry it once the reason is gone, or cancel it",
    "unknown": "may have been paid or not; it is looked up, and not sent again before that",
    "returned": "came back whole; what was set aside is available again",
    "cancelled": "was never paid; what was set aside is available again",
}


def next_step(payout: Payout) -> str:
    """What its state means, and who does something about it."""
    said = _NEXT.get(payout.state, payout.state)
    if payout.state == "unknown" and payout.next_attempt_at is None:
        return "may have been paid or not, and the rail contradicts itself: a person has to look"
    if payout.state == "refused" and payout.fixed_by is not None:
        return f"{said}; {fixed_by(payout.fixed_by)}"
    if payout.state == "ready" and payout.next_attempt_at is None:
        return "waits until its run is resumed"
    if payout.state == "ready" and payout.reason is not None:
        return "waits, and is tried again by itself"
    return said


def fixed_by(who: str | None) -> str:
    """Who can put it right."""
    return _FIXERS.get(who, f"{who} can put it right")


def step(event: PayoutEvent, currency: str) -> str:
    """One step of the way."""
    tell = _TOLD.get(event.action)  # type: ignore[call-overload]
    return event.action if tell is None else tell(event.detail, currency)


def _refused(detail: Mapping[str, Any], _: str) -> str:
    again = "" if detail.get("retriable", True) else "; trying again won't help"
    return f"refused, nothing was paid: {detail.get('reason')} ({fixed_by(detail.get('fixed_by'))}{again})"


def _released(detail: Mapping[str, Any], _: str) -> str:
    if "by" in detail:
        return f"{detail['by']} lets it be tried again, with a new key"
    key = "a new key, for the old one is forgotten" if detail.get("renewed") else "the same key"
    return f"looked up and not found: nothing was paid; it is sent again with {key}"


def _returned(detail: Mapping[str, Any], currency: str) -> str:
    return f"{format_amount(detail['returned'], currency)} {currency} came back, all told: {detail.get('reason')}"


_TOLD: Mapping[Action, Callable[[Mapping[str, Any], str], str]] = {
    "approved": lambda its, _: f"approved by {its.get('by')}: the money is set aside",
    "claimed": lambda its, _: f"the rail is called, with key {its.get('key')}",
    "sent": lambda its, _: f"the rail took it as {its.get('reference')}",
    "filed": lambda its, _: "waits to be put into a file for the bank",
    "answered": lambda its, _: f"the bank says how far it is: {its.get('status') or its.get('reason')}",
    "confirmed": lambda its, _: f"the rail shows {its.get('reference')}: paid",
    "refused": _refused,
    "lost": lambda its, _: f"not known whether it was paid: {its.get('reason')}; to be looked up",
    "deferred": lambda its, _: f"the rail did nothing: {its.get('reason')}; tried again by itself",
    "released": _released,
    "returned": _returned,
    "cancelled": lambda its, _: f"cancelled by {its.get('by')}: {its.get('reason')}",
}
