"""Payees at Stripe: an account is set up, the payee is sent to Stripe's pages, and what Stripe says is kept.

Stripe is asked between transactions, never within one. What is asked twice has the same effect: a call that was made
and not recorded is made again by the same key.
"""

from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine
from stripe import StripeClient

from licensing.vocabulary import check_text
from settlement.payouts.accounts import (
    Asked,
    Owner,
    PayoutAccount,
    Standing,
    add_account,
    count_accounts,
    find_account,
    full_destination,
    update_standing,
)
from settlement.payouts.errors import InvalidPayoutAccount
from settlement.payouts.payees import Link
from settlement.rails.protocol import RailRefused
from settlement.rails.stripe_accounts import AccountStatus, account_status, create_account, onboarding_link

_GONE = frozenset({"account_invalid", "resource_missing"})
"""What Stripe answers when it is asked for an account that is no longer connected to the platform."""


class Payees:
    """The payees of one platform account."""

    def __init__(self, engine: AsyncEngine, client: StripeClient, platform_country: str) -> None:
        self._engine = engine
        self._client = client
        self._country = platform_country

    async def open(self, owner: Owner, country: str, email: str, *, by: str) -> PayoutAccount:
        """Set an account up; the payee then goes where `link` leads.

        Raises AccountExists, InvalidPayoutAccount, RailRefused, RailUnavailable.
        """
        check_text(email, InvalidPayoutAccount, "email", least=3, most=254)
        async with self._engine.connect() as connection:
            before = await count_accounts(connection, owner, "stripe")
        key = f"clp-account-{owner.name}-{before + 1}"
        account = await create_account(
            self._client, owner.name, country, email, key=key, platform_country=self._country
        )
        status = await account_status(self._client, account)
        async with self._engine.begin() as connection:
            return await add_account(
                connection, owner, "stripe", account, country, standing_of(status), by=by, details={"email": email}
            )

    async def link(self, owner: Owner, account_id: int, return_url: str, refresh_url: str) -> Link:
        """Raises PayoutAccountNotFound, RailRefused, RailUnavailable."""
        async with self._engine.connect() as connection:
            account = await full_destination(connection, owner, account_id)
        urls = {"return_url": return_url, "refresh_url": refresh_url}
        return Link(*await onboarding_link(self._client, account, **urls, key=f"clp-link-{uuid4().hex}"))

    async def refresh(self, owner: Owner, account_id: int) -> PayoutAccount:
        """Ask Stripe how it stands. Raises PayoutAccountNotFound, RailRefused, RailUnavailable."""
        async with self._engine.connect() as connection:
            account = await full_destination(connection, owner, account_id)
        await self.observe(account)
        async with self._engine.connect() as connection:
            return await find_account(connection, owner, account_id)

    async def observe(self, account: str) -> str:
        """Ask Stripe how an account stands, whosoever it is, and keep that; its state.

        Raises RailRefused, RailUnavailable.
        """
        try:
            standing = standing_of(await account_status(self._client, account))
        except RailRefused as refused:
            if refused.refusal.code not in _GONE:
                raise
            return await self.lose(account)
        async with self._engine.begin() as connection:
            known = await update_standing(connection, "stripe", account, standing)
        return standing.state if known else "not one of ours"

    async def lose(self, account: str) -> str:
        """The payee has cut the connection: nothing can be paid to it."""
        gone = Asked(
            code="deauthorized",
            en="You have disconnected your Stripe account. Connect it again to be paid.",
            zh="您已断开 Stripe 账户。请重新连接后再收款。",
        )
        async with self._engine.begin() as connection:
            known = await update_standing(connection, "stripe", account, Standing("blocked", (), (gone,)))
        return "blocked" if known else "not one of ours"


def standing_of(status: AccountStatus) -> Standing:
    """`pending` until the payee has told what Stripe asks, `blocked` where that is not enough, or not any more."""
    blocking = [
        Asked(code=each.code, **each.words, due_by=each.due_by, past_due=each.past_due) for each in status.blocking
    ]
    if status.payable:
        return Standing("active", status.currencies, blocking)
    return Standing("blocked" if status.submitted else "pending", (), blocking)
