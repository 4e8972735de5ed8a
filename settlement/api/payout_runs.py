"""Runs of payouts: planned, submitted by one person, approved by another; and when a book pays by itself."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from media.api.pages import Cursor, Limit, Page, number_of, page_of
from settlement.api.scopes import APPROVE, IMPORT, READ
from settlement.closing import Person
from settlement.payouts import approving, runs, schedules
from settlement.payouts.halts import Rails
from settlement.payouts.lifecycle import RailName
from settlement.payouts.planning import Basis
from settlement.payouts.runs import Run, RunEvent, Sum
from settlement.payouts.schedules import Plan, Schedule

_Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, examples=["The bank details are wrong."])]


class NewRun(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """By which rail, and whether issued statements say how much, or all that is available is paid."""

    rail: Annotated[RailName, msgspec.Meta(examples=["stripe"])] = "stripe"
    basis: Annotated[Basis, msgspec.Meta(examples=["available"])] = "statement"


class RunReason(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: _Reason


class RunWithSums(msgspec.Struct, frozen=True):
    """A run, how much of it is in which state, and who did what."""

    run: Run
    sums: list[Sum]
    events: list[RunEvent]


class PlannedPayout(msgspec.Struct, frozen=True, kw_only=True):
    """What a party would be paid. With a `code` it is left out; `reason` says why, `fixed_by` who can change that."""

    party: str
    currency: str
    taken: int
    recovery: int
    withheld: int
    amount: int
    code: str | None
    reason: str | None
    fixed_by: str | None


# When a book pays -------------------------------------------------------------------------------------------


@get("/payout-schedule", opt=READ, summary="When the book pays by itself")
async def show_schedule(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> Schedule:
    """Days are by the book's calendar. On each a run is drafted, which two people let go."""
    return await schedules.find_schedule(connection, book_id, datetime.now(UTC))


@put("/payout-schedule", opt={**IMPORT, "action": "payout-schedule.set"}, summary="Say when the book pays")
async def set_schedule(
    data: JSONBody[Plan],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Schedule:
    """Weekly on a weekday (1 is Monday), or once or twice a month (31 is the last day of any). Days of payment that
    have come by now are not made up for.
    """
    return await schedules.set_schedule(connection, book_id, data, by=actor, now=datetime.now(UTC))


# Runs -------------------------------------------------------------------------------------------------------


@post("/payout-runs/preview", opt=READ, status_code=200, summary="What a run would pay now")
async def preview(
    data: JSONBody[NewRun], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[PlannedPayout]:
    """Nothing is kept of it. Amounts are in minor units."""
    planned = await runs.preview(connection, book_id, data.rail, data.basis)
    return [
        PlannedPayout(
            party=each.party,
            currency=each.currency,
            taken=each.amounts.taken,
            recovery=each.amounts.recovery,
            withheld=each.amounts.withheld,
            amount=each.amounts.amount,
            code=each.code,
            reason=each.reason,
            fixed_by=each.fixed_by,
        )
        for each in planned
    ]


@post("/payout-runs", opt={**IMPORT, "action": "payout-run.draft"}, summary="Plan a run")
async def draft(
    data: JSONBody[NewRun],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    book: FromPath[str],
    person: NamedDependency[Person],
) -> Response[RunWithSums]:
    """Nothing is set aside before it is approved. One run of a book waits for its people at a time."""
    run = await runs.draft(connection, book_id, data.rail, data.basis, by=person)
    shown = await _shown(connection, book_id, run.run_id)
    return Response(shown, headers={"Location": f"/v1/books/{book}/payout-runs/{run.run_id}"})


@get("/payout-runs", opt=READ, summary="Runs")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Run]:
    """Newest first."""
    found = await runs.list_runs(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.run_id)


@get("/payout-runs/{run_id:int}", opt=READ, summary="A run, and how far it is")
async def show(
    run_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> RunWithSums:
    """Sums are by state and currency; `/payouts?run=` lists what they are made of."""
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/plan",
    opt={**IMPORT, "action": "payout-run.plan"},
    status_code=200,
    summary="Plan a draft anew",
)
async def plan_again(
    run_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> RunWithSums:
    """As balances and accounts are now."""
    await runs.plan_again(connection, book_id, run_id, person)
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/submit",
    opt={**IMPORT, "action": "payout-run.submit"},
    status_code=200,
    summary="Submit a run for approval",
)
async def submit(
    run_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> RunWithSums:
    """Another person approves it."""
    await runs.submit(connection, book_id, run_id, person)
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/return",
    opt={**APPROVE, "action": "payout-run.return"},
    status_code=200,
    summary="Return a run to draft",
)
async def give_back(
    run_id: FromPath[int],
    data: JSONBody[RunReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> RunWithSums:
    """With the reason, for whoever submitted it."""
    await runs.give_back(connection, book_id, run_id, person, reason=data.reason)
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/approve",
    opt={**APPROVE, "action": "payout-run.approve"},
    status_code=200,
    summary="Approve a run: set the money aside and let it be sent",
)
async def approve(
    run_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
    rails: NamedDependency[Rails],
) -> RunWithSums:
    """By another person than the one who submitted it. Refused where balances have moved below what it would pay."""
    rail = await rails.of(connection, book_id, (await runs.find_run(connection, book_id, run_id)).rail)
    await approving.approve(connection, book_id, run_id, person, rail, datetime.now(UTC))
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/resume",
    opt={**APPROVE, "action": "payout-run.resume"},
    status_code=200,
    summary="Go on with a run that was halted",
)
async def resume(
    run_id: FromPath[int],
    data: JSONBody[RunReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> RunWithSums:
    """What is unknown is looked up before anything is sent again."""
    await runs.resume(connection, book_id, run_id, person, reason=data.reason, now=datetime.now(UTC))
    return await _shown(connection, book_id, run_id)


@post(
    "/payout-runs/{run_id:int}/cancel",
    opt={**IMPORT, "action": "payout-run.cancel"},
    status_code=200,
    summary="Throw a plan away",
)
async def cancel(
    run_id: FromPath[int],
    data: JSONBody[RunReason],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    person: NamedDependency[Person],
) -> RunWithSums:
    """Only before it is approved; after that, payouts that were not sent are cancelled one by one."""
    await runs.cancel(connection, book_id, run_id, person, reason=data.reason)
    return await _shown(connection, book_id, run_id)


async def _shown(connection: AsyncConnection, book_id: int, run_id: int) -> RunWithSums:
    run = await runs.find_run(connection, book_id, run_id)
    sums = await runs.sums_of(connection, book_id, run_id)
    return RunWithSums(run, sums, await runs.events_of(connection, book_id, run_id))


HOST_ROUTES = [
    show_schedule,
    set_schedule,
    preview,
    draft,
    list_all,
    show,
    plan_again,
    submit,
    give_back,
    approve,
    resume,
    cancel,
]
