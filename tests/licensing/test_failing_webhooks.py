"""Endpoints that don't take what they are sent, as who runs the service sees them."""

from typing import Any

from sqlalchemy import func, insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.tables import events, webhook_deliveries, webhook_endpoints
from licensing.webhooks.failing import failing_endpoints
from tests.licensing.house import Host


async def _delivery(engine: AsyncEngine, host: Host, endpoint_id: int, **values: Any) -> None:
    told = {"type": "grant.accepted", "subject": "grant", "subject_id": 1, "state": "active", "side": "host"}
    event = insert(events).values(book_id=host.book_id, **told, actor="test", detail={}).returning(events.c.event_id)
    async with engine.begin() as connection:
        event_id = await connection.scalar(event)
        row = insert(webhook_deliveries).values(book_id=host.book_id, endpoint_id=endpoint_id, event_id=event_id)
        await connection.execute(row.values(**values))


async def test_endpoints_with_deliveries_given_up_or_tried_in_vain_are_told(
    app_engine: AsyncEngine, host: Host
) -> None:
    address = {"url": "https://example.com/", "secret": "whsec_" + "A" * 32, "description": "", "created_by": "test"}
    row = insert(webhook_endpoints).values(book_id=host.book_id, **address).returning(webhook_endpoints.c.endpoint_id)
    async with app_engine.begin() as connection:
        endpoint_id = int((await connection.execute(row)).scalar_one())

    async def found() -> list[tuple[int, int]]:
        async with app_engine.connect() as connection:
            its = await failing_endpoints(connection, limit=1000)
        return [(each.failed, each.overdue) for each in its if each.book_id == host.book_id]

    await _delivery(app_engine, host, endpoint_id)
    await _delivery(app_engine, host, endpoint_id, state="delivered", attempts=3)
    assert await found() == []
    await _delivery(app_engine, host, endpoint_id, attempts=2)
    await _delivery(app_engine, host, endpoint_id, state="failed", attempts=8)
    assert await found() == [(1, 1)]
    async with app_engine.begin() as connection:
        here = update(webhook_endpoints).where(webhook_endpoints.c.endpoint_id == endpoint_id)
        await connection.execute(here.values(disabled_at=func.now()))
    assert await found() == []
