"""How a page is routed: a GET that reads in one snapshot, and a POST that takes the page's forms.

    @page("/books/{book:str}/offers", space="host", scope="licences:read")
    async def offers(view: NamedDependency[View], …) -> Response[str]: …

A form goes to the page it stands on. What it asks for is an operation of the API, done there with everything that holds
for everybody (`clipledger.pages.operations`). A refusal shows the page again, with what was typed and what is wrong.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from litestar import MediaType, Request, Response, Router, get, post
from litestar.datastructures import Cookie, UploadFile
from litestar.di import NamedDependency, Provide
from litestar.enums import RequestEncodingType
from litestar.response import Redirect

from clipledger.pages.forms import Sent, read_form
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
) -> Callable[[Callable[..., Any]], Router]:
    """A page at these addresses, for who holds the scope there; without one, for everybody who is logged in, or, where
    it is `public`, for everybody. Forms may send `largest_body` octets.
    """
    who = {"scope": scope} if scope else {"public": True} if public else {"authenticated": "session"}
    opt = {**who, PAGE: True, "space": space}
    paths = [path] if isinstance(path, str) else path

    def routed(handler: Callable[..., Any]) -> Router:
        shown = get(paths, opt=opt, media_type=MediaType.HTML)(handler)
        taken = post(
            paths, opt={**opt, "form": True, "idempotency": False}, request_max_body_size=largest_body, status_code=200
        )(submit)
        return Router(
            "",
            route_handlers=[shown, taken],
            dependencies={"view": Provide(view_of)},
            include_in_schema=False,
        )

    return routed


async def submit(request: _Request, session_cookie: NamedDependency[SessionCookie]) -> Response[Any]:
    """What every page does with a form that it is sent."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise Problem(403, "form-of-another-site", "This form was sent by another site.")
    members, file = await _members_of(request)
    sent = read_form(members)
    answer = await _asked(request, sent, file)
    if answer.good and sent.own.get("_next"):
        return _gone_on(sent, answer, session_cookie)
    outcome = Outcome(sent, answer.problem, answer.value if answer.good else None)
    shown = await call(request, "GET", path_of(request.scope), state={SENT: outcome})
    status = HTTPStatus.OK if answer.good else answer.status
    return Response(
        shown.content, status_code=status, media_type=MediaType.HTML, headers={"Content-Security-Policy": POLICY}
    )


async def _asked(request: _Request, sent: Sent, file: UploadFile | None) -> Answer:
    if sent.method not in _METHODS or not sent.path.startswith("/v1/"):
        raise Problem(400, "malformed-form", "The form names no operation.")
    headers = {"Idempotency-Key": sent.own.get("_key", ""), "X-CSRF-Token": sent.own.get("_csrf", "")}
    body = json_of(sent.body) if sent.body else None
    if file is not None:
        body = _blocks(file)
        headers["Content-Type"] = "application/octet-stream"
    elif body is not None:
        headers["Content-Type"] = "application/json"
    return await call(request, sent.method, sent.path, query=sent.query, headers=headers, body=body, state=from_form())


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block


async def _members_of(request: _Request) -> tuple[list[tuple[str, str]], UploadFile | None]:
    """Names and texts, and the file that is the operation's body, if there is one.

    `?name@file`, a parameter that takes the name of the file, gets it.
    """
    if request.content_type[0] != RequestEncodingType.MULTI_PART:
        return parse_qsl((await request.body()).decode(), keep_blank_values=True), None
    items = (await request.form()).multi_items()
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
    return own_path(wanted)
