"""Which book a report is of, and the addresses at which its numbers are told apart."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from urllib.parse import urlencode

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.parties import BALANCES_CODE

Links = Mapping[str, str]
"""By the names of figures: the address of what they are made of."""


class Book(Struct, frozen=True):
    """`today` is the day it is by the book's calendar."""

    slug: str
    today: date

    def link(self, path: str, **query: object) -> str:
        """An address in the book; what of the query is null is left out."""
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return f"/v1/books/{self.slug}/{path}{'?' if asked else ''}{asked}"


def month_end(month: date) -> date:
    """The last day of the month that the day is in."""
    return month.replace(day=monthrange(month.year, month.month)[1])


def year_before(day: date) -> date:
    """The first day of the month that the day a year before is in."""
    return date.fromordinal(max(day.toordinal() - 365, 1)).replace(day=1)


def month_before(day: date) -> date:
    """The first day of the month before the one that the day is in."""
    return date.fromordinal(day.replace(day=1).toordinal() - 1).replace(day=1)


async def find_reported(connection: AsyncConnection, book_id: int) -> Book:
    """The book."""
    return Book(*(await connection.execute(_BOOK, {"book": book_id})).one())


_BOOK = text("SELECT slug, CAST(now() AT TIME ZONE time_zone AS date) FROM ledger.books WHERE book_id = :book")

PARTY_ACCOUNTS = f"""
    SELECT account_id, currency, split_part(code, ':', 2) AS balance, split_part(code, ':', 3) AS party
    FROM ledger.accounts
    WHERE book_id = :book AND code ~ '{BALANCES_CODE}'
"""  # noqa: S608 - of constants

MONTHS_BOOKED = """
    booked AS MATERIALIZED (
        (SELECT period FROM ledger.entries WHERE book_id = :book AND line_count > 0 ORDER BY period LIMIT 1)
        UNION ALL
        SELECT (SELECT period FROM ledger.entries
                WHERE book_id = :book AND line_count > 0 AND period > booked.period ORDER BY period LIMIT 1)
        FROM booked WHERE booked.period IS NOT NULL
    )"""
"""For WITH RECURSIVE: the periods of a book's entries, and a null. From one to the next by the index: a book has few
months, and many entries.
"""
