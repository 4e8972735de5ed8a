"""Who may ask the Stripe sandbox, how often, and what a repeated request gets."""

import pytest
import stripe

from clipledger.stripe_sandbox import Sandbox
from clipledger.stripe_sandbox.state import DAY
from tests.clipledger.stripe_desk import MONDAY, Desk, error_of


async def test_the_same_key_with_the_same_parameters_gets_the_first_answer_again() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    first = await desk.transfer(5, ana, "k1", metadata={"a": "1"})
    again = await desk.transfer(5, ana, "k1", metadata={"a": "1"})
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert first.last_response is not None
    assert again.last_response.headers["original-request"] == first.last_response.headers["request-id"]
    assert desk.sandbox.balance(ana) == {"usd": (5, 0)}


async def test_the_same_key_for_something_else_is_refused() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    transfer = await desk.transfer(5, ana, "k1")
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as raised:
        await desk.transfer(6, ana, "k1")
    assert raised.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await desk.client.v1.transfers.reversals.create_async(transfer.id, {}, {"idempotency_key": "k1"})
    assert desk.sandbox.balance(ana) == {"usd": (5, 0)}


async def test_a_refusal_of_the_endpoint_is_remembered_until_the_key_is_a_day_old() -> None:
    desk = Desk(funded=0)
    ana = desk.sandbox.new_account()
    with pytest.raises(stripe.InvalidRequestError):
        await desk.transfer(5, ana, "k1")
    desk.sandbox.fund(100)
    desk.sandbox.advance(DAY - 1)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        await desk.transfer(5, ana, "k1")
    assert raised.value.headers["idempotent-replayed"] == "true"  # type: ignore[index]
    desk.sandbox.advance(1)
    assert (await desk.transfer(5, ana, "k1")).amount == 5


async def test_a_key_is_new_again_after_a_day_and_pays_twice() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    first = await desk.transfer(5, ana, "k1")
    desk.sandbox.advance(DAY)
    assert (await desk.transfer(5, ana, "k1")).id != first.id


async def test_what_fails_validation_is_not_remembered() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    with pytest.raises(stripe.InvalidRequestError):
        await desk.transfer(0, ana, "k1")
    assert (await desk.transfer(5, ana, "k1")).amount == 5


async def test_a_key_belongs_to_one_account() -> None:
    desk = Desk()
    ana, ben = desk.sandbox.new_account(), desk.sandbox.new_account()
    for account in (ana, ben):
        await desk.transfer(5, account)
        payout = await desk.client.v1.payouts.create_async(
            {"amount": 5, "currency": "usd"}, {"stripe_account": account, "idempotency_key": "k1"}
        )
        assert desk.sandbox.balance(account) == {"usd": (0, 0)}
        assert payout.amount == 5


def test_a_key_in_use_by_a_request_under_way_is_a_conflict() -> None:
    desk = Desk()
    headers = {"Idempotency-Key": "k1"}
    release = desk.sandbox.claim(headers)
    assert release is not None
    assert desk.sandbox.claim(headers) is None
    body = f"amount=5&currency=usd&destination={desk.sandbox.new_account()}"
    refused = desk.raw("POST", "/v1/transfers", body, Idempotency_Key="k1")
    assert (refused.status, refused.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    release()
    assert desk.raw("POST", "/v1/transfers", body, Idempotency_Key="k1").status == 200


async def test_more_than_the_rate_is_refused_and_says_which() -> None:
    desk = Desk(rate=25)
    answers = [desk.raw("GET", "/v1/balance").status for _ in range(26)]
    assert answers == [200] * 25 + [429]
    with pytest.raises(stripe.RateLimitError) as raised:
        await desk.client.v1.balance.retrieve_async()
    assert raised.value.headers["stripe-rate-limited-reason"] == "endpoint-rate"  # type: ignore[index]
    assert desk.raw("GET", "/v1/transfers").status == 200
    desk.sandbox.advance(0.2)
    assert [desk.raw("GET", "/v1/balance").status for _ in range(6)] == [200] * 5 + [429]


def test_the_overall_rate_counts_all_endpoints() -> None:
    desk = Desk(overall_rate=2)
    answers = [desk.raw("GET", f"/v1/{path}") for path in ("balance", "transfers", "events")]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Stripe-Rate-Limited-Reason"] == "global-rate"


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"Authorization": ""}, 401, "did not provide an API key"),
        (
            {"Authorization": "Bearer sk_test_0123456789abcdef"},
            401,
            "Invalid API Key provided: sk_test_************cdef",
        ),
        ({"Authorization": "Basic %%%"}, 401, "did not provide"),
        ({"Authorization": "Bearer rk_test_readers_only"}, 403, "required permissions"),
        ({"Stripe_Version": "2019-01-01"}, 400, "Invalid Stripe API version"),
        ({"Stripe_Account": "acct_of_someone"}, 403, "does not have access to account 'acct_of_someone'"),
        ({"Idempotency_Key": "k" * 256}, 400, "up to 255"),
    ],
)
def test_who_asks_wrongly_is_told_so(headers: dict[str, str], status: int, says: str) -> None:
    desk = Desk()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"Authorization": "Bearer sk_test_sandbox_not_stripe", **named}
    answer = desk.sandbox.handle("POST", "/v1/payouts", sent, b"amount=1&currency=usd")
    assert answer.status == status
    assert says in answer.json()["error"]["message"]
    assert answer.headers["Request-Id"].startswith("req_")


async def test_an_account_that_left_is_out_of_reach() -> None:
    desk = Desk()
    ana = desk.sandbox.new_account()
    desk.sandbox.deauthorize(ana)
    with pytest.raises(stripe.PermissionError) as forbidden:
        await desk.client.v1.balance.retrieve_async({}, {"stripe_account": ana})
    assert error_of(forbidden)[:2] == (403, "account_invalid")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await desk.transfer(1, ana)
    assert error_of(refused) == (400, "resource_missing", "destination")
    assert [one.id for one in await desk.client.v1.accounts.list_async()] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/refunds", "", 404),
        ("PUT", "/v1/transfers", "", 404),
        ("GET", "/v1", "", 404),
        ("GET", "/", "", 404),
        ("GET", "/v1/transfers/tr_unknown", "", 404),
        ("GET", "/v1/accounts/acct_unknown", "", 403),
        ("POST", "/v1/transfers", "amount=1", 400),
        ("POST", "/v1/transfers", "amount[0]=1&currency=usd&destination=x", 400),
        ("POST", "/v1/transfers", "%ff=1", 400),
        ("POST", "/v1/transfers", "a[b=1", 400),
        ("POST", "/v1/accounts", "capabilities=x", 400),
        ("POST", "/v1/accounts", "capabilities[transfers]=x&settings[payouts]=y&controller[fees]=z", 200),
        ("POST", "/v1/accounts", "country=XX", 400),
        ("POST", "/v1/accounts", "metadata[a][b][c]=x", 400),
        ("POST", "/v1/webhook_endpoints", "url=ftp://x&enabled_events[]=*", 400),
        ("GET", "/v1/transfers?created[near]=5", "", 400),
        ("GET", "/v1/transfers?expand[]=data.a.b.c.d", "", 400),
        ("GET", "/v1/transfers?" + "a[b][c][d][e][f][g][h][i]=1", "", 400),
        ("GET", "/v1/balance_transactions?payout=po_unknown", "", 400),
    ],
)
def test_odd_requests_get_errors_in_stripes_form(method: str, path: str, body: str, status: int) -> None:
    answer = Desk().raw(method, path, body)
    assert answer.status == status
    assert status == 200 or answer.json()["error"]["type"] == "invalid_request_error"


def test_the_same_seed_and_requests_give_the_same_ids_and_another_seed_others() -> None:
    def ids(seed: int) -> list[str]:
        sandbox = Sandbox(seed=seed, clock=lambda: MONDAY)
        return [sandbox.state.platform.id, sandbox.new_account(), sandbox.new_account()]

    assert ids(1) == ids(1)
    assert not set(ids(1)) & set(ids(2))
