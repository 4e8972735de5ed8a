"""The features of clippers as one host may see them, for one of its offers.

A clipper's sales were made with other hosts, too. So a reason tells a band or a share of the market, never an amount, a
number of orders, or whose they were.
"""

import numpy as np

from licensing.markets import Clippers, OfferProfile
from licensing.offer_features import CLICKS, GMV_REACH, ORDERS, RATE_REACH, USUAL_CONVERSION, USUAL_RETURNS
from licensing.scoring import Column, doublings, level, overall, shrunk, times, top, trust, typical
from licensing.tastes import category_fit, expected_share, language_fit, platform_fit

CARRIED = 0.4
"""Of how far a clipper's sales lie from the market's, what is expected of it where it has sold nothing yet."""
SELLERS = 5
"""Strength of what is typical anywhere, beside what those who sell where the offer is make typical there."""
_ORDERS_REACH, _ROOM, _USUAL_ROOM = (
    6,
    2,
    5.0,
)  # doublings, doublings; clips a month for one more grant, where nobody has said


def turnover(offer: OfferProfile, clippers: Clippers) -> Column:
    """What the clipper sells where the offer is; else a part of what it sells anywhere."""
    one = np.zeros(len(clippers.gmv), dtype=np.int64)
    sold, known = clippers.orders > 0, clippers.here.orders > 0
    everywhere, here = np.maximum(clippers.gmv, 1), np.maximum(clippers.here.gmv, 1)
    in_currency = sold & (clippers.gmv > 0)
    market = typical(everywhere, in_currency, one)
    anywhere = trust(clippers.orders, ORDERS) * doublings(everywhere, market)
    carried = CARRIED * np.where(in_currency, anywhere, 0)
    sure, many = trust(clippers.here.orders, ORDERS), trust(known.sum(), SELLERS)
    usual = typical(here, known, one) ** many * market ** (1 - many)
    values = level(sure * doublings(here, usual) + (1 - sure) * carried, GMV_REACH)
    where = f"in {offer.category} on {' or '.join(sorted(offer.platforms))}"

    def say(row: int) -> str:
        if known[row]:
            return f"{top(here, known, row)} of those who sell {where}"
        if in_currency[row]:
            return f"no sales {where} yet; {top(everywhere, in_currency, row)} of all clippers elsewhere"
        return "no sales yet; counted as a typical clipper"

    return Column("gmv", values, known, clippers.here.orders, say)


def volume(clippers: Clippers) -> Column:
    """How many orders the clipper brings, anywhere: a measure of its reach that no price distorts."""
    known, orders = clippers.orders > 0, np.maximum(clippers.orders, 1)
    one = np.zeros(len(orders), dtype=np.int64)
    distance = doublings(orders, typical(orders, known, one))

    def say(row: int) -> str:
        if not known[row]:
            return "no orders yet; counted as a typical clipper"
        return f"the orders it brings are {top(orders, known, row)} of all clippers"

    return Column("orders", level(np.where(known, distance, 0), _ORDERS_REACH), known, clippers.orders, say)


def conversion(offer: OfferProfile, clippers: Clippers) -> Column:
    """Orders per click in the offer's category."""
    sales = clippers.inside
    market = overall(sales.clicked, sales.clicks, USUAL_CONVERSION)
    known = sales.clicks > 0
    values = level(doublings(shrunk(sales.clicked, sales.clicks, market, CLICKS), market), RATE_REACH)

    def say(row: int) -> str:
        if not known[row]:
            return f"clicks in {offer.category} are not known; counted as usual"
        return f"orders per click in {offer.category} are {times(values[row], RATE_REACH)}"

    return Column("conversion", values, known, sales.clicks, say)


def returns(offer: OfferProfile, clippers: Clippers) -> Column:
    """How little of what it sold in the offer's category was sent back."""
    sales = clippers.inside
    market = overall(sales.returned, sales.orders, USUAL_RETURNS)
    known = sales.orders > 0
    values = level(-doublings(shrunk(sales.returned, sales.orders, market, ORDERS), market), RATE_REACH)

    def say(row: int) -> str:
        if not known[row]:
            return f"no orders in {offer.category} yet; counted as usual"
        return f"returns in {offer.category} are {times(1 - values[row], RATE_REACH)}"

    return Column("returns", values, known, sales.orders, say)


def category(offer: OfferProfile, clippers: Clippers) -> Column:
    """How much the clipper's sales, or what it says of itself, lean to the offer's category."""
    inside, orders = clippers.inside.orders, clippers.orders
    market = float(shrunk(inside.sum(), orders.sum(), 0.1, 100))

    words = clippers.categories
    expected = [expected_share(declared.split(), offer.category, market) for declared in words.names]
    values = category_fit(inside, orders, np.array(expected, dtype=np.float64)[words.codes], market)
    said = np.array([bool(declared) for declared in words.names], dtype=np.bool_)[words.codes]

    def say(row: int) -> str:
        if orders[row]:
            return f"about {round(10 * inside[row] / orders[row]) * 10:.0f} % of its orders were in {offer.category}"
        if not said[row]:
            return "neither sales nor categories in its profile yet"
        named = offer.category in words[row].split()
        return f"its profile {'names' if named else 'does not name'} {offer.category}"

    return Column("category", values, said | (orders > 0), orders, say)


def platform(clippers: Clippers) -> Column:
    """How much of the clipper's reach is where the offer may be posted."""
    orders, usable, accounts = clippers.orders, clippers.usable, clippers.accounts
    values = platform_fit(clippers.on_platforms, orders, usable, accounts)

    def say(row: int) -> str:
        if not accounts[row]:
            return "none of its accounts is confirmed yet"
        if not usable[row]:
            return "no confirmed account on the offer's platforms"
        part = round(10 * clippers.on_platforms[row] / orders[row]) * 10 if orders[row] else 0
        sold = f"; about {part:.0f} % of its orders were there" if orders[row] else ""
        return f"has confirmed accounts on {usable[row]:.0f} of the offer's platforms{sold}"

    return Column("platform", values, accounts > 0, orders, say)


def language(offer: OfferProfile, clippers: Clippers) -> Column:
    """Whether the clipper speaks the offer's."""
    words = clippers.languages
    fits = [language_fit(offer.languages, tags) for tags in words.names]
    values = np.array([value for value, _ in fits], dtype=np.float64)[words.codes]
    known = np.array([is_known for _, is_known in fits], dtype=np.bool_)[words.codes]

    def say(row: int) -> str:
        if not offer.languages:
            return "the offer asks for no language"
        spoken = ", ".join(words[row].split())
        return f"speaks {spoken}" if spoken else "its profile names no language"

    return Column("language", values, known, np.zeros(len(words)), say)


def capacity(clippers: Clippers) -> Column:
    """Clips a month that it has time for, for each grant it would then have."""
    one = np.zeros(len(clippers.capacity), dtype=np.int64)
    known, room = clippers.capacity >= 0, clippers.capacity / (clippers.living + 1)
    market = typical(room, known, one) if known.any() else np.full(len(room), _USUAL_ROOM)
    values = level(np.where(known, doublings(np.maximum(room, 0.01), market), 0), _ROOM)

    def say(row: int) -> str:
        if not known[row]:
            return "has not said how many clips it has time for; counted as usual"
        return f"its time for one more grant is {times(values[row], _ROOM)}"

    return Column("capacity", values, known, np.zeros(len(room)), say)
