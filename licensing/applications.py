"""Applications: a clipper asks for a grant of an open offer, and by that accepts the newest terms.

What is approved becomes a grant in the same transaction: an active one, accepted when the clipper applied, unless
newer terms were published since, which the clipper is then offered. How one applies stands in `licensing.applying`.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.approval import Finding
from licensing.errors import ApplicationNotFound, DeadlinePassed, InvalidApplication
from licensing.events import Change, record
from licensing.grants import Acceptance, NewGrant, create_grants
from licensing.offers import lock_offer
from licensing.states import APPLICATION, By
from licensing.tables import applications, grants, offers, parties
from licensing.vocabulary import check_text

State = Literal["submitted", "approved", "rejected", "withdrawn", "expired"]
CLOCK = By("system", "clock")
_AT_A_TIME = 1000
_LONGEST_REASON = 2000


class Application(msgspec.Struct, frozen=True):
    """`version_no` are the terms that the clipper has accepted by applying, `findings` what the offer's rules of
    automatic approval said. Undecided, it ends at `expires_at`; approved, it has become the grant `grant_id`.
    """

    application_id: int
    offer_id: int
    offer_title: str
    clipper_id: int
    clipper_name: str
    version_no: int
    message: str
    state: State
    findings: tuple[Finding, ...]
    submitted_by: str
    submitted_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    grant_id: int | None


# Deciding ---------------------------------------------------------------------------------------------------


async def approve_application(connection: AsyncConnection, book_id: int, application_id: int, by: By) -> Application:
    """Approve it and make the grant.

    Raises:
        ApplicationNotFound, WrongTransition
        DeadlinePassed: it has expired by now.
        QuotaReached, AlreadyGranted, ExclusiveElsewhere, InvalidGrant: no grant can be made.
    """
    found = await find_application(connection, book_id, application_id)
    offer = await lock_offer(connection, book_id, found.offer_id)  # first, as everybody does who makes grants
    row = await _locked(connection, applications.c.book_id == book_id, application_id)
    target = APPLICATION.target(row.state, "approved", by.side)
    if await connection.scalar(select(row.expires_at <= func.clock_timestamp())):
        raise DeadlinePassed("expires_at", row.expires_at.isoformat(), "the application has expired")
    accepted = None
    if row.version_no == offer.version_no:
        ip = row.submitted_ip and str(row.submitted_ip)
        accepted = Acceptance(accepted_at=row.submitted_at, accepted_by=row.submitted_by, ip=ip)
    new = NewGrant(clipper_id=row.clipper_id, application_id=application_id, acceptance=accepted)
    (grant,) = await create_grants(connection, book_id, by, row.offer_id, [new])
    return await _decide(connection, row, "approved", target, by, detail={"grant_id": grant.grant_id})


async def reject_application(
    connection: AsyncConnection, book_id: int, application_id: int, reason: str, by: By
) -> Application:
    """Raises ApplicationNotFound, InvalidApplication, WrongTransition."""
    said = check_text(reason, InvalidApplication, "reason", most=_LONGEST_REASON)
    row = await _locked(connection, applications.c.book_id == book_id, application_id)
    target = APPLICATION.target(row.state, "rejected", by.side)
    return await _decide(connection, row, "rejected", target, by, reason=said)


async def withdraw_application(
    connection: AsyncConnection, clipper_id: int, application_id: int, by: By
) -> Application:
    """Raises ApplicationNotFound, WrongTransition."""
    row = await _locked(connection, applications.c.clipper_id == clipper_id, application_id)
    target = APPLICATION.target(row.state, "withdrawn", by.side)
    return await _decide(connection, row, "withdrawn", target, by)


async def expire_applications(connection: AsyncConnection, book_id: int) -> int:
    """End those that nobody decided on in time; returns how many, at most 1000 at a time."""
    its = applications.c
    due = and_(its.book_id == book_id, its.state == "submitted", its.expires_at <= func.now())
    chosen = select(its.application_id).where(due).order_by(its.application_id).limit(_AT_A_TIME)
    locked = chosen.with_for_update(skip_locked=True).cte("due")
    here = and_(its.book_id == book_id, its.application_id == locked.c.application_id)
    ended = update(applications).where(here).values(state="expired", decided_by=CLOCK.actor, decided_at=func.now())
    rows = sorted((await connection.execute(ended.returning(applications))).all(), key=lambda row: row.application_id)
    await record(connection, book_id, "application", CLOCK, [_change(row, "expired", "expired", {}) for row in rows])
    return len(rows)


async def _decide(
    connection: AsyncConnection,
    row: Row[Any],
    action: str,
    target: str,
    by: By,
    *,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> Application:
    """The row, which is locked, gets its decision; that is told."""
    values = {"state": target, "decided_by": by.actor, "decided_at": func.clock_timestamp(), "reason": reason}
    await connection.execute(update(applications).where(_named(row.book_id, row.application_id)).values(values))
    told = {**(detail or {}), **({"reason": reason} if reason else {})}
    await record(connection, row.book_id, "application", by, [_change(row, action, target, told)])
    return await find_application(connection, row.book_id, row.application_id)


def _change(row: Row[Any], action: str, target: str, detail: dict[str, Any]) -> Change:
    about = {"offer_id": row.offer_id, **detail}
    return Change(action, row.application_id, target, "submitted", row.clipper_id, about)


async def _locked(connection: AsyncConnection, whose: ColumnElement[bool], application_id: int) -> Row[Any]:
    chosen = select(applications).where(whose, applications.c.application_id == application_id)
    row = (await connection.execute(chosen.with_for_update())).one_or_none()
    if row is None:
        raise ApplicationNotFound("application", application_id)
    return row


def _named(book_id: int, application_id: int) -> ColumnElement[bool]:
    return and_(applications.c.book_id == book_id, applications.c.application_id == application_id)


# Reading ----------------------------------------------------------------------------------------------------


async def find_application(connection: AsyncConnection, book_id: int, application_id: int) -> Application:
    """Raises ApplicationNotFound."""
    return await _one(connection, applications.c.book_id == book_id, application_id)


async def find_own_application(connection: AsyncConnection, clipper_id: int, application_id: int) -> Application:
    """Raises ApplicationNotFound where it is none of the clipper's."""
    return await _one(connection, applications.c.clipper_id == clipper_id, application_id)


async def book_of_application(connection: AsyncConnection, clipper_id: int, application_id: int) -> int:
    """To whose offer this clipper has applied. Raises ApplicationNotFound where it is none of the clipper's."""
    its = applications.c
    chosen = select(its.book_id).where(its.clipper_id == clipper_id, its.application_id == application_id)
    book_id: int | None = await connection.scalar(chosen)
    if book_id is None:
        raise ApplicationNotFound("application", application_id)
    return book_id


async def list_applications(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    offer_id: int | None = None,
    clipper_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Application]:
    """A host's, newest first, those before a given one."""
    chosen = _shown().where(applications.c.book_id == book_id)
    if offer_id is not None:
        chosen = chosen.where(applications.c.offer_id == offer_id)
    if clipper_id is not None:
        chosen = chosen.where(applications.c.clipper_id == clipper_id)
    return await _list(connection, chosen, state, before, limit)


async def list_own_applications(
    connection: AsyncConnection,
    clipper_id: int,
    *,
    state: State | None = None,
    offer_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Application]:
    """A clipper's, to all hosts, newest first, those before a given one."""
    chosen = _shown().where(applications.c.clipper_id == clipper_id)
    if offer_id is not None:
        chosen = chosen.where(applications.c.offer_id == offer_id)
    return await _list(connection, chosen, state, before, limit)


def _shown() -> Select[Any]:
    """Applications as they are read: with the names of offer and clipper, and the grant they have become."""
    its, given = applications.c, grants.c
    became = and_(
        given.clipper_id == its.clipper_id,
        given.book_id == its.book_id,
        given.application_id == its.application_id,
    )
    grant_id = select(given.grant_id).where(became).correlate(applications).scalar_subquery()
    named = [its[name] for name in Application.__struct_fields__ if name in its]
    offered = and_(offers.c.book_id == its.book_id, offers.c.offer_id == its.offer_id)
    joined = applications.join(offers, offered).join(parties, parties.c.party_id == its.clipper_id)
    names = (offers.c.title.label("offer_title"), parties.c.name.label("clipper_name"))
    return select(*named, *names, grant_id.label("grant_id")).select_from(joined)


async def _list(
    connection: AsyncConnection, chosen: Select[Any], state: State | None, before: int | None, limit: int
) -> list[Application]:
    its = applications.c
    if state is not None:
        chosen = chosen.where(its.state == state)
    if before is not None:
        chosen = chosen.where(its.application_id < before)
    rows = await connection.execute(chosen.order_by(its.application_id.desc()).limit(limit))
    return [_application(row) for row in rows]


async def _one(connection: AsyncConnection, whose: ColumnElement[bool], application_id: int) -> Application:
    chosen = _shown().where(whose, applications.c.application_id == application_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise ApplicationNotFound("application", application_id)
    return _application(row)


def _application(row: Row[Any]) -> Application:
    return msgspec.convert({name: row._mapping[name] for name in Application.__struct_fields__}, Application)
