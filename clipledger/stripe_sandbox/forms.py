"""Stripe's parameters: `a[b][0]=c` in a form or a query into nested dicts and lists."""

from typing import Any
from urllib.parse import parse_qsl

from clipledger.stripe_sandbox.refusals import Refusal, invalid

_DEEPEST = 8


def decode(encoded: bytes | str) -> dict[str, Any]:
    """Raises Refusal for what is no form in UTF-8, is too deep, or names one place as two kinds of things."""
    try:
        text = encoded.decode("ascii") if isinstance(encoded, bytes) else encoded
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=2000)
    except ValueError:
        raise Refusal("Invalid request: the parameters are no form encoded as UTF-8.") from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if "[" in name:
            _place(found, name, value)
        else:
            found[name] = value
    return {name: _with_lists(value) if isinstance(value, dict) else value for name, value in found.items()}


def _place(found: dict[str, Any], name: str, value: str) -> None:
    steps = name.replace("]", "").split("[")
    if len(steps) > _DEEPEST or not steps[0]:
        raise invalid(name, f"Invalid parameter name: {name}")
    inside = found
    for step in steps[:-1]:
        inside = inside.setdefault(_key(inside, step), {})
        if not isinstance(inside, dict):
            raise invalid(name, f"Invalid parameter name: {name}")
    inside[_key(inside, steps[-1])] = value


def _key(inside: dict[str, Any], step: str) -> str:
    return step or str(len(inside))  # a[]=x appends


def _with_lists(value: dict[str, Any]) -> Any:
    whole = {name: _with_lists(part) if isinstance(part, dict) else part for name, part in value.items()}
    if whole and all(name.isdecimal() for name in whole):
        return [whole[name] for name in sorted(whole, key=int)]
    return whole
