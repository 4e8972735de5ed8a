"""Clippers and agencies: their profiles, and their members."""

from typing import Annotated, Protocol, runtime_checkable

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing import parties
from licensing.api.scopes import ANYONE, PARTIES, PARTY_MANAGE, PARTY_READ, READ
from licensing.dealings import KnownClipper, find_known_clipper
from licensing.parties import Member, Membership, Party, People, Profile, Role, check_person
from media.api.pages import Cursor, Limit, Page, number_of, page_of

_Name = Annotated[str, Meta(examples=["Ana Pérez"])]
_Country = Annotated[str | None, Meta(examples=["CN"], description="As ISO 3166-1 writes it.")]
_Languages = Annotated[tuple[str, ...], Meta(examples=[["zh", "en"]], description="As BCP 47 writes them.")]
_Categories = Annotated[tuple[str, ...], Meta(examples=[["beauty"]])]
_Capacity = Annotated[int | None, Meta(examples=[40], description="Clips a month there is time for.")]
_User = Annotated[int, Meta(ge=1, le=BIGINT_MAX, examples=[3])]
_Role = Annotated[Role, Meta(examples=["member"])]


@runtime_checkable
class Asker(Protocol):
    """The user who asks, of whom this room needs no more."""

    user_id: int


class NewClipper(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Only the name is needed; the rest helps matching."""

    name: _Name
    country: _Country = None
    languages: _Languages = ()
    categories: _Categories = ()
    capacity: _Capacity = None


class NewAgency(NewClipper, kw_only=True, forbid_unknown_fields=True):
    """With the user who becomes its first owner."""

    owner: _User


class ProfileChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    name: _Name | UnsetType = UNSET
    country: _Country | UnsetType = UNSET
    languages: _Languages | UnsetType = UNSET
    categories: _Categories | UnsetType = UNSET
    capacity: _Capacity | UnsetType = UNSET


class NewMember(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An owner manages profile and members, a member acts, a viewer reads."""

    user_id: _User
    role: _Role


class RoleChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What the member shall be from now on."""

    role: _Role


@post("/clippers", opt={**ANYONE, "action": "clipper.register"}, summary="Register as a clipper")
async def register_clipper(
    data: JSONBody[NewClipper],
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Asker],
    actor: NamedDependency[str],
) -> Response[Party]:
    """Who asks becomes its owner, and may add members."""
    made = await parties.register_party(connection, "clipper", _profile(data), principal.user_id, actor)
    return Response(made, headers={"Location": f"/v1/clippers/{made.party_id}"})


@post("/agencies", opt={**PARTIES, "action": "agency.register"}, summary="Register an agency")
async def register_agency(
    data: JSONBody[NewAgency],
    connection: NamedDependency[AsyncConnection],
    people: NamedDependency[People],
    actor: NamedDependency[str],
) -> Response[Party]:
    """Its first owner is the user named."""
    owner = await check_person(connection, people, data.owner, "owner")
    made = await parties.register_party(connection, "agency", _profile(data), owner, actor)
    return Response(made, headers={"Location": f"/v1/agencies/{made.party_id}"})


@get("/parties", opt=ANYONE, summary="Clippers and agencies whose member one is")
async def list_mine(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Asker],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Membership]:
    """Newest first, with the role one has there."""
    user_id, before = principal.user_id, number_of(cursor)
    found = await parties.list_memberships(connection, user_id, before=before, limit=limit + 1)
    return page_of(found, limit, lambda membership: membership.party.party_id)


@post("/parties/{party:int}/members", opt={**PARTIES, "action": "member.add"}, summary="Add a member to any party")
async def add_to_any(
    party: FromPath[int],
    data: JSONBody[NewMember],
    connection: NamedDependency[AsyncConnection],
    people: NamedDependency[People],
    actor: NamedDependency[str],
) -> Response[Member]:
    """As for a clipper whom a host has registered, and who now comes to run the account."""
    user_id = await check_person(connection, people, data.user_id)
    made = await parties.add_member(connection, party, user_id, data.role, actor)
    return await _added(connection, party, made)


@get("/", opt=PARTY_READ, summary="The profile")
async def show(connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]) -> Party:
    """What the party says of itself."""
    return await parties.find_party(connection, party_id)


@patch("/", opt={**PARTY_MANAGE, "action": "party.change"}, summary="Change the profile")
async def change(
    data: JSONBody[ProfileChange], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Party:
    """What is left out stays as it is."""
    named = {name: getattr(data, name) for name in data.__struct_fields__ if getattr(data, name) is not UNSET}
    return await parties.change_party(connection, party_id, named)


@get("/members", opt=PARTY_MANAGE, summary="Members")
async def list_members(connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]) -> list[Member]:
    """In order of their user ids."""
    return await parties.list_members(connection, party_id)


@post("/members", opt={**PARTY_MANAGE, "action": "member.add"}, summary="Add a member")
async def add(
    data: JSONBody[NewMember],
    connection: NamedDependency[AsyncConnection],
    people: NamedDependency[People],
    party_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Response[Member]:
    """A user of this service, by the id they are told at login."""
    user_id = await check_person(connection, people, data.user_id)
    made = await parties.add_member(connection, party_id, user_id, data.role, actor)
    return await _added(connection, party_id, made)


@patch("/members/{user_id:int}", opt={**PARTY_MANAGE, "action": "member.change"}, summary="Change a member's role")
async def change_role(
    user_id: FromPath[int],
    data: JSONBody[RoleChange],
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
) -> Member:
    """The last owner stays one."""
    return await parties.change_role(connection, party_id, user_id, data.role)


@delete("/members/{user_id:int}", opt={**PARTY_MANAGE, "action": "member.remove"}, summary="Remove a member")
async def remove(
    user_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> None:
    """The last owner can't be removed."""
    await parties.remove_member(connection, party_id, user_id)


@get("/clippers/{clipper_id:int}", opt=READ, summary="A clipper one has or had to do with")
async def show_to_host(
    clipper_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> KnownClipper:
    """The profile and the confirmed accounts of who has applied to the host, or was granted something."""
    return await find_known_clipper(connection, book_id, clipper_id)


def _profile(data: NewClipper) -> Profile:
    return Profile(**{name: getattr(data, name) for name in Profile.__struct_fields__})


async def _added(connection: AsyncConnection, party_id: int, member: Member) -> Response[Member]:
    kinds = {"clipper": "clippers", "agency": "agencies"}
    kind = kinds[(await parties.find_party(connection, party_id)).kind]
    return Response(member, headers={"Location": f"/v1/{kind}/{party_id}/members/{member.user_id}"})


PARTY_ROUTES = [show, change, list_members, add, change_role, remove]
HOST_ROUTES = [show_to_host]
CLIPPER_ROUTES = PARTY_ROUTES
AGENCY_ROUTES = PARTY_ROUTES
SERVICE_ROUTES = [register_clipper, register_agency, list_mine, add_to_any]
