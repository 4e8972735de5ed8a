"""Payouts: what was paid to whom, what is in the way, and the rails that they leave by."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.payout_runs import RunReason
from settlement.api.scopes import APPROVE, IMPORT, PARTY_READ, RAILS, READ
from settlement.parties import PARTY
from settlement.payouts import halts, payouts, steps
from settlement.payouts.halts import Rails, RailState
from settlement.payouts.lifecycle import RailName, State
from settlement.payouts.payouts import OwnPayout, Payout, PayoutEvent

_Run = Annotated[int | None, QueryParameter(name="run", ge=1, le=BIGINT_MAX, description="Of this run alone.")]
_Party = Annotated[str | None, QueryParameter(pattern=PARTY, description="To this party alone: host, clipper-7.")]
_State = Annotated[State | None, QueryParameter(name="state", description="In this state alone.")]


class PayoutWithEvents(msgspec.Struct, frozen=True):
    """A payout and each step of its way."""

    payout: Payout
    events: list[PayoutEvent]


@get("/payouts", opt=READ, summary="Payouts")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    run_id: _Run = None,
    party: _Party = None,
    in_state: _State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Payout]:
    """Newest first. Amounts are in minor units."""
    found = await payouts.list_payouts(
        connection, book_id, run_id=run_id, party=party, state=in_state, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.payout_id)


@get("/payouts/{payout_id:int}", opt=READ, summary="A payout")
async def show(
    payout_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> PayoutWithEvents:
    """With every call that was made for it, and what came of it."""
    return await _shown(connection, book_id, payout_id)


@post(
    "/payouts/{payout_id:int}/retry",
    opt={**IMPORT, "action": "payout.retry"},
    status_code=200,
    summary="Send a refused payout again",
)
async def retry(
    payout_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> PayoutWithEvents:
    """Once the reason is gone. Nothing was paid by the call that was refused."""
    await steps.retry(connection, book_id, payout_id, actor, datetime.now(UTC))
    return await _shown(connection, book_id, payout_id)


@post(
    "/payouts/{payout_id:int}/cancel",
    opt={**APPROVE, "action": "payout.cancel"},
    status_code=200,
    summary="Cancel a payout that was not sent",
)
async def cancel(
    payout_id: FromPath[int],
    data: JSONBody[RunReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> PayoutWithEvents:
    """What it set aside is available again. Refused where it may have been sent."""
    await steps.cancel(connection, book_id, [payout_id], actor, data.reason, datetime.now(UTC))
    return await _shown(connection, book_id, payout_id)


async def _shown(connection: AsyncConnection, book_id: int, payout_id: int) -> PayoutWithEvents:
    found = await payouts.find_payout(connection, book_id, payout_id)
    return PayoutWithEvents(found, await payouts.events_of(connection, book_id, payout_id))


# A party's own ----------------------------------------------------------------------------------------------


@get("/payouts", opt=PARTY_READ, summary="Your payouts")
async def list_own(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[OwnPayout]:
    """From every host, newest first: those that were approved."""
    found = await payouts.list_own(connection, party_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.payout.payout_id)


# Rails ------------------------------------------------------------------------------------------------------


@get("/rails", opt=RAILS, summary="The rails that payouts leave by")
async def list_rails(connection: NamedDependency[AsyncConnection], rails: NamedDependency[Rails]) -> list[RailState]:
    """Which are set up, and why one is halted."""
    return await halts.rail_states(connection, rails)


@post("/rails/{rail:str}/resume", opt={**RAILS, "action": "rail.resume"}, status_code=200, summary="Use a rail again")
async def resume_rail(
    rail: FromPath[RailName],
    connection: NamedDependency[AsyncConnection],
    rails: NamedDependency[Rails],
    actor: NamedDependency[str],
) -> list[RailState]:
    """After what halted it is put right. Its runs are resumed one by one by their approvers."""
    await halts.end_halt(connection, rail, actor, datetime.now(UTC))
    return await halts.rail_states(connection, rails)


HOST_ROUTES = [list_all, show, retry, cancel]
CLIPPER_ROUTES = [list_own]
AGENCY_ROUTES = [list_own]
SERVICE_ROUTES = [list_rails, resume_rail]
