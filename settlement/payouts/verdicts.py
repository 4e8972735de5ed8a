"""What a bank's word on one line of a file makes of its payout. Pure.

| the bank says | of a payout that is | it becomes |
|---|---|---|
| under way | sent | stays sent |
| settled | sent | stays sent, until a statement shows it |
| settled | unknown, refused | sent: it was paid after all |
| rejected | sent, unknown | refused: back in our cash, to be tried again by a new key, or cancelled |
| rejected, what it called settled before | sent, unknown | unknown; the run is halted |
| has it already | sent, refused | unknown; the run is halted |
| settled, or has it already | refused and to be paid by a new key that no file holds | unknown by the old key; halted |
| settled, or has it already | cancelled, or in another file by a new key | as it is; the run is halted |

What is paid or came back stands: statements show that, and have the last word.
"""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Row

from settlement.payouts.answers import Change, after_call, lost
from settlement.payouts.lifecycle import target
from settlement.rails.protocol import Conflicting, Filed, Outcome, Refused, Sent

Told = Literal["pending", "settled", "rejected", "duplicate", "not-paid"]

_UNDECIDED = ("sent", "unknown")
_NOT_AGAIN = ("ready", "sending", "filed", "refused")
"""States from which a payout may be paid again."""


class Verdict(NamedTuple):
    """The bank's last word on the line, what becomes of the payout, and why its run is halted."""

    told: Told | None
    change: Change | None = None
    halt: str | None = None


def verdict_on(row: Row[Any], line: Row[Any], outcome: Outcome, now: datetime) -> Verdict:
    """Of a payout, and of a line that holds or held it."""
    match outcome:
        case Filed(_, status):
            return _under_way(row, line, status)
        case Refused() if line.told == "settled":
            return _contradicted(row, line, f"the bank said that {line.key} is settled, and rejects it now", now)
        case Refused():
            return _rejected(row, line, outcome, now)
        case Sent():
            return _settled(row, line, outcome, now)
        case Conflicting(reason):
            return _duplicate(row, line, reason, now)
    raise AssertionError(outcome)


def _under_way(row: Row[Any], line: Row[Any], status: str) -> Verdict:
    if row.key != line.key or row.state != "sent":
        return Verdict(line.told or "pending")
    change = Change(action="answered", state=target(row.state, "answered"), detail={"status": status})
    return Verdict(line.told or "pending", change)


def _rejected(row: Row[Any], line: Row[Any], outcome: Refused, now: datetime) -> Verdict:
    if row.key != line.key or row.state not in _UNDECIDED:
        return Verdict("rejected")
    return Verdict("rejected", after_call(row.state, outcome, row.attempts, now))


def _settled(row: Row[Any], line: Row[Any], outcome: Sent, now: datetime) -> Verdict:
    if row.key != line.key or row.state == "cancelled":
        return _paid_by_old_key(row, line, "settled", f"the bank has paid {line.key}", now)
    if row.state == "sent":
        change = Change(action="answered", state=target(row.state, "answered"), detail={"status": "settled"})
        return Verdict("settled", change)
    if row.state in ("unknown", "refused"):
        return Verdict("settled", after_call(row.state, outcome, row.attempts, now))
    return Verdict("settled")


def _duplicate(row: Row[Any], line: Row[Any], reason: str, now: datetime) -> Verdict:
    told: Told = "settled" if line.told == "settled" else "duplicate"
    if row.key != line.key or row.state == "cancelled":
        return _paid_by_old_key(row, line, told, reason, now)
    if row.state in ("paid", "returned"):
        return Verdict(told)
    return Verdict(told, lost(row.state, "conflicting", reason, None), reason)


def _contradicted(row: Row[Any], line: Row[Any], reason: str, now: datetime) -> Verdict:
    if row.key != line.key or row.state not in _UNDECIDED:
        return Verdict("settled")
    return Verdict("settled", lost(row.state, "contradiction", reason, None), reason)


def _paid_by_old_key(row: Row[Any], line: Row[Any], told: Told, reason: str, now: datetime) -> Verdict:
    """It is not to be paid by the new one as well; where that has happened already, a person has to know."""
    said = f"{reason}, and payout {row.payout_id} is {row.state} by {row.key}"
    if row.state not in _NOT_AGAIN:
        return Verdict(told, None, said)
    change = Change(
        action="lost",
        state=target(row.state, "lost"),
        detail={"code": "contradiction", "reason": said, "key": line.key},
        code="contradiction",
        reason=said,
        generation=int(line.key.rpartition("-")[2]),
        file_id=line.file_id,
    )
    return Verdict(told, change, said)
