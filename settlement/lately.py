"""What is worked out of a large book from time to time, as of lately: of which books, and when it is due again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import LiteralString

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

EVERY = timedelta(minutes=9)
"""At most so often is anything worked out anew; less than the ten minutes in which the job comes again."""
AT_LEAST = 10_000
"""Sales that a book has, or it is small: to read them takes no time."""

LARGE = "(SELECT count(*) FROM (SELECT FROM settlement.sales WHERE book_id = :book LIMIT :least) AS its) >= :least"
"""A condition. Parameters: `book`, `least`."""

TOLD = """
    greatest((SELECT recorded_at FROM ledger.entries WHERE book_id = :book ORDER BY entry_id DESC LIMIT 1),
             (SELECT max(finished_at) FROM settlement.imports WHERE book_id = :book),
             (SELECT max(told_at) FROM settlement.clicks WHERE book_id = :book))"""
"""When a book was told of something new. What was told of ten minutes before a moment, or later, may have been
committed after it. A few changes leave no trace but in the sales themselves (whose a sale is that is worth nothing).
"""


@asynccontextmanager
async def turn(engine: AsyncEngine, table: LiteralString) -> AsyncIterator[AsyncConnection]:
    """A transaction that sees one moment, and in it what those have done who had the table's turn before."""
    async with engine.execution_options(isolation_level="REPEATABLE READ").connect() as connection, connection.begin():
        await connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
        yield connection
