"""A book drafts its runs by itself: each day of payment once, whenever and however often the service looks."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from settlement.payouts.days import PayDays
from settlement.payouts.errors import ScheduleNotFound
from settlement.payouts.runs import Run, cancel
from settlement.payouts.schedules import Plan, draft_due, find_schedule, set_schedule
from tests.settlement.payouts.purse import ANA, NewPayee, Purse

MONDAY = datetime(2026, 10, 5, 4, tzinfo=UTC)
FRIDAYS = Plan(days=PayDays(cadence="weekly", days=(5,)), basis="available")


async def due(purse: Purse, now: datetime) -> Run | None:
    async with purse.engine.begin() as connection:
        return await draft_due(connection, purse.book_id, now)


async def scheduled(purse: Purse, plan: Plan = FRIDAYS, now: datetime = MONDAY) -> None:
    async with purse.engine.begin() as connection:
        await set_schedule(connection, purse.book_id, plan, by="user:1", now=now)


async def thrown_away(purse: Purse, run: Run) -> None:
    async with purse.engine.begin() as connection:
        await cancel(connection, purse.book_id, run.run_id, ANA, reason="a test")


async def test_a_day_of_payment_has_one_run_however_often_one_looks(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await scheduled(purse)
    assert await due(purse, MONDAY) is None
    friday = MONDAY + timedelta(days=4)
    both = await asyncio.gather(due(purse, friday), due(purse, friday))
    (run,) = [each for each in both if each is not None]
    assert (run.due_on, run.state, run.created_by) == (date(2026, 10, 9), "draft", "system")
    assert await due(purse, friday + timedelta(days=1)) is None


async def test_days_that_were_missed_are_one_run(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await scheduled(purse)
    run = await due(purse, MONDAY + timedelta(days=21))
    assert run is not None
    assert run.due_on == date(2026, 10, 23)


async def test_a_run_that_waits_holds_the_next_one_back(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await scheduled(purse)
    first = await due(purse, MONDAY + timedelta(days=4))
    assert first is not None
    later = MONDAY + timedelta(days=11)
    assert await due(purse, later) is None
    await thrown_away(purse, first)
    second = await due(purse, later)
    assert second is not None
    assert second.due_on == date(2026, 10, 16)


async def test_a_day_without_anything_to_pay_is_dealt_with(purse: Purse, new_payee: NewPayee) -> None:
    await scheduled(purse)
    assert await due(purse, MONDAY + timedelta(days=4)) is None
    await new_payee()
    assert await due(purse, MONDAY + timedelta(days=5)) is None
    assert await due(purse, MONDAY + timedelta(days=11)) is not None


async def test_a_clock_that_goes_back_drafts_nothing_again(purse: Purse, new_payee: NewPayee) -> None:
    await new_payee()
    await scheduled(purse)
    run = await due(purse, MONDAY + timedelta(days=11))
    assert run is not None
    await thrown_away(purse, run)
    assert await due(purse, MONDAY + timedelta(days=4)) is None


async def test_a_schedule_says_when_it_pays_next(purse: Purse) -> None:
    async with purse.engine.connect() as connection:
        with pytest.raises(ScheduleNotFound):
            await find_schedule(connection, purse.book_id, MONDAY)
    await scheduled(purse)
    async with purse.engine.connect() as connection:
        found = await find_schedule(connection, purse.book_id, MONDAY)
    assert found.next_at == datetime(2026, 10, 9, 1, tzinfo=UTC)
    await scheduled(purse, Plan(days=FRIDAYS.days, active=False))
    async with purse.engine.connect() as connection:
        assert (await find_schedule(connection, purse.book_id, MONDAY)).next_at is None
    assert await due(purse, MONDAY + timedelta(days=4)) is None
