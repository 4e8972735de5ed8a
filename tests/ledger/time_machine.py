"""Time for tests: what is recorded so far becomes days older, as if it had been recorded then.

Nothing can be recorded in the past through the ledger, so the owner of a database apart moves a book's days of
recording back, all by the same, and changes nothing else. Seals would tell: a book is aged before it is sealed.
"""

import asyncio

import psycopg

from clipledger import database
from clipledger.database import DatabaseUrls
from tests.ledger.bookkeeper import Bookkeeper

_AGE = """
    ALTER TABLE ledger.entries DISABLE TRIGGER append_only;
    ALTER TABLE ledger.movements DISABLE TRIGGER kept_by_postings;
    UPDATE ledger.entries SET recorded_at = recorded_at - interval '{hours} hours' WHERE book_id = {book};
    UPDATE ledger.movements SET recorded_on = recorded_on - 100000 WHERE book_id = {book};
    UPDATE ledger.movements SET recorded_on = recorded_on + 100000 - {days} WHERE book_id = {book};
    ALTER TABLE ledger.movements ENABLE TRIGGER kept_by_postings;
    ALTER TABLE ledger.entries ENABLE TRIGGER append_only;
"""


async def let_days_pass(urls: DatabaseUrls, keeper: Bookkeeper, days: int) -> None:
    """The book's calendar must know no summer time, or a day had not always 24 hours."""
    await asyncio.to_thread(_age, urls, keeper.book_id, days)


def _age(urls: DatabaseUrls, book_id: int, days: int) -> None:
    with psycopg.connect(database.conninfo(urls.owner)) as connection:
        connection.execute(_AGE.format(book=book_id, days=days, hours=24 * days).encode())
