"""What it costs to ask the books."""

import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.ledger.sales import CURRENCY, DAYS, FIRST_DAY, MARKETPLACE
from bench.report import percentile
from clipledger import database
from ledger.accounts import find_account
from ledger.balances import NOW, Moment, balance, trial_balance
from ledger.books import Book
from ledger.verification import verify

ASKED = 300


async def balance_ms(engine: AsyncEngine, book: Book, *, as_of: bool) -> float:
    """95th percentile of asking one busy account's balance, each on its own: now, or as of any day of the year."""
    chance = random.Random(1)
    took = []
    async with engine.connect() as connection:
        account = await find_account(connection, book.book_id, MARKETPLACE, CURRENCY)
        for _ in range(ASKED):
            moment = Moment(as_of=FIRST_DAY + timedelta(days=chance.randrange(DAYS))) if as_of else NOW
            start = time.perf_counter()
            await balance(connection, book.book_id, account.account_id, moment)
            took.append((time.perf_counter() - start) * 1000)
    return percentile(took, 95)


async def trial_balance_seconds(engine: AsyncEngine, book: Book) -> float:
    """The median of five, all accounts' rows read."""
    took = []
    async with engine.connect() as connection:
        for _ in range(5):
            start = time.perf_counter()
            await trial_balance(connection, book.book_id)
            took.append(time.perf_counter() - start)
    return statistics.median(took)


def verify_apart(app_url: str, book: Book) -> tuple[float, float]:
    """Seconds and peak memory in MiB of a verification in a process of its own. Raises if the books are not sound."""
    command = [sys.executable, "-m", "bench.ledger.reading", app_url, str(book.book_id)]
    done = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if not done["sound"]:
        raise RuntimeError(f"the bench's books are not sound: {done}")
    return done["seconds"], done["peak_mib"]


async def _verify(app_url: str, book_id: int) -> dict[str, float | bool]:
    import resource

    engine = database.create_engine(app_url)
    start = time.perf_counter()
    async with engine.connect() as connection:
        result = await verify(connection, book_id)
    took = time.perf_counter() - start
    await engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"sound": result.sound, "entries": result.entries, "seconds": took, "peak_mib": peak}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_verify(sys.argv[1], int(sys.argv[2])))))
