"""A report goes into the books wholly or not at all, once, and says what of it could not be read."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from settlement import chunks, posted
from settlement.errors import ImportRunning, UnknownAsOf, UnknownFormat, WrongAsOf
from settlement.imports import Request, list_parked
from settlement.posted import posted_by, posted_in_short
from settlement.previewing import preview
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, Told, export, market, written

DAY = DAYS[0]
PLACED = datetime(2026, 10, 3, 12, 30, tzinfo=UTC)


def line(order: int, handle: str, estimated: int = 13020, **told: object) -> Told:
    return replace(Told(order, "CNY", estimated, 0, "pending", handle, PLACED), **told)  # type: ignore[arg-type]


async def test_a_sale_is_split_by_its_licence_and_the_rest_waits_in_suspense(desk: Desk) -> None:
    ana, _, nobody = desk.handles
    done = await desk.read(export([line(1, ana), line(2, nobody, 500)]), DAY)
    assert (done.report.state, done.report.rows_read, done.new, done.changed, done.unchanged) == ("done", 2, 2, 0, 0)
    assert await desk.balances() == {
        ("assets:marketplace:shop", "CNY"): 13520,
        ("liabilities:deferred-fee", "CNY"): -651,
        ("liabilities:held:host", "CNY"): -4948,
        (f"liabilities:held:clipper-{desk.grants[0].clipper.clipper_id}", "CNY"): -7421,
        ("liabilities:suspense", "CNY"): -500,
    }


async def test_a_later_report_posts_the_difference_and_an_earlier_one_nothing(desk: Desk) -> None:
    ana = desk.handles[0]
    pending = line(1, ana)
    settled = replace(pending, state="settled", actual=10000, settled_at=datetime(2026, 10, 19, tzinfo=UTC))
    await desk.read(export([settled]), DAYS[1])
    before = await desk.state()
    late = await desk.read(export([pending]), DAYS[0])
    assert (late.new, late.changed, late.unchanged) == (0, 0, 1)
    assert await desk.state() == before
    assert before[0]["assets:marketplace:shop", "CNY"] == 10000


async def test_a_file_is_read_in_once(desk: Desk) -> None:
    content = export(market(1, 30, desk.handles)[DAY])
    first = await desk.read(content, DAY)
    before, entries = await desk.state(), await desk.count("ledger.entries")
    again = await desk.read(content, DAYS[1], name="renamed.csv")
    assert again.report == first.report
    assert (again.new, again.changed, again.unchanged) == (0, 0, 0)
    assert (await desk.state(), await desk.count("ledger.entries")) == (before, entries)


async def test_the_same_lines_of_a_later_day_post_nothing(desk: Desk) -> None:
    lines = market(2, 30, desk.handles)[DAY]
    await desk.read(export(lines), DAY)
    before, entries = await desk.balances(), await desk.count("ledger.entries")
    again = await desk.read(export(lines[::-1]), DAYS[1])
    assert (again.new, again.changed, again.unchanged) == (0, 0, 30 // len(DAYS))
    assert (await desk.balances(), await desk.count("ledger.entries")) == (before, entries)


# What can't be read -----------------------------------------------------------------------------------------


def faulty(desk: Desk) -> bytes:
    good, bad, odd = (list(line(number, desk.handles[0]).cells()) for number in (1, 2, 3))
    bad[7] = "12.345"
    odd[11] = "sold"
    return written([good, bad, odd])


async def test_a_row_that_cant_be_read_is_parked_and_the_others_are_posted(desk: Desk) -> None:
    done = await desk.read(faulty(desk), DAY)
    assert (done.report.state, done.report.rows_read, done.report.parked, done.new) == ("done", 3, 2, 1)
    async with desk.engine.connect() as connection:
        parked = await list_parked(connection, desk.book_id, done.report.import_id)
    assert [(row.row_no, row.column_name, row.value) for row in parked] == [(3, "state", "sold"), (2, "gmv", "12.345")]
    assert parked[1].rule == "CNY has 2 decimals"
    assert parked[1].raw[1] == "O-2"
    assert (await desk.balances())["assets:marketplace:shop", "CNY"] == 13020


async def test_a_file_may_be_refused_whole_for_one_row_and_then_be_read_otherwise(desk: Desk) -> None:
    refused = await desk.read(faulty(desk), DAY, on_fault="refuse")
    assert refused.report.state == "refused"
    assert refused.report.failure is not None
    assert refused.report.failure.code == "rows-refused"
    said = "row 2, column gmv: CNY has 2 decimals; 1 more can't be read either (got 12.345)"
    assert refused.report.failure.rule == said
    assert (await desk.balances(), await desk.count("settlement.observations")) == ({}, 0)
    assert (await desk.read(faulty(desk), DAY)).report.state == "done"


async def test_nothing_is_posted_of_a_file_that_breaks_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 5)
    content = export([line(number, desk.handles[0]) for number in range(1, 30)]) + b'shop,"O-30'
    done = await desk.read(content, DAY)
    assert (done.report.state, done.report.failure and done.report.failure.code) == ("refused", "truncated-file")
    assert (await desk.balances(), await desk.count("settlement.observations")) == ({}, 0)


async def test_a_file_that_no_reader_knows_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(UnknownFormat):
        await desk.begun(b"a,b,c\n1,2,3\n", DAY)
    assert await desk.count("settlement.imports") == 0


async def test_texts_come_back_as_they_stood(desk: Desk) -> None:
    cells = list(line(1, desk.handles[0]).cells())
    cells[9] = '"1,302.00'[1:]
    odd = 'tab\there, "quoted", back\\slash, {brace}, \r\nnew line, NULL, \\N, ü中'
    cells[15] = odd
    done = await desk.read(written([cells]), DAY)
    assert done.report.parked == 0
    query = text("SELECT raw, tracking_id FROM settlement.observations WHERE book_id = :book")
    async with desk.engine.connect() as connection:
        row = (await connection.execute(query, {"book": desk.book_id})).one()
    assert (row.raw, row.tracking_id) == (cells, odd)


# Of what day it is ------------------------------------------------------------------------------------------


async def test_the_day_comes_from_the_name_or_must_be_told(desk: Desk) -> None:
    content = export([line(1, "nobody")])
    with pytest.raises(UnknownAsOf):
        await desk.begun(content, None)
    report = await desk.begun(content, None, "shop_2026-10-05.csv")
    assert report.as_of == datetime(2026, 10, 4, 16, tzinfo=UTC)  # the day begins in Shanghai


async def test_a_day_that_the_file_contradicts_is_refused(desk: Desk) -> None:
    content = b'{"as_of": "2026-10-20", "lines": [{"marketplace": "shop", "order": "1", "line": "1", "currency": "CNY",'
    content += b' "product": "1", "quantity": "1", "refunded": "0", "gmv": "1.00", "estimated": "0.10", "actual": "",'
    content += b' "state": "pending", "placed_at": "2026-10-03T12:30:00Z"}]}'
    with pytest.raises(WrongAsOf):
        await desk.begun(content, DAY)
    assert (await desk.read(content, DAYS[1])).report.state == "done"


async def test_lines_from_after_the_reports_day_are_parked_and_a_file_of_them_is_refused(desk: Desk) -> None:
    late = replace(line(9, "nobody"), placed_at=datetime(2026, 10, 9, tzinfo=UTC))
    lines = [line(number, "nobody") for number in range(1, 4)]
    done = await desk.read(export([*lines, late]), DAY)
    assert (done.report.state, done.report.parked, done.new) == ("done", 1, 3)
    wrong = await desk.read(export(lines), date(2026, 9, 5))
    assert (wrong.report.state, wrong.report.failure and wrong.report.failure.code) == ("refused", "wrong-as-of")


# Two at once, and none --------------------------------------------------------------------------------------


async def test_of_two_runs_at_once_one_works_and_the_other_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 5)
    report = await desk.begun(export(market(3, 60, desk.handles)[DAYS[2]]), DAYS[2])
    runs = await asyncio.gather(*(desk.run(report.import_id) for _ in range(2)), return_exceptions=True)
    assert sorted(type(run).__name__ for run in runs) == [ImportRunning.__name__, "Imported"]
    assert await desk.count("settlement.observations") == 60


async def test_reports_read_at_the_same_time_take_turns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 7)
    days = market(4, 60, desk.handles)
    begun = [await desk.begun(export(days[day]), day) for day in DAYS]
    await asyncio.gather(*(desk.run(report.import_id) for report in begun))
    dues: dict[str, int] = {}
    for told in days[DAYS[2]]:
        dues[told.currency] = dues.get(told.currency, 0) + told.due
    balances = await desk.balances()
    assert {currency: balances["assets:marketplace:shop", currency] for currency in dues} == dues


async def test_a_preview_tells_what_the_import_then_posts_and_posts_nothing(desk: Desk) -> None:
    days = market(5, 60, desk.handles)
    await desk.read(export(days[DAYS[0]]), DAYS[0])
    before = await desk.state()
    content = export(days[DAYS[1]])
    asked = Request(file=content, name="report.csv", as_of=DAYS[1])
    told = await preview(desk.engine, desk.book_id, asked)
    assert (await desk.state(), await desk.count("settlement.imports")) == (before, 1)
    done = await desk.read(content, DAYS[1])
    async with desk.engine.connect() as connection:
        assert list(told.posted) == await posted_by(connection, desk.book_id, done.report.import_id)
    assert (told.rows, told.new, told.changed, told.unchanged) == (40, done.new, done.changed, done.unchanged)
    assert (await preview(desk.engine, desk.book_id, asked)).already_imported


async def test_what_was_posted_is_kept_in_short_and_clippers_are_added_up_where_there_are_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = market(6, 60, desk.handles)
    for most, day in ((50, DAYS[0]), (5, DAYS[2])):
        monkeypatch.setattr(posted, "MOST", most)
        done = await desk.read(export(days[day]), day)
        its = desk.book_id, done.report.import_id
        async with desk.engine.begin() as connection:
            accounts, kept = await posted_by(connection, *its), await posted_in_short(connection, *its)
            await connection.execute(text("UPDATE settlement.imports SET posted = NULL"))  # as before it was kept
            assert await posted_in_short(connection, *its) == kept
        sums: dict[tuple[str, str], list[int]] = {}
        for each in accounts:
            code = re.sub(r"-\d+$", "", each.account) if most == 5 else each.account
            sums.setdefault((code, each.currency), []).append(each.amount)
        told = {(each.account, each.currency): (each.amount, each.accounts) for each in kept}
        assert told == {its: (sum(amounts), len(amounts)) for its, amounts in sums.items()}
        assert (max(accounts for _, accounts in told.values()) > 1) == (most == 5)


async def test_a_line_that_changes_its_currency_leaves_nothing_in_the_old_one(desk: Desk) -> None:
    ana = desk.handles[0]
    await desk.read(export([line(1, ana)]), DAYS[0])
    await desk.read(export([replace(line(1, ana), currency="USD")]), DAYS[1])
    assert {currency for _, currency in await desk.balances()} == {"USD"}
