"""What happens on a connected account's own side: onboarding, capabilities won and lost, and its bank accounts."""

from clipledger.stripe_sandbox import accounts
from clipledger.stripe_sandbox.events import emit
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

GOOD_BANK = "000123456789"
"""A bank account number that takes every payout."""


def onboard(state: State, holder: Holder, number: str = GOOD_BANK) -> Thing:
    """As when its owner has filled in everything: what was requested is active, and it has a bank account."""
    account = holder.account
    before = _enabled(account)
    account["details_submitted"] = True
    account["tos_acceptance"] = {"date": state.seconds, "ip": "203.0.113.7", "user_agent": None}
    add_bank(state, holder, number)
    accounts.require(account, [], None)
    changed = [name for name, status in account["capabilities"].items() if status != "active"]
    account["capabilities"] = dict.fromkeys(account["capabilities"], "active")
    account["charges_enabled"] = "card_payments" in account["capabilities"]
    account["payouts_enabled"] = True
    _tell(state, holder, before, changed)
    return account


def finish(state: State, token: str) -> None:
    """As when somebody completes the page of an account link, which is then used up."""
    link = state.links[token]
    link["expires_at"] = 0
    onboard(state, state.holders[link["account"]])


def set_capability(
    state: State,
    holder: Holder,
    name: str,
    status: str,
    *,
    due: tuple[str, ...] = (),
    disabled_reason: str | None = None,
) -> Thing:
    """Change a capability's status and what is required of the account."""
    account = holder.account
    before = _enabled(account)
    account["capabilities"] = {**account["capabilities"], name: status}
    reason = disabled_reason or ("requirements.past_due" if due else None)
    accounts.require(account, list(due), reason)
    _tell(state, holder, before, [name])
    return account


def add_bank(state: State, holder: Holder, number: str, currency: str | None = None) -> Thing:
    """Set the bank account of a currency; payouts to a former one that failed are possible again."""
    account = holder.account
    currency = currency or account["default_currency"]
    bank = {
        "id": state.new_id("ba"),
        "object": "bank_account",
        "account": account["id"],
        "account_holder_name": None,
        "account_holder_type": "individual",
        "account_type": None,
        "available_payout_methods": ["standard"],
        "bank_name": "SANDBOX TEST BANK",
        "country": account["country"],
        "currency": currency,
        "default_for_currency": True,
        "fingerprint": state.new_id("fp"),
        "last4": number[-4:],
        "metadata": {},
        "routing_number": "110000000",
        "status": "new",
    }
    holder.banks[currency] = bank
    holder.bank_numbers[bank["id"]] = number
    state.things[bank["id"]] = bank
    account["external_accounts"]["data"] = list(holder.banks.values())
    return bank


def replace_bank(state: State, holder: Holder, number: str, currency: str | None = None) -> Thing:
    """A new bank account in place of the old one, as its owner would enter it."""
    before = _enabled(holder.account)
    bank = add_bank(state, holder, number, currency)
    due = [item for item in holder.account["requirements"]["currently_due"] if item != "external_account"]
    accounts.require(holder.account, due, "requirements.past_due" if due else None)
    holder.account["payouts_enabled"] = holder.account["details_submitted"] and not due
    _tell(state, holder, before, [])
    return bank


def bank_failed(state: State, holder: Holder, bank: Thing) -> None:
    """Stripe stops paying out to a bank account that returned a payout until it is replaced."""
    before = _enabled(holder.account)
    bank["status"] = "errored"
    holder.account["payouts_enabled"] = False
    accounts.require(holder.account, ["external_account"], None)
    _tell(state, holder, before, [])


def _enabled(account: Thing) -> Thing:
    names = ("capabilities", "charges_enabled", "details_submitted", "payouts_enabled", "requirements")
    return {name: account[name] for name in names}


def _tell(state: State, holder: Holder, before: Thing, capabilities: list[str]) -> None:
    account = holder.account
    changed = {name: value for name, value in before.items() if account[name] != value}
    emit(state, holder, "account.updated", account, changed)
    for name in capabilities:
        was = {"status": before["capabilities"].get(name, "unrequested")}
        emit(state, holder, "capability.updated", accounts.capability(account, name), was)
