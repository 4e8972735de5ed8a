"""On what grounds nothing is advised: what is the matter, and what would make the question answerable."""

from typing import Literal

from msgspec import Struct

LEAST_WEEKS = 12
LEAST_MOVED = 20
LEAST_BEARERS = 10
LEAST_SELLERS = 5
LEAST_LEFT = 0.05
LEAST_GAIN = 0.01
SUSPECT = 0.05
"""Weeks of history; clippers whose share has moved; clippers of like weight that bear the estimate, and among all who
sell; what is left of the shares' moves once weeks are taken out; of today's net, what is worth a change; the p-value at
which what ought not to be there is.
"""

Ground = Literal[
    "no-sales",
    "several-currencies",
    "tiers",
    "nothing-shared",
    "too-few-weeks",
    "never-moved",
    "only-between-clippers",
    "only-with-time",
    "too-few-clippers",
    "moved-before",
    "drifting-apart",
    "too-uncertain",
    "today-may-be-best",
]


class NoAdvice(Struct, frozen=True):
    """Why nothing is advised: a word for programs, a sentence for people, and what would make it answerable."""

    ground: Ground
    told: str
    needed: str


_MORE = "Wait for more weeks, or move more clippers at different times."
_STAGGER = "Move some clippers' share and not others', or at different weeks, best by lot, and wait eight weeks."

_SAID: dict[Ground, tuple[str, str]] = {
    "no-sales": (
        "The offer has no terms, or no whole week with sales under a grant.",
        "Sales under grants of the offer.",
    ),
    "several-currencies": (
        "Versions of the terms are in different currencies.",
        "An offer whose history is in one currency.",
    ),
    "tiers": (
        "The terms have tiers: no one share is what a clipper answers to.",
        "A history under terms without tiers.",
    ),
    "nothing-shared": (
        "What the newest terms take first leaves nothing of an order of mean worth to share.",
        "Terms that leave something to share.",
    ),
    "too-few-weeks": ("There are fewer than twelve weeks of sales.", "Twelve whole weeks with sales."),
    "never-moved": (
        "All clippers have had the same share all the time, so nothing tells what another would do.",
        _STAGGER,
    ),
    "only-between-clippers": (
        "Shares differ from clipper to clipper, and no clipper's has ever moved: that some sell more than others may "
        "have any cause.",
        _STAGGER,
    ),
    "only-with-time": (
        "Shares moved for nearly all clippers at once: what the season did and what the share did can't be told apart.",
        _STAGGER,
    ),
    "too-few-clippers": (
        "Too few clippers have had their share moved, or one of them outweighs the others.",
        "Twenty clippers whose share has moved, ten of them of like weight.",
    ),
    "moved-before": (
        "Sales of those whose share moved were moving already in the weeks before: the share followed the sales.",
        "Moves of the share that do not go by how a clipper has just been selling.",
    ),
    "drifting-apart": (
        "Sales of those whose share moved drift away from the others', in all weeks and not just since then.",
        "Moves of the share that do not go by whose sales grow, and more weeks after them.",
    ),
    "too-uncertain": ("What the share does to sales is known too badly for any advice.", _MORE),
    "today-may-be-best": (
        "No share is sure to net more than today's: the best may well be the one that you have.",
        f"If you want to know more closely: {_MORE[0].lower()}{_MORE[1:]}",
    ),
}


def no_advice(ground: Ground) -> NoAdvice:
    """With its sentences."""
    return NoAdvice(ground, *_SAID[ground])
