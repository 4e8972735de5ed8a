"""Runs: one payment of many. Drafted, submitted by one person, approved by another, and sent by itself.

What a run pays is planned when it is drafted, and checked again when it is approved: then the money is set aside, and
every payout has its key and the hash of its request, before any rail is called.
"""

from datetime import date, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import Row, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from licensing.vocabulary import check_text
from settlement.closing import Person
from settlement.payouts.errors import InvalidRun, NothingToPay, RunNotFound, RunOpen, WrongRunStep
from settlement.payouts.lifecycle import RailName
from settlement.payouts.planning import Basis, Planned, plan
from settlement.payouts.tables import payout_run_events, payout_runs, payouts
from settlement.recovering import lock_balances
from settlement.suspense import book_today

State = Literal["draft", "submitted", "sending", "halted", "done", "cancelled"]
Action = Literal["drafted", "submitted", "returned", "approved", "halted", "resumed", "cancelled", "finished"]

STEPS: dict[str, tuple[tuple[State, ...], State]] = {
    "drafted": (("draft",), "draft"),
    "submitted": (("draft",), "submitted"),
    "returned": (("submitted",), "draft"),
    "approved": (("submitted",), "sending"),
    "resumed": (("halted",), "sending"),
    "cancelled": (("draft", "submitted"), "cancelled"),
}
"""What people do: what each leads from, and to."""

_UNDER_WAY = ("draft", "submitted")
_MOST_REASON = 2000


class Run(msgspec.Struct, frozen=True):
    """`due_on` is the day of the schedule it was made for, `pay_on` the day that its entries bear."""

    run_id: int
    rail: RailName
    basis: Basis
    due_on: date | None
    pay_on: date
    state: State
    halted: str | None
    submitted_by: int | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class RunEvent(msgspec.Struct, frozen=True):
    """One step of a run; without a user the service took it."""

    event_no: int
    action: str
    state: State
    user_id: int | None
    actor: str
    reason: str | None
    detail: dict[str, Any]
    at: datetime


class Sum(msgspec.Struct, frozen=True):
    """Of a run's payouts in one state and currency, in minor units."""

    state: str
    currency: str
    payouts: int
    taken: int
    recovery: int
    withheld: int
    amount: int


_COLUMNS = [payout_runs.c[name] for name in Run.__struct_fields__]


# Reading ------------------------------------------------------------------------------------------------------


async def find_run(connection: AsyncConnection, book_id: int, run_id: int) -> Run:
    """Raises RunNotFound."""
    its = payout_runs.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.run_id == run_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise RunNotFound("run", run_id)
    return Run(*row)


async def list_runs(
    connection: AsyncConnection, book_id: int, *, before: int | None = None, limit: int = 100
) -> list[Run]:
    """Newest first."""
    its = payout_runs.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.run_id < (before or BIGINT_MAX))
    return [Run(*row) for row in await connection.execute(chosen.order_by(its.run_id.desc()).limit(limit))]


async def sums_of(connection: AsyncConnection, book_id: int, run_id: int) -> list[Sum]:
    """How far it is: by state and currency."""
    return [Sum(*row) for row in await connection.execute(_SUMS, {"book": book_id, "run": run_id})]


async def events_of(connection: AsyncConnection, book_id: int, run_id: int) -> list[RunEvent]:
    """In order."""
    its = payout_run_events.c
    chosen = select(*(its[name] for name in RunEvent.__struct_fields__))
    chosen = chosen.where(its.book_id == book_id, its.run_id == run_id)
    return [RunEvent(*row) for row in await connection.execute(chosen.order_by(its.event_no))]


async def preview(connection: AsyncConnection, book_id: int, rail: RailName, basis: Basis) -> list[Planned]:
    """What a run would pay today. Nothing is kept of it."""
    return await plan(connection, book_id, rail, basis, await book_today(connection, book_id))


# The steps ----------------------------------------------------------------------------------------------------


async def draft(
    connection: AsyncConnection,
    book_id: int,
    rail: RailName,
    basis: Basis,
    *,
    by: Person | None,
    due_on: date | None = None,
) -> Run:
    """Plan a run for today by the book's calendar. Without a person the service does, for a day of the schedule.

    Raises RunOpen, NothingToPay.
    """
    await lock_balances(connection, book_id)
    open_run = await connection.scalar(_OPEN, {"book": book_id})
    if open_run is not None:
        raise RunOpen("run", open_run)
    today = await book_today(connection, book_id)
    row = insert(payout_runs).values(
        book_id=book_id,
        rail=rail,
        basis=basis,
        due_on=due_on,
        pay_on=today,
        created_by=by.actor if by else "system",
    )
    run = Run(*(await connection.execute(row.returning(*_COLUMNS))).one())
    await _plan(connection, book_id, run, by)
    return run


async def plan_again(connection: AsyncConnection, book_id: int, run_id: int, by: Person) -> None:
    """Make the plan of a draft anew, for today. Raises RunNotFound, WrongRunStep, NothingToPay."""
    await lock_balances(connection, book_id)
    await take_step(connection, book_id, run_id, "drafted", pay_on=await book_today(connection, book_id))
    await connection.execute(delete(payouts).where(payouts.c.book_id == book_id, payouts.c.run_id == run_id))
    await _plan(connection, book_id, await find_run(connection, book_id, run_id), by)


async def submit(connection: AsyncConnection, book_id: int, run_id: int, by: Person) -> None:
    """Hand it to another person. Raises RunNotFound, WrongRunStep."""
    await take_step(connection, book_id, run_id, "submitted", submitted_by=by.user_id)
    await record_step(connection, book_id, run_id, "submitted", by)


async def give_back(connection: AsyncConnection, book_id: int, run_id: int, by: Person, *, reason: str) -> None:
    """Return it to draft. Raises RunNotFound, WrongRunStep, InvalidRun."""
    said = check_text(reason, InvalidRun, "reason", most=_MOST_REASON)
    await take_step(connection, book_id, run_id, "returned")
    await record_step(connection, book_id, run_id, "returned", by, said)


async def resume(
    connection: AsyncConnection, book_id: int, run_id: int, by: Person, *, reason: str, now: datetime
) -> None:
    """Go on with a run that was halted: what is unknown is looked up first. Raises WrongRunStep, InvalidRun.

    Payouts are locked before their run, in the order of those that send them.
    """
    said = check_text(reason, InvalidRun, "reason", most=_MOST_REASON)
    await connection.execute(_STOPPED, {"book": book_id, "run": run_id})
    await take_step(connection, book_id, run_id, "resumed", halted=None)
    await connection.execute(_RESUME, {"book": book_id, "run": run_id, "now": now})
    await record_step(connection, book_id, run_id, "resumed", by, said)


async def cancel(connection: AsyncConnection, book_id: int, run_id: int, by: Person, *, reason: str) -> None:
    """Throw a plan away. Raises RunNotFound, WrongRunStep, InvalidRun."""
    said = check_text(reason, InvalidRun, "reason", most=_MOST_REASON)
    await take_step(connection, book_id, run_id, "cancelled")
    await connection.execute(delete(payouts).where(payouts.c.book_id == book_id, payouts.c.run_id == run_id))
    await record_step(connection, book_id, run_id, "cancelled", by, said)


# Parts of the steps -------------------------------------------------------------------------------------------


async def _plan(connection: AsyncConnection, book_id: int, run: Run, by: Person | None) -> None:
    planned = await plan(connection, book_id, run.rail, run.basis, run.pay_on)
    if all(each.code is not None for each in planned):
        raise NothingToPay("run", None, f"{NothingToPay.usual_rule}; {len(planned)} are left out" if planned else None)
    rows = [_row(book_id, run, each) for each in planned]
    await connection.execute(insert(payouts), rows)
    paid = sum(each.code is None for each in planned)
    detail = {"payouts": paid, "left_out": len(planned) - paid}
    await record_step(connection, book_id, run.run_id, "drafted", by, detail=detail)


def _row(book_id: int, run: Run, planned: Planned) -> dict[str, Any]:
    amounts, to = planned.amounts, planned.destination
    return {
        "book_id": book_id,
        "run_id": run.run_id,
        "party": planned.party,
        "currency": planned.currency,
        "taken": amounts.taken,
        "recovery": amounts.recovery,
        "withheld": amounts.withheld,
        "amount": amounts.amount,
        "rail": run.rail,
        "account_id": to and to.account_id,
        "destination": to and to.destination,
        "state": "planned" if planned.code is None else "left-out",
        "code": planned.code,
        "reason": planned.reason,
        "fixed_by": planned.fixed_by,
    }


async def take_step(connection: AsyncConnection, book_id: int, run_id: int, action: Action, **values: Any) -> Row[Any]:
    """Lock the run and take the step; the run as it was before. Raises RunNotFound, WrongRunStep."""
    was = await locked(connection, book_id, run_id, action)
    its = payout_runs.c
    changed = update(payout_runs).where(its.book_id == book_id, its.run_id == run_id)
    await connection.execute(changed.values(state=STEPS[action][1], **values))
    return was


async def locked(connection: AsyncConnection, book_id: int, run_id: int, action: Action) -> Row[Any]:
    """As it is, nobody else's to change until the transaction ends, and in a state from which that is done.

    Raises RunNotFound, WrongRunStep.
    """
    its = payout_runs.c
    chosen = select(payout_runs).where(its.book_id == book_id, its.run_id == run_id).with_for_update()
    was = (await connection.execute(chosen)).one_or_none()
    if was is None:
        raise RunNotFound("run", run_id)
    allowed = STEPS[action][0]
    if was.state not in allowed:
        raise WrongRunStep("state", was.state, f"{action}: only {' or '.join(allowed)}")
    return was


async def record_step(
    connection: AsyncConnection,
    book_id: int,
    run_id: int,
    action: Action,
    by: Person | None,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Put a step on record; without a person the service took it."""
    person = {"user": by.user_id if by else None, "actor": by.actor if by else "system"}
    said = {"action": action, "state": STEPS[action][1], "reason": reason}
    encoded = msgspec.json.encode(detail or {}).decode()
    await connection.execute(_EVENT, {"book": book_id, "run": run_id, "detail": encoded, **person, **said})


# SQL ----------------------------------------------------------------------------------------------------------

_OPEN = text("""
    SELECT min(run_id) FROM settlement.payout_runs WHERE book_id = :book AND state IN ('draft', 'submitted')
""")

_STOPPED_OF_RUN = """
    SELECT payout_id FROM settlement.payouts
    WHERE book_id = :book AND run_id = :run AND state IN ('ready', 'unknown') AND next_attempt_at IS NULL
    ORDER BY payout_id FOR UPDATE
"""
_STOPPED = text(_STOPPED_OF_RUN)
_RESUME = text(f"""
    WITH stopped AS MATERIALIZED ({_STOPPED_OF_RUN})
    UPDATE settlement.payouts AS its SET next_attempt_at = :now
    FROM stopped WHERE its.book_id = :book AND its.payout_id = stopped.payout_id
""")  # noqa: S608 - of constants

_EVENT = text("""
    INSERT INTO settlement.payout_run_events (book_id, run_id, event_no, action, state, user_id, actor, reason, detail)
    SELECT :book, :run, 1 + count(*), :action, :state, :user, :actor, :reason, CAST(:detail AS jsonb)
    FROM settlement.payout_run_events WHERE book_id = :book AND run_id = :run
""")

_SUMS = text("""
    SELECT state, currency, count(*), sum(taken)::bigint, sum(recovery)::bigint, sum(withheld)::bigint,
           sum(amount)::bigint
    FROM settlement.payouts WHERE book_id = :book AND run_id = :run
    GROUP BY state, currency ORDER BY state, currency
""")
