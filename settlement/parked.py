"""Parked rows: what a person decides of rows that could not be read.

Nothing of such a row is in the books, and settling it books nothing: it says that somebody has seen to it, and how, be
it that a mended file was sent or that the row does not matter. From then on no month is closed over it.
"""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.errors import AlreadySettled, InvalidSettling
from settlement.imports import find_import
from settlement.reasons import checked_reason
from settlement.tables import parked_rows


class SettledRows(Struct, frozen=True):
    """How many rows of a report were settled just now."""

    import_id: int
    settled: int


async def settle_rows(
    connection: AsyncConnection,
    book_id: int,
    import_id: int,
    actor: str,
    reason: str,
    rows: Sequence[int] | None = None,
) -> SettledRows:
    """Settle these rows of a report, or all that are not.

    Raises:
        ImportNotFound.
        InvalidSettling: there is no reason.
        AlreadySettled: one of the rows is none that is open, or none is.
    """
    said = checked_reason(reason, InvalidSettling)
    await find_import(connection, book_id, import_id)
    its = parked_rows.c
    settling = update(parked_rows).where(its.book_id == book_id, its.import_id == import_id, its.settled_at.is_(None))
    if rows is not None:
        settling = settling.where(its.row_no.in_(set(rows)))
    done = await connection.execute(settling.values(settled_by=actor, settled_at=func.now(), reason=said))
    if not done.rowcount or (rows is not None and done.rowcount < len(set(rows))):
        raise AlreadySettled("rows", None if rows is None else ", ".join(map(str, rows[:20])))
    return SettledRows(import_id, done.rowcount)
