"""`clipledger user …` and `clipledger key …`: who may come in. To run this is permission enough."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import keys, roles, users
from clipledger.access.audit import Event, record
from clipledger.cli.connections import actor, connected, run

_EVERYTHING = 1_000_000  # rows; a list on a terminal is not paged

as_json = click.option("--json", "as_json", is_flag=True, help="For scripts.")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password's line from stdin.")


@click.group()
def user() -> None:
    """Users: add, list, disable, and what they may do."""


@user.command("add")
@click.argument("email")
@click.option("--name", default="")
@click.option("--role", "held", multiple=True, help="operator, or ROLE:BOOK such as finance:linas-shop.")
@password_stdin
@as_json
def add(email: str, name: str, held: Sequence[str], password_stdin: bool, as_json: bool) -> None:
    """Add a user; asks for the password."""
    password = _password(password_stdin)

    async def work() -> users.User:
        async with _transaction("user.add", email, roles=held) as connection:
            added = await users.add_user(connection, email, password, name)
            for role, _, book in (grant.partition(":") for grant in held):
                await roles.grant_role(connection, added.user_id, role, book or None)
        return added

    added = run(work())
    _print([added], as_json, f"Added {added.email} as user {added.user_id}.")


@user.command("list")
@as_json
def list_users(as_json: bool) -> None:
    """Every user with their roles."""

    async def work() -> list[dict[str, Any]]:
        async with connected() as connection:
            found = await users.list_users(connection, limit=_EVERYTHING)
            held = await roles.held_roles(connection, [user.user_id for user in found])
        return [{**vars(user), "roles": [_spelled(role) for role in held[user.user_id]]} for user in found]

    _print(run(work()), as_json)


@user.command("password")
@click.argument("email")
@password_stdin
def password(email: str, password_stdin: bool) -> None:
    """Set a user's password; their sessions end."""
    chosen = _password(password_stdin)

    async def work() -> None:
        async with _transaction("user.password", email) as connection:
            found = await users.find_user(connection, email)
            await users.set_password(connection, found.user_id, chosen)

    run(work())
    click.echo(f"{email} has a new password, and is logged out everywhere.")


@user.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """Lock a user out at once: sessions end, keys stop working."""

    async def work() -> None:
        async with _transaction("user.disable", email) as connection:
            await users.disable_user(connection, (await users.find_user(connection, email)).user_id)

    run(work())
    click.echo(f"{email} is disabled.")


@user.command("enable")
@click.argument("email")
def enable(email: str) -> None:
    """Let a disabled user in again."""

    async def work() -> None:
        async with _transaction("user.enable", email) as connection:
            await users.enable_user(connection, (await users.find_user(connection, email)).user_id)

    run(work())
    click.echo(f"{email} is enabled.")


@user.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice([*roles.ROLES]))
@click.option("--book", help="The book it is held for; every role needs one but operator.")
@click.option("--withdraw", is_flag=True, help="Take it back.")
def role(email: str, role: str, book: str | None, withdraw: bool) -> None:
    """Grant a role, or take it back."""

    async def work() -> None:
        action = "user.role.withdraw" if withdraw else "user.role.grant"
        async with _transaction(action, email, role=role, book=book) as connection:
            found = await users.find_user(connection, email)
            change = roles.withdraw_role if withdraw else roles.grant_role
            await change(connection, found.user_id, role, book)

    run(work())
    where = f"for {book}" if book else "for every book"
    click.echo(f"{email} is {'no longer ' if withdraw else ''}{role} {where}.")


@click.group()
def key() -> None:
    """API keys: create, list, revoke."""


@key.command("create")
@click.argument("email")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice([*roles.SCOPES]))
@click.option("--book", help="Only for this book.")
@click.option("--days", type=click.IntRange(1, 3650), help="Expires after so many days; without, never.")
@as_json
def create(email: str, name: str, scopes: Sequence[str], book: str | None, days: int | None, as_json: bool) -> None:
    """Make a key for a user; its token is shown this once."""
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None

    async def work() -> tuple[keys.Key, str]:
        async with _transaction("key.create", email, name=name, scopes=scopes) as connection:
            owner = await users.find_user(connection, email)
            return await keys.create_key(connection, owner.user_id, name, scopes, book, expires_at)

    made, token = run(work())
    _print([{**vars(made), "token": token}], as_json, token)


@key.command("list")
@click.option("--user", "email", help="Only this user's.")
@as_json
def list_keys(email: str | None, as_json: bool) -> None:
    """Keys, the revoked and expired too."""

    async def work() -> list[dict[str, Any]]:
        async with connected() as connection:
            owner = (await users.find_user(connection, email)).user_id if email else None
            found = await keys.list_keys(connection, owner, limit=_EVERYTHING)
        return [vars(key) for key in found]

    _print(run(work()), as_json)


@key.command("revoke")
@click.argument("key_id", type=int)
def revoke(key_id: int) -> None:
    """Stop a key at once and for good."""

    async def work() -> None:
        async with _transaction("key.revoke", str(key_id)) as connection:
            await keys.revoke_key(connection, key_id)

    run(work())
    click.echo(f"Key {key_id} is revoked.")


@asynccontextmanager
async def _transaction(action: str, subject: str, **detail: Any) -> AsyncIterator[AsyncConnection]:
    async with connected() as connection, connection.begin():
        yield connection
        await record(connection, Event(actor(), action, subject, detail=detail))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _spelled(held: roles.HeldRole) -> str:
    return f"{held.role}:{held.book}" if held.book else held.role


def _print(rows: Sequence[Any], as_json: bool, said: str | None = None) -> None:
    """As JSON, one object or a list; otherwise what is to be said, or a table."""
    if as_json:
        click.echo(msgspec.json.encode(rows[0] if said else rows).decode())
    elif said:
        click.echo(said)
    elif rows:
        table = Table(*rows[0])
        for row in rows:
            table.add_row(*(", ".join(value) if isinstance(value, list) else _cell(value) for value in row.values()))
        Console().print(table)


def _cell(value: object) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else str("" if value is None else value)
