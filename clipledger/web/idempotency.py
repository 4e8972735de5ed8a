"""The same POST twice has one effect and one answer.

Every POST carries an Idempotency-Key. Its answer is kept in the transaction of its effect, so there is no
moment at which one exists without the other: after a crash between commit and answer the client repeats the
request and gets the answer it missed. While the first request runs, its transaction holds an advisory lock
on the key; when it ends, however it ends, the lock is gone with it.

- the same key and the same request: the kept answer, with `Idempotency-Replayed: true`
- the same key, another path, query or body: 422 `idempotency-key-reused`
- the same key while the first is running: 409 `idempotency-in-flight`
- only answers of 2xx are kept: an error changed nothing, and may be corrected under the same key
- a key belongs to who sent it, and is forgotten after a day at the earliest

A secret that is shown once is not kept: in a replayed answer that member is null, the way to a new one
being to revoke and create again.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from litestar.types import HTTPScope
from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.tables import idempotency_records as records
from clipledger.web.problems import FieldFault, Problem

_KEY = re.compile(r"[!-~]{1,255}")  # visible ASCII
_KEPT_HEADERS = frozenset({"content-type", "etag", "link", "location"})
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:principal || ' ' || :key, 0))")
_FIELD = "Idempotency-Key"


@dataclass(frozen=True)
class KeyedCall:
    """A POST, by what makes it the same one: who sent it, under which key, what exactly."""

    principal: str
    key: str
    route: str
    request_hash: bytes


@dataclass(frozen=True)
class Answer:
    """An answer as it is kept and sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def keyed_call(scope: HTTPScope, principal: str, body: bytes) -> KeyedCall:
    """Raises Problem 400 where the key is missing or malformed."""
    headers = dict(scope["headers"])
    sent = headers.get(b"idempotency-key", b"").decode("latin-1")
    if not sent:
        fault = FieldFault(_FIELD, "every POST carries a key of 1 to 255 visible ASCII characters")
        raise Problem(400, "idempotency-key-required", faults=[fault])
    if not _KEY.fullmatch(sent):
        fault = FieldFault(_FIELD, "must be 1 to 255 visible ASCII characters", sent[:255])
        raise Problem(400, "idempotency-key-invalid", faults=[fault])
    address = msgspec.json.encode([scope["path"], scope["query_string"].decode("latin-1")])
    announced = headers.get(b"upload-length", b"")  # what such a POST says instead of having a body
    digest = hashlib.sha256(address + announced + body).digest()
    return KeyedCall(principal, sent, f"{scope['method']} {scope['path_template']}", digest)


async def claim(connection: AsyncConnection, call: KeyedCall) -> Answer | None:
    """The answer already given, or None: then the key is this transaction's until it ends.

    Raises Problem 409 and 422. Lock and look-up are two statements, for the second must see what was
    committed while the first was running.
    """
    if not await connection.scalar(_LOCK, {"principal": call.principal, "key": call.key}):
        detail = "A request with this key is still running. Try again."
        raise Problem(409, "idempotency-in-flight", detail, headers={"Retry-After": "1"})
    chosen = select(records).where(records.c.principal == call.principal, records.c.key == call.key)
    kept = (await connection.execute(chosen)).mappings().first()
    if kept is None:
        return None
    if (kept["route"], kept["request_hash"]) != (call.route, call.request_hash):
        fault = FieldFault(_FIELD, f"was used for another request: {kept['route']}", call.key)
        raise Problem(422, "idempotency-key-reused", faults=[fault])
    headers = [(name, value) for name, value in kept["headers"]]
    return Answer(kept["status"], [*headers, ("idempotency-replayed", "true")], kept["body"])


async def keep(connection: AsyncConnection, call: KeyedCall, answer: Answer, shown_once: str | None) -> None:
    """Keep a 2xx answer, without the member that is shown once."""
    await connection.execute(
        insert(records).values(
            principal=call.principal,
            key=call.key,
            route=call.route,
            request_hash=call.request_hash,
            status=answer.status,
            headers=[list(header) for header in answer.headers if header[0] in _KEPT_HEADERS],
            body=_without(answer.body, shown_once) if shown_once else answer.body,
        )
    )


async def forget_old_records(connection: AsyncConnection, older_than: timedelta = timedelta(hours=24)) -> int:
    """Delete answers nobody will ask for again; returns how many."""
    old = records.c.created_at < func.now() - older_than
    return (await connection.execute(delete(records).where(old))).rowcount


def _without(body: bytes, member: str) -> bytes:
    return msgspec.json.encode({**msgspec.json.decode(body), member: None})
