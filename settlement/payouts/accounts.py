"""Where parties are paid to: accounts at Stripe, which Stripe sets up with the payee, and bank accounts.

A clipper and an agency have one of each rail, whichever host pays; a host has its book's. What Stripe asks of a payee
is kept as it said it last.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.errors import AccountExists, InvalidPayoutAccount, PayoutAccountNotFound
from settlement.payouts.lifecycle import RailName
from settlement.payouts.tables import payout_accounts

State = Literal["pending", "active", "blocked", "closed"]

_SHORT = 7
"""A number of so few digits would be given away by its last four."""


class Owner(NamedTuple):
    """Whose account it is: a party's, or a book's host."""

    party_id: int | None = None
    book_id: int | None = None

    @property
    def name(self) -> str:
        """For what has to be unique to it."""
        return f"party-{self.party_id}" if self.book_id is None else f"book-{self.book_id}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the payee has to do, in words of English and Chinese; `due_by` is when it stops payments."""

    code: str
    en: str
    zh: str
    due_by: datetime | None = None
    past_due: bool = False


class PayoutAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`destination` is Stripe's account, or the last digits of a bank account's number. Only an active one is paid to;
    `blocking` says what is in the way, or will be.
    """

    account_id: int
    rail: RailName
    destination: str
    country: str
    currencies: tuple[str, ...]
    state: State
    blocking: tuple[Asked, ...]
    created_at: datetime
    refreshed_at: datetime | None


class Standing(NamedTuple):
    """What is known of an account now."""

    state: State
    currencies: Sequence[str]
    blocking: Sequence[Asked]


# Reading ------------------------------------------------------------------------------------------------------


async def list_accounts(connection: AsyncConnection, owner: Owner) -> list[PayoutAccount]:
    """Those that are not closed."""
    chosen = _chosen().where(*_of(owner), payout_accounts.c.state != "closed")
    return [_account(row) for row in await connection.execute(chosen.order_by(payout_accounts.c.account_id))]


async def find_account(connection: AsyncConnection, owner: Owner, account_id: int) -> PayoutAccount:
    """Raises PayoutAccountNotFound."""
    row = await _row(connection, owner, account_id)
    return _account(row)


async def full_destination(connection: AsyncConnection, owner: Owner, account_id: int) -> str:
    """Of an account at Stripe, which Stripe can be asked about. Raises PayoutAccountNotFound."""
    row = await _row(connection, owner, account_id)
    if row.rail != "stripe":
        raise PayoutAccountNotFound("account", account_id)
    return str(row.destination)


async def count_accounts(connection: AsyncConnection, owner: Owner, rail: RailName) -> int:
    """How many it has or had; what names the next one. Raises AccountExists while one is not closed."""
    rows = (await connection.scalars(_states(owner, rail))).all()
    if any(state != "closed" for state in rows):
        raise AccountExists("rail", rail)
    return len(rows)


# Changing -----------------------------------------------------------------------------------------------------


async def add_account(
    connection: AsyncConnection,
    owner: Owner,
    rail: RailName,
    destination: str,
    country: str,
    standing: Standing,
    *,
    by: str,
    details: dict[str, Any] | None = None,
) -> PayoutAccount:
    """Raises AccountExists, InvalidPayoutAccount."""
    if not (len(country) == 2 and country.isascii() and country.isupper()):
        raise InvalidPayoutAccount("country", country, "a country as ISO 3166-1 writes it, such as CN")
    row = insert(payout_accounts).values(
        **owner._asdict(),
        rail=rail,
        destination=destination,
        country=country,
        currencies=sorted(standing.currencies),
        state=standing.state,
        blocking=msgspec.to_builtins(list(standing.blocking)),
        details=details or {},
        created_by=by,
        refreshed_at=func.now(),
    )
    made = row.on_conflict_do_nothing().returning(payout_accounts.c.account_id)
    account_id = (await connection.execute(made)).scalar_one_or_none()
    if account_id is None:
        raise AccountExists("rail", rail)
    return await find_account(connection, owner, account_id)


async def update_standing(connection: AsyncConnection, rail: RailName, destination: str, standing: Standing) -> int:
    """What the rail says of an account now, whosoever it is; of how many that are not closed."""
    its = payout_accounts.c
    changed = update(payout_accounts).where(its.rail == rail, its.destination == destination, its.state != "closed")
    values = {
        "state": standing.state,
        "currencies": sorted(standing.currencies),
        "blocking": msgspec.to_builtins(list(standing.blocking)),
        "refreshed_at": func.now(),
    }
    return (await connection.execute(changed.values(values))).rowcount


async def close_account(connection: AsyncConnection, owner: Owner, account_id: int) -> None:
    """Nothing is paid to it any more. Raises PayoutAccountNotFound."""
    await _row(connection, owner, account_id)
    its = payout_accounts.c
    await connection.execute(update(payout_accounts).where(its.account_id == account_id).values(state="closed"))


# Parts --------------------------------------------------------------------------------------------------------


def _of(owner: Owner) -> tuple[ColumnElement[bool], ...]:
    its = payout_accounts.c
    if owner.book_id is not None:
        return (its.book_id == owner.book_id,)
    return (its.party_id == owner.party_id,)


def _chosen() -> Select[Any]:
    return select(payout_accounts)


def _states(owner: Owner, rail: RailName) -> Select[Any]:
    return select(payout_accounts.c.state).where(*_of(owner), payout_accounts.c.rail == rail)


async def _row(connection: AsyncConnection, owner: Owner, account_id: int) -> Any:
    chosen = _chosen().where(*_of(owner), payout_accounts.c.account_id == account_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise PayoutAccountNotFound("account", account_id)
    return row


def _last_digits(details: dict[str, Any]) -> str:
    number = str(details.get("iban") or details.get("number") or "")
    return f"…{number[-4:]}" if len(number) > _SHORT else "…"


def _account(row: Any) -> PayoutAccount:
    return PayoutAccount(
        account_id=row.account_id,
        rail=row.rail,
        destination=row.destination if row.rail == "stripe" else _last_digits(row.details),
        country=row.country,
        currencies=tuple(row.currencies),
        state=row.state,
        blocking=msgspec.convert(row.blocking, tuple[Asked, ...]),
        created_at=row.created_at,
        refreshed_at=row.refreshed_at,
    )
