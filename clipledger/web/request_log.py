"""The outermost layer: a request's id, its line in the log, and the security headers.

It wraps the whole application, so that what is refused before any route is found (404, 405) has all of them
too.
"""

import re
import time
from collections.abc import Iterable
from ipaddress import ip_address
from uuid import uuid4

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# An API answers with data, never with something to run or to frame; a page says what it needs.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_SECURITY_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}

RawHeader = tuple[bytes, bytes]

log = structlog.get_logger()


def request_id(scope: Scope) -> str:
    """The id of this request: the client's own if it sent a sane X-Request-Id, else made here."""
    return str(scope["state"]["request_id"])


class RequestLog:
    """Wraps the application's ASGI handler. `https` says how browsers reach the service."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        headers = {**_SECURITY_HEADERS, **(_HSTS if https else {})}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and write its one line when it is over."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        identifier = _accepted_id(scope) or uuid4().hex
        scope["state"] = {**scope["state"], "request_id": identifier}
        begun, status = time.perf_counter(), 0

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._completed(message["headers"], identifier)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identifier, method=scope["method"], path=scope["path"]):
            try:
                await self._app(scope, receive, finish)
            except Exception:
                log.exception("answer broken off")
                raise
            finally:
                milliseconds = round((time.perf_counter() - begun) * 1000, 1)
                log.info("request", status=status, ms=milliseconds, ip=client_ip(scope), **_actor(scope))

    def _completed(self, headers: Iterable[RawHeader], identifier: str) -> list[RawHeader]:
        given = list(headers)
        names = {name.lower() for name, _ in given}
        missing = [header for header in self._headers if header[0] not in names]
        return [*given, *missing, (b"x-request-id", identifier.encode())]


def client_ip(scope: Scope) -> str | None:
    """The address of whoever is connected; behind a proxy, the proxy's, unless the server trusts it."""
    client = scope.get("client")
    try:
        return str(ip_address(client[0])) if client else None
    except ValueError:  # a Unix socket, or a test
        return None


def _accepted_id(scope: Scope) -> str | None:
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    return sent if _SANE_ID.fullmatch(sent) else None


def _actor(scope: Scope) -> dict[str, str]:
    principal = scope.get("user")
    return {"actor": principal.actor} if principal else {}
