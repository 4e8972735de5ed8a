"""What a clipper has, currency by currency: with all hosts together first, then with each. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from settlement.balances import Earnings, Expected, PartyBalance
from settlement.payouts.coming import Coming
from settlement.reports.books import month_end

_NEAR = timedelta(days=28)
"""So far ahead a forecast is by weeks; beyond, by months."""
_AMOUNTS = ("available", "held", "reserve", "frozen", "paying", "recoverable", "paid")
_ALWAYS = ("available", "held", "paid")


@dataclass(frozen=True)
class Release:
    """What becomes available on a day, of one host's; with none, once the marketplace has settled it."""

    on: date | None
    host: str
    of_reserve: bool
    amount: int


@dataclass(frozen=True)
class Ahead:
    """What becomes available after the `Ahead` before this one, up to a day; at last what has none yet."""

    until: date | None
    amount: int


@dataclass(frozen=True)
class Purse:
    """One currency's: `total` sums up `hosts`; `coming` is what each of them pays next."""

    currency: str
    total: PartyBalance
    hosts: Sequence[Earnings]
    coming: Sequence[Coming]
    releases: Sequence[Release]
    forecast: Sequence[Ahead]

    @property
    def columns(self) -> list[str]:
        """Which amounts are worth a column: not those that are nothing with every host."""
        return [name for name in _AMOUNTS if name in _ALWAYS or any(getattr(each.balance, name) for each in self.hosts)]

    @property
    def next_payout(self) -> Coming | None:
        """The first of those that have a day and that nothing is in the way of."""
        sure = [(each.next_at, each) for each in self.coming if each.next_at is not None and each.block is None]
        return min(sure, key=lambda pair: pair[0])[1] if sure else None

    def next_release(self, *, of_reserve: bool) -> Expected | None:
        """The first day on which something is released, and how much; without any day, what waits for one."""
        its = [each for each in self.releases if each.of_reserve is of_reserve]
        return Expected(its[0].on, sum(each.amount for each in its if each.on == its[0].on)) if its else None


def purses(earned: Sequence[Earnings], coming: Sequence[Coming], today: date) -> list[Purse]:
    """In order of the currencies."""
    currencies = sorted({each.balance.currency for each in earned})
    return [_purse(currency, earned, coming, today) for currency in currencies]


def _purse(currency: str, earned: Iterable[Earnings], coming: Iterable[Coming], today: date) -> Purse:
    hosts = [each for each in earned if each.balance.currency == currency]
    releases = _releases(hosts)
    sums = {name: sum(getattr(each.balance, name) for each in hosts) for name in _AMOUNTS}
    return Purse(
        currency=currency,
        total=PartyBalance(party=hosts[0].balance.party, currency=currency, **sums),
        hosts=hosts,
        coming=[each for each in coming if each.currency == currency],
        releases=releases,
        forecast=forecast(releases, today),
    )


def _releases(hosts: Iterable[Earnings]) -> list[Release]:
    """In order of their days, those without one last."""
    found = [
        *(Release(each.on, its.host, False, each.amount) for its in hosts for each in its.releases),
        *(Release(each.on, its.host, True, each.amount) for its in hosts for each in its.reserve_releases),
    ]
    return sorted(found, key=lambda each: (each.on or date.max, each.host, each.of_reserve))


def forecast(releases: Iterable[Release], today: date) -> list[Ahead]:
    """By the weeks that come, which end on Sundays, then by months. What is overdue counts as of this week."""
    sums: dict[date, int] = defaultdict(int)
    for each in releases:
        sums[date.max if each.on is None else _end(max(each.on, today), today)] += each.amount
    return [Ahead(None if until == date.max else until, sums[until]) for until in sorted(sums) if sums[until]]


def _end(day: date, today: date) -> date:
    """Of its week, if that is among the next ones; else of its month."""
    return _sunday(day) if day <= _sunday(today + _NEAR) else month_end(day.replace(day=1))


def _sunday(day: date) -> date:
    return day + timedelta(days=7 - day.isoweekday())
