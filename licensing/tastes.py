"""What a clipper and an offer have in common: category, platform, language. The same measure from either side."""

from collections.abc import Collection
from typing import Any

import numpy as np

from licensing.scoring import Numbers, doublings, level, shrunk, tenths

ORDERS = 20
"""Orders of the market, or of what a clipper says of itself, that count beside the clipper's own."""
UNKNOWN_LANGUAGE = 0.5
CATEGORY_REACH, PLATFORM_REACH = 4, 5  # doublings


def expected_share(declared: Collection[str], category: str, market: float) -> float:
    """Which part of its sales a clipper will make in the category, before it has made any."""
    said = (category in declared) / len(declared) if declared else market
    return 0.5 * market + 0.5 * said


def category_fit(inside: Any, orders: Any, expected: Any, market: float) -> Numbers:
    """How much more than the market's the clipper's sales lean to the category."""
    return level(doublings(shrunk(inside, orders, expected, ORDERS), market), CATEGORY_REACH)


def platform_fit(on_platforms: Any, orders: Any, usable: Any, accounts: Any) -> Numbers:
    """Which part of its sales a clipper makes on platforms that the offer allows, by doublings down from all.

    Zero without an account there, one half where no account is confirmed anywhere.
    """
    expected = np.asarray(usable) / np.maximum(accounts, 1)
    share = np.maximum(shrunk(on_platforms, orders, expected, ORDERS), 1e-9)
    some = np.maximum(1 + doublings(share, 1) / PLATFORM_REACH, 0.1)
    return tenths(np.where(np.asarray(accounts) == 0, 0.5, np.where(np.asarray(usable) == 0, 0.0, some)))


def language_fit(asked: str, spoken: str) -> tuple[float, bool]:
    """Whether one of the offer's languages is one of the clipper's, and whether both have said."""
    wanted, own = set(asked.split()), set(spoken.split())
    if not wanted:
        return 1.0, True
    if not own:
        return UNKNOWN_LANGUAGE, False
    if wanted & own:
        return 1.0, True
    return (0.8 if _primary(wanted) & _primary(own) else 0.0), True


def _primary(tags: set[str]) -> set[str]:
    """Languages without their scripts: who reads zh-Hans can be understood by readers of zh-Hant."""
    return {tag.split("-")[0] for tag in tags}
