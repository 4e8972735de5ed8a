"""What a command works with: the service's connections, and one line for what is refused."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access.audit import Event, record
from clipledger.access.errors import AccessError
from clipledger.cli.db import opened
from clipledger.database import create_engine
from ledger.books import Book, find_book
from ledger.errors import LedgerError
from media.errors import MediaError
from settlement.errors import SettlementError

T = TypeVar("T")

SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Options of a connection that reads everything as it is at one moment."""


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[AsyncConnection]:
    """A connection to the database of the settings, with these execution options."""
    async with connections(1) as engine, engine.execution_options(**options).connect() as connection:
        yield connection


@asynccontextmanager
async def connections(most: int) -> AsyncIterator[AsyncEngine]:
    """Up to so many connections to the database of the settings, for work that must not wait in a transaction."""
    with opened() as urls:
        engine = create_engine(urls.app, pool_size=most, application_name="clipledger cli")
        try:
            yield engine
        finally:
            await engine.dispose()


@asynccontextmanager
async def reading(slug: str) -> AsyncIterator[tuple[AsyncConnection, Book]]:
    """A book as it is at one moment. Raises BookNotFound."""
    async with connected(**SNAPSHOT) as connection:
        yield connection, await find_book(connection, slug)


@asynccontextmanager
async def writing(slug: str, action: str, **detail: Any) -> AsyncIterator[tuple[AsyncConnection, Book]]:
    """A transaction that changes the book and tells the audit trail so. Raises BookNotFound."""
    async with connected() as connection, connection.begin():
        book = await find_book(connection, slug)
        yield connection, book
        await record(connection, Event(actor(), action, slug, book.book_id, detail))


def actor() -> str:
    """Who runs the command, as the audit trail and the ledger name them."""
    return f"cli:{getpass.getuser()}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do a command's work; a refusal ends the command with its one line."""
    try:
        return asyncio.run(work)
    except (AccessError, LedgerError, MediaError, SettlementError) as error:
        raise click.ClickException(str(error)) from error
