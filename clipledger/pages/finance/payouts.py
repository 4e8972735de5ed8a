"""Payouts: when the book pays, what a run would pay, runs let go by two people, and each payout's way to the bank."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS
from clipledger.pages.finance.names import called, parties
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.money import BIGINT_MAX
from media.api.pages import Cursor, number_of, page_of
from settlement.payouts import accounts, banks, files, halts, overview, payouts, runs, schedules
from settlement.payouts.accounts import Owner
from settlement.payouts.errors import PayoutNotFound, ScheduleNotFound
from settlement.payouts.file_answers import LARGEST_ANSWER
from settlement.payouts.halts import Rails
from settlement.payouts.lifecycle import State
from settlement.payouts.overview import Payable, Payee
from settlement.payouts.runs import Sum
from settlement.payouts.schedules import Schedule

_AROUND = 64 * 1024
"""What a form has besides its file."""
RAILS: Mapping[str, str] = {"stripe": N_("Stripe"), "bank-file": N_("bank file")}
FIXERS: Mapping[str, str] = {
    "payee": N_("the payee, in its account"),
    "host": N_("you, the host"),
    "operator": N_("the operator of this service"),
}
"""Who puts right what is in a payout's way."""
MEANINGS: Mapping[State, str] = {
    "planned": N_("Nothing is set aside before the run is approved."),
    "left-out": N_("Not paid by this run; what it would have been stays available."),
    "ready": N_("Sent next."),
    "sending": N_("Being sent."),
    "filed": N_("Waits to be put into a file for the bank."),
    "sent": N_("On its way; paid once the bank or Stripe shows it."),
    "paid": N_("Arrived."),
    "refused": N_("Nothing was paid. Retry it once the reason is gone, or cancel it."),
    "unknown": N_("May have been paid or not. It is looked up before anything is sent again."),
    "returned": N_("Came back whole; the money is available again."),
    "cancelled": N_("Never paid; the money is available again."),
}
STEPS: Mapping[str, str] = {
    "approved": N_("Approved: the money was set aside"),
    "claimed": N_("Sent to the rail"),
    "filed": N_("Waits for a bank file"),
    "sent": N_("Taken by the rail"),
    "answered": N_("The bank said how far it is"),
    "confirmed": N_("Shown as paid"),
    "refused": N_("Refused"),
    "lost": N_("No clear answer"),
    "deferred": N_("Put off by the rail"),
    "released": N_("To be tried again"),
    "returned": N_("Came back"),
    "cancelled": N_("Cancelled"),
}
_WAITING = frozenset({"planned", "ready", "sending", "filed"})
"""States of what a run has yet to send."""


class Leaving(NamedTuple):
    """What a run pays in one currency: so much, to so many, and how many of them wait no more."""

    currency: str
    amount: int
    payouts: int
    ended: int


# Runs and schedule --------------------------------------------------------------------------------------------


@page("/books/{book:str}/finance/payouts", space="finance", scope="settlement:read")
async def payout_runs(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    rails: NamedDependency[Rails],
    show: Annotated[Literal["runs", "schedule", "payees", "accounts"], QueryParameter()] = "runs",
    payable: Annotated[Literal["active", "blocked", "none", ""], QueryParameter()] = "",
    cursor: Cursor = None,
) -> Response[str]:
    """The runs; or when the book pays, whom it can pay, and from where."""
    shared = {"show": show, "rails": await halts.rail_states(connection, rails), "rail_names": RAILS}
    schedule = await _schedule(connection, book_id)
    if show == "payees":
        return view.render(
            "finance/payees.html", **shared, **await _payees(connection, book_id, payable or None, number_of(cursor))
        )
    if show == "accounts":
        kept = await banks.own_accounts(connection, book_id) if view.may("settlement:import") else []
        own = await accounts.list_accounts(connection, Owner(book_id=book_id))
        return view.render("finance/payout_accounts.html", **shared, kept=kept, own=own)
    if show == "schedule":
        by = await called(view, connection, [schedule.updated_by] if schedule else [])
        return view.render("finance/payout_schedule.html", **shared, schedule=schedule, by=by)
    listed = await runs.list_runs(connection, book_id, before=number_of(cursor), limit=ROWS + 1)
    shown = page_of(listed, ROWS, lambda each: each.run_id)
    answer = view.answer("plan")
    return view.render(
        "finance/payouts.html",
        **shared,
        schedule=schedule,
        runs=shown.data,
        next_cursor=shown.next_cursor,
        totals=await overview.run_totals(connection, book_id, [each.run_id for each in shown.data]),
        plan=None if answer is None else _plan(answer),
        names=await parties(view, connection, [each["party"] for each in (answer or [])[:ROWS]]),
        fixers=FIXERS,
    )


async def _schedule(connection: AsyncConnection, book_id: int) -> Schedule | None:
    try:
        return await schedules.find_schedule(connection, book_id, datetime.now(UTC))
    except ScheduleNotFound:
        return None


async def _payees(
    connection: AsyncConnection, book_id: int, payable: Payable | None, after: int | None
) -> dict[str, Any]:
    found = await overview.list_payees(connection, book_id, payable=payable, after=after or 0, limit=ROWS + 1)
    grouped: dict[int, list[Payee]] = {}
    for each in found:
        grouped.setdefault(each.party_id, []).append(each)
    shown = list(grouped.values())[:ROWS]
    return {
        "payees": shown,
        "next_cursor": str(shown[-1][0].party_id) if len(grouped) > ROWS else None,
        "counts": await overview.count_payees(connection, book_id),
        "payable": payable,
    }


def _plan(planned: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A preview, summed: what would be paid by currency, and who is left out why."""
    paid: dict[str, tuple[int, int]] = {}
    left: dict[tuple[str, str | None], int] = {}
    for each in planned:
        if each["code"] is None:
            amount, number = paid.get(each["currency"], (0, 0))
            paid[each["currency"]] = amount + each["amount"], number + 1
        else:
            why = each["code"], each["fixed_by"]
            left[why] = left.get(why, 0) + 1
    return {"paid": paid, "left": left, "rows": planned[:ROWS], "more": max(len(planned) - ROWS, 0)}


# A run --------------------------------------------------------------------------------------------------------


@page(
    "/books/{book:str}/finance/payouts/{run_id:int}",
    space="finance",
    scope="settlement:read",
    largest_body=LARGEST_ANSWER + _AROUND,
)
async def payout_run(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    run_id: FromPath[int],
    rails: NamedDependency[Rails],
    in_state: Annotated[State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Response[str]:
    """How far it is, who did what, what may be done next, and its payouts."""
    run = await runs.find_run(connection, book_id, run_id)
    sums = await runs.sums_of(connection, book_id, run_id)
    events = await runs.events_of(connection, book_id, run_id)
    made = await files.list_files(connection, book_id, run_id)
    listed = await payouts.list_payouts(
        connection, book_id, run_id=run_id, state=in_state, before=number_of(cursor) or BIGINT_MAX, limit=ROWS + 1
    )
    shown = page_of(listed, ROWS, lambda each: each.payout_id)
    halted = {each.rail: each for each in await halts.rail_states(connection, rails) if each.halted}
    return view.render(
        "finance/payout_run.html",
        run=run,
        sums=sums,
        leaving=_leaving(sums),
        events=events,
        files=made,
        payouts=shown.data,
        next_cursor=shown.next_cursor,
        state=in_state,
        halted=halted.get(run.rail),
        mine=view.principal is not None and run.submitted_by == view.principal.user_id,
        names=await parties(view, connection, [each.party for each in shown.data]),
        who=await called(
            view,
            connection,
            [run.created_by, *(each.actor for each in events), *(each.made_by for each in made)],
        ),
        rail_names=RAILS,
        fixers=FIXERS,
        meanings=MEANINGS,
    )


def _leaving(sums: Sequence[Sum]) -> list[Leaving]:
    """Without those that are left out."""
    found: dict[str, Leaving] = {}
    for each in sums:
        if each.state != "left-out":
            was = found.get(each.currency, Leaving(each.currency, 0, 0, 0))
            ended = was.ended + (0 if each.state in _WAITING else each.payouts)
            found[each.currency] = Leaving(each.currency, was.amount + each.amount, was.payouts + each.payouts, ended)
    return list(found.values())


# A payout -----------------------------------------------------------------------------------------------------


@page("/books/{book:str}/finance/payouts/{run_id:int}/{payout_id:int}", space="finance", scope="settlement:read")
async def payout(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    run_id: FromPath[int],
    payout_id: FromPath[int],
) -> Response[str]:
    """Every step of its way, and every entry."""
    its = await payouts.find_payout(connection, book_id, payout_id)
    if its.run_id != run_id:
        raise PayoutNotFound("payout", payout_id)
    events = await payouts.events_of(connection, book_id, payout_id)
    by = [str(each.detail["by"]) for each in events if "by" in each.detail]
    return view.render(
        "finance/payout.html",
        payout=its,
        events=events,
        steps=STEPS,
        entries=await overview.entries_of(connection, book_id, payout_id),
        name=(await parties(view, connection, [its.party])).get(its.party, its.party),
        who=await called(view, connection, by),
        rail_names=RAILS,
        fixers=FIXERS,
        meanings=MEANINGS,
    )
