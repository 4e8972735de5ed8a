"""Webhooks as they arrive: at a real server, which checks their signatures with the library of Standard Webhooks."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from licensing.events import Change, record
from licensing.states import By
from licensing.webhooks import addresses, deliveries, endpoints, sending
from licensing.webhooks.deliveries import Delivery, DeliveryLog
from licensing.webhooks.endpoints import NewSecret
from licensing.webhooks.sending import DELAYS, send_due
from tests.licensing.house import Host, NewHost, events_of

BY = By("host", "user:1")


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def event(self, secret: str) -> Any:
        """What it tells, its signature checked."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Somebody's server: what it got, and what it answers next."""

    port: int = 0
    path: str = field(default_factory=lambda: f"/{uuid4().hex}")
    got: list[Got] = field(default_factory=list)
    status: str = "200 OK"
    more: str = ""
    answer: bytes = b"thanks"
    slow: asyncio.Event | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    async def has(self, count: int) -> None:
        """Wait until so many requests have come."""
        while len(self.got) < count:
            self.came.clear()
            await self.came.wait()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        if self.path in first:  # else it is from a test before, which had this port
            await self._take(Got(first.split()[1], headers, body))
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.answer)}\r\n{self.more}\r\n"
        writer.write(head.encode() + self.answer)
        writer.close()

    async def _take(self, request: Got) -> None:
        self.got.append(request)
        self.came.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.slow:
            await self.slow.wait()
        self.at_once -= 1


NewEndpoint = Callable[..., Awaitable[NewSecret]]
Tell = Callable[..., Awaitable[None]]
Read = Callable[..., Awaitable[list[Delivery]]]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.take, "127.0.0.1")
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


@pytest.fixture
def new_endpoint(app_engine: AsyncEngine, host: Host, receiver: Receiver) -> NewEndpoint:
    async def made(url: str | None = None, types: Sequence[str] = ()) -> NewSecret:
        async with app_engine.begin() as connection:
            url = url or receiver.url
            return await endpoints.add_endpoint(connection, host.book_id, BY, url, types=types, allow_private=True)

    return made


@pytest.fixture
def tell(app_engine: AsyncEngine, host: Host) -> Tell:
    async def told(*actions: str) -> None:
        async with app_engine.begin() as connection:
            changes = [Change(each, 41, each, "active", 7, {"reason": "切片 <&>"}) for each in actions]
            await record(connection, host.book_id, "grant", BY, changes)

    return told


@pytest.fixture
def read(app_engine: AsyncEngine, host: Host) -> Read:
    async def found(endpoint: NewSecret) -> list[Delivery]:
        async with app_engine.connect() as connection:
            return await deliveries.list_deliveries(connection, host.book_id, endpoint.endpoint_id)

    return found


async def _log(engine: AsyncEngine, host: Host, endpoint: NewSecret, delivery: Delivery) -> DeliveryLog:
    async with engine.connect() as connection:
        return await deliveries.delivery_log(connection, host.book_id, endpoint.endpoint_id, delivery.delivery_id)


async def _due_now(engine: AsyncEngine, host: Host) -> None:
    """Time passes: what waits for its next attempt has waited enough."""
    change = "UPDATE licensing.webhook_deliveries SET due_at = now() WHERE book_id = :book AND state = 'waiting'"
    async with engine.begin() as connection:
        await connection.execute(text(change), {"book": host.book_id})


async def _send(engine: AsyncEngine) -> None:
    await send_due(engine, allow_private=True)


async def test_an_event_arrives_signed_and_tells_what_happened(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    endpoint = await new_endpoint()
    await tell("revoked")
    await _send(app_engine)

    (got,) = receiver.got
    event = got.event(endpoint.secret)
    assert event["type"] == "grant.revoked"
    assert {name: event["data"][name] for name in ("subject", "subject_id", "state", "was", "clipper_id")} == {
        "subject": "grant",
        "subject_id": 41,
        "state": "revoked",
        "was": "active",
        "clipper_id": 7,
    }
    assert event["data"]["detail"] == {"reason": "切片 <&>"}
    assert (got.path, got.headers["host"]) == (receiver.path, f"127.0.0.1:{receiver.port}")
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(got.body.replace(b"revoked", b"resumed"), got.headers)
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts, delivery.type) == ("delivered", 1, "grant.revoked")
    assert delivery.delivered_at is not None
    log = await _log(app_engine, host, endpoint, delivery)
    assert [(each.attempt_no, each.status, each.answer) for each in log.attempts] == [(1, 200, "thanks")]
    await _send(app_engine)
    assert len(receiver.got) == 1, "what was taken is not sent again"


async def test_what_was_refused_is_sent_again_later_under_the_same_id(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    endpoint = await new_endpoint()
    await tell("revoked")
    receiver.status, receiver.answer = "503 Service Unavailable", "忙\0".encode() * 3000
    await _send(app_engine)
    await _send(app_engine)
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts, len(receiver.got)) == ("waiting", 1, 1)
    receiver.status, receiver.answer = "204 No Content", b""
    await _due_now(app_engine, host)
    await _send(app_engine)

    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.event(endpoint.secret)["type"] == "grant.revoked"
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts) == ("delivered", 2)
    refused, taken = (await _log(app_engine, host, endpoint, delivery)).attempts
    assert (refused.status, len(refused.answer), refused.answer[:2]) == (503, 2000, "忙\ufffd")
    assert (taken.status, taken.answer) == (204, "")


async def test_after_the_last_attempt_it_has_failed_and_can_be_replayed(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    endpoint = await new_endpoint()
    await tell("revoked")
    receiver.status = "500 Oh"
    for number, delay in enumerate(DELAYS, 1):
        await _send(app_engine)
        (delivery,) = await read(endpoint)
        log = await _log(app_engine, host, endpoint, delivery)
        assert (delivery.state, delivery.attempts) == ("waiting", number)
        waits = delivery.due_at - log.attempts[-1].at
        assert delay - timedelta(seconds=1) < waits < delay * (1 + sending.JITTER) + timedelta(seconds=1)
        await _due_now(app_engine, host)
    await _send(app_engine)
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts) == ("failed", len(DELAYS) + 1)

    receiver.status = "200 OK"
    async with app_engine.begin() as connection:
        again = await deliveries.replay(connection, host.book_id, endpoint.endpoint_id, delivery.delivery_id)
    assert (again.state, again.attempts) == ("waiting", 0)
    await _send(app_engine)
    (delivery,) = await read(endpoint)
    assert delivery.state == "delivered"
    assert len((await _log(app_engine, host, endpoint, delivery)).attempts) == len(DELAYS) + 2
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


async def test_an_endpoint_that_is_gone_is_disabled(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    gone = await new_endpoint(types=["grant.revoked"])
    await tell(*["revoked"] * 6)
    receiver.status = "410 Gone"
    await _send(app_engine)
    assert len(receiver.got) == sending.PER_ENDPOINT
    assert {each.state for each in await read(gone)} == {"failed"}
    async with app_engine.connect() as connection:
        assert (await endpoints.find_endpoint(connection, host.book_id, gone.endpoint_id)).disabled_at is not None
    assert (await events_of(app_engine, host.book_id)).count("webhook.disabled") == 1


async def test_no_redirect_is_followed(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    endpoint = await new_endpoint()
    await tell("revoked")
    receiver.status, receiver.more = "302 Found", f"Location: {receiver.url}/elsewhere\r\n"
    await _send(app_engine)
    assert [got.path for got in receiver.got] == [receiver.path]
    (delivery,) = await read(endpoint)
    assert (await _log(app_engine, host, endpoint, delivery)).attempts[0].status == 302


async def test_a_server_that_does_not_answer_is_given_up_in_time(
    app_engine: AsyncEngine,
    host: Host,
    receiver: Receiver,
    new_endpoint: NewEndpoint,
    tell: Tell,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.2)
    receiver.slow = asyncio.Event()
    silent, closed = await new_endpoint(), await new_endpoint("http://127.0.0.1:1/")
    await tell("revoked")
    await _send(app_engine)
    receiver.slow.set()
    said = []
    for endpoint in (silent, closed):
        (delivery,) = await read(endpoint)
        (attempt,) = (await _log(app_engine, host, endpoint, delivery)).attempts
        assert (delivery.state, attempt.status) == ("waiting", None)
        said.append(attempt.answer)
    assert said[0].startswith("no answer within")
    assert said[1].startswith("ConnectError")


async def test_both_secrets_hold_while_one_follows_the_other(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell
) -> None:
    before = await new_endpoint()
    async with app_engine.begin() as connection:
        after = await endpoints.rotate_secret(connection, host.book_id, before.endpoint_id)
    await tell("revoked")
    await _send(app_engine)
    assert receiver.got[0].event(before.secret) == receiver.got[0].event(after.secret)
    async with app_engine.begin() as connection:
        ended = "UPDATE licensing.webhook_endpoints SET former_until = now() WHERE endpoint_id = :endpoint"
        await connection.execute(text(ended), {"endpoint": before.endpoint_id})
    await tell("resumed")
    await _send(app_engine)
    assert receiver.got[1].event(after.secret)["type"] == "grant.resumed"
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].event(before.secret)


# Many senders -----------------------------------------------------------------------------------------------


async def test_senders_share_what_is_due_and_each_event_is_sent_once(
    app_engine: AsyncEngine, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    endpoint = await new_endpoint()
    await tell(*["suspended", "resumed"] * 15)
    await asyncio.gather(*(_send(app_engine) for _ in range(3)))
    assert len(receiver.got) == 30
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 30
    assert {each.state for each in await read(endpoint)} == {"delivered"}


async def test_a_slow_endpoint_has_few_requests_at_a_time_and_keeps_no_other_waiting(
    app_engine: AsyncEngine,
    new_host: NewHost,
    host: Host,
    receiver: Receiver,
    new_endpoint: NewEndpoint,
    tell: Tell,
) -> None:
    receiver.slow = asyncio.Event()
    slow, quick = await new_endpoint(), Receiver()
    async with await asyncio.start_server(quick.take, "127.0.0.1") as server:
        quick.port = server.sockets[0].getsockname()[1]
        other = await new_endpoint(quick.url)
        await tell(*["suspended"] * 10)
        sent = asyncio.create_task(_send(app_engine))
        await quick.has(10)
        assert quick.got[0].event(other.secret)["type"] == "grant.suspended"
        assert (len(receiver.got), receiver.most_at_once) == (sending.PER_ENDPOINT, sending.PER_ENDPOINT)
        receiver.slow.set()
        await sent
    assert len(receiver.got) == 10
    assert receiver.got[9].event(slow.secret)


async def test_no_transaction_is_open_while_it_waits_for_an_answer(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell
) -> None:
    receiver.slow = asyncio.Event()
    await new_endpoint()
    await tell("revoked")
    sent = asyncio.create_task(_send(app_engine))
    await receiver.has(1)
    held = "SELECT delivery_id FROM licensing.webhook_deliveries WHERE book_id = :book FOR UPDATE NOWAIT"
    async with app_engine.begin() as connection:
        assert len((await connection.execute(text(held), {"book": host.book_id})).all()) == 1
    receiver.slow.set()
    await sent


async def test_the_lease_of_a_killed_sender_runs_out(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    receiver.slow = asyncio.Event()
    endpoint = await new_endpoint()
    await tell("revoked")
    killed = asyncio.create_task(_send(app_engine))
    await receiver.has(1)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    receiver.slow.set()
    await _send(app_engine)
    assert len(receiver.got) == 1, "it is still leased"

    over = "UPDATE licensing.webhook_deliveries SET leased_until = now() WHERE book_id = :book"
    async with app_engine.begin() as connection:
        await connection.execute(text(over), {"book": host.book_id})
    await _send(app_engine)
    first, second = receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


async def test_a_sender_whose_lease_was_taken_over_settles_nothing(
    app_engine: AsyncEngine, host: Host, receiver: Receiver, new_endpoint: NewEndpoint, tell: Tell, read: Read
) -> None:
    receiver.slow = asyncio.Event()
    endpoint = await new_endpoint()
    await tell("revoked")
    slow = asyncio.create_task(_send(app_engine))
    await receiver.has(1)
    taken = "UPDATE licensing.webhook_deliveries SET leased_until = now() + interval '1 hour' WHERE book_id = :book"
    async with app_engine.begin() as connection:
        await connection.execute(text(taken), {"book": host.book_id})
    receiver.slow.set()
    await slow
    (delivery,) = await read(endpoint)
    assert (delivery.state, delivery.attempts) == ("waiting", 0)


# Where it goes ----------------------------------------------------------------------------------------------


async def test_an_address_that_became_private_is_not_sent_to(
    app_engine: AsyncEngine,
    host: Host,
    receiver: Receiver,
    tell: Tell,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_at = ["1.1.1.1"]

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return tuple(now_at)

    monkeypatch.setattr(addresses, "resolve", resolve)
    async with app_engine.begin() as connection:
        url = f"https://hooks.example.com:{receiver.port}/"
        endpoint = await endpoints.add_endpoint(connection, host.book_id, BY, url)
    now_at[:] = ["127.0.0.1"]
    await tell("revoked")
    await send_due(app_engine)
    (delivery,) = await read(endpoint)
    (attempt,) = (await _log(app_engine, host, endpoint, delivery)).attempts
    assert (receiver.got, attempt.status) == ([], None)
    assert "which is not public" in attempt.answer


async def test_it_connects_to_the_address_that_was_checked_and_asks_for_the_host_by_name(
    app_engine: AsyncEngine,
    host: Host,
    receiver: Receiver,
    new_endpoint: NewEndpoint,
    tell: Tell,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ("127.0.0.2", "127.0.0.1")  # nobody listens at the first

    monkeypatch.setattr(addresses, "resolve", resolve)
    endpoint = await new_endpoint(f"http://hooks.example.com:{receiver.port}{receiver.path}?b=c")
    await tell("revoked")
    await _send(app_engine)
    assert (receiver.got[0].path, receiver.got[0].headers["host"]) == (
        f"{receiver.path}?b=c",
        f"hooks.example.com:{receiver.port}",
    )
    assert json.loads(receiver.got[0].body) == receiver.got[0].event(endpoint.secret)


async def test_by_https_the_name_is_asked_for_and_the_certificate_must_be_its(
    app_engine: AsyncEngine,
    host: Host,
    receiver: Receiver,
    new_endpoint: NewEndpoint,
    tell: Tell,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ("127.0.0.1",)

    monkeypatch.setattr(addresses, "resolve", resolve)
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # with no certificate at all
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with await asyncio.start_server(receiver.take, "127.0.0.1", ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        endpoint = await new_endpoint(f"https://hooks.example.com:{port}/")
        await tell("revoked")
        await _send(app_engine)
    assert (asked, receiver.got) == (["hooks.example.com"], [])
    (delivery,) = await read(endpoint)
    assert (await _log(app_engine, host, endpoint, delivery)).attempts[0].answer.startswith("ConnectError")
