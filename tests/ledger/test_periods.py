"""Periods: months are locked one after the other once they have ended, and then stay as they are."""

import asyncio
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.errors import InvalidPeriod, PeriodLocked, PeriodNotEnded, PeriodNotLocked
from ledger.periods import (
    Reopening,
    format_period,
    list_locks,
    list_reopenings,
    lock_period,
    locked_through,
    month_of,
    parse_period,
    reopen_period,
)
from tests.ledger.bookkeeper import Bookkeeper, at, entry, facts, nothing_changes, sale


@pytest.mark.parametrize(
    ("text", "period"),
    [("2026-10", date(2026, 10, 1)), ("0001-01", date(1, 1, 1)), ("9999-12", date(9999, 12, 1))],
)
def test_a_period_is_written_as_year_and_month(text: str, period: date) -> None:
    assert parse_period(text) == period
    assert format_period(period) == text


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-10-01", "0000-01", "Oct 2026", "2026-10\0", "-1-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidPeriod) as refused:
        parse_period(text, "through")
    assert facts(refused.value) == ("through", text, "a calendar month, such as 2026-10")


def test_a_day_is_in_the_month_of_its_first() -> None:
    assert month_of(date(2024, 2, 29)) == date(2024, 2, 1)


async def test_a_locked_period_refuses_a_posting(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-01-15"))
    lock = await keeper.lock("2025-01", by="user:7")
    assert (lock.period, lock.locked_by) == (date(2025, 1, 1), "user:7")
    async with nothing_changes(keeper):
        for day in ("2025-01-31", "2025-01-01", "2024-12-31"):
            with pytest.raises(PeriodLocked) as refused:
                await keeper.post(sale(day, key="K"))
            assert facts(refused.value) == ("period", day[:7], f"entry K is booked in {day[:7]}, which is locked")
    assert (await keeper.post(sale("2025-02-01"))).created


async def test_one_entry_of_a_locked_month_refuses_its_batch(keeper: Bookkeeper) -> None:
    await keeper.lock("2025-01")
    async with nothing_changes(keeper):
        with pytest.raises(PeriodLocked):
            await keeper.post_batch([sale("2025-02-01"), sale("2025-01-31"), sale("2025-03-01")])


async def test_a_late_fact_is_booked_in_an_open_month_and_keeps_its_day(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-01-15", 100))
    await keeper.lock("2025-01")
    posted = await keeper.post(entry("2025-01-20", "assets:bank 7", "income:sales -7", period="2025-02"))
    assert (await keeper.find(posted.entry_id)).effective_on == date(2025, 1, 20)
    assert await keeper.balance("assets:bank", at(through="2025-01")) == 100
    assert await keeper.balance("assets:bank", at(as_of="2025-01-31")) == 107
    assert await keeper.balance("assets:bank", at(as_of="2025-01-19")) == 100


async def test_a_locked_months_balances_never_change(keeper: Bookkeeper) -> None:
    first = await keeper.post(sale("2025-01-15", 100))
    await keeper.lock("2025-01")
    closed = await keeper.trial_balance(at(through="2025-01"))
    await keeper.reverse(first.entry_id, "2025-01-15", period="2025-02")
    await keeper.post(entry("2024-12-31", "assets:bank 7", "income:sales -7", period="2025-03"))
    await keeper.lock("2025-02")
    assert await keeper.trial_balance(at(through="2025-01")) == closed


async def test_a_book_is_locked_through_a_month(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await keeper.lock("2025-01")
    await keeper.lock("2025-04")
    async with keeper.engine.connect() as connection:
        assert await locked_through(connection, keeper.book_id) == date(2025, 4, 1)
        locks = await list_locks(connection, keeper.book_id)
        assert [lock.period for lock in locks] == [date(2025, 4, 1), date(2025, 1, 1)]
        assert await locked_through(connection, other.book_id) is None
        assert await list_locks(connection, other.book_id) == []
    with pytest.raises(PeriodLocked):
        await keeper.post(sale("2025-03-01"))
    assert (await other.post(sale("2025-03-01"))).created


@pytest.mark.parametrize(("period", "rule"), [("2025-04", "locked already"), ("2025-03", None), ("2025-01", None)])
async def test_a_month_is_locked_once_and_in_order(keeper: Bookkeeper, period: str, rule: str | None) -> None:
    await keeper.lock("2025-01")
    await keeper.lock("2025-04")
    async with nothing_changes(keeper):
        with pytest.raises(PeriodLocked) as refused:
            await keeper.lock(period)
        in_order = "a month that has ended in Asia/Shanghai and comes after those locked before"
        assert refused.value.field == "period"
        assert refused.value.value == period
        assert refused.value.rule in {rule, in_order, "locked already"}


@pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Asia/Shanghai", "Etc/GMT+12"])
async def test_a_month_is_locked_only_after_its_last_day_in_the_books_calendar(
    app_engine: AsyncEngine, time_zone: str
) -> None:
    keeper = await Bookkeeper.of_new_book(app_engine, time_zone=time_zone)
    this_month = month_of(datetime.now(ZoneInfo(time_zone)).date())
    last_month = month_of(this_month - timedelta(days=1))
    async with nothing_changes(keeper):
        for period in (this_month, month_of(this_month + timedelta(days=40)), date(9999, 12, 1)):
            with pytest.raises(PeriodNotEnded) as refused:
                await keeper.lock(format_period(period))
            rule = f"a month that has ended in {time_zone} and comes after those locked before"
            assert facts(refused.value) == ("period", format_period(period), rule)
    assert (await keeper.lock(format_period(last_month))).period == last_month


@pytest.mark.parametrize("day", [date(2025, 1, 2), date(2025, 1, 31)])
async def test_only_a_month_is_locked(keeper: Bookkeeper, day: date) -> None:
    async with nothing_changes(keeper), keeper.engine.begin() as connection:
        with pytest.raises(InvalidPeriod) as refused:
            await lock_period(connection, keeper.book_id, day, locked_by="user:1")
        assert facts(refused.value)[:2] == ("period", str(day))


# Reopening --------------------------------------------------------------------------------------------------


async def _locked_through(keeper: Bookkeeper) -> date | None:
    async with keeper.engine.connect() as connection:
        return await locked_through(connection, keeper.book_id)


async def _reopenings(keeper: Bookkeeper) -> list[Reopening]:
    async with keeper.engine.connect() as connection:
        return await list_reopenings(connection, keeper.book_id)


async def test_the_last_locked_month_is_reopened_and_those_before_it_stay_locked(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-01-15", 100))
    lock = await keeper.lock("2025-03", by="user:7")
    found = await keeper.reopen("2025-03", "a late refund", by="user:2")
    assert (found.period, found.locked_at, found.locked_by) == (date(2025, 3, 1), lock.locked_at, "user:7")
    assert (found.reopened_by, found.reason) == ("user:2", "a late refund")
    assert await _locked_through(keeper) == date(2025, 2, 1)
    assert (await keeper.post(sale("2025-03-31", 7))).created
    for day in ("2025-02-28", "2025-01-15", "2024-12-31"):
        with pytest.raises(PeriodLocked):
            await keeper.post(sale(day))
    await keeper.check()


async def test_a_reopened_month_is_locked_again_and_can_be_reopened_again(keeper: Bookkeeper) -> None:
    await keeper.lock("2025-03")
    first = await keeper.reopen("2025-03", "first")
    await keeper.lock("2025-03", by="user:8")
    with pytest.raises(PeriodLocked):
        await keeper.post(sale("2025-03-15"))
    second = await keeper.reopen("2025-03", "second")
    assert [found.locked_by for found in await _reopenings(keeper)] == ["user:8", "user:1"]
    assert await _reopenings(keeper) == [second, first]
    await keeper.lock("2025-04")
    assert await _locked_through(keeper) == date(2025, 4, 1)


async def test_months_are_reopened_one_by_one_from_the_last(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await keeper.lock("2025-01")
    await keeper.lock("2025-04")
    async with nothing_changes(keeper, other):
        for period in ("2025-01", "2025-03", "2025-05"):
            with pytest.raises(PeriodNotLocked) as refused:
                await keeper.reopen(period)
            assert (refused.value.field, refused.value.value) == ("period", period)
        with pytest.raises(PeriodNotLocked):
            await other.reopen("2025-04")
    for period in ("2025-04", "2025-03", "2025-02", "2025-01"):
        await keeper.reopen(period)
    assert await _locked_through(keeper) == date(2024, 12, 1)
    assert await _reopenings(other) == []


@pytest.mark.parametrize(
    ("period", "reason", "field"),
    [
        (date(2025, 1, 2), "x", "period"),
        (date(2025, 1, 1), "", "reason"),
        (date(2025, 1, 1), "a\0b", "reason"),
        (date(2025, 1, 1), "\ud800", "reason"),
        (date(2025, 1, 1), "x" * 2001, "reason"),
    ],
)
async def test_a_reopening_is_of_a_month_and_has_a_reason(
    keeper: Bookkeeper, period: date, reason: str, field: str
) -> None:
    await keeper.lock("2025-01")
    async with nothing_changes(keeper), keeper.engine.begin() as connection:
        with pytest.raises(InvalidPeriod) as refused:
            await reopen_period(connection, keeper.book_id, period, reopened_by="user:2", reason=reason)
        assert refused.value.field == field


async def test_two_who_reopen_at_once_reopen_once(keeper: Bookkeeper) -> None:
    await keeper.lock("2025-03")
    outcomes = await asyncio.gather(*(keeper.reopen("2025-03") for _ in range(3)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["PeriodNotLocked"] * 2 + ["Reopening"]
    assert await _locked_through(keeper) == date(2025, 2, 1)
