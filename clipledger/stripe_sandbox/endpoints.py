"""What each endpoint does once its parameters have been checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clipledger.stripe_sandbox import accounts, money, payouts, transfers
from clipledger.stripe_sandbox.outbox import Outbox
from clipledger.stripe_sandbox.refusals import Refusal, no_access, no_such
from clipledger.stripe_sandbox.state import Holder, State
from clipledger.stripe_sandbox.tables import Table, Thing


@dataclass(slots=True)
class Call:
    """A request that is about to execute. `holder` is whose side it is on: the platform's or a connected account's."""

    state: State
    outbox: Outbox
    holder: Holder
    ids: list[str]
    values: dict[str, Any]
    api_key: str
    base_url: str


def _found(table: Table, thing_id: str, kind: str) -> Thing:
    thing = table.get(thing_id)
    if thing is None:
        raise no_such(kind, thing_id, "id" if kind == "payout" else kind.replace(" ", "_"))
    return thing


def retrieve(table: Callable[[Call], Table], kind: str) -> Callable[[Call], Thing]:
    return lambda call: _found(table(call), call.ids[-1], kind)


def listed(table: Callable[[Call], Table], *equal: str) -> Callable[[Call], Thing]:
    return lambda call: table(call).page(call.values, **{field: call.values.get(field) for field in equal})


# Accounts ---------------------------------------------------------------------------------------------------------


def _holder(call: Call, account_id: str) -> Holder:
    holder = call.state.holders.get(account_id)
    if holder is None or not holder.connected:
        raise no_access(call.api_key, account_id)
    return holder


def new_account(call: Call) -> Thing:
    return accounts.create(call.state, call.values)


def account(call: Call) -> Thing:
    return _holder(call, call.ids[0]).account


def own_account(call: Call) -> Thing:
    return call.holder.account


def update_account(call: Call) -> Thing:
    return accounts.update(call.state, _holder(call, call.ids[0]), call.values)


def delete_account(call: Call) -> Thing:
    return accounts.delete(call.state, _holder(call, call.ids[0]))


def capabilities(call: Call) -> Thing:
    of = account(call)
    data = [accounts.capability(of, name) for name in of["capabilities"]]
    return {"object": "list", "data": data, "has_more": False, "url": f"/v1/accounts/{of['id']}/capabilities"}


def capability(call: Call) -> Thing:
    of = account(call)
    if call.ids[1] not in of["capabilities"]:
        raise no_such("capability", call.ids[1], "capability")
    return accounts.capability(of, call.ids[1])


def account_link(call: Call) -> Thing:
    """A page of the sandbox's own, where one button stands for Stripe's whole onboarding."""
    holder = _holder(call, call.values["account"])
    token = call.state.new_id("link")
    link = {
        "object": "account_link",
        "created": call.state.seconds,
        "expires_at": call.state.seconds + 300,
        "url": f"{call.base_url}/_sandbox/onboarding/{token}",
    }
    places = {name: call.values.get(name) for name in ("return_url", "refresh_url")}
    call.state.links[token] = {"account": holder.id, "expires_at": link["expires_at"], **places}
    return link


# Transfers --------------------------------------------------------------------------------------------------------


def new_transfer(call: Call) -> Thing:
    return transfers.create(call.state, call.values)


def transfer(call: Call) -> Thing:
    return _found(call.state.transfers, call.ids[0], "transfer")


def update_transfer(call: Call) -> Thing:
    return transfers.update(call.state, transfer(call), call.values)


def reverse(call: Call) -> Thing:
    return transfers.reverse(call.state, transfer(call), call.values)


def reversals(call: Call) -> Table:
    return call.state.reversals[transfer(call)["id"]]


# Money ------------------------------------------------------------------------------------------------------------


def balance(call: Call) -> Thing:
    return money.balance(call.holder)


def balance_transactions(call: Call) -> Thing:
    """Of a payout: those that an automatic one paid out."""
    asked = {field: call.values.get(field) for field in ("type", "source", "currency")}
    table = call.holder.balance_transactions
    if "payout" in call.values:
        payout = call.holder.payouts.get(call.values["payout"])
        if payout is None:
            raise no_such("payout", call.values["payout"], "payout", status=400)
        if not payout["automatic"]:
            raise Refusal("Balance transaction history can only be filtered on automatic payouts, not manual.")
        table = call.state.covered[payout["id"]]
    return table.page(call.values, **asked)


def new_payout(call: Call) -> Thing:
    return payouts.create(call.state, call.holder, call.values)


def payout(call: Call) -> Thing:
    return _found(call.holder.payouts, call.ids[0], "payout")


def cancel_payout(call: Call) -> Thing:
    return payouts.cancel(call.state, call.holder, payout(call))


# Events -----------------------------------------------------------------------------------------------------------


def events(call: Call) -> Thing:
    types = call.values.get("types")
    wanted = frozenset(types) if types else call.values.get("type")
    return call.holder.events.page(call.values, type=wanted)


def new_webhook_endpoint(call: Call) -> Thing:
    endpoint = call.outbox.register(call.values)
    return {**endpoint.thing, "secret": endpoint.secret}


def delete_webhook_endpoint(call: Call) -> Thing:
    endpoint = _found(call.state.webhook_endpoints, call.ids[0], "webhook endpoint")
    call.outbox.remove(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
