"""A host's sales: four-line entries over a year and 11,000 clippers, the same for every run of a seed."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import BUSY_STRIPES, NewAccount, ensure_accounts
from ledger.books import Book, open_book
from ledger.entries import Line, NewEntry

CLIPPERS = 11_000
LINES = 4
FIRST_DAY = date(2025, 11, 1)
DAYS = 365
CURRENCY = "CNY"
MARKETPLACE = "assets:marketplace:tiktok"
FEE = "liabilities:deferred-fee"
HOST = "liabilities:held:host"


def clipper(number: int) -> str:
    return f"liabilities:held:clipper-{number}"


async def open_host_book(connection: AsyncConnection, slug: str) -> Book:
    """A book with a host's accounts: three that every sale touches, and one for each clipper."""
    book = await open_book(connection, slug, "A host", "Asia/Shanghai")
    busy = [NewAccount(code, CURRENCY, BUSY_STRIPES) for code in (MARKETPLACE, FEE, HOST)]
    await ensure_accounts(
        connection, book.book_id, [*busy, *(NewAccount(clipper(n), CURRENCY) for n in range(1, CLIPPERS + 1))]
    )
    return book


def sales(seed: int) -> Iterator[NewEntry]:
    """Sales without end: commission from the marketplace to the fee, the host and a clipper, on any day of a year."""
    chance = random.Random(seed)
    number = 0
    while True:
        number += 1
        commission = chance.randint(100, 100_000)
        fee = commission // 20
        host = (commission - fee) * 2 // 5
        yield NewEntry(
            idempotency_key=f"sale:{seed}:{number}",
            effective_on=FIRST_DAY + timedelta(days=chance.randrange(DAYS)),
            description="Sale accrued",
            lines=(
                Line(MARKETPLACE, CURRENCY, commission),
                Line(FEE, CURRENCY, -fee),
                Line(HOST, CURRENCY, -host),
                Line(clipper(chance.randint(1, CLIPPERS)), CURRENCY, fee + host - commission),
            ),
        )
