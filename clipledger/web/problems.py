"""Every error as RFC 9457 problem details.

A problem's `type` is `/problems/<code>`, stable, and its `instance` the request id to quote to an operator.
Rooms raise their own errors, which say their kind; the front door raises Problem; what the framework or the
database raises is translated here. Nothing of a fault's inside reaches the client: it is logged.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable

import msgspec
import structlog
from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from clipledger.web.database_faults import database_fault
from clipledger.web.request_log import request_id

_OURS = "The fault is ours and has been logged under this request's id."
MEDIA_TYPE = "application/problem+json"
WRONG_SHAPE = "The request does not have the shape this route expects."
_LONGEST_VALUE = 200
_STATUS_OF_KIND = {
    "invalid": 422,
    "conflict": 409,
    "not_found": 404,
    "forbidden": 403,
    "unauthenticated": 401,
}
_CODE_OF_STATUS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    429: "too-many-requests",
    500: "internal-error",
    503: "unavailable",
}

log = structlog.get_logger()


@runtime_checkable
class RoomError(Protocol):
    """What every room's errors carry (each room has its own hierarchy, at the top of its errors.py)."""

    kind: str
    code: str
    field: str | None
    value: str | None
    rule: str | None


class FieldFault(msgspec.Struct, omit_defaults=True):
    """One field of a request that breaks a rule."""

    field: str
    rule: str
    value: str | None = None


class ProblemDetails(msgspec.Struct, omit_defaults=True):
    """RFC 9457 problem details, with the offending field, its value and the rule it breaks."""

    type: str
    title: str
    status: int
    instance: str
    detail: str | None = None
    field: str | None = None
    value: str | None = None
    rule: str | None = None
    errors: list[FieldFault] | None = None


class Problem(Exception):  # noqa: N818
    """A refusal by the front door itself."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str | None = None,
        *,
        faults: list[FieldFault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = faults or []
        self.headers = dict(headers or {})

    def details(self, instance: str) -> ProblemDetails:
        """As it is sent; the first fault is repeated at the top, where one is all there is to know."""
        first = msgspec.structs.asdict(self.faults[0]) if self.faults else {}
        return ProblemDetails(
            type=f"/problems/{self.code}",
            title=self.code.replace("-", " ").capitalize(),
            status=self.status,
            instance=instance,
            detail=self.detail,
            errors=self.faults if len(self.faults) > 1 else None,
            **first,
        )


def problem_of(error: Exception, request: Request[Any, Any, Any]) -> Problem:
    """How to tell the client about an error; one that is our own fault is logged here, with its traceback."""
    problem = _translated(error, request)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", problem=problem.code, exc_info=error)
    return problem


def _translated(error: Exception, request: Request[Any, Any, Any]) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RoomError):
        return _of_room(error)
    if isinstance(error, ValidationException):
        return _of_validation(error, request)
    if isinstance(error, HTTPException):
        return _of_framework(error)
    if fault := database_fault(error):
        return Problem(fault.status, fault.code, fault.detail, headers=fault.headers)
    return Problem(500, "internal-error", _OURS)


def _of_room(error: RoomError) -> Problem:
    status = _STATUS_OF_KIND.get(error.kind, 500)
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    faults = []
    if error.field is not None:
        faults = [FieldFault(error.field, error.rule or error.code, error.value)]
    return Problem(status, error.code, str(error), faults=faults, headers=headers)


def _of_framework(error: HTTPException) -> Problem:
    status = error.status_code
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(500, "internal-error", _OURS)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() != "content-type"}
    if status == HTTPStatus.BAD_REQUEST:
        return Problem(400, "malformed-request", error.detail, headers=headers)
    return Problem(status, _CODE_OF_STATUS.get(status, "refused"), headers=headers)


def _of_validation(error: ValidationException, request: Request[Any, Any, Any]) -> Problem:
    """Parameters of the wrong type, one by one; bodies are decoded elsewhere."""
    if not isinstance(error.extra, list):
        return Problem(400, "invalid-request", error.detail)
    faults = []
    for entry in error.extra:
        name = entry.get("key", "request")
        if name not in request.path_params:  # which routing has read; Litestar lists those that no handler takes
            name = _sent_as(name, request)
            faults.append(FieldFault(name, entry["message"], shown(request.query_params.get(name))))
    return Problem(400, "invalid-request", WRONG_SHAPE, faults=faults)


def _sent_as(name: str, request: Request[Any, Any, Any]) -> str:
    """How clients name a parameter of a handler."""
    handler: BaseRouteHandler = request.scope["route_handler"]
    definition = handler.parsed_fn_signature.parameters.get(name)
    return getattr(definition and definition.kwarg_definition, "name", None) or name


def shown(value: object) -> str | None:
    """An offending value as text, cut to what is worth repeating; None for what has many parts."""
    if value is None or isinstance(value, dict | list):
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text[:_LONGEST_VALUE]


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer to an error, for programs."""
    problem = problem_of(error, request)
    body = msgspec.json.encode(problem.details(request_id(request.scope)))
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


class ProblemBoundary(ASGIMiddleware):
    """Answers for what the middlewares inside it raise, so that those outside it see the true status.

    `answer` is Litestar's exception handler, for errors of routing and of handlers, too.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, answer: Callable[[Request[Any, Any, Any], Exception], Response[Any]]) -> None:
        self._answer = answer

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass on; an error after the answer has begun can't be told to the client any more."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await next_app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            response = self._answer(Request(scope, receive, send), error)
            await response.to_asgi_response(app=None, request=Request(scope))(scope, receive, send)
