"""`clipledger demo`: the stories of `clipledger.demo`, in a folder of their own.

The stories are imported when they are told: with numpy and SciPy behind them, no other command shall wait for that.
"""

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import structlog
from rich.console import Console

from clipledger import database
from clipledger.cli.db import opened
from clipledger.cli.serve import serve_until_stopped
from clipledger.database import DatabaseError, DatabaseUrls
from clipledger.demo.checks import DemoError
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError
from ledger.errors import LedgerError
from licensing.errors import LicensingError
from media.errors import MediaError
from settlement.errors import SettlementError

if TYPE_CHECKING:
    from clipledger.demo.paper import Paper
    from clipledger.demo.stage import Stage

Act = Callable[["Stage"], Awaitable[None]]


@click.group(invoke_without_command=True)
@click.option("--once", is_flag=True, help="End after the story, instead of serving the pages.")
@click.option(
    "--video",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recording of yours, of a minute or more, as the stream.",
)
@click.pass_context
def demo(context: click.Context, once: bool, video: Path | None) -> None:
    """Find a livestream's clips again, license one of them, settle what it sells, and tell a host's month through the
    books; check what comes out. Then trade for a year, so that there is something to look at, and serve the pages, for
    those in the story, until Ctrl-C.

    It works in a folder of its own (demo/ in CLIPLEDGER_VAR), which each run makes anew, and starts an embedded
    PostgreSQL there.
    """
    if context.invoked_subcommand is not None:
        return
    from clipledger.demo import film, licence, settlement, story, year
    from clipledger.demo.paper import Paper

    with _told() as (settings, console):
        seconds = film.tell(settings.var, Paper(console), video)
        acts = [licence.tell, settlement.tell, story.tell]
        if not once:
            acts.append(year.tell)
        _tell_in_the_book(settings, console, *acts, seconds=seconds)
    if not once:
        _serve(settings, Paper(console))


def _serve(settings: Settings, paper: "Paper") -> None:
    """Web, worker and scheduler on what the story has left; what they log goes into a file there."""
    from clipledger.demo.guests import invite

    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        os.environ.pop(name, None)
    os.environ["CLIPLEDGER_VAR"] = str(settings.var)
    with opened() as urls, (settings.var / "serve.log").open("w") as said:
        password, guests = asyncio.run(invite(urls))
        paper.chapter("Look for yourself")
        rows = [(guest.name, guest.is_a, guest.email, f"{settings.public_url}{page}") for guest, page in guests]
        paper.table(("", "is a", "logs in as", "and begins at"), rows)
        paper.say(f"The password of each is {password}")
        paper.say(f"Serving until Ctrl-C; the log is {said.name}.")
        serve_until_stopped(said)


@demo.command()
def film() -> None:
    """Only the film: a stream is drawn, clips are cut from it, and each is found again. Leaves them as videos."""
    from clipledger.demo import film as story
    from clipledger.demo.paper import Paper

    with _told() as (settings, console):
        story.tell(settings.var, Paper(console))


@demo.command("licence")
def tell_the_licence() -> None:
    """Only the licence: offer, application, grant, certificate, and a clip that is approved."""
    from clipledger.demo import licence

    with _told() as (settings, console):
        _tell_in_the_book(settings, console, licence.tell)


@demo.command("settlement")
def tell_the_settlement() -> None:
    """The licence, and then what it sells: reports, a sale explained, a month closed, and Ana's statement."""
    from clipledger.demo import settlement

    with _told() as (settings, console):
        _tell_in_the_book(settings, console, settlement.tell)


@demo.command()
def month() -> None:
    """Only the month: sales, a refund and a payout through the books."""
    from clipledger.demo import story

    with _told() as (settings, console):
        _tell_in_the_book(settings, console, story.tell)


_CLEAR = (
    DemoError,
    SettingsError,
    PostgresError,
    DatabaseError,
    LedgerError,
    LicensingError,
    MediaError,
    SettlementError,
)


@contextmanager
def _told() -> Iterator[tuple[Settings, Console]]:
    """The demo's own settings, in an empty folder; what goes wrong ends the command with a clear line."""
    console = Console(highlight=False, soft_wrap=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))  # the story tells the rest
    try:
        settings = Settings.from_environment()
        own = replace(settings, var=settings.var / "demo", database_url=None, database_owner_url=None)
        shutil.rmtree(own.var, ignore_errors=True)
        own.var.mkdir(parents=True)
        yield own, console
    except _CLEAR as error:
        raise click.ClickException(str(error)) from error
    console.print("\n[bold green]The story came out as it must.[/bold green]")


def _tell_in_the_book(settings: Settings, console: Console, *acts: Act, seconds: float | None = None) -> None:
    """One after the other, in one database and one book; `seconds` is how long the stream is."""
    from clipledger.demo.paper import Paper
    from clipledger.demo.stage import set_up
    from clipledger.demo.stream import LILI_LIVE

    async def told(urls: DatabaseUrls) -> None:
        async with set_up(settings, urls, Paper(console), seconds or LILI_LIVE.seconds) as stage:
            for tell in acts:
                await tell(stage)

    console.print("\nStarting PostgreSQL and making the tables …")
    with database.database_urls(settings) as urls:
        database.migrate(urls.owner)
        asyncio.run(told(urls))
