"""Claims as values: their grounds, their deadlines, and who may do what, when.

A host disputes a clip or a grant's sales; a clipper disputes a decision on its clip or its grant. The other side is
the respondent.

| claimant | answers within RESPOND_DAYS  | decides first                         | by the clock          |
|----------|------------------------------|---------------------------------------|-----------------------|
| host     | the clipper, by a statement  | the host, within DECIDE_DAYS after it | no answer: upheld     |
|          |                              |                                       | no decision: released |
| clipper  | the host, who so decides     | the host: releases it, or concedes    | no answer: upheld     |

Silence counts against who is silent: who was asked and says nothing has nothing to say against it, and a host that has
its answer and doesn't decide may not keep somebody's money frozen by waiting. Whoever lost may appeal within
APPEAL_DAYS; the operator decides then, finally. Either side may give in before that: the respondent concedes, the
claimant withdraws, and both are final at once, for nobody is left who could appeal.

What is finally upheld has its effect at once: see `licensing.outcomes`.

The operator's `decide_by` is a promise without a consequence: no clock may take a side in its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from licensing.errors import DeadlinePassed, InvalidClaim, WrongTransition
from licensing.states import CLAIM, Side

Claimant = Literal["host", "clipper"]
State = Literal["open", "responded", "upheld", "released", "appealed", "finally-upheld", "finally-released"]
Verdict = Literal["uphold", "release"]

RESPOND_DAYS = 7
DECIDE_DAYS = 7
APPEAL_DAYS = 14
REVIEW_DAYS = 14
"""Within which the operator means to decide an appeal."""

FINAL = ("finally-upheld", "finally-released")
_DECISIONS = ("upheld", "released", *FINAL)
_FREEZING = ("open", "responded", "upheld", "appealed")


@dataclass(frozen=True)
class Ground:
    """Why somebody claims: which side may, over what, and the sentence for people."""

    claimant: Claimant
    over: tuple[Literal["submission", "grant"], ...]
    sentence: str


GROUNDS: Mapping[str, Ground] = {
    "false-advertising": Ground("host", ("submission",), "The clip says of the goods what the stream does not say."),
    "not-disclosed": Ground("host", ("submission",), "The post does not show the disclosure that the terms ask for."),
    "edited-against-terms": Ground("host", ("submission",), "The clip was edited in a way that the terms forbid."),
    "foreign-content": Ground("host", ("submission",), "The clip shows or plays what the host has no right to give."),
    "outside-terms": Ground(
        "host", ("submission", "grant"), "It was posted where, when or by an account that the terms do not cover."
    ),
    "false-sales": Ground(
        "host", ("submission", "grant"), "Sales are not true: own purchases, invented orders, bought traffic."
    ),
    "wrongly-rejected": Ground("clipper", ("submission",), "The clip keeps the terms and was rejected nevertheless."),
    "wrongly-recognised": Ground("clipper", ("submission",), "The clip was rejected for what it does not show."),
    "wrongly-suspended": Ground("clipper", ("grant",), "The grant was suspended without a breach of its terms."),
    "wrongly-revoked": Ground("clipper", ("grant",), "The grant was revoked without a breach of its terms."),
}
_DISPUTABLE: Mapping[str, tuple[str, ...]] = {
    "wrongly-rejected": ("rejected",),
    "wrongly-recognised": ("rejected",),
    "wrongly-suspended": ("suspended",),
    "wrongly-revoked": ("revoked",),
}
_GRANTED = ("active", "suspended", "revoked", "resigned", "expired")


class Claim(msgspec.Struct, frozen=True):
    """`frozen`: settlement holds the money concerned. A deadline that has no meaning yet is null.

    `respond_by` is the respondent's, `decide_by` that of whoever decides next, `appeal_by` the loser's. `reason` is the
    last decision's. `owed` is `new-grant` once it is finally upheld that a grant was wrongly revoked: a revocation is
    final, so the host owes the clipper another.
    """

    claim_id: int
    claimant: Claimant
    clipper_id: int
    grant_id: int
    submission_id: int | None
    ground: str
    state: State
    frozen: bool
    respond_by: datetime
    decide_by: datetime | None
    appeal_by: datetime | None
    opened_at: datetime
    decided_at: datetime | None
    reason: str | None
    owed: Literal["new-grant"] | None = None

    @property
    def respondent(self) -> Claimant:
        """The side that must answer."""
        return "clipper" if self.claimant == "host" else "host"

    @property
    def loser(self) -> Claimant:
        """The side against which it stands, while it is upheld or released."""
        return self.respondent if self.state == "upheld" else self.claimant


class Move(msgspec.Struct, frozen=True):
    """What may be done next, and by which side."""

    action: str
    by: Side


def owed(ground: str, state: str) -> Literal["new-grant"] | None:
    """What the host still has to do itself after this claim."""
    return "new-grant" if (ground, state) == ("wrongly-revoked", "finally-upheld") else None


def ground_of(claimant: Claimant, ground: str, over: str) -> Ground:
    """Raises InvalidClaim where this side has no such ground over a `submission` or a `grant`."""
    named = [name for name, each in GROUNDS.items() if each.claimant == claimant and over in each.over]
    if ground not in named:
        raise InvalidClaim("ground", ground, f"over a {over} the {claimant} claims one of {', '.join(named)}")
    return GROUNDS[ground]


def check_disputable(ground: str, over: str, state: str) -> None:
    """Raises WrongTransition where the clip or grant is in no state that this ground is about."""
    states = _DISPUTABLE.get(ground) or (_GRANTED if over == "grant" else ())
    if states and state not in states:
        raise WrongTransition(f"{over}.state", state, f"{ground} is about a {over} that is {' or '.join(states)}")


def open_grounds(claimant: Claimant, over: str, state: str) -> list[str]:
    """On which this side may dispute a `submission` or a `grant` that is in this state."""
    its = [name for name, each in GROUNDS.items() if each.claimant == claimant and over in each.over]
    return [name for name in its if state in (_DISPUTABLE.get(name) or (_GRANTED if over == "grant" else (state,)))]


def moves(claim: Claim) -> tuple[Move, ...]:
    """All that its state and its two sides allow, whatever time it is."""
    return tuple(
        Move(each.action, side)
        for each in CLAIM.transitions
        if claim.state in each.sources
        for side in each.by
        if _is_theirs(claim, each.action, side)
    )


def target(claim: Claim, action: str, side: Side, now: datetime) -> State:
    """The state to which this leads.

    Raises:
        WrongTransition: naming the state, what this claim allows in it, and who may do that.
        DeadlinePassed: it would have been allowed until a moment that is gone.
    """
    if Move(action, side) not in moves(claim):
        allowed = "; ".join(f"{each.action} (by the {each.by})" for each in moves(claim)) or "nothing, it has ended"
        rule = f"a {claim.claimant}'s claim that is {claim.state} can't be {action} by the {side}; allowed: {allowed}"
        raise WrongTransition("claim.state", claim.state, rule)
    if side != "system":
        _check_time(claim, action, now)
    return CLAIM.target(claim.state, action, side)  # type: ignore[return-value]


def action_of(claim: Claim, verdict: Verdict) -> str:
    """What a host does to a claim by deciding for or against it: against itself it concedes or withdraws."""
    if verdict == "uphold":
        return "upheld" if claim.claimant == "host" else "conceded"
    return "withdrawn" if claim.claimant == "host" else "released"


def consequences(claim: Claim, state: State, now: datetime) -> dict[str, Any]:
    """What becomes of it in this state, by the names of its fields. Money that was released is not frozen again."""
    changed: dict[str, Any] = {"state": state, "frozen": claim.frozen and state in _FREEZING}
    if state == "responded":
        changed["decide_by"] = now + timedelta(days=DECIDE_DAYS)
    elif state == "appealed":
        changed["decide_by"] = now + timedelta(days=REVIEW_DAYS)
    elif state in ("upheld", "released"):
        changed["appeal_by"] = now + timedelta(days=APPEAL_DAYS)
    if state in _DECISIONS:
        changed["decided_at"] = now
    return changed


def _is_theirs(claim: Claim, action: str, side: Side) -> bool:
    """Whether this side of this claim is who the machine means; operator and clock are who they are."""
    if side not in ("host", "clipper"):
        return True
    theirs: Mapping[str, Side] = {
        "responded": "clipper" if claim.claimant == "host" else "system",
        "upheld": "host" if claim.claimant == "host" else "system",
        "released": "host" if claim.claimant == "clipper" else "system",
        "appealed": claim.loser,
        "conceded": claim.respondent,
        "withdrawn": claim.claimant,
    }
    return theirs[action] == side


def _check_time(claim: Claim, action: str, now: datetime) -> None:
    if action == "upheld" and claim.state == "open" and now <= claim.respond_by:
        rule = f"can be upheld after the clipper's response, or without one after {claim.respond_by.isoformat()}"
        raise WrongTransition("claim.state", claim.state, rule)
    name = {
        ("open", "responded"): "respond_by",
        ("open", "released"): "respond_by",
        ("responded", "upheld"): "decide_by",
        ("upheld", "appealed"): "appeal_by",
        ("released", "appealed"): "appeal_by",
    }.get((claim.state, action))
    until: datetime | None = getattr(claim, name) if name else None
    if name and until is not None and now > until:
        raise DeadlinePassed(name, until.isoformat(), f"a claim that is {claim.state} could be {action} until then")
