"""Statements about thousands of rows, and arrays for them as PostgreSQL's own text: item by item they take longer.

A table that grows by thousands of rows a second is never what the server last knew of it. So each statement is planned
anew, by the size that its tables have now, and looks rows up one by one (LATERAL … OFFSET 0) or by their place (ctid):
the server, taking a book that is new to it for a few rows, would rather read the whole book for each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection as Connection
from psycopg import AsyncCursor
from sqlalchemy.ext.asyncio import AsyncConnection


async def driver(connection: AsyncConnection) -> Connection:
    """The driver's own connection, in the same transaction: it copies, and fetches rows without a detour."""
    found = (await connection.get_raw_connection()).driver_connection
    assert isinstance(found, Connection)
    return found


async def planned(
    connection: AsyncConnection, statement: str, values: Sequence[object] | Mapping[str, object]
) -> AsyncCursor[Any]:
    """Run a statement with a plan of its own."""
    cursor = (await driver(connection)).cursor(binary=True)
    return await cursor.execute(statement.encode(), values, prepare=False)


def array(items: Iterable[object]) -> str:
    """Of numbers, dates, truth values and words without signs; None is NULL."""
    return f"{{{','.join(['NULL' if item is None else str(item) for item in items])}}}"


def text_array(items: Iterable[str | None]) -> str:
    """Of any texts that a database can hold, so that NUL may stand for what must not be escaped; None is NULL."""
    joined = "\0,".join(["\0N" if item is None else item for item in items])
    escaped = joined.replace("\\", "\\\\").replace('"', '\\"').replace("\0,", '","')
    return f'{{"{escaped}"}}'.replace('"\0N"', "NULL") if joined else "{}"
