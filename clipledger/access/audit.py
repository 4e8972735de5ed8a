"""The audit trail: who did what, when, from where. Append-only, held by the database."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.tables import audit_events


@dataclass(frozen=True)
class Event:
    """One thing done, or refused.

    `actor` is `user:3`, `key:7`, `cli:<login>` or `anonymous`; `action` a verb phrase that filters well
    (`key.create`, `POST /v1/books/{book}/entries`); `subject` what it was done to. `detail` holds no secret.
    """

    actor: str
    action: str
    subject: str = ""
    book_id: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    ip: str | None = None


@dataclass(frozen=True)
class RecordedEvent:
    """An event with its place in the trail."""

    event_id: int
    at: datetime
    actor: str
    action: str
    book_id: int | None
    subject: str
    detail: Mapping[str, Any]
    request_id: str | None
    ip: str | None


async def record(connection: AsyncConnection, event: Event) -> None:
    """In the transaction of what it tells of, so that neither is without the other."""
    await connection.execute(insert(audit_events).values(**vars(event)))


@dataclass(frozen=True)
class Sought:
    """Which events are looked for; None is any. `action` is one, or those that begin with it: `user`, `user.role`.

    `since` is the first moment, `until` the first that is too late.
    """

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_events(
    connection: AsyncConnection,
    *,
    books: Collection[int] | None = None,
    sought: Sought = Sought(),
    before: int | None = None,
    limit: int = 100,
) -> list[RecordedEvent]:
    """Newest first, those before the event with id `before`; of these books only, or None for everything."""
    its = audit_events.c
    chosen = select(audit_events).where(*_conditions(sought)).order_by(its.event_id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(its.event_id < before)
    if books is not None:
        chosen = chosen.where(its.book_id.in_(books))
    rows = (await connection.execute(chosen)).mappings()
    return [RecordedEvent(**{**row, "ip": row["ip"] and str(row["ip"])}) for row in rows]


def _conditions(sought: Sought) -> Iterator[ColumnElement[bool]]:
    its = audit_events.c
    if sought.actor:
        yield its.actor == sought.actor
    if sought.action:
        below = its.action.startswith(f"{sought.action}.", autoescape=True)
        yield or_(its.action == sought.action, below)
    if sought.since is not None:
        yield its.at >= sought.since
    if sought.until is not None:
        yield its.at < sought.until
