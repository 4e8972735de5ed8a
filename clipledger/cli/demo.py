"""`clipledger demo`: the stories of `clipledger.demo`, in a folder of their own.

The stories are imported when they are told: with numpy and SciPy behind them, no other command shall wait for that.
"""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import click
from rich.console import Console

from clipledger import database
from clipledger.database import DatabaseError
from clipledger.demo.checks import DemoError
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError
from media.errors import MediaError


@click.group(invoke_without_command=True)
@click.pass_context
def demo(context: click.Context) -> None:
    """Find a livestream's clips again, then tell a host's month through the books; check what comes out.

    It works in a folder of its own (demo/ in CLIPLEDGER_VAR), which each run makes anew, and starts an embedded
    PostgreSQL there.
    """
    if context.invoked_subcommand is None:
        with _told() as (settings, console):
            _tell_the_film(settings, console)
            _tell_the_month(settings, console)


@demo.command()
def film() -> None:
    """Only the film: a stream is drawn, clips are cut from it, and each is found again. Leaves them as videos."""
    with _told() as (settings, console):
        _tell_the_film(settings, console)


@demo.command()
def month() -> None:
    """Only the month: sales, a refund and a payout through the books."""
    with _told() as (settings, console):
        _tell_the_month(settings, console)


@contextmanager
def _told() -> Iterator[tuple[Settings, Console]]:
    """The demo's own settings, in an empty folder; what goes wrong ends the command with a clear line."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = Settings.from_environment()
        own = replace(settings, var=settings.var / "demo", database_url=None, database_owner_url=None)
        shutil.rmtree(own.var, ignore_errors=True)
        own.var.mkdir(parents=True)
        yield own, console
    except (DemoError, SettingsError, PostgresError, DatabaseError, MediaError) as error:
        raise click.ClickException(str(error)) from error
    console.print("\n[bold green]The story came out as it must.[/bold green]")


def _tell_the_film(settings: Settings, console: Console) -> None:
    from clipledger.demo import film
    from clipledger.demo.paper import Paper

    film.tell(settings.var, Paper(console))


def _tell_the_month(settings: Settings, console: Console) -> None:
    from clipledger.demo import story
    from clipledger.demo.paper import Paper

    console.print("\nStarting PostgreSQL and making the tables …")
    with database.database_urls(settings) as urls:
        database.migrate(urls.owner)
        asyncio.run(story.tell(urls, Paper(console), datetime.now(UTC).date()))
