"""Parked rows: settled by a person with a reason, once; then no month is closed over them."""

from datetime import date

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.awaiting import unsettled_rows
from settlement.errors import AlreadySettled, ImportNotFound, InvalidSettling
from settlement.exceptions import open_matters
from settlement.imports import list_parked
from settlement.parked import SettledRows, settle_rows
from settlement.tables import parked_rows
from tests.settlement.desk import Desk

HEAD = b"marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
ROW = b"my-shop,A-%d,1,CNY,17,1,0,abc,130.20,,pending,2026-10-03T12:30:00Z\n"
WHY = "Mended, and sent again."


@pytest.fixture
async def report(desk: Desk) -> int:
    """Of three rows that can't be read."""
    read = await desk.read(HEAD + b"".join(ROW % number for number in (1, 2, 3)), date(2026, 10, 4))
    return read.report.import_id


async def test_rows_are_settled_once_and_wait_no_longer(desk: Desk, report: int) -> None:
    async with desk.engine.begin() as connection:
        assert [each.rows for each in await unsettled_rows(connection, desk.book_id)] == [3]
        assert await settle_rows(connection, desk.book_id, report, "user:1", f" {WHY} ", [2]) == SettledRows(report, 1)
        assert await settle_rows(connection, desk.book_id, report, "user:2", WHY) == SettledRows(report, 2)
        assert await unsettled_rows(connection, desk.book_id) == []
        assert await open_matters(connection, desk.book_id, date(2026, 11, 1)) == []
        told = [(row.row_no, row.settled_by, row.reason) for row in await list_parked(connection, desk.book_id, report)]
        assert told == [(3, "user:2", WHY), (2, "user:1", WHY), (1, "user:2", WHY)]


async def test_what_is_not_open_or_has_no_reason_is_refused(desk: Desk, twin: Desk, report: int) -> None:
    async def refused(connection: AsyncConnection, error: type[Exception], reason: str, *rows: int) -> None:
        with pytest.raises(error):
            await settle_rows(connection, desk.book_id, report, "user:1", reason, rows or None)

    async with desk.engine.connect() as connection:
        await refused(connection, InvalidSettling, " ", 1)
        await refused(connection, AlreadySettled, WHY, 4)
        await settle_rows(connection, desk.book_id, report, "user:1", WHY, [1])
        await refused(connection, AlreadySettled, WHY, 1, 2)
        await connection.rollback()
        with pytest.raises(ImportNotFound):
            await settle_rows(connection, twin.book_id, report, "user:1", WHY)
        its = {"book_id": desk.book_id, "import_id": report, "rule": "x", "raw": []}
        await connection.execute(insert(parked_rows).values(**its, row_no=9))
        assert (await settle_rows(connection, desk.book_id, report, "user:1", WHY)).settled == 4
