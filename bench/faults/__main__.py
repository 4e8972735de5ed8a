"""`python -m bench.faults --schedules N --seed S [--only SEED] [--json FILE] [--workers N]`."""

import asyncio
import gc
import json
import logging
import math
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import click
import psycopg
import structlog

from bench.faults.histories import History
from bench.faults.judging import Finding
from bench.faults.world import House
from clipledger import database, postgres

_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
"""Nobody pulls the plug here; what a commit means to others is the same."""

_DATABASE = "bench_faults"
_DONE = "schedules"

Failed = dict[int, list[str]]


@click.command()
@click.option("--schedules", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first; the others follow it.")
@click.option("--only", type=int, help="Replay this seed alone, and tell what happened.")
@click.option("--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Processes.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Begin no more schedules after so long.")
@click.option("--json", "json_path", type=Path, help="Write what was seen here.")
@click.option("--folder", type=Path, default=Path("var/bench/faults"), help="Data folder of the servers.")
def main(
    *,
    schedules: int,
    seed: int,
    only: int | None,
    workers: int,
    minutes: float | None,
    json_path: Path | None,
    folder: Path,
) -> None:
    """Run schedules of faults. Exits with 1 where one pays twice, loses something, or hides it."""
    seeds = [only] if only is not None else [*range(seed, seed + schedules)]
    start = time.perf_counter()
    seen: Counter[str] = Counter()
    failed: Failed = {}
    until = start + 60 * minutes if minutes else math.inf
    parts = [_Part(folder / str(number), seeds[number::workers], only is not None, until) for number in range(workers)]
    with ProcessPoolExecutor(workers) as pool:
        for part_seen, part_failed in pool.map(_part, parts):
            seen += part_seen
            failed |= part_failed
    done = seen.pop(_DONE)
    _tell(seen, failed, done, time.perf_counter() - start)
    if json_path:
        content = {"schedules": done, "seed": seed, "seen": dict(sorted(seen.items())), "failed": failed}
        json_path.write_text(json.dumps(content, indent=2) + "\n")
    raise SystemExit(bool(failed))


def _tell(seen: Counter[str], failed: Failed, schedules: int, took: float) -> None:
    for name, count in sorted(seen.items()):
        print(f"  {name:64} {count:>9,}")
    for seed, told in sorted(failed.items())[:50]:
        print(f"seed {seed}: {'; '.join(told)[:400]}")
    print(f"{schedules:,} schedules in {took:,.0f} s, {1000 * took / schedules:.0f} ms each; {len(failed)} failed")
    kinds = Counter(kind for told in failed.values() for kind in {each.partition(":")[0] for each in told})
    for kind in ("duplicate", "lost", "stuck", "fault"):
        print(f"  {kind:10} {kinds[kind]}")


class _Part(NamedTuple):
    """What one process does, on a server of its own; `until` is by the clock of perf_counter."""

    folder: Path
    seeds: list[int]
    traced: bool
    until: float


def _part(part: _Part) -> tuple[Counter[str], Failed]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with closing(_Server(part.folder)) as server:
        return asyncio.run(_all(server, part))


class _Server:
    """An embedded server that can be stopped and started again, with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        self.server = self._running.enter_context(postgres.running(self._folder, options=_OPTIONS))

    def restart(self) -> None:
        self._running.close()
        self.start()

    def close(self) -> None:
        self._running.close()

    def database(self) -> str:
        """An empty one; its URL for the service."""
        with psycopg.connect(self.server.url(postgres.SUPERUSER, "postgres"), autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        urls = database.embedded_urls(self.server, _DATABASE)
        database.migrate(urls.owner)
        return urls.app


async def _all(server: _Server, part: _Part) -> tuple[Counter[str], Failed]:
    seen: Counter[str] = Counter()
    failed: Failed = {}
    engine = database.create_engine(server.database(), pool_size=8, pool_reset_on_return=None)
    house = House(engine, server.restart)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    for seed in part.seeds:
        if time.perf_counter() > part.until:
            break
        history = History(house, seed, seen)
        if told := await attempt(history):
            failed[seed] = told
            print(f"seed {seed}: {'; '.join(told)[:300]}", flush=True)
        if part.traced:
            print("\n".join(history.trace))
        seen[_DONE] += 1
        if seen[_DONE] % 100 == 0:
            print(f"  {seen[_DONE]:,} of {len(part.seeds):,}, {len(failed)} failed", flush=True)
    await engine.dispose()
    return seen, failed


async def attempt(history: History) -> list[str]:
    """What is wrong with it in the end, kind by kind; also that it broke."""
    try:
        findings: list[Finding] = await history.run()
    except Exception as fault:
        history.trace.append("".join(traceback.format_exception(fault)))
        await history.clear()
        return [f"fault: {type(fault).__name__} {fault}"]
    return [f"{each.fault}: {each.told}" for each in findings]


if __name__ == "__main__":
    main()
