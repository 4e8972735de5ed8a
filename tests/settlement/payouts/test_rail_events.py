"""What a rail tells: acted upon once, tried again where it can't be now, and left to a person in the end."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from media.errors import InvalidCursor
from settlement.payouts import rail_events
from settlement.payouts.errors import RailEventNotFound, RailEventNotGivenUp
from settlement.payouts.rail_events import Arrived, RailEvent, keep, list_events, process_due, retry, retry_all
from settlement.rails.protocol import RailUnavailable
from tests.settlement.payouts.purse import Hands


class Desk:
    """Where events arrive, and are acted upon; `wrong` says what goes wrong with which."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.clock = engine, Hands()
        self.wrong: dict[str, Exception] = {}
        self.acted: list[str] = []

    async def told(self) -> str:
        event_id = f"evt_{uuid4().hex}"
        told = RailEvent(
            event_id=event_id,
            kind="transfer.created",
            account=None,
            object_id="tr_told",
            created_at=datetime.now(UTC),
            payload={},
        )
        async with self.engine.begin() as connection:
            assert await keep(connection, "stripe", told)
        return event_id

    async def act(self, event: Arrived) -> str:
        self.acted.append(event.event_id)
        if event.event_id in self.wrong:
            raise self.wrong[event.event_id]
        return "arrived"

    async def work(self, rounds: int = 1) -> None:
        """The job, so many times, each a while after the one before."""
        for number in range(1, rounds + 1):
            self.clock.pass_(seconds=2**number + 1)
            await process_due(self.engine, "stripe", self.act, clock=self.clock)

    async def found(self, event_id: str) -> Arrived:
        async with self.engine.connect() as connection:
            (its,) = [each for each in await list_events(connection) if each.event_id == event_id]
        return its

    async def given_up(self) -> str:
        """An event that was tried in vain until nobody tried any more."""
        event_id = await self.told()
        self.wrong[event_id] = RailUnavailable("no answer")
        await self.work(16)
        assert (await self.found(event_id)).state == "given-up"
        return event_id


@pytest.fixture
async def desk(app_engine: AsyncEngine) -> Desk:
    """Nothing of other tests waits."""
    async with app_engine.begin() as connection:
        await connection.execute(
            text("UPDATE settlement.rail_events SET processed_at = now() WHERE processed_at IS NULL")
        )
    return Desk(app_engine)


async def test_what_can_t_be_acted_upon_is_tried_ever_more_seldom_and_given_up_after_nine_hours(desk: Desk) -> None:
    event_id = await desk.told()
    desk.wrong[event_id] = RailUnavailable("no answer")
    for _ in range(40):
        desk.clock.pass_(seconds=1)
        await process_due(desk.engine, "stripe", desk.act, clock=desk.clock)
    assert len(desk.acted) == 6, "at once, and 2, 4, 8, 16, 32 seconds after it came"
    waiting = await desk.found(event_id)
    assert (waiting.state, waiting.outcome, waiting.attempts) == ("waiting", "no answer", 6)
    desk.clock.pass_(hours=10)
    for _ in range(20):
        await process_due(desk.engine, "stripe", desk.act, clock=desk.clock)
    its = await desk.found(event_id)
    assert (its.state, its.attempts, its.processed_at) == ("given-up", 16, None)


async def test_a_fault_of_ours_is_an_attempt_too_and_keeps_no_other_event_from_its_turn(desk: Desk) -> None:
    first, second = sorted([await desk.told(), await desk.told()])
    desk.wrong[first] = KeyError("secret")
    with pytest.raises(ExceptionGroup) as faults:
        await desk.work()
    assert [fault.__notes__ for fault in faults.value.exceptions] == [[first]]
    assert ((await desk.found(first)).outcome, (await desk.found(second)).state) == (
        "a fault of ours: KeyError",
        "done",
    )


async def test_what_was_given_up_is_tried_once_more_when_a_person_says_so(desk: Desk) -> None:
    event_id = await desk.given_up()
    async with desk.engine.begin() as connection:
        before = await rail_events.count_given_up(connection)
        await retry(connection, event_id)
        assert await rail_events.count_given_up(connection) == before - 1
    desk.acted.clear()
    await desk.work()
    assert (desk.acted, (await desk.found(event_id)).state) == ([event_id], "given-up")

    desk.wrong.clear()
    async with desk.engine.begin() as connection:
        await retry(connection, event_id)
    await desk.work()
    done = await desk.found(event_id)
    assert (done.state, done.outcome) == ("done", "arrived")


async def test_all_that_was_given_up_is_tried_once_more(desk: Desk) -> None:
    events = {await desk.given_up(), await desk.given_up()}
    async with desk.engine.begin() as connection:
        assert await retry_all(connection) == 2
    desk.wrong.clear()
    await desk.work()
    assert {(await desk.found(event_id)).state for event_id in events} == {"done"}


@pytest.mark.parametrize("which", [str, lambda known: "evt_unknown", lambda known: "\0"])
async def test_what_was_not_given_up_is_not_tried_again(desk: Desk, which: Callable[[str], str]) -> None:
    event_id = which(known := await desk.told())
    async with desk.engine.begin() as connection:
        with pytest.raises(RailEventNotGivenUp if event_id == known else RailEventNotFound):
            await retry(connection, event_id)


async def test_events_are_listed_by_state_newest_first_page_by_page(desk: Desk) -> None:
    old, new = await desk.given_up(), await desk.given_up()
    waiting = await desk.told()
    async with desk.engine.connect() as connection:
        (first,) = await list_events(connection, state="given-up", limit=1)
        (second,) = await list_events(connection, state="given-up", before=first.event_id)
        assert (first.event_id, second.event_id) == (new, old)
        assert waiting in {each.event_id for each in await list_events(connection, state="waiting")}
        with pytest.raises(InvalidCursor):
            await list_events(connection, before="evt_unknown")
