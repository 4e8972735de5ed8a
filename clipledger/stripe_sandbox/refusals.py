"""Every error the sandbox answers with, in Stripe's words where they are known.

Sources: docs.stripe.com/error-codes, docs.stripe.com/api/errors, docs.stripe.com/api/idempotent_requests.
"""

from typing import Any


class Refusal(Exception):  # noqa: N818 - Stripe answers with it; nothing is wrong here
    """An error response. An idempotency key remembers it if it came once the endpoint executed."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",  # noqa: A002 - the field's name
        code: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        """Stripe's error object; absent facts are left out, as Stripe does."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = "https://stripe.com/docs/error-codes/" + self.code.replace("_", "-")
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}


# Who is asking ----------------------------------------------------------------------------------------------------


def no_api_key() -> Refusal:
    return Refusal(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        status=401,
    )


def wrong_api_key(key: str) -> Refusal:
    return Refusal(f"Invalid API Key provided: {redacted(key)}", status=401)


def expired_api_key(key: str) -> Refusal:
    return Refusal(f"Expired API Key provided: {redacted(key)}", status=401, code="api_key_expired")


def not_permitted(key: str) -> Refusal:
    return Refusal(
        f"The provided key '{redacted(key)}' does not have the required permissions for this endpoint.", status=403
    )


def no_access(key: str, account_id: str) -> Refusal:
    return Refusal(
        f"The provided key '{redacted(key)}' does not have access to account '{account_id}' (or that account does not "
        "exist). Application access may have been revoked.",
        status=403,
        code="account_invalid",
    )


def redacted(key: str) -> str:
    """Stripe shows a key's beginning and its last four characters."""
    return f"{key[:8]}{'*' * max(len(key) - 12, 0)}{key[-4:]}" if len(key) > 12 else "*" * len(key)


# What is asked ----------------------------------------------------------------------------------------------------


def unknown_url(method: str, path: str) -> Refusal:
    return Refusal(
        f"Unrecognized request URL ({method}: {path}). This local sandbox has the endpoints of payouts only.",
        status=404,
    )


def wrong_version(version: str, spoken: str) -> Refusal:
    return Refusal(f"Invalid Stripe API version: {version}. This sandbox speaks {spoken} only.")


def no_such(kind: str, thing_id: str, param: str, *, status: int = 404) -> Refusal:
    return Refusal(f"No such {kind}: '{thing_id}'", status=status, code="resource_missing", param=param)


def missing(param: str) -> Refusal:
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> Refusal:
    return Refusal(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def not_integer(param: str, given: object) -> Refusal:
    return Refusal(f"Invalid integer: {given}", code="parameter_invalid_integer", param=param)


def too_small(param: str, least: int) -> Refusal:
    return Refusal(
        f"This value must be greater than or equal to {least}.", code="parameter_invalid_integer", param=param
    )


def invalid(param: str, message: str) -> Refusal:
    return Refusal(message, param=param)


# Keys and rates ---------------------------------------------------------------------------------------------------


def other_parameters(key: str) -> Refusal:
    return Refusal(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a "
        f"key other than '{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def other_endpoint(key: str, first: str, now: str) -> Refusal:
    return Refusal(
        f"Keys for idempotent requests can only be used for the same endpoint they were first used for ('{first}' vs "
        f"'{now}'). Try using a key other than '{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def key_in_use(key: str) -> Refusal:
    return Refusal(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted "
        f"twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        type="idempotency_error",
        code="idempotency_key_in_use",
    )


def rate_limited(reason: str) -> Refusal:
    return Refusal(
        "Request rate limit exceeded. Learn more about rate limits at https://stripe.com/docs/rate-limits.",
        status=429,
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason},
    )


def locked() -> Refusal:
    return Refusal(
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing "
        "it. If you see this error intermittently, retry the request.",
        status=429,
        code="lock_timeout",
    )


def broken() -> Refusal:
    return Refusal("An unexpected error occurred on our side.", status=500, type="api_error")


# Money ------------------------------------------------------------------------------------------------------------


def short_balance() -> Refusal:
    return Refusal(
        "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low.  You can "
        "use the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance).",
        code="balance_insufficient",
    )


def no_capability() -> Refusal:
    return Refusal(
        "Your destination account needs to have at least one of the following capabilities enabled: transfers, "
        "crypto_transfers, legacy_payments",
        code="insufficient_capabilities_for_transfer",
        param="destination",
    )


def own_account() -> Refusal:
    return Refusal("You cannot transfer to your own account.", param="destination")


def over_reversed(asked: str, left: str) -> Refusal:
    return Refusal(
        f"Transfer reversal amount ({asked}) is greater than unreversed amount on transfer ({left})", param="amount"
    )


def already_reversed(transfer_id: str) -> Refusal:
    return Refusal(f"The transfer {transfer_id} is already fully reversed.", param="id")


def short_destination() -> Refusal:
    return Refusal(
        "The connected account has insufficient funds in its available balance for this reversal.",
        code="balance_insufficient",
    )


def no_bank_account(currency: str) -> Refusal:
    return Refusal(
        f"Sorry, you don't have any external accounts in that currency ({currency}).", code="invalid_request_error"
    )


def payouts_not_allowed() -> Refusal:
    return Refusal("Cannot create payouts: this account has payouts disabled.", code="payouts_not_allowed")
