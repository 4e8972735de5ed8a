"""Reports that are kept of a large book: what making them anew would say, until something changes or a day begins."""

import asyncio
import random
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post
from settlement.kept_reports import PAYABLES, RECEIVABLES, TRIAL_BALANCE, refresh_reports, report_lately
from settlement.lately import EVERY
from settlement.suspense import book_today
from tests.licensing.house import Granted, Host, NewGrant, NewHost
from tests.settlement.shop import in_sql
from tests.settlement.test_sold import drawn, told
from tests.settlement.till import Till, by, facts

NOW = timedelta(0)
_WAITS = text("""
    SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database AS its ON its.oid = database AND datname = current_database()
                   WHERE relation = 'settlement.kept_reports'::regclass AND NOT granted)
""")
REPORTS: list[Any] = [TRIAL_BALANCE, PAYABLES, *RECEIVABLES.values()]


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def refresh(till: Till, every: timedelta = NOW, at_least: int = 1) -> bool:
    return await refresh_reports(till.engine, till.book_id, every=every, at_least=at_least)


async def shown(till: Till, **page: int) -> tuple[list[Any], set[bool]]:
    """All of them, and whether they may be late."""
    async with till.engine.connect() as connection:
        found = [await report_lately(connection, till.book_id, each, **page) for each in REPORTS]
    return [report for report, _ in found], {as_of is not None for _, as_of in found}


async def test_what_is_kept_is_what_is_made_anew(
    till: Till, host: Host, new_grant: NewGrant, new_host: NewHost
) -> None:
    chance, elsewhere = random.Random(7), Till(till.engine, await new_host())
    grants = [await new_grant(host) for _ in range(3)]
    await elsewhere.sell(facts(**by(await new_grant(elsewhere.host))))
    assert await refresh(elsewhere)
    sold = await till.sell(*({**drawn(chance, grants), "line_no": str(line)} for line in range(40)))
    pages: list[dict[str, int]] = [{}, {"limit": 2}, {"offset": 1, "limit": 2}, {"offset": 99}]
    for _ in range(2):
        made = [await shown(till, **page) for page in pages]
        assert {late for _, each in made for late in each} == {False}
        assert await refresh(till)
        assert await refresh(till, EVERY) is False
        kept = [await shown(till, **page) for page in pages]
        assert [reports for reports, _ in kept] == [reports for reports, _ in made]
        assert {late for _, each in kept for late in each} == {True}
        assert all(report.rows for report in kept[0][0])
        sold = [await told(till, chance, grants, each) for each in sold[:20]]
        assert await shown(till) == kept[0]  # until they are made anew
        await in_sql(till, "DELETE FROM settlement.kept_reports WHERE book_id = :book")
    assert (await shown(elsewhere))[1] == {True}


async def test_an_amount_beyond_64_bits_is_kept_to_the_unit(till: Till, grant: Granted) -> None:
    most = 2**62
    for day in (1, 2, 3):
        await till.sell(facts(**by(grant), due=most, gmv=most, net_gmv=most, sold_on=date(2026, 10, day)))
    (made, *_), _ = await shown(till)
    assert await refresh(till)
    assert (await shown(till))[0][0] == made
    assert made.debits == {"CNY": 3 * most}


async def age(till: Till, by_so_much: timedelta) -> None:
    """As if they had been made earlier."""
    columns = "book_id, name, place, content, told, as_of"
    rows = await in_sql(till, f"SELECT {columns} FROM settlement.kept_reports WHERE book_id = :book")
    await in_sql(till, "DELETE FROM settlement.kept_reports WHERE book_id = :book")
    for _, name, place, content, known, as_of in rows:
        its = {"name": name, "place": place, "content": content, "known": known, "at": as_of - by_so_much}
        values = ":book, :name, :place, :content, :known, :at"
        await in_sql(till, f"INSERT INTO settlement.kept_reports ({columns}) VALUES ({values})", **its)


async def test_they_are_made_anew_where_something_has_changed_or_a_day_has_begun(till: Till, grant: Granted) -> None:
    assert not await refresh(till)  # nothing is sold
    await till.sell(facts(**by(grant)))
    assert not await refresh(till, EVERY, at_least=2)  # few sales
    assert await refresh(till, EVERY)
    assert not await refresh(till, EVERY)  # lately
    await age(till, timedelta(days=2))
    assert await refresh(till, EVERY)
    await in_sql(till, "DELETE FROM settlement.kept_reports WHERE book_id = :book AND name = :name", name=PAYABLES.name)
    assert await refresh(till, EVERY)  # another report is kept now


async def test_what_was_under_way_for_long_when_they_were_made_is_not_missed(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    lines = (Line("assets:bank", "CNY", 5), Line("equity:opening", "CNY", -5))
    async with till.engine.begin() as connection:
        await ensure_accounts(connection, till.book_id, [NewAccount(line.account, "CNY") for line in lines])
    async with till.engine.begin() as connection:
        on = await book_today(connection, till.book_id)
        entry = NewEntry(idempotency_key="late", effective_on=on, description="Committed late", lines=lines)
        await post(connection, till.book_id, entry)
        assert await refresh(till)
    later = -timedelta(minutes=11)  # it began so long before they were made
    await age(till, later)
    assert await refresh(till, every=later)
    (balances, *_), _ = await shown(till)
    assert "assets:bank" in {row.code for row in balances.rows}
    await age(till, later)
    assert not await refresh(till, every=later)  # it is known now


async def test_they_are_of_the_day_on_which_their_turn_was_asked_for(till: Till) -> None:
    await till.sell(facts())
    async with till.engine.connect() as connection:
        await connection.execute(text("LOCK TABLE settlement.kept_reports IN SHARE ROW EXCLUSIVE MODE"))
        waits = asyncio.create_task(refresh(till))
        while not (waits.done() or await connection.scalar(_WAITS)):
            await connection.execute(text("SELECT pg_sleep(0.01)"))
        since = await connection.scalar(text("SELECT clock_timestamp()"))
        await connection.rollback()
    assert await waits
    async with till.engine.connect() as connection:
        _, as_of = await report_lately(connection, till.book_id, PAYABLES)
    assert as_of is not None
    assert as_of < since


async def test_two_at_once_take_turns(till: Till) -> None:
    await till.sell(facts())
    assert sorted(await asyncio.gather(*(refresh(till, EVERY) for _ in range(3)))) == [False, False, True]
