"""What rails tell by themselves: kept as it arrives, once each, and acted upon by a job that asks the rail again."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Literal, LiteralString, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.refusals import storable
from media.errors import InvalidCursor
from settlement.payouts.errors import RailEventNotFound, RailEventNotGivenUp
from settlement.payouts.lifecycle import RailName
from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import RailError

_MOST_ATTEMPTS: Final = 16
"""After these, nine hours after it came, an event is given up; what it told may be found by the sweep."""
_AT_ONCE = 100

_WAITS = f"""
    processed_at IS NULL AND attempts < {_MOST_ATTEMPTS}
    AND (attempts = 0 OR received_at + make_interval(secs => 2 ^ attempts) <= {{now}})
"""
"""What was tried in vain is tried again two, four, eight and so on seconds after it came."""
_GIVEN_UP: LiteralString = f"processed_at IS NULL AND attempts >= {_MOST_ATTEMPTS}"

WAITING = f"settlement.rail_events WHERE {_WAITS.format(now='now()')}"
"""A FROM clause: events that are to be acted upon now."""
GIVEN_UP: LiteralString = f"settlement.rail_events WHERE {_GIVEN_UP}"
"""A FROM clause: events that nobody will act upon unless a person says so."""

EventState = Literal["waiting", "done", "given-up"]


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
    """An event and what came of it, or why nothing has yet; `processed_at` is null until it was acted upon.

    `deliveries` counts how often it was sent, `attempts` how often it was tried to act upon it.
    """

    event_id: str
    rail: RailName
    kind: str
    account: str | None
    object_id: str | None
    created_at: datetime
    received_at: datetime
    deliveries: int
    attempts: int
    processed_at: datetime | None
    outcome: str | None
    state: EventState


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


async def process_due(engine: AsyncEngine, rail: RailName, act: Act, *, clock: Clock = utc_now) -> int:
    """Act upon every event that waits, the oldest first; how many. One that can't be acted upon now waits on.

    Raises:
        ExceptionGroup: faults of ours; each counts as an attempt, and keeps no other event from its turn.
    """
    done, after, faults = 0, "", list[Exception]()
    while events := await _waiting(engine, rail, after, clock()):
        for event in events:
            done += await _process(engine, event, act, clock(), faults)
        after = events[-1].event_id
    if faults:
        raise ExceptionGroup("events that could not be acted upon, by a fault of ours", faults)
    return done


async def _waiting(engine: AsyncEngine, rail: RailName, after: str, now: datetime) -> list[Arrived]:
    async with engine.connect() as connection:
        asked = {"rail": rail, "after": after, "now": now, "limit": _AT_ONCE}
        return [Arrived(*row) for row in await connection.execute(_WAITING, asked)]


async def _process(engine: AsyncEngine, event: Arrived, act: Act, now: datetime, faults: list[Exception]) -> int:
    done_at = None
    try:
        outcome, done_at = await act(event), now
    except RailError as error:
        outcome = error.reason
    except Exception as fault:
        fault.add_note(event.event_id)
        faults.append(fault)
        outcome = f"a fault of ours: {type(fault).__name__}"
    async with engine.begin() as connection:
        await connection.execute(_TRIED, {"event": event.event_id, "outcome": outcome, "at": done_at})
    return int(done_at is not None)


# By people ----------------------------------------------------------------------------------------------------


async def list_events(
    connection: AsyncConnection, *, state: EventState | None = None, before: str | None = None, limit: int = 100
) -> list[Arrived]:
    """Newest first by when they arrived; those before the event of this number. Raises InvalidCursor."""
    if before is not None and await _state(connection, before) is None:
        raise InvalidCursor("cursor", before)
    asked = {"state": state, "before": before, "limit": limit}
    return [Arrived(*row) for row in await connection.execute(_LIST, asked)]


async def count_given_up(connection: AsyncConnection) -> int:
    """How many wait for a person."""
    return int(await connection.scalar(_COUNT) or 0)


async def retry(connection: AsyncConnection, event_id: str) -> None:
    """Act once more upon an event that was given up. Raises RailEventNotFound, RailEventNotGivenUp."""
    state = await _state(connection, event_id)
    if state is None:
        raise RailEventNotFound("event", event_id)
    if await connection.scalar(_RETRY, {"event": event_id}) is None:
        raise RailEventNotGivenUp("state", state)


async def retry_all(connection: AsyncConnection) -> int:
    """Act once more upon every event that was given up; how many."""
    return (await connection.execute(_RETRY, {"event": None})).rowcount


async def _state(connection: AsyncConnection, event_id: str) -> str | None:
    if not storable(event_id):
        return None
    found: str | None = await connection.scalar(_STATE, {"event": event_id})
    return found


# SQL ----------------------------------------------------------------------------------------------------------

_STATES = f"CASE WHEN processed_at IS NOT NULL THEN 'done' WHEN {_GIVEN_UP} THEN 'given-up' ELSE 'waiting' END"
_NAMES = ", ".join([*Arrived.__struct_fields__[:-1], _STATES])

_KEEP = text("""
    INSERT INTO settlement.rail_events AS its (event_id, rail, kind, account, object_id, created_at, payload)
    VALUES (:event_id, :rail, :kind, :account, :object_id, :created_at, CAST(:payload AS jsonb))
    ON CONFLICT (event_id) DO UPDATE SET deliveries = its.deliveries + 1
    RETURNING deliveries
""")

_WAITING = text(f"""
    SELECT {_NAMES} FROM settlement.rail_events
    WHERE rail = :rail AND {_WAITS.format(now=":now")} AND event_id > :after ORDER BY event_id LIMIT :limit
""")  # noqa: S608 - of constants

_TRIED = text("""
    UPDATE settlement.rail_events
    SET outcome = left(:outcome, 500), attempts = attempts + 1, processed_at = CAST(:at AS timestamptz)
    WHERE event_id = :event AND processed_at IS NULL
""")

_LIST = text(f"""
    SELECT {_NAMES} FROM settlement.rail_events
    WHERE (CAST(:state AS text) IS NULL OR {_STATES} = :state)
      AND (CAST(:before AS text) IS NULL OR (received_at, event_id) < (
          SELECT received_at, event_id FROM settlement.rail_events WHERE event_id = :before
      ))
    ORDER BY received_at DESC, event_id DESC LIMIT :limit
""")  # noqa: S608 - of constants

_STATE = text(f"SELECT {_STATES} FROM settlement.rail_events WHERE event_id = :event")  # noqa: S608 - of constants
_COUNT = text(f"SELECT count(*) FROM {GIVEN_UP}")  # noqa: S608 - of constants
_RETRY = text(f"""
    UPDATE settlement.rail_events SET attempts = {_MOST_ATTEMPTS - 1}
    WHERE {_GIVEN_UP} AND (CAST(:event AS text) IS NULL OR event_id = :event) RETURNING event_id
""")  # noqa: S608 - of constants
"""It is due at once, by when it came."""
