"""Who is behind the names of the audit trail: the user of `user:3`, the owner of `key:7`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.tables import api_keys, users
from ledger.money import BIGINT_MAX


@dataclass(frozen=True)
class Known:
    """A user, as they are called: by name, and where there is none by e-mail address."""

    user_id: int
    called: str


async def people_behind(connection: AsyncConnection, actors: Collection[str]) -> Mapping[str, Known]:
    """Of those actors that are users or keys of users, by the actor's name."""
    its, key = users.c, api_keys.c
    asked = {kind: _numbers(actors, kind) for kind in ("user", "key")}
    rows = await connection.execute(select(its.user_id, its.name, its.email).where(its.user_id.in_(asked["user"])))
    found = {f"user:{row.user_id}": Known(row.user_id, row.name or row.email) for row in rows}
    joined = select(key.key_id, its.user_id, its.name, its.email).join_from(api_keys, users)
    for row in await connection.execute(joined.where(key.key_id.in_(asked["key"]))):
        found[f"key:{row.key_id}"] = Known(row.user_id, row.name or row.email)
    return found


def _numbers(actors: Collection[str], kind: str) -> list[int]:
    told = (actor.removeprefix(f"{kind}:") for actor in actors if actor.startswith(f"{kind}:"))
    return [int(number) for number in told if number.isdecimal() and int(number) <= BIGINT_MAX]
