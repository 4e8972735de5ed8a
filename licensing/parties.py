"""Parties: clippers and agencies, and the users who are their members. A host is its book, and no party here.

A party that people run keeps at least one owner. A clipper whom a host has registered from its papers has no members
until an operator adds the first.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import AlreadyMember, InvalidParty, LastOwner, MemberNotFound, PartyNotFound
from licensing.tables import members, parties
from licensing.vocabulary import check_languages, check_text, check_words

Kind = Literal["clipper", "agency"]
KINDS: tuple[Kind, ...] = ("clipper", "agency")
Role = Literal["owner", "member", "viewer"]
_COUNTRY = re.compile(r"[A-Z]{2}")
_LARGEST_CAPACITY = 100_000


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a party says of itself: `country` as ISO 3166-1 has it, `languages` as BCP 47, `categories` it sells in,
    and `capacity`, the clips a month it has time for.
    """

    name: str
    country: str | None = None
    languages: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    capacity: int | None = None


class Party(Profile, frozen=True, kw_only=True):
    """A clipper or an agency."""

    party_id: int
    kind: Kind
    registered_at: datetime


class Membership(msgspec.Struct, frozen=True):
    """A party, and what a user is in it."""

    party: Party
    role: Role


class Member(msgspec.Struct, frozen=True):
    """A user, and what they are in a party."""

    user_id: int
    role: Role
    added_by: str
    added_at: datetime


@runtime_checkable
class People(Protocol):
    """Who has an account here, which only the front door knows."""

    async def exists(self, connection: AsyncConnection, user_id: int) -> bool:
        """Whether there is such a user, who may log in."""
        ...


def check_profile(profile: Profile) -> dict[str, Any]:
    """The profile as columns, its name without the blanks around it. Raises InvalidParty."""
    if profile.capacity is not None and not 0 <= profile.capacity <= _LARGEST_CAPACITY:
        raise InvalidParty("capacity", profile.capacity, f"must be 0 to {_LARGEST_CAPACITY} clips a month")
    if profile.country is not None and not _COUNTRY.fullmatch(profile.country):
        raise InvalidParty("country", profile.country, "a country as ISO 3166-1 writes it, such as CN")
    return {
        "name": check_text(profile.name, InvalidParty, "name"),
        "country": profile.country,
        "languages": list(check_languages(profile.languages, InvalidParty, "languages")),
        "categories": list(check_words(profile.categories, InvalidParty, "categories")),
        "capacity": profile.capacity,
    }


async def register_party(connection: AsyncConnection, kind: Kind, profile: Profile, owner_id: int, by: str) -> Party:
    """A new party with its first owner, a user who exists. Raises InvalidParty."""
    row = insert(parties).values(kind=kind, registered_by=by, **check_profile(profile)).returning(parties)
    party = _party((await connection.execute(row)).one())
    owner = {"party_id": party.party_id, "user_id": owner_id, "role": "owner", "added_by": by}
    await connection.execute(insert(members).values(owner))
    return party


async def find_party(connection: AsyncConnection, party_id: int, kind: Kind | None = None) -> Party:
    """A party, or one of this kind. Raises PartyNotFound."""
    return _party(await _row(connection, party_id, kind))


async def change_party(connection: AsyncConnection, party_id: int, changes: Mapping[str, Any]) -> Party:
    """Set what is named of the profile. Raises PartyNotFound, InvalidParty."""
    row = await _row(connection, party_id, lock=True)
    now = {name: row._mapping[name] for name in Profile.__struct_fields__}
    values = check_profile(Profile(**{**now, **changes}))
    changed = update(parties).where(parties.c.party_id == party_id).values(values).returning(parties)
    return _party((await connection.execute(changed)).one())


async def list_memberships(
    connection: AsyncConnection, user_id: int, *, before: int | None = None, limit: int = 100
) -> list[Membership]:
    """The parties whose member the user is, newest first, those before a given one."""
    chosen = select(parties, members.c.role).join_from(members, parties).where(members.c.user_id == user_id)
    if before is not None:
        chosen = chosen.where(parties.c.party_id < before)
    rows = await connection.execute(chosen.order_by(parties.c.party_id.desc()).limit(limit))
    return [Membership(_party(row), row.role) for row in rows]


async def _row(connection: AsyncConnection, party_id: int, kind: Kind | None = None, *, lock: bool = False) -> Row[Any]:
    chosen = select(parties).where(parties.c.party_id == party_id)
    if kind is not None:
        chosen = chosen.where(parties.c.kind == kind)
    if lock:
        chosen = chosen.with_for_update(key_share=True)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise PartyNotFound(kind or "party", party_id)
    return row


def _party(row: Row[Any]) -> Party:
    return msgspec.convert({name: row._mapping[name] for name in Party.__struct_fields__}, Party)


# Members ----------------------------------------------------------------------------------------------------


async def role_of(connection: AsyncConnection, party_id: int, user_id: int, kind: Kind | None = None) -> Role | None:
    """As what the user is a member of the party, if at all; where a kind is named, of a party of this kind."""
    its = members.c
    chosen = select(its.role).where(its.party_id == party_id, its.user_id == user_id)
    if kind is not None:
        chosen = chosen.join(parties).where(parties.c.kind == kind)
    role: Role | None = await connection.scalar(chosen)
    return role


async def check_person(connection: AsyncConnection, people: People, user_id: int, field: str = "user_id") -> int:
    """The id of a user who may become a member. Raises InvalidParty."""
    if not await people.exists(connection, user_id):
        raise InvalidParty(field, user_id, "must be the id of a user")
    return user_id


async def list_members(connection: AsyncConnection, party_id: int) -> list[Member]:
    """In order of their user ids."""
    chosen = select(members).where(members.c.party_id == party_id).order_by(members.c.user_id)
    return [_member(row) for row in await connection.execute(chosen)]


async def add_member(connection: AsyncConnection, party_id: int, user_id: int, role: str, by: str) -> Member:
    """Let a user who exists act for the party. Raises PartyNotFound, InvalidParty, AlreadyMember."""
    await _row(connection, party_id)
    values = {"party_id": party_id, "user_id": user_id, "role": _checked_role(role), "added_by": by}
    added = insert_or(members).values(values).on_conflict_do_nothing().returning(members)
    row = (await connection.execute(added)).one_or_none()
    if row is None:
        raise AlreadyMember("user_id", user_id)
    return _member(row)


async def change_role(connection: AsyncConnection, party_id: int, user_id: int, role: str) -> Member:
    """Raises PartyNotFound, InvalidParty, MemberNotFound, LastOwner."""
    checked = _checked_role(role)
    member = await _locked_member(connection, party_id, user_id)
    if member.role == "owner" and checked != "owner":
        await _keep_an_owner(connection, party_id, user_id)
    changed = update(members).where(_named(party_id, user_id)).values(role=checked).returning(members)
    return _member((await connection.execute(changed)).one())


async def remove_member(connection: AsyncConnection, party_id: int, user_id: int) -> None:
    """Raises PartyNotFound, MemberNotFound, LastOwner."""
    member = await _locked_member(connection, party_id, user_id)
    if member.role == "owner":
        await _keep_an_owner(connection, party_id, user_id)
    await connection.execute(delete(members).where(_named(party_id, user_id)))


async def _locked_member(connection: AsyncConnection, party_id: int, user_id: int) -> Member:
    """The party's row is held: of two owners who leave at once, one is told that it is the last."""
    await _row(connection, party_id, lock=True)
    row = (await connection.execute(select(members).where(_named(party_id, user_id)))).one_or_none()
    if row is None:
        raise MemberNotFound("user", user_id)
    return _member(row)


async def _keep_an_owner(connection: AsyncConnection, party_id: int, leaving: int) -> None:
    its = members.c
    others = and_(its.party_id == party_id, its.role == "owner", its.user_id != leaving)
    if not await connection.scalar(select(func.count()).where(others)):
        raise LastOwner("user_id", leaving)


def _checked_role(role: str) -> str:
    if role not in get_args(Role):
        raise InvalidParty("role", role, f"must be one of {', '.join(get_args(Role))}")
    return role


def _named(party_id: int, user_id: int) -> ColumnElement[bool]:
    return and_(members.c.party_id == party_id, members.c.user_id == user_id)


def _member(row: Row[Any]) -> Member:
    return msgspec.convert({name: row._mapping[name] for name in Member.__struct_fields__}, Member)
