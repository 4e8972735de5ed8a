"""Roll-forwards that are kept of a large book's months: final where they are locked, else late and for pages alone."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.periods import format_period, lock_period, reopen_period
from settlement.lately import EVERY
from settlement.reports.books import month_before
from settlement.reports.roll_forward import RollForward
from settlement.rolled import refresh_rolled
from tests.licensing.house import Granted, Host, NewGrant, NewHost
from tests.settlement.books import Closer
from tests.settlement.rolls import NOW, keep, read, shown
from tests.settlement.shop import in_sql
from tests.settlement.test_sold import drawn, told
from tests.settlement.till import Till, by, facts

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
THIS, LAST = TODAY.replace(day=1), month_before(TODAY)
BEFORE = month_before(LAST)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def lock(till: Till, month: date) -> None:
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, month, locked_by="user:1")


async def reopen(till: Till, month: date) -> None:
    async with till.engine.begin() as connection:
        await reopen_period(connection, till.book_id, month, reopened_by="user:2", reason="A refund came late")


async def lose_rows(till: Till) -> None:
    """Whoever is answered by what is kept then sees nothing."""
    await in_sql(till, "DELETE FROM settlement.rolled WHERE book_id = :book")


def said(reports: list[RollForward]) -> list[bool]:
    """Of each, whether there is anything in it."""
    return [bool(report.totals) for report in reports]


@pytest.mark.parametrize("seed", range(2))
async def test_what_is_kept_is_what_reading_the_month_gives(
    till: Till, host: Host, new_grant: NewGrant, new_host: NewHost, seed: int
) -> None:
    """Random histories: sales, changes, returns, other clippers and currencies, payments, what is owed back."""
    chance, elsewhere = random.Random(seed), Till(till.engine, await new_host())
    grants = [await new_grant(host) for _ in range(3)]
    await elsewhere.sell(facts(**by(await new_grant(elsewhere.host)), sold_on=LAST))
    assert await keep(elsewhere) == [THIS, LAST]
    sold = await till.sell(*({**drawn(chance, grants), "line_no": str(line)} for line in range(40)))
    for each in sold[:12]:
        await told(till, chance, grants, each)
    await moved(Closer(till), chance, grants)
    months = [THIS, LAST, BEFORE]
    known, (pages, late) = await read(till, *months), await shown(till, *months)
    assert late == [False, False, False]
    assert await keep(till) == [THIS, LAST]
    assert await shown(till, *months) == (pages, [True, True, False])
    await lock(till, LAST)
    assert (await keep(till))[:2] == [LAST, BEFORE]
    assert await read(till, *months) == known
    assert await shown(till, *months) == (pages, [True, False, False])
    await lose_rows(till)
    assert said((await shown(till, *months))[0]) == [False] * 6
    assert await keep(elsewhere) == []
    assert all(said((await shown(elsewhere, THIS, LAST))[0]))


async def moved(closer: Closer, chance: random.Random, grants: list[Granted]) -> None:
    """Entries that are of no sale: paid, withheld, made good, owed back."""
    for grant in grants:
        available, owed, paying = (
            f"{name}:clipper-{grant.clipper.clipper_id}"
            for name in ("liabilities:available", "assets:recoverable", "liabilities:paying")
        )
        for debit, credit in (
            (available, paying),
            (paying, "assets:bank"),
            (available, "liabilities:withheld:cn"),
            ("expenses:adjustments", available),
            (owed, available),
            (available, owed),
        ):
            on, amount = TODAY - timedelta(days=chance.randint(0, 80)), chance.randint(1, 999)
            await closer.post(on, "Moved", {debit: amount, credit: -amount}, chance.choice(("CNY", "USD")))


async def test_a_locked_month_is_final_and_everybody_is_answered_by_what_is_kept(
    client: AsyncClient, till: Till, grant: Granted
) -> None:
    await till.sell(facts(**by(grant), sold_on=BEFORE))
    await lock(till, LAST)
    assert await keep(till) == [THIS, LAST, BEFORE]
    await till.sell(facts(**by(grant), sold_on=BEFORE))  # booked in this month, the first that is open
    assert await keep(till) == [THIS]
    assert await keep(till) == []
    assert all(said((await read(till, LAST, BEFORE))[:2]))
    await lose_rows(till)
    assert not any(said(await read(till, LAST, BEFORE)))
    pages, late = await shown(till, LAST)
    assert (said(pages), late) == ([False, False], [False])
    path, asked = f"{till.host.path}/reports/roll-forward", {"month": format_period(LAST), "format": "csv"}
    file = await client.get(path, params=asked, headers=till.host.person.bearer)
    assert file.text.splitlines()[1:] == []


async def test_an_open_month_is_late_on_pages_alone(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=LAST))
    before = await shown(till, LAST)
    assert before[1] == [False]
    assert await keep(till) == [THIS, LAST]
    await till.sell(facts(**by(grant), sold_on=LAST))
    assert await shown(till, LAST) == (before[0], [True])
    now = await read(till, LAST)
    assert now[0].totals[0].closing == 2 * before[0][0].totals[0].closing
    assert await keep(till) == [THIS, LAST]
    assert (await shown(till, LAST))[0][1] == now[0]
    await lock(till, LAST)  # what was kept of it when it was open says nothing of what is final
    await lose_rows(till)
    assert await read(till, LAST) == now


async def test_a_month_that_is_reopened_is_read_again(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=BEFORE), facts(**by(grant), sold_on=LAST))
    await lock(till, LAST)
    assert await keep(till) == [THIS, LAST, BEFORE]
    known = await read(till, LAST)
    one = known[0].totals[0].earned
    for times in (1, 2):
        await reopen(till, LAST)
        assert await read(till, LAST) == known
        await lose_rows(till)
        assert await read(till, LAST) == known
        await till.sell(facts(**by(grant), sold_on=LAST))
        now = await read(till, LAST)
        assert now[0].totals[0].earned == (times + 1) * one
        pages, late = await shown(till, LAST)
        assert (pages[1], late) == (now[0], [False])
        await lock(till, LAST)
        assert await read(till, LAST) == now
        assert not any(said(await read(till, BEFORE)))  # it has stayed locked, and what is kept of it final
        assert await keep(till) == [THIS, LAST]
        known = now
    assert (await shown(till, LAST))[0][1] == known[0]


async def test_months_are_worked_out_only_where_something_was_booked_in_or_before_them(
    till: Till, grant: Granted
) -> None:
    async def due(every: timedelta = NOW, at_least: int = 1) -> list[date]:
        return list(await refresh_rolled(till.engine, till.book_id, every=every, at_least=at_least))

    assert await due() == []  # nothing is sold
    await till.sell(facts(**by(grant), sold_on=LAST))
    assert await due(at_least=2) == []  # few sales
    assert await due(EVERY) == [THIS, LAST]
    assert await due() == []
    await till.sell(facts(**by(grant), sold_on=TODAY))
    assert await due(EVERY) == []  # lately
    assert await due() == [THIS]
    await till.sell(facts(**by(grant), sold_on=BEFORE))
    assert await due() == [THIS, LAST]


async def test_months_at_which_pages_began_once_are_forgotten(till: Till, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=LAST))
    await keep(till)
    its = "settlement.rolled_months (book_id, month, reopenings, entries, as_of)"
    await in_sql(till, f"INSERT INTO {its} VALUES (:book, :before, 0, 0, now())", before=BEFORE)
    await till.sell(facts(**by(grant), sold_on=TODAY))
    assert await keep(till) == [THIS]
    kept = "SELECT month FROM settlement.rolled_months WHERE book_id = :book ORDER BY 1"
    assert await in_sql(till, kept) == [(LAST,), (THIS,)]


async def test_two_at_once_take_turns(till: Till) -> None:
    await till.sell(facts(sold_on=LAST))
    kept = await asyncio.gather(*(keep(till) for _ in range(3)))
    assert sorted(month for months in kept for month in months) == [LAST, THIS]
