"""Who works on what: rows in state `working` belong to one worker, for as long as it is heard of.

Any number of workers on any number of machines share the rows of a table. A worker takes one that is due, renews its
lease while it works, and settles it; one that is killed is not heard of any more, its lease runs out, and the row is
due again. A row that has outlived MOST_ATTEMPTS workers is given up: it may be what kills them.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Table, and_, func, or_, select, true, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.errors import MediaError

LEASE = timedelta(seconds=30)
"""How long a worker is waited for that is not heard of."""
MOST_ATTEMPTS = 3
_ORDER = ("again", "created_at", "submitted_at")
_GIVEN_UP = {
    "state": "failed",
    "failure_code": "given-up",
    "failure_rule": f"{MOST_ATTEMPTS} workers began with it and ended before it was done",
    "worker": None,
    "leased_until": None,
}


class LeaseLost(Exception):  # noqa: N818 - what happened, not an error of anybody's
    """The row is another worker's by now, or was removed; whatever is under way is to stop, silently."""


@dataclass
class Lease:
    """A row that this worker may work on. `values` are written with the next renewal, such as how far the work is."""

    engine: AsyncEngine
    table: Table
    row: Row[Any]
    worker: UUID
    values: dict[str, Any] = field(default_factory=dict)
    lost: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """For the work's own thread, now and then. Raises LeaseLost."""
        if self.lost.is_set():
            raise LeaseLost

    async def write(self, connection: AsyncConnection, **values: Any) -> None:
        """Renew the lease, and write; the row stays locked until the transaction ends. Raises LeaseLost."""
        renewed = update(self.table).where(self._mine()).values(leased_until=func.now() + LEASE, **values)
        if (await connection.execute(renewed)).rowcount == 0:
            self.lost.set()
            raise LeaseLost

    async def settle(self, connection: AsyncConnection, state: str | ColumnElement[str], **values: Any) -> None:
        """Give the row back in this state. Raises LeaseLost."""
        settled = update(self.table).where(self._mine())
        free = {"worker": None, "leased_until": None}
        if (await connection.execute(settled.values(state=state, **free, **values))).rowcount == 0:
            raise LeaseLost

    async def fail(self, error: MediaError) -> None:
        """Settle it as failed, by what is wrong with it. Raises LeaseLost."""
        async with self.engine.begin() as connection:
            await self.settle(connection, "failed", failure_code=error.code, failure_rule=str(error))

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the lease while the block runs; who is told to stop gives the row back, as if never begun."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        except asyncio.CancelledError:
            with suppress(DBAPIError, LeaseLost):
                async with self.engine.begin() as connection:
                    await self.settle(connection, "waiting", attempts=self.row.attempts - 1)
            raise
        finally:
            self.lost.set()
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        heard = clock()
        while not self.lost.is_set():
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                async with self.engine.begin() as connection:
                    await self.write(connection, **self.values)
                heard = clock()
            except LeaseLost:
                return
            except DBAPIError:  # perhaps it is back at the next beat
                if clock() - heard > LEASE.total_seconds():
                    self.lost.set()

    def _mine(self) -> ColumnElement[bool]:
        return and_(*_key(self.table, self.row), self.table.c.state == "working", self.table.c.worker == self.worker)


def _key(table: Table, row: Row[Any]) -> Sequence[ColumnElement[bool]]:
    return [column == row._mapping[column.name] for column in table.primary_key.columns]


def _due(table: Table) -> ColumnElement[bool]:
    left = and_(table.c.state == "working", table.c.leased_until < func.now())
    return or_(table.c.state == "waiting", left)


async def books_with_work(engine: AsyncEngine, table: Table) -> list[int]:
    """The books in which rows are due."""
    async with engine.connect() as connection:
        return list(await connection.scalars(select(table.c.book_id).where(_due(table)).distinct()))


async def take(
    engine: AsyncEngine, table: Table, book_id: int, only: ColumnElement[bool] | None = None
) -> Lease | None:
    """The book's row that has been due for longest, now this worker's; None when none is.

    In a table where rows come `again`, those that never were taken go first. Rows that another worker takes at this
    moment are passed over.
    """
    here = table.c.book_id == book_id
    hopeless = update(table).where(here, table.c.state == "working", _due(table), table.c.attempts >= MOST_ATTEMPTS)
    keys = table.primary_key.columns
    oldest = _oldest(table, here, true() if only is None else only)
    worker = uuid4()
    taken: Mapping[str, Any] = {
        "state": "working",
        "worker": worker,
        "leased_until": func.now() + LEASE,
        "attempts": table.c.attempts + 1,
        **({"again": False} if "again" in table.c else {}),
    }
    mine = update(table).where(*(column == oldest.c[column.name] for column in keys)).values(taken)
    async with engine.begin() as connection:
        await connection.execute(hopeless.values(_GIVEN_UP))
        row = (await connection.execute(mine.returning(table))).one_or_none()
    return None if row is None else Lease(engine, table, row, worker)


def _oldest(table: Table, here: ColumnElement[bool], only: ColumnElement[bool]) -> Any:
    """One row's key, locked; in a CTE, for that is evaluated once."""
    order = [table.c[name] for name in _ORDER if name in table.c]
    keys = list(table.primary_key.columns)
    chosen = select(*keys).where(here, _due(table), only).order_by(*order, *keys).limit(1)
    return chosen.with_for_update(skip_locked=True, of=table).cte("oldest")
