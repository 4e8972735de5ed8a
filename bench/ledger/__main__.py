"""`python -m bench.ledger [--quick] [--json FILE] [--pgledger DIR] [--plot FILE] [--folder DIR]`."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.ledger import plot
from bench.ledger.ground import Ground, ground
from bench.ledger.reading import balance_ms, trial_balance_seconds, verify_apart
from bench.ledger.sales import CLIPPERS, LINES, open_host_book, sales
from bench.ledger.writing import (
    BATCH,
    HOT,
    PGLEDGER_BATCH,
    PGLEDGER_ROWS,
    SPREAD,
    BareTables,
    Pgledger,
    Singles,
    post_timed,
    postings_per_second,
)
from bench.report import Bar, Report, python_versions
from ledger.books import Book
from ledger.entries import NewEntry
from ledger.seals import seal


@dataclass(frozen=True)
class Size:
    """How much is done: postings in the book when it is verified and when it is full, and repetitions."""

    verified: int
    full: int
    rounds: int
    single_seconds: int


FULL = Size(verified=1_000_000, full=4_000_000, rounds=5, single_seconds=8)
QUICK = Size(verified=80_000, full=160_000, rounds=3, single_seconds=3)


@dataclass
class Run:
    """The state of one run."""

    ground: Ground
    size: Size
    report: Report
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    by_batch: dict[int, float] = field(default_factory=dict)
    by_size: dict[int, float] = field(default_factory=dict)
    copy: float = 0

    async def book(self, name: str) -> tuple[AsyncEngine, Book]:
        """A database of its own with one host's empty book."""
        engine = await self.stack.enter_async_context(self.ground.ledger(name))
        async with engine.begin() as connection:
            return engine, await open_host_book(connection, "host")


@click.command()
@click.option("--quick", is_flag=True, help="A twenty-fifth of the size: whether it runs, not how fast it is.")
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--plot", "plot_path", type=Path, help="Write the plot (SVG) here.")
@click.option("--pgledger", "pgledger_path", type=Path, help="A checkout of pgledger to compare with.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(
    *, quick: bool, json_path: Path | None, plot_path: Path | None, pgledger_path: Path | None, folder: Path
) -> None:
    """Measure the ledger."""
    with ground(folder) as here:
        server = here.settings()
        versions = python_versions("sqlalchemy", "psycopg") | {"postgresql": server.pop("server_version")}
        settings = {"quick": quick, "clippers": CLIPPERS, "lines": LINES, "batch": BATCH, **server}
        run = Run(here, QUICK if quick else FULL, Report("ledger", settings, versions))
        asyncio.run(measure(run, pgledger_path))
    run.report.print()
    if json_path:
        run.report.write(json_path)
    if plot_path:
        plot.draw(plot_path, run.by_batch, run.by_size, run.copy)


async def measure(run: Run, pgledger: Path | None) -> None:
    """Every figure, the quick ones first."""
    async with run.stack:
        await singles(run)
        await batch_sizes(run)
        engine, book, source = await batches(run, pgledger)
        await growth(run, engine, book, source)
        await seal_and_verify(run, engine, book)
        await load(run, engine, book, source, run.size.full)
        await reads(run, engine, book)


async def singles(run: Run) -> None:
    engine, book = await run.book("bench_singles")
    pgbench_url = run.stack.enter_context(run.ground.database("bench_pgbench"))
    ledger_url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    load = Singles(run.ground, ledger_url, pgbench_url, book, run.size.single_seconds)
    load.entries(SPREAD)  # fills the caches
    rounds = [(load.simple_updates(), load.entries(SPREAD), load.entries(HOT)) for _ in range(run.size.rounds)]
    updates, spread, hot = (statistics.median(column) for column in zip(*rounds, strict=True))
    run.report.add("pgbench_tps", updates)
    run.report.add("single_entries_per_s", spread)
    run.report.add("hot_entries_per_s", hot)
    ratios = [(spread / updates, hot / updates) for updates, spread, hot in rounds]
    run.report.add("single_vs_pgbench", statistics.median(ratio for ratio, _ in ratios), Bar("≥", 0.6))
    run.report.add("hot_vs_pgbench", statistics.median(ratio for _, ratio in ratios), Bar("≥", 0.35))


async def batch_sizes(run: Run) -> None:
    engine, book = await run.book("bench_batches")
    source = sales(2)
    for entries in (1, 10, 100, 1_000, 10_000):
        repeat = max(run.size.rounds, 200 // entries)
        took = [await post_timed(engine, book, source, entries) for _ in range(repeat)]
        run.by_batch[entries] = postings_per_second(entries, took)


async def batches(run: Run, pgledger: Path | None) -> tuple[AsyncEngine, Book, Iterator[NewEntry]]:
    """Batches against COPY, and against pgledger, turn by turn."""
    engine, book = await run.book("bench_book")
    source = sales(1)
    bare = BareTables(run.stack.enter_context(run.ground.database("bench_bare")))
    other = pgledger and Pgledger(run.stack.enter_context(run.ground.database("bench_pgledger")), pgledger)
    ours: list[float] = []
    copies: list[tuple[float, float]] = []
    others: list[float] = []
    await post_timed(engine, book, source, BATCH)
    bare.copy_timed(sales(1), BATCH)
    for round_ in range(run.size.rounds):
        ours.append(await post_timed(engine, book, source, BATCH))
        copies.append(bare.copy_timed(sales(100 + round_), BATCH))
        if other:
            others.append(other.transfer_timed(sales(100 + round_), PGLEDGER_BATCH))
    all_rows, postings_only = ([took[part] for took in copies] for part in (0, 1))
    run.copy = postings_per_second(BATCH, all_rows)
    run.report.add("batch_postings_per_s", postings_per_second(BATCH, ours))
    run.report.add("copy_postings_per_s", run.copy, note="entries copied too")
    run.report.add("batch_vs_copy", _median_ratio(all_rows, ours), Bar("≥", 0.5), "the same entries and postings")
    run.report.add("batch_vs_copy_of_postings", _median_ratio(postings_only, ours), note="the postings alone")
    if other:
        # Row for row, to be fair: a sale is four postings here, and three transfers with six entries there.
        theirs = statistics.median(others) / (PGLEDGER_BATCH * PGLEDGER_ROWS)
        run.report.add("batch_vs_pgledger", theirs / (statistics.median(ours) / (BATCH * LINES)), Bar("≥", 5))
    else:
        run.report.add("batch_vs_pgledger", None, Bar("≥", 5), "no checkout given")
    return engine, book, source


async def growth(run: Run, engine: AsyncEngine, book: Book, source: Iterator[NewEntry]) -> None:
    """The cost of an entry in a book of 10⁶ postings over that in one of 10⁴, in batches of 250."""
    small_engine, small_book = await run.book("bench_small")
    small_source = sales(3)
    await post_timed(small_engine, small_book, small_source, 10_000 // LINES)
    await load(run, engine, book, source, run.size.verified)
    for each in (small_engine, engine):
        run.ground.vacuum(each.url.database or "")
    small, large = [], []
    for _ in range(3 * run.size.rounds):
        small.append(await post_timed(small_engine, small_book, small_source, 250))
        large.append(await post_timed(engine, book, source, 250))
    run.report.add("growth", statistics.median(large) / statistics.median(small), Bar("≤", 1.3))


async def load(run: Run, engine: AsyncEngine, book: Book, source: Iterator[NewEntry], postings: int) -> None:
    """Fill the book up to so many postings."""
    async with engine.connect() as connection:
        count = text("SELECT count(*) FROM ledger.postings WHERE book_id = :book")
        have = (await connection.execute(count, {"book": book.book_id})).scalar_one()
    while have < postings:
        took = await post_timed(engine, book, source, BATCH)
        have += BATCH * LINES
        run.by_size[have] = BATCH * LINES / took


async def seal_and_verify(run: Run, engine: AsyncEngine, book: Book) -> None:
    start = time.perf_counter()
    async with engine.begin() as connection:
        await seal(connection, book.book_id)
    run.report.add("seal_s", time.perf_counter() - start)
    took, peak = verify_apart(engine.url.render_as_string(hide_password=False), book)
    run.report.add("verify_s", took, Bar("≤", 60))
    run.report.add("verify_peak_mib", peak)


async def reads(run: Run, engine: AsyncEngine, book: Book) -> None:
    run.report.add("balance_ms_p95", await balance_ms(engine, book, as_of=False), Bar("≤", 5))
    run.report.add("asof_balance_ms_p95", await balance_ms(engine, book, as_of=True), Bar("≤", 20))
    run.report.add("trial_balance_s", await trial_balance_seconds(engine, book), Bar("≤", 1))


def _median_ratio(over: list[float], under: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


if __name__ == "__main__":
    main()
