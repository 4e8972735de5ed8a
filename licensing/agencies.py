"""Representations: an agency (MCN) acts for a clipper and gets a rate of the clipper's share.

The agency proposes, the clipper accepts, declines or ends. A clipper has one agency at a time, from the moment it
accepts to the moment it ends; settlement asks for the agency of the time of a sale.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ARRAY, BigInteger, ColumnElement, Row, any_, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import parse_rate
from licensing.errors import AlreadyRepresented, InvalidParty, RepresentationNotFound
from licensing.states import REPRESENTATION, By
from licensing.tables import parties, representations

State = Literal["proposed", "active", "declined", "ended"]
_AGENCY, _CLIPPER = parties.alias("agency"), parties.alias("clipper")


class Representation(msgspec.Struct, frozen=True):
    """`rate` of the clipper's share is the agency's, written as `13.02%`, `0.1302` or `3:7`, from `starts_at` on and
    until `ends_at`, the first moment outside.
    """

    representation_id: int
    agency_id: int
    agency_name: str
    clipper_id: int
    clipper_name: str
    rate: str
    state: State
    proposed_by: str
    proposed_at: datetime
    starts_at: datetime | None
    ends_at: datetime | None


async def propose_representation(
    connection: AsyncConnection, agency_id: int, clipper_id: int, rate: str, by: str
) -> Representation:
    """An agency asks to represent a clipper, also one that has an agency still.

    Raises:
        InvalidRate: of the ledger.
        InvalidParty: there is no such clipper.
        AlreadyRepresented: this agency has an open proposal to the clipper, or represents it.
    """
    parse_rate(rate)
    await _lock_clipper(connection, clipper_id)
    its = representations.c
    living = select(its.state).where(
        its.agency_id == agency_id, its.clipper_id == clipper_id, its.state.in_(["proposed", "active"])
    )
    if state := await connection.scalar(living.limit(1)):
        raise AlreadyRepresented("clipper_id", clipper_id, f"this agency's proposal to the clipper is {state}")
    values = {"agency_id": agency_id, "clipper_id": clipper_id, "rate": rate, "proposed_by": by}
    made = insert(representations).values(values).returning(its.representation_id)
    return await _one(connection, its.representation_id == (await connection.execute(made)).scalar_one())


async def accept_representation(
    connection: AsyncConnection, clipper_id: int, representation_id: int, by: By
) -> Representation:
    """From now on. Raises RepresentationNotFound, WrongTransition, AlreadyRepresented."""
    row = await _locked(connection, clipper_id, representation_id)
    state = REPRESENTATION.target(row.state, "accepted", by.side)
    its = representations.c
    active = await connection.scalar(select(its.agency_id).where(its.clipper_id == clipper_id, its.state == "active"))
    if active is not None:
        raise AlreadyRepresented("agency_id", active, "a clipper has one agency at a time: end that first")
    return await _change(connection, row, {"state": state, "starts_at": func.clock_timestamp()})


async def decline_representation(
    connection: AsyncConnection, clipper_id: int, representation_id: int, by: By
) -> Representation:
    """Raises RepresentationNotFound, WrongTransition."""
    row = await _locked(connection, clipper_id, representation_id)
    return await _change(connection, row, {"state": REPRESENTATION.target(row.state, "declined", by.side)})


async def end_representation(
    connection: AsyncConnection, clipper_id: int, representation_id: int, by: By
) -> Representation:
    """From now on; sales before still pay the agency. Raises RepresentationNotFound, WrongTransition."""
    row = await _locked(connection, clipper_id, representation_id)
    state = REPRESENTATION.target(row.state, "ended", by.side)
    return await _change(connection, row, {"state": state, "ends_at": func.clock_timestamp()})


async def end_for_operator(connection: AsyncConnection, representation_id: int, by: By) -> Representation:
    """As its clipper would. Raises RepresentationNotFound, WrongTransition."""
    found = await _one(connection, representations.c.representation_id == representation_id)
    return await end_representation(connection, found.clipper_id, representation_id, by)


async def represented_by(
    connection: AsyncConnection, clipper_ids: Iterable[int], at: datetime
) -> Mapping[int, tuple[int, str]]:
    """Of the clippers that an agency represented at that time, the agency and its rate."""
    its = representations.c
    then = (its.starts_at <= at) & or_(its.ends_at.is_(None), its.ends_at > at)
    ids = literal(list(clipper_ids), ARRAY(BigInteger))
    chosen = select(its.clipper_id, its.agency_id, its.rate).where(its.clipper_id == any_(ids), then)
    return {row.clipper_id: (row.agency_id, row.rate) for row in await connection.execute(chosen)}


async def _lock_clipper(connection: AsyncConnection, clipper_id: int) -> None:
    """One thing at a time happens to a clipper's representations. Raises InvalidParty."""
    its = parties.c
    chosen = select(its.party_id).where(its.party_id == clipper_id, its.kind == "clipper")
    if await connection.scalar(chosen.with_for_update(key_share=True)) is None:
        raise InvalidParty("clipper_id", clipper_id, "must be the number of a clipper")


async def _locked(connection: AsyncConnection, clipper_id: int, representation_id: int) -> Row[Any]:
    await _lock_clipper(connection, clipper_id)
    its = representations.c
    chosen = select(representations).where(its.clipper_id == clipper_id, its.representation_id == representation_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise RepresentationNotFound("representation", representation_id)
    return row


async def _change(connection: AsyncConnection, row: Row[Any], values: dict[str, Any]) -> Representation:
    which = representations.c.representation_id == row.representation_id
    await connection.execute(update(representations).where(which).values(values))
    return await _one(connection, which)


# Reading ----------------------------------------------------------------------------------------------------


async def find_representation(connection: AsyncConnection, party_id: int, representation_id: int) -> Representation:
    """Raises RepresentationNotFound where the party is neither its agency nor its clipper."""
    its = representations.c
    of_party = or_(its.agency_id == party_id, its.clipper_id == party_id)
    return await _one(connection, of_party & (its.representation_id == representation_id))


async def list_for_agency(
    connection: AsyncConnection, agency_id: int, *, before: int | None = None, limit: int = 100
) -> list[Representation]:
    """Newest first, those before a given one."""
    return await _list(connection, representations.c.agency_id == agency_id, before, limit)


async def list_for_clipper(
    connection: AsyncConnection, clipper_id: int, *, before: int | None = None, limit: int = 100
) -> list[Representation]:
    """Newest first, those before a given one."""
    return await _list(connection, representations.c.clipper_id == clipper_id, before, limit)


async def _list(
    connection: AsyncConnection, whose: ColumnElement[bool], before: int | None, limit: int
) -> list[Representation]:
    number = representations.c.representation_id
    chosen = _shown().where(whose).order_by(number.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(number < before)
    return [Representation(**row._mapping) for row in await connection.execute(chosen)]


async def _one(connection: AsyncConnection, which: ColumnElement[bool]) -> Representation:
    row = (await connection.execute(_shown().where(which))).one_or_none()
    if row is None:
        raise RepresentationNotFound("representation")
    return Representation(**row._mapping)


def _shown() -> Any:
    its = representations.c
    named = [its[name] for name in Representation.__struct_fields__ if name in its]
    names = (_AGENCY.c.name.label("agency_name"), _CLIPPER.c.name.label("clipper_name"))
    joined = representations.join(_AGENCY, _AGENCY.c.party_id == its.agency_id)
    joined = joined.join(_CLIPPER, _CLIPPER.c.party_id == its.clipper_id)
    return select(*named, *names).select_from(joined)
