"""Transfers from the platform's balance to an account's, and their reversals."""

from typing import Any

from clipledger.stripe_sandbox import refusals
from clipledger.stripe_sandbox.accounts import merged
from clipledger.stripe_sandbox.events import emit
from clipledger.stripe_sandbox.money import post
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Table, Thing

_EMBEDDED = 10
"""Reversals that a transfer shows itself; the rest are listed."""


def create(state: State, values: dict[str, Any]) -> Thing:
    """Raises Refusal if the destination can't receive, or the balance in that very currency is too low.

    The money arrives in the currency it was sent in; Stripe would convert it where the account has no such balance.
    """
    holder = _destination(state, values["destination"])
    if "source_transaction" in values:
        raise refusals.no_such("charge", values["source_transaction"], "source_transaction", status=400)
    amount, currency = values["amount"], values["currency"]
    if state.platform.available.get(currency, 0) < amount:
        raise refusals.short_balance()
    transfer = _new(state, holder, values)
    transfer_id = str(transfer["id"])
    description = values.get("description")
    sent = post(state, state.platform, "transfer", -amount, currency, transfer_id, description=description)
    transfer["balance_transaction"] = sent["id"]
    charge = _payment(state, holder, transfer)
    received = post(state, holder, "payment", amount, currency, str(charge["id"]), description=description)
    charge["balance_transaction"] = received["id"]
    emit(state, state.platform, "transfer.created", transfer)
    return transfer


def _destination(state: State, account_id: str) -> Holder:
    if account_id == state.platform.id:
        raise refusals.own_account()
    holder = state.holders.get(account_id)
    if holder is None or not holder.connected:
        raise refusals.no_such("destination", account_id, "destination", status=400)
    if holder.account["capabilities"].get("transfers") != "active":
        raise refusals.no_capability()
    return holder


def _new(state: State, holder: Holder, values: dict[str, Any]) -> Thing:
    transfer_id = state.new_id("tr")
    reversals = Table(f"/v1/transfers/{transfer_id}/reversals")
    state.reversals[transfer_id] = reversals
    transfer = {
        "id": transfer_id,
        "object": "transfer",
        "amount": values["amount"],
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": state.seconds,
        "currency": values["currency"],
        "description": values.get("description"),
        "destination": holder.id,
        "destination_payment": None,
        "livemode": False,
        "metadata": merged({}, values.get("metadata", {})),
        "reversals": {"object": "list", "data": [], "has_more": False, "url": reversals.url},
        "reversed": False,
        "source_transaction": None,
        "source_type": values.get("source_type", "card"),
        "transfer_group": values.get("transfer_group"),
    }
    return state.keep(state.transfers, transfer)


def _payment(state: State, holder: Holder, transfer: Thing) -> Thing:
    """What a transfer is at its destination: a charge whose id begins with py_."""
    charge = {
        "id": state.new_id("py"),
        "object": "charge",
        "amount": transfer["amount"],
        "amount_captured": transfer["amount"],
        "amount_refunded": 0,
        "balance_transaction": None,
        "captured": True,
        "created": state.seconds,
        "currency": transfer["currency"],
        "description": transfer["description"],
        "livemode": False,
        "metadata": {},
        "paid": True,
        "refunded": False,
        "source_transfer": transfer["id"],
        "status": "succeeded",
        "transfer_group": transfer["transfer_group"],
    }
    transfer["destination_payment"] = charge["id"]
    return state.keep(holder.charges, charge)


def update(state: State, transfer: Thing, values: dict[str, Any]) -> Thing:
    before: Thing = {name: transfer[name] for name in ("description", "metadata") if name in values}
    if "description" in values:
        transfer["description"] = values["description"] or None
    if "metadata" in values:
        transfer["metadata"] = merged(transfer["metadata"], values["metadata"])
    emit(state, state.platform, "transfer.updated", transfer, before)
    return transfer


def reverse(state: State, transfer: Thing, values: dict[str, Any], *, forced: bool = False) -> Thing:
    """Take a transfer back, in whole or in part.

    `forced` is for what Stripe does by itself: it may leave the destination's balance negative. Raises Refusal.
    """
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = values.get("amount", left)
    if not left:
        raise refusals.already_reversed(str(transfer["id"]))
    if amount > left:
        raise refusals.over_reversed(str(amount), str(left))
    holder = state.holders[transfer["destination"]]
    if holder.available.get(transfer["currency"], 0) < amount and not forced:
        raise refusals.short_destination()
    reversal = _new_reversal(state, transfer, amount, values)
    _move_back(state, holder, transfer, reversal)
    emit(state, state.platform, "transfer.reversed", transfer)
    return reversal


def _new_reversal(state: State, transfer: Thing, amount: int, values: dict[str, Any]) -> Thing:
    reversal = {
        "id": state.new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": state.seconds,
        "currency": transfer["currency"],
        "destination_payment_refund": None,
        "metadata": merged({}, values.get("metadata", {})),
        "source_refund": None,
        "transfer": transfer["id"],
    }
    table = state.reversals[transfer["id"]]
    state.keep(table, reversal)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"] = table.page({"limit": _EMBEDDED})
    return reversal


def _move_back(state: State, holder: Holder, transfer: Thing, reversal: Thing) -> None:
    amount, currency = reversal["amount"], reversal["currency"]
    refund = _refund(state, transfer, reversal)
    taken = post(state, holder, "payment_refund", -amount, currency, str(refund["id"]))
    refund["balance_transaction"] = taken["id"]
    given = post(state, state.platform, "transfer_refund", amount, currency, str(reversal["id"]))
    reversal["balance_transaction"] = given["id"]


def _refund(state: State, transfer: Thing, reversal: Thing) -> Thing:
    """What a reversal is at the destination: a refund of its payment, whose id begins with pyr_."""
    charge = state.things[transfer["destination_payment"]]
    charge["amount_refunded"] += reversal["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    refund = {
        "id": state.new_id("pyr"),
        "object": "refund",
        "amount": reversal["amount"],
        "balance_transaction": None,
        "charge": charge["id"],
        "created": state.seconds,
        "currency": reversal["currency"],
        "metadata": {},
        "payment_intent": None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": reversal["id"],
        "status": "succeeded",
        "transfer_reversal": None,
    }
    reversal["destination_payment_refund"] = refund["id"]
    state.things[str(refund["id"])] = refund
    return refund
