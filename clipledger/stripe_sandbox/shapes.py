"""Compare what the sandbox returns with examples of Stripe's: the same fields, the same JSON types.

    python -m clipledger.stripe_sandbox.shapes FIXTURES.json

The file is Stripe's published fixtures (`openapi/fixtures3.json` of its OpenAPI repository): examples by type under
`resources`. They are no part of this project.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from clipledger.stripe_sandbox.sandbox import API_KEY, Sandbox

_FREE = frozenset(("metadata", "capabilities", "event.data.object", "event.data.previous_attributes"))
"""Hashes whose keys are anyone's, by name or path."""
_SOMETIMES = frozenset(
    (
        "event.account",
        "event.data.previous_attributes",
        "webhook_endpoint.secret",
        "account.controller.fees",
        "account.controller.is_controller",
        "account.controller.losses",
        "account.controller.requirement_collection",
        "account.controller.stripe_dashboard",
    )
)
"""Fields that Stripe's documentation has and its example has not: of connected accounts' events, of what has changed,
of an endpoint just created, and of accounts whose controller is an application."""


def differences(example: Any, found: Any, path: str) -> Iterator[str]:
    """In words; null stands for any type."""
    if example is None or found is None or path in _FREE or path.rpartition(".")[2] in _FREE:
        return
    if type(example) is not type(found):
        yield f"{path}: {type(found).__name__} instead of {type(example).__name__}"
    elif isinstance(example, dict):
        yield from (f"{path}.{name}: missing" for name in example.keys() - found.keys())
        extra = (f"{path}.{name}" for name in found.keys() - example.keys())
        yield from (f"{one}: unknown" for one in extra if one not in _SOMETIMES)
        for name in example.keys() & found.keys():
            yield from differences(example[name], found[name], f"{path}.{name}")
    elif isinstance(example, list) and example and found:
        yield from differences(example[0], found[0], f"{path}[]")


def samples() -> Iterator[tuple[str, Any]]:
    """Objects of every type, by type, from requests as a payout makes them; lists by the type `list`."""
    desk = _Desk()
    yield "account", desk.post("accounts", "type=standard&capabilities[transfers][requested]=true")
    account = desk.post("accounts", "type=express&capabilities[transfers][requested]=true")
    yield "account_link", desk.post("account_links", f"account={account['id']}&type=account_onboarding")
    yield "webhook_endpoint", desk.post("webhook_endpoints", "url=http://localhost/&enabled_events[0]=*&connect=true")
    desk.sandbox.fund(100_00)
    desk.sandbox.onboard(account["id"])
    yield "account", desk.get(f"accounts/{account['id']}")
    yield "capability", desk.get(f"accounts/{account['id']}/capabilities/transfers")
    transfer = desk.post("transfers", f"amount=500&currency=usd&destination={account['id']}&metadata[a]=b")
    yield "transfer_reversal", desk.post(f"transfers/{transfer['id']}/reversals", "amount=100")
    yield "transfer", desk.get(f"transfers/{transfer['id']}")
    yield "balance", desk.get("balance")
    desk.sandbox.advance(86_400)
    payout = desk.get("payouts", account["id"])["data"][0]
    yield "payout", payout
    yield "payout", desk.sandbox.fail_payout(payout["id"])
    yield "list", {**desk.get("accounts"), "data": []}
    for of in (None, account["id"]):
        for kind, path in (("balance_transaction", "balance_transactions"), ("event", "events"), ("topup", "topups")):
            listed = desk.get(f"{path}?limit=100", of)
            yield "list", {**listed, "data": []}
            yield from ((kind, thing) for thing in listed["data"])


class _Desk:
    def __init__(self) -> None:
        self.sandbox = Sandbox(clock=lambda: 1_767_571_200)

    def post(self, path: str, body: str) -> Any:
        return self._ask("POST", path, body.encode(), None)

    def get(self, path: str, account: str | None = None) -> Any:
        return self._ask("GET", path, b"", account)

    def _ask(self, method: str, path: str, body: bytes, account: str | None) -> Any:
        on_behalf = {"Stripe-Account": account} if account else {}
        headers = {"Authorization": f"Bearer {API_KEY}", **on_behalf}
        response = self.sandbox.handle(method, f"/v1/{path}", headers, body)
        assert response.status == 200, response.body
        return response.json()


@click.command()
@click.argument("fixtures", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(fixtures: Path) -> None:
    """Compare what the sandbox returns with FIXTURES, Stripe's published examples."""
    examples = msgspec.json.decode(fixtures.read_bytes())["resources"]
    examples["list"] = examples["account"]["external_accounts"]
    compared = [(kind, sorted(differences(examples[kind], thing, kind))) for kind, thing in samples()]
    for kind in dict.fromkeys(kind for kind, _ in compared):
        found = [one for other, one in compared if other == kind]
        wrong = sorted({difference for one in found for difference in one})
        click.echo(f"{kind}: {len(found)} compared, {len(wrong) or 'no'} difference{'s' * (len(wrong) != 1)}")
        for difference in wrong:
            click.echo(f"  {difference}")
    if any(found for _, found in compared):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
