"""What a delivery sends, as its receiver gets it: the very bytes that are signed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import DeliveryNotFound
from licensing.webhooks.sending import body_of

_EVENT = text("""
    SELECT event.event_id, event.type, event.at, event.subject, event.subject_id, event.state, event.was, event.side,
           event.actor, event.clipper_id, event.detail
    FROM licensing.webhook_deliveries AS delivery JOIN licensing.events AS event USING (book_id, event_id)
    WHERE delivery.book_id = :book_id AND delivery.endpoint_id = :endpoint_id AND delivery_id = :delivery_id
""")


async def payload_of(connection: AsyncConnection, book_id: int, endpoint_id: int, delivery_id: int) -> bytes:
    """Raises DeliveryNotFound."""
    named = {"book_id": book_id, "endpoint_id": endpoint_id, "delivery_id": delivery_id}
    row = (await connection.execute(_EVENT, named)).one_or_none()
    if row is None:
        raise DeliveryNotFound("delivery", delivery_id)
    return body_of(row)
