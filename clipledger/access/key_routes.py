"""/v1/keys: a user's own API keys, for whoever has logged in: a key makes no keys."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.keys import Key, create_key, get_key, list_keys, revoke_key
from clipledger.access.principal import Principal
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_OWN = {"authenticated": "session"}


class NewKey(msgspec.Struct):
    """Scopes within those of the user's roles; for one book, or for every book of the user's."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200, examples=["month-end export"])]
    scopes: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100, examples=[["ledger:read"]])]
    book: Annotated[str | None, msgspec.Meta(examples=["linas-shop"])] = None
    expires_at: datetime | None = None


class CreatedKey(msgspec.Struct):
    """`token` is shown once: it is null when this answer is replayed for the same Idempotency-Key."""

    key: Key
    token: Annotated[str | None, msgspec.Meta(examples=["clk_0123456789ab_…"])]


@post("/keys", opt={**_OWN, "shown_once": "token", "action": "key.create"}, summary="Create a key")
async def create(
    data: JSONBody[NewKey],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
) -> Response[CreatedKey]:
    """The only answer that holds the key's token."""
    key, token = await create_key(connection, principal.user_id, data.name, data.scopes, data.book, data.expires_at)
    return Response(CreatedKey(key, token), headers={"Location": f"/v1/keys/{key.key_id}"})


@get("/keys", opt=_OWN, summary="My keys")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Key]:
    """Oldest first, the revoked and expired too."""
    keys = await list_keys(connection, principal.user_id, number_of(cursor) or 0, limit + 1)
    return page_of(keys, limit, lambda key: key.key_id)


@get("/keys/{key_id:int}", opt=_OWN, summary="One of my keys")
async def show(
    key_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
) -> Key:
    """Without its secret."""
    return await get_key(connection, key_id, principal.user_id)


@delete("/keys/{key_id:int}", opt={**_OWN, "action": "key.revoke"}, summary="Revoke a key")
async def revoke(
    key_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
) -> None:
    """At once and for good; it stays in the list."""
    await revoke_key(connection, key_id, principal.user_id)
