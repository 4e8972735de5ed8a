"""How a clipper applies for an offer: what stands against it, what is known of the clipper, and approval at once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import and_, case, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.applications import Application, approve_application, find_application
from licensing.approval import Facts, Finding, assess, passed
from licensing.changes import moment
from licensing.errors import (
    AlreadyApplied,
    AlreadyGranted,
    DeadlinePassed,
    InvalidApplication,
    InvalidHandle,
    NotAccepted,
    QuotaReached,
    WrongTransition,
)
from licensing.events import Change, record
from licensing.handles import confirmed_accounts
from licensing.offers import LIVING, Offer, TermsVersion, book_of_offer, find_terms, lock_offer, places_taken
from licensing.parties import find_party
from licensing.states import HANDLE, By
from licensing.tables import applications, clipper_facts, grants, handles, submissions
from licensing.terms import Terms
from licensing.vocabulary import check_text

OPEN_FOR = timedelta(days=30)
"""How long the host has to decide."""
RULES = By("system", "approval-rules")
"""By whom an application is approved that keeps all rules."""


async def apply_for_offer(
    connection: AsyncConnection,
    clipper_id: int,
    offer_id: int,
    by: By,
    *,
    message: str,
    accept_sha256: str,
    ip: str | None = None,
) -> Application:
    """Apply, accepting the newest terms, whose hash this must be; approved at once where the offer's rules say so
    and an account is confirmed.

    Raises:
        OfferNotFound: there is none, or it is a draft.
        InvalidApplication: the message is too long.
        InvalidHandle: the clipper has claimed no account on a platform of the terms.
        WrongTransition: the offer takes no applications now.
        DeadlinePassed, NotAccepted, QuotaReached, AlreadyApplied, AlreadyGranted
        ExclusiveElsewhere: the rules approve, but another grant keeps this one from being made.
    """
    said = check_text(message, InvalidApplication, "message", least=0, most=2000)
    book_id = await book_of_offer(connection, offer_id)
    offer = await lock_offer(connection, book_id, offer_id)
    now = await moment(connection)
    version = await find_terms(connection, book_id, offer_id)
    _check_open(offer, version.terms, now)
    if accept_sha256 != version.sha256:
        raise NotAccepted("accept_sha256", accept_sha256)
    facts = await facts_of(connection, clipper_id, version.terms.split.currency)
    await _check_platforms(connection, clipper_id, version.terms)
    await _check_place(connection, book_id, offer, clipper_id)
    findings = assess(offer.approval, facts) if offer.approval else []
    values = {"message": said, "submitted_by": by.actor, "submitted_ip": ip, "submitted_at": now}
    application_id = await _submit(connection, book_id, offer_id, clipper_id, version, findings, values)
    about = {"offer_id": offer_id, "version_no": version.version_no}
    told = Change("submitted", application_id, "submitted", clipper_id=clipper_id, detail=about)
    await record(connection, book_id, "application", by, [told])
    proved = {*facts.platforms} & {*version.terms.platforms}
    if offer.approval and proved and passed(findings):
        return await approve_application(connection, book_id, application_id, RULES)
    return await find_application(connection, book_id, application_id)


def _check_open(offer: Offer, terms: Terms, now: datetime) -> None:
    if offer.state != "open":
        raise WrongTransition("offer.state", offer.state, "applications are taken while an offer is open")
    if offer.applications_until is not None and offer.applications_until <= now:
        until = offer.applications_until.isoformat()
        raise DeadlinePassed("applications_until", until, "applications were taken until then")
    if terms.ends_at is not None and terms.ends_at <= now:
        raise DeadlinePassed("ends_at", terms.ends_at.isoformat(), "the terms have ended")


async def _check_platforms(connection: AsyncConnection, clipper_id: int, terms: Terms) -> None:
    """An account that is claimed will do: whoever is applied to may confirm it, before approving."""
    its = handles.c
    mine = select(its.platform).distinct().where(its.clipper_id == clipper_id, its.state.in_(HANDLE.initial))
    platforms = set(await connection.scalars(mine))
    if not platforms & {*terms.platforms}:
        rule = f"first claim an account on one of {', '.join(terms.platforms)}"
        raise InvalidHandle("platforms", ", ".join(sorted(platforms)), rule)


async def _check_place(connection: AsyncConnection, book_id: int, offer: Offer, clipper_id: int) -> None:
    """The offer is locked, so that a place which is free now is still free when the grant is made."""
    its, theirs = grants.c, applications.c
    granted = and_(its.book_id == book_id, its.offer_id == offer.offer_id, its.clipper_id == clipper_id)
    if await connection.scalar(select(exists().where(granted, its.state.in_(LIVING)))):
        raise AlreadyGranted("offer_id", offer.offer_id)
    applied = and_(theirs.book_id == book_id, theirs.offer_id == offer.offer_id, theirs.clipper_id == clipper_id)
    if await connection.scalar(select(exists().where(applied, theirs.state == "submitted"))):
        raise AlreadyApplied("offer_id", offer.offer_id)
    if offer.quota is not None and await places_taken(connection, book_id, offer.offer_id) >= offer.quota:
        raise QuotaReached("offer.quota", offer.quota)


async def _submit(
    connection: AsyncConnection,
    book_id: int,
    offer_id: int,
    clipper_id: int,
    version: TermsVersion,
    findings: list[Finding],
    values: Mapping[str, object],
) -> int:
    row = insert(applications).values(
        book_id=book_id,
        offer_id=offer_id,
        clipper_id=clipper_id,
        version_no=version.version_no,
        findings=msgspec.to_builtins(findings),
        expires_at=func.now() + OPEN_FOR,
        **values,
    )
    application_id: int = (await connection.execute(row.returning(applications.c.application_id))).scalar_one()
    return application_id


async def facts_of(connection: AsyncConnection, clipper_id: int, currency: str) -> Facts:
    """What is known of the clipper, its sales summed over platforms and categories. Raises PartyNotFound."""
    party = await find_party(connection, clipper_id, "clipper")
    accounts = (await confirmed_accounts(connection, [clipper_id]))[clipper_id]
    its, clips = clipper_facts.c, submissions.c
    gmv = func.sum(case((its.currency == currency, its.gmv), else_=0))
    sums = select(func.sum(its.orders), func.sum(its.returned), gmv).where(its.clipper_id == clipper_id)
    orders, returned, sold = (int(total or 0) for total in (await connection.execute(sums)).one())
    approved = and_(clips.clipper_id == clipper_id, clips.state.in_(["approved", "live"]))
    return Facts(
        platforms=tuple(dict.fromkeys(account.partition(":")[0] for account in accounts)),
        country=party.country,
        languages=party.languages,
        approved_clips=await connection.scalar(select(func.count()).select_from(submissions).where(approved)) or 0,
        orders=orders,
        returned=returned,
        gmv=sold,
    )
