"""/_sandbox/: what a real Stripe does not offer. JSON in, JSON out, no key: it listens on loopback."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from clipledger.stripe_sandbox.answering import Response
from clipledger.stripe_sandbox.faults import EventFault, EventKind, Fault, Faults, Kind
from clipledger.stripe_sandbox.onboarding import GOOD_BANK
from clipledger.stripe_sandbox.parameters import CURRENCIES, MOST
from clipledger.stripe_sandbox.payouts import FAILURES
from clipledger.stripe_sandbox.refusals import Refusal, invalid
from clipledger.stripe_sandbox.sandbox import Sandbox

Positive = Annotated[int, Meta(ge=1, le=10_000 * MOST)]
Probability = Annotated[float, Meta(ge=0, le=1)]


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Nothing(_Body):
    pass


class Funding(_Body):
    amount: Positive
    currency: str = "usd"
    available_in: Annotated[int, Meta(ge=0)] = 0
    """Seconds for which it is pending."""


class Travel(_Body):
    seconds: Annotated[float, Meta(ge=0, le=400 * 86_400)]


class CallFault(_Body):
    kind: Kind
    method: str = "POST"
    path: str = "/v1/transfers"
    nth: Annotated[int, Meta(ge=1)] = 1
    times: Annotated[int, Meta(ge=1)] = 1
    delay: Annotated[float, Meta(ge=0)] = 60


class DeliveryFault(_Body):
    kind: EventKind
    type: str = "*"
    nth: Annotated[int, Meta(ge=1)] = 1
    times: Annotated[int, Meta(ge=1)] = 1
    delay: Annotated[float, Meta(ge=0)] = 60


class Plan(_Body):
    """Explicit faults, or chances from a seed. It takes the place of the plan before."""

    calls: list[CallFault] = []
    events: list[DeliveryFault] = []
    seed: int | None = None
    call_rates: dict[Kind, Probability] = {}
    event_rates: dict[EventKind, Probability] = {}


class Limits(_Body):
    rate: Annotated[float, Meta(gt=0)] | None = None
    overall_rate: Annotated[float, Meta(gt=0)] | None = None


class Bank(_Body):
    number: Annotated[str, Meta(pattern=r"^\d{4,17}\Z")] = GOOD_BANK
    currency: str | None = None


class Capability(_Body):
    status: Annotated[str, Meta(pattern=r"^(active|inactive|pending)\Z")]
    name: str = "transfers"
    due: tuple[str, ...] = ()
    disabled_reason: str | None = None


class Reversal(_Body):
    amount: Positive | None = None


class Failure(_Body):
    failure_code: str = "account_closed"


def _fund(sandbox: Sandbox, body: Funding) -> Any:
    return sandbox.fund(body.amount, _currency(body.currency), available_in=body.available_in)


def _advance(sandbox: Sandbox, body: Travel) -> Any:
    sandbox.advance(body.seconds)
    return {"now": sandbox.state.seconds}


def _plan(sandbox: Sandbox, body: Plan) -> Any:
    faults = Faults.seeded(body.seed or 0, body.call_rates, body.event_rates)
    faults.calls = [Fault(**msgspec.structs.asdict(one)) for one in body.calls]
    faults.events = [EventFault(**msgspec.structs.asdict(one)) for one in body.events]
    sandbox.faults = faults
    return {"calls": len(faults.calls), "events": len(faults.events)}


def _limit(sandbox: Sandbox, body: Limits) -> Any:
    sandbox.rates.endpoint, sandbox.rates.overall = body.rate, body.overall_rate
    return msgspec.structs.asdict(body)


def _onboard(sandbox: Sandbox, body: Bank, account_id: str) -> Any:
    return sandbox.onboard(account_id, body.number)


def _bank(sandbox: Sandbox, body: Bank, account_id: str) -> Any:
    return sandbox.replace_bank(account_id, body.number, body.currency and _currency(body.currency))


def _capability(sandbox: Sandbox, body: Capability, account_id: str) -> Any:
    return sandbox.set_capability(
        account_id, body.status, name=body.name, due=body.due, disabled_reason=body.disabled_reason
    )


def _deauthorize(sandbox: Sandbox, body: Nothing, account_id: str) -> Any:
    sandbox.deauthorize(account_id)
    return {"id": account_id, "connected": False}


def _reverse(sandbox: Sandbox, body: Reversal, transfer_id: str) -> Any:
    return sandbox.reverse_transfer(transfer_id, body.amount)


def _fail(sandbox: Sandbox, body: Failure, payout_id: str) -> Any:
    if body.failure_code not in FAILURES:
        raise invalid("failure_code", f"Invalid failure_code: must be one of {', '.join(FAILURES)}")
    return sandbox.fail_payout(payout_id, body.failure_code)


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        raise invalid("currency", f"Invalid currency: {code}")
    return code


_CONTROLS: dict[str, tuple[type[_Body], Callable[..., Any]]] = {
    "fund": (Funding, _fund),
    "advance": (Travel, _advance),
    "faults": (Plan, _plan),
    "limits": (Limits, _limit),
    "accounts/:id/onboard": (Bank, _onboard),
    "accounts/:id/bank": (Bank, _bank),
    "accounts/:id/capability": (Capability, _capability),
    "accounts/:id/deauthorize": (Nothing, _deauthorize),
    "transfers/:id/reverse": (Reversal, _reverse),
    "payouts/:id/fail": (Failure, _fail),
}


def control(sandbox: Sandbox, method: str, path: str, body: bytes) -> Response:
    """The answer to a request below /_sandbox/; errors look like Stripe's."""
    steps = path.removeprefix("/_sandbox").strip("/").split("/")
    try:
        if method == "GET" and steps == [""]:
            return _json(200, summary(sandbox))
        ids, steps[1:2] = steps[1:2], [":id"] * len(steps[1:2])
        found = _CONTROLS.get("/".join(steps)) if method == "POST" else None
        if found is None:
            raise Refusal(f"Unrecognized request URL ({method}: {path})", status=404)
        kind, run = found
        return _json(200, run(sandbox, msgspec.json.decode(body or b"{}", type=kind), *ids))
    except msgspec.MsgspecError as error:
        return _json(400, Refusal(str(error)).body())
    except Refusal as refusal:
        return _json(refusal.status, refusal.body())


def summary(sandbox: Sandbox) -> dict[str, Any]:
    """What there is, at a glance."""
    sandbox.tick()
    state = sandbox.state
    return {
        "note": "This is not Stripe, but a local sandbox that speaks like it. No money moves.",
        "now": state.seconds,
        "account": state.platform.id,
        "balance": {currency: amounts[0] for currency, amounts in sandbox.balance().items()},
        "accounts": len(state.accounts),
        "transfers": len(state.transfers),
        "waiting_webhooks": len(sandbox.outbox.waiting),
        "faults": [{"kind": kind, "at": at} for kind, at in sandbox.faults.struck[-100:]],
    }


def _json(status: int, value: Any) -> Response:
    return Response(status, {"Content-Type": "application/json"}, msgspec.json.encode(value))
