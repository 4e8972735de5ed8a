"""Bearer API keys: `clk_<prefix>_<secret>`.

The prefix is public and names the key in lists; the secret's 256 bits are shown once and kept as SHA-256 (a
slow hash guards guessable secrets; these aren't). What a key may do is the intersection of its scopes with
what its owner's roles allow at the moment of use, so withdrawing a role is felt by every key at once.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import errors
from clipledger.access.principal import Principal, grants_of_roles, narrowed
from clipledger.access.roles import PARTY_SCOPES, SCOPES
from clipledger.access.tables import api_keys, role_grants
from ledger.books import find_book
from ledger.tables import books

_KEY = re.compile(r"clk_(?P<prefix>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_LONGEST_NAME = 200

_FIND = text("""
    SELECT k.key_id, k.user_id, k.secret_hash, k.scopes, k.book_id, u.email,
           k.revoked_at IS NOT NULL AS revoked,
           coalesce(k.expires_at <= now(), false) AS expired,
           u.disabled_at IS NOT NULL AS disabled,
           coalesce(k.last_used_at < now() - interval '1 minute', true) AS stale,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(g.role, g.book_id)), '[]')
            FROM clipledger.role_grants g WHERE g.user_id = k.user_id) AS roles
    FROM clipledger.api_keys k JOIN clipledger.users u USING (user_id)
    WHERE k.prefix = :prefix
""")
_TOUCH = text("UPDATE clipledger.api_keys SET last_used_at = now() WHERE key_id = :key_id")

_COLUMNS = (
    *(api_keys.c[name] for name in ("key_id", "user_id", "prefix", "name", "scopes")),
    books.c.slug.label("book"),
    *(api_keys.c[name] for name in ("created_at", "expires_at", "revoked_at", "last_used_at")),
)


@dataclass(frozen=True)
class Key:
    """A key as it may be listed: without its secret. `book` is a slug; None is every book of the owner's."""

    key_id: int
    user_id: int
    prefix: str
    name: str
    scopes: list[str]
    book: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def create_key(
    connection: AsyncConnection,
    user_id: int,
    name: str,
    scopes: Collection[str],
    book: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[Key, str]:
    """A new key and its token, which can't be had again.

    Raises InvalidName, UnknownScope, ScopeNotHeld, InvalidExpiry, BookNotFound.
    """
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise errors.InvalidName("name", name[:_LONGEST_NAME], "must have 1 to 200 characters")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise errors.InvalidExpiry("expires_at", expires_at.isoformat())
    book_id = None if book is None else (await find_book(connection, book)).book_id
    held = narrowed(await _grants_of(connection, user_id), frozenset(scopes), book_id)
    _check_scopes(scopes, _personal(book_id).union(*held.values()))
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    row = insert(api_keys).values(
        user_id=user_id,
        prefix=prefix,
        secret_hash=_digest(secret),
        name=name,
        scopes=sorted(set(scopes)),
        book_id=book_id,
        expires_at=expires_at,
    )
    key_id = (await connection.execute(row.returning(api_keys.c.key_id))).scalar_one()
    return await get_key(connection, key_id), f"clk_{prefix}_{secret}"


async def get_key(connection: AsyncConnection, key_id: int, user_id: int | None = None) -> Key:
    """The key, if it is this user's; None is anyone's. Raises KeyNotFound."""
    chosen = _listed().where(api_keys.c.key_id == key_id)
    row = (await connection.execute(chosen)).mappings().first()
    if row is None or user_id not in {None, row["user_id"]}:
        raise errors.KeyNotFound("key_id", str(key_id))
    return _key(row)


async def list_keys(
    connection: AsyncConnection, user_id: int | None = None, after: int = 0, limit: int = 100
) -> list[Key]:
    """In order of their ids, those after `after`; of one user, or of all."""
    chosen = _listed().where(api_keys.c.key_id > after).order_by(api_keys.c.key_id).limit(limit)
    if user_id is not None:
        chosen = chosen.where(api_keys.c.user_id == user_id)
    return [_key(row) for row in (await connection.execute(chosen)).mappings()]


async def revoke_key(connection: AsyncConnection, key_id: int, user_id: int | None = None) -> Key:
    """From now on the key opens nothing; revoking twice keeps the first date. Raises KeyNotFound."""
    await get_key(connection, key_id, user_id)
    await connection.execute(
        update(api_keys)
        .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    return await get_key(connection, key_id)


async def authenticate_key(connection: AsyncConnection, token: str) -> Principal:
    """Also notes, at most once a minute, that the key is in use. Raises InvalidKey.

    Only who knows the secret is told why a key is refused.
    """
    parsed = _KEY.fullmatch(token)
    if parsed is None:
        raise errors.InvalidKey
    row = (await connection.execute(_FIND, {"prefix": parsed["prefix"]})).mappings().first()
    if row is None or not hmac.compare_digest(row["secret_hash"], _digest(parsed["secret"])):
        raise errors.InvalidKey
    for fault in ("revoked", "expired", "disabled"):
        if row[fault]:
            raise errors.InvalidKey(rule=_REFUSALS[fault])
    if row["stale"]:
        await connection.execute(_TOUCH, {"key_id": row["key_id"]})
    scopes = frozenset(row["scopes"])
    grants = narrowed(grants_of_roles(row["roles"]), scopes, row["book_id"])
    return Principal(
        f"key:{row['key_id']}", row["user_id"], row["email"], grants, personal=_personal(row["book_id"]) & scopes
    )


_REFUSALS = {
    "revoked": "the key has been revoked",
    "expired": "the key has expired",
    "disabled": "the key's owner is disabled",
}


def _personal(book_id: int | None) -> frozenset[str]:
    """What a key may do for its owner's parties: nothing where it is for one book."""
    return PARTY_SCOPES if book_id is None else frozenset()


def _check_scopes(scopes: Collection[str], held: Collection[str]) -> None:
    if not scopes:
        raise errors.UnknownScope("scopes", "[]", "a key needs at least one scope")
    for scope in scopes:
        if scope not in SCOPES:
            raise errors.UnknownScope("scopes", scope, f"must be among {', '.join(SCOPES)}")
        if scope not in held:
            raise errors.ScopeNotHeld("scopes", scope)


async def _grants_of(connection: AsyncConnection, user_id: int) -> dict[int | None, frozenset[str]]:
    chosen = select(role_grants.c.role, role_grants.c.book_id).where(role_grants.c.user_id == user_id)
    return grants_of_roles([(role, book_id) for role, book_id in await connection.execute(chosen)])


def _listed() -> Select[Any]:
    return select(*_COLUMNS).join_from(api_keys, books, isouter=True)


def _key(row: RowMapping) -> Key:
    return Key(**row)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
