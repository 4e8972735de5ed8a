"""`python -m bench.licensing.fitting`: the weights of `licensing.matching`, from markets that are never measured.

Coordinate ascent on the mean NDCG@10 of the training markets, in hundredths, from equal weights. What an offer pays a
clipper does not foretell sales: its weight is a preference, set by hand, and the others share the rest.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.licensing.market import market
from bench.licensing.matching import FULL, Question, Side, questions
from licensing.matching import CLIPPER_WEIGHTS, OFFER_WEIGHTS

Matrix = NDArray[np.float64]
TRAINING_SEEDS = (101, 102, 103, 104, 105, 106)
PREFERENCE = {"share": 10}
"""Hundredths."""
_DEPTH = 10
_DISCOUNTS = 1 / np.log2(np.arange(2, _DEPTH + 2))


class Sheet:
    """All questions of a side as one array, so that a set of weights is tried in one go."""

    def __init__(self, asked: Sequence[Question]) -> None:
        rows = max(len(each.truth) for each in asked)
        features = asked[0].values.shape[1]
        self.values = np.zeros((len(asked), rows, features))
        self.truth = np.zeros((len(asked), rows))
        self.missing = np.ones((len(asked), rows), dtype=np.bool_)
        for number, each in enumerate(asked):
            count = len(each.truth)
            self.values[number, :count], self.truth[number, :count] = each.values, each.truth
            self.missing[number, :count] = False
        self.ideal = -np.sort(-self.truth, axis=1)[:, :_DEPTH] @ _DISCOUNTS

    def ndcg(self, hundredths: Matrix) -> float:
        """The mean over the questions."""
        scores = np.where(self.missing, -np.inf, np.round(self.values @ hundredths, 6))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :_DEPTH]
        return float((np.take_along_axis(self.truth, best, axis=1) @ _DISCOUNTS / self.ideal).mean())


def fit(side: Side, features: Sequence[str]) -> tuple[dict[str, int], float]:
    """Hundredths by feature, together 100, and the NDCG@10 that they reach in training."""
    sheet = Sheet([each for seed in TRAINING_SEEDS for each in questions(market(seed, FULL), side)])
    free = [number for number, name in enumerate(features) if name not in PREFERENCE]
    weights = np.array([PREFERENCE.get(name, 0) for name in features], dtype=np.float64)
    left = 100 - weights.sum()
    weights[free] = np.floor(left / len(free))
    weights[free[0]] += 100 - weights.sum()
    reached = sheet.ndcg(weights)
    for step in (8, 4, 2, 1):
        weights, reached = _climb(sheet, weights, reached, free, step)
    return {name: int(weight) for name, weight in zip(features, weights, strict=True)}, reached


def _climb(sheet: Sheet, weights: Matrix, reached: float, free: Sequence[int], step: int) -> tuple[Matrix, float]:
    """Move so much weight from one feature to another for as long as that helps."""
    while True:
        moves = [_moved(weights, here, there, step) for here in free for there in free if here != there]
        tried = [(sheet.ndcg(move), number) for number, move in enumerate(moves) if move.min() >= 1]
        best, number = max(tried, default=(reached, 0))
        if best <= reached + 1e-9:
            return weights, reached
        weights, reached = moves[number], best


def _moved(weights: Matrix, here: int, there: int, step: int) -> Matrix:
    moved = weights.copy()
    moved[here] -= step
    moved[there] += step
    return moved


def main() -> None:
    """Print both sides' weights."""
    sides: tuple[tuple[Side, Sequence[str]], ...] = (("offers", [*OFFER_WEIGHTS]), ("clippers", [*CLIPPER_WEIGHTS]))
    for side, features in sides:
        weights, reached = fit(side, features)
        print(f"{side}: {weights} NDCG@10 {reached:.3f} in training")


if __name__ == "__main__":
    main()
