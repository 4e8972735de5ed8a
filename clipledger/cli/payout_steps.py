"""`clipledger payouts draft`, `submit`, `approve`, …: what people do. Each is a named user with a role in the book."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.cli import payout_tables as tables
from clipledger.cli.connections import connected, run
from clipledger.cli.options import as_json, of_book
from clipledger.cli.payouts import (
    LARGEST,
    RunShown,
    by_rail,
    of_basis,
    payout_number,
    payout_with_events,
    payouts,
    run_number,
    run_shown,
    tell_payout,
)
from clipledger.cli.people import acting, on_record
from clipledger.cli.tables import json_of
from clipledger.settings import Settings
from ledger.books import Book, find_book

if TYPE_CHECKING:
    from settlement.closing import Person
    from settlement.payouts.payouts import Payout, PayoutEvent

_IMPORT, _APPROVE = "settlement:import", "settlement:approve"

Step = Callable[[AsyncConnection, int, "Person"], Awaitable[object]]

by_email = click.option("--by", "email", required=True, metavar="EMAIL", help="Who does it: a user with a role.")
with_reason = click.option("--reason", required=True, help="Why.")


# The steps of a run ---------------------------------------------------------------------------------------------


def _take(slug: str, email: str, action: str, scope: str, step: Step, run_id: int | None = None) -> RunShown:
    """Take a step as this person; the run afterwards. Without a number the step makes the run."""

    async def work() -> RunShown:
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            by = await acting(connection, book, email, scope, f"{action} payouts of {slug}")
            made = await step(connection, book.book_id, by)
            number = made.run_id if run_id is None else run_id  # type: ignore[attr-defined]
            await on_record(connection, f"payout-run.{action}", str(number), book, by, email)
            return await run_shown(connection, book.book_id, number)

    return run(work())


def _tell_run(found: RunShown, as_json: bool) -> None:
    click.echo(json_of(found) if as_json else tables.run(found.run, found.sums, found.events))


@payouts.command()
@of_book
@by_rail
@of_basis
@by_email
@as_json
def draft(slug: str, rail: Any, basis: Any, email: str, as_json: bool) -> None:
    """Plan a run. Nothing is set aside before it is approved."""
    from settlement.payouts import runs

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.draft(connection, book_id, rail, basis, by=by)

    _tell_run(_take(slug, email, "draft", _IMPORT, step), as_json)


@payouts.command()
@run_number
@of_book
@by_email
@as_json
def plan(run_id: int, slug: str, email: str, as_json: bool) -> None:
    """Plan a draft anew, as balances and accounts are now."""
    from settlement.payouts import runs

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.plan_again(connection, book_id, run_id, by)

    _tell_run(_take(slug, email, "plan", _IMPORT, step, run_id), as_json)


@payouts.command()
@run_number
@of_book
@by_email
@as_json
def submit(run_id: int, slug: str, email: str, as_json: bool) -> None:
    """Hand a run to another person, who approves it."""
    from settlement.payouts import runs

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.submit(connection, book_id, run_id, by)

    _tell_run(_take(slug, email, "submit", _IMPORT, step, run_id), as_json)


@payouts.command("return")
@run_number
@of_book
@by_email
@with_reason
@as_json
def give_back(run_id: int, slug: str, email: str, reason: str, as_json: bool) -> None:
    """Return a run to draft, with the reason."""
    from settlement.payouts import runs

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.give_back(connection, book_id, run_id, by, reason=reason)

    _tell_run(_take(slug, email, "return", _APPROVE, step, run_id), as_json)


@payouts.command()
@run_number
@of_book
@by_email
@as_json
def approve(run_id: int, slug: str, email: str, as_json: bool) -> None:
    """Set the money aside and let a run be sent: by another person than the one who submitted it."""
    from clipledger.rails import rails_of
    from settlement.payouts import approving, runs

    async def step(connection: AsyncConnection, book_id: int, by: "Person") -> None:
        rails = rails_of(Settings.from_environment())
        rail = await rails.of(connection, book_id, (await runs.find_run(connection, book_id, run_id)).rail)
        await approving.approve(connection, book_id, run_id, by, rail, datetime.now(UTC))

    _tell_run(_take(slug, email, "approve", _APPROVE, step, run_id), as_json)


@payouts.command()
@run_number
@of_book
@by_email
@with_reason
@as_json
def resume(run_id: int, slug: str, email: str, reason: str, as_json: bool) -> None:
    """Go on with a run that was halted. What is unknown is looked up before anything is sent again."""
    from settlement.payouts import runs

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.resume(connection, book_id, run_id, by, reason=reason, now=datetime.now(UTC))

    _tell_run(_take(slug, email, "resume", _APPROVE, step, run_id), as_json)


@payouts.command()
@click.argument("run_id", metavar="[RUN]", required=False, type=click.IntRange(1, LARGEST))
@click.option("--payout", "payout_id", type=click.IntRange(1, LARGEST), help="One that was approved and not sent.")
@of_book
@by_email
@with_reason
@as_json
def cancel(run_id: int | None, payout_id: int | None, slug: str, email: str, reason: str, as_json: bool) -> None:
    """Throw a plan away (RUN), or take back a payout that was approved and not sent (--payout, by an approver)."""
    from settlement.payouts import runs, steps

    if (run_id is None) == (payout_id is None):
        raise click.UsageError("Name the run, or --payout; not both.")
    if payout_id is not None:
        number = payout_id

        def take_back(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
            return steps.cancel(connection, book_id, [number], by.actor, reason, datetime.now(UTC))

        tell_payout(_change(slug, email, "cancel", _APPROVE, take_back, number), as_json)
        return
    plan_id = run_id or 0

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return runs.cancel(connection, book_id, plan_id, by, reason=reason)

    _tell_run(_take(slug, email, "cancel", _IMPORT, step, plan_id), as_json)


# One payout -----------------------------------------------------------------------------------------------------


def _change(
    slug: str, email: str, action: str, scope: str, step: Step, payout_id: int
) -> "tuple[Payout, list[PayoutEvent]]":
    async def work() -> Any:
        async with connected() as connection, connection.begin():
            book: Book = await find_book(connection, slug)
            by = await acting(connection, book, email, scope, f"{action} payouts of {slug}")
            await step(connection, book.book_id, by)
            await on_record(connection, f"payout.{action}", str(payout_id), book, by, email)
            return await payout_with_events(connection, book.book_id, payout_id)

    found: tuple[Payout, list[PayoutEvent]] = run(work())
    return found


@payouts.command()
@payout_number
@of_book
@by_email
@as_json
def retry(payout_id: int, slug: str, email: str, as_json: bool) -> None:
    """Send a refused payout again, once the reason is gone."""
    from settlement.payouts import steps

    def step(connection: AsyncConnection, book_id: int, by: "Person") -> Awaitable[object]:
        return steps.retry(connection, book_id, payout_id, by.actor, datetime.now(UTC))

    tell_payout(_change(slug, email, "retry", _IMPORT, step, payout_id), as_json)
