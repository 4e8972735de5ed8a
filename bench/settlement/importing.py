"""What it costs to read a report in: from the file to observations, sales, attribution, accruals and entries.

The report is in our own format: an order line a row, of 11,000 clippers' 50,000 clips, six in a hundred of them of
content that nobody registered. It is imported as the command line does it, commit by commit, beside a COPY of the same
file into a table of one column of text.

`python -m bench.settlement.importing --lines 20000` prints the figures alone.
"""

import asyncio
import os
import random
import tempfile
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import click
import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground, ground
from clipledger import postgres
from ledger.books import open_book
from ledger.splits import Share, SplitRule, Take
from licensing.terms import Terms, encode, sha256_of
from media.storage import Storage
from settlement.importing import Imported, run_import
from settlement.imports import Request, begin_import

LINES = 1_000_000
CLIPPERS = 11_000
CLIPS = 50_000
DAY = date(2026, 10, 31)
"""Of the report; what it tells of was sold in the thirty days before."""
_DATABASE = "bench_importing"
_HEADER = (
    "marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,platform,handle,content_id,"
    "placed_at,settled_at\n"
)
_TERMS = Terms(
    licensor="Lili Live Ltd",
    split=SplitRule(currency="CNY", takes=(Take("platform", "5%"),), shares=(Share("host", 4), Share("clipper", 6))),
    platforms=("douyin", "tiktok"),
    starts_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class ImportingCosts(NamedTuple):
    """Lines a second of the first import, of the same file again, and of the same lines as a later day tells them; the
    first against COPY; the peak memory of the processes; and the seconds a line of all against those of a hundredth.
    """

    import_lines_per_s: float
    import_vs_copy: float
    import_peak_mib: float
    reimport_lines_per_s: float
    retold_lines_per_s: float
    growth: float


def write_report(path: Path, lines: int) -> None:
    """The same for the same number of lines."""
    chance = random.Random(20261020)
    newest = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    with path.open("w") as file:
        file.write(_HEADER)
        for order in range(1, lines + 1):
            clip = chance.randrange(CLIPS)
            gmv = chance.randint(500, 200_000)
            estimated = gmv * chance.choice((8, 13, 20, 30)) // 100
            settled = chance.random() < 0.5
            placed = newest - timedelta(seconds=chance.randint(3600, 30 * 86_400))
            content = 7_400_000_000_000_000_000 + clip + (CLIPS if chance.random() < 0.06 else 0)
            handle = "" if content >= 7_400_000_000_000_000_000 + CLIPS else f"clipper{clip % CLIPPERS + 1}"
            actual, state = (_money(estimated), "settled") if settled else ("", "pending")
            paid = f"{newest:%Y-%m-%dT%H:%M:%SZ}" if settled else ""
            file.write(
                f"tiktok,57621{order:011},1731{order % 900:09},CNY,17293847560{clip % 97:02},1,0,{_money(gmv)},"
                f"{_money(estimated)},{actual},{state},tiktok,{handle},{content},{placed:%Y-%m-%dT%H:%M:%SZ},{paid}\n"
            )


def _money(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


async def measure_importing(on: Ground, folder: Path, lines: int = LINES) -> ImportingCosts:
    """Raises AssertionError where a line or a cent is missing."""
    path, first, retold = folder / "report.csv", folder / "first.csv", folder / "retold.csv"
    write_report(path, lines)
    write_report(first, lines // 100)
    retold.write_bytes(path.read_bytes() + b"\n")
    async with on.service(_DATABASE) as engine:
        storage = Storage((folder / "objects").as_uri())
        small, large = [await opened_book(engine, on, _DATABASE, name) for name in ("small", "large")]
        _, beginning = await imported(engine, storage, small, first, DAY)
        peak = _Peak()
        watching = asyncio.ensure_future(peak.watch())
        done, took = await imported(engine, storage, large, path, DAY)
        watching.cancel()
        high = peak.mib
        assert (done.new, done.report.parked) == (lines, 0)
        await _check(engine, large)
        again, reimported = await imported(engine, storage, large, path, DAY)
        later, told = await imported(engine, storage, large, retold, DAY + timedelta(days=1))
        assert again.report == done.report
        assert (later.new, later.changed, later.unchanged) == (0, 0, lines)
        copied = _copied(on, path)
    growth = (took / lines) / (beginning / (lines // 100))
    return ImportingCosts(lines / took, copied / took, high, lines / reimported, lines / told, growth)


async def imported(
    engine: AsyncEngine, storage: Storage, book_id: int, path: Path, day: date
) -> tuple[Imported, float]:
    """And the seconds it took."""
    start = time.perf_counter()
    report, _ = await begin_import(
        engine, storage, book_id, Request(file=path, name=path.name, as_of=day), created_by="bench"
    )
    done = await run_import(engine, storage, book_id, report.import_id)
    return done, time.perf_counter() - start


async def _check(engine: AsyncEngine, book_id: int) -> None:
    """What is on the marketplace's account is what is due, and the clippers have nearly all of their part."""
    due = text("SELECT sum(due), count(*) FILTER (WHERE rule IS NULL) FROM settlement.sales WHERE book_id = :book")
    owed = text("""
        SELECT sum(m.amount) FROM ledger.movements AS m JOIN ledger.accounts AS a USING (book_id, account_id)
        WHERE book_id = :book AND a.code = 'assets:marketplace:tiktok'
    """)
    async with engine.connect() as connection:
        total, suspended = (await connection.execute(due, {"book": book_id})).one()
        assert await connection.scalar(owed, {"book": book_id}) == total
        lines = await connection.scalar(
            text("SELECT count(*) FROM settlement.sales WHERE book_id = :book"), {"book": book_id}
        )
        assert 0.04 < suspended / lines < 0.08, suspended


def _copied(on: Ground, path: Path) -> float:
    """Seconds of the COPY."""
    with psycopg.connect(on.inner.server.url(postgres.SUPERUSER, _DATABASE)) as connection:
        connection.execute("CREATE TABLE public.bare (line text)")
        start = time.perf_counter()
        copying = "COPY public.bare FROM STDIN (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
        with connection.cursor().copy(copying) as copy, path.open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)
        connection.commit()
        return time.perf_counter() - start


class _Peak:
    """Of this process and the one that reads for it, together, in MiB: as sampled ten times a second, and at least what
    this one had at its highest.
    """

    def __init__(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._own = Path("/proc/self")
        self._together = 0.0

    async def watch(self) -> None:
        """Until it is cancelled."""
        reader: Path | None = None
        while True:
            reader = reader if reader and _mib(reader) else await asyncio.to_thread(_child)
            self._together = max(self._together, _mib(self._own) + (_mib(reader) if reader else 0))
            await asyncio.sleep(0.1)

    @property
    def mib(self) -> float:
        return max(self._together, _mib(self._own, "VmHWM"))


def _child() -> Path | None:
    return next(filter(_is_child, Path("/proc").glob("[0-9]*")), None)


def _is_child(process: Path) -> bool:
    with suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid()
    return False


def _mib(process: Path, which: str = "VmRSS") -> float:
    """Nothing of a process that has ended."""
    with suppress(OSError):
        lines = (process / "status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(which)), 0) / 1024
    return 0.0


# The book ---------------------------------------------------------------------------------------------------


async def opened_book(engine: AsyncEngine, on: Ground, database: str, slug: str) -> int:
    """A book of that database in which each clipper has a grant and its part of the clips."""
    async with engine.begin() as connection:
        book = await open_book(connection, slug, "A host", "Asia/Shanghai")
    on.load(database, _statements(book.book_id))
    return book.book_id


def _statements(book_id: int) -> list[str]:
    terms = encode(_TERMS).decode().replace("'", "''")
    its = f"book_id = {book_id}"
    return [
        f"""INSERT INTO licensing.parties (party_id, kind, name, registered_by) OVERRIDING SYSTEM VALUE
            SELECT number, 'clipper', 'Clipper ' || number, 'bench' FROM generate_series(1, {CLIPPERS}) AS number
            ON CONFLICT DO NOTHING""",
        f"""INSERT INTO licensing.offers (book_id, title, summary, category, created_by)
            VALUES ({book_id}, 'An offer', '', 'beauty', 'bench')""",
        f"""INSERT INTO licensing.terms_versions (book_id, offer_id, version_no, terms, sha256, published_by)
            SELECT book_id, offer_id, 1, '{terms}', '{sha256_of(_TERMS)}', 'bench' FROM licensing.offers WHERE {its}""",
        f"""UPDATE licensing.offers SET version_no = 1, state = 'open', opened_at = now(), licensor = 'Lili Live Ltd',
                platforms = '{{douyin,tiktok}}', currency = 'CNY', clipper_ppm = 600000 WHERE {its}""",
        f"""INSERT INTO licensing.grants (book_id, offer_id, clipper_id, version_no, state, handles, starts_at,
                certificate_no, created_by, accepted_at, accepted_by)
            SELECT book_id, offer_id, party_id, 1, 'active', ARRAY['tiktok:clipper' || party_id], '2026-01-01',
                   md5(book_id || ' ' || party_id), 'bench', '2026-01-01', 'bench'
            FROM licensing.offers, licensing.parties WHERE {its} ORDER BY party_id""",
        f"""INSERT INTO licensing.grant_changes (book_id, grant_id, change_no, action, state, version_no, starts_at,
                handles, effective_at, recorded_at, actor)
            SELECT book_id, grant_id, 1, 'accepted', state, 1, starts_at, handles, starts_at, starts_at, 'bench'
            FROM licensing.grants WHERE {its}""",
        f"""INSERT INTO media.clips (book_id, clip_id, title, state, duration_s, submitted_by) OVERRIDING SYSTEM VALUE
            SELECT {book_id}, clip, 'A clip', 'unrecognised', 20, 'bench'
            FROM generate_series(0, {CLIPS} - 1) AS clip""",
        f"""INSERT INTO licensing.submissions (book_id, grant_id, clipper_id, clip_id, title, caption, state, on_screen,
                disclosed, submitted_by)
            SELECT book_id, grant_id, clipper_id, clip, 'A clip', '#ad', 'live', false, 'caption', 'bench'
            FROM generate_series(0, {CLIPS} - 1) AS clip
            JOIN licensing.grants ON {its} AND clipper_id = clip % {CLIPPERS} + 1""",
        f"""INSERT INTO licensing.publications (book_id, submission_id, platform, content_id, handle, url, published_at,
                added_by)
            SELECT book_id, submission_id, 'tiktok', 7400000000000000000 + clip_id, 'clipper' || clipper_id,
                   'https://example.com/1', '2026-01-02', 'bench'
            FROM licensing.submissions WHERE {its}""",
    ]


@click.command()
@click.option("--lines", type=click.IntRange(1000), default=LINES, show_default=True)
@click.option("--folder", type=Path, default=Path("var/bench/postgres"), help="Data folder of the server.")
def main(*, lines: int, folder: Path) -> None:
    """Print what importing costs."""
    with ground(folder) as here, tempfile.TemporaryDirectory() as files:
        costs = asyncio.run(measure_importing(here, Path(files), lines))
    for name, value in costs._asdict().items():
        print(f"{name:24} {value:,.4g}")


if __name__ == "__main__":
    main()
