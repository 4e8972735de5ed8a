"""One transaction for each request, committed before the first byte of the answer is sent.

A client that has read 201 may rely on it. The answer of an unsafe method is held back until COMMIT has
succeeded; if it fails, the held answer is thrown away and the client gets the error. An answer of 400 and
above rolls back: an error has changed nothing. A safe method reads one snapshot in a READ ONLY transaction
and may stream. A route that streams its body (`streams_body`) reads it before its transaction begins, so that none
is open while bytes trickle in. Do not start background work from a handler's response: it would run before the commit.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access.audit import Event, record
from clipledger.web import idempotency
from clipledger.web.bodies import read_body, replayed, require_body
from clipledger.web.gate import SAFE_METHODS
from clipledger.web.idempotency import Answer, KeyedCall
from clipledger.web.request_log import client_ip, request_id
from clipledger.web.requirements import requirement_of


@dataclass
class UnitOfWork:
    """What a handler may ask of its request's transaction.

    `actor` is who the audit trail names; logging in sets it. `detail` is what the trail shall tell beyond
    action and subject. `refusals` are recorded although the answer is an error and everything else is
    rolled back.
    """

    engine: AsyncEngine
    actor: str
    request_id: str
    ip: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)
    refusals: list[Event] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _connection: AsyncConnection | None = None

    async def connection(self) -> AsyncConnection:
        """The connection of this request; its transaction begins with the first statement."""
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self.engine.connect())
        return self._connection

    async def close(self) -> None:
        """Roll back what is not committed, and give the connection back."""
        await self._stack.aclose()

    def refuse(self, action: str, subject: str) -> None:
        """Record a refusal worth keeping, such as a failed login."""
        self.refusals.append(self.event(action, subject))

    def event(
        self, action: str, subject: str, book_id: int | None = None, detail: Mapping[str, Any] | None = None
    ) -> Event:
        """An event of this request, for the audit trail."""
        return Event(self.actor, action, subject, book_id, detail or {}, self.request_id, self.ip)


class TransactionPerRequest(ASGIMiddleware):
    """Puts a unit of work into `scope["state"]["unit"]`, and ends it before the answer leaves."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, engine: AsyncEngine) -> None:
        self._writing = engine
        self._reading = engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Whatever is raised on the way rolls back, and is raised on."""
        assert scope["type"] == ScopeType.HTTP
        if scope["route_handler"].opt.get("form"):  # what it hands on has a transaction
            await next_app(scope, receive, send)
            return
        safe = scope["method"] in SAFE_METHODS
        principal = scope.get("user")
        actor = principal.actor if principal else "anonymous"
        engine = self._reading if safe else self._writing
        unit = UnitOfWork(engine, actor, request_id(scope), client_ip(scope))
        scope["state"]["unit"] = unit
        try:
            if safe:
                await next_app(scope, receive, send)
                return
            answer = await _write(unit, scope, receive, next_app)
        finally:
            await unit.close()
        await _send(answer, send)


async def _write(unit: UnitOfWork, scope: HTTPScope, receive: Receive, next_app: ASGIApp) -> Answer:
    """The answer of an unsafe method, true by the time it is returned."""
    requirement = requirement_of(scope["route_handler"])
    if requirement.streams_body:
        return await _ended(unit, scope, None, await _answer(scope, receive, next_app))
    body = await read_body(scope, receive)
    require_body(scope, body)
    call = None
    if scope["method"] == "POST" and requirement.needs_key:
        call = idempotency.keyed_call(scope, unit.actor, body)
    connection = await unit.connection()
    if call and (kept := await idempotency.claim(connection, call)):
        return kept
    return await _ended(unit, scope, call, await _answer(scope, replayed(body, receive), next_app))


async def _answer(scope: HTTPScope, receive: Receive, next_app: ASGIApp) -> Answer:
    """What the handler says, held back."""
    held: list[Message] = []

    async def hold(message: Message) -> None:
        held.append(message)

    await next_app(scope, receive, hold)
    return _answer_of(held)


async def _ended(unit: UnitOfWork, scope: HTTPScope, call: KeyedCall | None, answer: Answer) -> Answer:
    """The same answer, after the transaction was ended as it says."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        await _commit(unit, scope, call, answer)
    else:
        await _roll_back(unit)
    return answer


async def _commit(unit: UnitOfWork, scope: HTTPScope, call: KeyedCall | None, answer: Answer) -> None:
    connection = await unit.connection()
    opt = scope["route_handler"].opt
    if call and answer.status < HTTPStatus.MULTIPLE_CHOICES:
        await idempotency.keep(connection, call, answer, opt.get("shown_once"))
    detail = {**unit.detail, "status": answer.status, **({"idempotency_key": call.key} if call else {})}
    action = opt.get("action", f"{scope['method']} {scope['path_template']}")
    subject = dict(answer.headers).get("location", scope["path"])
    await record(connection, unit.event(action, subject, scope["state"].get("book_id"), detail))
    await connection.commit()


async def _roll_back(unit: UnitOfWork) -> None:
    connection = await unit.connection()
    await connection.rollback()
    for event in unit.refusals:
        await record(connection, event)
    await connection.commit()


def _answer_of(messages: list[Message]) -> Answer:
    start, *rest = messages
    assert start["type"] == "http.response.start"
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"]]
    parts = [message["body"] for message in rest if message["type"] == "http.response.body"]
    return Answer(start["status"], headers, b"".join(parts))


async def _send(answer: Answer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if "content-length" not in dict(answer.headers) and answer.status != HTTPStatus.NO_CONTENT:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
