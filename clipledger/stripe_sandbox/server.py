"""The sandbox over HTTP: an ASGI application, which delivers webhooks by itself while it runs."""

import asyncio
import html
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from clipledger.stripe_sandbox.answering import SERVER, Response
from clipledger.stripe_sandbox.control import control
from clipledger.stripe_sandbox.journal import Journal
from clipledger.stripe_sandbox.onboarding import finish
from clipledger.stripe_sandbox.outbox import Post
from clipledger.stripe_sandbox.sandbox import ConnectionFault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PULSE = 0.1
"""Seconds between looks for webhooks to deliver."""
_LARGEST = 1_000_000
"""Bytes of a request's body."""
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not Stripe</title>
<body style="font-family:sans-serif;max-width:40em;margin:3em auto">
<h1>This is not Stripe</h1><p>It is Clipledger's local Stripe sandbox: it answers like Stripe's API where payouts need
it, and moves no money.</p><p>State: <a href="/_sandbox/">/_sandbox/</a></p></body></html>"""
_ONBOARDING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not Stripe: onboarding</title>
<body style="font-family:sans-serif;max-width:40em;margin:3em auto">
<h1>This is not Stripe</h1><p>Here account {account} would tell Stripe who it is and where its bank is.</p>
<form method="post"><button>Finish onboarding</button></form></body></html>"""


class Application:
    """`latency`: seconds that each API call takes; `hold`: seconds for which a timed-out one is held open."""

    def __init__(self, journal: Journal, *, latency: float = 0, hold: float = 120) -> None:
        self.journal = journal
        self.sandbox = journal.sandbox
        self.latency = latency
        self.hold = hold
        self._pump: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._pump = asyncio.create_task(self._deliver_always())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._pump:
                    self._pump.cancel()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _deliver_always(self) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                await self._deliver(poster(client))
                await asyncio.sleep(PULSE)

    async def _deliver(self, post: Post) -> None:
        self.sandbox.tick()
        for delivery in self.sandbox.outbox.due():
            status = await post(*self.sandbox.outbox.message(delivery))
            if delivery.number in self.sandbox.outbox.waiting:  # its endpoint is still there
                with self.journal.entry(sent=(delivery.number, status)):
                    self.sandbox.tick()
                    self.sandbox.outbox.sent(delivery, status)

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            response = Response(413, {"Content-Type": "text/plain"}, b"Too large.\n")
        else:
            try:
                response = await self._answer(scope, body)
            except ConnectionFault as fault:
                await self._fail(fault, send)
                return
        headers = {**response.headers, "Server": SERVER, "Content-Length": str(len(response.body))}
        encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Message, body: bytes) -> Response:
        method, path = scope["method"], scope["path"]
        if path == "/" and method == "GET":
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE.encode())
        if path.startswith("/_sandbox/onboarding/"):
            return self._onboarding(method, path.rpartition("/")[2])
        if path.startswith("/_sandbox"):
            with self.journal.entry(control=(method, path, body)):
                return control(self.sandbox, method, path, body)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        whole = f"{path}?{query}" if query else path
        if self.latency and not await self._executes(headers):
            return self.sandbox.handle(method, whole, headers, body)  # a conflict, which leaves nothing to keep
        with self.journal.entry(call=(method, whole, headers, body)):
            return self.sandbox.handle(method, whole, headers, body)

    async def _executes(self, headers: dict[str, str]) -> bool:
        """Take as long as a call takes; not if its key is in use, which is refused at once."""
        release = self.sandbox.claim(headers)
        if release is None:
            return False
        try:
            await asyncio.sleep(self.latency)
        finally:
            release()
        return True

    def _onboarding(self, method: str, token: str) -> Response:
        """The page of an account link. It works once, for five minutes; after that it leads to `refresh_url`."""
        self.sandbox.tick()
        link = self.sandbox.state.links.get(token)
        if link is None:
            return Response(404, {"Content-Type": "text/plain"}, b"No such link.\n")
        if link["expires_at"] <= self.sandbox.now:
            return _redirect(link["refresh_url"])
        if method == "GET":
            page = _ONBOARDING.format(account=html.escape(link["account"]))
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode())
        with self.journal.entry(onboarded=token):
            self.sandbox.tick()
            finish(self.sandbox.state, token)
        return _redirect(link["return_url"])

    async def _fail(self, fault: ConnectionFault, send: Send) -> None:
        """Leave a request without an answer: held open, or cut off within the answer's first bytes."""
        if fault.how == "timeout":
            await asyncio.sleep(self.hold)
        headers = [(b"content-length", b"1000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{"})


def poster(client: httpx.AsyncClient) -> Post:
    """Sends webhooks by `client`."""

    async def post(url: str, headers: dict[str, str], body: bytes) -> int:
        try:
            return (await client.post(url, headers=headers, content=body)).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0

    return post


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _redirect(url: str | None) -> Response:
    if not url:
        return Response(200, {"Content-Type": "text/plain"}, b"Done. (No return_url was given.)\n")
    return Response(303, {"Location": url}, b"")
