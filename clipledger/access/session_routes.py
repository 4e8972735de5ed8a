"""/v1/session: log in, who am I, log out, change the password."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.errors import WrongPassword
from clipledger.access.principal import Principal
from clipledger.access.roles import slugs_of
from clipledger.access.sessions import csrf_token, end_session, end_sessions_of, open_session
from clipledger.access.users import check_password, set_password
from clipledger.web.rate_limits import LoginAttempts
from clipledger.web.session_cookie import SessionCookie
from clipledger.web.unit_of_work import UnitOfWork

Email = Annotated[str, msgspec.Meta(max_length=254, examples=["ada@example.com"])]
Password = Annotated[str, msgspec.Meta(max_length=1024, examples=["correct horse battery staple"])]


class Credentials(msgspec.Struct):
    """What a person logs in with."""

    email: Email
    password: Password


class PasswordChange(msgspec.Struct):
    """The old password too, so that a borrowed session is not enough."""

    current_password: Password
    new_password: Password


class OpenSession(msgspec.Struct):
    """Send `csrf_token` as X-CSRF-Token with everything that changes something."""

    user_id: int
    email: str
    csrf_token: str
    expires_at: datetime


class Allowed(msgspec.Struct):
    """Scopes held for one book (its slug), or for every book (null)."""

    book: str | None
    scopes: list[str]


class WhoAmI(msgspec.Struct):
    """Who this session or key stands for; `csrf_token` only for a session."""

    actor: Annotated[str, msgspec.Meta(examples=["user:3", "key:7"])]
    user_id: int
    email: str
    allowed: list[Allowed]
    csrf_token: str | None


@post("/session", opt={"public": True, "idempotency": False, "action": "session.login"}, summary="Log in")
async def log_in(
    data: JSONBody[Credentials],
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    unit: NamedDependency[UnitOfWork],
    attempts: NamedDependency[LoginAttempts],
    session_cookie: NamedDependency[SessionCookie],
) -> Response[OpenSession]:
    """Opens a session in a cookie. A wrong password and an unknown address look alike."""
    attempts.spend(data.email, unit.ip)
    try:
        user = await check_password(connection, data.email, data.password)
    except WrongPassword:
        unit.refuse("session.login-failed", data.email)
        raise
    unit.actor = f"user:{user.user_id}"
    agent = request.headers.get("user-agent", "")
    opened = await open_session(connection, user.user_id, unit.ip, agent)
    answer = OpenSession(user.user_id, user.email, opened.csrf_token, opened.expires_at)
    return Response(answer, cookies=[session_cookie.holding(opened.token)])


@get("/session", opt={"authenticated": True}, summary="Who am I?")
async def who_am_i(
    request: Request[Any, Any, Any],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    session_cookie: NamedDependency[SessionCookie],
) -> WhoAmI:
    """The user behind the session or key, and what it may do in which book."""
    slugs = await slugs_of(connection, principal.grants)
    allowed = [Allowed(slugs.get(book_id), sorted(scopes)) for book_id, scopes in principal.grants.items()]
    token = csrf_token(request.cookies[session_cookie.name]) if principal.session_id else None
    return WhoAmI(principal.actor, principal.user_id, principal.email, allowed, token)


@delete("/session", opt={"authenticated": "session", "action": "session.logout"}, summary="Log out")
async def log_out(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    session_cookie: NamedDependency[SessionCookie],
    everywhere: FromQuery[bool] = False,
) -> Response[None]:
    """Ends this session; with `everywhere`, all of this user's."""
    if everywhere:
        await end_sessions_of(connection, principal.user_id)
    elif principal.session_id is not None:
        await end_session(connection, principal.session_id)
    return Response(None, cookies=[session_cookie.gone()])


@put(
    "/session/password",
    opt={"authenticated": "session", "action": "user.password"},
    status_code=204,
    summary="Change my password",
)
async def change_password(
    data: JSONBody[PasswordChange],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    unit: NamedDependency[UnitOfWork],
    attempts: NamedDependency[LoginAttempts],
    session_cookie: NamedDependency[SessionCookie],
) -> Response[None]:
    """Ends all of this user's sessions, this one too: log in again with the new password."""
    attempts.spend(principal.email, unit.ip)
    try:
        await check_password(connection, principal.email, data.current_password)
    except WrongPassword as error:
        unit.refuse("user.password-refused", principal.email)
        raise WrongPassword("current_password", rule="is not the current password") from error
    await set_password(connection, principal.user_id, data.new_password)
    return Response(None, cookies=[session_cookie.gone()])
