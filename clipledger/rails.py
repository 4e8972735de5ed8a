"""The rails that this installation pays by, put together from its settings.

The SDK is imported where there is a key only: it takes most of a second.
"""

from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings, StripeSettings
from settlement.payouts.banks import BankRails
from settlement.payouts.halts import RailOfBook, Rails
from settlement.payouts.lifecycle import RailName
from settlement.payouts.payees import NoPayees
from settlement.payouts.rail_events import StripeSecrets
from settlement.reconciliation.bank_records import ImportedBankLines

if TYPE_CHECKING:
    from stripe import StripeClient

    from settlement.payouts.stripe_events import Acting
    from settlement.payouts.stripe_payees import Payees


def rails_of(settings: Settings) -> Rails:
    """Stripe if there is a key; and bank files, of which each book says itself from which accounts they pay."""
    by_book: dict[RailName, RailOfBook] = {"bank-file": BankRails(ImportedBankLines)}
    if settings.stripe is None:
        return Rails({}, by_book)
    from settlement.rails.stripe_rail import StripeRail

    return Rails({"stripe": StripeRail(stripe_client_of(settings.stripe))}, by_book)


def payees_of(settings: Settings, engine: AsyncEngine) -> "Payees | NoPayees":
    """Those of the platform's account at Stripe, if there is one."""
    return NoPayees(engine) if settings.stripe is None else stripe_payees_of(settings.stripe, engine)


def stripe_payees_of(stripe: StripeSettings, engine: AsyncEngine) -> "Payees":
    """Those of this account at Stripe."""
    from settlement.payouts.stripe_payees import Payees

    return Payees(engine, stripe_client_of(stripe), stripe.country)


def acting_of(settings: Settings, engine: AsyncEngine) -> "Acting | None":
    """What is done about Stripe's events."""
    if settings.stripe is None:
        return None
    from settlement.payouts.stripe_events import Acting

    return Acting(engine, rails_of(settings).shared("stripe"), stripe_payees_of(settings.stripe, engine))


def stripe_secrets_of(settings: Settings) -> StripeSecrets:
    """By which Stripe signs its webhooks."""
    if settings.stripe is None:
        return StripeSecrets(None, None)
    return StripeSecrets(settings.stripe.webhook_secret, settings.stripe.connect_webhook_secret)


def stripe_client_of(stripe: StripeSettings) -> "StripeClient":
    """For payees' accounts, and for looking at what webhooks tell of."""
    from settlement.rails.stripe_client import stripe_client

    return stripe_client(stripe.key, api_base=stripe.api)
