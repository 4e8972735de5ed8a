from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe

from settlement.rails.protocol import RailRefused, RailUnavailable, Refused, Sent
from settlement.rails.stripe_accounts import account_status, bank_payouts, create_account, onboarding_link
from settlement.rails.stripe_client import stripe_client
from settlement.rails.stripe_words import words_for_bank_failure, words_for_disabled, words_for_requirement
from tests.settlement.rails.stripe_stand import StripeStand

HOME = "https://clips.example/payouts"


@pytest.fixture
def stand() -> StripeStand:
    return StripeStand()


async def new_account(stand: StripeStand, country: str = "US", key: str = "account-clipper-9") -> str:
    return await create_account(
        stand.client, "clipper-9", country, "ana@example.com", key=key, platform_country="US"
    )  # fmt: skip


def telling(account: dict[str, Any]) -> stripe.StripeClient:
    """A Stripe that says this of any account."""
    said = {"id": "acct_1", "object": "account", "country": "DE", "payouts_enabled": True, "capabilities": None,
            "requirements": None, "default_currency": "eur"} | account  # fmt: skip
    return stripe_client("sk_test_x", transport=httpx.MockTransport(lambda _: httpx.Response(200, json=said)))


def requirements(**given: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        "past_due": [],
        "currently_due": [],
        "errors": [],
        "disabled_reason": None,
        "current_deadline": None,
    }
    return {"requirements": empty | given}


async def test_a_payee_is_one_account_however_often_it_is_made(stand: StripeStand) -> None:
    first = await new_account(stand)
    assert first.startswith("acct_")
    assert await new_account(stand) == first


async def test_a_new_account_cannot_be_paid_and_says_what_is_missing(stand: StripeStand) -> None:
    account = await new_account(stand)
    status = await account_status(stand.client, account)
    assert not status.payable
    assert status.transfers == "inactive"
    assert all(one.past_due for one in status.blocking)
    assert "Add the bank account that we should pay to." in [one.words["en"] for one in status.blocking]
    assert "请接受 Stripe 的服务条款。" in [one.words["zh"] for one in status.blocking]
    words = [one.words["en"] for one in status.blocking]
    assert len(set(words)) == len(words), "day, month and year of birth are one question"
    refused = await stand.rail.send(stand.order(destination=account))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.fixed_by) == ("insufficient_capabilities_for_transfer", "payee")


async def test_onboarding_is_a_link_and_then_the_payee_can_be_paid(stand: StripeStand) -> None:
    account = await new_account(stand)
    url, until = await onboarding_link(stand.client, account, return_url=HOME, refresh_url=HOME, key="link-1")
    assert url.startswith("http")
    assert until > stand.now()
    stand.sandbox.onboard(account)
    status = await account_status(stand.client, account)
    assert (status.payable, status.transfers, list(status.blocking)) == (True, "active", [])
    assert (status.country, status.currencies, status.reaches_bank) == ("US", ["USD"], True)
    assert isinstance(await stand.rail.send(stand.order(destination=account)), Sent)


async def test_abroad_the_payee_is_a_recipient_only() -> None:
    forms: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        forms.append(request.content.decode())
        return httpx.Response(200, json={"id": "acct_1", "object": "account"})

    client = stripe_client("sk_test_x", transport=httpx.MockTransport(answer))
    for country in ("DE", "US"):
        await create_account(client, "clipper-9", country, "a@example.com", key=country, platform_country="US")
    abroad = "tos_acceptance[service_agreement]=recipient"
    assert abroad in forms[0]
    assert abroad not in forms[1]
    assert all("controller[losses][payments]=application" in form for form in forms)
    assert all("capabilities[transfers][requested]=true" in form for form in forms)


async def test_a_payable_account_may_be_asked_for_more_by_a_day() -> None:
    error = {"code": "verification_document_expired", "reason": "The document has expired.",
             "requirement": "individual.verification.document"}  # fmt: skip
    told = requirements(
        currently_due=["individual.verification.document"], errors=[error], current_deadline=1_796_000_000
    )
    status = await account_status(telling({"capabilities": {"transfers": "active"}} | told), "acct_1")
    assert status.payable
    (asked,) = status.blocking
    assert asked.due_by == datetime.fromtimestamp(1_796_000_000, UTC)
    assert asked.reason == "The document has expired."
    assert not asked.past_due
    assert asked.words["zh"] == "请上传您的身份证或护照照片。"


@pytest.mark.parametrize(
    ("reason", "payable", "words"),
    [
        ("rejected.fraud", False, "rejected"),
        ("rejected.listed", False, "rejected"),
        ("platform_paused", False, "paused"),
        ("under_review", True, None),
        ("requirements.pending_verification", True, None),
    ],
)
async def test_a_rejected_account_is_not_paid_whatever_its_capability(
    reason: str, payable: bool, words: str | None
) -> None:
    told = {"capabilities": {"transfers": "active"}} | requirements(disabled_reason=reason)
    status = await account_status(telling(told), "acct_1")
    assert status.payable is payable
    assert [one.words["en"] for one in status.blocking if words and words in one.words["en"]] == [
        one.words["en"] for one in status.blocking
    ]
    assert bool(status.blocking) is not payable


@pytest.mark.parametrize("given", [{}, {"capabilities": {}}, {"capabilities": {"card_payments": "active"}}])
async def test_an_account_that_asked_for_no_transfers_is_not_paid(given: dict[str, Any]) -> None:
    status = await account_status(telling(given), "acct_1")
    assert (status.payable, status.transfers) == (False, "not-requested")


async def test_a_lost_capability_shows(stand: StripeStand) -> None:
    stand.sandbox.set_capability(
        stand.payee, "inactive", due=("individual.verification.document",), disabled_reason="requirements.past_due"
    )
    status = await account_status(stand.client, stand.payee)
    assert (status.payable, status.transfers) == (False, "inactive")
    assert [one.words["en"] for one in status.blocking] == ["Upload a photo of your identity card or passport."]


async def test_an_account_of_nobody_is_refused(stand: StripeStand) -> None:
    with pytest.raises(RailRefused):
        await account_status(stand.client, "acct_of_nobody")
    with pytest.raises(RailRefused):
        await create_account(stand.client, "p", "XX", "a@example.com", key="k", platform_country="US")
    with pytest.raises(RailRefused):
        await onboarding_link(stand.client, "acct_of_nobody", return_url=HOME, refresh_url=HOME, key="k2")


async def test_no_answer_may_be_asked_again() -> None:
    client = stripe_client("sk_test_x", transport=httpx.MockTransport(lambda _: httpx.Response(500)))
    with pytest.raises(RailUnavailable):
        await account_status(client, "acct_1")
    with pytest.raises(RailUnavailable):
        [one async for one in bank_payouts(client, "acct_1", datetime(2026, 11, 1, tzinfo=UTC))]


async def test_what_reached_the_payees_bank_and_what_came_back_is_seen(stand: StripeStand) -> None:
    since = stand.now()
    assert isinstance(await stand.rail.send(stand.order()), Sent)
    stand.sandbox.advance(8 * 86_400)
    (paid,) = [one async for one in bank_payouts(stand.client, stand.payee, since)]
    assert (paid.status, paid.amount, paid.currency, paid.failure_words) == ("paid", 6640, "USD", None)
    stand.sandbox.fail_payout(paid.id, "account_closed")
    (failed, *_) = [one async for one in bank_payouts(stand.client, stand.payee, since) if one.id == paid.id]
    assert failed.status == "failed"
    assert failed.failure_words is not None
    assert failed.failure_words["zh"] == "该银行账户已注销。"


async def test_payouts_of_an_account_that_left_us_are_refused(stand: StripeStand) -> None:
    stand.sandbox.deauthorize(stand.payee)
    with pytest.raises(RailRefused) as refused:
        [one async for one in bank_payouts(stand.client, stand.payee, stand.now())]
    assert refused.value.refusal.fixed_by == "payee"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("external_account", "Add the bank account that we should pay to."),
        ("tos_acceptance.ip", "Accept Stripe's terms of service."),
        ("individual.verification.document", "Upload a photo of your identity card or passport."),
        ("person_1MqCaB.verification.document", "Upload a photo of your identity card or passport."),
        ("person_1MqCaB.dob.day", "Give your date of birth."),
        ("company.tax_id", "Give the company's tax number."),
        ("individual.address.postal_code", "Give your address."),
        ("interv_abc.form", "Stripe needs something more from you (interv_abc.form)."),
    ],
)
def test_a_requirement_is_told_in_plain_words(code: str, words: str) -> None:
    assert words_for_requirement(code)["en"] == words
    assert words_for_requirement(code)["zh"]


def test_what_is_not_known_is_named() -> None:
    assert "new_reason" in words_for_disabled("new_reason")["zh"]
    assert "new_failure" in words_for_bank_failure("new_failure")["en"]
    assert words_for_bank_failure("no_account")["en"] == "The bank knows no such account."
