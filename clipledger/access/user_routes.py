"""/v1/users: users and their roles, for operators."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import roles, users
from clipledger.access.roles import HeldRole
from clipledger.access.session_routes import Email, Password
from clipledger.access.users import User
from clipledger.web.unit_of_work import UnitOfWork
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_MANAGE = {"scope": "access:manage"}
_Named = Annotated[
    str | None,
    QueryParameter(
        pattern="^[^\\x00\\ud800-\\udfff]{0,200}$", description="In whose name or e-mail address this stands."
    ),
]


class NewUser(msgspec.Struct):
    """The password is for the first login; the user should change it."""

    email: Email
    password: Password
    name: Annotated[str, msgspec.Meta(max_length=200, examples=["Ada Lovelace"])] = ""


class RoleGrant(msgspec.Struct):
    """A role for one book, by its slug; `operator` for every book, without one."""

    role: Annotated[str, msgspec.Meta(examples=["finance"])]
    book: Annotated[str | None, msgspec.Meta(examples=["linas-shop"])] = None


class UserView(msgspec.Struct):
    """A user and the roles they hold."""

    user_id: int
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    roles: list[HeldRole]


@post("/users", opt={**_MANAGE, "action": "user.add"}, summary="Add a user")
async def add(data: JSONBody[NewUser], connection: NamedDependency[AsyncConnection]) -> Response[UserView]:
    """Without a role the user can log in, and no more."""
    user = await users.add_user(connection, data.email, data.password, data.name)
    view = (await views_of(connection, [user]))[0]
    return Response(view, headers={"Location": f"/v1/users/{user.user_id}"})


@get("/users", opt=_MANAGE, summary="All users")
async def list_all(
    connection: NamedDependency[AsyncConnection], named: _Named = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[UserView]:
    """Oldest first, the disabled too."""
    found = await users.list_users(connection, number_of(cursor) or 0, limit + 1, named=named)
    return page_of(await views_of(connection, found), limit, lambda user: user.user_id)


@get("/users/{user_id:int}", opt=_MANAGE, summary="One user")
async def show(user_id: FromPath[int], connection: NamedDependency[AsyncConnection]) -> UserView:
    """With the roles they hold."""
    return (await views_of(connection, [await users.get_user(connection, user_id)]))[0]


@post(
    "/users/{user_id:int}/disable",
    opt={**_MANAGE, "action": "user.disable"},
    status_code=200,
    summary="Disable a user",
)
async def disable(user_id: FromPath[int], connection: NamedDependency[AsyncConnection]) -> UserView:
    """Their sessions end and their keys stop working at once."""
    return (await views_of(connection, [await users.disable_user(connection, user_id)]))[0]


@post(
    "/users/{user_id:int}/enable",
    opt={**_MANAGE, "action": "user.enable"},
    status_code=200,
    summary="Enable a user again",
)
async def enable(user_id: FromPath[int], connection: NamedDependency[AsyncConnection]) -> UserView:
    """Keys that were not revoked work again."""
    return (await views_of(connection, [await users.enable_user(connection, user_id)]))[0]


@post(
    "/users/{user_id:int}/roles",
    opt={**_MANAGE, "action": "user.role.grant"},
    status_code=200,
    summary="Grant a role",
)
async def grant(
    user_id: FromPath[int],
    data: JSONBody[RoleGrant],
    connection: NamedDependency[AsyncConnection],
    unit: NamedDependency[UnitOfWork],
) -> UserView:
    """Granting it twice changes nothing."""
    unit.detail = {"role": data.role, "book": data.book}
    await roles.grant_role(connection, user_id, data.role, data.book)
    return (await views_of(connection, [await users.get_user(connection, user_id)]))[0]


@delete(
    "/users/{user_id:int}/roles/{role:str}",
    opt={**_MANAGE, "action": "user.role.withdraw"},
    summary="Withdraw a role",
)
async def withdraw(
    user_id: FromPath[int],
    role: FromPath[str],
    connection: NamedDependency[AsyncConnection],
    unit: NamedDependency[UnitOfWork],
    book: FromQuery[str | None] = None,
) -> None:
    """The user's keys lose it at once."""
    unit.detail = {"role": role, "book": book}
    await users.get_user(connection, user_id)
    await roles.withdraw_role(connection, user_id, role, book)


async def views_of(connection: AsyncConnection, found: list[User]) -> list[UserView]:
    """With the roles that each holds."""
    held = await roles.held_roles(connection, [user.user_id for user in found])
    return [UserView(**vars(user), roles=held[user.user_id]) for user in found]
