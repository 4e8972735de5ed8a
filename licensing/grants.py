"""Grants: a host's offer, given to one clipper under one version of its terms, for certain accounts and a window.

A grant begins as offered, which its clipper accepts or declines, or active where it was accepted before: on paper, as
the host attests, or by applying. What becomes of it is in `licensing.granting`, newer terms in `licensing.renewal`.
Whoever locks: the offer first, then clippers by their numbers, then grants by theirs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import RowMapping, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.drafts import Acceptance, NewGrant
from licensing.errors import GrantNotFound, LicensingError
from licensing.issuing import issue
from licensing.states import By
from licensing.tables import grants

__all__ = ["Acceptance", "Grant", "NewGrant", "State", "book_of_grant", "create_grants", "find_grant", "list_grants"]

State = Literal["offered", "active", "suspended", "revoked", "resigned", "expired", "declined"]


class Grant(msgspec.Struct, frozen=True):
    """`handles` are accounts as `platform:handle`; outside `starts_at` to `ends_at` (the first moment outside) nothing
    is licensed. `reference` is the host's own name for it. `respond_by` is until when an offered one can be accepted.

    `version_no` is the version in force, `accepted_at` when the terms accepted last were, `attested` that this happened
    on paper, as the host says. `proposed_no` are newer terms: until `proposed_until` the clipper may accept them;
    where that is null they are accepted, and wait for the day from which they hold.
    """

    grant_id: int
    offer_id: int
    clipper_id: int
    version_no: int
    state: State
    handles: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    reference: str | None
    certificate_no: str
    created_at: datetime
    respond_by: datetime | None
    accepted_at: datetime | None
    attested: bool
    proposed_no: int | None
    proposed_until: datetime | None

    @property
    def agreed(self) -> tuple[int, ...]:
        """The version in force and, if newer terms were accepted that are still to come into force, theirs."""
        if self.proposed_no is None or self.proposed_until is not None:
            return (self.version_no,)
        return (self.version_no, self.proposed_no)


_COLUMNS = tuple(grants.c[name] for name in Grant.__struct_fields__)


def grant_of(row: RowMapping) -> Grant:
    """A row of the table, of which it takes what it needs."""
    return msgspec.convert({name: row[name] for name in Grant.__struct_fields__}, Grant)


# Reading ----------------------------------------------------------------------------------------------------


async def find_grant(connection: AsyncConnection, book_id: int, grant_id: int) -> Grant:
    """Raises GrantNotFound."""
    return await _one(connection, select(*_COLUMNS).where(_named(book_id, grant_id)), grant_id)


async def lock_grant(connection: AsyncConnection, book_id: int, grant_id: int) -> Grant:
    """As it is, and as it stays until this transaction ends, but for what this one changes. Raises GrantNotFound."""
    return await _one(connection, select(*_COLUMNS).where(_named(book_id, grant_id)).with_for_update(), grant_id)


async def book_of_grant(connection: AsyncConnection, clipper_id: int, grant_id: int) -> int:
    """Whose grant to this clipper it is. Raises GrantNotFound where it is none of the clipper's."""
    its = grants.c
    chosen = select(its.book_id).where(its.clipper_id == clipper_id, its.grant_id == grant_id)
    book_id: int | None = await connection.scalar(chosen)
    if book_id is None:
        raise GrantNotFound("grant", grant_id)
    return book_id


async def list_grants(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    offer_id: int | None = None,
    clipper_id: int | None = None,
    reference: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Grant]:
    """A host's, newest first, those before a given one."""
    its = grants.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id)
    for column, value in ((its.offer_id, offer_id), (its.clipper_id, clipper_id), (its.reference, reference)):
        if value is not None:
            chosen = chosen.where(column == value)
    return await _read(connection, _page(chosen, state, before, limit))


async def list_own_grants(
    connection: AsyncConnection,
    clipper_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Grant]:
    """A clipper's, of all hosts, newest first, those before a given one."""
    chosen = select(*_COLUMNS).where(grants.c.clipper_id == clipper_id)
    return await _read(connection, _page(chosen, state, before, limit))


def _named(book_id: int, grant_id: int) -> Any:
    return (grants.c.book_id == book_id) & (grants.c.grant_id == grant_id)


def _page(chosen: Select[Any], state: State | None, before: int | None, limit: int) -> Select[Any]:
    if state is not None:
        chosen = chosen.where(grants.c.state == state)
    if before is not None:
        chosen = chosen.where(grants.c.grant_id < before)
    return chosen.order_by(grants.c.grant_id.desc()).limit(limit)


async def _one(connection: AsyncConnection, chosen: Select[Any], grant_id: int) -> Grant:
    found = await _read(connection, chosen)
    if not found:
        raise GrantNotFound("grant", grant_id)
    return found[0]


async def _read(connection: AsyncConnection, chosen: Select[Any]) -> list[Grant]:
    return [grant_of(row) for row in (await connection.execute(chosen)).mappings()]


# Granting ---------------------------------------------------------------------------------------------------


async def create_grants(
    connection: AsyncConnection, book_id: int, by: By, offer_id: int, rows: Sequence[NewGrant]
) -> list[Grant]:
    """All of these grants of an offer, in their order, or none.

    Raises:
        OfferNotFound, NothingPublished, WrongTransition: there is no offer that grants could be made of.
        PartyNotFound, AlreadyGranted, InvalidGrant, InvalidHandle, NotAccepted, ExclusiveElsewhere, QuotaReached:
            of the first row that can't be granted.
    """
    made = []
    for outcome in await try_grants(connection, book_id, by, offer_id, rows, together=True):
        if isinstance(outcome, LicensingError):
            raise outcome
        if outcome is not None:
            made.append(outcome)
    return made


async def try_grants(
    connection: AsyncConnection,
    book_id: int,
    by: By,
    offer_id: int,
    rows: Sequence[NewGrant | LicensingError],
    *,
    together: bool = False,
) -> list[Grant | LicensingError | None]:
    """For each row its grant, or why there is none. What was refused before stays refused.

    `together`, one that is refused keeps all from being made: None stands for those that could have been.
    Raises OfferNotFound, NothingPublished, WrongTransition.
    """
    outcomes = await issue(connection, book_id, by, offer_id, rows, together=together)
    return [each if each is None or isinstance(each, LicensingError) else grant_of(each) for each in outcomes]
