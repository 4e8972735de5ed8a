"""Who acts when. Actors stop at every boundary of I/O; one at a time is let go on, or dies there, or is failed there.

So two workers meet in every order that a seed draws, and the same seed draws the same order again. An actor that waits
for a lock of another's transaction is passed over until that one has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["go", "kill"] | Exception
"""What becomes of whoever stopped: it goes on, dies, or gets this for an answer."""

_CALM = 6
"""Rounds of the loop without anything new after which nothing more comes by itself."""
_SLOW = 0.02
"""Seconds after which a statement may be one that waits for a lock."""


@dataclass(eq=False)
class Actor:
    """Somebody that acts: a worker, a webhook, a person. `transactions` are those it has open."""

    name: str
    transactions: int = 0
    boundaries: int = 0
    task: "asyncio.Task[None] | None" = None


@dataclass(eq=False)
class Stop:
    """An actor, or one of its calls, at a boundary."""

    actor: Actor
    at: str
    turn: "asyncio.Future[None]"


_acting: ContextVar[Actor | None] = ContextVar("_acting", default=None)

Judge = Callable[[list[Stop]], tuple[Stop, Verdict]]
Blocked = Callable[[], Awaitable[bool]]


def acting() -> Actor | None:
    """Who acts in this task; nobody where there is no stage."""
    return _acting.get()


@dataclass
class Stage:
    """Where actors act. `blocked` tells whether anybody waits for a lock in the database."""

    blocked: Blocked
    stops: list[Stop] = field(default_factory=list)
    _running: int = 0
    _changes: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def boundary(self, at: str) -> None:
        """Stop until it is the actor's turn. Raises what the stage's judge answers."""
        actor = acting()
        if actor is None:
            return
        stop = Stop(actor, at, asyncio.get_running_loop().create_future())
        actor.boundaries += 1
        self.stops.append(stop)
        self._change()
        try:
            await stop.turn
        finally:
            if stop in self.stops:
                self.stops.remove(stop)

    def runs(self, many: int) -> None:
        """So many statements more, or fewer, are under way."""
        if acting() is not None:
            self._running += many
            self._change()

    def _change(self) -> None:
        self._changes += 1
        self._changed.set()

    async def play(self, scene: Mapping[str, Coroutine[Any, Any, None]], judge: Judge) -> None:
        """Until all have ended. Raises what none of them was meant to."""
        actors = [self._enter(name, does) for name, does in scene.items()]
        while any(not actor.task.done() for actor in actors if actor.task):
            await self._settle(actors)
            if self.stops:
                stop, verdict = judge(self.stops)
                await self._give(stop, verdict)
        for actor in actors:
            if actor.task and not actor.task.cancelled():
                actor.task.result()

    def _enter(self, name: str, does: Coroutine[Any, Any, None]) -> Actor:
        actor = Actor(name)
        token = _acting.set(actor)
        actor.task = asyncio.create_task(does)
        _acting.reset(token)
        return actor

    async def _settle(self, actors: list[Actor]) -> None:
        """Until each is at a boundary, has ended, or waits for somebody who is at one."""
        calm, seen = 0, self._changes
        while calm < _CALM:
            if self._running > 0:
                calm = 0
                if not await self._wait() and self.stops and await self.blocked():
                    return
                continue
            await asyncio.sleep(0)
            calm = calm + 1 if seen == self._changes else 0
            seen = self._changes

    async def _wait(self) -> bool:
        """For a change; False where none came soon."""
        self._changed.clear()
        try:
            async with asyncio.timeout(_SLOW):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _give(self, stop: Stop, verdict: Verdict) -> None:
        self.stops.remove(stop)
        if verdict == "kill":
            assert stop.actor.task
            stop.actor.task.cancel()
            await asyncio.wait([stop.actor.task])
        elif isinstance(verdict, Exception):
            stop.turn.set_exception(verdict)
        else:
            stop.turn.set_result(None)
