"""Payees of a rail that sets accounts up by itself, as the routes see them: without the rail's SDK."""

from datetime import datetime
from typing import NamedTuple, NoReturn, Protocol, runtime_checkable

from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.accounts import Owner, PayoutAccount, find_account
from settlement.payouts.errors import RailNotSetUp


class Link(NamedTuple):
    """A page of the rail's for one payee alone, good for one visit."""

    url: str
    expires_at: datetime


@runtime_checkable
class StripePayees(Protocol):
    """See `settlement.payouts.stripe_payees`."""

    async def open(self, owner: Owner, country: str, email: str, *, by: str) -> PayoutAccount:
        """Set an account up."""

    async def link(self, owner: Owner, account_id: int, return_url: str, refresh_url: str) -> Link:
        """Where the payee goes then."""

    async def refresh(self, owner: Owner, account_id: int) -> PayoutAccount:
        """Ask how it stands."""


class NoPayees:
    """Of an installation without an account at Stripe."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, owner: Owner, country: str, email: str, *, by: str) -> PayoutAccount:
        """Raises RailNotSetUp."""
        raise RailNotSetUp("rail", "stripe")

    async def link(self, owner: Owner, account_id: int, return_url: str, refresh_url: str) -> Link:
        """Raises PayoutAccountNotFound, RailNotSetUp."""
        return await self._nothing(owner, account_id)

    async def refresh(self, owner: Owner, account_id: int) -> PayoutAccount:
        """Raises PayoutAccountNotFound, RailNotSetUp."""
        return await self._nothing(owner, account_id)

    async def _nothing(self, owner: Owner, account_id: int) -> NoReturn:
        async with self._engine.connect() as connection:
            await find_account(connection, owner, account_id)
        raise RailNotSetUp("rail", "stripe")
