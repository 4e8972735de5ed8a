"""What a command works with: one connection of the service's, and one line for what is refused."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.errors import AccessError
from clipledger.cli.db import opened
from clipledger.database import create_engine
from ledger.errors import LedgerError

T = TypeVar("T")

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Options of a connection that reads everything as it is at one moment."""


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[AsyncConnection]:
    """A connection to the database of the settings, with these execution options."""
    with opened() as urls:
        engine = create_engine(urls.app, pool_size=1, application_name="clipledger cli")
        try:
            async with engine.execution_options(**options).connect() as connection:
                yield connection
        finally:
            await engine.dispose()


def actor() -> str:
    """Who runs the command, as the audit trail and the ledger name them."""
    return f"cli:{getpass.getuser()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do a command's work; a refusal ends the command with its one line."""
    try:
        return asyncio.run(work)
    except (AccessError, LedgerError) as error:
        raise click.ClickException(str(error)) from error
