"""The gate: who is asking, how often, and may they do this. Nothing passes that its route did not declare."""

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access.errors import AccessError
from clipledger.access.keys import authenticate_key
from clipledger.access.principal import Principal
from clipledger.access.sessions import authenticate_session, csrf_matches
from clipledger.web.problems import FieldFault, Problem
from clipledger.web.rate_limits import Limits, RateLimiter
from clipledger.web.request_log import client_ip
from clipledger.web.requirements import Requirement, answers_options, requirement_of
from ledger.books import find_book
from ledger.errors import BookNotFound
from ledger.money import BIGINT_MAX
from licensing.errors import PartyNotFound
from licensing.parties import KINDS, Kind, Role, role_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate(ASGIMiddleware):
    """Puts the principal into `scope["user"]`, and into `scope["state"]` the id of the book that is addressed, or that
    of the party and the principal's role in it.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, engine: AsyncEngine, limits: Limits, session_cookie: str) -> None:
        # One statement is one transaction here: who asks is settled before the request's own begins.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._principals = RateLimiter(limits.principal)
        self._anonymous = RateLimiter(limits.anonymous)
        self._session_cookie = session_cookie

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Raises Problem and AccessError; otherwise the next layer may rely on the requirement being met."""
        assert scope["type"] == ScopeType.HTTP
        handler = scope["route_handler"]
        requirement = Requirement(public=True) if answers_options(handler) else requirement_of(handler)
        _check_numbers(scope)
        if requirement.public:
            limited = requirement.rate_limited
            headers = self._anonymous.spend(client_ip(scope) or "unknown") if limited else {}
            await next_app(scope, receive, _with_headers(send, headers))
            return
        principal, headers = await self._admit(scope, requirement)
        with structlog.contextvars.bound_contextvars(actor=principal.actor):
            await next_app(scope, receive, _with_headers(send, headers))

    async def _admit(self, scope: HTTPScope, requirement: Requirement) -> tuple[Principal, Mapping[str, str]]:
        async with self._engine.connect() as connection:
            try:
                principal = await self._authenticate(connection, Request(scope), requirement)
            except (AccessError, Problem):
                self._anonymous.spend(client_ip(scope) or "unknown")
                raise
            scope["user"] = principal
            headers = self._principals.spend(principal.actor)
            await _authorise(connection, principal, requirement, scope)
        return principal, headers

    async def _authenticate(
        self, connection: AsyncConnection, request: Request[Any, Any, Any], requirement: Requirement
    ) -> Principal:
        if authorization := request.headers.get("authorization"):
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise _unauthenticated("The scheme must be Bearer, with an API key.")
            return await authenticate_key(connection, token.strip())
        if token := request.cookies.get(self._session_cookie, ""):
            principal = await authenticate_session(connection, token)
            if request.method not in SAFE_METHODS and not requirement.form:
                _check_csrf(token, request.headers.get("x-csrf-token", ""))
            return principal
        raise _unauthenticated("Send an API key (Authorization: Bearer clk_…) or log in.")


def _check_csrf(session_token: str, presented: str) -> None:
    if not csrf_matches(session_token, presented):
        raise Problem(403, "csrf-token-required", "Send the session's csrf_token as X-CSRF-Token.")


async def _authorise(
    connection: AsyncConnection, principal: Principal, requirement: Requirement, scope: HTTPScope
) -> None:
    if requirement.session and principal.session_id is None:
        raise Problem(403, "session-required", "A key can't do this: log in.")
    book_id = None
    if slug := scope["path_params"].get("book"):
        book_id = (await find_book(connection, slug)).book_id
        if not principal.sees(book_id):
            raise BookNotFound("book", slug)  # the same as if there were none
        scope["state"]["book_id"] = book_id
    for kind in KINDS:
        if kind in scope["path_params"]:
            party_id = int(scope["path_params"][kind])
            scope["state"]["party_role"] = await _admit_to_party(connection, principal, requirement, party_id, kind)
            scope["state"]["party_id"] = party_id
            return
    if requirement.scope is None or principal.may(requirement.scope, book_id):
        return
    if not (requirement.across_books and principal.books(requirement.scope)):
        raise Problem(403, "scope-required", f"This needs the scope {requirement.scope}.")


def _check_numbers(scope: HTTPScope) -> None:
    """Raises Problem 404 where the path has a number that no row can have."""
    for name, value in scope["path_params"].items():
        if isinstance(value, int) and value > BIGINT_MAX:
            fault = FieldFault(name.removesuffix("_id"), "there is none", str(value)[:40])
            raise Problem(404, "not-found", faults=[fault])


async def _admit_to_party(
    connection: AsyncConnection, principal: Principal, requirement: Requirement, party_id: int, kind: Kind
) -> Role:
    role = await role_of(connection, party_id, principal.user_id, kind)
    if role is None:
        raise PartyNotFound("party", party_id)  # the same as if there were none
    if requirement.scope is None or not principal.may_as(role, requirement.scope):
        raise Problem(403, "scope-required", f"This needs the scope {requirement.scope}, and a role that has it.")
    return role


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def complete(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *raw]
        await send(message)

    return complete
