"""Users: an e-mail address and an argon2id password hash (RFC 9106, parameters of argon2-cffi)."""

import asyncio
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, RowMapping, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import errors
from clipledger.access.tables import sessions, users

_HASHER = PasswordHasher()
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")  # visible ASCII with one @
_LONGEST_EMAIL = 254  # RFC 5321's path limit
_LONGEST_NAME = 200
_PASSWORD_LENGTH = range(12, 1025)
_COLUMNS = (users.c.user_id, users.c.email, users.c.name, users.c.created_at, users.c.disabled_at)


@dataclass(frozen=True)
class User:
    """A user as anyone who may manage users sees it."""

    user_id: int
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None


class Users:
    """Who has an account, for the rooms that may not look for themselves (`licensing.parties.People`)."""

    async def exists(self, connection: AsyncConnection, user_id: int) -> bool:
        """Whether there is such a user, who is not disabled."""
        enabled = select(users.c.user_id).where(users.c.user_id == user_id, users.c.disabled_at.is_(None))
        return await connection.scalar(enabled) is not None


async def add_user(connection: AsyncConnection, email: str, password: str, name: str = "") -> User:
    """Raises InvalidEmail, InvalidName, WeakPassword, EmailTaken."""
    if len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise errors.InvalidEmail("email", email[:_LONGEST_EMAIL])
    if len(name) > _LONGEST_NAME:
        raise errors.InvalidName("name", name[:_LONGEST_NAME])
    row = insert(users).values(email=email.lower(), name=name, password_hash=await _hash(password))
    stored = (await connection.execute(row.on_conflict_do_nothing().returning(*_COLUMNS))).mappings().first()
    if stored is None:
        raise errors.EmailTaken("email", email)
    return _user(stored)


async def find_user(connection: AsyncConnection, email: str) -> User:
    """By e-mail address in any case. Raises UserNotFound."""
    return await _one(connection, users.c.email == email.lower(), "email", email)


async def get_user(connection: AsyncConnection, user_id: int) -> User:
    """Raises UserNotFound."""
    return await _one(connection, users.c.user_id == user_id, "user_id", str(user_id))


async def list_users(
    connection: AsyncConnection, after: int = 0, limit: int = 100, *, named: str | None = None
) -> list[User]:
    """In order of their ids, those after `after`; all, or those in whose name or e-mail address this stands."""
    chosen = select(*_COLUMNS).where(users.c.user_id > after).order_by(users.c.user_id).limit(limit)
    if named:
        said = {"other": named, "autoescape": True}
        chosen = chosen.where(or_(users.c.name.icontains(**said), users.c.email.icontains(**said)))
    return [_user(row) for row in (await connection.execute(chosen)).mappings()]


async def check_password(connection: AsyncConnection, email: str, password: str) -> User:
    """The user whose password this is; the hash is renewed when its parameters are no longer today's.

    An unknown e-mail address costs the same time as a wrong password. Raises WrongPassword.
    """
    chosen = select(*_COLUMNS, users.c.password_hash).where(users.c.email == email.lower())
    row = (await connection.execute(chosen)).mappings().first()
    if row is None:
        await asyncio.to_thread(_HASHER.hash, _normal(password))
        raise errors.WrongPassword("email")
    if not await _verifies(row["password_hash"], password) or row["disabled_at"] is not None:
        raise errors.WrongPassword("email")
    if _HASHER.check_needs_rehash(row["password_hash"]):
        await _store_hash(connection, row["user_id"], await _hash(password))
    return _user(row)


async def set_password(connection: AsyncConnection, user_id: int, password: str) -> None:
    """Also ends every session of the user. Raises WeakPassword, UserNotFound."""
    hashed = await _hash(password)
    await get_user(connection, user_id)
    await _store_hash(connection, user_id, hashed, password_changed_at=func.now())
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def disable_user(connection: AsyncConnection, user_id: int) -> User:
    """Ends their sessions, stops their keys; disabling twice keeps the first date. Raises UserNotFound."""
    await get_user(connection, user_id)
    await connection.execute(
        update(users).where(users.c.user_id == user_id, users.c.disabled_at.is_(None)).values(disabled_at=func.now())
    )
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
    return await get_user(connection, user_id)


async def enable_user(connection: AsyncConnection, user_id: int) -> User:
    """Undo `disable_user`: keys not revoked work again, sessions don't come back. Raises UserNotFound."""
    await connection.execute(update(users).where(users.c.user_id == user_id).values(disabled_at=None))
    return await get_user(connection, user_id)


async def _one(connection: AsyncConnection, which: ColumnElement[bool], field: str, value: str) -> User:
    row = (await connection.execute(select(*_COLUMNS).where(which))).mappings().first()
    if row is None:
        raise errors.UserNotFound(field, value)
    return _user(row)


def _user(row: RowMapping) -> User:
    return User(**{column.name: row[column.name] for column in _COLUMNS})


async def _store_hash(connection: AsyncConnection, user_id: int, hashed: str, **more: Any) -> None:
    await connection.execute(update(users).where(users.c.user_id == user_id).values(password_hash=hashed, **more))


async def _hash(password: str) -> str:
    """Takes tens of milliseconds and 64 MiB, so it runs in a thread. Raises WeakPassword."""
    if len(password) not in _PASSWORD_LENGTH:
        raise errors.WeakPassword("password")
    return await asyncio.to_thread(_HASHER.hash, _normal(password))


async def _verifies(hashed: str, password: str) -> bool:
    try:
        return await asyncio.to_thread(_HASHER.verify, hashed, _normal(password))
    except VerifyMismatchError:
        return False


def _normal(password: str) -> str:
    """One form for what looks the same on every keyboard (NFKC, as NIST SP 800-63B asks)."""
    return unicodedata.normalize("NFKC", password)
