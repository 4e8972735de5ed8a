"""`python -m bench.reconciliation [--lines N] [--seed S] [--json FILE] [--folder DIR]`."""

import asyncio
import gc
import time
from pathlib import Path

import click

from bench.ledger.ground import Ground, ground
from bench.reconciliation.books import Reconciled, fill, reconcile_book
from bench.reconciliation.month import make_month
from bench.report import Bar, Report, python_versions


@click.command()
@click.option("--lines", default=1_000_000, show_default=True, help="On each side.")
@click.option("--seed", default=20261101, show_default=True, help="Of the month that is made up.")
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(lines: int, seed: int, json_path: Path | None, folder: Path) -> None:
    """Reconcile a month: from the lines in the database to matches and residuals in the database."""
    with ground(folder) as here:
        settings = {"lines": lines, "seed": seed, **here.settings()}
        report = Report("reconciliation", settings, python_versions("sqlalchemy", "psycopg", "msgspec"))
        asyncio.run(_measure(here, lines, seed, report))
    report.print()
    if json_path:
        report.write(json_path)


async def _measure(here: Ground, lines: int, seed: int, report: Report) -> None:
    month = make_month(lines, seed)
    print(f"{len(month.booked):,} ledger lines, {len(month.moved):,} lines outside, made up", flush=True)
    async with here.ledger("bench_reconciliation") as engine:
        began = time.perf_counter()
        book_id = await fill(engine, "lili", month)
        print(f"posted and imported in {time.perf_counter() - began:,.0f} s", flush=True)
        here.vacuum("bench_reconciliation")
        gc.freeze()  # the made-up month is not the work's
        before = _mib("VmRSS")
        _forget_peak()
        found = await reconcile_book(engine, book_id, month)
    _tell(report, found)
    report.add("peak memory, MiB", _mib("VmHWM") - before, note="above what the made-up month takes")


def _tell(report: Report, found: Reconciled) -> None:
    verdict = found.verdict
    report.add("clean lines matched, %", 100 * verdict.clean_matched, Bar("≥", 99.9))
    report.add("defects told rightly, %", 100 * verdict.defects_told, Bar("≥", 100), f"{verdict.defects:,} defects")
    report.add("kinds of defects", verdict.kinds, Bar("≥", 20))
    report.add("clean lines called defects", verdict.false_alarms, Bar("≤", 0))
    report.add("differences unproved", found.unproved, Bar("≤", 0), "minor units")
    report.add("seconds", found.seconds, Bar("≤", 120), f"{found.own_seconds:.0f} of them this process's own")
    for kind, said in verdict.wrong.items():
        print(f"  {kind}: {len(said)} wrong, such as {said[0]}")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _mib(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


if __name__ == "__main__":
    main()
