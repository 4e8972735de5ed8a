"""What the year of trade leaves: a dispute, an application, an adjustment; a schedule of payouts, a webhook."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.errors import UserNotFound
from clipledger.access.users import add_user, find_user
from clipledger.demo.crowd import APPLICANT, JAPANESE, WESTERN, Licensed, Market
from clipledger.demo.licensed import LILI
from clipledger.demo.stage import Stage
from licensing import granting
from licensing.applying import apply_for_offer
from licensing.claim_evidence import Statement
from licensing.claims import open_claim
from licensing.offers import find_terms
from licensing.registration import register_clippers
from licensing.states import By
from licensing.webhooks.endpoints import add_endpoint
from settlement.adjustments import Proposed, propose
from settlement.closing import Person
from settlement.payouts.days import PayDays
from settlement.payouts.schedules import Plan, set_schedule
from settlement.positions import clipper_party

_SUSPENDED = WESTERN[3]
_UNDERPAID = JAPANESE[0]


async def dispute(stage: Stage, crowd: Sequence[Licensed]) -> None:
    """A licence is suspended, and its clipper disputes that."""
    (its,) = (each for each in crowd if each.clipper == _SUSPENDED)
    said = Statement("The second account is my sister's. I have posted nothing there since March.")
    async with stage.engine.begin() as connection:
        await granting.suspend(connection, stage.book.book_id, LILI, its.grant_id, "Posted from another account")
        whose = {"clipper_id": its.clipper_id}
        await open_claim(connection, its.by, whose, "wrongly-suspended", said, grant_id=its.grant_id)


async def leave(stage: Stage, crowd: Sequence[Licensed], offers: Mapping[Market, int]) -> None:
    """For Lili, for who approves, and for Ana, who sees when she is paid next."""
    book_id = stage.book.book_id
    async with stage.engine.begin() as connection:
        await _apply(connection, book_id, offers[APPLICANT.market])
        await _adjust(connection, book_id, crowd)
        days = PayDays(cadence="monthly", days=(15,))
        plan = Plan(days=days, rail="stripe", basis="available")
        await set_schedule(connection, book_id, plan, by=LILI.actor, now=datetime.now(UTC))
        await add_endpoint(
            connection,
            book_id,
            LILI,
            "https://127.0.0.1:8443/clipledger",
            description="Lili's own shop",
            types=("grant.revoked",),  # which nothing sends by itself: nobody listens there
            allow_private=True,
        )


async def _apply(connection: AsyncConnection, book_id: int, offer_id: int) -> None:
    """Nina has too few approved clips for the rules, so a person decides."""
    (found,) = await register_clippers(connection, LILI, [APPLICANT.row])
    assert found.clipper_id is not None
    terms = await find_terms(connection, book_id, offer_id)
    await apply_for_offer(
        connection,
        found.clipper_id,
        offer_id,
        By("clipper", f"clipper:{found.clipper_id}"),
        message="I cut fashion streams for two shops in Kraków, and post every day at eight.",
        accept_sha256=terms.sha256,
    )


async def _adjust(connection: AsyncConnection, book_id: int, crowd: Sequence[Licensed]) -> None:
    (its,) = (each for each in crowd if each.clipper == _UNDERPAID)
    asked = Proposed(
        kind="adjustment",
        party=clipper_party(its.clipper_id),
        currency=its.clipper.market.currency,
        amount=12_000,
        against="host",
        reason="Bonus for the tea week, promised in writing",
    )
    await propose(connection, book_id, await _mei(connection), asked)


async def _mei(connection: AsyncConnection) -> Person:
    """Who keeps Lili's books."""
    try:
        user = await find_user(connection, "mei@example.com")
    except UserNotFound:
        user = await add_user(connection, "mei@example.com", secrets.token_urlsafe(24), "Mei")
    return Person(user.user_id, f"user:{user.user_id}")
