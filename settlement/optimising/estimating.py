"""The elasticity of clippers' sales to their share, by Poisson pseudo-maximum-likelihood.

What a clipper brings in during a week is expected to be exp(its own effect + the week's effect + elasticity ×
ln share); that the week-to-week spread is not Poisson's does not matter (Santos Silva and Tenreyro, "The Log of
Gravity", 2006), and weeks without sales count as they are. Given each clipper's total, its own effect drops out of the
likelihood (Hausman, Hall and Griliches, 1984), so that weeks and elasticity are found by Newton's method alone.

Uncertainty is by clipper: whatever a clipper's weeks have in common is allowed for, each clipper's score is enlarged by
its leverage (CR3), and the quantiles are Student's with as many degrees of freedom as clippers bear the estimate
(Carter, Schnepel and Steigerwald, 2017).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from settlement.optimising.panel import Flags, Numbers, Panel

CONFIDENCE = 0.9
_MOST_STEPS = 60
_NEAR = 1e-9
_MOST_WEIGHT = 0.999
"""A clipper's leverage is capped there, else one without whom nothing is known would divide by zero."""


@dataclass(frozen=True)
class Slope:
    """One coefficient: its standard error, how many clippers bear it, and what is left of the regressor's spread within
    clippers, from 0 to 1, once each week's effect is taken out.
    """

    value: float
    error: float
    bearers: float
    left: float

    @property
    def reach(self) -> float:
        """How far the interval goes to each side."""
        return _quantile((1 + CONFIDENCE) / 2, self.bearers) * self.error

    @property
    def low(self) -> float:
        return self.value - self.reach

    @property
    def high(self) -> float:
        return self.value + self.reach

    @property
    def p_value(self) -> float:
        """Of there being none."""
        from scipy.special import stdtr

        return float(2 * stdtr(max(self.bearers - 1, 1), -abs(self.value) / self.error)) if self.error else 1.0


def _quantile(chance: float, bearers: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(bearers - 1, 1), chance))


def spread(panel: Panel) -> tuple[float, float]:
    """The variance of the logarithm of the shares within clippers, and what is left of it beside weeks; unweighted."""
    seen = panel.seen
    x = np.where(seen, np.log(panel.share), 0.0)
    within = _around(x, seen.astype(float))
    whole = float((within**2)[seen].sum())
    design = _Design(seen, [x])
    _, left = design.residual(seen.astype(float), seen.astype(float).sum(axis=1))
    return whole, float((left[0] ** 2)[seen].sum())


def fit(panel: Panel, more: Sequence[Numbers] = ()) -> list[Slope]:
    """Of ln share first, then of each other regressor. The panel is `selling`, and the share moves within clippers
    beside the weeks; see `spread`.
    """
    seen = panel.seen
    design = _Design(seen, [np.where(seen, np.log(panel.share), 0.0), *more])
    return design.fit(np.where(seen, np.maximum(panel.output, 0.0), 0.0))


class _Design:
    """Weeks' effects (the first is 0) and regressors; clippers' own effects drop out."""

    def __init__(self, seen: Flags, regressors: Sequence[Numbers]) -> None:
        self.seen = seen
        self.x = np.stack([np.where(seen, each, 0.0) for each in regressors])

    def fit(self, output: Numbers) -> list[Slope]:
        totals = output.sum(axis=1)
        weeks, slopes = np.zeros(output.shape[1]), np.zeros(len(self.x))
        reached, expected = self._likelihood(output, totals, weeks, slopes)
        for _ in range(_MOST_STEPS):
            week_step, slope_step = self._newton(output, expected, totals)
            size = 1.0
            while size > _NEAR:
                tried = self._likelihood(output, totals, weeks + size * week_step, slopes + size * slope_step)
                if tried[0] >= reached:
                    break
                size /= 2
            weeks, slopes = weeks + size * week_step, slopes + size * slope_step
            gain, (reached, expected) = tried[0] - reached, tried
            if gain < _NEAR * max(abs(reached), 1.0):
                break
        return self._slopes(output, expected, totals, slopes)

    def _likelihood(self, output: Numbers, totals: Numbers, weeks: Numbers, slopes: Numbers) -> tuple[float, Numbers]:
        """Of these effects, and what they expect of each clipper's week, given its total."""
        effects = np.where(self.seen, weeks + np.tensordot(slopes, self.x, 1), -np.inf)
        effects = effects - effects.max(axis=1, keepdims=True)
        odds = np.exp(effects)
        sums = odds.sum(axis=1, keepdims=True)
        logs = np.where(self.seen, effects, 0.0) - np.log(sums)
        return float((output * logs)[self.seen].sum()), totals[:, None] * odds / sums

    def residual(self, weights: Numbers, totals: Numbers) -> tuple[Numbers, Numbers]:
        """The weeks' matrix inverted, and the regressors beside clippers and weeks, weighted; NaN nowhere."""
        parts = weights / totals[:, None]
        matrix = np.diag(weights.sum(axis=0)) - parts.T @ weights
        inverse = np.asarray(np.linalg.pinv(matrix[1:, 1:], hermitian=True), dtype=np.float64)
        within = np.stack([_around(each, weights) for each in self.x])
        effects = np.zeros((len(self.x), weights.shape[1]))
        effects[:, 1:] = (weights * within).sum(axis=1)[:, 1:] @ inverse
        left = [
            each - _around(np.broadcast_to(its, each.shape), weights) for each, its in zip(within, effects, strict=True)
        ]
        return inverse, np.stack(left)

    def _newton(self, output: Numbers, expected: Numbers, totals: Numbers) -> tuple[Numbers, Numbers]:
        inverse, left = self.residual(expected, totals)
        missing = np.where(self.seen, output - expected, 0.0)
        curvature = np.einsum("kit,it,lit->kl", left, expected, left)
        slopes = np.linalg.lstsq(curvature, (left * missing).sum(axis=(1, 2)), rcond=None)[0]
        within = np.stack([_around(each, expected) for each in self.x])
        about = np.tensordot(slopes, (expected * within).sum(axis=1), 1)
        weeks = np.zeros(output.shape[1])
        weeks[1:] = inverse @ (missing.sum(axis=0) - about)[1:]
        return weeks, slopes

    def _slopes(self, output: Numbers, expected: Numbers, totals: Numbers, slopes: Numbers) -> list[Slope]:
        _, left = self.residual(expected, totals)
        missing = np.where(self.seen, output - expected, 0.0)
        weighted = left * expected
        borne = np.einsum("kit,lit->ikl", weighted, left)  # by clipper
        curvature = borne.sum(axis=0)
        inverse = np.linalg.pinv(curvature, hermitian=True)
        leverage = borne @ inverse
        scores = np.einsum("kit,it->ik", left, missing)
        kept = np.eye(len(slopes)) - _MOST_WEIGHT * leverage
        enlarged = np.linalg.solve(kept, scores[:, :, None])[:, :, 0]
        covariance = inverse @ (enlarged.T @ enlarged) @ inverse
        whole = [float((expected * _around(each, expected) ** 2).sum()) for each in self.x]
        return [
            Slope(
                float(slopes[at]),
                float(np.sqrt(covariance[at, at])),
                bearers(borne[:, at, at]),
                float(curvature[at, at] / whole[at]) if whole[at] else 0.0,
            )
            for at in range(len(slopes))
        ]


def bearers(weights: Numbers) -> float:
    """So many clippers of equal weight would bear as much; 0 where nobody does."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _around(values: Numbers, weights: Numbers) -> Numbers:
    """Each clipper's around its own weighted mean; 0 where the weight is."""
    means = (values * weights).sum(axis=1) / weights.sum(axis=1)
    around: Numbers = np.where(weights > 0, values - means[:, None], 0.0)
    return around
