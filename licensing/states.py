"""The states of everything that has states here, and who may do what in which.

A machine is data: `docs/states.md` is drawn from it, the database's CHECKs name the same states, and every use case
asks it before it changes a row. A transition by `system` is made by the clock, by a job, or by a claim finally upheld.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from licensing.errors import WrongTransition

Side = Literal["host", "clipper", "operator", "system"]


class By(NamedTuple):
    """Who does something: for which side, and by the name that trails know (`user:3`, `key:7`, `job:…`, `claim:9`)."""

    side: Side
    actor: str


@dataclass(frozen=True)
class Transition:
    """`action` leads from any of `sources` to `target`, when one of the sides `by` does it."""

    action: str
    sources: tuple[str, ...]
    target: str
    by: tuple[Side, ...]


@dataclass(frozen=True)
class Machine:
    """`initial` are the states in which a new one may begin."""

    noun: str
    initial: tuple[str, ...]
    transitions: tuple[Transition, ...]

    @property
    def states(self) -> tuple[str, ...]:
        """All there are, in the order in which they are first named."""
        named = (*self.initial, *(state for each in self.transitions for state in (*each.sources, each.target)))
        return tuple(dict.fromkeys(named))

    def sources(self, action: str, side: Side | None = None) -> tuple[str, ...]:
        """The states in which the action is possible, to anybody or to this side."""
        its = (each for each in self.transitions if each.action == action and (side is None or side in each.by))
        return tuple(state for each in its for state in each.sources)

    def target(self, state: str, action: str, side: Side) -> str:
        """The state to which this leads.

        Raises:
            WrongTransition: naming the state, what it allows, and who may do that.
        """
        for each in self.transitions:
            if each.action == action and state in each.sources and side in each.by:
                return each.target
        allowed = "; ".join(self._allowed(state)) or "nothing, it has ended"
        rule = f"a {self.noun} that is {state} can't be {action} by the {side}; allowed: {allowed}"
        raise WrongTransition(f"{self.noun}.state", state, rule)

    def _allowed(self, state: str) -> Iterator[str]:
        for each in self.transitions:
            if state in each.sources:
                yield f"{each.action} (by the {' or '.join(each.by)})"


def _to(target: str, action: str, sources: str, by: str) -> Transition:
    return Transition(action, tuple(sources.split()), target, tuple(by.split()))  # type: ignore[arg-type]


OFFER = Machine(
    "offer",
    ("draft",),
    (
        _to("open", "opened", "draft paused", "host"),
        _to("paused", "paused", "open", "host"),
        _to("closed", "closed", "draft open paused", "host"),
    ),
)

APPLICATION = Machine(
    "application",
    ("submitted",),
    (
        _to("approved", "approved", "submitted", "host system"),
        _to("rejected", "rejected", "submitted", "host"),
        _to("withdrawn", "withdrawn", "submitted", "clipper"),
        _to("expired", "expired", "submitted", "system"),
    ),
)

GRANT = Machine(
    "grant",
    ("offered", "active"),
    (
        _to("active", "accepted", "offered", "clipper"),
        _to("declined", "declined", "offered", "clipper"),
        _to("suspended", "suspended", "active", "host"),
        _to("active", "resumed", "suspended", "host system"),
        _to("revoked", "revoked", "offered active suspended", "host"),
        _to("resigned", "resigned", "active suspended", "clipper"),
        _to("expired", "expired", "offered active suspended", "system"),
    ),
)

SUBMISSION = Machine(
    "submission",
    ("submitted",),
    (
        _to("identifying", "taken up", "submitted", "system"),
        _to("identified", "identified", "submitted identifying unrecognised", "system"),
        _to("unrecognised", "unrecognised", "submitted identifying", "system"),
        _to("approved", "approved", "identified unrecognised rejected", "host"),
        _to("approved", "approved", "identified rejected", "system"),
        _to("rejected", "rejected", "identified unrecognised approved", "host"),
        _to("rejected", "rejected", "submitted identifying identified unrecognised approved", "system"),
        _to("live", "published", "approved", "clipper host"),
        _to("removed", "removed", "submitted identifying identified unrecognised approved live", "clipper"),
        _to("removed", "removed", "live", "host system"),
    ),
)

CLAIM = Machine(
    "claim",
    ("open",),
    (
        _to("responded", "responded", "open", "clipper"),
        _to("upheld", "upheld", "open", "host system"),
        _to("upheld", "upheld", "responded", "host"),
        _to("released", "released", "open", "host"),
        _to("released", "released", "responded", "system"),
        _to("appealed", "appealed", "upheld released", "host clipper"),
        _to("finally-upheld", "finally upheld", "upheld", "system"),
        _to("finally-released", "finally released", "released", "system"),
        _to("finally-upheld", "finally upheld", "appealed", "operator"),
        _to("finally-released", "finally released", "appealed", "operator"),
        # Either side may give in, the respondent or the claimant; `licensing.claim_rules` says who is who.
        _to("finally-upheld", "conceded", "open responded released appealed", "host clipper"),
        _to("finally-released", "withdrawn", "open responded upheld appealed", "host clipper"),
    ),
)

CASE = Machine(
    "case",
    ("looking", "open"),
    (
        _to("open", "opened", "looking", "system"),
        _to("cleared", "cleared", "looking", "system"),
        _to("dismissed", "dismissed", "open", "host"),
        _to("settled", "settled", "open", "host"),
    ),
)

HANDLE = Machine(
    "handle",
    ("claimed", "confirmed"),
    (
        _to("confirmed", "confirmed", "claimed", "host operator system"),
        _to("refused", "refused", "claimed", "host operator system"),
        _to("released", "released", "claimed confirmed", "clipper operator system"),
    ),
)

REPRESENTATION = Machine(
    "representation",
    ("proposed",),
    (
        _to("active", "accepted", "proposed", "clipper"),
        _to("declined", "declined", "proposed", "clipper"),
        _to("ended", "ended", "proposed active", "clipper operator"),
    ),
)

MACHINES = (OFFER, APPLICATION, GRANT, SUBMISSION, CLAIM, CASE, HANDLE, REPRESENTATION)
