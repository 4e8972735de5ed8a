"""A book with someone who keeps it: short ways to post to it and to look at it, each in a transaction of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import Account, NewAccount, ensure_accounts, find_account
from ledger.balances import NOW, Moment, TrialBalance, balance, trial_balance
from ledger.books import Book, open_book
from ledger.entries import Entry, Line, NewEntry, Posted, find_entry, post, post_batch, reverse
from ledger.errors import LedgerError
from ledger.periods import PeriodLock, Reopening, lock_period, parse_period, reopen_period
from ledger.seals import Seal, seal
from ledger.statements import Place, StatementLine, account_statement
from ledger.verification import Verification, verify

PATIENCE = 30

CHART = (
    NewAccount("assets:bank", "CNY", 16),
    NewAccount("assets:cash", "CNY"),
    NewAccount("liabilities:held:anna", "CNY"),
    NewAccount("income:sales", "CNY"),
    NewAccount("assets:bank", "JPY"),
    NewAccount("income:sales", "JPY"),
)

TABLES = (
    *("books", "accounts", "entries", "postings", "movements", "period_locks", "period_reopenings", "seals"),
    "sealed_entries",
)


def line(said: str) -> Line:
    """`assets:bank 500` or `assets:bank -500 JPY`, in minor units."""
    account, amount, *currency = said.split()
    return Line(account, currency[0] if currency else "CNY", int(amount))


def entry(
    day: str | date,
    *lines: str,
    key: str | None = None,
    period: str | None = None,
    description: str = "a test's entry",
    metadata: dict[str, str] | None = None,
    reverses: int | None = None,
) -> NewEntry:
    return NewEntry(
        idempotency_key=key or uuid4().hex,
        effective_on=date.fromisoformat(day) if isinstance(day, str) else day,
        description=description,
        lines=tuple(line(said) for said in lines),
        metadata=metadata or {},
        period=parse_period(period) if period else None,
        reverses=reverses,
    )


def sale(day: str | date, amount: int = 500, *, key: str | None = None, reverses: int | None = None) -> NewEntry:
    return entry(day, f"assets:bank {amount}", f"income:sales {-amount}", key=key, reverses=reverses)


@dataclass(frozen=True)
class Bookkeeper:
    """Keeps one book through one engine."""

    engine: AsyncEngine
    book: Book

    @property
    def book_id(self) -> int:
        return self.book.book_id

    @classmethod
    async def of_new_book(
        cls, engine: AsyncEngine, chart: Sequence[NewAccount] = CHART, time_zone: str = "Asia/Shanghai"
    ) -> "Bookkeeper":
        async with engine.begin() as connection:
            book = await open_book(connection, f"book-{uuid4().hex}", "A book", time_zone)
            await ensure_accounts(connection, book.book_id, chart)
        return cls(engine, book)

    async def open(self, *accounts: NewAccount) -> int:
        async with self.engine.begin() as connection:
            return await ensure_accounts(connection, self.book_id, accounts)

    async def account(self, code: str, currency: str = "CNY") -> Account:
        async with self.engine.connect() as connection:
            return await find_account(connection, self.book_id, code, currency)

    async def post(self, entry: NewEntry) -> Posted:
        async with self.engine.begin() as connection:
            return await post(connection, self.book_id, entry)

    async def post_batch(self, entries: Sequence[NewEntry]) -> list[Posted]:
        async with self.engine.begin() as connection:
            return await post_batch(connection, self.book_id, entries)

    async def reverse(self, entry_id: int, day: str, key: str | None = None, period: str | None = None) -> Posted:
        async with self.engine.begin() as connection:
            return await reverse(
                connection,
                self.book_id,
                entry_id,
                idempotency_key=key or uuid4().hex,
                effective_on=date.fromisoformat(day),
                period=parse_period(period) if period else None,
            )

    async def find(self, entry_id: int) -> Entry:
        async with self.engine.connect() as connection:
            return await find_entry(connection, self.book_id, entry_id)

    async def lock(self, period: str, by: str = "user:1") -> PeriodLock:
        async with self.engine.begin() as connection:
            return await lock_period(connection, self.book_id, parse_period(period), locked_by=by)

    async def reopen(self, period: str, reason: str = "a late refund", by: str = "user:2") -> Reopening:
        async with self.engine.begin() as connection:
            return await reopen_period(connection, self.book_id, parse_period(period), reopened_by=by, reason=reason)

    async def balance(self, code: str, moment: Moment = NOW, currency: str = "CNY") -> int:
        account = await self.account(code, currency)
        async with self.engine.connect() as connection:
            return await balance(connection, self.book_id, account.account_id, moment)

    async def trial_balance(self, moment: Moment = NOW, *, depth: int | None = None) -> TrialBalance:
        async with self.engine.connect() as connection:
            return await trial_balance(connection, self.book_id, moment, depth=depth)

    async def balances(self, moment: Moment = NOW, currency: str = "CNY") -> dict[str, int]:
        """By code, of the accounts in a currency that are not at zero."""
        rows = (await self.trial_balance(moment)).rows
        return {row.code: row.balance for row in rows if row.currency == currency and row.balance}

    async def statement(
        self, code: str, currency: str = "CNY", *, page: int = 1000, **more: date
    ) -> list[StatementLine]:
        """The whole statement, asked for in pages of so many lines."""
        account = await self.account(code, currency)
        lines: list[StatementLine] = []
        after = None
        async with self.engine.connect() as connection:
            while True:
                got = await account_statement(
                    connection, self.book_id, account.account_id, after=after, limit=page, **more
                )
                if not got:
                    return lines
                lines += got
                after = Place(got[-1].effective_on, got[-1].entry_id, got[-1].line)

    async def seal(self) -> list[Seal]:
        async with self.engine.begin() as connection:
            return await seal(connection, self.book_id)

    async def seal_all(self) -> list[Seal]:
        """Seal until nothing is left; entries wait while any earlier transaction of the whole server is under way."""
        made: list[Seal] = []
        async with asyncio.timeout(PATIENCE):
            while True:
                made += await self.seal()
                if await self.unsealed() == 0:
                    return made
                await asyncio.sleep(0.02)

    async def unsealed(self) -> int:
        query = """
            SELECT (SELECT count(*) FROM ledger.entries WHERE book_id = :book)
                 - (SELECT count(*) FROM ledger.sealed_entries WHERE book_id = :book)"""
        return (await self.numbers(query))[0]

    async def verify(self, known_seals: dict[int, str] | None = None) -> Verification:
        async with self.engine.connect() as connection:
            return await verify(connection, self.book_id, known_seals=known_seals)

    async def numbers(self, query: str) -> list[int]:
        """The first row of a query that may name the book `:book`."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query), {"book": self.book_id})).one())

    async def contents(self) -> dict[str, str]:
        """A digest of each table's rows of this book: what has not changed has the same."""
        parts = ", ".join(
            f"(SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM ledger.{table} AS t WHERE book_id = :book)"
            for table in TABLES
        )
        async with self.engine.connect() as connection:
            row = (await connection.execute(text(f"SELECT {parts}"), {"book": self.book_id})).one()
        return dict(zip(TABLES, row, strict=True))

    async def check(self) -> Verification:
        """What must hold of every book after whatever befell it; the verification."""
        trial = await self.trial_balance()
        assert trial.debits == trial.credits
        by_postings = await self._sums("postings")
        assert by_postings == await self._sums("movements")
        names = {account_id: (code, currency) for account_id, code, currency in await self._accounts()}
        assert {(row.code, row.currency): row.balance for row in trial.rows} == {
            names[account_id]: amount for account_id, amount in by_postings.items()
        }
        verified = await self.verify()
        assert verified.findings == []
        return verified

    async def _sums(self, table: str) -> dict[int, int]:
        query = f"SELECT account_id, sum(amount) FROM ledger.{table} WHERE book_id = :book GROUP BY account_id"
        async with self.engine.connect() as connection:
            rows = await connection.execute(text(query), {"book": self.book_id})
            return {account_id: int(amount) for account_id, amount in rows}

    async def _accounts(self) -> Iterable[tuple[int, str, str]]:
        query = "SELECT account_id, code, currency FROM ledger.accounts WHERE book_id = :book"
        async with self.engine.connect() as connection:
            rows = await connection.execute(text(query), {"book": self.book_id})
            return [(row.account_id, row.code, row.currency) for row in rows]


def at(
    *, as_of: str | date | None = None, known_on: str | date | None = None, through: str | date | None = None
) -> Moment:
    """A moment, its dates and its month as texts."""
    return Moment(
        as_of=date.fromisoformat(as_of) if isinstance(as_of, str) else as_of,
        known_on=date.fromisoformat(known_on) if isinstance(known_on, str) else known_on,
        through=parse_period(through) if isinstance(through, str) else through,
    )


@asynccontextmanager
async def nothing_changes(*keepers: Bookkeeper) -> AsyncIterator[None]:
    """Compares all that the database holds of the books before and after."""
    before = [await keeper.contents() for keeper in keepers]
    yield
    assert [await keeper.contents() for keeper in keepers] == before


def facts(error: LedgerError) -> tuple[str | None, str | None, str | None]:
    return error.field, error.value, error.rule
