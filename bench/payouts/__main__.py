"""`python -m bench.payouts [--payouts N] [--limited N] [--json FILE] [--folder DIR]`."""

import asyncio
import logging
import time
from pathlib import Path
from typing import NamedTuple

import click
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground, ground
from bench.payouts.purses import open_purse
from bench.payouts.sandbox import Served, sandbox
from bench.report import Bar, Report, python_versions
from clipledger.stripe_sandbox import API_KEY
from settlement.closing import Person
from settlement.payouts.approving import approve
from settlement.payouts.pace import Pace
from settlement.payouts.paying import CALLS_PER_SECOND
from settlement.payouts.runs import draft, submit
from settlement.payouts.sending import Sender, utc_now
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail

_DATABASE = "bench_payouts"
_ACCOUNTS = 200
"""Of the sandbox; payees share them, which makes no difference to what a transfer costs."""
_SUBMITS, _APPROVES = Person(1, "user:1"), Person(2, "user:2")


class Costs(NamedTuple):
    """Seconds of planning, of approving and of sending; of the processor for each payout, here and in the sandbox; and
    the most memory of this process, in MiB.
    """

    plan_s: float
    approve_s: float
    send_s: float
    cpu_s: float
    sandbox_cpu_s: float
    peak_mib: float


@click.command()
@click.option("--payouts", type=click.IntRange(1), default=11_000, show_default=True)
@click.option("--limited", type=click.IntRange(0), default=1_000, show_default=True, help="At Stripe's limit of calls.")
@click.option("--json", "json_path", type=Path, help="Write the figures here.")
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, payouts: int, limited: int, json_path: Path | None, folder: Path) -> None:
    """Measure what paying costs."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with ground(folder) as here, sandbox() as served:
        server = here.settings()
        versions = python_versions("sqlalchemy", "psycopg", "stripe") | {"postgresql": server.pop("server_version")}
        report = Report("payouts", {"payouts": payouts, "limited": limited, **server}, versions)
        asyncio.run(_measure(report, here, served, payouts, limited))
    report.print()
    if json_path:
        report.write(json_path)


async def _measure(report: Report, here: Ground, served: Served, payouts: int, limited: int) -> None:
    accounts = [served.account() for _ in range(_ACCOUNTS)]
    async with here.service(_DATABASE) as engine:
        costs = await measure_run(engine, here, served, accounts, payouts, None)
        report.add("plan_s", costs.plan_s, note=f"{payouts:,} payouts")
        report.add("approve_s", costs.approve_s, note="money set aside, keys and hashes written")
        report.add("send_s", costs.send_s, note="no limit")
        report.add("payouts_per_s", payouts / costs.send_s, Bar("≥", 200), "no limit, one worker")
        report.add("send_cpu_ms", 1000 * costs.cpu_s, note="of this process, for a payout")
        report.add("sandbox_cpu_ms", 1000 * costs.sandbox_cpu_s, note="of the sandbox, for a payout")
        report.add("peak_mib", costs.peak_mib)
        if limited:
            costs = await measure_run(engine, here, served, accounts, limited, CALLS_PER_SECOND)
            floor = limited / CALLS_PER_SECOND
            report.add(
                "limited_vs_floor", costs.send_s / floor, Bar("≤", 1.1), f"{limited:,} payouts, 25 calls a second"
            )


async def measure_run(
    engine: AsyncEngine, here: Ground, served: Served, accounts: list[str], payouts: int, rate: float | None
) -> Costs:
    """Raises AssertionError where one is not paid, or the sandbox has paid something else."""
    book_id, owed = await open_purse(engine, here, _DATABASE, payouts, accounts)
    served.control("fund", amount=owed, currency="usd")
    served.control("limits", rate=rate, overall_rate=None)
    before = served.summary()
    rail = StripeRail(stripe_client(API_KEY, api_base=served.url))
    _reset_peak()
    start = time.perf_counter()
    async with engine.begin() as connection:
        run = await draft(connection, book_id, "stripe", "available", by=_SUBMITS)
        await submit(connection, book_id, run.run_id, _SUBMITS)
    planned = time.perf_counter()
    async with engine.begin() as connection:
        await approve(connection, book_id, run.run_id, _APPROVES, rail, utc_now())
    approved, cpu, sandbox_cpu = time.perf_counter(), time.process_time(), served.cpu_s()
    done = await Sender(engine, rail, "stripe", pace=Pace(rate)).send_due(book_id)
    sent = time.perf_counter()
    used, used_there = time.process_time() - cpu, served.cpu_s() - sandbox_cpu
    assert done == {"sent": payouts}, done
    await _check(engine, served, before, book_id, payouts, owed)
    took = planned - start, approved - planned, sent - approved
    return Costs(*took, used / payouts, used_there / payouts, _peak_mib())


async def _check(
    engine: AsyncEngine, served: Served, before: dict[str, object], book_id: int, payouts: int, owed: int
) -> None:
    after = served.summary()
    assert after["transfers"] == int(str(before["transfers"])) + payouts
    async with engine.connect() as connection:
        asked = {"book": book_id}
        assert await connection.scalar(_IN_TRANSIT, asked) == owed
        assert await connection.scalar(_SENT, asked) == payouts


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


_IN_TRANSIT = text("""
    SELECT sum(moved.amount) FROM ledger.movements AS moved JOIN ledger.accounts AS account USING (book_id, account_id)
    WHERE book_id = :book AND account.code = 'assets:in-transit:stripe'
""")
_SENT = text("SELECT count(DISTINCT reference) FROM settlement.payouts WHERE book_id = :book AND state = 'sent'")

if __name__ == "__main__":
    main()
