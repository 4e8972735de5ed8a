"""How a page is routed: a GET that reads in one snapshot, and a POST that takes the page's forms.

    @page("/books/{book:str}/offers", space="host", scope="licences:read")
    async def offers(view: NamedDependency[View], …) -> Response[str]: …

A form goes to the page it stands on. What it asks for is an operation of the API, done there with everything that holds
for everybody (`clipledger.pages.operations`). A refusal shows the page again, with what was typed and what is wrong.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from http import HTTPStatus
from http.cookies import SimpleCookie
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl

from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie, UploadFile
from litestar.di import NamedDependency, Provide
from litestar.enums import RequestEncodingType
from litestar.response import Redirect

from clipledger.pages.forms import MalformedForm, Sent, read_form
from clipledger.pages.navigation import Space
from clipledger.pages.operations import Answer, call, from_form, json_of, own_path, path_of
from clipledger.pages.templates import POLICY
from clipledger.pages.view import SENT, Outcome, telling, view_of
from clipledger.web.bodies import DEFAULT_LIMIT
from clipledger.web.problems import Problem
from clipledger.web.session_cookie import SessionCookie

_Request = Request[Any, Any, Any]
_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
_BLOCK = 1 << 18
PAGE = "page"
"""Of a route's `opt`: whoever asks is a browser, and is told of problems by a page."""


def page(
    path: str | list[str],
    *,
    space: Space | None = None,
    scope: str | None = None,
    public: bool = False,
    largest_body: int = DEFAULT_LIMIT,
    takes: Callable[..., Awaitable[Response[Any]]] | None = None,
) -> Callable[[Callable[..., Any]], Router]:
    """A page at these addresses, for who holds the scope there; without one, for everybody who is logged in, or, where
    it is `public`, for everybody. Forms may send `largest_body` octets; `takes` does with them what is more than
    `submit` does.
    """
    who = {"scope": scope} if scope else {"public": True} if public else {"authenticated": "session"}
    opt = {**who, PAGE: True, "space": space}
    paths = [path] if isinstance(path, str) else path

    def routed(handler: Callable[..., Any]) -> Router:
        shown = get(paths, opt=opt, media_type=MediaType.HTML)(handler)
        taken = post(
            paths, opt={**opt, "form": True, "idempotency": False}, request_max_body_size=largest_body, status_code=200
        )(takes or submit)
        return Router(
            "",
            route_handlers=[shown, taken],
            dependencies={"view": Provide(view_of)},
            include_in_schema=False,
        )

    return routed


async def submit(request: _Request, session_cookie: NamedDependency[SessionCookie]) -> Response[Any]:
    """What every page does with a form that it is sent."""
    sent, file = await sent_form(request)
    return await after(request, session_cookie, sent, await asked(request, sent, file))


async def sent_form(request: _Request) -> tuple[Sent, UploadFile | None]:
    """A form of ours, and its file. Raises Problem 403 where it comes from elsewhere, 400 where it makes no sense."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise Problem(403, "form-of-another-site", "This form was sent by another site.")
    members, file = await _members_of(request)
    try:
        return read_form(members), file
    except MalformedForm as error:
        raise Problem(400, "malformed-form", "The fields of the form don't go together.") from error


async def after(request: _Request, session_cookie: SessionCookie, sent: Sent, answer: Answer) -> Response[Any]:
    """Where the form leads when its operation is done; else the page once more, with what came of it."""
    if answer.good and sent.own.get("_next") and not sent.looks:
        return _gone_on(sent, answer, session_cookie)
    outcome = Outcome(sent, answer.problem, answer.value if answer.good else None)
    shown = await call(request, "GET", path_of(request.scope), state={SENT: outcome})
    status = HTTPStatus.OK if answer.good else answer.status
    return Response(
        shown.content, status_code=status, media_type=MediaType.HTML, headers={"Content-Security-Policy": POLICY}
    )


async def asked(request: _Request, sent: Sent, file: UploadFile | None = None) -> Answer:
    """What the form's operation answers."""
    if sent.method not in _METHODS or not sent.path.startswith("/v1/"):
        raise Problem(400, "malformed-form", "The form names no operation.")
    key = token_urlsafe() if sent.looks else sent.own.get("_key", "")
    headers = {"Idempotency-Key": key, "X-CSRF-Token": sent.own.get("_csrf", "")}
    if sent.own.get("_edition"):
        headers["If-Match"] = sent.own["_edition"]
    body = json_of(sent.body) if sent.body or sent.has_members else None
    if file is not None:
        body = blocks_of(file)
        headers["Content-Type"] = sent.own.get("_type") or "application/octet-stream"
    elif body is not None:
        headers["Content-Type"] = "application/json"
    return await call(request, sent.method, sent.path, query=sent.query, headers=headers, body=body, state=from_form())


async def blocks_of(file: UploadFile) -> AsyncIterator[bytes]:
    """What is in it, bit by bit."""
    while block := await file.read(_BLOCK):
        yield block


async def _members_of(request: _Request) -> tuple[list[tuple[str, str]], UploadFile | None]:
    """Names and texts, and the file that is the operation's body, if there is one.

    `?name@file`, a parameter that takes the name of the file, gets it.
    """
    if request.content_type[0] != RequestEncodingType.MULTI_PART:
        return parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True), None
    items = list((await request.form()).items())  # in their order
    file = next((value for name, value in items if name == "_body" and isinstance(value, UploadFile)), None)
    named = file.filename if file else ""
    texts = [(name, named if name.endswith("@file") else str(value)) for name, value in items if name != "_body"]
    return texts, file


def _gone_on(sent: Sent, answer: Answer, cookie: SessionCookie) -> Response[Any]:
    told = [telling(sent.own["_done"], cookie)] if sent.own.get("_done") else []
    return Redirect(_next_of(sent, answer), status_code=303, cookies=[*told, *_cookies_of(answer)])


def _cookies_of(answer: Answer) -> Iterator[Cookie]:
    """Those that the operation sets: the session's."""
    for _, header in answer.cookies:
        for name, its in SimpleCookie(header.decode("latin-1")).items():
            samesite: Any = its["samesite"] or None
            flags = {"secure": bool(its["secure"]), "httponly": bool(its["httponly"]), "samesite": samesite}
            yield Cookie(name, value=its.value, max_age=int(its["max-age"]), path=its["path"], **flags)


def _next_of(sent: Sent, answer: Answer) -> str:
    """Where to go on."""
    wanted = sent.own["_next"]
    members = answer.value if answer.content and isinstance(answer.value, dict) else {}
    for name, value in members.items():
        wanted = wanted.replace(f"{{{name}}}", str(value))
        for inner, its in value.items() if isinstance(value, dict) else ():
            wanted = wanted.replace(f"{{{name}.{inner}}}", str(its))
    return own_path(wanted)
