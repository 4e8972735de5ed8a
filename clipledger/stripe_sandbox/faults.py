"""What goes wrong, and when: at the nth call that matches, or by chance from a seed.

kind of a call            effect?   the caller sees
refused                   no        connection refused
timeout_before            no        no answer in time
timeout_after             yes       no answer in time
dropped_before            no        the connection is closed without an answer
dropped_after             yes       the connection is closed without an answer
conflict                  no        409 idempotency_key_in_use
locked                    no        429 lock_timeout
rate_limited              no        429 with Stripe-Rate-Limited-Reason
error_before              no        500; its key does not remember it
error_saved               no        500; its key answers so from now on
error_after               yes       500; its key answers so from now on
malformed                 yes       200 with half a body of JSON
api_key_expired           no        401 api_key_expired
idempotency_key_expired   yes       what a day-old key gets: it executes anew
balance_short             no        400 balance_insufficient, as if another call had just taken the money
capability_lost           no        the destination has just lost `transfers`: 400
deauthorized              no        the destination has just disconnected: 400
reversed_later            yes       200; `delay` seconds later Stripe reverses the transfer

kind of an event: lost, duplicated, reordered (after the next one), delayed (by `delay` seconds)
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeVar, get_args

_K = TypeVar("_K", bound=str)

Kind = Literal[
    "refused",
    "timeout_before",
    "timeout_after",
    "dropped_before",
    "dropped_after",
    "conflict",
    "locked",
    "rate_limited",
    "error_before",
    "error_saved",
    "error_after",
    "malformed",
    "api_key_expired",
    "idempotency_key_expired",
    "balance_short",
    "capability_lost",
    "deauthorized",
    "reversed_later",
]
EventKind = Literal["lost", "duplicated", "reordered", "delayed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
ONLY_TRANSFERS: frozenset[Kind] = frozenset(("balance_short", "capability_lost", "deauthorized", "reversed_later"))
"""By chance these befall nothing but POST /v1/transfers."""


@dataclass(slots=True)
class Fault:
    """`kind` at the `nth` matching call and the `times - 1` after it. `method` and `path` are patterns of a shell."""

    kind: Kind
    method: str = "POST"
    path: str = "/v1/transfers"
    nth: int = 1
    times: int = 1
    delay: float = 60
    seen: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        if not (fnmatchcase(method, self.method) and fnmatchcase(path, self.path)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass(slots=True)
class EventFault:
    """`kind` at the `nth` delivery of an event whose type matches and the `times - 1` after it."""

    kind: EventKind
    type: str = "*"
    nth: int = 1
    times: int = 1
    delay: float = 60
    seen: int = field(default=0, init=False)

    def strikes(self, event_type: str) -> bool:
        if not fnmatchcase(event_type, self.type):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Faults:
    """A plan of faults. Of several explicit ones that strike the same call, the first does."""

    def __init__(self, calls: Iterable[Fault] = (), events: Iterable[EventFault] = ()) -> None:
        self.calls = list(calls)
        self.events = list(events)
        self.struck: list[tuple[str, str]] = []
        """Kind and `POST /v1/…` or event type of each fault that struck, in order."""
        self._random = random.Random(0)  # noqa: S311 - a plan that replays
        self._call_rates: Mapping[Kind, float] = {}
        self._event_rates: Mapping[EventKind, float] = {}

    @classmethod
    def seeded(
        cls,
        seed: int,
        calls: Mapping[Kind, float] | None = None,
        events: Mapping[EventKind, float] | None = None,
    ) -> "Faults":
        """By chance: each kind with its probability for a call, or for the delivery of an event."""
        plan = cls()
        plan._random = random.Random(seed)  # noqa: S311
        plan._call_rates = calls or {}
        plan._event_rates = events or {}
        return plan

    def for_call(self, method: str, path: str) -> Fault | None:
        struck = [fault for fault in self.calls if fault.strikes(method, path)]
        found = struck[0] if struck else self._by_chance(method, path)
        if found is not None:
            self.struck.append((found.kind, f"{method} {path}"))
        return found

    def _by_chance(self, method: str, path: str) -> Fault | None:
        kind = _drawn(self._random, self._call_rates)
        if kind is None or (kind in ONLY_TRANSFERS and (method, path) != ("POST", "/v1/transfers")):
            return None
        return Fault(kind)

    def for_event(self, event_type: str) -> EventFault | None:
        struck = [fault for fault in self.events if fault.strikes(event_type)]
        kind = None if struck else _drawn(self._random, self._event_rates)
        found = struck[0] if struck else EventFault(kind) if kind else None
        if found is not None:
            self.struck.append((found.kind, event_type))
        return found

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self.calls.clear()
        self.events.clear()
        self._call_rates = {}
        self._event_rates = {}


def _drawn(draw: random.Random, rates: Mapping[_K, float]) -> _K | None:
    if not rates:
        return None
    chance = draw.random()
    for kind, rate in rates.items():
        chance -= rate
        if chance < 0:
            return kind
    return None
