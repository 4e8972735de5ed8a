"""Histories of faults leave nothing paid twice, nothing lost, and nothing stuck that nobody sees.

`python -m bench.faults` runs ten thousand of them; here are some with other seeds, and what they have found by name.
"""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.faults.__main__ import attempt
from bench.faults.histories import History
from bench.faults.stage import Stage, Stop, Verdict
from bench.faults.world import House
from clipledger.stripe_sandbox import Fault, Faults
from settlement.payouts.halts import Rails, rail_states
from settlement.payouts.pace import Pace
from settlement.payouts.paying import DUE
from settlement.payouts.recording import finish
from settlement.payouts.runs import resume
from settlement.payouts.steps import retry
from settlement.rails.protocol import Refused, Unknown
from tests.licensing.house import NewClipper
from tests.settlement.payouts.purse import BEN, NewPayee, Purse
from tests.settlement.payouts.test_by_stripe import Shop
from tests.settlement.payouts.test_by_stripe import shop as shop

REFUSED = Refused("account_closed", "the payee's account is closed", "payee", retriable=True)


@pytest.fixture
def house(app_engine: AsyncEngine) -> House:
    return House(app_engine)


@pytest.mark.parametrize("first", [900_000, 900_010, 900_020, 900_030])
async def test_nothing_is_paid_twice_lost_or_stuck(house: House, first: int) -> None:
    seen: Counter[str] = Counter()
    failed = {seed: told for seed in range(first, first + 10) if (told := await attempt(History(house, seed, seen)))}
    assert failed == {}
    assert seen["outcome Sent"] > 10


async def test_a_seed_has_one_history(house: House) -> None:
    traces = []
    for _ in range(2):
        history = History(house, 900_003, Counter())
        assert await attempt(history) == []
        traces.append([line.partition(":")[2] for line in history.trace if "fell" not in line])
    assert traces[0] == traces[1], [pair for pair in zip(*traces, strict=False) if pair[0] != pair[1]][:5]


# What the schedules and their writing found --------------------------------------------------------------------


async def test_a_worker_that_stood_still_does_not_send_a_key_that_may_be_forgotten(
    purse: Purse, new_payee: NewPayee
) -> None:
    await new_payee()
    await purse.approved()
    purse.rail.usual = [Unknown("no answer")]

    async def frozen(seconds: float) -> None:
        purse.clock.pass_(hours=26)

    await purse.sender(sleep=frozen).send_due(purse.book_id)
    assert len(purse.rail.calls) == 1
    assert (await purse.payout()).state == "unknown"


async def test_a_worker_whose_turn_comes_after_its_lease_calls_nobody(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await purse.approved()

    class Late(Pace):
        async def turn(self) -> None:
            purse.clock.pass_(minutes=6)

    async with asyncio.timeout(10):
        claimed = purse.sender(pace=Late(None))
        await claimed.send_due(purse.book_id)
    assert purse.rail.calls == []
    assert ((await purse.payout()).state, (await purse.payout()).code) == ("ready", "busy")


@pytest.mark.parametrize("first", ["retry", "finish"])
async def test_a_run_is_not_done_where_one_is_tried_again_at_that_moment(
    purse: Purse, new_payee: NewPayee, first: str
) -> None:
    for _ in range(2):
        await new_payee()
    purse.rail.usual = [REFUSED]
    run = await purse.approved()
    await purse.send()
    (refused,) = [each for each in await purse.payouts() if each.state == "refused"]
    async with purse.engine.begin() as connection:
        again = text("UPDATE settlement.payout_runs SET state = 'sending', finished_at = NULL WHERE run_id = :run")
        await connection.execute(again, {"run": run})

    async def tried_again(commits: asyncio.Event, began: asyncio.Event) -> None:
        async with purse.engine.begin() as connection:
            await retry(connection, purse.book_id, refused.payout_id, "user:1", purse.clock())
            began.set()
            await commits.wait()

    async def finished(commits: asyncio.Event, began: asyncio.Event) -> None:
        async with purse.engine.begin() as connection:
            await finish(connection, purse.book_id, purse.clock())
            began.set()
            await commits.wait()

    commits, began, other_began = asyncio.Event(), asyncio.Event(), asyncio.Event()
    one, other = (tried_again, finished) if first == "retry" else (finished, tried_again)
    ahead = asyncio.create_task(one(commits, began))
    await began.wait()
    behind = asyncio.create_task(other(commits, other_began))
    await asyncio.sleep(0.2)
    commits.set()
    await asyncio.gather(ahead, behind)
    assert await purse.run_state(run) == "sending"
    await purse.send()
    assert {each.state for each in await purse.payouts()} == {"sent"}


async def test_a_run_that_is_resumed_with_nothing_left_is_taken_up_and_done(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    run = await purse.approved()
    await purse.send()
    async with purse.engine.begin() as connection:
        halt = text(
            "UPDATE settlement.payout_runs SET state = 'halted', halted = 'a contradiction' WHERE run_id = :run"
        )
        await connection.execute(halt, {"run": run})
    async with purse.engine.begin() as connection:
        await resume(connection, purse.book_id, run, BEN, reason="looked at", now=purse.clock())
    due = text(f"SELECT book_id FROM {DUE}")
    async with purse.engine.connect() as connection:
        assert purse.book_id in (await connection.scalars(due)).all()
    await purse.send()
    assert await purse.run_state(run) == "done"
    async with purse.engine.connect() as connection:
        assert purse.book_id not in (await connection.scalars(due)).all()


async def test_a_second_transfer_by_one_key_is_seen_and_halts_the_rail(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 500, "USD")
    await shop.approved()
    shop.sandbox.faults = Faults([Fault("timeout_after"), Fault("idempotency_key_expired", nth=2)])
    await shop.send()
    assert len(shop.sandbox.state.transfers) == 2, "Stripe forgot the key within the day it promises"
    try:
        await shop.hear()
        async with shop.engine.connect() as connection:
            (stripe,) = [each for each in await rail_states(connection, Rails({})) if each.rail == "stripe"]
        assert stripe.halted is not None
        assert "at once" in stripe.halted
    finally:
        async with shop.engine.begin() as connection:
            await connection.execute(text("UPDATE settlement.rail_halts SET ended_at = now(), ended_by = 'test'"))


# The stage itself ----------------------------------------------------------------------------------------------


async def test_an_actor_that_is_killed_does_nothing_more() -> None:
    done: list[str] = []

    async def never() -> bool:
        return False

    stage = Stage(never)

    async def acts(name: str) -> None:
        for step in range(3):
            await stage.boundary(f"{step}")
            done.append(f"{name} {step}")

    def judge(stops: list[Stop]) -> tuple[Stop, Verdict]:
        stop = stops[-1]
        return stop, "kill" if (stop.actor.name, stop.at) == ("b", "1") else "go"

    await stage.play({"a": acts("a"), "b": acts("b")}, judge)
    assert done == ["b 0", "a 0", "a 1", "a 2"]
