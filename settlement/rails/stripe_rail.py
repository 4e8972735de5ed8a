"""Paying through Stripe Connect: a transfer from the platform's balance to the payee's connected account.

Separate transfers, without a charge behind them: https://docs.stripe.com/connect/separate-charges-and-transfers.
What then goes from the connected account to the payee's bank is Stripe's doing; see `stripe_accounts`.
"""

import hashlib
import json
import math
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import stripe
from stripe.params import TransferCreateParams

from settlement.rails.protocol import (
    Conflicting,
    Limits,
    Movement,
    MovementKind,
    Order,
    Outcome,
    RailBalance,
    RailContradicts,
    RailRefused,
    RailUnavailable,
    Refused,
    Sent,
    TransferStatus,
    Unfunded,
    Unknown,
)
from settlement.rails.stripe_amounts import STRIPE_CURRENCIES, from_stripe, stripe_limits, to_stripe
from settlement.rails.stripe_client import API_VERSION
from settlement.rails.stripe_errors import asking, outcome_of

_LONGEST_KEY: Final = 255
_MOST_METADATA: Final = 50  # keys, of 40 characters, with values of 500
_LONGEST_NAME, _LONGEST_VALUE = 40, 500

_KINDS: Final[Mapping[str, MovementKind]] = {
    "transfer": "transfer",
    "transfer_cancel": "return",
    "transfer_failure": "return",
    "transfer_refund": "return",
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "payout": "payout",
    "payout_cancel": "payout-return",
    "payout_failure": "payout-return",
    "stripe_fee": "fee",
    "stripe_fx_fee": "fee",
    "tax_fee": "fee",
    "topup": "top-up",
    "topup_reversal": "top-up",
}
"""Stripe's types of balance transactions: https://docs.stripe.com/reports/balance-transaction-types"""


class StripeRail:
    """`Rail` over a client of `stripe_client`. `currencies` are those in which the platform holds a balance."""

    def __init__(self, client: stripe.StripeClient, currencies: Iterable[str] = STRIPE_CURRENCIES) -> None:
        self._client = client
        self._currencies = frozenset(currencies) & STRIPE_CURRENCIES

    @property
    def name(self) -> str:
        return "stripe"

    @property
    def answers(self) -> Literal["at-once", "by-file"]:
        return "at-once"

    @property
    def currencies(self) -> frozenset[str]:
        return self._currencies

    def limits(self, currency: str) -> Limits:
        if currency not in self._currencies:
            raise KeyError(currency)
        return stripe_limits(currency)

    def refusal(self, order: Order) -> Refused | None:
        if order.currency not in self._currencies:
            return _ours("currency", f"the platform has no Stripe balance in {order.currency}")
        limits = stripe_limits(order.currency)
        if order.amount > limits.most:
            return _ours("amount_too_large", f"Stripe moves {limits.most} at most in one transfer")
        if order.amount % limits.multiple_of:
            return _ours("amount_uneven", f"in {order.currency} Stripe moves multiples of {limits.multiple_of} only")
        if not order.destination.startswith("acct_"):
            return Refused("destination", "the payee has no Stripe account", "payee", retriable=True)
        return _misfit(order)

    def request_hash(self, order: Order) -> str:
        request = {"path": "/v1/transfers", "version": API_VERSION, "params": _params(order)}
        canonical = json.dumps(request, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    async def send(self, order: Order) -> Outcome:
        refused = self.refusal(order)
        if refused:
            return refused
        try:
            made = await self._client.v1.transfers.create_async(_params(order), {"idempotency_key": order.key})
            return _sent(made, order)
        except stripe.StripeError as error:
            return outcome_of(error)
        except RailContradicts as contradiction:
            return Conflicting(contradiction.reason)
        except (AttributeError, TypeError):
            return Unknown("Stripe's answer is of no shape that is known")

    async def look_up(self, order: Order) -> Sent | None:
        with asking():
            found = await self._client.v1.transfers.list_async({"transfer_group": order.group, "limit": 2})
            if len(found.data) > 1:
                raise RailContradicts(f"Stripe holds more than one transfer of the group {order.group}")
            return _sent(found.data[0], order) if found.data else None

    async def reverse(self, reference: str, amount: int, currency: str, key: str) -> Outcome:
        if amount <= 0 or amount % self.limits(currency).multiple_of:
            return _ours("amount", f"Stripe does not take back {amount} of {currency}")
        ordered = (to_stripe(amount, currency), currency.lower())
        try:
            made = await self._client.v1.transfers.reversals.create_async(
                reference, {"amount": ordered[0]}, {"idempotency_key": key}
            )
            if (made.amount, made.currency) != ordered:
                return Conflicting(f"Stripe took back {made.amount} {made.currency} instead, as {made.id}")
            return Sent(made.id, _moment(made.created))
        except stripe.StripeError as error:
            return _of_reversal(outcome_of(error))
        except (AttributeError, TypeError):
            return Unknown("Stripe's answer is of no shape that is known")

    async def status(self, reference: str) -> TransferStatus | None:
        try:
            with asking():
                return _status(await self._client.v1.transfers.retrieve_async(reference))
        except RailRefused as refused:
            if refused.refusal.code == "resource_missing":
                return None
            raise

    async def balance(self) -> list[RailBalance]:
        with asking():
            told = await self._client.v1.balance.retrieve_async()
            available = {part.currency.upper(): part.amount for part in told.available}
            pending = {part.currency.upper(): part.amount for part in told.pending}
        return [
            RailBalance(one, _ledger(available.get(one, 0), one), _ledger(pending.get(one, 0), one))
            for one in sorted(available | pending)
        ]

    async def movements(self, since: datetime, until: datetime) -> AsyncIterator[Movement]:
        with asking():
            page = await self._client.v1.balance_transactions.list_async(
                {
                    "created": {"gte": _second(since), "lt": _second(until)},
                    "limit": 100,
                    "expand": ["data.source"],
                }
            )
            async for told in page.auto_paging_iter():
                yield _movement(told)


def _params(order: Order) -> TransferCreateParams:
    params: TransferCreateParams = {
        "amount": to_stripe(order.amount, order.currency),
        "currency": order.currency.lower(),
        "destination": order.destination,
        "transfer_group": order.group,
        "metadata": dict(order.metadata),
    }
    if order.description:
        params["description"] = order.description
    return params


def _misfit(order: Order) -> Refused | None:
    """Texts that Stripe would not take: https://docs.stripe.com/api/metadata, /api/idempotent_requests"""
    if len(order.key) > _LONGEST_KEY or not order.key.isascii():
        return _ours("key", f"an idempotency key has {_LONGEST_KEY} ASCII characters at most")
    if len(order.metadata) > _MOST_METADATA:
        return _ours("metadata", f"Stripe keeps {_MOST_METADATA} entries at most")
    for name, value in order.metadata.items():
        if not 0 < len(name) <= _LONGEST_NAME or "[" in name or "]" in name:
            return _ours("metadata", f"a name has 1 to {_LONGEST_NAME} characters and no square brackets: {name[:80]}")
        if not 0 < len(value) <= _LONGEST_VALUE:
            return _ours("metadata", f"{name} has 1 to {_LONGEST_VALUE} characters")
    return None


def _ours(code: str, reason: str) -> Refused:
    return Refused(code, reason, "operator", retriable=False)


def _sent(made: stripe.Transfer, order: Order) -> Sent:
    """Raises RailContradicts if the transfer is not what was ordered."""
    ordered = (to_stripe(order.amount, order.currency), order.currency, order.destination, order.group)
    told = (made.amount, made.currency.upper(), _id(made.destination), made.transfer_group)
    if told != ordered:
        raise RailContradicts(f"Stripe's transfer {made.id} is {told}, not {ordered}")
    return Sent(made.id, _moment(made.created))


def _status(found: stripe.Transfer) -> TransferStatus:
    currency = found.currency.upper()
    return TransferStatus(
        reference=found.id,
        destination=_id(found.destination) or "",
        amount=_ledger(found.amount, currency),
        reversed=_ledger(found.amount_reversed, currency),
        currency=currency,
        created=_moment(found.created),
        group=found.transfer_group,
    )


def _of_reversal(outcome: Outcome) -> Outcome:
    """It is the payee's balance that a reversal takes from."""
    if isinstance(outcome, Unfunded):
        return Refused("balance_insufficient", "the payee's Stripe balance does not cover it", "payee", retriable=True)
    return outcome


def _movement(told: stripe.BalanceTransaction) -> Movement:
    currency = told.currency.upper()
    return Movement(
        id=told.id,
        kind=_KINDS.get(told.type, "other"),
        kind_there=told.type,
        amount=_ledger(told.amount, currency),
        fee=_ledger(told.fee, currency),
        net=_ledger(told.net, currency),
        currency=currency,
        created=_moment(told.created),
        available_on=_moment(told.available_on).date(),
        source=_source(told.source),
        description=told.description or "",
        group=_group(told.source),
    )


def _source(thing: object) -> str | None:
    """What moved; of what was taken back, the transfer that it was taken back from."""
    return _id(thing.transfer if isinstance(thing, stripe.TransferReversal) else thing)


def _group(thing: object) -> str | None:
    """Of transfers and top-ups."""
    return getattr(thing, "transfer_group", None)


def _ledger(amount: int, currency: str) -> int:
    try:
        return from_stripe(amount, currency)
    except ValueError as uneven:
        raise RailUnavailable(str(uneven)) from None


def _id(thing: object) -> str | None:
    """Of what Stripe gives either by its id or whole."""
    if thing is None or isinstance(thing, str):
        return thing
    return str(getattr(thing, "id"))  # noqa: B009 - the expandable types have no common one


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _second(moment: datetime) -> int:
    """The first whole second at or after the moment, so that windows that touch neither overlap nor leave a gap."""
    return math.ceil(moment.timestamp())
