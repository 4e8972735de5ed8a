"""What the Stripe sandbox tells by events and webhooks, signed as Stripe signs, and what may go wrong on the way."""

import hashlib
import hmac
import json
from typing import Any

import pytest
import stripe

from clipledger.stripe_sandbox import EventFault, Faults
from clipledger.stripe_sandbox.outbox import RETRIES
from clipledger.stripe_sandbox.state import DAY
from tests.clipledger.stripe_desk import MONDAY, Desk


class Receiver:
    """Two endpoints, for the platform's own events and for connected accounts', and what has reached them."""

    def __init__(self, desk: Desk, *events: str) -> None:
        self.desk = desk
        self.events = events or ("*",)
        self.status = 200
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.secrets: dict[str, str] = {}

    async def register(self) -> "Receiver":
        for url, connect in (("http://own.test/", False), ("http://connect.test/", True)):
            endpoint = await self.desk.client.v1.webhook_endpoints.create_async(
                {"url": url, "enabled_events": [*self.events], "connect": connect}  # type: ignore[list-item]
            )
            assert endpoint.secret is not None
            self.secrets[url] = endpoint.secret
        return self

    async def receive(self) -> list[str]:
        """The types that have arrived since the last time."""
        before = len(self.got)
        await self.desk.sandbox.deliver(self._take)
        return [json.loads(body)["type"] for _, _, body in self.got[before:]]

    async def _take(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.got.append((url, headers, body))
        return self.status


async def test_each_step_of_a_transfer_is_told_in_order_and_signed() -> None:
    desk = Desk()
    receiver = await Receiver(desk, "transfer.created", "transfer.updated", "transfer.reversed").register()
    transfer = await desk.transfer(5, desk.sandbox.new_account(), "k1")
    await desk.client.v1.transfers.update_async(transfer.id, {"metadata": {"a": "1"}})
    await desk.client.v1.transfers.reversals.create_async(transfer.id)
    assert await receiver.receive() == ["transfer.created", "transfer.updated", "transfer.reversed"]
    events = [event_of(receiver, place) for place in range(3)]
    assert [event.data.object["amount_reversed"] for event in events] == [0, 0, 5]
    assert events[1].data.to_dict()["previous_attributes"] == {"metadata": {}}
    assert events[0].request is not None
    assert events[0].request.idempotency_key == "k1"
    assert {url for url, _, _ in receiver.got} == {"http://own.test/"}


def event_of(receiver: Receiver, place: int) -> stripe.Event:
    """Checked by the SDK, as a handler would; the sandbox's time stands still, so any age is right."""
    url, headers, body = receiver.got[place]
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], receiver.secrets[url], tolerance=10**9)
    assert isinstance(event, stripe.Event)
    return event


async def test_the_signature_is_an_hmac_of_time_and_body() -> None:
    desk = Desk(funded=0)
    receiver = await Receiver(desk).register()
    desk.sandbox.fund(1)
    await receiver.receive()
    url, headers, body = receiver.got[0]
    expected = hmac.new(receiver.secrets[url].encode(), f"{MONDAY}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Stripe-Signature"] == f"t={MONDAY},v1={expected}"
    forged = body.replace(b'"amount":1', b'"amount":9')
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(forged, headers["Stripe-Signature"], receiver.secrets[url], tolerance=10**9)


async def test_what_happens_on_an_account_goes_to_the_connect_endpoint_with_its_id() -> None:
    desk = Desk()
    receiver = await Receiver(desk).register()
    ana = desk.sandbox.new_account()
    await desk.transfer(5, ana)
    desk.sandbox.advance(4 * DAY)
    desk.sandbox.set_capability(ana, "inactive")
    desk.sandbox.deauthorize(ana)
    await receiver.receive()
    events = [event_of(receiver, place).to_dict() for place in range(len(receiver.got))]
    assert [event["type"] for event in events if event.get("account") == ana] == [
        "account.updated",
        "capability.updated",
        "payout.created",
        "payout.updated",
        "payout.paid",
        "account.updated",
        "capability.updated",
        "account.application.deauthorized",
    ]
    assert {url for url, _, body in receiver.got if b'"account":"acct' in body} == {"http://connect.test/"}


async def test_a_failed_payout_is_told_after_it_was_paid() -> None:
    desk = Desk()
    receiver = await Receiver(desk, "payout.paid", "payout.failed", "account.updated").register()
    ana = desk.sandbox.new_account()
    await desk.transfer(5, ana)
    desk.sandbox.advance(4 * DAY)
    assert await receiver.receive() == ["account.updated", "payout.paid"]
    [payout] = (await desk.client.v1.payouts.list_async({}, {"stripe_account": ana})).data
    desk.sandbox.fail_payout(payout.id)
    assert await receiver.receive() == ["payout.failed", "account.updated"]


async def test_money_that_becomes_available_is_told() -> None:
    desk = Desk(funded=0)
    receiver = await Receiver(desk, "balance.available").register()
    desk.sandbox.fund(7, available_in=60)
    assert await receiver.receive() == []
    desk.sandbox.advance(60)
    assert await receiver.receive() == ["balance.available"]
    assert event_of(receiver, 0).data.object["available"][0]["amount"] == 7


async def test_events_are_listed_by_type_and_keep_what_was_true_then() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(5, ana)
    await desk.client.v1.transfers.reversals.create_async(transfer.id)
    listing = desk.client.v1.events.list_async
    [created] = (await listing({"type": "transfer.created"})).data
    assert (created.data.object["id"], created.data.object["reversed"]) == (transfer.id, False)
    both = await listing({"types": ["transfer.created", "transfer.reversed"]})
    assert [event.type for event in both] == ["transfer.reversed", "transfer.created"]
    assert (await desk.client.v1.events.retrieve_async(created.id)).id == created.id
    of_ana = await listing({}, {"stripe_account": ana})
    assert {event.account for event in of_ana} == {ana}


async def test_what_is_not_taken_is_sent_again_later_and_given_up_after_three_days() -> None:
    desk = Desk(funded=0)
    receiver = await Receiver(desk, "topup.succeeded").register()
    receiver.status = 500
    desk.sandbox.fund(1)
    assert await receiver.receive() == ["topup.succeeded"]
    assert await receiver.receive() == []
    for pause in RETRIES:
        desk.sandbox.advance(pause)
        assert await receiver.receive() == ["topup.succeeded"]
    assert 2.5 * DAY < sum(RETRIES) < 3.5 * DAY
    desk.sandbox.advance(30 * DAY)
    assert await receiver.receive() == []


@pytest.mark.parametrize(
    ("kind", "arrives"),
    [
        ("lost", [2, 3]),
        ("duplicated", [1, 1, 2, 3]),
        ("reordered", [2, 3, 1]),
        ("delayed", [2, 3]),
    ],
)
async def test_events_get_lost_doubled_reordered_and_delayed(kind: Any, arrives: list[int]) -> None:
    desk = Desk(Faults(events=[EventFault(kind, "topup.*", delay=600)]), funded=0)
    receiver = await Receiver(desk, "topup.succeeded").register()
    for amount in (1, 2, 3):
        desk.sandbox.fund(amount)
    await receiver.receive()
    assert [json.loads(body)["data"]["object"]["amount"] for _, _, body in receiver.got] == arrives
    desk.sandbox.advance(600)
    assert await receiver.receive() == (["topup.succeeded"] if kind == "delayed" else [])
    assert desk.sandbox.faults.struck == [(kind, "topup.succeeded")]


async def test_a_reordered_event_that_nothing_overtakes_comes_a_minute_late() -> None:
    desk = Desk(Faults(events=[EventFault("reordered")]), funded=0)
    receiver = await Receiver(desk, "topup.succeeded").register()
    desk.sandbox.fund(1)
    assert await receiver.receive() == []
    desk.sandbox.advance(60)
    assert await receiver.receive() == ["topup.succeeded"]


async def test_a_deleted_endpoint_gets_nothing_more() -> None:
    desk = Desk(funded=0)
    receiver = await Receiver(desk).register()
    desk.sandbox.fund(1)
    for endpoint in await desk.client.v1.webhook_endpoints.list_async():
        assert not hasattr(endpoint, "secret")
        assert (await desk.client.v1.webhook_endpoints.delete_async(endpoint.id)).deleted
    desk.sandbox.fund(1)
    assert await receiver.receive() == []
