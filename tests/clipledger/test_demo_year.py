"""The year of trade, in small: that there is something of everything to look at, and that the books hold."""

from pathlib import Path
from uuid import uuid4

import pytest
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.database import DatabaseUrls
from clipledger.demo import year
from clipledger.demo.crowd import CLIPPERS
from clipledger.demo.paper import Paper
from clipledger.demo.stage import Stage
from clipledger.settings import Settings
from ledger.balances import trial_balance
from ledger.books import open_book
from licensing.overview import standing
from settlement.suspense import book_today, groups

LINES = 150


@pytest.fixture(scope="module")
async def stage(app_engine: AsyncEngine, urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder: Path = tmp_path_factory.mktemp("year")
    async with app_engine.begin() as connection:
        book = await open_book(connection, f"year-{uuid4().hex}", "Lili Live", "Asia/Shanghai")
    settings = Settings.from_environment({"CLIPLEDGER_VAR": str(folder)})
    with (folder / "told").open("w") as told:
        made = Stage(settings, urls.owner, app_engine, Paper(Console(file=told, width=200)), book, 60.0)
        await year.tell(made, LINES)
    return made


async def _rows(stage: Stage, query: str) -> list[tuple[object, ...]]:
    async with stage.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query), {"book": stage.book.book_id})]


async def test_its_books_balance_in_three_currencies(stage: Stage) -> None:
    async with stage.engine.begin() as connection:
        trial = await trial_balance(connection, stage.book.book_id)

    assert trial.debits == trial.credits
    assert set(trial.debits) == {"CNY", "USD", "JPY"}


async def test_something_is_sold_in_each_of_twelve_months_and_some_is_returned(stage: Stage) -> None:
    months = await _rows(
        stage, "SELECT DISTINCT date_trunc('month', sold_on) FROM settlement.sales WHERE book_id = :book"
    )
    states = await _rows(stage, "SELECT DISTINCT state FROM settlement.sales WHERE book_id = :book")

    assert len(months) == 12
    assert {state for (state,) in states} == {"pending", "settled", "void"}


async def test_all_sales_are_somebodys_but_those_of_strangers_in_this_month(stage: Stage) -> None:
    async with stage.engine.connect() as connection:
        today = await book_today(connection, stage.book.book_id)
        lost = await groups(connection, stage.book.book_id, today, "handle")
    days = await _rows(
        stage, "SELECT sold_on, handle FROM settlement.sales WHERE book_id = :book AND clipper_id IS NULL"
    )

    assert len(lost) == 3
    assert {(day.year, day.month) for day, _ in days} == {(today.year, today.month)}  # type: ignore[attr-defined]
    assert len(days) == 9


async def test_something_waits_for_everybody(stage: Stage) -> None:
    async with stage.engine.connect() as connection:
        found = await standing(connection, stage.book.book_id)
    proposed = await _rows(stage, "SELECT state FROM settlement.adjustments WHERE book_id = :book")

    assert (found.active, found.offered, found.suspended) == (len(CLIPPERS) - 1, 1, 1)
    assert (found.applications, found.claims) == (1, 1)
    assert proposed == [("proposed",)]


async def test_the_best_clippers_are_named(stage: Stage) -> None:
    names = await _rows(
        stage,
        """SELECT DISTINCT its.name FROM settlement.sales JOIN licensing.parties AS its ON its.party_id = clipper_id
           WHERE book_id = :book""",
    )

    assert {"Bo Zhang", "陈思远", "Maya Thompson", "佐藤 美咲"} <= {name for (name,) in names}


async def test_it_says_in_one_line_what_it_did(stage: Stage) -> None:
    told = (stage.settings.var / "told").read_text()

    assert f"A year of trade: {LINES + 9} order lines of {len(CLIPPERS)} more clippers, in CNY, USD, JPY" in told
