"""Endpoints: where a book's events are sent, and the secrets by which the receiver knows that they are ours.

A secret is shown once, when it is made. After a change both are signed with for a day, so that the receiver loses
nothing while it changes over.
"""

import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, and_, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import EndpointNotFound, InvalidEndpoint, QuotaReached
from licensing.events import TYPES, Change, record
from licensing.states import By
from licensing.tables import webhook_endpoints as endpoints
from licensing.vocabulary import check_text
from licensing.webhooks.addresses import target_of

MOST_ENDPOINTS = 10
"""That one book sends to: each event becomes as many requests."""
OVERLAP = timedelta(days=1)
"""How long a changed secret is signed with beside the new one."""
_SECRET_BYTES = 32
_GIVE_UP = text("""
    UPDATE licensing.webhook_deliveries SET state = 'failed', leased_until = NULL
    WHERE book_id = :book_id AND endpoint_id = :endpoint_id AND state = 'waiting'
""")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('webhooks of ' || :book_id, 0))")


class Endpoint(msgspec.Struct, frozen=True):
    """`types` of events it gets, none meaning all; a disabled one gets none. A former secret holds `former_until`."""

    endpoint_id: int
    url: str
    description: str
    types: Sequence[str]
    created_at: datetime
    disabled_at: datetime | None
    former_until: datetime | None


class NewSecret(Endpoint, frozen=True):
    """With the `secret`, which is shown this once."""

    secret: str


async def add_endpoint(
    connection: AsyncConnection,
    book_id: int,
    by: By,
    url: str,
    *,
    description: str = "",
    types: Sequence[str] = (),
    allow_private: bool = False,
) -> NewSecret:
    """Send the book's events there from now on.

    Raises:
        InvalidEndpoint: its URL, description or types; see `addresses.target_of`.
        QuotaReached: MOST_ENDPOINTS are there already.
    """
    values = await _checked(url=url, description=description, types=types, allow_private=allow_private)
    await _check_quota(connection, book_id)
    secret = _new_secret()
    row = insert(endpoints).values(book_id=book_id, secret=secret, created_by=by.actor, **values)
    endpoint_id: int = (await connection.execute(row.returning(endpoints.c.endpoint_id))).scalar_one()
    return _with_secret(await find_endpoint(connection, book_id, endpoint_id), secret)


async def change_endpoint(
    connection: AsyncConnection,
    book_id: int,
    endpoint_id: int,
    *,
    url: str | None = None,
    description: str | None = None,
    types: Sequence[str] | None = None,
    allow_private: bool = False,
) -> Endpoint:
    """Change what is given; what waits to be sent goes to the new address. Raises EndpointNotFound, InvalidEndpoint."""
    await find_endpoint(connection, book_id, endpoint_id)
    values = await _checked(url=url, description=description, types=types, allow_private=allow_private)
    if values:
        await connection.execute(update(endpoints).where(_named(book_id, endpoint_id)).values(values))
    return await find_endpoint(connection, book_id, endpoint_id)


async def rotate_secret(connection: AsyncConnection, book_id: int, endpoint_id: int) -> NewSecret:
    """Make a new secret; the one before is signed with as well for OVERLAP. Raises EndpointNotFound."""
    secret = _new_secret()
    values = {"secret": secret, "former_secret": endpoints.c.secret, "former_until": func.now() + OVERLAP}
    changed = update(endpoints).where(_named(book_id, endpoint_id)).values(values)
    await connection.execute(changed)
    return _with_secret(await find_endpoint(connection, book_id, endpoint_id), secret)


async def disable_endpoint(connection: AsyncConnection, book_id: int, endpoint_id: int, by: By) -> Endpoint:
    """Send nothing more there; what waits has failed, and can be replayed. Doing it twice changes nothing.

    Raises EndpointNotFound.
    """
    off = update(endpoints).where(_named(book_id, endpoint_id), endpoints.c.disabled_at.is_(None))
    if (await connection.execute(off.values(disabled_at=func.now()))).rowcount:
        await connection.execute(_GIVE_UP, {"book_id": book_id, "endpoint_id": endpoint_id})
        await record(connection, book_id, "webhook", by, [Change("disabled", endpoint_id, "disabled", "enabled")])
    return await find_endpoint(connection, book_id, endpoint_id)


async def enable_endpoint(connection: AsyncConnection, book_id: int, endpoint_id: int, by: By) -> Endpoint:
    """Send there again what happens from now on. Doing it twice changes nothing.

    Raises EndpointNotFound, QuotaReached.
    """
    if (await find_endpoint(connection, book_id, endpoint_id)).disabled_at is None:
        return await find_endpoint(connection, book_id, endpoint_id)
    await _check_quota(connection, book_id)
    on = update(endpoints).where(_named(book_id, endpoint_id), endpoints.c.disabled_at.is_not(None))
    if (await connection.execute(on.values(disabled_at=None))).rowcount:
        await record(connection, book_id, "webhook", by, [Change("enabled", endpoint_id, "enabled", "disabled")])
    return await find_endpoint(connection, book_id, endpoint_id)


async def find_endpoint(connection: AsyncConnection, book_id: int, endpoint_id: int) -> Endpoint:
    """Raises EndpointNotFound."""
    row = (await connection.execute(select(*_FIELDS).where(_named(book_id, endpoint_id)))).one_or_none()
    if row is None:
        raise EndpointNotFound("endpoint", endpoint_id)
    return _endpoint(row)


async def list_endpoints(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[Endpoint]:
    """Newest first, those before a given one; with those that are disabled."""
    chosen = select(*_FIELDS).where(endpoints.c.book_id == book_id)
    if before is not None:
        chosen = chosen.where(endpoints.c.endpoint_id < before)
    return [
        _endpoint(row) for row in await connection.execute(chosen.order_by(endpoints.c.endpoint_id.desc()).limit(limit))
    ]


async def _check_quota(connection: AsyncConnection, book_id: int) -> None:
    """Raises QuotaReached; until the transaction ends nobody else adds one."""
    await connection.execute(_LOCK, {"book_id": str(book_id)})
    enabled = and_(endpoints.c.book_id == book_id, endpoints.c.disabled_at.is_(None))
    if (await connection.scalar(select(func.count()).where(enabled)) or 0) >= MOST_ENDPOINTS:
        raise QuotaReached("endpoints", MOST_ENDPOINTS, "a book sends to at most so many; disable one first")


async def _checked(
    *, url: str | None, description: str | None, types: Sequence[str] | None, allow_private: bool
) -> dict[str, Any]:
    """Those that are given, checked. Raises InvalidEndpoint."""
    values: dict[str, Any] = {}
    if description is not None:
        values["description"] = check_text(description, InvalidEndpoint, "description", least=0)
    if types is not None:
        values["types"] = _checked_types(types)
    if url is not None:
        await target_of(url, allow_private=allow_private)
        values["url"] = url
    return values


def _checked_types(types: Sequence[str]) -> list[str]:
    if len(types) > len(TYPES):
        raise InvalidEndpoint("types", len(types), f"at most {len(TYPES)}; none means all")
    for position, each in enumerate(types):
        if each not in TYPES:
            subject = each.partition(".")[0]
            alike = sorted(known for known in TYPES if known.startswith(f"{subject}.")) or sorted(TYPES)
            raise InvalidEndpoint(f"types[{position}]", each, f"must be one of {', '.join(alike)}")
    return list(dict.fromkeys(types))


def _new_secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


_FIELDS = [endpoints.c[name] for name in Endpoint.__struct_fields__]


def _named(book_id: int, endpoint_id: int) -> ColumnElement[bool]:
    return and_(endpoints.c.book_id == book_id, endpoints.c.endpoint_id == endpoint_id)


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(**row._mapping)


def _with_secret(endpoint: Endpoint, secret: str) -> NewSecret:
    return NewSecret(**msgspec.structs.asdict(endpoint), secret=secret)
