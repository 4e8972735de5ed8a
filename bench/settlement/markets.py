"""`python -m bench.settlement.markets --seed S`: the advice on a host's share, on markets whose elasticity is known.

Clippers have a skill, a form that comes and goes, an elasticity of their own around the market's, weeks off and heavy-
tailed luck; the market has a season, shocks and a trend. In the history the host moved shares by one of several
designs. Some of them tell what the share does, some cannot, and some mislead whoever reads them; which is which stands
in DESIGNS. The optimiser sees sales and shares alone. Its answer is held against what the market would truly bring.
"""

import json
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from numpy.typing import NDArray

from settlement.optimising.advising import Found, advise
from settlement.optimising.panel import Panel

Matrix = NDArray[np.float64]
Kind = Literal["identified", "not identified", "misleading"]

CLIPPERS, WEEKS, RUNS = 300, 40, 100
ELASTICITIES = (0.0, 0.5, 1.0, 1.5, 2.5, 4.0)
TODAY, NEW = 0.6, 0.68
BOUNDS = (0.5, 0.7)
"""3 : 7 to 5 : 5, as the service's own policy has it."""
_NOTICED = 0.001
"""Of the host's net: a smaller loss is none."""
_SHARES = np.linspace(*BOUNDS, 201)
_FIRST, _LAST = 12, 28
"""Weeks in which shares move."""


@dataclass
class Market:
    """One market: what is true, and the shares and sales of its history (clippers × weeks)."""

    chance: np.random.Generator
    elasticity: float

    def __post_init__(self) -> None:
        chance, shape = self.chance, (CLIPPERS, WEEKS)
        self.skill = chance.lognormal(10, 1, CLIPPERS)
        self.own = self.elasticity + chance.normal(0, 0.3 if self.elasticity else 0, CLIPPERS)
        weeks = np.arange(WEEKS)
        season = 0.4 * np.sin(2 * np.pi * (weeks + chance.uniform(0, 52)) / 52)
        self.season = np.exp(season + chance.normal(0, 0.1, WEEKS) + chance.uniform(-0.01, 0.03) * weeks)
        self.form = np.exp(_persistent(chance, shape, 0.8, 0.15))
        self.growth = np.zeros(CLIPPERS)
        self.luck = chance.gamma(0.8, 1 / 0.8, shape) * (chance.random(shape) < 0.8)

    def before(self) -> Matrix:
        """What each would sell in a week at today's share."""
        weeks = np.arange(WEEKS) - WEEKS / 2
        found: Matrix = self.skill[:, None] * self.season * self.form * np.exp(np.outer(self.growth, weeks)) * self.luck
        return found

    def response(self, share: Matrix) -> Matrix:
        """By what factor that goes up."""
        found: Matrix = (share / TODAY) ** self.own[:, None]
        return found

    def net(self, shares: Matrix) -> Matrix:
        """The host's true net at one share for all, for each of these; up to a factor."""
        return np.asarray([self.net_of(np.full(CLIPPERS, share)) for share in shares])

    def net_of(self, shares: Matrix) -> float:
        """With a share for each clipper, likewise."""
        return float(((1 - shares) * self.skill * (shares / TODAY) ** self.own).sum())


def _persistent(chance: np.random.Generator, shape: tuple[int, int], kept: float, spread: float) -> Matrix:
    """Each week keeps so much of the last."""
    steps = chance.normal(0, spread, shape)
    for week in range(1, shape[1]):
        steps[:, week] += kept * steps[:, week - 1]
    return steps


# How the host moved shares ----------------------------------------------------------------------------------

Design = Callable[[Market], tuple[Matrix, Matrix]]


def _moved(market: Market, who: NDArray[np.bool_], to: float | Matrix = NEW, when: Any = None) -> Matrix:
    """Shares: today's, and for them from some week on another."""
    weeks = market.chance.integers(_FIRST, _LAST, CLIPPERS) if when is None else np.broadcast_to(when, CLIPPERS)
    new = np.broadcast_to(to, CLIPPERS)
    later = np.arange(WEEKS) >= weeks[:, None]
    found: Matrix = np.where(later & who[:, None], new[:, None], TODAY)
    return found


def _sold(market: Market, share: Matrix) -> tuple[Matrix, Matrix]:
    return share, market.before() * market.response(share)


def _by_lot(market: Market) -> tuple[Matrix, Matrix]:
    chance = market.chance
    to = chance.choice([0.5, 0.55, 0.65, 0.7], CLIPPERS)
    return _sold(market, _moved(market, chance.random(CLIPPERS) < 0.6, to))


def _rate_locks(market: Market) -> tuple[Matrix, Matrix]:
    """New terms for all; each has them once its rate lock is over, which for some is after the history."""
    ends = market.chance.integers(_FIRST, WEEKS + 15, CLIPPERS)
    return _sold(market, _moved(market, np.ones(CLIPPERS, dtype=bool), when=ends))


def _best_raised(market: Market) -> tuple[Matrix, Matrix]:
    """The half with more skill, one after the other."""
    return _sold(market, _moved(market, market.skill > np.median(market.skill)))


def _with_the_trend(market: Market) -> tuple[Matrix, Matrix]:
    """By lot, ever more of them, while the whole market grows by 5 % a week."""
    market.season = market.season * np.exp(0.05 * np.arange(WEEKS))
    return _sold(market, _moved(market, market.chance.random(CLIPPERS) < 0.7))


def _all_at_once(market: Market) -> tuple[Matrix, Matrix]:
    return _sold(market, _moved(market, np.ones(CLIPPERS, dtype=bool), when=WEEKS // 2))


def _never(market: Market) -> tuple[Matrix, Matrix]:
    return _sold(market, np.full((CLIPPERS, WEEKS), TODAY))


def _better_for_the_best(market: Market) -> tuple[Matrix, Matrix]:
    """From the first day, and never moved."""
    return _sold(market, _moved(market, market.skill > np.median(market.skill), when=0))


def _six(market: Market) -> tuple[Matrix, Matrix]:
    return _sold(market, _moved(market, np.arange(CLIPPERS) < 6))


def _rising_raised(market: Market) -> tuple[Matrix, Matrix]:
    """Each fourth week, the tenth whose last four weeks were the best beside their weeks before."""
    share, before = np.full((CLIPPERS, WEEKS), TODAY), market.before()
    for week in range(_FIRST, _LAST, 4):
        late, early = before[:, week - 4 : week].sum(axis=1), before[:, : week - 4].mean(axis=1)
        ratio = np.where(share[:, week] == TODAY, late / np.maximum(early, 1), -1)
        share[np.argsort(-ratio)[: CLIPPERS // 10], week:] = NEW
    return _sold(market, share)


def _growing_raised(market: Market) -> tuple[Matrix, Matrix]:
    """Those who grow by 3 % a week for reasons of their own."""
    return _growing(market, 0.03)


def _faintly_growing_raised(market: Market) -> tuple[Matrix, Matrix]:
    """By 1 % a week: too little to be sure to be noticed."""
    return _growing(market, 0.01)


def _growing(market: Market, growth: float) -> tuple[Matrix, Matrix]:
    who = market.chance.random(CLIPPERS) < 0.5
    market.growth = np.where(who, growth, 0.0)
    return _sold(market, _moved(market, who))


def _slow(market: Market) -> tuple[Matrix, Matrix]:
    """By lot, and clippers take twelve weeks to answer."""
    share, _ = _by_lot(market)
    felt = share.copy()
    for week in range(1, WEEKS):
        felt[:, week] = felt[:, week - 1] + (share[:, week] - felt[:, week - 1]) / 6
    return share, market.before() * market.response(felt)


def _rivals(market: Market) -> tuple[Matrix, Matrix]:
    """By lot, and half of what a clipper gains is taken from the others, so that the market answers half as much."""
    share, _ = _by_lot(market)
    response = market.response(share) ** 2
    sales = market.before() * response
    taken = np.sqrt(market.before().sum(axis=0) / np.maximum(sales.sum(axis=0), 1e-9))
    return share, sales * taken


@dataclass(frozen=True)
class About:
    """A design, and whether what it leaves behind can tell the elasticity."""

    kind: Kind
    history: Design


DESIGNS = {
    "by lot": About("identified", _by_lot),
    "rate locks": About("identified", _rate_locks),
    "the best raised": About("identified", _best_raised),
    "with the trend": About("identified", _with_the_trend),
    "all at once": About("not identified", _all_at_once),
    "never": About("not identified", _never),
    "better for the best": About("not identified", _better_for_the_best),
    "six clippers": About("not identified", _six),
    "the rising raised": About("misleading", _rising_raised),
    "the growing raised": About("misleading", _growing_raised),
    "the faintly growing raised": About("misleading", _faintly_growing_raised),
    "slow answers": About("misleading", _slow),
    "rivals": About("misleading", _rivals),
}


# What comes of it -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """One run. Regrets are parts of what the best share for all would net: of following the advice where there is any,
    of `never` changing what was in force at the end, and of `naive`, which follows a regression without clippers and
    weeks of their own.
    """

    estimate: float | None
    covered: bool | None
    advised: bool
    harmful: bool  # the advice nets less than what was in force
    grounds: tuple[str, ...]
    regret: float
    never: float
    naive: float


def run(design: str, elasticity: float, seed: int) -> Outcome:
    """The same for the same arguments."""
    place = (*DESIGNS,).index(design)
    market = Market(np.random.default_rng((seed, place, int(elasticity * 10))), elasticity)
    share, sales = DESIGNS[design].history(market)
    found = advise(Panel(sales, share, np.ones_like(share)), 1.0, BOUNDS)
    slope = found.elasticity
    best, stays = float(market.net(_SHARES).max()), market.net_of(share[:, -1])
    net = stays if found.advised is None else market.net_of(np.full(CLIPPERS, found.advised))
    return Outcome(
        None if slope is None else slope.value,
        None if slope is None else slope.low <= elasticity <= slope.high,
        found.advised is not None,
        net < stays * (1 - _NOTICED),
        tuple(found.grounds),
        1 - net / best,
        1 - stays / best,
        1 - market.net_of(np.full(CLIPPERS, _naive(share, sales))) / best,
    )


def _naive(share: Matrix, sales: Matrix) -> float:
    """Where a straight line through logarithms of sales and shares puts the best share; today's without any."""
    sold = sales > 0
    x, y = np.log(share[sold]), np.log(sales[sold])
    if np.ptp(x) == 0:
        return TODAY
    slope = float(np.polyfit(x, y, 1)[0])
    return float(_SHARES[((1 - _SHARES) * _SHARES**slope).argmax()])


def measure(seed: int, runs: int, workers: int | None = None) -> list[dict[str, Any]]:
    """A row for each design and elasticity."""
    asked = [(design, its) for design in DESIGNS for its in ELASTICITIES]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(_row, *zip(*asked, strict=True), [seed] * len(asked), [runs] * len(asked)))


def _row(design: str, elasticity: float, seed: int, runs: int) -> dict[str, Any]:
    outcomes = [run(design, elasticity, seed * 100_000 + number) for number in range(runs)]
    return {
        "design": design,
        "kind": DESIGNS[design].kind,
        "elasticity": elasticity,
        **summary(outcomes, elasticity),
        "grounds": dict(Counter(ground for each in outcomes for ground in each.grounds)),
    }


def summary(outcomes: Sequence[Outcome], elasticity: float) -> dict[str, float | int | None]:
    """Parts of all runs; bias and coverage of those in which anything was estimated, `bias_advised` and
    `coverage_advised` of those in which something was advised.
    """
    return {
        "runs": len(outcomes),
        **_of_estimates([each for each in outcomes if each.estimate is not None], elasticity, ""),
        **_of_estimates([each for each in outcomes if each.advised], elasticity, "_advised"),
        "advised": _mean([each.advised for each in outcomes]),
        "harmful": _mean([each.harmful for each in outcomes]),
        "regret": _mean([each.regret for each in outcomes]),
        "regret_never": _mean([each.never for each in outcomes]),
        "regret_naive": _mean([each.naive for each in outcomes]),
    }


def _of_estimates(outcomes: Sequence[Outcome], elasticity: float, suffix: str) -> dict[str, float | None]:
    values = [each.estimate - elasticity for each in outcomes if each.estimate is not None]
    return {
        f"bias{suffix}": _mean(values),
        f"spread{suffix}": round(statistics.stdev(values), 4) if len(values) > 1 else None,
        f"coverage{suffix}": _mean([bool(each.covered) for each in outcomes]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 4) if values else None


def example(seed: int) -> Found:
    """An answer, to be drawn: shares moved by lot, elasticity 2.5."""
    market = Market(np.random.default_rng(seed), 2.5)
    share, sales = _by_lot(market)
    return advise(Panel(sales, share, np.ones_like(share)), 1.0, BOUNDS)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--runs", type=int, default=RUNS, show_default=True, help="Markets of each design and elasticity.")
@click.option("--workers", type=int, help="Processes; one for each core, unless said otherwise.")
@click.option("--plot", "plot_path", type=Path, help="Write the plot (SVG) here.")
def main(*, seed: int, runs: int, workers: int | None, plot_path: Path | None) -> None:
    """Print what the advice is worth, as JSON."""
    rows = measure(seed, runs, workers)
    settings = {"seed": seed, "runs": runs, "clippers": CLIPPERS, "weeks": WEEKS, "today": TODAY, "bounds": BOUNDS}
    print(json.dumps({"bench": "settlement.markets", "settings": settings, "rows": rows}, indent=2))
    if plot_path:
        from bench.settlement.markets_plot import draw

        draw(plot_path, rows, example(seed))


if __name__ == "__main__":
    main()
