"""`clipledger payouts …`: what a run would pay, how far runs are, and what became of a payment."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.cli import payout_tables as tables
from clipledger.cli.connections import SNAPSHOT, connected, connections, run
from clipledger.cli.options import as_json, of_book
from clipledger.cli.tables import json_of
from ledger.books import find_book

if TYPE_CHECKING:
    from settlement.payouts.payouts import Payout, PayoutEvent
    from settlement.payouts.runs import Run, RunEvent, Sum

LARGEST = 2**63 - 1
_ENDED = ("done", "halted", "cancelled")
_LOOK_AGAIN = 1.0
"""Seconds between two looks of --watch."""

run_number = click.argument("run_id", metavar="RUN", type=click.IntRange(1, LARGEST))
payout_number = click.argument("payout_id", metavar="PAYOUT", type=click.IntRange(1, LARGEST))
by_rail = click.option("--rail", type=click.Choice(["stripe", "bank-file"]), default="stripe", show_default=True)
of_basis = click.option(
    "--basis",
    type=click.Choice(["statement", "available"]),
    default="statement",
    show_default=True,
    help="What issued statements say, or all that is available.",
)


@click.group()
def payouts() -> None:
    """Payouts: runs planned by one person and approved by another, and what became of each payment."""


# Looking --------------------------------------------------------------------------------------------------------


class RunShown(msgspec.Struct, frozen=True):
    """A run, how much of it is in which state, and who did what."""

    run: "Run"
    sums: "list[Sum]"
    events: "list[RunEvent]"


@payouts.command()
@of_book
@by_rail
@of_basis
@as_json
def preview(slug: str, rail: Any, basis: Any, as_json: bool) -> None:
    """What a run would pay now, and who would be left out and why. Nothing is kept of it."""
    from settlement.payouts import runs

    async def work() -> Any:
        async with connected(**SNAPSHOT) as connection:
            return await runs.preview(connection, (await find_book(connection, slug)).book_id, rail, basis)

    found = run(work())
    click.echo(tables.planned_json(found) if as_json else tables.planned(found))


@payouts.command("list")
@of_book
@as_json
def list_all(slug: str, as_json: bool) -> None:
    """The newest hundred runs."""
    from settlement.payouts import runs

    async def work() -> "list[Run]":
        async with connected(**SNAPSHOT) as connection:
            return await runs.list_runs(connection, (await find_book(connection, slug)).book_id)

    found = run(work())
    click.echo(json_of(found) if as_json else tables.runs(found))


@payouts.command()
@run_number
@of_book
@click.option("--watch", is_flag=True, help="Until it is done, halted or cancelled; then 1 is the exit code if halted.")
@as_json
def show(run_id: int, slug: str, watch: bool, as_json: bool) -> None:
    """How far a run is: payouts and sums by state, and who did what."""

    async def work() -> RunShown:
        async with connections(1) as engine:
            async with engine.connect() as connection:
                book = await find_book(connection, slug)
            if not watch:
                return await _look(engine, book.book_id, run_id)
            return await _watched(engine, book.book_id, run_id, as_json)

    found = run(work())
    click.echo(json_of(found) if as_json else tables.run(found.run, found.sums, found.events))
    if watch and found.run.state == "halted":
        sys.exit(1)


async def _look(engine: AsyncEngine, book_id: int, run_id: int) -> RunShown:
    async with engine.connect() as connection:
        return await run_shown(connection, book_id, run_id)


async def run_shown(connection: AsyncConnection, book_id: int, run_id: int) -> RunShown:
    from settlement.payouts import runs

    found = await runs.find_run(connection, book_id, run_id)
    sums = await runs.sums_of(connection, book_id, run_id)
    return RunShown(found, sums, await runs.events_of(connection, book_id, run_id))


async def _watched(engine: AsyncEngine, book_id: int, run_id: int, as_json: bool) -> RunShown:
    """As it is at the end; told on the way, each time it has changed."""
    with tables.bars(quiet=as_json) as told:
        found = await _look(engine, book_id, run_id)
        while found.run.state not in _ENDED:
            told(found.run, found.sums)
            await asyncio.sleep(_LOOK_AGAIN)
            before, found = found, await _look(engine, book_id, run_id)
            if as_json and before != found and found.run.state not in _ENDED:
                click.echo(json_of(before))
        told(found.run, found.sums)
    return found


@payouts.command()
@payout_number
@of_book
@as_json
def payout(payout_id: int, slug: str, as_json: bool) -> None:
    """One payout: where it stands, and each step of its way."""

    async def work() -> Any:
        async with connected(**SNAPSHOT) as connection:
            book_id = (await find_book(connection, slug)).book_id
            return await payout_with_events(connection, book_id, payout_id)

    tell_payout(run(work()), as_json)


async def payout_with_events(
    connection: AsyncConnection, book_id: int, payout_id: int
) -> "tuple[Payout, list[PayoutEvent]]":
    from settlement.payouts.payouts import events_of, find_payout

    found = await find_payout(connection, book_id, payout_id)
    return found, await events_of(connection, book_id, payout_id)


def tell_payout(found: "tuple[Payout, list[PayoutEvent]]", as_json: bool) -> None:
    its, events = found
    click.echo(json_of({"payout": its, "events": events}) if as_json else tables.trail(its, events))
