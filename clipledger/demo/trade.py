"""A year of orders, made up: what marketplaces report of them, in our own format. The same each time of a day."""

import csv
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from clipledger.demo.crowd import Market
from ledger.money import format_amount
from ledger.periods import month_of

SEED = 1111
_MONTHS = 12
_GROWTH = 0.12
"""By how much of the first month's sales each month has more."""
_SEASON = {2: 0.7, 6: 1.3, 10: 1.1, 11: 1.9, 12: 1.3}
"""Of the year's months: what is usual in others is 1."""
_SINGLES_DAY = (11, 11)
_PENDING_DAYS = 12
"""So long after an order, or shorter, the marketplace settles it."""
_CHEAP = 0.8
"""How much oftener than the next dearer thing a thing is bought, as an exponent."""
_BY_THE_BOX = 0.015
_COLUMNS = (
    "marketplace", "order", "line", "currency", "product", "quantity", "refunded", "gmv", "net_gmv", "estimated",
    "actual", "state", "platform", "handle", "content_id", "territory", "placed_at", "settled_at",
)  # fmt: skip


@dataclass(frozen=True)
class Seller:
    """Who sells, how much beside the others, and by which post, if that is on record. `platform` and `handle` of the
    account are what reports tell; a seller without a licence sells this month only.
    """

    market: Market
    platform: str
    handle: str
    weight: float
    content: str = ""
    licensed: bool = True


def first_day(now: datetime) -> datetime:
    """Of the year that ends now: its months are this one and those before; `now` is by the book's clock."""
    day = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(_MONTHS - 1):
        day = (day - timedelta(days=1)).replace(day=1)
    return day


def write(path: Path, now: datetime, sellers: Sequence[Seller], lines: int) -> int:
    """The report of so many order lines; returns how many are of sellers without a licence."""
    chance = Random(SEED)  # noqa: S311 - no secret
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_COLUMNS)
        rows.writerows(_lines(chance, now, sellers, lines))
        strangers = [each for each in sellers if not each.licensed]
        rows.writerows(
            _line(chance, lines + number, each, _placed(chance, _any_day(chance, now), now), now)
            for number, each in enumerate(strangers)
        )
    return len(strangers)


def _lines(chance: Random, now: datetime, sellers: Sequence[Seller], lines: int) -> Iterator[tuple[str, ...]]:
    licensed = [each for each in sellers if each.licensed]
    weights = list(accumulate(each.weight for each in licensed))
    days = list(_days(now))
    busy = list(accumulate(weight for _, weight in days))
    months = sorted({month_of(day.date()): day for day, _ in reversed(days)}.values())
    for number in range(lines):
        seller = licensed[bisect(weights, chance.random() * weights[-1])]
        # The first of them are one in each month, however few there are.
        day = months[number] if number < len(months) else days[bisect(busy, chance.random() * busy[-1])][0]
        yield _line(chance, number, seller, _placed(chance, day, now), now)


def _days(now: datetime) -> Iterator[tuple[datetime, float]]:
    """Each day of the year with how much is sold on it, beside the others."""
    first = day = first_day(now)
    while day <= now:
        month = (day.year - first.year) * 12 + day.month - first.month
        weight = (1 + _GROWTH * month) * _SEASON.get(day.month, 1.0)
        yield day, weight * (4 if (day.month, day.day) == _SINGLES_DAY else 1)
        day += timedelta(days=1)


def _any_day(chance: Random, now: datetime) -> datetime:
    """Of this month, until now."""
    return now.replace(day=chance.randint(1, now.day), hour=0, minute=0, second=0, microsecond=0)


def _placed(chance: Random, day: datetime, now: datetime) -> datetime:
    """Some time on that day, before now."""
    until = min(day + timedelta(days=1), now)
    return (day + (until - day) * chance.random()).replace(microsecond=0)


def _line(chance: Random, number: int, seller: Seller, placed: datetime, now: datetime) -> tuple[str, ...]:
    market = seller.market
    product, price = market.goods[min(int(chance.expovariate(_CHEAP)), len(market.goods) - 1)]
    by_the_box = price == market.goods[0][1] and chance.random() < _BY_THE_BOX
    quantity = chance.randint(40, 120) if by_the_box else chance.choice((1, 1, 1, 1, 2, 2, 3))
    gmv = price * quantity
    rate = chance.choice((10, 15, 20, 20, 25))
    settled = placed + timedelta(days=chance.uniform(6, _PENDING_DAYS))
    refunded, state = 0, "settled" if settled <= now else "pending"
    if state == "settled" and chance.random() < 0.11:
        refunded = quantity if chance.random() < 0.6 else (quantity + 1) // 2
        state = "void" if refunded == quantity else state
    net = gmv - price * refunded
    actual = format_amount(net * rate // 100, market.currency) if state == "settled" else ""
    return (
        market.marketplace, f"{market.marketplace[0].upper()}{SEED}{number:06}", "1", market.currency, product,
        str(quantity), str(refunded), format_amount(gmv, market.currency), format_amount(net, market.currency),
        format_amount(gmv * rate // 100, market.currency), actual, state, seller.platform, seller.handle,
        seller.content, market.territory, placed.isoformat(),
        settled.replace(microsecond=0).isoformat() if state == "settled" else "",
    )  # fmt: skip
