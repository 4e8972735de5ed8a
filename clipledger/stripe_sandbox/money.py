"""Balances. Nothing changes one but a balance transaction, and each says by how much and when it is available."""

from clipledger.stripe_sandbox.events import emit
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "payout": "payout",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "topup": "topup",
    "transfer": "transfer",
    "transfer_refund": "transfer_reversal",
}
"""Stripe's reporting category of each type that occurs here."""


def post(
    state: State,
    holder: Holder,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    *,
    description: str | None = None,
    available_on: int | None = None,
) -> Thing:
    """Change a balance by `amount` minor units, now or from `available_on`. There are no fees."""
    on = max(available_on or 0, state.seconds)
    waits = on > state.seconds
    transaction = {
        "id": state.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": on,
        "balance_type": "payments",
        "created": state.seconds,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": _CATEGORIES[kind],
        "source": source,
        "status": "pending" if waits else "available",
        "type": kind,
    }
    state.keep(holder.balance_transactions, transaction)
    (holder.pending if waits else holder.available)[currency] += amount
    if waits:
        state.later(on, lambda: _release(state, holder, transaction))
    elif holder is not state.platform:
        holder.unpaid.append(transaction)
    return transaction


def _release(state: State, holder: Holder, transaction: Thing) -> None:
    transaction["status"] = "available"
    holder.pending[transaction["currency"]] -= transaction["amount"]
    holder.available[transaction["currency"]] += transaction["amount"]
    if holder is not state.platform:
        holder.unpaid.append(transaction)
    emit(state, holder, "balance.available", balance(holder))


def balance(holder: Holder) -> Thing:
    """The balance object. Its own currency is always there."""
    currencies = sorted({holder.account["default_currency"], *holder.available, *holder.pending})
    return {
        "object": "balance",
        "available": [_amount(holder.available, currency) for currency in currencies],
        "connect_reserved": [{"amount": 0, "currency": currency} for currency in currencies],
        "livemode": False,
        "pending": [_amount(holder.pending, currency) for currency in currencies],
    }


def _amount(amounts: dict[str, int], currency: str) -> Thing:
    amount = amounts.get(currency, 0)
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def fund(state: State, amount: int, currency: str, *, available_in: int = 0) -> Thing:
    """A top-up of the platform's balance that has succeeded; its money is available after so many seconds."""
    topup = {
        "id": state.new_id("tu"),
        "object": "topup",
        "amount": amount,
        "balance_transaction": None,
        "created": state.seconds,
        "currency": currency,
        "description": "Funded in the sandbox",
        "expected_availability_date": state.seconds + available_in,
        "failure_code": None,
        "failure_message": None,
        "initiated_by": None,
        "livemode": False,
        "metadata": {},
        "source": None,
        "statement_descriptor": None,
        "status": "succeeded",
        "transfer_group": None,
    }
    holder = state.platform
    state.keep(holder.topups, topup)
    on = state.seconds + available_in
    transaction = post(
        state, holder, "topup", amount, currency, str(topup["id"]), description="Top-up", available_on=on
    )
    topup["balance_transaction"] = transaction["id"]
    emit(state, holder, "topup.succeeded", topup)
    if not available_in:
        emit(state, holder, "balance.available", balance(holder))
    return topup
