"""What finance reads of payouts: every state and step has its words, on the command line and in docs/payouts.md."""

from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest

from settlement.payouts.drawing import DRAWN, diagram, drawn_into
from settlement.payouts.lifecycle import STEPS, State
from settlement.payouts.payouts import Payout, PayoutEvent
from settlement.payouts.words import fixed_by, next_step, step

PAGE = DRAWN.read_text(encoding="utf-8")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PAYOUT = Payout(
    payout_id=1,
    run_id=1,
    party="clipper-1",
    currency="CNY",
    taken=100,
    recovery=0,
    withheld=0,
    amount=100,
    returned=0,
    rail="stripe",
    state="ready",
    destination="acct_1",
    transfer_group=None,
    reference=None,
    attempts=0,
    code=None,
    reason=None,
    fixed_by=None,
    next_attempt_at=NOW,
    sent_at=None,
    ended_at=None,
)


def test_the_diagram_is_what_the_code_does() -> None:
    assert diagram() in PAGE, "run: python -m settlement.payouts.drawing"
    assert drawn_into(PAGE) == PAGE


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_is_explained(state: State) -> None:
    assert f"| `{state}`" in PAGE
    assert next_step(msgspec.structs.replace(PAYOUT, state=state)) not in ("", state)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": "no funds"}, "waits, and is tried again by itself"),
        ({"reason": "halted", "next_attempt_at": None}, "waits until its run is resumed"),
        ({"state": "unknown", "next_attempt_at": None}, "a person has to look"),
        ({"state": "refused", "fixed_by": "payee"}, "the payee can put it right"),
    ],
)
def test_what_is_in_the_way_is_told(changed: dict[str, Any], said: str) -> None:
    assert said in next_step(msgspec.structs.replace(PAYOUT, **changed))


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        ("approved", {"by": "user:2"}, "approved by user:2: the money is set aside"),
        ("claimed", {"key": "clp-1-1-1"}, "the rail is called, with key clp-1-1-1"),
        ("sent", {"reference": "tr_1"}, "the rail took it as tr_1"),
        ("confirmed", {"reference": "tr_1"}, "the rail shows tr_1: paid"),
        (
            "refused",
            {"reason": "closed", "fixed_by": "payee", "retriable": True},
            "refused, nothing was paid: closed (the payee can put it right, in its account)",
        ),
        ("refused", {"reason": "too much", "fixed_by": "operator", "retriable": False}, "trying again won't help"),
        ("lost", {"reason": "no answer"}, "not known whether it was paid: no answer; to be looked up"),
        ("deferred", {"reason": "busy"}, "the rail did nothing: busy; tried again by itself"),
        ("released", {"by": "user:1"}, "user:1 lets it be tried again, with a new key"),
        ("released", {"found": None, "renewed": False}, "nothing was paid; it is sent again with the same key"),
        ("released", {"found": None, "renewed": True}, "a new key, for the old one is forgotten"),
        ("returned", {"returned": 2_500, "reason": "reversed"}, "25.00 CNY came back, all told: reversed"),
        ("cancelled", {"by": "user:2", "reason": "closed"}, "cancelled by user:2: closed"),
        ("filed", {}, "waits to be put into a file for the bank"),
        ("answered", {"status": "ACTC"}, "the bank says how far it is: ACTC"),
    ],
)
def test_every_step_is_told(action: str, detail: dict[str, Any], said: str) -> None:
    assert said in step(PayoutEvent(1, action, "ready", detail, NOW), "CNY")


def test_no_step_is_without_words() -> None:
    details = {"returned": 1, "reason": "x"}
    assert [action for action in STEPS if step(PayoutEvent(1, action, "ready", details, NOW), "CNY") == action] == []
    assert step(PayoutEvent(1, "of another version", "ready", {}, NOW), "CNY") == "of another version"
    assert fixed_by("bank") == "bank can put it right"
