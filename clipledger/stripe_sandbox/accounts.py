"""Connected accounts, as a platform creates, changes and loses them."""

from typing import Any

from clipledger.stripe_sandbox.events import emit
from clipledger.stripe_sandbox.parameters import inside
from clipledger.stripe_sandbox.refusals import Refusal, invalid
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Thing

_EURO = "AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK"
_OTHERS = (
    "US usd,CA cad,GB gbp,AU aud,NZ nzd,CH chf,DK dkk,NO nok,SE sek,CZ czk,HU huf,PL pln,RO ron,JP jpy,HK hkd,SG sgd,"
    "MY myr,TH thb,MX mxn,BR brl,AE aed,ID idr,PH php,IN inr,KR krw,TW twd,TR try,ZA zar,IL ils,LI chf,GI gbp"
)
COUNTRIES = dict.fromkeys(_EURO.split(), "eur") | dict(pair.split() for pair in _OTHERS.split(","))
"""Countries that an account may be in, with their currencies."""
_ONBOARDING = (
    "business_profile.product_description",
    "external_account",
    "individual.dob.day",
    "individual.first_name",
    "individual.last_name",
    "tos_acceptance.date",
    "tos_acceptance.ip",
)
_INTERVAL = ("payouts", "schedule", "interval")


def create(state: State, values: dict[str, Any]) -> Thing:
    """Raises Refusal for a country that is not served."""
    country = values.get("country", state.platform.account["country"])
    if country not in COUNTRIES:
        raise invalid("country", f"Country '{country}' is unknown. Try using a 2-character alphanumeric country code.")
    currency = values.get("default_currency", COUNTRIES[country])
    account = _bare(state, country, currency, values)
    account["capabilities"] = dict.fromkeys(_requested(values), "inactive")
    require(account, list(_ONBOARDING), "requirements.past_due")
    holder = Holder(account)
    state.holders[holder.id] = holder
    state.keep(state.accounts, account)
    return account


def _requested(values: dict[str, Any]) -> list[str]:
    asked = values.get("capabilities", {})
    return [name for name in asked if inside(asked, name, "requested") == "true"]


def platform(state: State) -> None:
    """Give the platform's own account its whole shape."""
    account = state.platform.account
    values = {"type": "standard"}
    whole = _bare(state, account["country"], account["default_currency"], values) | {"id": account["id"]}
    enabled = {"charges_enabled": True, "details_submitted": True, "payouts_enabled": True}
    account.update(whole | enabled | {"capabilities": {"card_payments": "active", "transfers": "active"}})
    account["settings"]["payouts"]["schedule"]["interval"] = "manual"


def _bare(state: State, country: str, currency: str, values: dict[str, Any]) -> Thing:
    account_id = state.new_id("acct")
    return {
        "id": account_id,
        "object": "account",
        "business_profile": _business_profile(values.get("business_profile", {})),
        "business_type": values.get("business_type"),
        "capabilities": {},
        "charges_enabled": False,
        "controller": _controller(values),
        "country": country,
        "created": state.seconds,
        "default_currency": currency,
        "details_submitted": False,
        "email": values.get("email"),
        "external_accounts": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/accounts/{account_id}/external_accounts",
        },
        "future_requirements": _requirements([], None),
        "metadata": merged({}, values.get("metadata", {})),
        "payouts_enabled": False,
        "requirements": _requirements([], None),
        "settings": _settings(values.get("settings", {})),
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": values.get("type", "none" if "controller" in values else "standard"),
    }


def _controller(values: dict[str, Any]) -> Thing:
    if "controller" not in values and values.get("type", "standard") == "standard":
        return {"type": "account"}
    asked = values.get("controller", {})
    return {
        "fees": {"payer": inside(asked, "fees", "payer") or "application_express"},
        "is_controller": True,
        "losses": {"payments": inside(asked, "losses", "payments") or "application"},
        "requirement_collection": inside(asked, "requirement_collection") or "stripe",
        "stripe_dashboard": {"type": inside(asked, "stripe_dashboard", "type") or "express"},
        "type": "application",
    }


_PROFILE = ("mcc", "name", "product_description", "support_email", "support_phone", "support_url", "url")


def _business_profile(asked: dict[str, Any]) -> Thing:
    address = ("city", "country", "line1", "line2", "postal_code", "state")
    return {
        "annual_revenue": {"amount": None, "currency": None, "fiscal_year_end": None},
        "estimated_worker_count": None,
        "minority_owned_business_designation": None,
        "support_address": dict.fromkeys(address),
        **{name: inside(asked, name) for name in _PROFILE},
    }


def _settings(asked: dict[str, Any]) -> Thing:
    prefixes = ("statement_descriptor_prefix", "statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji")
    descriptors = ("statement_descriptor", "statement_descriptor_kana", "statement_descriptor_kanji")
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": dict.fromkeys(("icon", "logo", "primary_color", "secondary_color")),
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {"decline_on": {"avs_failure": True, "cvc_failure": True}, **dict.fromkeys(prefixes)},
        "dashboard": {"display_name": None, "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
        "payments": dict.fromkeys((*descriptors, *prefixes[1:])),
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 2, "interval": inside(asked, *_INTERVAL) or "daily"},
            "statement_descriptor": None,
        },
        "sepa_debit_payments": {},
    }


def _requirements(due: list[str], disabled_reason: str | None) -> Thing:
    past = list(due) if disabled_reason == "requirements.past_due" else []
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": list(due),
        "disabled_reason": disabled_reason,
        "errors": [],
        "eventually_due": list(due),
        "past_due": past,
        "pending_verification": [],
    }


def require(account: Thing, due: list[str], disabled_reason: str | None) -> None:
    account["requirements"] = _requirements(due, disabled_reason)


def capability(account: Thing, name: str) -> Thing:
    requested = name in account["capabilities"]
    return {
        "id": name,
        "object": "capability",
        "account": account["id"],
        "future_requirements": account["future_requirements"],
        "requested": requested,
        "requested_at": account["created"] if requested else None,
        "requirements": account["requirements"],
        "status": account["capabilities"].get(name, "unrequested"),
    }


def update(state: State, holder: Holder, values: dict[str, Any]) -> Thing:
    """What a platform may change here: metadata, email, business type and profile, capabilities, payout interval."""
    account = holder.account
    before = {name: account[name] for name in values if name in ("email", "business_type", "metadata")}
    account.update({name: values[name] for name in ("email", "business_type") if name in values})
    if "metadata" in values:
        account["metadata"] = merged(account["metadata"], values["metadata"])
    if "business_profile" in values:
        profile = values["business_profile"]
        account["business_profile"] |= {name: inside(profile, name) for name in _PROFILE if name in profile}
    ready = account["details_submitted"] and not account["requirements"]["currently_due"]
    for name in _requested(values):
        account["capabilities"].setdefault(name, "active" if ready else "inactive")
    interval = inside(values, "settings", *_INTERVAL)
    if interval:
        account["settings"]["payouts"]["schedule"]["interval"] = interval
    emit(state, holder, "account.updated", account, before)
    return account


def merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Metadata after an update: keys are added, replaced, and unset by an empty value; an empty hash unsets all."""
    if not new:
        return {}
    return {key: value for key, value in {**old, **new}.items() if value != ""}


def delete(state: State, holder: Holder) -> Thing:
    """Raises Refusal while there is money on the account."""
    if any(holder.available.values()) or any(holder.pending.values()):
        raise Refusal("This account can't be deleted: its balance is not zero.", param="id")
    revoke(state, holder)
    return {"id": holder.id, "object": "account", "deleted": True}


def revoke(state: State, holder: Holder) -> None:
    """From now on the platform has no access."""
    if holder.connected:
        state.accounts.remove(holder.id)
    holder.connected = False


def deauthorize(state: State, holder: Holder) -> None:
    """As when the account's owner disconnects the platform."""
    revoke(state, holder)
    application = {"id": "ca_sandbox", "object": "application", "name": "Sandbox platform"}
    emit(state, holder, "account.application.deauthorized", application)
