"""`clipledger demo`: the story of `clipledger.demo`, on a database of its own."""

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import click
from rich.console import Console

from clipledger import database
from clipledger.database import DatabaseError
from clipledger.demo.paper import Paper
from clipledger.demo.story import DemoError, tell
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError


@click.command()
def demo() -> None:
    """Tell a host's month through the books, and check what comes out.

    It starts an embedded PostgreSQL in a folder of its own (demo/ in CLIPLEDGER_VAR), which each run makes anew.
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = Settings.from_environment()
        own = replace(settings, var=settings.var / "demo", database_url=None, database_owner_url=None)
        shutil.rmtree(own.var, ignore_errors=True)
        console.print("Starting PostgreSQL and making the tables …")
        with database.database_urls(own) as urls:
            database.migrate(urls.owner)
            asyncio.run(tell(urls, Paper(console), datetime.now(UTC).date()))
    except (DemoError, SettingsError, PostgresError, DatabaseError) as error:
        raise click.ClickException(str(error)) from error
    console.print("\n[bold green]The story came out as it must.[/bold green]")
