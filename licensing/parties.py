"""Parties: clippers and agencies, and the users who are their members. A host is its book, and no party here."""

from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.tables import members

Kind = Literal["clipper", "agency"]
KINDS: tuple[Kind, ...] = ("clipper", "agency")
Role = Literal["owner", "member", "viewer"]


async def role_of(connection: AsyncConnection, party_id: int, user_id: int) -> Role | None:
    """As what the user is a member of the party, if at all."""
    its = members.c
    role: Role | None = await connection.scalar(
        select(its.role).where(its.party_id == party_id, its.user_id == user_id)
    )
    return role
