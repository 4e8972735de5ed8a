"""What is worked out ahead of a chunk's transaction counts only if it is what the transaction would have found."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import lock_period
from settlement import importing, preparing
from settlement.resolutions import resolve, withdraw
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, export, written
from tests.settlement.test_importing import line
from tests.settlement.till import publish

Act = Callable[[AsyncConnection], Awaitable[Any]]


def meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch, act: Act) -> list[int]:
    """Do it once a chunk has been prepared, before its transaction looks; how often chunks were worked out again."""
    again, original = list[int](), importing.take_turn
    acts = [act]

    async def turn(connection: AsyncConnection, book_id: int) -> None:
        await original(connection, book_id)
        if acts:
            async with desk.engine.begin() as others:
                await acts.pop()(others)

    async def prepare(*asked: Any) -> Any:
        again.append(len(asked[2]))
        return await worked_out(*asked)

    worked_out = preparing.prepare
    monkeypatch.setattr(importing, "take_turn", turn)
    monkeypatch.setattr(preparing, "prepare", prepare)
    return again


async def whose(desk: Desk) -> list[Any]:
    query = text("SELECT rule, reason, stage FROM settlement.sales WHERE book_id = :book ORDER BY order_no")
    async with desk.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query, {"book": desk.book_id})]


async def test_what_was_prepared_counts_where_nothing_has_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: AsyncConnection) -> None: ...

    again = meanwhile(desk, monkeypatch, nothing)
    await desk.read(export([line(1, desk.handles[0])]), DAYS[0])
    assert (await whose(desk), again) == ([("handle", None, "held")], [])


async def test_a_clip_is_registered_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    again = meanwhile(desk, monkeypatch, lambda others: publish(others, desk.grants[0], "post-1"))
    cells = list(line(1, desk.handles[0]).cells())
    cells[14] = "post-1"
    await desk.read(written([cells]), DAYS[0])
    assert (await whose(desk), again) == ([("content", None, "held")], [1])


async def test_an_account_is_resolved_meanwhile_and_the_resolution_withdrawn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    async def decided(others: AsyncConnection) -> None:
        grant_id = desk.grants[0].grant_id
        made.append(await resolve(others, desk.book_id, "finance", "handle:tiktok:nobody", grant_id, "She told us"))

    again = meanwhile(desk, monkeypatch, decided)
    await desk.read(export([line(1, "nobody")]), DAYS[0])
    assert (await whose(desk), again) == ([("resolution", None, "held")], [1])
    monkeypatch.undo()
    number = made[0].resolution.resolution_id
    meanwhile(desk, monkeypatch, lambda others: withdraw(others, desk.book_id, "finance", number))
    await desk.read(export([line(2, "nobody")]), DAYS[0])
    assert [rule for rule, _, _ in await whose(desk)] == [None, None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            """INSERT INTO licensing.grant_changes
                   (book_id, grant_id, change_no, action, state, effective_at, recorded_at, actor)
               VALUES (:book, :grant, 99, 'revoked', 'revoked', '2026-10-01', now(), 'test')""",
            (None, "revoked", "held"),
        ),
        (
            """INSERT INTO licensing.claims
                   (book_id, claimant, clipper_id, grant_id, ground, frozen, respond_by, opened_by)
               VALUES (:book, 'host', :clipper, :grant, 'not-mine', true, now(), 'test')""",
            ("handle", None, "frozen"),
        ),
    ],
)
async def test_a_grant_is_revoked_or_claimed_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, change: str, expected: tuple[Any, ...]
) -> None:
    grant = desk.grants[0]
    asked = {"book": desk.book_id, "grant": grant.grant_id, "clipper": grant.clipper.clipper_id}
    again = meanwhile(desk, monkeypatch, lambda others: others.execute(text(change), asked))
    await desk.read(export([line(1, desk.handles[0])]), DAYS[0])
    assert (await whose(desk), again) == ([expected], [1])


async def test_lines_that_are_known_new_and_told_twice_in_one_chunk(desk: Desk) -> None:
    ana = desk.handles[0]
    await desk.read(export([line(1, ana), line(2, ana)]), DAYS[0])
    told = [line(1, ana), line(3, ana), line(2, ana, 500), line(3, ana), line(4, "nobody")]
    done = await desk.read(export(told), DAYS[1])
    assert (done.new, done.changed, done.unchanged, done.report.parked) == (2, 1, 1, 0)
    assert (await desk.balances())["assets:marketplace:shop", "CNY"] == 13020 * 3 + 500
    assert await desk.count("settlement.observations") == 7


async def test_a_month_that_is_locked_meanwhile_takes_nothing_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    placed = line(1, desk.handles[0]).placed_at
    sold_in = placed.date().replace(day=1)
    again = meanwhile(desk, monkeypatch, lambda others: lock_period(others, desk.book_id, sold_in, locked_by="finance"))
    await desk.read(export([line(1, desk.handles[0])]), DAYS[0])
    query = text("SELECT effective_on, period FROM ledger.entries WHERE book_id = :book")
    async with desk.engine.connect() as connection:
        [(sold_on, booked_in)] = (await connection.execute(query, {"book": desk.book_id})).all()
    assert (sold_on, booked_in, again) == (placed.date(), date(2026, 11, 1), [])
