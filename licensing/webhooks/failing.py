"""Endpoints of every book whose deliveries fail: for who runs the service."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class FailingEndpoint(msgspec.Struct, frozen=True):
    """`failed` are deliveries of the last week that were given up; `overdue` those that were tried and wait still, the
    first of them since `since`.
    """

    book_id: int
    endpoint_id: int
    url: str
    failed: int
    overdue: int
    since: datetime


async def failing_endpoints(connection: AsyncConnection, limit: int = 50) -> Sequence[FailingEndpoint]:
    """Those in use, the worst first."""
    rows = await connection.execute(_FAILING, {"limit": limit})
    return [FailingEndpoint(**row._mapping) for row in rows]


_FAILING = text("""
    SELECT book_id, endpoint_id, its.url, bad.failed, bad.overdue, bad.since
    FROM licensing.webhook_endpoints AS its JOIN (
        SELECT d.book_id, d.endpoint_id, count(*) FILTER (WHERE d.state = 'failed') AS failed,
               count(*) FILTER (WHERE d.state = 'waiting') AS overdue, min(e.at) AS since
        FROM licensing.webhook_deliveries AS d JOIN licensing.events AS e USING (book_id, event_id)
        WHERE (d.state = 'waiting' AND d.attempts > 0)
           OR (d.state = 'failed' AND d.due_at > now() - interval '7 days')
        GROUP BY d.book_id, d.endpoint_id
    ) AS bad USING (book_id, endpoint_id)
    WHERE its.disabled_at IS NULL
    ORDER BY bad.failed DESC, bad.overdue DESC, book_id, endpoint_id
    LIMIT :limit
""")
