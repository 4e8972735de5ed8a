"""`clipledger demo`: the stories of `clipledger.demo`, in a folder of their own.

The stories are imported when they are told: with numpy and SciPy behind them, no other command shall wait for that.
"""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import structlog
from rich.console import Console

from clipledger import database
from clipledger.database import DatabaseError, DatabaseUrls
from clipledger.demo.checks import DemoError
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError
from ledger.errors import LedgerError
from licensing.errors import LicensingError
from media.errors import MediaError
from settlement.errors import SettlementError

if TYPE_CHECKING:
    from clipledger.demo.stage import Stage

Act = Callable[["Stage"], Awaitable[None]]


@click.group(invoke_without_command=True)
@click.pass_context
def demo(context: click.Context) -> None:
    """Find a livestream's clips again, license one of them, settle what it sells, and tell a host's month through the
    books; check what comes out.

    It works in a folder of its own (demo/ in CLIPLEDGER_VAR), which each run makes anew, and starts an embedded
    PostgreSQL there.
    """
    if context.invoked_subcommand is None:
        from clipledger.demo import licence, settlement, story

        with _told() as (settings, console):
            _tell_the_film(settings, console)
            _tell_in_the_book(settings, console, licence.tell, settlement.tell, story.tell)


@demo.command()
def film() -> None:
    """Only the film: a stream is drawn, clips are cut from it, and each is found again. Leaves them as videos."""
    with _told() as (settings, console):
        _tell_the_film(settings, console)


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


def _tell_the_film(settings: Settings, console: Console) -> None:
    from clipledger.demo import film
    from clipledger.demo.paper import Paper

    film.tell(settings.var, Paper(console))


def _tell_in_the_book(settings: Settings, console: Console, *acts: Act) -> None:
    """One after the other, in one database and one book."""
    from clipledger.demo.paper import Paper
    from clipledger.demo.stage import set_up

    async def told(urls: DatabaseUrls) -> None:
        async with set_up(settings, urls, Paper(console)) as stage:
            for tell in acts:
                await tell(stage)

    console.print("\nStarting PostgreSQL and making the tables …")
    with database.database_urls(settings) as urls:
        database.migrate(urls.owner)
        asyncio.run(told(urls))
