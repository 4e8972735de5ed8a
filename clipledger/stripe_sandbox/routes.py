"""The routes: what each takes, and which operation it is."""

from collections.abc import Callable
from dataclasses import dataclass

from clipledger.stripe_sandbox import endpoints as do
from clipledger.stripe_sandbox import parameters as p
from clipledger.stripe_sandbox.endpoints import Call
from clipledger.stripe_sandbox.parameters import LISTED, Takes
from clipledger.stripe_sandbox.tables import Thing


@dataclass(frozen=True, slots=True)
class Route:
    run: Callable[[Call], Thing]
    takes: Takes
    on_behalf: bool
    """Whether Stripe-Account may name a connected account."""
    name: str


_ACCOUNT: Takes = {
    "business_profile": p.hash_of,
    "business_type": p.one_of("individual", "company", "government_entity", "non_profit"),
    "capabilities": p.hash_of,
    "email": p.text,
    "metadata": p.metadata,
    "settings": p.hash_of,
}
_NEW_ACCOUNT: Takes = {
    **_ACCOUNT,
    "controller": p.hash_of,
    "country": p.text,
    "default_currency": p.currency,
    "individual": p.hash_of,
    "company": p.hash_of,
    "tos_acceptance": p.hash_of,
    "type": p.one_of("custom", "express", "standard"),
}
_ACCOUNT_LINK: Takes = {
    "account!": p.text,
    "type!": p.one_of("account_onboarding", "account_update"),
    "refresh_url": p.url,
    "return_url": p.url,
    "collect": p.text,
    "collection_options": p.hash_of,
}
_TRANSFER: Takes = {
    "amount!": p.amount,
    "currency!": p.currency,
    "destination!": p.text,
    "description": p.text,
    "metadata": p.metadata,
    "source_transaction": p.text,
    "source_type": p.one_of("bank_account", "card", "fpx"),
    "transfer_group": p.text,
}
_CHANGES: Takes = {"description": p.text, "metadata": p.metadata}
_REVERSAL: Takes = {
    "amount": p.amount,
    "description": p.text,
    "metadata": p.metadata,
    "refund_application_fee": p.boolean,
}
_PAYOUT: Takes = {
    "amount!": p.amount,
    "currency!": p.currency,
    "description": p.text,
    "destination": p.text,
    "metadata": p.metadata,
    "method": p.one_of("standard"),
    "source_type": p.one_of("bank_account", "card", "fpx"),
    "statement_descriptor": p.text,
}
_WEBHOOK_ENDPOINT: Takes = {
    "url!": p.url,
    "enabled_events!": p.texts,
    "api_version": p.text,
    "connect": p.boolean,
    "description": p.text,
    "metadata": p.metadata,
}
_TRANSACTIONS: Takes = {**LISTED, "type": p.text, "source": p.text, "currency": p.currency, "payout": p.text}
_PAYOUTS: Takes = {**LISTED, "status": p.text, "destination": p.text}
_EVENTS: Takes = {**LISTED, "type": p.text, "types": p.texts, "delivery_success": p.boolean}
_TRANSFERS: Takes = {**LISTED, "destination": p.text, "transfer_group": p.text}

_ROUTES: list[tuple[str, Callable[[Call], Thing], Takes]] = [
    ("GET /v1/account", do.own_account, {}),
    ("POST /v1/accounts", do.new_account, _NEW_ACCOUNT),
    ("GET /v1/accounts", do.listed(lambda call: call.state.accounts), LISTED),
    ("GET /v1/accounts/:id", do.account, {}),
    ("POST /v1/accounts/:id", do.update_account, _ACCOUNT),
    ("DELETE /v1/accounts/:id", do.delete_account, {}),
    ("GET /v1/accounts/:id/capabilities", do.capabilities, {}),
    ("GET /v1/accounts/:id/capabilities/:id", do.capability, {}),
    ("POST /v1/account_links", do.account_link, _ACCOUNT_LINK),
    ("POST /v1/transfers", do.new_transfer, _TRANSFER),
    ("GET /v1/transfers", do.listed(lambda call: call.state.transfers, "destination", "transfer_group"), _TRANSFERS),
    ("GET /v1/transfers/:id", do.transfer, {}),
    ("POST /v1/transfers/:id", do.update_transfer, _CHANGES),
    ("POST /v1/transfers/:id/reversals", do.reverse, _REVERSAL),
    ("GET /v1/transfers/:id/reversals", do.listed(do.reversals), LISTED),
    ("GET /v1/transfers/:id/reversals/:id", do.retrieve(do.reversals, "transfer reversal"), {}),
    ("GET /v1/balance", do.balance, {}),
    ("GET /v1/balance_transactions", do.balance_transactions, _TRANSACTIONS),
    (
        "GET /v1/balance_transactions/:id",
        do.retrieve(lambda call: call.holder.balance_transactions, "balance transaction"),
        {},
    ),
    ("POST /v1/payouts", do.new_payout, _PAYOUT),
    ("GET /v1/payouts", do.listed(lambda call: call.holder.payouts, "status", "destination"), _PAYOUTS),
    ("GET /v1/payouts/:id", do.payout, {}),
    ("POST /v1/payouts/:id/cancel", do.cancel_payout, {}),
    ("GET /v1/topups", do.listed(lambda call: call.holder.topups, "status"), {**LISTED, "status": p.text}),
    ("GET /v1/topups/:id", do.retrieve(lambda call: call.holder.topups, "topup"), {}),
    ("GET /v1/charges/:id", do.retrieve(lambda call: call.holder.charges, "charge"), {}),
    ("GET /v1/events", do.events, _EVENTS),
    ("GET /v1/events/:id", do.retrieve(lambda call: call.holder.events, "event"), {}),
    ("POST /v1/webhook_endpoints", do.new_webhook_endpoint, _WEBHOOK_ENDPOINT),
    ("GET /v1/webhook_endpoints", do.listed(lambda call: call.state.webhook_endpoints), LISTED),
    ("GET /v1/webhook_endpoints/:id", do.retrieve(lambda call: call.state.webhook_endpoints, "webhook endpoint"), {}),
    ("DELETE /v1/webhook_endpoints/:id", do.delete_webhook_endpoint, {}),
]
_OF_PLATFORM = ("/v1/accounts", "/v1/account_links", "/v1/transfers", "/v1/webhook_endpoints")
ROUTES = {
    name: Route(run, takes, not name.partition(" ")[2].startswith(_OF_PLATFORM), name) for name, run, takes in _ROUTES
}


def route(method: str, path: str) -> tuple[Route | None, list[str]]:
    """The route and the ids in the path: after /v1, names and ids take turns."""
    steps = path.rstrip("/").split("/")
    ids = steps[3::2]
    steps[3::2] = [":id"] * len(ids)
    return ROUTES.get(f"{method} {'/'.join(steps)}"), ids
