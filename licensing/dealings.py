"""Dealings: which clippers a host has to do with, and what it may know of them."""

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import PartyNotFound
from licensing.handles import confirmed_accounts
from licensing.parties import Profile, find_party
from licensing.tables import applications, grants


class KnownClipper(Profile, frozen=True, kw_only=True):
    """A clipper as hosts see it, with its confirmed `accounts` as `platform:handle`."""

    clipper_id: int
    accounts: tuple[str, ...]


async def find_known_clipper(connection: AsyncConnection, book_id: int, clipper_id: int) -> KnownClipper:
    """A clipper who has ever applied to the host or been granted something. Raises PartyNotFound."""
    if not await connection.scalar(select(_ever(book_id, clipper_id))):
        raise PartyNotFound("clipper", clipper_id)
    party = await find_party(connection, clipper_id, "clipper")
    profile = {name: getattr(party, name) for name in Profile.__struct_fields__}
    accounts = await confirmed_accounts(connection, [clipper_id])
    return KnownClipper(clipper_id=clipper_id, accounts=accounts[clipper_id], **profile)


def _ever(book_id: int, clipper_id: int) -> ColumnElement[bool]:
    given, asked = grants.c, applications.c
    granted = exists().where(given.book_id == book_id, given.clipper_id == clipper_id)
    return or_(granted, exists().where(asked.book_id == book_id, asked.clipper_id == clipper_id))
