"""What the Stripe sandbox returns has the fields and types that Stripe's own SDK declares.

Stripe's published examples are compared by `python -m clipledger.stripe_sandbox.shapes FIXTURES.json`.
"""

import json
import types
import typing
from pathlib import Path
from typing import Any

import pytest
import stripe
from click.testing import CliRunner

from clipledger.stripe_sandbox.shapes import differences, main, samples

CLASSES: dict[str, Any] = {
    "account": stripe.Account,
    "account_link": stripe.AccountLink,
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "capability": stripe.Capability,
    "event": stripe.Event,
    "payout": stripe.Payout,
    "topup": stripe.Topup,
    "transfer": stripe.Transfer,
    "transfer_reversal": stripe.TransferReversal,
    "webhook_endpoint": stripe.WebhookEndpoint,
}
SAMPLES = [(kind, thing) for kind, thing in samples() if kind in CLASSES]


@pytest.mark.parametrize(("kind", "thing"), SAMPLES, ids=[kind for kind, _ in SAMPLES])
def test_an_object_is_what_the_sdk_declares(kind: str, thing: dict[str, Any]) -> None:
    assert list(violations(CLASSES[kind], thing, kind)) == []


def test_every_declared_type_is_sampled() -> None:
    assert {kind for kind, _ in SAMPLES} == {*CLASSES}


def violations(declared: Any, value: Any, path: str) -> typing.Iterator[str]:
    """In words. Names of other modules' classes, which the SDK resolves only for type checkers, take any object."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is typing.Union:
        if not any(not list(violations(one, value, path)) for one in arguments):
            yield f"{path}: {value!r} is none of {arguments}"
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is not among {arguments}"
    elif origin is list and isinstance(value, list):
        yield from (one for item in value for one in violations(arguments[0], item, f"{path}[]"))
    elif isinstance(declared, type) and issubclass(declared, stripe.StripeObject):
        yield from _of_object(declared, value, path)
    elif not isinstance(value, _json_type(declared)) or (declared is int and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {declared}"


def _json_type(declared: Any) -> Any:
    if declared in (int, str, bool, float, types.NoneType):
        return (int, float) if declared is float else declared
    return list if typing.get_origin(declared) is list else dict


def _of_object(declared: Any, value: Any, path: str) -> typing.Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    fields = {name: kind for one in declared.__mro__ for name, kind in vars(one).get("__annotations__", {}).items()}
    fields = {name: kind for name, kind in fields.items() if not name.startswith("_") and name.islower()}
    for name, kind in fields.items():
        if name in value:
            yield from violations(kind, value[name], f"{path}.{name}")
        elif types.NoneType not in typing.get_args(kind):
            yield f"{path}.{name}: missing"
    if fields:
        yield from (f"{path}.{name}: undeclared" for name in value.keys() - fields.keys() - {"controller"})


def test_the_comparison_with_examples_names_what_differs(tmp_path: Path) -> None:
    example = {"amount": 5, "source": {"id": "a"}, "list": [{"a": 1}], "metadata": {"x": 1}, "any": None}
    found = {"amount": "5", "source": {}, "list": [{"a": 1, "b": 2}], "metadata": {}, "any": []}
    assert set(differences(example, found, "thing")) == {
        "thing.amount: str instead of int",
        "thing.source.id: missing",
        "thing.list[].b: unknown",
    }
    fixtures = tmp_path / "fixtures.json"
    own = {kind: thing for kind, thing in samples() if kind != "list"}
    fixtures.write_text(json.dumps({"resources": own}))
    assert "transfer: 1 compared, no differences" in CliRunner().invoke(main, [str(fixtures)]).output
    own["transfer"].pop("created")
    fixtures.write_text(json.dumps({"resources": own}))
    result = CliRunner().invoke(main, [str(fixtures)])
    assert (result.exit_code, "  transfer.created: unknown" in result.output) == (1, True)
