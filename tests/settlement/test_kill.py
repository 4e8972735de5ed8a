"""A process that is killed at any point while it reads a report leaves books that the next one finishes."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from clipledger.database import DatabaseUrls
from settlement import chunks
from settlement.errors import ImportRunning
from settlement.report import Import
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, export, market

_RUN = """
import asyncio, sys
from clipledger.database import create_engine
from media.storage import Storage
from settlement import chunks, importing

async def run(url, storage, book_id, import_id):
    chunks.CHUNK, chunks.LARGE = 4, int(sys.argv[5])
    engine = create_engine(url)
    print("ready", flush=True)
    await importing.run_import(engine, Storage(storage), book_id, import_id)

asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def started(
    urls: DatabaseUrls, storage: str, desk: Desk, report: Import, large: int = chunks.LARGE
) -> subprocess.Popen[bytes]:
    """`large`: bytes of a file that is read by a process of its own."""
    arguments = (urls.app, storage, str(desk.book_id), str(report.import_id), str(large))
    process = subprocess.Popen([sys.executable, "-c", _RUN, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


async def left(desk: Desk, report: Import) -> int:
    """Rows that are noted as read; the observations must be just those."""
    query = text("""
        SELECT rows_read, (SELECT count(*) FROM settlement.observations AS o WHERE o.book_id = i.book_id)
        FROM settlement.imports AS i WHERE book_id = :book AND import_id = :number
    """)
    async with desk.engine.connect() as connection:
        asked = {"book": desk.book_id, "number": report.import_id}
        read, written = (await connection.execute(query, asked)).one()
    assert read == written
    return int(read)


async def test_killed_again_and_again_it_ends_in_the_same_books(
    desk: Desk, twin: Desk, urls: DatabaseUrls, storage_url: str
) -> None:
    chance = random.Random(5)
    lines = market(11, 600, desk.handles)[DAYS[-1]]
    report = await desk.begun(export(lines), DAYS[-1])
    seen = [0]
    while len(seen) < 5 or seen[-1] == 0:  # on a busy machine it takes longer until the first chunk is there
        process = started(urls, storage_url, desk, report)
        await asyncio.sleep(chance.uniform(0.05, 0.4) * (1 + len(seen) // 5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.append(await left(desk, report))
    assert seen == sorted(seen)
    assert any(0 < rows < len(lines) for rows in seen)
    await finished(desk, report)
    await twin.read(export(lines), DAYS[-1])
    assert await desk.state() == await twin.state()


async def test_the_process_that_reads_for_a_killed_one_ends_with_it(
    desk: Desk, twin: Desk, urls: DatabaseUrls, storage_url: str
) -> None:
    lines = market(12, 1500, desk.handles)[DAYS[-1]]
    report = await desk.begun(export(lines), DAYS[-1])
    process = started(urls, storage_url, desk, report, large=0)
    await until(lambda: left(desk, report))
    [reader] = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    await until(lambda: asyncio.to_thread(lambda: not is_alive(reader)))
    assert 0 < await left(desk, report) < len(lines)
    await finished(desk, report)
    await twin.read(export(lines), DAYS[-1])
    assert await desk.state() == await twin.state()


async def until(reached: Callable[[], Awaitable[object]]) -> None:
    for _ in range(1000):
        if await reached():
            return
        await asyncio.sleep(0.02)
    pytest.fail("waited for twenty seconds in vain")


def children(pid: int) -> list[int]:
    """The living ones."""
    found = (int(process.name) for process in Path("/proc").glob("[0-9]*"))
    return [each for each in found if is_alive(each) and stat(each)[1] == str(pid)]


def is_alive(pid: int) -> bool:
    return stat(pid)[0] not in ("", "Z")


def stat(pid: int) -> tuple[str, str]:
    """Its state and its parent; nothing of one that is gone."""
    with suppress(OSError):
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        return state, parent
    return "", ""


async def finished(desk: Desk, report: Import) -> None:
    """The killed one's session may live a moment longer than it."""
    while True:
        try:
            await desk.run(report.import_id)
        except ImportRunning:
            await asyncio.sleep(0.05)
        else:
            return
