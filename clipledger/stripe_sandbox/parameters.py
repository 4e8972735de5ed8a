"""What an endpoint takes. Whatever is refused here was refused before the endpoint executed: no key remembers it."""

from collections.abc import Callable, Mapping
from typing import Any

from clipledger.stripe_sandbox.refusals import Refusal, invalid, missing, not_integer, too_small, unknown

MOST = 99_999_999
"""Stripe's amounts have at most eight digits."""
CURRENCIES = frozenset(
    (
        *(
            "aed",
            "aud",
            "bgn",
            "brl",
            "cad",
            "chf",
            "clp",
            "cny",
            "cop",
            "czk",
            "dkk",
            "eur",
            "gbp",
            "hkd",
            "huf",
            "idr",
        ),
        *(
            "ils",
            "inr",
            "isk",
            "jpy",
            "krw",
            "mxn",
            "myr",
            "nok",
            "nzd",
            "pen",
            "php",
            "pln",
            "ron",
            "sar",
            "sek",
            "sgd",
        ),
        *("thb", "try", "twd", "usd", "vnd", "zar"),
    )
)
_RANGE = ("gt", "gte", "lt", "lte")

Check = Callable[[str, Any], Any]
Takes = Mapping[str, Check]
"""Parameters by name; a name that ends in `!` is required."""


def checked(takes: Takes, given: dict[str, Any]) -> dict[str, Any]:
    """The values of `given` by name. Raises Refusal."""
    for name in takes:
        if name.endswith("!") and given.get(name[:-1]) in (None, ""):
            raise missing(name[:-1])
    values = {}
    for name, value in given.items():
        check = takes.get(name) or takes.get(name + "!") or _ALWAYS.get(name)
        if check is None:
            raise unknown(name)
        values[name] = check(name, value)
    return values


def text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise invalid(name, f"Invalid string: {given}")
    if len(given) > 5000:
        raise invalid(name, f"Invalid string: {given[:20]}...; must be at most 5000 characters")
    return given


def integer(name: str, given: Any) -> int:
    digits = given.removeprefix("-") if isinstance(given, str) else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise not_integer(name, given)
    return int(given)


def amount(name: str, given: Any) -> int:
    """A positive integer of minor units."""
    value = integer(name, given)
    if value < 1:
        raise too_small(name, 1)
    if value > MOST:
        raise Refusal(f"Amount must be no more than {MOST}", code="amount_too_large", param=name)
    return value


def boolean(name: str, given: Any) -> bool:
    if given not in ("true", "false"):
        raise invalid(name, f"Invalid boolean: {given}")
    return bool(given == "true")


def currency(name: str, given: Any) -> str:
    code = text(name, given).lower()
    if code not in CURRENCIES:
        supported = ", ".join(sorted(CURRENCIES))
        raise invalid(name, f"Invalid currency: {given}. Stripe currently supports these currencies: {supported}")
    return code


def one_of(*choices: str) -> Check:
    def check(name: str, given: Any) -> str:
        if given not in choices:
            raise invalid(name, f"Invalid {name}: must be one of {', '.join(choices)}")
        return str(given)

    return check


def hash_of(name: str, given: Any) -> dict[str, Any]:
    if given == "":
        return {}
    if not isinstance(given, dict):
        raise invalid(name, "Invalid hash")
    return given


def anything(name: str, given: Any) -> Any:
    return given


def url(name: str, given: Any) -> str:
    if not text(name, given).startswith(("http://", "https://")):
        raise Refusal(
            "Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param=name
        )
    return str(given)


def inside(values: Any, *path: str) -> str | None:
    """The text that a hash holds below `path`; None if there is none, or no text."""
    for step in path:
        values = values.get(step) if isinstance(values, dict) else None
    return values if isinstance(values, str) else None


def texts(name: str, given: Any) -> list[str]:
    if not isinstance(given, list):
        raise invalid(name, "Invalid array")
    return [text(name, item) for item in given]


def metadata(name: str, given: Any) -> dict[str, str]:
    """At most 50 keys of 40 characters, values of 500. An empty value unsets its key; Stripe counts it all the same."""
    pairs = {key: text(f"{name}[{key}]", value) for key, value in hash_of(name, given).items()}
    if len(pairs) > 50:
        raise invalid(name, f"You can only have up to 50 metadata keys, but you passed in {len(pairs)}.")
    for key, value in pairs.items():
        if len(key) > 40:
            raise invalid(
                name, f"Metadata keys can have up to 40 characters, but you passed in a key that is {len(key)}."
            )
        if len(value) > 500:
            raise invalid(
                f"{name}[{key}]",
                f"Metadata values can have up to 500 characters, but you passed in a value that is {len(value)}.",
            )
    return pairs


def limit(name: str, given: Any) -> int:
    value = integer(name, given)
    if value < 1:
        raise too_small(name, 1)
    if value > 100:
        raise Refusal("This value must be less than or equal to 100.", code="parameter_invalid_integer", param=name)
    return value


def time_range(name: str, given: Any) -> range:
    """A time, or any of gt, gte, lt, lte, as a range of seconds since 1970."""
    if isinstance(given, str):
        moment = integer(name, given)
        return range(moment, moment + 1)
    bounds = hash_of(name, given)
    for bound in bounds:
        if bound not in _RANGE:
            raise unknown(f"{name}[{bound}]")
    at = {bound: integer(f"{name}[{bound}]", value) for bound, value in bounds.items()}
    first = max(at.get("gte", 0), at.get("gt", -1) + 1)
    return range(first, max(first, min(at.get("lte", 2**62) + 1, at.get("lt", 2**62))))


_ALWAYS: Takes = {"expand": texts}
LISTED: Takes = {"limit": limit, "starting_after": text, "ending_before": text, "created": time_range}
