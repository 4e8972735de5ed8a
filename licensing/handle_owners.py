"""Accounts with the names of the clippers who say that they are theirs: for the operator, who sees everybody's."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.handles import HandleRecord, State
from licensing.tables import handles, parties


class OwnedHandle(msgspec.Struct, frozen=True):
    """An account, and what its clipper is called."""

    handle: HandleRecord
    clipper: str


_CHOSEN = select(handles, parties.c.name).join_from(handles, parties, parties.c.party_id == handles.c.clipper_id)


async def list_owned(
    connection: AsyncConnection, *, state: State | None = None, before: int | None = None, limit: int = 100
) -> Sequence[OwnedHandle]:
    """Everybody's, newest first, those before a given one; in one state, or in any."""
    its = handles.c
    chosen = _CHOSEN.order_by(its.handle_id.desc()).limit(limit)
    if state is not None:
        chosen = chosen.where(its.state == state)
    if before is not None:
        chosen = chosen.where(its.handle_id < before)
    return [_owned(row) for row in await connection.execute(chosen)]


async def owner_of(connection: AsyncConnection, platform: str, handle: str) -> OwnedHandle | None:
    """For whom an account is confirmed now."""
    its = handles.c
    same = (its.platform == platform) & (its.handle == handle) & (its.state == "confirmed")
    row = (await connection.execute(_CHOSEN.where(same))).one_or_none()
    return None if row is None else _owned(row)


def _owned(row: Row[Any]) -> OwnedHandle:
    told = {name: row._mapping[name] for name in HandleRecord.__struct_fields__}
    return OwnedHandle(HandleRecord(**told), row.name)
