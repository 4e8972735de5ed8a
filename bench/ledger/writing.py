"""What posting costs, beside what the same machine does without a ledger's rules."""

import statistics
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.ledger.ground import Ground
from bench.ledger.sales import CLIPPERS, CURRENCY, LINES
from ledger.books import Book
from ledger.entries import NewEntry, content_digest, post_batch

BATCH = 10_000


async def post_timed(engine: AsyncEngine, book: Book, source: Iterator[NewEntry], entries: int) -> float:
    """Seconds that one batch takes, from values in Python to the commit."""
    batch = list(islice(source, entries))
    start = time.perf_counter()
    async with engine.begin() as connection:
        await post_batch(connection, book.book_id, batch)
    return time.perf_counter() - start


# COPY ----------------------------------------------------------------------------------------------------------

BARE_TABLES = """
    CREATE TABLE bare_entries (
        book_id bigint NOT NULL, entry_id bigint NOT NULL, idempotency_key text COLLATE "C" NOT NULL,
        effective_on date NOT NULL, period date NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
        description text NOT NULL, metadata jsonb NOT NULL, reverses bigint, line_count integer NOT NULL,
        digest bytea NOT NULL, transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
    );
    CREATE UNIQUE INDEX ON bare_entries (book_id, entry_id);
    CREATE UNIQUE INDEX ON bare_entries (book_id, idempotency_key);
    CREATE UNIQUE INDEX ON bare_entries (book_id, reverses) WHERE reverses IS NOT NULL;
    CREATE INDEX ON bare_entries (book_id, transaction_id, entry_id) WHERE line_count > 0;
    CREATE TABLE bare_postings (
        book_id bigint NOT NULL, entry_id bigint NOT NULL, account_id bigint NOT NULL, amount bigint NOT NULL,
        line integer NOT NULL, effective_on date NOT NULL, period date NOT NULL, currency text COLLATE "C" NOT NULL
    );
    CREATE UNIQUE INDEX ON bare_postings (book_id, entry_id, line);
    CREATE INDEX ON bare_postings (book_id, account_id, effective_on, entry_id, line)"""

COPY_ENTRIES = """
    COPY bare_entries (book_id, entry_id, idempotency_key, effective_on, period, description, metadata, reverses,
                       line_count, digest) FROM STDIN"""
COPY_POSTINGS = "COPY bare_postings FROM STDIN"


class BareTables:
    """The rows and the indexes of entries and postings, and nothing else: what a batch costs at the least."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)
        self.connection.execute(BARE_TABLES)
        self.connection.commit()
        self.entry_id = 0

    def copy_timed(self, source: Iterator[NewEntry], entries: int) -> tuple[float, float]:
        """Seconds for the COPY of a batch's rows, text made beforehand: of all, and of the postings with the commit."""
        batch = list(enumerate(islice(source, entries), self.entry_id + 1))
        self.entry_id += entries
        heads = "".join(_entry_row(number, entry) for number, entry in batch).encode()
        lines = "".join(row for number, entry in batch for row in _posting_rows(number, entry)).encode()
        start = time.perf_counter()
        self._copy(COPY_ENTRIES, heads)
        between = time.perf_counter()
        self._copy(COPY_POSTINGS, lines)
        self.connection.commit()
        end = time.perf_counter()
        return end - start, end - between

    def _copy(self, statement: str, rows: bytes) -> None:
        with self.connection.cursor().copy(statement) as copy:
            copy.write(rows)


def _entry_row(number: int, entry: NewEntry) -> str:
    digest = f"\\\\x{content_digest(1, entry).hex()}"
    head = f"1\t{number}\t{entry.idempotency_key}\t{entry.effective_on}\t{entry.booked_in}\t{entry.description}"
    return f"{head}\t{{}}\t\\N\t{len(entry.lines)}\t{digest}\n"


def _posting_rows(number: int, entry: NewEntry) -> Iterator[str]:
    for line_no, line in enumerate(entry.lines, 1):
        place = f"1\t{number}\t{_account_number(line.account)}\t{line.amount}\t{line_no}"
        yield f"{place}\t{entry.effective_on}\t{entry.booked_in}\t{line.currency}\n"


def _account_number(account: str) -> int:
    """A number of its own for each account, as the ledger's book has."""
    name = account.rsplit("-", 1)[-1]
    return int(name) if name.isdigit() else CLIPPERS + len(name)


# pgledger ------------------------------------------------------------------------------------------------------


PGLEDGER_BATCH = 1_000
"""Sales in a call to pgledger; its time for each grows with the batch, so this is kinder to it than 10,000."""
PGLEDGER_ROWS = 2 * (LINES - 1)
"""Entry rows that pgledger writes for one sale."""


class Pgledger:
    """pgledger's accounts and its own batch of transfers. A four-line sale is three transfers there."""

    def __init__(self, url: str, checkout: Path) -> None:
        self.connection = psycopg.connect(url)
        for name in ("vendor/scoville-pgsql-ulid/ulid-to-uuid.sql", "vendor/scoville-pgsql-ulid/uuid-to-ulid.sql"):
            self.connection.execute((checkout / name).read_bytes())
        self.connection.execute((checkout / "pgledger.sql").read_bytes())
        self.accounts: dict[str, str] = {}
        self.connection.commit()

    def transfer_timed(self, source: Iterator[NewEntry], entries: int) -> float:
        """Seconds for the transfers of a batch of sales, in one call, with its commit."""
        transfers = [
            (self._account(entry.lines[0].account), self._account(line.account), -line.amount)
            for entry in islice(source, entries)
            for line in entry.lines[1:]
        ]
        start = time.perf_counter()
        self.connection.execute(
            "SELECT count(*) FROM pgledger_create_transfers(ARRAY("
            " SELECT ROW(f, t, a)::transfer_request"
            " FROM unnest(%s::text[], %s::text[], %s::numeric[]) AS x (f, t, a)))",
            [list(column) for column in zip(*transfers, strict=True)],
        )
        self.connection.commit()
        return time.perf_counter() - start

    def _account(self, name: str) -> str:
        if name not in self.accounts:
            query = "SELECT id FROM pgledger_create_account(%s, %s)"
            row = self.connection.execute(query, [name, CURRENCY]).fetchone()
            assert row is not None
            self.accounts[name] = row[0]
        return self.accounts[name]


# Single entries ------------------------------------------------------------------------------------------------

_SINGLE = r"""
\set a random(1, {clippers})
\set b random(1, {clippers})
\set c random(1, {clippers})
\set d random(1, {clippers})
\set k random(1, 4000000000000000000)
SELECT * FROM ledger.post_entries({book}, ARRAY['single:' || :k],
    ARRAY['2026-10-05'::date], ARRAY['2026-10-01'::date], ARRAY['Sale accrued'], ARRAY['{{}}'::jsonb],
    ARRAY[NULL::bigint], ARRAY[4], ARRAY[sha256('sale')], ARRAY['CNY'],
    ARRAY[{debit}, 'liabilities:held:clipper-' || :b, 'liabilities:held:clipper-' || :c,
          'liabilities:held:clipper-' || :d],
    ARRAY[1, 1, 1, 1], ARRAY[1, 1, 1, 1], ARRAY[1, 2, 3, 4], ARRAY[1, 2, 3, 4],
    ARRAY[13020, -651, -5200, -7169]::bigint[]);
"""

SPREAD = "'liabilities:held:clipper-' || :a"
"""Four of the clippers' accounts, any of them."""

HOT = "'assets:marketplace:tiktok'"
"""The account that all entries have in common."""


class Singles:
    """Entries one at a time from eight clients, beside pgbench's own simple-update, driven by the same program."""

    def __init__(self, ground: Ground, ledger_url: str, pgbench_url: str, book: Book, run_seconds: int) -> None:
        self.ground = ground
        self.ledger_url = ledger_url
        self.pgbench_url = pgbench_url
        self.book = book
        self.load = ["-n", "-c", "8", "-j", "2", "-T", str(run_seconds)]
        ground.pgbench(pgbench_url, "-i", "-q", "-s", "10")

    def simple_updates(self) -> float:
        """Transactions a second of `pgbench -N`."""
        return _rate(self.ground.pgbench(self.pgbench_url, *self.load, "-N"))

    def entries(self, debit: str) -> float:
        """Entries a second, each a transaction."""
        script = _SINGLE.format(clippers=CLIPPERS, book=self.book.book_id, debit=debit)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "single.sql"
            path.write_text(script)
            return _rate(self.ground.pgbench(self.ledger_url, *self.load, "-f", str(path)))


def _rate(output: str) -> float:
    return next(float(line.split()[2]) for line in output.splitlines() if line.startswith("tps ="))


def postings_per_second(entries: int, seconds: list[float]) -> float:
    """From the median of several batches of the same size."""
    return entries * LINES / statistics.median(seconds)
