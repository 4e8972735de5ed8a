"""What it costs to close a month: true-ups, statements drafted, proved and issued, read and written as PDFs.

`python -m bench.settlement.closing --lines 20000` prints the figures alone.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground, ground
from bench.settlement.importing import DAY, LINES, imported, opened_book, write_report
from clipledger.cli.statements import told_on_papers
from media.storage import Storage
from settlement.closing import Person, approve, draft, submit
from settlement.statements.bulk import Asked, current_statements, write_statements
from settlement.statements.reading import find_statement, lines_of, summaries_of

PAPERS = 400
"""Statements that are written as PDFs."""
_MONTH = DAY.replace(day=1)
_DATABASE = "bench_closing"
_PREPARER, _APPROVER = Person(1, "user:1"), Person(2, "user:2")
_PAGES = 200
_CORES = 2


class ClosingCosts(NamedTuple):
    """Seconds from the first true-up to the last statement issued; milliseconds of the first page of the longest
    statement, which has `lines` lines; PDFs a second on two cores.
    """

    close_s: float
    statement_ms_p95: float
    pdf_per_s: float
    statements: int
    lines: int


async def measure_closing(on: Ground, folder: Path, lines: int = LINES, papers: int = PAPERS) -> ClosingCosts:
    """Of a month with so many order lines."""
    path = folder / "month.csv"
    write_report(path, lines)
    async with on.service(_DATABASE) as engine:
        book_id = await opened_book(engine, on, _DATABASE, "month")
        await imported(engine, Storage((folder / "objects").as_uri()), book_id, path, DAY)
        drafted, closed = await close_month(engine, book_id)
        longest, statement_ms = await _page_ms(engine, book_id)
        pdf_per_s = await _pdf_per_s(engine, book_id, folder / "papers", papers)
    return ClosingCosts(closed, statement_ms, pdf_per_s, drafted, longest)


async def close_month(engine: AsyncEngine, book_id: int) -> tuple[int, float]:
    """How many statements, and the seconds it took; as two people do it, each step a transaction."""
    start = time.perf_counter()
    async with engine.begin() as connection:
        drafted = await draft(connection, book_id, _MONTH, _PREPARER)
    async with engine.begin() as connection:
        await submit(connection, book_id, _MONTH, _PREPARER, reason="six sales in a hundred wait in suspense")
    async with engine.begin() as connection:
        await approve(connection, book_id, _MONTH, _APPROVER)
    return drafted, time.perf_counter() - start


async def _page_ms(engine: AsyncEngine, book_id: int) -> tuple[int, float]:
    """How many lines the longest statement has, and the p95 of its first page."""
    longest = text("""
        SELECT statement_id, count(*) FROM settlement.statement_lines WHERE book_id = :book
        GROUP BY statement_id ORDER BY count(*) DESC LIMIT 1
    """)
    took = []
    async with engine.connect() as connection:
        statement_id, lines = (await connection.execute(longest, {"book": book_id})).one()
        for _ in range(_PAGES):
            start = time.perf_counter()
            await find_statement(connection, statement_id, book_id=book_id)
            await summaries_of(connection, book_id, statement_id)
            await lines_of(connection, book_id, statement_id)
            took.append((time.perf_counter() - start) * 1000)
    return lines, statistics.quantiles(took, n=20)[-1]


async def _pdf_per_s(engine: AsyncEngine, book_id: int, folder: Path, papers: int) -> float:
    asked = Asked(folder=folder, form="pdf", language="en", public_url="https://example.com", tell=told_on_papers)
    async with engine.connect() as connection:
        some = (await current_statements(connection, book_id, _MONTH))[-papers:]
        start = time.perf_counter()
        done = await write_statements(connection, book_id, some, asked, _CORES)
        took = time.perf_counter() - start
    assert done.written == len(some), done.failed
    return len(some) / took


@click.command()
@click.option("--lines", type=click.IntRange(1000), default=LINES, show_default=True)
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, lines: int, folder: Path) -> None:
    """Print what closing costs."""
    with ground(folder) as here, tempfile.TemporaryDirectory() as files:
        costs = asyncio.run(measure_closing(here, Path(files), lines))
    for name, value in costs._asdict().items():
        print(f"{name:24} {value:,.4g}")


if __name__ == "__main__":
    main()
