"""A book that pays through the sandbox, by the front door: its people, its payees, and what Stripe would tell."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import stripe
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.rails import acting_of, rails_of
from clipledger.settings import Settings, StripeSettings
from clipledger.stripe_sandbox import API_KEY
from settlement.payouts.pace import Pace
from settlement.payouts.paying import pay_due
from settlement.payouts.rail_events import process_due
from tests.clipledger.front_door import Person, posting
from tests.licensing.house import Clipper, Host, NewClipper
from tests.settlement.payouts.purse import Hands, Purse, ScriptedRail

PLATFORM = "whsec_" + "p" * 32
CONNECT = "whsec_" + "c" * 32
WAY_BACK = {"return_url": "https://clips.example.com/paid", "refresh_url": "https://clips.example.com/again"}


def stripe_at(url: str, **changed: Any) -> StripeSettings:
    """The platform's account at the sandbox that listens there."""
    secrets = {"webhook_secret": PLATFORM, "connect_webhook_secret": CONNECT}
    return StripeSettings(**{"key": API_KEY, "country": "US", "api": url, **secrets, **changed})


@dataclass(frozen=True)
class Office:
    """`client` reaches the front door, `sandbox` the sandbox's control."""

    client: AsyncClient
    sandbox: AsyncClient
    engine: AsyncEngine
    settings: Settings
    host: Host
    finance: Person
    approver: Person
    operator: Person
    new_clipper: NewClipper

    # Asking -------------------------------------------------------------------------------------------------------

    async def get(self, path: str, by: Person | None = None) -> Any:
        """What is shown, of the book unless the path is whole."""
        answer = await self.client.get(self._whole(path), headers=(by or self.finance).bearer)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, by: Person, body: Any = None) -> Response:
        given = {} if body is None else {"json": body}
        return await self.client.post(self._whole(path), headers=posting(by), **given)

    async def done(self, path: str, by: Person, body: Any = None) -> Any:
        answer = await self.post(path, by, body)
        assert answer.is_success, answer.text
        return answer.json()

    def _whole(self, path: str) -> str:
        return path if path.startswith("/v1/") else f"{self.host.path}/{path}"

    # Paying -------------------------------------------------------------------------------------------------------

    async def owe(self, clipper: Clipper, amount: int) -> None:
        clock = Hands()
        purse = Purse(self.engine, self.host, ScriptedRail(clock), clock)
        await purse.owe(f"clipper-{clipper.clipper_id}", amount, "USD")

    async def payee(self, amount: int = 12_345) -> Clipper:
        """A clipper with an account that can be paid to, and something owed to it."""
        clipper = await self.new_clipper()
        await self.owe(clipper, amount)
        place, email = f"{clipper.path}/payout-accounts", clipper.person.email
        account = await self.done(f"{place}/stripe", clipper.person, {"country": "US", "email": email})
        (await self.sandbox.post(f"accounts/{account['destination']}/onboard")).raise_for_status()
        ready = await self.done(f"{place}/{account['account_id']}/refresh", clipper.person)
        assert ready["state"] == "active"
        return clipper

    async def submitted(self) -> int:
        """A run of all that is available, which finance hands over."""
        run = (await self.done("payout-runs", self.finance, {"basis": "available"}))["run"]["run_id"]
        await self.done(f"payout-runs/{run}/submit", self.finance)
        return int(run)

    async def approved(self) -> int:
        run = await self.submitted()
        await self.done(f"payout-runs/{run}/approve", self.approver)
        return run

    async def send(self) -> None:
        """What the worker does."""
        await pay_due(self.engine, rails_of(self.settings), self.host.book_id, Pace(None))

    async def payouts(self, query: str = "") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get(f"payouts{query}"))["data"]
        return items

    async def payout(self) -> dict[str, Any]:
        """The only one."""
        (found,) = await self.payouts()
        return found

    # Webhooks -----------------------------------------------------------------------------------------------------

    async def tell(self, body: bytes, signature: str | None, path: str = "stripe") -> Response:
        headers = {b"Content-Type": b"application/json"}
        if signature is not None:
            headers[b"Stripe-Signature"] = signature.encode("latin-1")
        return await self.client.post(f"/v1/webhooks/{path}", content=body, headers=headers)

    async def hear(self) -> int:
        """What the worker does about what was told; of how many events."""
        acting = acting_of(self.settings, self.engine)
        assert acting is not None
        return await process_due(self.engine, "stripe", acting)


def event(kind: str, object_id: str, account: str | None = None) -> bytes:
    """As Stripe's would be, of an id of its own."""
    its = {"id": f"evt_{uuid4().hex}", "object": "event", "type": kind, "created": int(time.time())}
    return msgspec.json.encode({**its, "data": {"object": {"id": object_id}}, "account": account})


def signed(body: bytes, secret: str = PLATFORM, *, age: int = 0) -> str:
    header: str = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(time.time()) - age)
    return header
