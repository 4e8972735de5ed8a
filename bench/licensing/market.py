"""Simulated markets whose truth is known, to try the ranking on.

Clippers have a skill, tastes, a reach on platforms, an audience and limited time; offers a price, a conversion, returns
and a fame. What a pair would sell is a product of these and of a liking of its own that nothing reveals. History comes
before: clippers took offers by fame, taste and chance, sold by luck with heavy tails, and not every platform counts
clicks. Then skills, tastes and appeal drift; what is to be foretold is what pairs that haven't met yet sell after that.
None of this is the scorer's formula, and the scorer sees nothing but the facts and profiles that the service has.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from licensing.markets import ClipperProfile, Clippers, OfferProfile, OpenOffers, Sales
from licensing.scoring import Words

Matrix = NDArray[np.float64]

PLATFORMS = ("bilibili", "douyin", "kuaishou", "tiktok", "xiaohongshu")
COUNTS_CLICKS = np.array([False, True, True, True, False])
CATEGORIES = tuple(f"category-{number}" for number in range(12))
LANGUAGES = ("zh", "en", "yue")
CURRENCY = "CNY"


@dataclass(frozen=True)
class Size:
    """How much there is in a market."""

    clippers: int
    offers: int


@dataclass
class Market:
    """One market: what is true (latent), and what was seen of it (facts)."""

    size: Size
    chance: np.random.Generator
    truth: Matrix = field(init=False)  # clippers × offers: net GMV a month, after the drift
    earned: Matrix = field(init=False)  # of that, what the clipper gets
    met: NDArray[np.bool_] = field(init=False)  # pairs of the history
    clipper_gmv: Matrix = field(init=False)  # clippers × platforms × categories; so are the next three
    clipper_orders: Matrix = field(init=False)
    clipper_returned: Matrix = field(init=False)
    clipper_clicks: Matrix = field(init=False)
    offer_sales: Sales = field(init=False)

    def __post_init__(self) -> None:
        self._make_offers()
        self._make_clippers()
        self._live()
        self.truth = self._expected(*self._drift()) * self.price * (1 - self.return_rate())
        self.earned = self.truth * self.commission_rate * self.clipper_ppm / 1e6

    # What is true

    def _spread(self, sigma: float, *shape: int) -> Matrix:
        return self.chance.lognormal(0, sigma, shape)

    def _make_offers(self) -> None:
        count, kinds, chance = self.size.offers, len(CATEGORIES), self.chance
        self.category = chance.choice(kinds, count, p=chance.dirichlet(np.full(kinds, 2.0)))
        self.price = (8000 * self._spread(0.7, kinds))[self.category] * self._spread(0.5, count)
        self.conversion = (0.03 * self._spread(0.35, kinds))[self.category] * self._spread(0.4, count)
        self.sent_back = (chance.uniform(0.04, 0.3, kinds))[self.category] * self._spread(0.3, count)
        self.fame, self.appeal = self._spread(1.0, count), self._spread(0.3, count)
        self.allowed = chance.random((count, len(PLATFORMS))) < 0.45
        self.allowed[np.arange(count), chance.integers(len(PLATFORMS), size=count)] = True
        self.asks = chance.choice(len(LANGUAGES), count, p=(0.75, 0.15, 0.1))
        self.asks_none = chance.random(count) < 0.3
        self.commission_rate = np.clip(0.13 * self._spread(0.35, count), 0.02, 0.3)
        self.clipper_ppm: Matrix = chance.integers(500, 701, count).astype(np.float64) * 1000
        self.new_offer = chance.random(count) < 0.15

    def _make_clippers(self) -> None:
        count, kinds, chance = self.size.clippers, len(CATEGORIES), self.chance
        self.skill, self.audience = self._spread(1.0, count), self._spread(0.3, count)
        self.sends_back = self._spread(0.25, count)
        favourite = chance.random((count, kinds)) < 0.15
        self.taste = self._spread(0.5, count, kinds) * np.where(favourite, 4, 1)
        named = np.where(chance.random((count, kinds)) < 0.15, ~favourite, favourite)
        self.declared = named & (chance.random((count, 1)) < 0.6)
        self.accounts = chance.random((count, len(PLATFORMS))) < 0.4
        self.accounts[np.arange(count), chance.integers(len(PLATFORMS), size=count)] = True
        reach = chance.gamma(0.7, size=(count, len(PLATFORMS))) * self.accounts
        self.reach = reach / reach.sum(axis=1, keepdims=True)
        self.speaks = chance.random((count, len(LANGUAGES))) < np.array([0.75, 0.2, 0.15])
        self.speaks[np.arange(count), chance.choice(len(LANGUAGES), count, p=(0.8, 0.1, 0.1))] = True
        self.time = 30 * self._spread(0.8, count)  # clips a month
        self.says_time = chance.random(count) < 0.6
        self.new_clipper = chance.random(count) < 0.15
        self.liking = self._spread(0.5, count, self.size.offers)

    def return_rate(self) -> Matrix:
        """Of each pair."""
        return np.asarray(np.clip(self.sends_back[:, None] * self.sent_back, 0, 0.7), dtype=np.float64)

    def _expected(self, skill: Matrix, taste: Matrix, appeal: Matrix) -> Matrix:
        """Orders a month of each pair, on all platforms that it has in common."""
        spoken = np.where(self.asks_none | self.speaks[:, self.asks], 1.0, 0.15)
        room = self.time / (self.living + 1)
        clips = 15 * room / (room + 15)
        reached = self.reach @ self.allowed.T
        person = (skill * self.audience * clips)[:, None] * taste[:, self.category]
        drawing = appeal * self.fame**0.3 * self.conversion
        return np.asarray(25 * person * reached * spoken * self.liking * drawing, dtype=np.float64)

    def _drift(self) -> tuple[Matrix, Matrix, Matrix]:
        count = self.size.clippers
        skill = self.skill * self._spread(0.3, count)
        return (
            skill,
            self.taste * self._spread(0.25, count, len(CATEGORIES)),
            self.appeal * self._spread(0.2, len(self.fame)),
        )

    # What was seen of it

    def _live(self) -> None:
        """The history: who took what, and what came of it."""
        self._meet()
        count = self.size.clippers
        months = self.chance.uniform(1, 12, self.met.shape) * self.met
        orders = self._expected(self.skill, self.taste, self.appeal) * months
        rate = np.clip(self.conversion * self.audience[:, None], 0.001, 0.5)
        self._facts = np.zeros((4, count, len(PLATFORMS), len(CATEGORIES)))
        sums = np.zeros((6, self.size.offers))
        for place in range(len(PLATFORMS)):
            here = self.allowed[:, place] * self.reach[:, [place]] / np.maximum(self.reach @ self.allowed.T, 1e-9)
            self._sell(place, orders * here, rate, sums)
        self.clipper_gmv, self.clipper_orders, self.clipper_returned, self.clipper_clicks = self._facts
        gmv, bought, returned, clicked, clicks, commission = sums
        self.offer_sales = Sales(gmv, bought, returned, clicked, clicks)
        self.offer_commission = commission

    def _meet(self) -> None:
        chance = self.chance
        usable = (self.accounts @ self.allowed.T.astype(int) > 0) & ~self.new_offer
        drawn = self.fame * self.taste[:, self.category] ** 0.7 * usable
        wanted = np.log(np.maximum(drawn, 1e-12)) + chance.gumbel(size=drawn.shape)
        places = np.clip(chance.poisson(5 * self.skill**0.4), 1, 40) * ~self.new_clipper
        ranks = np.argsort(np.argsort(-wanted, axis=1), axis=1)
        self.met = (ranks < places[:, None]) & usable
        self.living = self.met.sum(axis=1).astype(np.float64)

    def _sell(self, place: int, orders: Matrix, rate: Matrix, sums: Matrix) -> None:
        """One platform's months: luck has heavy tails, and a click is counted or not."""
        lucky = orders * self.chance.gamma(0.7, 1 / 0.7, orders.shape)
        clicks = self.chance.poisson(np.minimum(lucky / rate, 1e7)).astype(np.float64)
        bought = self.chance.binomial(clicks.astype(np.int64), rate).astype(np.float64)
        returned = self.chance.binomial(bought.astype(np.int64), self.return_rate()).astype(np.float64)
        gmv = np.rint((bought - returned) * self.price)
        counted = bool(COUNTS_CLICKS[place])
        per_offer = (gmv, bought, returned, bought * counted, clicks * counted, gmv * self.commission_rate)
        sums += np.array([each.sum(axis=0) for each in per_offer])
        for kind in range(len(CATEGORIES)):
            inside = self.category == kind
            for number, each in enumerate((gmv, bought, returned, clicks * counted)):
                self._facts[number, :, place, kind] = each[:, inside].sum(axis=1)

    # As the service has it

    def open_offers(self) -> OpenOffers:
        languages = ["" if none else LANGUAGES[asks] for none, asks in zip(self.asks_none, self.asks, strict=True)]
        return OpenOffers(
            categories=Words.of([CATEGORIES[kind] for kind in self.category]),
            platforms=Words.of([_joined(PLATFORMS, row) for row in self.allowed]),
            languages=Words.of(languages),
            currencies=Words.of([CURRENCY] * self.size.offers),
            clipper_ppm=self.clipper_ppm,
            commission=self.offer_commission,
            sales=self.offer_sales,
        )

    def clipper(self, row: int) -> ClipperProfile:
        by_platform, by_category = (self.clipper_orders[row].sum(axis=axis) for axis in (1, 0))
        return ClipperProfile(
            categories=frozenset(_joined(CATEGORIES, self.declared[row]).split()),
            languages=_joined(LANGUAGES, self.speaks[row]),
            platforms=frozenset(_joined(PLATFORMS, self.accounts[row]).split()),
            orders=float(self.clipper_orders[row].sum()),
            by_category=dict(zip(CATEGORIES, by_category, strict=True)),
            by_platform=dict(zip(PLATFORMS, by_platform, strict=True)),
        )

    def offer(self, row: int) -> OfferProfile:
        offers = self.open_offers()
        return OfferProfile(offers.categories[row], offers.languages[row], frozenset(offers.platforms[row].split()))

    def clippers(self, row: int) -> Clippers:
        """As the offer of that row sees them."""
        allowed, kind = self.allowed[row], self.category[row]
        return Clippers(
            categories=Words.of([_joined(CATEGORIES, declared) for declared in self.declared]),
            languages=Words.of([_joined(LANGUAGES, speaks) for speaks in self.speaks]),
            capacity=np.where(self.says_time, np.rint(self.time), -1),
            living=self.living,
            accounts=self.accounts.sum(axis=1).astype(np.float64),
            usable=(self.accounts & allowed).sum(axis=1).astype(np.float64),
            here=self._sales(kind, allowed),
            inside=self._sales(kind, np.ones(len(PLATFORMS), dtype=np.bool_)),
            gmv=self.clipper_gmv.sum(axis=(1, 2)),
            orders=self.clipper_orders.sum(axis=(1, 2)),
            on_platforms=self.clipper_orders[:, allowed].sum(axis=(1, 2)),
        )

    def _sales(self, kind: int, places: NDArray[np.bool_]) -> Sales:
        gmv, orders, returned = (
            each[:, places, kind].sum(axis=1) for each in (self.clipper_gmv, self.clipper_orders, self.clipper_returned)
        )
        counted = places & COUNTS_CLICKS
        clicked, clicks = (each[:, counted, kind].sum(axis=1) for each in (self.clipper_orders, self.clipper_clicks))
        return Sales(gmv, orders, returned, clicked, clicks)


def _joined(words: tuple[str, ...], chosen: NDArray[np.bool_]) -> str:
    return " ".join(word for word, is_chosen in zip(words, chosen, strict=True) if is_chosen)


def market(seed: int, size: Size) -> Market:
    """The market of that seed, always the same."""
    return Market(size, np.random.default_rng(seed))
