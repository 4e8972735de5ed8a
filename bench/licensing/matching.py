"""How well the ranking foretells what a pair would sell, on markets whose truth is known.

For each clipper the offers that it has not had, for each offer the clippers that have not had it, are ranked by what
was known before; the gain of a place is the truth: expected net GMV a month, after the drift. NDCG@10 with linear gains
and a discount of log2: 1 is the order of the truth itself, which nobody can know.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.licensing.market import Market, Size, market
from licensing.matching import rank_clippers, rank_offers
from licensing.scoring import Ranking

Matrix = NDArray[np.float64]
Side = Literal["offers", "clippers"]
METHODS = ("score", "hindsight fit", "most popular", "random")
FULL, QUICK = Size(clippers=400, offers=300), Size(clippers=80, offers=60)
TEST_SEEDS = tuple(range(1, 9))
_DEPTH = 10
_DISCOUNTS = 1 / np.log2(np.arange(2, _DEPTH + 2))


@dataclass(frozen=True)
class Question:
    """What is to be put in order: `values` by feature, one row each; `truth` is what each is worth."""

    values: Matrix
    weights: Matrix
    truth: Matrix
    popularity: Matrix


@dataclass(frozen=True)
class Answers:
    """NDCG@10 by method, one for each market: over all questions, and where the clippers have sold nothing yet."""

    all: Mapping[str, list[float]]
    cold: Mapping[str, list[float]]


def ndcg(scores: Matrix, truth: Matrix) -> float:
    """Of the ten highest scores; equal ones in the order of the rows, which means nothing."""
    best = np.sort(truth)[::-1][:_DEPTH]
    found = truth[np.argsort(-scores, kind="stable")[:_DEPTH]]
    return float((found * _DISCOUNTS[: len(found)]).sum() / (best * _DISCOUNTS[: len(best)]).sum())


def questions(here: Market, side: Side, *, earned: bool = False, cold: bool = False) -> Iterator[Question]:
    """Everything that can be asked of one side of a market; `cold`: only for clippers, or only about clippers, who have
    sold nothing. The truth is what is sold, or what the clipper has `earned` by that.
    """
    truth = here.earned if earned else here.truth
    popularity = {"offers": here.offer_sales.gmv, "clippers": here.clipper_gmv.sum(axis=(1, 2))}[side]
    for row in range(here.size.clippers if side == "offers" else here.size.offers):
        worth, new = (truth[row], ~here.met[row]) if side == "offers" else (truth[:, row], ~here.met[:, row])
        if cold:
            new = new & (here.new_clipper[row] if side == "offers" else here.new_clipper)
        if worth[new].max(initial=0) > 0:
            values, weights = _table(_ranking(here, side, row))
            yield Question(values[new], weights, worth[new], popularity[new])


def _ranking(here: Market, side: Side, row: int) -> Ranking:
    if side == "offers":
        return rank_offers(here.clipper(row), here.open_offers())
    return rank_clippers(here.offer(row), here.clippers(row))


def _table(ranking: Ranking) -> tuple[Matrix, Matrix]:
    weights = np.array([ranking.weights[column.feature] for column in ranking.columns])
    return np.column_stack([column.values for column in ranking.columns]), weights


def answer(asked: Sequence[Question], chance: np.random.Generator) -> dict[str, Matrix]:
    """NDCG@10 of each question, by method."""
    hindsight = fitted(asked)
    scored: dict[str, Callable[[Question], Matrix]] = {
        "score": lambda each: np.rint(each.values @ each.weights * 1e6),
        "hindsight fit": lambda each: each.values @ hindsight,
        "most popular": lambda each: each.popularity,
        "random": lambda each: chance.random(len(each.truth)),
    }
    return {name: np.array([ndcg(score(each), each.truth) for each in asked]) for name, score in scored.items()}


def fitted(asked: Sequence[Question]) -> Matrix:
    """The weights that a linear regression of the truth's logarithm finds, over pairs that sell anything at all, each
    question around its own mean.
    """
    selling = [each.truth > 0 for each in asked]
    values = [each.values[rows] for each, rows in zip(asked, selling, strict=True)]
    logs = [np.log(each.truth[rows]) for each, rows in zip(asked, selling, strict=True)]
    centred = [np.concatenate([part - part.mean(axis=0) for part in parts]) for parts in (values, logs)]
    found: Matrix = np.linalg.lstsq(centred[0], centred[1], rcond=None)[0]
    return found


def measure(side: Side, seeds: Sequence[int], size: Size, *, earned: bool = False) -> Answers:
    """Each method on each seed's market: over all questions, and over the cold ones."""
    found: dict[bool, dict[str, list[float]]] = {cold: {name: [] for name in METHODS} for cold in (False, True)}
    for seed in seeds:
        here = market(seed, size)
        for cold, figures in found.items():
            asked = list(questions(here, side, earned=earned, cold=cold))
            for name, values in answer(asked, np.random.default_rng(seed)).items():
                figures[name].append(float(values.mean()))
    return Answers(found[False], found[True])
