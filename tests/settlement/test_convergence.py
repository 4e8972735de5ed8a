"""In whatever order reports come, overlapping, repeated or broken off: the books end the same."""

import random
from collections.abc import Sequence
from datetime import date

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement import chunks, importing
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, Told, export, market

LINES = 45


class Broken(Exception):  # noqa: N818 - what happens, not an error of anybody's
    """Stands for whatever ends a run."""


def reports(seed: int, desk: Desk) -> list[tuple[bytes, date]]:
    """Three days' lines in files that overlap, some of them twice, in any order."""
    chance = random.Random(seed)
    made = []
    for day, lines in market(7, LINES, desk.handles).items():
        made += [(export(chance.sample(part, len(part))), day) for part in _overlapping(lines, chance)]
    made += chance.sample(made, len(made) // 2)
    chance.shuffle(made)
    return made


def _overlapping(lines: Sequence[Told], chance: random.Random) -> list[Sequence[Told]]:
    first, second = sorted(chance.sample(range(1, len(lines)), 2))
    return [lines[:second], lines[first:], chance.sample(lines, len(lines) // 2)]


async def read_in_order(desk: Desk) -> None:
    for day, lines in market(7, LINES, desk.handles).items():
        await desk.read(export(lines), day)


async def test_what_is_due_is_what_the_marketplace_owes(desk: Desk) -> None:
    await read_in_order(desk)
    balances = await desk.balances()
    for currency in ("CNY", "USD"):
        told = market(7, LINES, desk.handles)[DAYS[-1]]
        due = sum(each.due for each in told if each.currency == currency)
        assert balances["assets:marketplace:shop", currency] == due
        assert sum(amount for (_, its), amount in balances.items() if its == currency) == 0


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_overlap_and_repetition_ends_in_the_same_books(
    desk: Desk, twin: Desk, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 9 + seed)
    for content, day in reports(seed, desk):
        await desk.read(content, day)
    await read_in_order(twin)
    assert await desk.state() == await twin.state()


@pytest.mark.parametrize("seed", range(3, 6))
async def test_runs_that_break_off_between_and_within_chunks_end_in_the_same_books(
    desk: Desk, twin: Desk, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(chunks, "CHUNK", 7)
    _break_off(monkeypatch, chance)
    broken = 0
    for content, day in reports(seed, desk):
        report = await desk.begun(content, day)
        while True:
            try:
                await desk.run(report.import_id)
                break
            except Broken:
                broken += 1
    assert broken > 5
    monkeypatch.undo()
    await read_in_order(twin)
    assert await desk.state() == await twin.state()


def _break_off(monkeypatch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """Before a chunk, between its rows and what they post, and between posting and noting how far it is."""

    def breaking(name: str) -> None:
        original = getattr(importing, name)

        async def may_break(connection: AsyncConnection, *more: object) -> object:
            if chance.random() < 0.06:
                raise Broken
            done = await original(connection, *more)
            if chance.random() < 0.06:
                raise Broken
            return done

        monkeypatch.setattr(importing, name, may_break)

    for name in ("take_turn", "observe", "accrue_observed"):
        breaking(name)
