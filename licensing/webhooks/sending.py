"""Sending: what is due is signed and sent, by any number of senders at once, until it is taken or given up.

A sender leases the deliveries that it sends, so that no transaction is open while it waits for somebody's server; one
that is killed leaves a lease that runs out. A receiver may therefore get the same event twice, always under the same
`webhook-id`. An endpoint has PER_ENDPOINT requests at a time, so that a slow one keeps nobody else's events waiting.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import httpx
import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from standardwebhooks.webhooks import Webhook

from licensing.errors import InvalidEndpoint
from licensing.states import By
from licensing.webhooks.addresses import Target, target_of
from licensing.webhooks.endpoints import disable_endpoint

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600))
"""Between attempts; after the last of them a delivery has failed, some 28 hours after its event."""
JITTER = 0.2
"""By how much of itself a delay may be longer, so that what failed together is not tried together."""
TIMEOUT_S = 10.0
"""For one attempt, from looking up the name to the end of the answer."""
CONNECTING_S = 3.0
"""To one of a host's addresses, so that there is time for another."""
LEASE = timedelta(seconds=60)
PER_ENDPOINT = 4
ENDPOINTS_AT_A_TIME = 16
LONGEST_ANSWER = 2000
SENDER = By("system", "job:send_webhooks")
_GONE = 410


@dataclass(frozen=True)
class _Outcome:
    """What came of an attempt: the status of HTTP, None without an answer, and the answer or what went wrong."""

    status: int | None
    answer: str
    took_ms: int

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


async def send_due(engine: AsyncEngine, *, allow_private: bool = False) -> int:
    """Send all that is due; returns how many attempts were made.

    `allow_private`: also to addresses that are not public, and by http, as tests and demonstrations need it.
    """
    async with engine.begin() as connection:
        await connection.execute(_GIVE_UP_DISABLED)
        due = (await connection.execute(_ENDPOINTS)).all()
    turns = asyncio.Semaphore(ENDPOINTS_AT_A_TIME)
    async with _client() as client:
        sender = _Sender(engine, client, turns, allow_private)
        async with asyncio.TaskGroup() as group:
            sent = [group.create_task(sender.send_to(row.book_id, row.endpoint_id)) for row in due]
    return sum(each.result() for each in sent)


def _client() -> httpx.AsyncClient:
    """No proxy, which would look up names itself; no connection kept, for those to one address may be of two names."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(
        limits=limits, timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECTING_S), follow_redirects=False, trust_env=False
    )


@dataclass(frozen=True)
class _Sender:
    """One run."""

    engine: AsyncEngine
    client: httpx.AsyncClient
    turns: asyncio.Semaphore
    allow_private: bool

    async def send_to(self, book_id: int, endpoint_id: int) -> int:
        """Turn after turn, until nothing is due or a whole turn was in vain: then others go first."""
        count = 0
        while True:
            async with self.turns:
                leased = await self._lease(book_id, endpoint_id)
                async with asyncio.TaskGroup() as group:
                    sent = [group.create_task(self._deliver(row)) for row in leased]
            count += len(sent)
            if not any(each.result() for each in sent):
                return count

    async def _lease(self, book_id: int, endpoint_id: int) -> Sequence[Row[Any]]:
        chosen = {"book_id": book_id, "endpoint_id": endpoint_id, "most": PER_ENDPOINT, "lease": LEASE}
        async with self.engine.begin() as connection:
            return (await connection.execute(_LEASE, chosen)).all()

    async def _deliver(self, row: Row[Any]) -> bool:
        outcome = await attempt(self.client, row, allow_private=self.allow_private)
        async with self.engine.begin() as connection:
            await _settle(connection, row, outcome)
        if outcome.status == _GONE:  # after the delivery's lock is gone, for others of the endpoint may say so as well
            async with self.engine.begin() as connection:
                await disable_endpoint(connection, row.book_id, row.endpoint_id, SENDER)
        return outcome.taken


# One attempt ------------------------------------------------------------------------------------------------


async def attempt(client: httpx.AsyncClient, row: Row[Any], *, allow_private: bool) -> _Outcome:
    """Sign and send; whatever goes wrong is an outcome."""
    began = time.monotonic()
    status: int | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            target = await target_of(row.url, allow_private=allow_private)
            status, answer = await _post(client, target, body := body_of(row), _headers(row, body))
    except InvalidEndpoint as error:
        answer = str(error)
    except TimeoutError:
        answer = f"no answer within {TIMEOUT_S:.0f} s"
    except (httpx.HTTPError, OSError, ValueError) as error:
        answer = f"{type(error).__name__}: {error}"
    return _Outcome(status, answer.replace("\0", "\ufffd")[:LONGEST_ANSWER], round((time.monotonic() - began) * 1000))


def body_of(row: Row[Any]) -> bytes:
    """The event as receivers get it, the same bytes at every attempt."""
    names = ("event_id", "subject", "subject_id", "state", "was", "side", "actor", "clipper_id", "detail")
    data = {name: row._mapping[name] for name in names}
    return msgspec.json.encode({"type": row.type, "timestamp": row.at, "data": data})


def _headers(row: Row[Any], body: bytes) -> dict[str, str]:
    message, now = f"msg_{row.delivery_id}", datetime.now(UTC)
    former = row.former_secret if row.former_until and row.former_until > now else None
    signed = [Webhook(secret).sign(message, now, body.decode()) for secret in (row.secret, former) if secret]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signed),
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": "Clipledger-Webhooks/1",
    }


async def _post(client: httpx.AsyncClient, target: Target, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """To the first of the checked addresses that can be connected to, as the host that the URL names."""
    named = {**headers, "host": target.url.netloc.decode("ascii")}
    server_name = {"sni_hostname": target.url.raw_host.decode("ascii")}
    for position, address in enumerate(target.addresses, 1):
        url = target.url.copy_with(host=address)
        try:
            async with client.stream("POST", url, content=body, headers=named, extensions=server_name) as response:
                return response.status_code, await _beginning(response)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if position == len(target.addresses):
                raise
    raise OSError("its host has no address")


async def _beginning(response: httpx.Response) -> str:
    """Of the answer, whatever its length: the rest is not read."""
    held = b""
    async for piece in response.aiter_raw():
        held += piece
        if len(held) >= 4 * LONGEST_ANSWER:  # a character has up to four bytes
            break
    return held.decode("utf-8", "replace")


async def _settle(connection: AsyncConnection, row: Row[Any], outcome: _Outcome) -> None:
    """Log the attempt and say what comes next; a delivery whose lease was lost is another sender's to settle."""
    key = {"book_id": row.book_id, "delivery_id": row.delivery_id}
    if await connection.scalar(_STILL_OURS, {**key, "leased_until": row.leased_until}) is None:
        return
    log = {"took_ms": outcome.took_ms, "status": outcome.status, "answer": outcome.answer}
    await connection.execute(_LOG, {**key, **log})
    again = None
    if row.attempts < len(DELAYS):
        again = DELAYS[row.attempts] * random.uniform(1, 1 + JITTER)  # noqa: S311 - spreads load, keeps no secret
    state = "delivered" if outcome.taken else "failed" if again is None else "waiting"
    await connection.execute(_SETTLE, {**key, "state": state, "again": again or timedelta()})


# SQL --------------------------------------------------------------------------------------------------------

# Events that were told while an endpoint was being disabled. Two that do this must not wait for each other.
_GIVE_UP_DISABLED = text("""
    WITH left_over AS (
        SELECT delivery.book_id, delivery_id
        FROM licensing.webhook_deliveries AS delivery JOIN licensing.webhook_endpoints USING (book_id, endpoint_id)
        WHERE state = 'waiting' AND disabled_at IS NOT NULL
        FOR UPDATE OF delivery SKIP LOCKED
    )
    UPDATE licensing.webhook_deliveries AS delivery SET state = 'failed', leased_until = NULL
    FROM left_over
    WHERE (delivery.book_id, delivery.delivery_id) = (left_over.book_id, left_over.delivery_id)
""")
UNSENT: LiteralString = """
    licensing.webhook_deliveries
    WHERE state = 'waiting' AND due_at <= now() AND coalesce(leased_until, now()) <= now()
"""
"""Deliveries that are due, as a FROM clause."""

_ENDPOINTS = text(f"SELECT DISTINCT book_id, endpoint_id FROM {UNSENT}")  # noqa: S608 - of constants
_LEASE = text(f"""
    WITH due AS (
        SELECT book_id, delivery_id FROM {UNSENT} AND book_id = :book_id AND endpoint_id = :endpoint_id
        ORDER BY due_at, delivery_id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE licensing.webhook_deliveries AS delivery SET leased_until = now() + CAST(:lease AS interval)
    FROM due, licensing.webhook_endpoints AS endpoint, licensing.events AS event
    WHERE (delivery.book_id, delivery.delivery_id) = (due.book_id, due.delivery_id)
      AND (endpoint.book_id, endpoint.endpoint_id) = (delivery.book_id, delivery.endpoint_id)
      AND (event.book_id, event.event_id) = (delivery.book_id, delivery.event_id)
    RETURNING delivery.book_id, delivery.delivery_id, delivery.endpoint_id, delivery.attempts, delivery.leased_until,
        endpoint.url, endpoint.secret, endpoint.former_secret, endpoint.former_until,
        event.event_id, event.type, event.at, event.subject, event.subject_id, event.state, event.was,
        event.side, event.actor, event.clipper_id, event.detail
""")  # noqa: S608 - of constants
_STILL_OURS = text("""
    SELECT delivery_id FROM licensing.webhook_deliveries
    WHERE book_id = :book_id AND delivery_id = :delivery_id AND leased_until = :leased_until
    FOR UPDATE
""")
_LOG = text("""
    INSERT INTO licensing.webhook_attempts (book_id, delivery_id, attempt_no, took_ms, status, answer)
    SELECT :book_id, :delivery_id, count(*) + 1, :took_ms, :status, :answer
    FROM licensing.webhook_attempts WHERE book_id = :book_id AND delivery_id = :delivery_id
""")
_SETTLE = text("""
    UPDATE licensing.webhook_deliveries
    SET state = :state, attempts = attempts + 1, leased_until = NULL,
        due_at = CASE WHEN :state = 'waiting' THEN now() + CAST(:again AS interval) ELSE due_at END,
        delivered_at = CASE WHEN :state = 'delivered' THEN now() END
    WHERE book_id = :book_id AND delivery_id = :delivery_id
""")
