"""A grant's history: what changed, from when on it holds, and when we learned it. Nothing is ever taken out of it.

The row of a grant is what its history comes to at this moment. A change sets what it sets and leaves the rest: so the
version in force is that of the newest change which set one and holds by then, and the same for state, window, accounts.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.tables import grant_changes

Key = tuple[int, int]
"""A grant, by its book and number."""

_APPEND = text("""
    INSERT INTO licensing.grant_changes (
        book_id, grant_id, change_no, action, state, version_no, starts_at, ends_at, handles,
        effective_at, recorded_at, actor, reason
    )
    SELECT book_id, grant_id, 1 + coalesce((
            SELECT max(change_no) FROM licensing.grant_changes AS earlier
            WHERE earlier.book_id = its.book_id AND earlier.grant_id = its.grant_id
        ), 0),
        :action, :state, :version_no, :starts_at, :ends_at, CAST(:handles AS text[]),
        coalesce(CAST(:effective_at AS timestamptz), :recorded_at), :recorded_at, :actor, :reason
    FROM unnest(CAST(:books AS bigint[]), CAST(:grants AS bigint[])) AS its (book_id, grant_id)
""")


class GrantChange(msgspec.Struct, frozen=True, kw_only=True):
    """What one change set; null where it left things as they were. A window was set where `starts_at` is not null.

    `effective_at` is from when on it holds, never before `recorded_at`. Who did it is told to the host alone.
    """

    change_no: int
    action: str
    state: str | None = None
    version_no: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    handles: tuple[str, ...] | None = None
    effective_at: datetime
    recorded_at: datetime
    actor: str | None = None
    reason: str | None = None


async def moment(connection: AsyncConnection) -> datetime:
    """Now, by the database's clock: asked after rows are locked, it is later than all that was recorded of them."""
    now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def append(
    connection: AsyncConnection,
    keys: Sequence[Key],
    action: str,
    recorded_at: datetime,
    actor: str,
    *,
    effective_at: datetime | None = None,
    state: str | None = None,
    version_no: int | None = None,
    window: tuple[datetime, datetime | None] | None = None,
    handles: Sequence[str] | None = None,
    reason: str | None = None,
) -> None:
    """The same change of any number of grants, whose rows the caller has locked."""
    starts_at, ends_at = window or (None, None)
    values = {
        "books": [book_id for book_id, _ in keys],
        "grants": [grant_id for _, grant_id in keys],
        "handles": None if handles is None else list(handles),
        "effective_at": effective_at,
    }
    told = {"action": action, "recorded_at": recorded_at, "actor": actor, "reason": reason}
    sets = {"state": state, "version_no": version_no, "starts_at": starts_at, "ends_at": ends_at}
    await connection.execute(_APPEND, {**values, **told, **sets})


async def history_of(connection: AsyncConnection, book_id: int, grant_id: int) -> list[GrantChange]:
    """In the order in which it was recorded."""
    its = grant_changes.c
    chosen = select(*(its[name] for name in GrantChange.__struct_fields__))
    rows = await connection.execute(
        chosen.where(its.book_id == book_id, its.grant_id == grant_id).order_by(its.change_no)
    )
    return [_change(row._mapping) for row in rows]


def _change(row: RowMapping) -> GrantChange:
    return msgspec.convert({name: row[name] for name in GrantChange.__struct_fields__}, GrantChange)
