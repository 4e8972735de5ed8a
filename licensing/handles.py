"""Handles: a clipper's accounts on platforms, and how it was proved that they are the clipper's.

A clipper claims an account and puts a code into its public profile. A host with whom it has to do, an operator or a
`Proof` then confirms. An account is confirmed for one clipper at a time; only an operator moves it to another. Handles
belong to no host's book, so each says itself who decided on it, and when.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    and_,
    any_,
    func,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import AlreadyClaimed, HandleNotFound, HandleTaken, InvalidHandle
from licensing.proofs import Proof
from licensing.states import HANDLE, By
from licensing.tables import applications, grants, handles
from licensing.vocabulary import check_platform, normal_handle

State = Literal["claimed", "confirmed", "refused", "released"]
_DEALING = ("active", "suspended")
"""States of a grant by which a host has to do with a clipper."""
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is taken for another
_CODE_LENGTH = 10  # of 32 letters each: 50 bits

# Confirming one shares this lock, registering thousands holds it alone: nobody confirms what was just found free.
_SHARE = text("SELECT pg_advisory_xact_lock_shared(4219)")
_ALONE = text("SELECT pg_advisory_xact_lock(4219)")


class Handle(msgspec.Struct, frozen=True, kw_only=True):
    """An account on a platform. `code` goes into its public profile; `proof` is how control was proved: by a host or
    the operator, who have looked, or by the name of a `Proof`.
    """

    handle_id: int
    clipper_id: int
    platform: str
    handle: str
    code: str
    state: State
    proof: str | None
    claimed_at: datetime
    decided_at: datetime | None


class HandleRecord(Handle, frozen=True, kw_only=True):
    """With who did what, which is nothing for a host to see: it may have been another host."""

    claimed_by: str
    decided_by: str | None


def new_code() -> str:
    """A code that can be guessed by nobody and typed by anybody: `CLIP-7F3K2M9QXA`."""
    return "CLIP-" + "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))


async def claim_handle(
    connection: AsyncConnection, clipper_id: int, platform: str, handle: str, by: str
) -> HandleRecord:
    """Say that the account is the clipper's; it may be confirmed for another one so far.

    Raises:
        InvalidHandle
        AlreadyClaimed: by this clipper.
    """
    account = {"platform": check_platform(platform, InvalidHandle), "handle": normal_handle(handle)}
    values = {"clipper_id": clipper_id, **account, "code": new_code(), "claimed_by": by}
    claimed = insert_or(handles).values(values).on_conflict_do_nothing().returning(handles)
    row = (await connection.execute(claimed)).one_or_none()
    if row is None:
        raise AlreadyClaimed("handle", handle)
    return _handle(row)


async def find_handle(connection: AsyncConnection, clipper_id: int, handle_id: int) -> HandleRecord:
    """Raises HandleNotFound."""
    return _handle(await _row(connection, handle_id, handles.c.clipper_id == clipper_id))


async def list_handles(
    connection: AsyncConnection, clipper_id: int, *, before: int | None = None, limit: int = 100
) -> list[HandleRecord]:
    """A clipper's, newest first, those before a given one."""
    return await _list(connection, handles.c.clipper_id == clipper_id, before, limit)


async def list_handles_for_host(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Handle]:
    """Those of clippers with whom the host has to do, newest first; in one state, or in any."""
    found = await _list(connection, and_(_known_to(book_id), _in_state(state)), before, limit)
    return [_for_host(handle) for handle in found]


async def list_all_handles(
    connection: AsyncConnection, *, state: State | None = None, before: int | None = None, limit: int = 100
) -> list[HandleRecord]:
    """Everybody's, newest first; in one state, or in any."""
    return await _list(connection, _in_state(state), before, limit)


async def release_handle(connection: AsyncConnection, clipper_id: int, handle_id: int, by: By) -> HandleRecord:
    """The clipper gives it up. Raises HandleNotFound, WrongTransition."""
    row = await _row(connection, handle_id, handles.c.clipper_id == clipper_id, lock=True)
    return await _decide(connection, row, "released", by)


async def confirmed_accounts(connection: AsyncConnection, clipper_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """Each clipper's confirmed accounts as `platform:handle`, in order; none for who has none."""
    its, ids = handles.c, list(clipper_ids)
    account = its.platform.concat(":").concat(its.handle)
    chosen = select(its.clipper_id, account).where(
        its.clipper_id == any_(literal(ids, ARRAY(BigInteger))), its.state == "confirmed"
    )
    found: dict[int, list[str]] = {clipper_id: [] for clipper_id in ids}
    for clipper_id, name in await connection.execute(chosen):
        found[clipper_id].append(name)
    return {clipper_id: tuple(sorted(names)) for clipper_id, names in found.items()}


# Deciding ---------------------------------------------------------------------------------------------------


async def confirm_for_host(connection: AsyncConnection, book_id: int, handle_id: int, by: By) -> Handle:
    """A host has seen the code in the profile.

    Raises:
        HandleNotFound: it is of no clipper with whom the host has to do.
        WrongTransition
        HandleTaken: it is confirmed for another clipper.
    """
    await connection.execute(_SHARE)
    row = await _row(connection, handle_id, _known_to(book_id), lock=True)
    return _for_host(await _confirm(connection, row, by, by.side))


async def refuse_for_host(connection: AsyncConnection, book_id: int, handle_id: int, by: By) -> Handle:
    """Raises HandleNotFound, WrongTransition."""
    row = await _row(connection, handle_id, _known_to(book_id), lock=True)
    return _for_host(await _decide(connection, row, "refused", by))


async def confirm_for_operator(connection: AsyncConnection, handle_id: int, by: By) -> HandleRecord:
    """An operator has seen the code; a clipper that had the account confirmed loses it.

    Raises HandleNotFound, WrongTransition; HandleTaken where it was confirmed for another one at this moment.
    """
    await connection.execute(_SHARE)
    row = await _row(connection, handle_id, lock=True)
    its = handles.c
    same = and_(its.platform == row.platform, its.handle == row.handle, its.state == "confirmed")
    HANDLE.target(row.state, "confirmed", by.side)
    for other in (await connection.execute(select(handles).where(same).with_for_update())).all():
        await _decide(connection, other, "released", by)
    return await _confirm(connection, row, by, by.side)


async def refuse_for_operator(connection: AsyncConnection, handle_id: int, by: By) -> HandleRecord:
    """Raises HandleNotFound, WrongTransition."""
    return await _decide(connection, await _row(connection, handle_id, lock=True), "refused", by)


async def prove_handle(connection: AsyncConnection, clipper_id: int, handle_id: int, proof: Proof) -> HandleRecord:
    """Have it confirmed by a proof; it stays as it was where that has found nothing.

    Raises HandleNotFound, WrongTransition, HandleTaken.
    """
    handle = await find_handle(connection, clipper_id, handle_id)
    HANDLE.target(handle.state, "confirmed", "system")
    if not await proof.proves(handle.platform, handle.handle, handle.code):
        return handle
    await connection.execute(_SHARE)
    row = await _row(connection, handle_id, lock=True)
    return await _confirm(connection, row, By("system", f"proof:{proof.name}"), proof.name)


async def hold_accounts(connection: AsyncConnection) -> None:
    """From here to the end of the transaction nobody else confirms any account."""
    await connection.execute(_ALONE)


async def _confirm(connection: AsyncConnection, row: Row[Any], by: By, proof: str) -> HandleRecord:
    try:
        return await _decide(connection, row, "confirmed", by, proof=proof)
    except IntegrityError as error:  # of handles_confirmed, the only key that this can break
        raise HandleTaken("handle", f"{row.platform}:{row.handle}") from error


async def _decide(connection: AsyncConnection, row: Row[Any], action: str, by: By, **more: str) -> HandleRecord:
    state = HANDLE.target(row.state, action, by.side)
    values = {"state": state, "decided_by": by.actor, "decided_at": func.now(), **more}
    changed = update(handles).where(handles.c.handle_id == row.handle_id).values(values).returning(handles)
    return _handle((await connection.execute(changed)).one())


# Reading ----------------------------------------------------------------------------------------------------


def _known_to(book_id: int) -> ColumnElement[bool]:
    """The clipper has an open application with the host, or a grant that it has accepted and that has not ended: what
    a host offers by itself lets it decide on nobody's accounts.
    """
    given, asked = grants.c, applications.c
    granted = select(given.clipper_id).where(given.book_id == book_id, given.state.in_(_DEALING))
    applying = select(asked.clipper_id).where(asked.book_id == book_id, asked.state == "submitted")
    return handles.c.clipper_id.in_(granted.union_all(applying))


def _in_state(state: State | None) -> ColumnElement[bool]:
    return true() if state is None else handles.c.state == state


async def _list(
    connection: AsyncConnection, which: ColumnElement[bool], before: int | None, limit: int
) -> list[HandleRecord]:
    chosen = select(handles).where(which)
    if before is not None:
        chosen = chosen.where(handles.c.handle_id < before)
    return [_handle(row) for row in await connection.execute(chosen.order_by(handles.c.handle_id.desc()).limit(limit))]


async def _row(
    connection: AsyncConnection, handle_id: int, whose: ColumnElement[bool] | None = None, *, lock: bool = False
) -> Row[Any]:
    """One handle, where it is one of those. Raises HandleNotFound."""
    chosen = select(handles).where(handles.c.handle_id == handle_id)
    if whose is not None:
        chosen = chosen.where(whose)
    if lock:
        chosen = chosen.with_for_update(of=handles)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise HandleNotFound("handle", handle_id)
    return row


def _handle(row: Row[Any]) -> HandleRecord:
    return HandleRecord(**row._mapping)


def _for_host(record: HandleRecord) -> Handle:
    return Handle(**{name: getattr(record, name) for name in Handle.__struct_fields__})
