"""Payouts: from an account's available balance to its bank, every day at midnight UTC or when asked for.

A payout is in transit an hour after it was created and arrives on the second day, or on Monday if that is a weekend's
day. Stripe's test numbers of bank accounts decide what becomes of it; a bank may return it even after it was paid.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from clipledger.stripe_sandbox import refusals
from clipledger.stripe_sandbox.accounts import merged
from clipledger.stripe_sandbox.events import emit
from clipledger.stripe_sandbox.money import post
from clipledger.stripe_sandbox.onboarding import bank_failed
from clipledger.stripe_sandbox.state import DAY, Holder, State
from clipledger.stripe_sandbox.tables import Table, Thing

_HOUR = 3600
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "Debit transactions are not approved on your bank account.",
    "incorrect_account_holder_name": "The name of the bank account's holder is wrong.",
    "invalid_account_number": "The bank account number is invalid.",
    "invalid_currency": "The bank account doesn't take this currency.",
    "no_account": "No bank account could be located with these details.",
}
"""Stripe's failure codes, with words of ours where Stripe's are not known."""
BANK_NUMBERS = {"000111111116": "no_account", "000111111113": "account_closed", "000333333335": "debit_not_authorized"}
"""Stripe's test numbers, docs.stripe.com/connect/testing: what becomes of a payout to them."""


def every_day(state: State) -> None:
    """Pay out what is available on accounts with a daily schedule, now and every midnight."""

    def run() -> None:
        for holder in list(state.holders.values()):
            if holder.unpaid:
                _pay_out(state, holder)
        every_day(state)

    state.later((state.seconds // DAY + 1) * DAY, run)


def _pay_out(state: State, holder: Holder) -> None:
    account = holder.account
    if not account["payouts_enabled"] or account["settings"]["payouts"]["schedule"]["interval"] != "daily":
        return
    for currency in holder.banks:
        amount = holder.available.get(currency, 0)
        if amount > 0:
            _automatic(state, holder, amount, currency)


def _automatic(state: State, holder: Holder, amount: int, currency: str) -> None:
    paid = [transaction for transaction in holder.unpaid if transaction["currency"] == currency]
    holder.unpaid = [transaction for transaction in holder.unpaid if transaction["currency"] != currency]
    payout = _new(state, holder, {"amount": amount, "currency": currency}, automatic=True)
    own = holder.unpaid.pop()  # its own balance transaction
    table = Table("/v1/balance_transactions")
    for transaction in [*paid, own]:
        table.add(transaction)
    state.covered[str(payout["id"])] = table


def create(state: State, holder: Holder, values: dict[str, Any]) -> Thing:
    """Raises Refusal if payouts are disabled, there is no bank account in that currency, or the balance is too low."""
    currency = values["currency"]
    platform = holder is state.platform
    if not platform and not holder.account["payouts_enabled"]:
        raise refusals.payouts_not_allowed()
    if not platform and currency not in holder.banks:
        raise refusals.no_bank_account(currency)
    if holder.available.get(currency, 0) < values["amount"]:
        raise refusals.short_balance()
    return _new(state, holder, values, automatic=False)


def _new(state: State, holder: Holder, values: dict[str, Any], *, automatic: bool) -> Thing:
    amount, currency = values["amount"], values["currency"]
    bank = holder.banks.get(currency)
    payout = {
        "id": state.new_id("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": _arrival(state.seconds),
        "automatic": automatic,
        "balance_transaction": None,
        "created": state.seconds,
        "currency": currency,
        "description": values.get("description", "STRIPE PAYOUT" if automatic else None),
        "destination": bank["id"] if bank else None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": merged({}, values.get("metadata", {})),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": values.get("statement_descriptor"),
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    state.keep(holder.payouts, payout)
    payout_id = str(payout["id"])
    payout["balance_transaction"] = post(state, holder, "payout", -amount, currency, payout_id)["id"]
    emit(state, holder, "payout.created", payout)
    state.later(state.seconds + _HOUR, lambda: _send(state, holder, payout))
    state.later(_arrival(state.seconds), lambda: _arrive(state, holder, payout))
    return payout


def _arrival(created: int) -> int:
    day = datetime.fromtimestamp(created, UTC).date() + timedelta(days=2)
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _send(state: State, holder: Holder, payout: Thing) -> None:
    if payout["status"] == "pending":
        payout["status"] = "in_transit"
        emit(state, holder, "payout.updated", payout, {"status": "pending"})


def _arrive(state: State, holder: Holder, payout: Thing) -> None:
    if payout["status"] != "in_transit":
        return
    failure = BANK_NUMBERS.get(holder.bank_numbers.get(payout["destination"], ""))
    if failure:
        fail(state, holder, payout, failure)
        return
    payout["status"] = "paid"
    payout["trace_id"] = {"status": "supported", "value": f"{payout['created']}{payout['amount']:010d}"}
    emit(state, holder, "payout.paid", payout)


def fail(state: State, holder: Holder, payout: Thing, code: str) -> Thing:
    """The bank refuses or returns it, paid or not: the money is back on the account's balance. Raises Refusal."""
    if payout["status"] in ("failed", "canceled"):
        raise refusals.Refusal(f"The payout {payout['id']} has {payout['status']} already.")
    payout.update(status="failed", failure_code=code, failure_message=FAILURES[code])
    _give_back(state, holder, payout, "payout_failure")
    emit(state, holder, "payout.failed", payout)
    bank = state.things.get(str(payout["destination"]))
    if bank is not None:
        bank_failed(state, holder, bank)
    return payout


def cancel(state: State, holder: Holder, payout: Thing) -> Thing:
    """Raises Refusal unless it is pending and was asked for by hand."""
    if payout["status"] != "pending" or payout["automatic"]:
        raise refusals.Refusal("Payouts can be canceled only while they are pending, and not if they are automatic.")
    payout["status"] = "canceled"
    _give_back(state, holder, payout, "payout_cancel")
    emit(state, holder, "payout.canceled", payout)
    return payout


def _give_back(state: State, holder: Holder, payout: Thing, kind: str) -> None:
    back = post(state, holder, kind, payout["amount"], payout["currency"], str(payout["id"]))
    payout["failure_balance_transaction"] = back["id"]
