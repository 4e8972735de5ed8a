"""The features of open offers as one clipper sees them: how each sells, what it pays, what of the clipper meets it."""

from collections.abc import Callable

import numpy as np

from licensing.markets import ClipperProfile, OpenOffers
from licensing.scoring import (
    Column,
    Numbers,
    Words,
    doublings,
    level,
    overall,
    shrunk,
    sums_by,
    times,
    top,
    trust,
    typical,
)
from licensing.tastes import category_fit, expected_share, language_fit, platform_fit

CLICKS, ORDERS = 300, 20
"""Strength of the market's word: clicks beside an own conversion; orders beside own returns and amounts."""
USUAL_CONVERSION, USUAL_RETURNS, _USUAL_COMMISSION = 0.03, 0.1, 0.13  # of a market that has sold nothing yet
GMV_REACH, RATE_REACH, _VALUE_REACH, _SHARE_REACH = 8, 2, 4, 1  # doublings


def demand(offers: OpenOffers) -> Column:
    """How much it sells, on a log scale among the offers of its currency."""
    sales, currency = offers.sales, offers.currencies.codes
    known, gmv = sales.orders > 0, np.maximum(sales.gmv, 1)
    distance = trust(sales.orders, ORDERS) * doublings(gmv, typical(gmv, known, currency))

    def say(row: int) -> str:
        if not known[row]:
            return "has sold nothing yet; counted as a typical offer"
        stands = top(gmv, known & (currency == currency[row]), row)
        return f"its sales are {stands} of open offers in {offers.currencies[row]}"

    return Column("gmv", level(distance, GMV_REACH), known, sales.orders, say)


def order_value(offers: OpenOffers) -> Column:
    """What one order is worth, drawn towards the usual in category and currency."""
    sales, currency = offers.sales, offers.currencies.codes
    kind = offers.categories.codes * len(offers.currencies.names) + currency
    known, value = sales.orders > 0, np.maximum(sales.gmv, 1) / np.maximum(sales.orders, 1)
    market = typical(value, known, currency)
    usual = trust(sums_by(kind, sales.orders), ORDERS) * doublings(typical(value, known, kind), market)
    sure = trust(sales.orders, ORDERS)
    values = level(sure * doublings(value, market) + (1 - sure) * usual, _VALUE_REACH)

    def say(row: int) -> str:
        whose = "an order is worth" if known[row] else f"no orders yet; one in {offers.categories[row]} is worth"
        return f"{whose} {times(values[row], _VALUE_REACH)} in {offers.currencies[row]}"

    return Column("order_value", values, known, sales.orders, say)


def conversion(offers: OpenOffers) -> Column:
    """Orders per click, drawn towards the category's."""
    sales, category = offers.sales, offers.categories.codes
    market = overall(sales.clicked, sales.clicks, USUAL_CONVERSION)
    usual = shrunk(sums_by(category, sales.clicked), sums_by(category, sales.clicks), market, CLICKS)
    rate = shrunk(sales.clicked, sales.clicks, usual, CLICKS)
    known, values = sales.clicks > 0, level(doublings(rate, market), RATE_REACH)

    def say(row: int) -> str:
        whose = "orders per click are" if known[row] else f"clicks are not known; {offers.categories[row]} converts at"
        return f"{whose} {times(values[row], RATE_REACH)}"

    return Column("conversion", values, known, sales.clicks, say)


def returns(offers: OpenOffers) -> Column:
    """How little is sent back, drawn towards the category's."""
    sales, category = offers.sales, offers.categories.codes
    market = overall(sales.returned, sales.orders, USUAL_RETURNS)
    usual = shrunk(sums_by(category, sales.returned), sums_by(category, sales.orders), market, ORDERS)
    rate = shrunk(sales.returned, sales.orders, usual, ORDERS)
    known, values = sales.orders > 0, level(-doublings(rate, market), RATE_REACH)

    def say(row: int) -> str:
        whose = "returns are" if known[row] else f"no orders yet; returns in {offers.categories[row]} are"
        return f"{whose} {times(1 - values[row], RATE_REACH)}"

    return Column("returns", values, known, sales.orders, say)


def share(offers: OpenOffers) -> Column:
    """What the clipper gets of a sale: the commission's rate times its part of it."""
    sales, part = offers.sales, offers.clipper_ppm / 1e6
    commission = shrunk(_own_commission(offers) * sales.orders, sales.orders, _usual_commission(offers), ORDERS)
    mean = float((commission * part).mean()) if len(part) else 1.0
    known, values = sales.orders > 0, level(doublings(np.maximum(commission * part, 1e-9), mean), _SHARE_REACH)

    def say(row: int) -> str:
        pay = f"the clipper's part of what is shared is {part[row] * 100:.4g} %"
        since = "" if known[row] else f", going by what {offers.categories[row]} pays"
        return f"{pay}; with the commission it earns {times(values[row], _SHARE_REACH)} of a sale{since}"

    return Column("share", values, known, sales.orders, say)


def _own_commission(offers: OpenOffers) -> Numbers:
    return np.clip(offers.commission / np.maximum(offers.sales.gmv, 1), 0, 1)


def _usual_commission(offers: OpenOffers) -> Numbers:
    """The mean rate of each row's category, by orders."""
    category, orders = offers.categories.codes, offers.sales.orders
    paid = _own_commission(offers) * orders
    market = overall(paid, orders, _USUAL_COMMISSION)
    usual: Numbers = shrunk(sums_by(category, paid), sums_by(category, orders), market, ORDERS)
    return usual


# What of the clipper meets it -------------------------------------------------------------------------------


def category(clipper: ClipperProfile, offers: OpenOffers) -> Column:
    """How much the clipper's sales, or what it says of itself, lean to the offer's category."""
    market = _market_shares(offers)
    known = bool(clipper.orders or clipper.categories)

    def fit(word: str) -> tuple[float, bool, str]:
        inside = clipper.by_category.get(word, 0)
        expected = expected_share(clipper.categories, word, market[word])
        value = float(category_fit(inside, clipper.orders, expected, market[word]))
        if clipper.orders:
            return value, True, f"{inside / clipper.orders:.0%} of your orders were in {word}"
        said = f"you name {word} in your profile" if word in clipper.categories else f"you don't name {word}"
        return value, known, said if known else "you have neither sales nor categories in your profile yet"

    return _by_word("category", offers.categories, clipper.orders, fit)


def _market_shares(offers: OpenOffers) -> dict[str, float]:
    """Which part of the market's orders each category has; as far as there are few, which part of its offers."""
    codes, names = offers.categories.codes, offers.categories.names
    offered, sold = (np.bincount(codes, weights, len(names)) for weights in (None, offers.sales.orders))
    shares = shrunk(sold, sold.sum(), offered / max(len(codes), 1), 100)
    return dict(zip(names, shares.tolist(), strict=True))


def platform(clipper: ClipperProfile, offers: OpenOffers) -> Column:
    """How much of the clipper's reach is where the offer may be posted."""

    def fit(words: str) -> tuple[float, bool, str]:
        usable = sorted(clipper.platforms & set(words.split()))
        there = sum(clipper.by_platform.get(word, 0) for word in usable)
        value = float(platform_fit(there, clipper.orders, len(usable), len(clipper.platforms)))
        if not clipper.platforms:
            return value, False, "none of your accounts is confirmed yet"
        if not usable:
            return value, True, f"you have no confirmed account on {' or '.join(words.split())}"
        sold = f", where {there / clipper.orders:.0%} of your orders were" if clipper.orders else ""
        return value, True, f"you have {' and '.join(usable)}{sold}"

    return _by_word("platform", offers.platforms, clipper.orders, fit)


def language(clipper: ClipperProfile, offers: OpenOffers) -> Column:
    """Whether the clipper speaks it."""

    def fit(tags: str) -> tuple[float, bool, str]:
        value, known = language_fit(tags, clipper.languages)
        if not tags:
            return value, known, "any language will do"
        if not known:
            return value, known, "your profile names no language"
        return value, known, f"asks for {' or '.join(tags.split())}; you speak {', '.join(clipper.languages.split())}"

    return _by_word("language", offers.languages, 0, fit)


def _by_word(feature: str, words: Words, evidence: float, fit: Callable[[str], tuple[float, bool, str]]) -> Column:
    """A column that depends on nothing but a word of the row; each distinct one is worked out once."""
    fits = [fit(word) for word in words.names]
    values = np.array([value for value, _, _ in fits], dtype=np.float64)
    known = np.array([is_known for _, is_known, _ in fits], dtype=np.bool_)
    evidences = np.full(len(words), evidence, dtype=np.float64)
    return Column(feature, values[words.codes], known[words.codes], evidences, lambda row: fits[words.codes[row]][2])
