"""Payouts through Stripe's own SDK, on the sandbox: from the payee's account to what comes back."""

import time
from dataclasses import dataclass
from typing import Any

import pytest
import stripe
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.stripe_sandbox import API_KEY, Fault, Faults, Sandbox
from clipledger.stripe_sandbox.in_process import SandboxTransport
from settlement.payouts.accounts import Owner, PayoutAccount, list_accounts
from settlement.payouts.approving import approve
from settlement.payouts.errors import AccountExists, ForgedEvent
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.pace import Pace
from settlement.payouts.payouts import Payout
from settlement.payouts.rail_events import keep, list_events, process_due
from settlement.payouts.refreshing import refresh_stale
from settlement.payouts.runs import draft, submit
from settlement.payouts.sending import Sender
from settlement.payouts.stripe_events import Acting, read_event
from settlement.payouts.stripe_payees import Payees
from settlement.payouts.sweeping import sweep
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_rail import StripeRail
from tests.licensing.house import Clipper, NewClipper
from tests.settlement.payouts.purse import ANA, BEN, Hands, Purse


@dataclass
class Shop:
    """A book that pays through the sandbox, by whose clock all goes."""

    purse: Purse
    sandbox: Sandbox
    rail: StripeRail
    payees: Payees
    clock: Hands
    secret: str

    @property
    def engine(self) -> AsyncEngine:
        return self.purse.engine

    def pass_(self, **time: float) -> None:
        self.clock.pass_(**time)
        self.sandbox.tick()

    async def onboarded(self, clipper: Clipper) -> str:
        """Its account at Stripe, ready to be paid."""
        owner = Owner(party_id=clipper.clipper_id)
        made = await self.payees.open(owner, "US", "ana@example.com", by="test")
        self.sandbox.onboard(made.destination)
        await self.payees.refresh(owner, made.account_id)
        return made.destination

    async def approved(self) -> None:
        async with self.engine.begin() as connection:
            run = await draft(connection, self.purse.book_id, "stripe", "available", by=ANA)
            await submit(connection, self.purse.book_id, run.run_id, ANA)
        async with self.engine.begin() as connection:
            await approve(connection, self.purse.book_id, run.run_id, BEN, self.rail, self.clock())

    async def send(self) -> None:
        pace = Pace(None)
        sender = Sender(self.engine, self.rail, "stripe", pace=pace, clock=self.clock, sleep=_at_once)
        await sender.send_due(self.purse.book_id)

    async def hear(self) -> None:
        """Every webhook that the sandbox would send now arrives, and is acted upon."""
        for delivery in self.sandbox.outbox.due():
            _, headers, body = self.sandbox.outbox.message(delivery)
            event = read_event(body, headers["Stripe-Signature"], delivery.endpoint.secret)
            self.sandbox.outbox.sent(delivery, 200)
            async with self.engine.begin() as connection:
                await keep(connection, "stripe", event)
        await process_due(self.engine, "stripe", Acting(self.engine, self.rail, self.payees, clock=self.clock))

    async def look_again(self) -> None:
        """An hour later, at payees' accounts; nothing was told of them."""
        self.sandbox.outbox.waiting.clear()
        self.pass_(hours=1)
        await refresh_stale(self.engine, self.payees.observe, clock=self.clock)

    async def account(self, clipper: Clipper) -> PayoutAccount:
        """The only one."""
        async with self.engine.connect() as connection:
            (found,) = await list_accounts(connection, Owner(party_id=clipper.clipper_id))
        return found

    async def payout(self) -> Payout:
        return await self.purse.payout()


async def _at_once(seconds: float) -> None:
    """Nobody waits here."""


@pytest.fixture
def shop(purse: Purse) -> Shop:
    clock = purse.clock
    sandbox = Sandbox(clock=lambda: clock().timestamp(), seed=purse.book_id)
    sandbox.fund(1_000_000)
    endpoints = [
        sandbox.outbox.register({"url": "https://clips.example.com/", "enabled_events": ["*"], "connect": connect})
        for connect in (False, True)
    ]
    client = stripe_client(API_KEY, transport=SandboxTransport(sandbox))
    payees = Payees(purse.engine, client, "US")
    return Shop(purse, sandbox, StripeRail(client), payees, clock, endpoints[0].secret)


async def test_a_payee_is_told_what_stripe_asks_until_it_can_be_paid(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    owner = Owner(party_id=clipper.clipper_id)
    made = await shop.payees.open(owner, "US", "ana@example.com", by="test")
    assert made.state != "active"
    assert made.blocking
    assert all(asked.en and asked.zh for asked in made.blocking)
    link = await shop.payees.link(owner, made.account_id, "https://clips.example.com/a", "https://clips.example.com/b")
    assert link.expires_at > shop.clock()

    shop.sandbox.onboard(made.destination)
    await shop.hear()
    async with shop.engine.connect() as connection:
        (ready,) = await list_accounts(connection, owner)
    assert (ready.state, ready.currencies, ready.blocking) == ("active", ("USD",), ())
    with pytest.raises(AccountExists):
        await shop.payees.open(owner, "US", "ana@example.com", by="test")


async def test_approved_sent_heard_of_and_booked(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    account = await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 12_345, "USD")
    await shop.approved()
    await shop.send()
    assert (await shop.payout()).state == "sent"
    await shop.hear()
    assert (await shop.payout()).state == "paid"
    assert await shop.purse.balances("USD") == {}
    assert shop.sandbox.balance(account)["usd"] == (12_345, 0)


async def test_an_answer_that_was_lost_after_its_effect_is_found(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    account = await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 500, "USD")
    await shop.approved()
    shop.sandbox.faults = Faults([Fault("timeout_after", times=1), Fault("error_before", nth=2, times=5)])
    await shop.send()
    assert (await shop.payout()).state in ("sent", "unknown")
    shop.pass_(minutes=5)
    await look_up_due(shop.engine, shop.rail, "stripe", shop.purse.book_id, clock=shop.clock)
    assert (await shop.payout()).state == "sent"
    assert shop.sandbox.balance(account)["usd"] == (500, 0)


async def test_without_funds_it_waits_until_stripe_says_that_some_came(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 2_000_000, "USD")
    await shop.approved()
    await shop.send()
    assert (await shop.payout()).code == "unfunded"
    shop.sandbox.fund(3_000_000, available_in=60)
    shop.pass_(seconds=61)
    await shop.hear()
    await shop.send()
    assert (await shop.payout()).state == "sent"


@pytest.mark.parametrize("told", [True, False])
async def test_a_reversed_transfer_is_payable_again_told_or_swept(
    shop: Shop, new_clipper: NewClipper, told: bool
) -> None:
    clipper = await new_clipper()
    await shop.onboarded(clipper)
    party = f"clipper-{clipper.clipper_id}"
    await shop.purse.owe(party, 700, "USD")
    await shop.approved()
    await shop.send()
    sent = await shop.payout()
    assert sent.reference is not None
    shop.sandbox.reverse_transfer(sent.reference)
    if told:
        await shop.hear()
    else:
        shop.pass_(seconds=5)
        await sweep(shop.engine, shop.rail, "stripe", clock=shop.clock)
    assert ((await shop.payout()).state, (await shop.payout()).reason) == ("returned", "the transfer was reversed")
    assert (await shop.purse.balances("USD"))[f"liabilities:available:{party}"] == -700


async def test_a_payee_that_cuts_the_connection_is_not_paid(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    account = await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 700, "USD")
    await shop.approved()
    shop.sandbox.deauthorize(account)
    await shop.hear()
    await shop.send()
    refused = await shop.payout()
    assert (refused.state, refused.fixed_by) == ("refused", "payee")


async def test_that_a_payee_can_be_paid_is_found_though_nobody_told(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    made = await shop.payees.open(Owner(party_id=clipper.clipper_id), "US", "ana@example.com", by="test")
    shop.sandbox.onboard(made.destination)
    await shop.look_again()
    found = await shop.account(clipper)
    assert (found.state, found.currencies, found.blocking) == ("active", ("USD",), ())


@pytest.mark.parametrize(
    ("lost", "asked"),
    [("capability", "individual.id_number"), ("connection", "deauthorized")],
)
@pytest.mark.parametrize("told", [True, False])
async def test_that_a_payee_with_a_payout_can_no_longer_be_paid_is_told_or_found(
    shop: Shop, new_clipper: NewClipper, lost: str, asked: str, told: bool
) -> None:
    clipper = await new_clipper()
    account = await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 700, "USD")
    await shop.approved()
    if lost == "capability":
        shop.sandbox.set_capability(account, "inactive", due=("individual.id_number",))
    else:
        shop.sandbox.deauthorize(account)
    await (shop.hear() if told else shop.look_again())
    found = await shop.account(clipper)
    assert (found.state, [each.code for each in found.blocking]) == ("blocked", [asked])
    await shop.send()
    refused = await shop.payout()
    assert (refused.state, refused.fixed_by) == ("refused", "payee")

    if lost == "capability":  # and that the payee has put it right is found as well
        shop.sandbox.set_capability(account, "active")
        await shop.look_again()
        assert (await shop.account(clipper)).state == "active"


async def test_an_active_account_with_nothing_due_is_looked_at_once_a_day(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    shop.sandbox.set_capability(await shop.onboarded(clipper), "inactive", due=("individual.id_number",))
    await shop.look_again()
    assert (await shop.account(clipper)).state == "active"
    shop.pass_(hours=23)
    await shop.look_again()
    assert (await shop.account(clipper)).state == "blocked"


async def test_events_count_once_however_often_they_come(shop: Shop, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    await shop.onboarded(clipper)
    await shop.purse.owe(f"clipper-{clipper.clipper_id}", 700, "USD")
    shop.sandbox.outbox.waiting.clear()
    await shop.approved()
    await shop.send()
    (delivery,) = [one for one in shop.sandbox.outbox.due() if one.event["type"] == "transfer.created"]
    _, headers, body = shop.sandbox.outbox.message(delivery)
    event = read_event(body, headers["Stripe-Signature"], shop.secret)
    new = []
    for _ in range(3):
        async with shop.engine.begin() as connection:
            new.append(await keep(connection, "stripe", event))
        await process_due(shop.engine, "stripe", Acting(shop.engine, shop.rail, shop.payees, clock=shop.clock))
    assert new == [True, False, False]
    async with shop.engine.connect() as connection:
        (kept,) = [each for each in await list_events(connection) if each.event_id == event.event_id]
    assert (kept.deliveries, kept.outcome) == (3, "arrived")


@pytest.mark.parametrize("wrong", ["no-header", "other-secret", "changed", "stale", "not-json"])
async def test_what_stripe_has_not_signed_is_not_taken(shop: Shop, wrong: str) -> None:
    body: Any = b'{"id":"evt_1","type":"ping","created":1,"data":{"object":{"id":"x"}}}'
    age = 301 if wrong == "stale" else 0
    secret = "whsec_other" if wrong == "other-secret" else shop.secret
    if wrong == "not-json":
        body = b"[]"
    signed = stripe.WebhookSignature.generate_signature_header(body.decode(), secret, int(time.time()) - age)
    if wrong == "changed":
        body += b" "
    with pytest.raises(ForgedEvent):
        read_event(body, None if wrong == "no-header" else signed, shop.secret)
