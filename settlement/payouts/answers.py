"""What a rail's answer makes of a payout. Pure.

The rules by which nothing is paid twice:

- a key names one attempt; it is sent again, and only with the same request, where its effect is not known
- a new key is made only where the last call had no effect: the rail said so, or a look-up after the key's time shows it
- a key is sent for `KEY_TIME` at most: rails forget keys after a day, and what they forgot they would do again
- a key goes into one file for a bank, ever, and is not taken for unpaid because a statement does not show it yet
"""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from settlement.payouts.lifecycle import Action, State, target
from settlement.rails.protocol import (
    Conflicting,
    Filed,
    Halted,
    Outcome,
    Refused,
    Sent,
    Throttled,
    Unfunded,
)

KEY_TIME = timedelta(hours=23)
"""Rails keep keys for 24 hours at least, by their clock; ours may differ, and a call takes its time."""
FORGOTTEN = timedelta(hours=25)
"""After this, no call that was under way with a key can have an effect any more that a look-up does not show."""
_FUNDS = timedelta(minutes=15)
"""When it is tried again for want of funds, unless the rail tells earlier that there are some."""
_BUSY = timedelta(seconds=30)
_FIRST_LOOK = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)


class Change(Struct, frozen=True, kw_only=True):
    """What becomes of a payout. `renewed`: its next call has a new key. `detail` is what the trail keeps. `returned` is
    what has come back so far, in minor units. By file, `file_id` holds it now, and `generation` is that of an earlier
    key that turns out to have been paid.
    """

    action: Action
    state: State
    detail: dict[str, Any]
    renewed: bool = False
    reference: str | None = None
    sent_at: datetime | None = None
    next_attempt_at: datetime | None = None
    code: str | None = None
    reason: str | None = None
    fixed_by: str | None = None
    returned: int = 0
    file_id: int | None = None
    generation: int | None = None


class Stop(Struct, frozen=True):
    """Nothing more is sent: of the run, or by the rail."""

    rail: bool
    reason: str


def after_call(state: State, outcome: Outcome, attempts: int, now: datetime) -> Change:
    """What the answer to a call makes of the payout. Raises WrongPayoutStep."""
    match outcome:
        case Sent(reference, at):
            return _sent(state, reference, at)
        case Filed(_, status):
            return Change(action="filed", state=target(state, "filed"), detail={"status": status})
        case Refused():
            return _refused(state, outcome)
        case Unfunded(reason):
            return _deferred(state, "unfunded", reason, now + _FUNDS, renewed=True)
        case Throttled(retry_after):
            wait = _BUSY if retry_after is None else min(timedelta(seconds=retry_after), _LONGEST_WAIT)
            return _deferred(state, "busy", "the rail is busy", now + wait)
        case Halted(reason):
            return _deferred(state, "halted", reason, None)
        case Conflicting(reason):
            return lost(state, "conflicting", reason, None)
    return lost(state, "unknown", outcome.reason, now + _look_again(attempts))


def stop_of(outcome: Outcome) -> Stop | None:
    """Whether the answer stops more than the payout it is about."""
    match outcome:
        case Conflicting(reason):
            return Stop(rail=False, reason=reason)
        case Halted(reason):
            return Stop(rail=True, reason=reason)
    return None


def lost(state: State, code: str, reason: str, next_attempt_at: datetime | None) -> Change:
    """It is not known whether it was paid."""
    return Change(
        action="lost",
        state=target(state, "lost"),
        detail={"code": code, "reason": reason},
        code=code,
        reason=reason,
        next_attempt_at=next_attempt_at,
    )


def after_look(state: State, found: Sent | None, first_sent_at: datetime, attempts: int, now: datetime) -> Change:
    """What a look-up makes of a payout of which it was not known. Raises WrongPayoutStep.

    What is not there may be sent again: by the same key while that is young, by a new one once it is forgotten.
    """
    if found is not None:
        return after_call(state, found, attempts, now)
    age = now - first_sent_at
    if KEY_TIME <= age < FORGOTTEN:
        return lost(state, "not-found", "waits until its key is forgotten", first_sent_at + FORGOTTEN)
    renewed = age >= FORGOTTEN
    return Change(
        action="released",
        state=target(state, "released"),
        detail={"found": None, "renewed": renewed},
        renewed=renewed,
        next_attempt_at=now if renewed else now + _look_again(attempts),
    )


def _sent(state: State, reference: str, at: datetime) -> Change:
    detail = {"reference": reference}
    return Change(action="sent", state=target(state, "sent"), detail=detail, reference=reference, sent_at=at)


def _refused(state: State, outcome: Refused) -> Change:
    return Change(
        action="refused",
        state=target(state, "refused"),
        detail={"reason": outcome.reason, "fixed_by": outcome.fixed_by, "retriable": outcome.retriable},
        code=outcome.code,
        reason=outcome.reason,
        fixed_by=outcome.fixed_by,
    )


def _deferred(state: State, code: str, reason: str, until: datetime | None, *, renewed: bool = False) -> Change:
    return Change(
        action="deferred",
        state=target(state, "deferred"),
        detail={"code": code, "reason": reason},
        renewed=renewed,
        next_attempt_at=until,
        code=code,
        reason=reason,
    )


def _look_again(attempts: int) -> timedelta:
    """Longer each time."""
    doubled: timedelta = _FIRST_LOOK * 2 ** min(max(attempts - 1, 0), 10)
    return min(doubled, _LONGEST_WAIT)
