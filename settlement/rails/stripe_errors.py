"""Every way in which a call to Stripe can fail, as an outcome.

| what comes back | SDK's class | outcome | why |
|---|---|---|---|
| no answer: refused, reset, timed out, broken off | APIConnectionError | Unknown | it may have arrived and had effect |
| 5xx, or an answer that is not Stripe's JSON | APIError | Unknown | it may have had effect before it failed |
| 409 lock_timeout, idempotency_key_in_use | APIError | Unknown | the first request with this key may be under way |
| 429 | RateLimitError | Throttled | turned away before anything was done |
| 400 idempotency_error | IdempotencyError | Conflicting | the key was used for a request with other parameters |
| 401 | AuthenticationError | Halted | the key is wrong, expired or revoked |
| 403 | PermissionError | Halted | the key may not do this |
| 400 with a code of a key or mode, see `_HALTING` | InvalidRequestError | Halted | as above |
| 400 balance_insufficient | InvalidRequestError | Unfunded | the platform's balance does not cover it |
| 400, 402, 403, 404 with a code of `_REFUSALS` | several | Refused | as the table there says |
| 400, 402, 404, any other code or none | InvalidRequestError, CardError | Refused, operator | we asked wrongly |
| anything else of the SDK | StripeError | Unknown | nothing is known of it, so nothing is claimed |

Codes: https://docs.stripe.com/error-codes. A refusal is stored by Stripe under its key for at least a day, as are
500s: the same key gets the same answer again, whatever has changed since.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import stripe

from settlement.rails.protocol import (
    Conflicting,
    Fixer,
    Halted,
    Outcome,
    RailContradicts,
    RailError,
    RailRefused,
    RailUnavailable,
    Refused,
    Throttled,
    Unfunded,
    Unknown,
)
from settlement.rails.stripe_client import without_secrets

_UNFUNDED: Final = frozenset({"balance_insufficient", "insufficient_funds"})

_HALTING: Final = frozenset(
    {
        "api_key_expired",
        "livemode_mismatch",
        "platform_account_required",
        "platform_api_key_expired",
        "secret_key_required",
        "testmode_charges_only",
        "tls_version_unsupported",
    }
)

_REFUSALS: Final[Mapping[str, tuple[Fixer, bool, str]]] = {
    "account_closed": ("payee", True, "the payee's Stripe account is closed"),
    "account_invalid": ("payee", True, "the payee's Stripe account is gone or no longer connected to us"),
    "account_number_invalid": ("payee", True, "the payee's bank account number is wrong"),
    "amount_too_large": ("operator", False, "more than Stripe moves in one transfer"),
    "amount_too_small": ("operator", False, "less than Stripe moves in one transfer"),
    "bank_account_unusable": ("payee", True, "the payee's bank account can't be used"),
    "country_unsupported": ("operator", False, "Stripe does not pay into the payee's country"),
    "insufficient_capabilities_for_transfer": ("payee", True, "the payee has not finished Stripe's onboarding"),
    "invalid_currency": ("operator", False, "Stripe does not move this currency to this payee"),
    "parameter_invalid_integer": ("operator", False, "Stripe does not take this amount"),
    "payouts_not_allowed": ("payee", True, "Stripe has stopped payouts of the payee's account"),
    "resource_missing": ("payee", True, "Stripe knows no such account, or it is no longer connected to us"),
    "transfer_source_balance_parameters_mismatch": ("operator", False, "the balance named is not the one needed"),
    "transfers_not_allowed": ("operator", True, "Stripe does not let this platform transfer to this payee"),
}


def outcome_of(error: stripe.StripeError) -> Outcome:
    """What is known after the error. Never `Sent`."""
    said = f"{code_of(error) or type(error).__name__}: {without_secrets(error.user_message or 'no message')}"
    if isinstance(error, stripe.RateLimitError):
        return Throttled(_retry_after(error))
    if isinstance(error, stripe.IdempotencyError):
        return Conflicting(f"Stripe knows this key from another request: {said}")
    if isinstance(error, stripe.AuthenticationError):
        return Halted(f"Stripe does not accept the key{_request(error)}")
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError | stripe.PermissionError):
        return _answered(error, said)
    status = f" ({error.http_status})" if error.http_status else ""
    return Unknown(f"no answer that tells{status}: {said}")


@contextmanager
def asking() -> Iterator[None]:
    """Around a question to Stripe and the reading of its answer. Raises RailError for whatever goes wrong there."""
    try:
        yield
    except stripe.StripeError as error:
        raise error_of(error) from None
    except (AttributeError, TypeError):  # what the SDK's objects raise where a field is missing
        raise RailUnavailable("Stripe's answer is of no shape that is known") from None


def error_of(error: stripe.StripeError) -> RailError:
    """For questions rather than payments: what to raise."""
    outcome = outcome_of(error)
    if isinstance(outcome, Refused):
        return RailRefused(outcome)
    if isinstance(outcome, Conflicting):
        return RailContradicts(outcome.reason)
    if isinstance(outcome, Unknown | Halted | Unfunded):
        return RailUnavailable(outcome.reason)
    return RailUnavailable("Stripe asks for fewer requests")


def code_of(error: stripe.StripeError) -> str | None:
    """The stable code; some of the SDK's classes leave it in the body only."""
    if error.code:
        return error.code
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, str) else None


def _answered(error: stripe.StripeError, said: str) -> Outcome:
    """Stripe has looked at the request and has done nothing."""
    code = code_of(error) or "invalid_request"
    if code in _UNFUNDED:
        return Unfunded("the platform's Stripe balance does not cover it")
    if code in _HALTING:
        return Halted(f"Stripe does not let the platform do this: {said}{_request(error)}")
    if code in _REFUSALS:
        fixed_by, retriable, words = _REFUSALS[code]
        return Refused(code, words, fixed_by, retriable)
    if isinstance(error, stripe.PermissionError):
        return Halted(f"the key may not do this: {said}{_request(error)}")
    return Refused(code, said, "operator", retriable=False)


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        return max(0.0, float((error.headers or {})["retry-after"]))
    except (KeyError, ValueError):
        return None


def _request(error: stripe.StripeError) -> str:
    return f" (request {error.request_id})" if error.request_id else ""
