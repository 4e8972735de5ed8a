"""What rails tell by themselves: kept as it arrives, once each, and acted upon by a job that asks the rail again."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.payouts.lifecycle import RailName
from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import RailError

_MOST_ATTEMPTS = 20
"""After these an event is left to a person; what it told is found by the sweep."""
_AT_ONCE = 100

WAITING = "settlement.rail_events WHERE processed_at IS NULL"
"""A FROM clause: events that nobody has acted upon."""


class StripeSecrets(NamedTuple):
    """By which Stripe signs what it tells; nothing is taken without."""

    platform: str | None
    connect: str | None


class RailEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its rail sent it. `object_id` is what it is about, `account` the connected account's, if any."""

    event_id: str
    kind: str
    account: str | None
    object_id: str | None
    created_at: datetime
    payload: dict[str, Any]


class Arrived(msgspec.Struct, frozen=True):
    """An event and what came of it; null as long as it waits. `deliveries` counts how often it was sent."""

    event_id: str
    rail: RailName
    kind: str
    account: str | None
    object_id: str | None
    created_at: datetime
    received_at: datetime
    deliveries: int
    processed_at: datetime | None
    outcome: str | None


Act = Callable[[Arrived], Awaitable[str]]
"""Does what an event asks for; in words, what came of it. Raises RailError where the rail can't be asked now."""


async def keep(connection: AsyncConnection, rail: RailName, event: RailEvent) -> bool:
    """Keep an event; False if it was here before."""
    asked = {
        "rail": rail,
        **{name: getattr(event, name) for name in RailEvent.__struct_fields__},
        "payload": msgspec.json.encode(event.payload).decode(),
    }
    return bool((await connection.execute(_KEEP, asked)).scalar_one() == 1)


async def list_events(
    connection: AsyncConnection, *, before: datetime | None = None, limit: int = 100
) -> list[Arrived]:
    """Newest first by when they arrived."""
    return [Arrived(*row) for row in await connection.execute(_LIST, {"before": before, "limit": limit})]


async def process_due(engine: AsyncEngine, rail: RailName, act: Act, *, clock: Clock = utc_now) -> int:
    """Act upon every event that waits, the oldest first; how many. One that can't be acted upon now waits on."""
    done, after = 0, ""
    while events := await _waiting(engine, rail, after):
        for event in events:
            done += await _process(engine, event, act, clock())
        after = events[-1].event_id
    return done


async def _waiting(engine: AsyncEngine, rail: RailName, after: str) -> list[Arrived]:
    async with engine.connect() as connection:
        asked = {"rail": rail, "after": after, "limit": _AT_ONCE}
        return [Arrived(*row) for row in await connection.execute(_WAITING, asked)]


async def _process(engine: AsyncEngine, event: Arrived, act: Act, now: datetime) -> int:
    try:
        outcome, ended = await act(event), True
    except RailError as error:
        outcome, ended = error.reason, False
    asked = {"event": event.event_id, "outcome": outcome, "now": now, "ended": ended, "most": _MOST_ATTEMPTS}
    async with engine.begin() as connection:
        await connection.execute(_PROCESSED, asked)
    return int(ended)


_NAMES = ", ".join(Arrived.__struct_fields__)

_KEEP = text("""
    INSERT INTO settlement.rail_events AS its (event_id, rail, kind, account, object_id, created_at, payload)
    VALUES (:event_id, :rail, :kind, :account, :object_id, :created_at, CAST(:payload AS jsonb))
    ON CONFLICT (event_id) DO UPDATE SET deliveries = its.deliveries + 1
    RETURNING deliveries
""")

_LIST = text(f"""
    SELECT {_NAMES} FROM settlement.rail_events
    WHERE CAST(:before AS timestamptz) IS NULL OR received_at < :before
    ORDER BY received_at DESC, event_id LIMIT :limit
""")  # noqa: S608 - of constants

_WAITING = text(f"""
    SELECT {_NAMES} FROM settlement.rail_events
    WHERE rail = :rail AND processed_at IS NULL AND event_id > :after ORDER BY event_id LIMIT :limit
""")  # noqa: S608 - of constants

_PROCESSED = text("""
    UPDATE settlement.rail_events SET outcome = left(:outcome, 500), attempts = attempts + 1,
        processed_at = CASE WHEN :ended OR attempts + 1 >= :most THEN CAST(:now AS timestamptz) END
    WHERE event_id = :event AND processed_at IS NULL
""")
