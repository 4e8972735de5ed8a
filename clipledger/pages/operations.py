"""An operation of the API, asked for by a page on behalf of who sits before it.

It runs through the whole front door: who asks, what they may do, the transaction, idempotency and the trail are the
same as for everybody who comes with curl.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request
from litestar.types import HTTPRequestEvent, HTTPScope, Message, Receive

from clipledger.web.bodies import FROM_FORM
from clipledger.web.problems import ProblemDetails
from clipledger.web.request_log import request_id

_Raw = tuple[bytes, bytes]
_HANDED_ON = frozenset({b"cookie", b"user-agent", b"host", b"accept-language"})


@dataclass
class Answer:
    """What came back, whole."""

    status: int = 0
    headers: list[_Raw] = field(default_factory=list)
    content: bytes = b""

    @property
    def good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def cookies(self) -> list[_Raw]:
        """Those it sets."""
        return [(name, value) for name, value in self.headers if name.lower() == b"set-cookie"]

    @property
    def value(self) -> Any:
        """The JSON in it; None where there is none."""
        is_json = any(name.lower() == b"content-type" and b"json" in value for name, value in self.headers)
        return msgspec.json.decode(self.content) if self.content and is_json else None

    @property
    def problem(self) -> ProblemDetails | None:
        """Why it did not."""
        return None if self.good else msgspec.json.decode(self.content, type=ProblemDetails)


async def call(
    request: Request[Any, Any, Any],
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: AsyncIterator[bytes] | None = None,
    state: Mapping[str, Any] | None = None,
) -> Answer:
    """Ask this application, within this process, as who sent `request`; `state` is known to the layers inside alone."""
    own: list[_Raw] = [
        (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in (headers or {}).items()
    ]
    address, _, given = path.partition("?")
    asked = "&".join(filter(None, (given, urlencode(query or {}))))
    scope = {
        **{name: request.scope[name] for name in ("type", "asgi", "http_version", "scheme", "client", "server")},
        "method": method,
        "path": address,
        "raw_path": quote(address).encode(),
        "root_path": "",
        "query_string": asked.encode(),
        "headers": [*_handed_on(request.scope["headers"]), *own, (b"x-request-id", request_id(request.scope).encode())],
        "state": {**(state or {})},
    }
    answer = Answer()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            answer.content += message["body"]

    await request.app(scope, _receiving(body), send)  # type: ignore[arg-type]
    return answer


def json_of(body: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """A body of JSON, to be read leniently where `from_form` says so."""
    return _once(msgspec.json.encode(body))


def from_form() -> Mapping[str, Any]:
    """State that makes the operation read `"12"` where it expects 12."""
    return {FROM_FORM: True}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _handed_on(headers: Iterable[_Raw]) -> list[_Raw]:
    return [(name, value) for name, value in headers if name in _HANDED_ON]


def _receiving(body: AsyncIterator[bytes] | None) -> Receive:
    ended = body is None

    async def receive() -> HTTPRequestEvent:
        nonlocal ended
        if body is not None and not ended:
            try:
                return {"type": "http.request", "body": await anext(body), "more_body": True}
            except StopAsyncIteration:
                ended = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def path_of(scope: HTTPScope) -> str:
    """The path and query of a request, as a link to it."""
    query = scope["query_string"].decode("latin-1")
    return quote(scope["path"]) + (f"?{query}" if query else "")


def own_path(wanted: str) -> str:
    """A path of ours, whatever a form or an address asks for."""
    plain = wanted.isprintable() and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if plain else "/"
