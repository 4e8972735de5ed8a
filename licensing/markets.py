"""What is ranked, as columns: the open offers for a clipper, the clippers for an offer. Pure values.

Several words of one row (platforms, languages, categories) are joined by blanks, which none of them contains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from licensing.scoring import Numbers, Words


@dataclass(frozen=True)
class Sales:
    """One row each: `gmv` in minor units of the row's currency, never below zero; `clicked` are the orders of those
    sales whose `clicks` are known.
    """

    gmv: Numbers
    orders: Numbers
    returned: Numbers
    clicked: Numbers
    clicks: Numbers


@dataclass(frozen=True)
class OpenOffers:
    """The market of offers. `commission` is what the sales have earned, before anybody's share."""

    categories: Words
    platforms: Words
    languages: Words
    currencies: Words
    clipper_ppm: Numbers
    commission: Numbers
    sales: Sales


@dataclass(frozen=True)
class ClipperProfile:
    """A clipper for whom offers are ranked: what it says of itself, its confirmed platforms, orders it has brought."""

    categories: frozenset[str] = frozenset()
    languages: str = ""
    platforms: frozenset[str] = frozenset()
    orders: float = 0
    by_category: Mapping[str, float] = field(default_factory=dict)
    by_platform: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class OfferProfile:
    """An offer for which clippers are ranked."""

    category: str
    languages: str
    platforms: frozenset[str]


@dataclass(frozen=True)
class Clippers:
    """The market of clippers, seen from one offer. `capacity` is -1 where the clipper has not said.

    `accounts` counts confirmed platforms, `usable` those of them that the offer allows. `here`: sold in the offer's
    category, on its platforms, in its currency; `gmv`: sold in its currency. Whatever the currency: `orders`, those
    `on_platforms` of the offer, and the sales `inside` its category.
    """

    categories: Words
    languages: Words
    capacity: Numbers
    living: Numbers
    accounts: Numbers
    usable: Numbers
    here: Sales
    inside: Sales
    gmv: Numbers
    orders: Numbers
    on_platforms: Numbers
