"""A sandbox that outlives its process: what it was asked is kept line by line, and asked again at the next start.

That gives the same state, ids included, because a sandbox is a function of its seed, its clock and its requests.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from clipledger.stripe_sandbox.control import control
from clipledger.stripe_sandbox.onboarding import finish
from clipledger.stripe_sandbox.sandbox import ConnectionFault, Sandbox


class JournalError(Exception):
    """The file is no journal of a sandbox."""


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    at: float
    seed: int
    rate: float | None


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One thing that was asked or answered, at a time of the clock."""

    at: float
    call: tuple[str, str, dict[str, str], bytes] | None = None
    """Method, path with query, headers, body."""
    control: tuple[str, str, bytes] | None = None
    """Method, path, body."""
    onboarded: str | None = None
    """The token of a link whose page was completed."""
    sent: tuple[int, int] | None = None
    """A webhook's number and its endpoint's answer."""


class Clock:
    """The time; or a fixed one, while a line is written or done again."""

    def __init__(self) -> None:
        self.fixed: float | None = None

    def __call__(self) -> float:
        return time.time() if self.fixed is None else self.fixed


class Journal:
    """The `sandbox` that `path` tells of; a new one if there is no such file, or `path` is None.

    Raises JournalError if the file holds something else. A last line that was cut short is dropped.
    """

    def __init__(self, path: Path | None, *, seed: int = 0, rate: float | None = None) -> None:
        self._clock = Clock()
        lines = path.read_bytes().splitlines(keepends=True) if path and path.exists() else []
        if lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        start = _decoded(lines[0], Start) if lines else Start(time.time(), seed, rate)
        self._clock.fixed = start.at
        self.sandbox = Sandbox(seed=start.seed, rate=start.rate, clock=self._clock)
        for line in lines[1:]:
            entry = _decoded(line, Entry)
            self._clock.fixed = entry.at
            _do_again(self.sandbox, entry)
        self._clock.fixed = None
        self._file = path.open("r+b" if lines else "wb", buffering=0) if path else None
        if self._file:
            self._file.seek(sum(map(len, lines)))
            self._file.truncate()
            if not lines:
                self._file.write(msgspec.json.encode(start) + b"\n")

    @contextmanager
    def entry(self, **what: Any) -> Iterator[None]:
        """Keep `what` (a field of Entry) and do it, both at the same time of the clock."""
        self._clock.fixed = time.time()
        try:
            if self._file:
                self._file.write(msgspec.json.encode(Entry(self._clock.fixed, **what)) + b"\n")
            yield
        finally:
            self._clock.fixed = None


def _decoded(line: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise JournalError(f"This is no journal of a Stripe sandbox: {error}") from None


def _do_again(sandbox: Sandbox, entry: Entry) -> None:
    if entry.call:
        with suppress(ConnectionFault):
            sandbox.handle(*entry.call)
    elif entry.control:
        control(sandbox, *entry.control)
    elif entry.onboarded:
        sandbox.tick()
        finish(sandbox.state, entry.onboarded)
    elif entry.sent:
        number, status = entry.sent
        sandbox.tick()
        delivery = sandbox.outbox.waiting.get(number)
        if delivery is not None:
            sandbox.outbox.sent(delivery, status)
