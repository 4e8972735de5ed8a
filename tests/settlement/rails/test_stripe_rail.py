import asyncio
import json
import logging
from collections.abc import Callable

import httpx
import pytest

from ledger.money import CURRENCIES
from settlement.rails.protocol import (
    Conflicting,
    Halted,
    Limits,
    Order,
    Outcome,
    RailContradicts,
    RailUnavailable,
    Refused,
    Sent,
    Throttled,
    Unfunded,
    Unknown,
)
from settlement.rails.stripe_amounts import STRIPE_CURRENCIES, from_stripe, stripe_limits, to_stripe
from settlement.rails.stripe_client import API_VERSION, stripe_client, without_secrets
from settlement.rails.stripe_rail import StripeRail
from tests.settlement.rails.contract import RailContract
from tests.settlement.rails.stripe_stand import StripeStand

SECRET = "sk_live_51HxTopSecretTopSecret"


@pytest.fixture
def stand() -> StripeStand:
    return StripeStand()


class TestContract(RailContract):
    pass


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> StripeRail:
    return StripeRail(stripe_client(SECRET, transport=httpx.MockTransport(answer)))


def failing(status: int, code: str | None = None, kind: str = "invalid_request_error", **headers: str) -> StripeRail:
    body = {"error": {"type": kind, "code": code, "message": f"Bad key {SECRET}"}}
    return answering(lambda _: httpx.Response(status, json=body, headers=headers))


def an_order(**changes: object) -> Order:
    given: dict[str, object] = {
        "key": "k1", "group": "g1", "destination": "acct_1", "amount": 6640, "currency": "USD", "description": "Clips",
        "metadata": {"party": "clipper-7"},
    }  # fmt: skip
    return Order(**(given | changes))  # type: ignore[arg-type]


# What is sent ------------------------------------------------------------------------------------------------------


async def test_one_pinned_request_with_our_key_leaves() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(500, json={"error": {"type": "api_error", "message": "no"}})

    assert isinstance(await answering(answer).send(an_order()), Unknown)
    assert len(seen) == 1, "the SDK retries nothing by itself"
    request = seen[0]
    assert (request.method, request.url.path) == ("POST", "/v1/transfers")
    assert request.headers["idempotency-key"] == "k1"
    assert request.headers["stripe-version"] == API_VERSION
    form = dict(pair.split("=") for pair in request.content.decode().split("&"))
    assert form == {
        "amount": "6640", "currency": "usd", "destination": "acct_1", "transfer_group": "g1", "description": "Clips",
        "metadata[party]": "clipper-7",
    }  # fmt: skip


async def test_the_rail_halts_on_nothing_it_was_not_told(stand: StripeStand) -> None:
    assert isinstance(await stand.rail.send(stand.order(description="")), Sent)


# What comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (500, None, Unknown),
        (502, None, Unknown),
        (503, "api_connection_error", Unknown),
        (409, "lock_timeout", Unknown),
        (409, "idempotency_key_in_use", Unknown),
        (405, None, Unknown),
        (429, "rate_limit", Throttled),
        (429, "lock_timeout", Throttled),
        (400, "rate_limit", Throttled),
        (401, None, Halted),
        (401, "api_key_expired", Halted),
        (403, None, Halted),
        (400, "platform_account_required", Halted),
        (400, "livemode_mismatch", Halted),
        (400, "balance_insufficient", Unfunded),
        (402, "balance_insufficient", Unfunded),
    ],
)
async def test_an_error_is_the_outcome_that_the_table_says(status: int, code: str | None, expected: type) -> None:
    assert isinstance(await failing(status, code).send(an_order()), expected)


@pytest.mark.parametrize(
    ("status", "code", "fixed_by", "retriable"),
    [
        (400, "insufficient_capabilities_for_transfer", "payee", True),
        (403, "account_invalid", "payee", True),
        (400, "account_closed", "payee", True),
        (404, "resource_missing", "payee", True),
        (400, "transfers_not_allowed", "operator", True),
        (400, "amount_too_large", "operator", False),
        (400, "parameter_unknown", "operator", False),
        (402, "card_declined", "operator", False),
        (400, None, "operator", False),
    ],
)
async def test_a_refusal_names_who_can_fix_it(status: int, code: str | None, fixed_by: str, retriable: bool) -> None:
    refused = await failing(status, code).send(an_order())
    assert isinstance(refused, Refused)
    assert (refused.code, refused.fixed_by, refused.retriable) == (code or "invalid_request", fixed_by, retriable)


async def test_a_key_used_for_another_request_is_a_conflict(stand: StripeStand) -> None:
    assert isinstance(await stand.rail.send(stand.order()), Sent)
    assert isinstance(await stand.rail.send(stand.order(amount=6641)), Conflicting)


async def test_stripe_may_say_how_long_to_wait() -> None:
    assert await failing(429, "rate_limit", **{"Retry-After": "2"}).send(an_order()) == Throttled(2.0)
    assert await failing(429, "rate_limit", **{"Retry-After": "soon"}).send(an_order()) == Throttled(None)


@pytest.mark.parametrize(
    "raised", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.PoolTimeout, OSError]
)
async def test_no_answer_is_unknown(raised: type[Exception]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise raised("no")

    assert isinstance(await answering(answer).send(an_order()), Unknown)


@pytest.mark.parametrize("status", [200, 302, 400, 404])
async def test_an_answer_that_is_not_stripes_is_unknown(status: int) -> None:
    proxy = answering(lambda _: httpx.Response(status, text="<html>Please log in</html>"))
    assert isinstance(await proxy.send(an_order()), Unknown)


@pytest.mark.parametrize("content", ["{}", "[]", '"ok"', "7", "null", '{"id": "tr_1", "object": "transfer"}'])
async def test_an_answer_of_another_shape_is_unknown(content: str) -> None:
    odd = answering(lambda _: httpx.Response(200, text=content))
    assert isinstance(await odd.send(an_order()), Unknown)
    assert isinstance(await odd.reverse("tr_1", 1, "USD", "k2"), Unknown)
    for question in (odd.look_up(an_order()), odd.status("tr_1"), odd.balance()):
        with pytest.raises(RailUnavailable):
            await question


async def test_a_call_that_is_given_up_stays_given_up() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(9)
        raise AssertionError

    rail = StripeRail(stripe_client(SECRET, transport=httpx.MockTransport(answer)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(rail.send(an_order()), 0.01)


@pytest.mark.parametrize(
    ("field", "told"),
    [("amount", 1), ("currency", "eur"), ("destination", "acct_2"), ("transfer_group", "g2")],
)
async def test_an_answer_about_something_else_is_a_conflict(field: str, told: object) -> None:
    made = {
        "id": "tr_1", "object": "transfer", "amount": 6640, "currency": "usd", "destination": "acct_1",
        "transfer_group": "g1", "created": 1_795_000_000,
    }  # fmt: skip
    fine = answering(lambda _: httpx.Response(200, json=made))
    assert isinstance(await fine.send(an_order()), Sent)
    odd = answering(lambda _: httpx.Response(200, json=made | {field: told}))
    assert isinstance(await odd.send(an_order()), Conflicting)


@pytest.mark.parametrize(
    ("kind", "expected", "moved"),
    [
        ("refused", Unknown, False),
        ("timeout_before", Unknown, False),
        ("dropped_after", Unknown, True),
        ("error_before", Unknown, False),
        ("error_after", Unknown, True),
        ("malformed", Unknown, True),
        ("conflict", Unknown, False),
        ("locked", Throttled, False),
        ("rate_limited", Throttled, False),
        ("api_key_expired", Halted, False),
        ("balance_short", Unfunded, False),
        ("capability_lost", Refused, False),
        ("deauthorized", Refused, False),
    ],
)
async def test_each_fault_has_its_outcome_and_looking_up_tells_the_rest(
    stand: StripeStand, kind: str, expected: type[Outcome], moved: bool
) -> None:
    order = stand.order()
    assert isinstance(await stand.send_with(kind, order), expected)  # type: ignore[arg-type]
    assert (await stand.rail.look_up(order) is not None) is moved


async def test_a_stored_refusal_comes_again_under_its_key_and_not_under_a_new_one(stand: StripeStand) -> None:
    assert isinstance(await stand.send_with("balance_short", stand.order()), Unfunded)
    assert isinstance(await stand.rail.send(stand.order()), Unfunded)
    second = stand.order("intent-7-2", group=stand.order().group)
    assert isinstance(await stand.rail.send(second), Sent)
    assert await stand.rail.look_up(stand.order()) is not None, "the group holds over all attempts"


async def test_a_group_with_two_transfers_is_told(stand: StripeStand) -> None:
    for key in ("a", "b"):
        assert isinstance(await stand.rail.send(stand.order(key, group="one")), Sent)
    with pytest.raises(RailContradicts, match="more than one"):
        await stand.rail.look_up(stand.order("a", group="one"))


async def test_a_transfer_of_another_amount_in_the_group_is_told(stand: StripeStand) -> None:
    await stand.rail.send(stand.order())
    with pytest.raises(RailContradicts):
        await stand.rail.look_up(stand.order(amount=1))


@pytest.mark.parametrize(("status", "code"), [(500, None), (429, "rate_limit"), (401, None), (403, None)])
async def test_questions_without_an_answer_may_be_asked_again(status: int, code: str | None) -> None:
    rail = failing(status, code)
    with pytest.raises(RailUnavailable):
        await rail.look_up(an_order())
    with pytest.raises(RailUnavailable):
        await rail.balance()
    with pytest.raises(RailUnavailable):
        await rail.status("tr_1")


async def test_more_cannot_be_taken_back_than_was_sent(stand: StripeStand) -> None:
    sent = await stand.rail.send(stand.order())
    assert isinstance(sent, Sent)
    assert isinstance(await stand.rail.reverse(sent.reference, 6641, "USD", "back"), Refused)
    assert isinstance(await stand.rail.reverse(sent.reference, 0, "USD", "back"), Refused)
    assert isinstance(await stand.rail.reverse("tr_none", 1, "USD", "back2"), Refused)


# Amounts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "ours", "stripes"),
    [
        ("USD", 6640, 6640),
        ("JPY", 664, 664),
        ("KWD", 6640, 6640),
        ("ISK", 664, 66400),
        ("UGX", 5, 500),
        ("MGA", 600, 6),
    ],
)
def test_amounts_are_counted_as_stripe_counts(currency: str, ours: int, stripes: int) -> None:
    assert to_stripe(ours, currency) == stripes
    assert from_stripe(stripes, currency) == ours


@pytest.mark.parametrize(
    ("currency", "amount"), [("KWD", 6641), ("HUF", 66450), ("TWD", 1), ("MGA", 101), ("BHD", 5), ("IQD", 10)]
)
def test_an_amount_stripe_cannot_carry_is_refused(currency: str, amount: int) -> None:
    refused = failing(500).refusal(an_order(currency=currency, amount=amount))
    assert refused is not None
    assert refused.fixed_by == "operator"


def test_the_limits_are_of_our_units() -> None:
    assert stripe_limits("USD") == Limits(1, 99_999_999)
    assert stripe_limits("ISK") == Limits(1, 9_999_999_999)
    assert stripe_limits("KWD") == Limits(10, 99_999_990, 10)
    assert stripe_limits("MGA") == Limits(100, 9_999_999_900, 100)
    for currency in STRIPE_CURRENCIES:
        limits = stripe_limits(currency)
        assert 0 < limits.least <= limits.most
        assert limits.most % limits.multiple_of == 0
        assert from_stripe(to_stripe(limits.most, currency), currency) == limits.most


def test_every_currency_is_one_of_the_ledgers() -> None:
    assert set(CURRENCIES) >= STRIPE_CURRENCIES
    assert {"USD", "EUR", "CNY", "GBP", "JPY", "HKD", "SGD"} <= STRIPE_CURRENCIES


def test_a_part_of_what_has_no_parts_is_not_rounded() -> None:
    with pytest.raises(ValueError, match="no decimals"):
        from_stripe(501, "ISK")


# Texts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        {f"k{number}": "v" for number in range(51)},
        {"k" * 41: "v"},
        {"k": "v" * 501},
        {"k[0]": "v"},
        {"": "v"},
        {"k": ""},
    ],
)
def test_metadata_stripe_would_not_take_is_refused(metadata: dict[str, str]) -> None:
    refused = failing(500).refusal(an_order(metadata=metadata))
    assert refused is not None
    assert refused.code == "metadata"


def test_the_most_metadata_stripe_takes_is_taken() -> None:
    fits = {f"{number:040}": "v" * 500 for number in range(50)}
    assert failing(500).refusal(an_order(metadata=fits)) is None


async def test_no_secret_is_told_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for status, code in ((400, "odd"), (401, None), (403, None), (500, None), (400, None)):
        rail = failing(status, code)
        assert SECRET[8:] not in repr(await rail.send(an_order())) + repr(vars(rail).keys()) + repr(rail)
        with pytest.raises((RailUnavailable, Exception)) as raised:
            await rail.balance()
        assert SECRET[8:] not in str(raised.value)
    assert SECRET[8:] not in caplog.text
    assert without_secrets("Invalid API Key provided: sk_test_********1234") == "Invalid API Key provided: (key)"


def test_the_hash_is_of_the_canonical_request() -> None:
    rail = failing(500)
    turned = an_order(metadata={"b": "2", "a": "1"})
    assert rail.request_hash(turned) == rail.request_hash(an_order(metadata={"a": "1", "b": "2"}))
    assert rail.request_hash(turned) != rail.request_hash(an_order())
    assert json.dumps(rail.request_hash(turned))
