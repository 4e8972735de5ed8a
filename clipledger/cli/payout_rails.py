"""`clipledger payouts schedule`, `accounts`, `rails` and `send`: when a book pays, where to, and by what."""

import re
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from clipledger.cli.connections import SNAPSHOT, connected, connections, run
from clipledger.cli.options import as_json, of_book
from clipledger.cli.payout_steps import by_email
from clipledger.cli.payouts import by_rail, of_basis, payouts
from clipledger.cli.people import acting, on_record
from clipledger.cli.tables import json_of, plain, table
from clipledger.rails import rails_of, stripe_payees_of
from clipledger.settings import Settings
from ledger.books import find_book

if TYPE_CHECKING:
    from settlement.payouts.accounts import PayoutAccount
    from settlement.payouts.halts import RailState
    from settlement.payouts.schedules import Plan, Schedule

_CONNECTIONS = 2
_TROUBLE = ("refused", "unknown")
_PARTY = re.compile(r"host|(clipper|agency)-([1-9][0-9]{0,17})")


# When a book pays -----------------------------------------------------------------------------------------------


@payouts.command()
@of_book
@click.option("--cadence", type=click.Choice(["weekly", "semi-monthly", "monthly"]), help="Sets the schedule.")
@click.option("--day", "days", multiple=True, type=int, help="Weekday (1 is Monday), or day of the month (31: last).")
@click.option("--hour", type=int, default=9, show_default=True, help="By the book's clock.")
@click.option("--business-day", type=click.Choice(["next", "previous", "same"]), default="next", show_default=True)
@click.option("--holiday", "holidays", multiple=True, type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD")
@by_rail
@of_basis
@click.option("--off", is_flag=True, help="Keep it, and don't pay by it.")
@click.option("--by", "email", metavar="EMAIL", help="Who sets it: a user with a role in the book.")
@as_json
def schedule(slug: str, cadence: str | None, email: str | None, as_json: bool, **said: Any) -> None:
    """When a book pays by itself; with --cadence, set that. On each day a run is drafted, which two people let go."""
    from settlement.payouts.schedules import find_schedule, set_schedule

    if (cadence is None) != (email is None):
        raise click.UsageError("To set it, say both --cadence and --by EMAIL.")

    async def work() -> "Schedule":
        now = datetime.now(UTC)
        async with connected() as connection, connection.begin():
            book = await find_book(connection, slug)
            if cadence is None or email is None:
                return await find_schedule(connection, book.book_id, now)
            by = await acting(connection, book, email, "settlement:import", f"set the schedule of {slug}")
            made = await set_schedule(connection, book.book_id, _plan(cadence, **said), by=by.actor, now=now)
            await on_record(connection, "payout-schedule.set", slug, book, by, email)
            return made

    found = run(work())
    click.echo(json_of(found) if as_json else _told(found))


def _plan(
    cadence: Any,
    days: tuple[int, ...],
    hour: int,
    business_day: Any,
    holidays: tuple[datetime, ...],
    rail: Any,
    basis: Any,
    off: bool,
) -> "Plan":
    from settlement.payouts.days import PayDays
    from settlement.payouts.schedules import Plan

    off_days: tuple[date, ...] = tuple(each.date() for each in holidays)
    its = PayDays(cadence=cadence, days=days, hour=hour, business_day=business_day, holidays=off_days)
    return Plan(days=its, rail=rail, basis=basis, active=not off)


def _told(found: "Schedule") -> str:
    its = found.plan.days
    on = " and ".join(str(day) for day in its.days)
    said = f"{its.cadence.capitalize()} on {on} at {its.hour:02}:00, {its.business_day} business day"
    when = f"Next: {found.next_at:%Y-%m-%d %H:%M} UTC." if found.next_at else "It is off."
    return f"{said}; by {found.plan.rail}, {found.plan.basis}.\n{when} Dealt with: {found.last_due or 'none yet'}."


# Where to -------------------------------------------------------------------------------------------------------


@payouts.command()
@click.option("--party", required=True, help="clipper-7, agency-3, or host with --book.")
@click.option("--book", "slug", help="The host's book.")
@as_json
def accounts(party: str, slug: str | None, as_json: bool) -> None:
    """Where a party is paid to, and what is asked of it."""
    from settlement.payouts.accounts import Owner, list_accounts

    named = _PARTY.fullmatch(party)
    if named is None or (party == "host") != (slug is not None):
        raise click.UsageError("--party is clipper-7 or agency-3; or host, with --book.")

    async def work() -> "list[PayoutAccount]":
        async with connected(**SNAPSHOT) as connection:
            owner: Owner = (
                Owner(party_id=int(named[2]))
                if slug is None
                else Owner(book_id=(await find_book(connection, slug)).book_id)
            )
            return await list_accounts(connection, owner)

    found = run(work())
    click.echo(json_of(found) if as_json else _accounts(found))


def _accounts(found: "list[PayoutAccount]") -> str:
    rows = [
        (str(its.account_id), its.rail, its.destination, its.country, " ".join(its.currencies), its.state,
         plain("; ".join(asked.en for asked in its.blocking)))
        for its in found
    ]  # fmt: skip
    heading = ("account", "rail", "to", "country", "takes", "state", "asked of the payee")
    return table([heading, *rows], {0}) or "There is none: it can't be paid yet."


# By what --------------------------------------------------------------------------------------------------------


@payouts.command()
@as_json
def rails(as_json: bool) -> None:
    """Which rails are set up, and which are halted. Exits with 1 if one is halted."""
    from settlement.payouts.halts import rail_states

    async def work() -> "list[RailState]":
        async with connected(**SNAPSHOT) as connection:
            return await rail_states(connection, rails_of(Settings.from_environment()))

    _tell_rails(run(work()), as_json)


@payouts.command("resume-rail")
@click.argument("rail", type=click.Choice(["stripe", "bank-file"]))
@by_email
@as_json
def resume_rail(rail: Any, email: str, as_json: bool) -> None:
    """Use a halted rail again, by an operator, after what halted it is put right. Then its runs are resumed."""
    from settlement.payouts.halts import end_halt, rail_states

    async def work() -> "list[RailState]":
        async with connected() as connection, connection.begin():
            by = await acting(connection, None, email, "rails:manage", "resume rails")
            await end_halt(connection, rail, by.actor, datetime.now(UTC))
            await on_record(connection, "rail.resume", rail, None, by, email)
            return await rail_states(connection, rails_of(Settings.from_environment()))

    _tell_rails(run(work()), as_json)


def _tell_rails(found: "list[RailState]", as_json: bool) -> None:
    rows = [
        (its.rail, "set up" if its.set_up else "not set up", plain(its.halted or ""),
         f"{its.halted_at:%Y-%m-%d %H:%M}" if its.halted_at else "")
        for its in found
    ]  # fmt: skip
    click.echo(json_of(found) if as_json else table([("rail", "", "halted", "since (UTC)"), *rows]))
    if any(its.halted for its in found):
        sys.exit(1)


@payouts.command()
@of_book
@click.option("--sweep", "sweeps", is_flag=True, help="Then look for what webhooks did not tell, as the worker does.")
@as_json
def send(slug: str, sweeps: bool, as_json: bool) -> None:
    """Send what is due now, once, as the worker does by itself: unknown ones are looked up first.

    Exits with 1 where a person has to look: something is refused or unknown, or a run or a rail is halted.
    """

    async def work() -> dict[str, Any]:
        from settlement.payouts.pace import Pace
        from settlement.payouts.paying import CALLS_PER_SECOND, pay_due
        from settlement.payouts.refreshing import refresh_stale
        from settlement.payouts.sweeping import sweep

        settings = Settings.from_environment()
        its = rails_of(settings)
        async with connections(_CONNECTIONS) as engine:
            async with engine.connect() as connection:
                book_id = (await find_book(connection, slug)).book_id
            done = await pay_due(engine, its, book_id, Pace(CALLS_PER_SECOND))
            swept = refreshed = None
            if sweeps and settings.stripe is not None:
                swept = await sweep(engine, its.shared("stripe"), "stripe")
                refreshed = await refresh_stale(engine, stripe_payees_of(settings.stripe, engine).observe)
            found = {"swept": swept, "refreshed": refreshed, "halted": await _halted(engine, book_id)}
            return {"book": slug, "payouts": dict(done), **found}

    found = run(work())
    click.echo(json_of(found) if as_json else _sent(found))
    if found["halted"] or any(state in found["payouts"] for state in _TROUBLE):
        sys.exit(1)


async def _halted(engine: Any, book_id: int) -> list[str]:
    from settlement.payouts.halts import Rails, rail_states
    from settlement.payouts.runs import list_runs

    async with engine.connect() as connection:
        stopped = [
            f"rail {each.rail}: {each.halted}" for each in await rail_states(connection, Rails({})) if each.halted
        ]
        runs = await list_runs(connection, book_id)
    return stopped + [f"run {each.run_id}: {each.halted}" for each in runs if each.state == "halted"]


def _sent(found: dict[str, Any]) -> str:
    done = ", ".join(f"{count:,} {state}" for state, count in sorted(found["payouts"].items()))
    said = [f"Now {done}." if done else "Nothing was due."]
    if found["swept"] is not None:
        said.append(f"Looked at {found['swept']:,} transfers that moved and {found['refreshed']:,} payees' accounts.")
    return "\n".join([*said, *(plain(f"Halted: {each}") for each in found["halted"])])
