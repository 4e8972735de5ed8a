"""Scores as sums of parts, each of which says why.

A part has a value from 0 to 1, a weight and a reason. Amounts and rates are put on a scale of doublings around the
market (`level`); what is little known is drawn towards the market by a stated strength (`shrunk`). Values are rounded
to tenths before they count: so a score is the sum of what is shown, and nobody reads another's turnover out of it.

Columns have one row for each of what is ranked. Nothing here is money: amounts come in and leave as ratios.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
Evidence = Literal["none", "little", "some", "much"]

_TOP = (1, 5, 10, 25, 50)  # percent


class Reason(msgspec.Struct, frozen=True):
    """One part of a score: `contribution` is `weight` times `value`. Where `known` is false the market stands in.

    `evidence` tells how many sales or clicks are behind it, in bands: none, under 30, under 300, more.
    """

    feature: str
    value: float
    weight: float
    contribution: float
    known: bool
    evidence: Evidence
    reason: str


class Fit(msgspec.Struct, frozen=True):
    """`score` is from 0 to 1, the sum of the contributions; the reasons that tell most come first."""

    score: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Words:
    """A word for each row, each distinct one kept once: that of a row is `names[codes[row]]`."""

    names: tuple[str, ...]
    codes: Whole

    @classmethod
    def of(cls, words: Sequence[str]) -> "Words":
        numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        return cls(tuple(numbers), np.array([numbers[word] for word in words], dtype=np.int64))

    def at(self, rows: Whole) -> "Words":
        """The words of these rows."""
        return Words(self.names, self.codes[rows])

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Column:
    """One feature of every row; `say` puts a row's value in words. `evidence` counts what is behind each value."""

    feature: str
    values: Numbers
    known: Flags
    evidence: Numbers
    say: Callable[[int], str]


@dataclass(frozen=True)
class Ranking:
    """The rows' features under their weights."""

    columns: Sequence[Column]
    weights: Mapping[str, float]

    @cached_property
    def scores_ppm(self) -> Whole:
        """In millionths: integers compare exactly, which paging needs."""
        total = sum(self.weights[column.feature] * column.values for column in self.columns)
        return np.asarray(np.rint(np.asarray(total) * 1e6), dtype=np.int64)

    def fit(self, row: int) -> Fit:
        """The score of one row, with its reasons."""
        reasons = [_reason(column, row, self.weights[column.feature]) for column in self.columns]
        reasons.sort(key=lambda reason: -abs(reason.value - 0.5) * reason.weight)
        return Fit(int(self.scores_ppm[row]) / 1e6, tuple(reasons))


def _reason(column: Column, row: int, weight: float) -> Reason:
    value, known = float(column.values[row]), bool(column.known[row])
    evidence = _band(float(column.evidence[row]))
    return Reason(column.feature, value, weight, round(value * weight, 6), known, evidence, column.say(row))


def _band(count: float) -> Evidence:
    return "none" if count <= 0 else "little" if count < 30 else "some" if count < 300 else "much"


def best_rows(keys: Whole, ids: Whole, chosen: Flags, after: tuple[int, int] | None = None) -> Whole:
    """The chosen rows, highest key first, then highest id: those after a given (key, id)."""
    if after is not None:
        chosen = chosen & ((keys < after[0]) | ((keys == after[0]) & (ids < after[1])))
    rows = np.flatnonzero(chosen)
    return rows[np.lexsort((-ids[rows], -keys[rows]))]


# Scales -----------------------------------------------------------------------------------------------------


def shrunk(hits: Any, trials: Any, prior: Any, strength: float) -> Any:
    """A rate, beta-binomial: `trials` of its own, and `strength` more that went as the market's `prior`."""
    return (hits + prior * strength) / (trials + strength)


def trust(trials: Any, strength: float) -> Any:
    """How far an amount's own distance from the market counts: half at `strength` trials."""
    return trials / (trials + strength)


def doublings(amounts: Any, market: Any) -> Any:
    """How often the market's must be doubled to get there. Both are above zero."""
    return np.log2(amounts / market)


def level(distance: Any, reach: float) -> Numbers:
    """From 0 to 1 by doublings above the market: 0.5 is the market, 1 is `reach` doublings above it."""
    return tenths(0.5 + np.asarray(distance, dtype=np.float64) / (2 * reach))


def tenths(values: Any) -> Numbers:
    """Values as they are counted and shown."""
    return np.asarray(np.round(np.clip(values, 0.0, 1.0), 1), dtype=np.float64)


def times(value: float, reach: float) -> str:
    """A level in words."""
    ratio = 2 ** ((value - 0.5) * 2 * reach)
    if 0.95 < ratio < 1.05:
        return "about the market's"
    end = "or more " if value >= 1 else "or less " if value <= 0 else ""
    return f"about {ratio:.2g} times {end}the market's"


# Markets ----------------------------------------------------------------------------------------------------


def sums_by(codes: Whole, amounts: Numbers) -> Numbers:
    """For each row, the sum over its group."""
    return np.asarray(np.bincount(codes, weights=amounts)[codes] if len(codes) else amounts, dtype=np.float64)


def overall(hits: Numbers, trials: Numbers, usual: float) -> float:
    """The market's rate; `usual` while it has had nothing."""
    total = float(hits.sum())
    return total / float(trials.sum()) if total > 0 else usual


def typical(amounts: Numbers, counted: Flags, codes: Whole) -> Numbers:
    """For each row, the geometric mean of its group over the rows that count; 1 where none does."""
    logs = np.where(counted, np.log(np.maximum(amounts, 1)), 0.0)
    counts = np.maximum(sums_by(codes, counted.astype(np.float64)), 1)
    return np.asarray(np.exp(sums_by(codes, logs) / counts), dtype=np.float64)


def top(amounts: Numbers, counted: Flags, row: int) -> str:
    """How high a row that counts stands among those that do, in words, in bands."""
    share = (1 + np.count_nonzero(counted & (amounts > amounts[row]))) / np.count_nonzero(counted)
    return next((f"among the top {percent} %" for percent in _TOP if share * 100 <= percent), "in the lower half")
