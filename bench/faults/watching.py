"""The engine, the rail and the pace as an actor has them: with a boundary before and after everything that is I/O."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction

from bench.faults.stage import Stage, acting
from settlement.payouts.pace import Pace
from settlement.rails.protocol import Limits, Movement, Order, Outcome, Rail, RailBalance, Refused, Sent, TransferStatus


class WatchedEngine:
    """What is used of an AsyncEngine."""

    def __init__(self, engine: AsyncEngine, stage: Stage) -> None:
        self._engine = engine
        self._stage = stage

    def begin(self) -> "_Transaction":
        """A transaction. A kill before its commit rolls it back; one after leaves it."""
        return _Transaction(self._engine, self._stage, _caller(), commits=True)

    def connect(self) -> "_Transaction":
        """For reading."""
        return _Transaction(self._engine, self._stage, _caller(), commits=False)


def _caller() -> str:
    """Whose transaction it is: `sending._claim`."""
    frame = sys._getframe(2)
    return f"{frame.f_globals['__name__'].rpartition('.')[2]}.{frame.f_code.co_name.strip('_')}"


class _Transaction:
    def __init__(self, engine: AsyncEngine, stage: Stage, of: str, *, commits: bool) -> None:
        self._engine, self._stage, self._of, self._commits = engine, stage, of, commits
        self._connection: AsyncConnection | None = None
        self._transaction: AsyncTransaction | None = None

    async def __aenter__(self) -> AsyncConnection:
        await self._stage.boundary(f"{self._of} begin")
        self._count(1)
        try:
            self._connection = await self._engine.connect()
            self._transaction = await self._connection.begin()
        except BaseException:
            await self._leave()
            raise
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._end(failed=kind is not None)
        finally:
            await self._leave()
        if self._commits and kind is None:
            await self._stage.boundary(f"{self._of} committed")

    async def _end(self, *, failed: bool) -> None:
        assert self._transaction
        if failed or not self._commits:
            await self._transaction.rollback()
            return
        self._stage.runs(-1)
        try:
            await self._stage.boundary(f"{self._of} commit")
        except BaseException:
            self._stage.runs(1)
            await self._transaction.rollback()
            raise
        self._stage.runs(1)
        await self._transaction.commit()

    async def _leave(self) -> None:
        try:
            if self._connection is not None:
                await self._connection.close()
        finally:
            self._count(-1)

    def _count(self, many: int) -> None:
        self._stage.runs(many)
        if (actor := acting()) is not None:
            actor.transactions += many


class WatchedRail:
    """A rail that knows when nobody must be waiting in a transaction: whenever it is called."""

    def __init__(self, rail: Rail, stage: Stage, ordered: Callable[[Order], None], seen: Counter[str]) -> None:
        self._rail = rail
        self._stage = stage
        self._ordered = ordered
        self._seen = seen
        self.begun: dict[int, Order] = {}
        """Orders on their way out, by the actor's identity: whoever dies there may still be heard."""

    @property
    def name(self) -> str:
        return self._rail.name

    @property
    def answers(self) -> Literal["at-once", "by-file"]:
        return self._rail.answers

    @property
    def currencies(self) -> frozenset[str]:
        return self._rail.currencies

    def limits(self, currency: str) -> Limits:
        return self._rail.limits(currency)

    def refusal(self, order: Order) -> Refused | None:
        return self._rail.refusal(order)

    def request_hash(self, order: Order) -> str:
        return self._rail.request_hash(order)

    async def send(self, order: Order) -> Outcome:
        self.begun[id(acting())] = order
        await self._before("send")
        self._ordered(order)
        outcome = await self._rail.send(order)
        self.begun.pop(id(acting()), None)
        self._seen[f"outcome {type(outcome).__name__}"] += 1
        await self._stage.boundary("rail.send answered")
        return outcome

    async def look_up(self, order: Order) -> Sent | None:
        await self._before("look_up")
        found = await self._rail.look_up(order)
        await self._stage.boundary("rail.look_up answered")
        return found

    async def reverse(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        return await self._rail.reverse(reference, amount, currency, key)

    async def status(self, reference: str) -> TransferStatus | None:
        await self._before("status")
        status = await self._rail.status(reference)
        await self._stage.boundary("rail.status answered")
        return status

    async def balance(self) -> Sequence[RailBalance]:
        return await self._rail.balance()

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        await self._before("movements")
        async for movement in self._rail.movements(since, until):
            yield movement
        await self._stage.boundary("rail.movements answered")

    async def _before(self, call: str) -> None:
        actor = acting()
        assert actor is None or actor.transactions == 0, f"{call} within a transaction"
        await self._stage.boundary(f"rail.{call} begin")


class WatchedPace(Pace):
    """Turns that are a boundary: a worker may be frozen between them for as long as anybody likes."""

    def __init__(self, stage: Stage, **given: Any) -> None:
        super().__init__(None, **given)
        self._stage = stage

    async def turn(self) -> None:
        await self._stage.boundary("pace")
        await super().turn()
