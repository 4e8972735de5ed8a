"""The host's net over the shares that it may offer, and which of them is advised.

With elasticity e a clipper's sales go with share^e, so that at one share w for all, of which `kept` is shared at all,
the host nets kept × (1 − w) × Σ sales × (kept × w / its share)^e. Of the shares that are worth a change even where the
elasticity is the worst for them that the interval allows, the one is advised that is likely to gain most.
"""

from dataclasses import dataclass, field

import numpy as np

from settlement.optimising.estimating import Slope, bearers, fit, spread
from settlement.optimising.grounds import (
    LEAST_BEARERS,
    LEAST_GAIN,
    LEAST_LEFT,
    LEAST_MOVED,
    LEAST_SELLERS,
    LEAST_WEEKS,
    SUSPECT,
    Ground,
)
from settlement.optimising.panel import LEAST_STEP, Numbers, Panel

BASE_WEEKS = 8
"""The last so many weeks are those of which it is said what the host would have netted."""
_BEYOND = 0.02
"""How far beyond shares that were seen one is advised."""
_SEEN_BY = 5
"""Clippers who have had a share, for it to count as seen."""
_BEFORE = 4
"""Weeks before a move in which sales should not move yet."""
_STEEPEST = 25
"""An elasticity beyond that, to either side, is no answer to a share: sales came or went altogether."""
_GRID = 0.005
_ELASTICITIES = 41


@dataclass(frozen=True)
class Span:
    """An estimate, and the ends of its interval."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True)
class Net:
    """What the host would have netted of the base weeks at a share, in minor units."""

    share: float
    net: Span


@dataclass
class Found:
    """What a panel says. Shares are the clipper's part of what it shares with the host. Null is what was not got to.

    `today` is the mean share in force, by sales, `allowed` the shares that were looked at, `moved` how many clippers'
    share has moved. `best` is the best share and its interval; `advised` the one that gains even at the worst, and
    `gain` by how much on today's net, in minor units of the base weeks.
    """

    clippers: int
    weeks: int
    moved: int
    grounds: list[Ground] = field(default_factory=list)
    elasticity: Slope | None = None
    today: float | None = None
    net_today: Span | None = None
    allowed: tuple[float, float] | None = None
    best: Span | None = None
    advised: float | None = None
    gain: Span | None = None
    curve: list[Net] = field(default_factory=list)


def advise(panel: Panel, kept: float, bounds: tuple[float, float]) -> Found:
    """By the panel, for terms under which `kept` is shared and the clipper's part of that lies within the bounds."""
    panel = panel.selling()
    clippers, weeks = panel.output.shape
    steps = panel.steps()
    found = Found(clippers, weeks, int((steps != 0).any(axis=1).sum()))
    slope: Slope | None
    if ground := _unfit(panel, found):
        found.grounds.append(ground)
        return found
    try:
        slope = fit(panel)[0]
        suspicions = _suspicions(panel, steps, slope)
    except np.linalg.LinAlgError:  # the data leave the likelihood without a maximum
        slope, suspicions = None, []
    found.grounds += suspicions
    if slope is None or not max(-slope.low, slope.high) < _STEEPEST:
        found.grounds.append("too-uncertain")
        return found
    found.elasticity = slope
    _weigh(panel, kept, bounds, found)
    return found


def _unfit(panel: Panel, found: Found) -> Ground | None:
    """Why nothing can be estimated at all."""
    if not found.clippers:
        return "no-sales"
    if found.weeks < LEAST_WEEKS:
        return "too-few-weeks"
    if not found.moved:
        logs = np.log(panel.share[panel.seen])
        return "never-moved" if np.ptp(logs) < LEAST_STEP else "only-between-clippers"
    whole, left = spread(panel)
    if left < LEAST_LEFT * whole:
        return "only-with-time"
    return "too-few-clippers" if found.moved < LEAST_MOVED else None


def _suspicions(panel: Panel, steps: Numbers, slope: Slope) -> list[Ground]:
    """Why what was estimated may not be the share's doing."""
    sellers = bearers(np.where(panel.seen, panel.output, 0.0).sum(axis=1))
    if slope.bearers < LEAST_BEARERS or sellers < LEAST_SELLERS:
        return ["too-few-clippers"]
    if slope.left < LEAST_LEFT:
        return ["only-with-time"]
    grounds: list[Ground] = []
    if _is_there(panel, _before(steps)):
        grounds.append("moved-before")
    if _is_there(panel, _drift(steps)):
        grounds.append("drifting-apart")
    return grounds


def _before(steps: Numbers) -> Numbers:
    """The move that is to come within the next weeks."""
    before = np.zeros_like(steps)
    for ahead in range(1, _BEFORE + 1):
        before[:, :-ahead] += steps[:, ahead:]
    return before


def _drift(steps: Numbers) -> Numbers:
    """A straight line through all weeks, as steep as the clipper's share has moved in all."""
    line = np.linspace(-0.5, 0.5, steps.shape[1])
    return np.asarray(steps.sum(axis=1)[:, None] * line)


def _is_there(panel: Panel, regressor: Numbers) -> bool:
    """Beside the share itself, though it should not matter."""
    return bool(regressor.any()) and fit(panel, [regressor])[1].p_value < SUSPECT


# The host's net ---------------------------------------------------------------------------------------------


class _Base:
    """The last weeks' sales, brought to other shares."""

    def __init__(self, panel: Panel, kept: float) -> None:
        self.kept = kept
        self.share, self.rest = (_last(each) for each in (panel.share, panel.rest))
        self._logs, self._output = (
            np.where(panel.seen, each, 0.0)[:, -BASE_WEEKS:] for each in (np.log(panel.share), panel.output)
        )
        self.sold = self._output.sum(axis=1)

    def today(self, elasticity: float) -> float:
        """At the shares now in force."""
        return float((self._sales(elasticity) * self.share**elasticity * (self.rest - self.share)).sum())

    def at(self, shares: Numbers, elasticity: float) -> Numbers:
        """At one share for all."""
        sales = self._sales(elasticity).sum() * (self.kept * shares) ** elasticity
        net: Numbers = self.kept * (1 - shares) * sales
        return net

    def _sales(self, elasticity: float) -> Numbers:
        """Of each clipper, had its share been 1."""
        sales: Numbers = (self._output * np.exp(-elasticity * self._logs)).sum(axis=1)
        return sales


def _last(values: Numbers) -> Numbers:
    """Each clipper's newest that is known."""
    known = ~np.isnan(values)
    newest = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    last: Numbers = values[np.arange(len(values)), newest]
    return last


def _weigh(panel: Panel, kept: float, bounds: tuple[float, float], found: Found) -> None:
    """Fill in what the elasticity makes of the shares, and whether that is advice."""
    slope, base = found.elasticity, _Base(panel, kept)
    assert slope is not None
    found.today = float(np.average(base.share / base.rest, weights=base.sold + _tiny(base.sold)))
    found.allowed = _allowed(panel, bounds)
    if found.allowed is None or not base.sold.any():
        found.grounds.append("too-uncertain")
        return
    shares = _grid(*found.allowed)
    tried = np.linspace(slope.low, slope.high, _ELASTICITIES)
    nets = np.stack([base.at(shares, its) for its in tried])
    todays = np.array([base.today(its) for its in tried])
    likely, likely_today = base.at(shares, slope.value), base.today(slope.value)
    found.curve = [Net(float(shares[at]), _span(nets[:, at], likely[at])) for at in range(len(shares))]
    found.net_today = _span(todays, likely_today)
    bests = shares[nets.argmax(axis=1)]
    found.best = _span(bests, shares[likely.argmax()])
    gains = nets - todays[:, None]
    sure = gains.min(axis=0) >= LEAST_GAIN * likely_today
    if not sure.any():
        whole = found.allowed[1] - found.allowed[0]
        wide = np.ptp(bests) > whole / 2
        found.grounds.append("too-uncertain" if wide else "today-may-be-best")
    elif not found.grounds:
        chosen = int(np.where(sure, likely, -np.inf).argmax())
        found.advised = float(shares[chosen])
        found.gain = _span(gains[:, chosen], likely[chosen] - likely_today)


def _tiny(sold: Numbers) -> float:
    """Lets those who sold nothing lately count where nobody sold anything."""
    return 0.0 if sold.any() else 1.0


def _allowed(panel: Panel, bounds: tuple[float, float]) -> tuple[float, float] | None:
    """Within the bounds, and not far beyond what several clippers have had."""
    kept = np.round(panel.share / panel.rest, 3)
    had = [share for share in np.unique(kept[panel.seen]) if (kept == share).any(axis=1).sum() >= _SEEN_BY]
    if not had:
        return None
    low, high = max(bounds[0], min(had) - _BEYOND), min(bounds[1], max(had) + _BEYOND)
    return (low, high) if low < high else None


def _grid(low: float, high: float) -> Numbers:
    """Both ends and the round numbers between them."""
    between = np.arange(np.floor(low / _GRID) + 1, np.ceil(high / _GRID)) * _GRID
    return np.unique(np.round([low, *between, high], 9))


def _span(values: Numbers, likely: float) -> Span:
    return Span(float(values.min()), float(likely), float(values.max()))
