"""The audit trail: who did what, when, from where. Append-only, held by the database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
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


async def list_events(
    connection: AsyncConnection,
    *,
    books: Collection[int] | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[RecordedEvent]:
    """Newest first, those before the event with id `before`; of these books only, or None for everything."""
    chosen = select(audit_events).order_by(audit_events.c.event_id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(audit_events.c.event_id < before)
    if books is not None:
        chosen = chosen.where(audit_events.c.book_id.in_(books))
    rows = (await connection.execute(chosen)).mappings()
    return [RecordedEvent(**{**row, "ip": row["ip"] and str(row["ip"])}) for row in rows]
