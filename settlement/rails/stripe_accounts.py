"""Payees at Stripe: their connected accounts, what keeps them from being paid, and what reached their banks.

The platform answers for losses and pays Stripe's fees, Stripe collects what it must know of the payee on pages of its
own: https://docs.stripe.com/connect/migrate-to-controller-properties (what was called an Express account).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal

import stripe
from stripe.params import AccountCreateParams

from settlement.rails.protocol import RailUnavailable
from settlement.rails.stripe_amounts import from_stripe
from settlement.rails.stripe_client import without_secrets
from settlement.rails.stripe_errors import asking
from settlement.rails.stripe_words import Words, words_for_bank_failure, words_for_disabled, words_for_requirement

TransfersState = Literal["active", "pending", "inactive", "not-requested"]

_STATES: Final[dict[str | None, TransfersState]] = {"active": "active", "pending": "pending", "inactive": "inactive"}
_SAID_BY_WHAT_IS_DUE: Final = frozenset({"requirements.past_due", "action_required.requested_capabilities"})


@dataclass(frozen=True)
class Requirement:
    """Something Stripe asks for, or waits for. `reason` is Stripe's own sentence on why the last answer was no good."""

    code: str
    words: Words
    due_by: datetime | None
    past_due: bool
    reason: str | None = None


@dataclass(frozen=True)
class AccountStatus:
    """`payable`: a transfer would be taken. `submitted`: the payee has told what was asked once. `currencies` are its
    own and those of its bank accounts, which Stripe pays out unconverted. `blocking`: overdue first; of a payable
    account, what is asked by a day.
    """

    account: str
    payable: bool
    submitted: bool
    transfers: TransfersState
    reaches_bank: bool
    country: str | None
    currencies: Sequence[str]
    blocking: Sequence[Requirement]


@dataclass(frozen=True)
class BankPayout:
    """What Stripe has sent from a connected account to the payee's bank; `failed` may follow `paid` by days."""

    id: str
    status: str
    amount: int
    currency: str
    created: datetime
    arrives_on: date
    failure_code: str | None
    failure_words: Words | None


async def create_account(
    client: stripe.StripeClient,
    party: str,
    country: str,
    email: str,
    *,
    key: str,
    platform_country: str,
    business_type: Literal["individual", "company"] = "individual",
) -> str:
    """The new account's id. `party` is kept with it; `key` makes it one account however often this is called.

    Abroad the payee is a recipient only, which is what Stripe allows across borders.
    Raises RailRefused, RailUnavailable.
    """
    params: AccountCreateParams = {
        "country": country,
        "email": email,
        "business_type": business_type,
        "capabilities": {"transfers": {"requested": True}},
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": "express"},
        },
        "metadata": {"party": party},
    }
    if country != platform_country:
        params["tos_acceptance"] = {"service_agreement": "recipient"}
    with asking():
        made = await client.v1.accounts.create_async(params, {"idempotency_key": key})
        return made.id


async def onboarding_link(
    client: stripe.StripeClient, account: str, *, return_url: str, refresh_url: str, key: str
) -> tuple[str, datetime]:
    """A page of Stripe's for this payee alone, good for one visit, and until when. Never to be sent by mail.

    Raises RailRefused, RailUnavailable.
    """
    with asking():
        made = await client.v1.account_links.create_async(
            {"account": account, "type": "account_onboarding", "return_url": return_url, "refresh_url": refresh_url},
            {"idempotency_key": key},
        )
        return made.url, datetime.fromtimestamp(made.expires_at, UTC)


async def account_status(client: stripe.StripeClient, account: str) -> AccountStatus:
    """How the account stands at this moment. Raises RailRefused if it is none of ours, RailUnavailable."""
    with asking():
        return status_of(await client.v1.accounts.retrieve_async(account))


def status_of(told: stripe.Account) -> AccountStatus:
    """What an account, fetched or of an event, says of being paid."""
    capabilities = told.capabilities
    state = _STATES.get(getattr(capabilities, "transfers", None) if capabilities else None, "not-requested")
    disabled = told.requirements.disabled_reason if told.requirements else None
    rejected = disabled is not None and disabled.startswith(("rejected.", "platform_paused"))
    return AccountStatus(
        account=told.id,
        payable=state == "active" and not rejected,
        submitted=bool(getattr(told, "details_submitted", False)),
        transfers=state,
        reaches_bank=bool(told.payouts_enabled),
        country=told.country,
        currencies=_currencies(told),
        blocking=_requirements(told, payable=state == "active" and not rejected),
    )


async def bank_payouts(client: stripe.StripeClient, account: str, since: datetime) -> AsyncIterator[BankPayout]:
    """Payouts to the payee's bank made from `since` on, newest first. Raises RailRefused, RailUnavailable."""
    with asking():
        page = await client.v1.payouts.list_async(
            {"created": {"gte": int(since.timestamp())}, "limit": 100}, {"stripe_account": account}
        )
        async for told in page.auto_paging_iter():
            yield _bank_payout(told)


def _currencies(told: stripe.Account) -> list[str]:
    banks = getattr(told, "external_accounts", None)  # left out of an account that this key may not look into
    found = {getattr(told, "default_currency", None), *(bank.currency for bank in (banks.data if banks else ()))}
    return sorted(currency.upper() for currency in found if currency)


def _requirements(told: stripe.Account, *, payable: bool) -> list[Requirement]:
    asked = told.requirements
    if asked is None:
        return []
    deadline = datetime.fromtimestamp(asked.current_deadline, UTC) if asked.current_deadline else None
    reasons = {error.requirement: without_secrets(error.reason) for error in asked.errors or []}
    overdue = frozenset(asked.past_due or [])
    by_words: dict[str, Requirement] = {}  # a date of birth is asked for as day, month and year; once is enough
    for code in [*(asked.past_due or []), *(asked.currently_due or [])]:
        words = words_for_requirement(code)
        one = Requirement(code, words, deadline, past_due=code in overdue, reason=reasons.get(code))
        by_words.setdefault(words["en"], one)
    found = list(by_words.values())
    stopped = asked.disabled_reason
    if stopped and not payable and not (found and stopped in _SAID_BY_WHAT_IS_DUE):
        found.insert(0, Requirement(stopped, words_for_disabled(stopped), None, past_due=False))
    return found


def _bank_payout(told: stripe.Payout) -> BankPayout:
    currency = told.currency.upper()
    try:
        amount = from_stripe(told.amount, currency)
    except ValueError as uneven:
        raise RailUnavailable(str(uneven)) from None
    return BankPayout(
        id=told.id,
        status=told.status,
        amount=amount,
        currency=currency,
        created=datetime.fromtimestamp(told.created, UTC),
        arrives_on=datetime.fromtimestamp(told.arrival_date, UTC).date(),
        failure_code=told.failure_code,
        failure_words=words_for_bank_failure(told.failure_code) if told.failure_code else None,
    )
