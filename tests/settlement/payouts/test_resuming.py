"""A halted run is resumed while payouts of it are on their way: nobody waits in a circle, and nothing is stuck."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.answers import Stop
from settlement.payouts.recording import finish, halt, lock_payouts
from settlement.payouts.runs import resume
from settlement.payouts.steps import cancel
from settlement.rails.protocol import Conflicting, Order, Outcome
from tests.settlement.payouts.purse import BEN, NewPayee, Purse, ScriptedRail

Acts = Callable[[AsyncConnection, Purse, int, int], Awaitable[None]]

BOUND = 10
"""Seconds; a circle would be broken by the server within one, with an error."""
_WAITING = text("""
    SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
                   WHERE NOT granted AND datname = current_database())
""")
_HALTED = (
    text("UPDATE settlement.payout_runs SET state = 'halted', halted = 'a contradiction' WHERE run_id = :run"),
    text("UPDATE settlement.payouts SET next_attempt_at = NULL WHERE run_id = :run"),
)


async def waits(purse: Purse, task: "asyncio.Task[Any]") -> bool:
    """Whether it comes to wait for a lock, or else ends."""
    async with asyncio.timeout(BOUND):
        while not task.done():
            async with (
                purse.engine.connect() as connection
            ):  # each time anew: within a transaction the view stands still
                if await connection.scalar(_WAITING):
                    return True
            await asyncio.sleep(0.01)
        return False


async def resumed(purse: Purse, run: int) -> None:
    async with purse.engine.begin() as connection:
        await resume(connection, purse.book_id, run, BEN, reason="looked at", now=purse.clock())


async def halts(connection: AsyncConnection, purse: Purse, run: int, payout: int) -> None:
    """As a late answer does that contradicts another."""
    await halt(connection, purse.book_id, run, "stripe", Stop(rail=False, reason="a contradiction"), purse.clock())


async def finishes(connection: AsyncConnection, purse: Purse, run: int, payout: int) -> None:
    await finish(connection, purse.book_id, purse.clock())


async def cancels(connection: AsyncConnection, purse: Purse, run: int, payout: int) -> None:
    """What was never sent."""
    await cancel(connection, purse.book_id, [payout], "user:2", "not now", purse.clock())


@pytest.mark.parametrize("acts", [halts, finishes, cancels])
async def test_whoever_holds_a_payout_and_then_its_run_is_waited_for(
    purse: Purse, new_payee: NewPayee, acts: Acts
) -> None:
    await new_payee()
    run = await purse.approved()
    payout = (await purse.payout()).payout_id
    async with purse.engine.begin() as connection:
        for statement in _HALTED:
            await connection.execute(statement, {"run": run})
    async with purse.engine.begin() as connection:
        await lock_payouts(connection, purse.book_id, [payout])
        person = asyncio.create_task(resumed(purse, run))
        assert await waits(purse, person)
        async with asyncio.timeout(BOUND):
            await acts(connection, purse, run, payout)
    async with asyncio.timeout(BOUND):
        await person
    assert await purse.run_state(run) == "sending"


@dataclass
class Slow(ScriptedRail):
    """While it is called, somebody else acts."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def send(self, order: Order) -> Outcome:
        assert self.meanwhile is not None
        await self.meanwhile()
        return Conflicting("known from another request")


async def test_what_halts_a_run_that_is_just_being_resumed_halts_it_anew(purse: Purse, new_payee: NewPayee) -> None:
    for _ in range(2):
        await new_payee()
    run = await purse.approved()
    purse.rail.usual = [Conflicting("known from another request")]
    async with AsyncExitStack() as looked:

        async def another_halts_it_and_a_person_resumes_it() -> None:
            await purse.sender(batch=1).send_due(purse.book_id)
            assert await purse.run_state(run) == "halted"
            connection = await looked.enter_async_context(purse.engine.begin())
            await resume(connection, purse.book_id, run, BEN, reason="looked at", now=purse.clock())

        slow = replace(purse, rail=Slow(purse.clock, meanwhile=another_halts_it_and_a_person_resumes_it))
        sender = asyncio.create_task(slow.sender(batch=1).send_due(purse.book_id))
        await waits(purse, sender)
    async with asyncio.timeout(BOUND):
        await sender
    assert await purse.run_state(run) == "halted"
    await resumed(purse, run)
    purse.clock.pass_(hours=30)
    await purse.look_up()
    await purse.send()
    assert {each.state for each in await purse.payouts()} == {"sent"}
