"""Events: each change of state as it is told, to the trail of its subject and to the host's webhooks.

An event and its deliveries are written in the transaction of the change, so there is none without the other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import EventNotFound
from licensing.states import APPLICATION, CASE, CLAIM, GRANT, OFFER, SUBMISSION, By, Side
from licensing.tables import events

_TOLD = (OFFER, APPLICATION, GRANT, SUBMISSION, CLAIM, CASE)
"""The machines whose things are a book's; handles and representations are no host's, and no host is told of them."""
_BESIDE: Mapping[str, tuple[str, ...]] = {
    "offer": ("created", "edited", "terms published"),
    "application": ("submitted",),
    "grant": ("offered", "accounts changed", "terms proposed", "terms accepted", "terms declined", "terms in force"),
    "submission": ("submitted", "unpublished"),
    "claim": ("opened",),
    "case": ("reported",),
    "webhook": ("tested", "enabled", "disabled"),
}
"""What is told that no transition of a machine is: how things begin, and what changes in one state."""


def type_of(subject: str, action: str) -> str:
    """As receivers know it: `claim.finally-upheld`."""
    return f"{subject}.{action.replace(' ', '-')}"


TYPES = frozenset(
    [type_of(machine.noun, each.action) for machine in _TOLD for each in machine.transitions]
    + [type_of(subject, action) for subject, actions in _BESIDE.items() for action in actions]
)
"""All that is ever told."""
OWN_SUBJECTS = ("application", "grant", "submission", "claim")
"""What a clipper is told of; a case is the host's alone."""
_RECORD = text("""
    WITH told AS (
        INSERT INTO licensing.events (book_id, type, subject, subject_id, state, was, side, actor, clipper_id, detail)
        SELECT :book_id, type, :subject, subject_id, state, was, :side, :actor, clipper_id, detail
        FROM unnest(
            CAST(:types AS text[]), CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:was AS text[]),
            CAST(:clippers AS bigint[]), CAST(:details AS jsonb[])
        ) AS row (type, subject_id, state, was, clipper_id, detail)
        RETURNING event_id, type
    )
    INSERT INTO licensing.webhook_deliveries (book_id, endpoint_id, event_id)
    SELECT :book_id, endpoint_id, event_id
    FROM told JOIN licensing.webhook_endpoints AS endpoint
        ON endpoint.book_id = :book_id AND endpoint.disabled_at IS NULL
           AND (endpoint.types = '{}' OR told.type = ANY (endpoint.types))
""")


class Event(msgspec.Struct, frozen=True):
    """`type` is subject and action, such as `grant.revoked`; `was` the state before, null for what has just begun."""

    event_id: int
    type: str
    subject: str
    subject_id: int
    state: str
    was: str | None
    side: Side
    actor: str
    clipper_id: int | None
    detail: dict[str, Any]
    at: datetime


class OwnEvent(msgspec.Struct, frozen=True):
    """An event as the clipper concerned reads it: what became of its own things, not who of the host did it or why."""

    event_id: int
    type: str
    subject: str
    subject_id: int
    state: str
    was: str | None
    side: Side
    at: datetime


class Change(msgspec.Struct, frozen=True):
    """One change of state to be told: `action` is a machine's, or what it was when it began (`submitted`)."""

    action: str
    subject_id: int
    state: str
    was: str | None = None
    clipper_id: int | None = None
    detail: dict[str, Any] = {}


async def record(connection: AsyncConnection, book_id: int, subject: str, by: By, changes: Sequence[Change]) -> None:
    """Tell of changes of one kind of subject (a machine's noun), any number in one statement."""
    types = [type_of(subject, change.action) for change in changes]
    assert TYPES.issuperset(types), f"{types} must be told of in TYPES"
    await connection.execute(
        _RECORD,
        {
            "book_id": book_id,
            "subject": subject,
            "side": by.side,
            "actor": by.actor,
            "types": types,
            "ids": [change.subject_id for change in changes],
            "states": [change.state for change in changes],
            "was": [change.was for change in changes],
            "clippers": [change.clipper_id for change in changes],
            "details": [msgspec.json.encode(change.detail).decode() for change in changes],
        },
    )


async def list_events(
    connection: AsyncConnection,
    book_id: int,
    *,
    subject: str | None = None,
    subject_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Event]:
    """Newest first, those before a given one; of one kind of subject, or of one subject."""
    its = events.c
    chosen = select(*(its[name] for name in Event.__struct_fields__)).where(its.book_id == book_id)
    for column, value in ((its.subject, subject), (its.subject_id, subject_id)):
        if value is not None:
            chosen = chosen.where(column == value)
    if before is not None:
        chosen = chosen.where(its.event_id < before)
    rows = await connection.execute(chosen.order_by(its.event_id.desc()).limit(limit))
    return [Event(**row._mapping) for row in rows]


async def list_own_events(
    connection: AsyncConnection,
    clipper_id: int,
    *,
    subject: str | None = None,
    subject_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[OwnEvent]:
    """What happened to a clipper's own things with every host, or to one thing, newest first; never a host's cases."""
    its = events.c
    chosen = select(*(its[name] for name in OwnEvent.__struct_fields__)).where(
        its.clipper_id == clipper_id, its.subject.in_(OWN_SUBJECTS)
    )
    for column, value in ((its.subject, subject), (its.subject_id, subject_id)):
        if value is not None:
            chosen = chosen.where(column == value)
    if before is not None:
        chosen = chosen.where(its.event_id < before)
    rows = await connection.execute(chosen.order_by(its.event_id.desc()).limit(limit))
    return [OwnEvent(**row._mapping) for row in rows]


async def find_event(connection: AsyncConnection, book_id: int, event_id: int) -> Event:
    """Raises EventNotFound."""
    its = events.c
    chosen = select(*(its[name] for name in Event.__struct_fields__)).where(
        its.book_id == book_id, its.event_id == event_id
    )
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise EventNotFound("event", event_id)
    return Event(**row._mapping)
