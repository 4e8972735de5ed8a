"""Request bodies: read whole before the transaction begins, no longer than the route allows, decoded strictly."""

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg
from litestar.types import HTTPReceiveMessage, HTTPScope, Receive
from litestar.utils import get_enum_string_value

from clipledger.web.problems import WRONG_SHAPE, FieldFault, Problem, shown

FROM_FORM = "from_form"
"""In a request's state, where a page asks on behalf of a form: a form has only text."""
DEFAULT_LIMIT = 1024 * 1024  # bytes; a route's own `request_max_body_size` replaces it
_JSON = "application/json"
_UNSPOKEN = frozenset({"password", "current_password", "new_password"})
_PLACE = re.compile(r" - at .*`\$\.?(?P<path>[^`]*)`$")
_MEMBER = re.compile(r"Object (?P<fault>missing required|contains unknown) field `(?P<name>[^`]+)`")


class StrictRequest(Request[Any, Any, Any]):
    """Decodes JSON straight into the type its handler declares.

    Litestar decodes to plain objects and converts those leniently, so that `"12"` and `1.0` pass for integers;
    in a ledger they must not. It is also half the work for a large batch.
    """

    async def json(self) -> Any:
        """The value of the type declared for `data`. Raises Problem 400, which names the field."""
        data = self.route_handler.parsed_data_field
        body = await self.body()
        try:
            strict = FROM_FORM not in self.scope["state"]
            return _decoded(body, data.annotation if data else Any, strict)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, "malformed-request", f"The body is no JSON: {error}") from error


def _decoded(body: bytes, annotation: Any, strict: bool) -> Any:
    try:
        return _decoder(annotation, strict).decode(body)
    except msgspec.ValidationError as error:
        whole = msgspec.json.decode(body)  # what breaks off after the first fault is no JSON, and says so
        raise Problem(400, "invalid-request", WRONG_SHAPE, faults=[_fault(str(error), whole)]) from error


@cache
def _decoder(annotation: Any, strict: bool) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(annotation, strict=strict)


def _fault(message: str, whole: Any) -> FieldFault:
    """What msgspec says of a value, and where: "Expected `int`, got `str` - at `$.lines[0].amount`"."""
    place = _PLACE.search(message)
    path = place["path"] if place else ""
    rule = message[: place.start()] if place else message
    if member := _MEMBER.match(rule):
        known = {"missing required": "is required", "contains unknown": "is not a field of this object"}
        return FieldFault(".".join(filter(None, (path, member["name"]))), known[member["fault"]])
    if path.rpartition(".")[2] in _UNSPOKEN:
        return FieldFault(path, rule)
    return FieldFault(path or "body", rule, shown(_value_at(path, whole)))


def _value_at(path: str, value: Any) -> object:
    """The offending value; None where the path can't be followed (msgspec doesn't name keys of mappings)."""
    try:
        for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
            value = value[int(index)] if index else value[name]
    except (KeyError, IndexError, TypeError):
        return None
    return value


async def read_body(scope: HTTPScope, receive: Receive) -> bytes:
    """The whole body. Raises Problem 413 as soon as it is known to be too long, by length or by count."""
    handler = scope["route_handler"]
    assert isinstance(handler, HTTPRouteHandler)
    limit = handler.resolve_request_max_body_size() or DEFAULT_LIMIT
    announced = dict(scope["headers"]).get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "client-disconnected", "The body did not arrive whole.")
        parts.append(message.get("body", b""))
        length += len(parts[-1])
        if length > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, for whoever comes after."""
    message: HTTPReceiveMessage = {"type": "http.request", "body": body, "more_body": False}
    pending = [message]

    async def replay() -> HTTPReceiveMessage:
        return pending.pop() if pending else await receive()  # type: ignore[return-value]

    return replay


def require_body(scope: HTTPScope, body: bytes) -> None:
    """Raises Problem 400 where a body is missing, 415 where it is not of the type that the route reads."""
    data = scope["route_handler"].parsed_data_field
    if data is None:
        return
    if not body:
        if data.is_optional or data.has_default:
            return
        raise Problem(400, "invalid-request", WRONG_SHAPE, faults=[FieldFault("body", "is required")])
    declared = data.kwarg_definition
    wanted = get_enum_string_value(declared.media_type) if isinstance(declared, BodyKwarg) else _JSON
    content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    sent = content_type.partition(";")[0].strip().lower()
    if sent != wanted and not (wanted == _JSON and sent.endswith("+json")):
        fault = FieldFault("Content-Type", f"must be {wanted}", shown(sent))
        raise Problem(415, "unsupported-media-type", faults=[fault], headers={"Accept": wanted})


def _too_large(limit: int) -> Problem:
    return Problem(413, "body-too-large", faults=[FieldFault("body", f"must have at most {limit} bytes")])
