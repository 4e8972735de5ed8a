"""What goes wrong in the Stripe sandbox when told to: what the SDK raises, what has happened, what a retry gets."""

import collections
from typing import Any

import pytest
import stripe

from clipledger.stripe_sandbox import Fault, Faults
from clipledger.stripe_sandbox.faults import KINDS, Kind
from tests.clipledger.stripe_desk import Desk

SENT, NOT_SENT = 1, 0
FAULTS: list[tuple[Kind, type[Exception], int, int, type[Exception] | None]] = [
    # kind, what is raised, transfers after it, transfers after a retry with the same key, what the retry raises
    ("refused", stripe.APIConnectionError, NOT_SENT, SENT, None),
    ("timeout_before", stripe.APIConnectionError, NOT_SENT, SENT, None),
    ("timeout_after", stripe.APIConnectionError, SENT, SENT, None),
    ("dropped_before", stripe.APIConnectionError, NOT_SENT, SENT, None),
    ("dropped_after", stripe.APIConnectionError, SENT, SENT, None),
    ("conflict", stripe.APIError, NOT_SENT, SENT, None),
    ("locked", stripe.RateLimitError, NOT_SENT, SENT, None),
    ("rate_limited", stripe.RateLimitError, NOT_SENT, SENT, None),
    ("error_before", stripe.APIError, NOT_SENT, SENT, None),
    ("error_saved", stripe.APIError, NOT_SENT, NOT_SENT, stripe.APIError),
    ("error_after", stripe.APIError, SENT, SENT, stripe.APIError),
    ("malformed", stripe.APIError, SENT, SENT, None),
    ("api_key_expired", stripe.AuthenticationError, NOT_SENT, SENT, None),
    ("balance_short", stripe.InvalidRequestError, NOT_SENT, NOT_SENT, stripe.InvalidRequestError),
    ("capability_lost", stripe.InvalidRequestError, NOT_SENT, NOT_SENT, stripe.InvalidRequestError),
    ("deauthorized", stripe.InvalidRequestError, NOT_SENT, NOT_SENT, stripe.InvalidRequestError),
]


@pytest.mark.parametrize(("kind", "raised", "after", "in_the_end", "again"), FAULTS)
async def test_a_fault_strikes_once_and_leaves_what_it_says(
    kind: Kind, raised: type[Exception], after: int, in_the_end: int, again: type[Exception] | None
) -> None:
    desk = Desk(Faults([Fault(kind)]))
    ana = desk.sandbox.new_account()
    with pytest.raises(raised):
        await desk.transfer(5, ana, "k1", transfer_group="g")
    assert len(desk.sandbox.state.transfers) == after
    if again is None:
        assert (await desk.transfer(5, ana, "k1", transfer_group="g")).amount == 5
    else:
        with pytest.raises(again):
            await desk.transfer(5, ana, "k1", transfer_group="g")
    assert len((await desk.client.v1.transfers.list_async({"transfer_group": "g"})).data) == in_the_end
    assert desk.sandbox.faults.struck == [(kind, "POST /v1/transfers")]


def test_every_kind_of_fault_is_tried() -> None:
    assert {kind for kind, *_ in FAULTS} | {"idempotency_key_expired", "reversed_later"} == {*KINDS}


@pytest.mark.parametrize(
    ("kind", "advice"), [("error_before", "true"), ("error_saved", "false"), ("error_after", "false")]
)
def test_a_500_says_whether_a_retry_may_help(kind: Kind, advice: str) -> None:
    desk = Desk(Faults([Fault(kind)]))
    answer = desk.raw("POST", "/v1/transfers", f"amount=5&currency=usd&destination={desk.sandbox.new_account()}")
    assert (answer.status, answer.headers["Stripe-Should-Retry"]) == (500, advice)


async def test_a_key_that_expired_early_pays_twice() -> None:
    desk = Desk(Faults([Fault("idempotency_key_expired", nth=2)]))
    ana = desk.sandbox.new_account()
    first = await desk.transfer(5, ana, "k1")
    assert (await desk.transfer(5, ana, "k1")).id != first.id


async def test_a_transfer_is_reversed_after_the_fact() -> None:
    desk = Desk(Faults([Fault("reversed_later", delay=300)]))
    transfer = await desk.transfer(5, desk.sandbox.new_account())
    assert not transfer.reversed
    desk.sandbox.advance(300)
    assert (await desk.client.v1.transfers.retrieve_async(transfer.id)).reversed
    [event] = (await desk.client.v1.events.list_async({"type": "transfer.reversed"})).data
    assert event.data.object["id"] == transfer.id


async def test_faults_strike_the_calls_they_name() -> None:
    plan = [Fault("error_before", "GET", "/v1/balance*", nth=2, times=2), Fault("rate_limited", "*", "*", nth=4)]
    desk = Desk(Faults(plan))
    paths = ["/v1/balance", "/v1/balance_transactions", "/v1/balance", "/v1/events", "/v1/balance"]
    assert [desk.raw("GET", path).status for path in paths] == [200, 500, 500, 429, 200]


async def test_a_seeded_plan_replays_and_keeps_its_rates() -> None:
    rates: dict[Kind, float] = {"timeout_after": 0.1, "error_before": 0.2, "balance_short": 0.5}

    def struck(seed: int) -> list[Any]:
        plan = Faults.seeded(seed, rates)
        return [fault.kind if (fault := plan.for_call("POST", "/v1/transfers")) else None for _ in range(2000)]

    assert struck(3) == struck(3) != struck(4)
    counted = collections.Counter(struck(3))
    assert {kind: round(counted[kind] / 2000, 1) for kind in rates} == rates
    others = Faults.seeded(3, {"balance_short": 1})
    assert others.for_call("GET", "/v1/transfers") is None
