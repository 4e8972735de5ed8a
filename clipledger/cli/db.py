"""`clipledger db …`: the schema, and a way in for people."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import psycopg
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from clipledger import database, postgres
from clipledger.database import DatabaseError, DatabaseUrls
from clipledger.postgres import PostgresError
from clipledger.settings import Settings, SettingsError


@click.group()
def db() -> None:
    """The database: bring its schema up to date, check it, look into it."""


@contextmanager
def opened() -> Iterator[DatabaseUrls]:
    """The database of the settings; what keeps a command from using it ends the command with a clear line."""
    try:
        with database.database_urls(Settings.from_environment()) as urls:
            yield urls
    except (SettingsError, PostgresError, DatabaseError, CommandError, psycopg.Error) as error:
        raise click.ClickException(str(error)) from error
    except DBAPIError as error:
        raise click.ClickException(_in_words(error)) from error


def _in_words(error: DBAPIError) -> str:
    missing = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction)
    if isinstance(error.orig, missing):
        return "The database does not have this version's tables yet. Run: clipledger db migrate"
    return str(error.orig)


as_owner = click.option("--owner", is_flag=True, help="As the owner of the tables, not as the service.")


@db.command()
@click.argument("revision", default="head")
def migrate(revision: str) -> None:
    """Bring the schema up to REVISION (default: the newest), and make the service's role if it is missing."""
    with opened() as urls:
        database.migrate(urls.owner, revision)
        database.check_service_login(urls.app)
    click.echo(f"The schema is at {revision}.")


@db.command()
@click.argument("revision")
@click.confirmation_option(prompt="What the tables of newer revisions hold will be lost. Go on?")
def downgrade(revision: str) -> None:
    """Take the schema back to REVISION ("base": before the first)."""
    with opened() as urls:
        database.downgrade(urls.owner, revision)
    click.echo(f"The schema is at {revision}.")


@db.command()
def check() -> None:
    """Compare the schema with the tables that the code declares, and the service's login with its role."""
    with opened() as urls:
        database.check(urls.owner)
        database.check_service_login(urls.app)
    click.echo("The schema is what the code declares.")


@db.command()
@as_owner
def url(owner: bool) -> None:
    """Print the database's address, with its password, for psql and the like.

    The embedded server is there only while another command, such as `clipledger serve`, uses it.
    """
    with opened() as urls:
        click.echo(database.conninfo(urls.owner if owner else urls.app))


@db.command(context_settings={"ignore_unknown_options": True})
@as_owner
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(owner: bool, arguments: tuple[str, ...]) -> None:
    """Open psql; ARGUMENTS are psql's own, as in `psql -c "SELECT 1"`."""
    with opened() as urls:
        program = shutil.which("psql") or str(postgres.find_binaries() / "psql")
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's: it cancels a query
        done = subprocess.run([program, database.conninfo(urls.owner if owner else urls.app), *arguments], check=False)
    sys.exit(done.returncode)
