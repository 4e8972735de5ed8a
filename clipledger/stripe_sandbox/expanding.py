"""`expand`: references replaced by what they refer to."""

from collections.abc import Mapping
from typing import Any

from clipledger.stripe_sandbox.refusals import Refusal
from clipledger.stripe_sandbox.tables import Thing

_DEEPEST = 4


def expanded(thing: Thing, paths: list[str], things: Mapping[str, Thing]) -> Thing:
    """A copy of `thing` with each path (`balance_transaction`, `data.source`, …) expanded. Raises Refusal."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise Refusal(f"You can only expand up to {_DEEPEST} levels of a property: {path}", param="expand")
        thing = _expand(thing, steps, things, path)
    return thing


def _expand(thing: Thing, steps: list[str], things: Mapping[str, Thing], path: str) -> Thing:
    first, rest = steps[0], steps[1:]
    if first not in thing:
        raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    value = thing[first]
    if isinstance(value, list) and rest:
        return {**thing, first: [_expand(item, rest, things, path) for item in value]}
    return {**thing, first: _resolved(value, rest, things, path)}


def _resolved(value: Any, rest: list[str], things: Mapping[str, Thing], path: str) -> Any:
    if value is None:
        return None
    found = things.get(value) if isinstance(value, str) else value if rest else None
    if not isinstance(found, dict):
        raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    return _expand(found, rest, things, path) if rest else found
