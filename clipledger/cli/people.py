"""Who does what a command does, where that is asked of a person: a user with a role that may, named by an address."""

from typing import TYPE_CHECKING, Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import roles, users
from clipledger.access.audit import Event, record
from clipledger.cli.connections import actor
from ledger.books import Book

if TYPE_CHECKING:
    from settlement.closing import Person


async def acting(connection: AsyncConnection, book: Book | None, email: str, scope: str, doing: str) -> "Person":
    """The user, who holds the scope in the book, or without one for the service; `doing` ends "that may …".

    Raises UserNotFound, ClickException.
    """
    from settlement.closing import Person

    user = await users.find_user(connection, email)
    if user.disabled_at is not None:
        raise click.ClickException(f"{user.email} is disabled.")
    places = (None,) if book is None else (None, book.slug)
    held = (await roles.held_roles(connection, [user.user_id]))[user.user_id]
    if not any(scope in roles.ROLES[its.role] and its.book in places for its in held):
        fitting = " or ".join(name for name, scopes in roles.ROLES.items() if scope in scopes)
        where = f" --book {book.slug}" if book is not None else ""
        remedy = f"clipledger user role {user.email} {fitting}{where}"
        raise click.ClickException(f"{user.email} holds no role that may {doing}: {remedy}")
    return Person(user.user_id, actor())


async def on_record(
    connection: AsyncConnection, action: str, what: str, book: Book | None, by: "Person", email: str, **detail: Any
) -> None:
    """The audit trail names the login that ran the command, and the person it was done for."""
    said = {"by": email, "user": by.user_id, **detail}
    await record(connection, Event(by.actor, action, what, book.book_id if book else None, said))
