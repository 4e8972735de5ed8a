"""Deliveries: one event for one endpoint each, with the log of its attempts; what failed can be sent again.

A delivery is written with its event (`licensing.events.record`), and sent by `licensing.webhooks.sending`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Select, and_, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import DeliveryNotFound, InvalidQuery, WrongTransition
from licensing.states import By
from licensing.tables import events, webhook_attempts
from licensing.tables import webhook_deliveries as deliveries
from licensing.webhooks.endpoints import find_endpoint

State = Literal["waiting", "delivered", "failed"]
_AGAIN = {"state": "waiting", "attempts": 0, "due_at": func.now(), "delivered_at": None}
_TEST = text("""
    WITH told AS (
        INSERT INTO licensing.events (book_id, type, subject, subject_id, state, was, side, actor, clipper_id, detail)
        VALUES (:book_id, 'webhook.tested', 'webhook', :endpoint_id, 'enabled', 'enabled', :side, :actor, NULL, '{}')
        RETURNING event_id
    )
    INSERT INTO licensing.webhook_deliveries (book_id, endpoint_id, event_id)
    SELECT :book_id, :endpoint_id, event_id FROM told
    RETURNING delivery_id
""")


class Delivery(msgspec.Struct, frozen=True):
    """`attempts` since it was last begun or replayed; a waiting one is tried next at `due_at`."""

    delivery_id: int
    event_id: int
    type: str
    state: State
    attempts: int
    due_at: datetime
    delivered_at: datetime | None


class Attempt(msgspec.Struct, frozen=True):
    """`status` of HTTP is null where there was no answer; `answer` is its beginning, or what went wrong."""

    attempt_no: int
    at: datetime
    took_ms: int
    status: int | None
    answer: str


class DeliveryLog(msgspec.Struct, frozen=True):
    """A delivery, and each attempt at it."""

    delivery: Delivery
    attempts: Sequence[Attempt]


async def list_deliveries(
    connection: AsyncConnection,
    book_id: int,
    endpoint_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """Newest first, those before a given one. Raises EndpointNotFound."""
    await find_endpoint(connection, book_id, endpoint_id)
    chosen = _chosen(book_id, endpoint_id)
    if state is not None:
        chosen = chosen.where(deliveries.c.state == state)
    if before is not None:
        chosen = chosen.where(deliveries.c.delivery_id < before)
    rows = await connection.execute(chosen.order_by(deliveries.c.delivery_id.desc()).limit(limit))
    return [Delivery(**row._mapping) for row in rows]


async def delivery_log(connection: AsyncConnection, book_id: int, endpoint_id: int, delivery_id: int) -> DeliveryLog:
    """Raises EndpointNotFound, DeliveryNotFound."""
    delivery = await find_delivery(connection, book_id, endpoint_id, delivery_id)
    its = webhook_attempts.c
    chosen = select(*(its[name] for name in Attempt.__struct_fields__)).where(
        its.book_id == book_id, its.delivery_id == delivery_id
    )
    rows = await connection.execute(chosen.order_by(its.attempt_no))
    return DeliveryLog(delivery, [Attempt(**row._mapping) for row in rows])


async def find_delivery(connection: AsyncConnection, book_id: int, endpoint_id: int, delivery_id: int) -> Delivery:
    """Raises EndpointNotFound, DeliveryNotFound."""
    await find_endpoint(connection, book_id, endpoint_id)
    chosen = _chosen(book_id, endpoint_id).where(deliveries.c.delivery_id == delivery_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise DeliveryNotFound("delivery", delivery_id)
    return Delivery(**row._mapping)


async def replay(connection: AsyncConnection, book_id: int, endpoint_id: int, delivery_id: int) -> Delivery:
    """Send it again, with all attempts before it, whatever became of it; the receiver sees the same webhook-id.

    Raises:
        EndpointNotFound, DeliveryNotFound
        WrongTransition: the endpoint is disabled.
    """
    await find_delivery(connection, book_id, endpoint_id, delivery_id)
    await _check_enabled(connection, book_id, endpoint_id)
    this = and_(_of(book_id, endpoint_id), deliveries.c.delivery_id == delivery_id)
    await connection.execute(update(deliveries).where(this).values(_AGAIN))
    return await find_delivery(connection, book_id, endpoint_id, delivery_id)


async def replay_failed(connection: AsyncConnection, book_id: int, endpoint_id: int, since: datetime) -> int:
    """Send again what failed of the events since a moment; returns how many.

    Raises:
        EndpointNotFound
        InvalidQuery: the moment has no time zone.
        WrongTransition: the endpoint is disabled.
    """
    if since.tzinfo is None:
        raise InvalidQuery("since", since, "an instant with its time zone, as 2026-10-05T20:00:00+08:00")
    await _check_enabled(connection, book_id, endpoint_id)
    told = and_(events.c.book_id == book_id, events.c.event_id == deliveries.c.event_id, events.c.at >= since)
    failed = and_(_of(book_id, endpoint_id), deliveries.c.state == "failed", told)
    return (await connection.execute(update(deliveries).where(failed).values(_AGAIN))).rowcount


async def send_test(connection: AsyncConnection, book_id: int, endpoint_id: int, by: By) -> Delivery:
    """Have an event `webhook.tested` sent to this endpoint, whatever types it gets, and to no other.

    Raises:
        EndpointNotFound
        WrongTransition: the endpoint is disabled.
    """
    await _check_enabled(connection, book_id, endpoint_id)
    told = {"book_id": book_id, "endpoint_id": endpoint_id, "side": by.side, "actor": by.actor}
    delivery_id: int = (await connection.execute(_TEST, told)).scalar_one()
    return await find_delivery(connection, book_id, endpoint_id, delivery_id)


async def _check_enabled(connection: AsyncConnection, book_id: int, endpoint_id: int) -> None:
    if (await find_endpoint(connection, book_id, endpoint_id)).disabled_at is not None:
        raise WrongTransition("endpoint", endpoint_id, "is disabled: enable it first (by the host)")


def _chosen(book_id: int, endpoint_id: int) -> Select[Any]:
    names = [name for name in Delivery.__struct_fields__ if name != "type"]
    told = and_(events.c.book_id == deliveries.c.book_id, events.c.event_id == deliveries.c.event_id)
    chosen = select(*(deliveries.c[name] for name in names), events.c.type).join_from(deliveries, events, told)
    return chosen.where(_of(book_id, endpoint_id))


def _of(book_id: int, endpoint_id: int) -> ColumnElement[bool]:
    return and_(deliveries.c.book_id == book_id, deliveries.c.endpoint_id == endpoint_id)
