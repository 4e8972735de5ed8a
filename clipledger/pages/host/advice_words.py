"""Why no share is advised, and what would make the question answerable: `settlement.optimising.grounds` in words that
a host reads.
"""

from collections.abc import Mapping

from clipledger.pages.words import N_

_STAGGER = N_("Give some clippers another share and not the others, or at other times, best by lot; then wait 8 weeks.")
_MORE = N_("Wait for more weeks, or give more clippers another share at different times.")

GROUNDS: Mapping[str, tuple[str, str]] = {
    "no-sales": (N_("There is no whole week with sales under a licence of this offer."), N_("Sales under licences.")),
    "several-currencies": (
        N_("Versions of the terms are in different currencies."),
        N_("An offer whose history is in one currency."),
    ),
    "tiers": (
        N_("The terms have tiers, so there is no one share that clippers answer to."),
        N_("A history under terms without tiers."),
    ),
    "nothing-shared": (
        N_("What is taken first leaves nothing of a usual order to share."),
        N_("Terms that leave something to share."),
    ),
    "too-few-weeks": (N_("There are fewer than twelve weeks of sales."), N_("Twelve whole weeks with sales.")),
    "never-moved": (
        N_("All clippers have had the same share all the time: nothing tells what another one would do."),
        _STAGGER,
    ),
    "only-between-clippers": (
        N_("Shares differ between clippers, but nobody's has ever changed. That some sell more can have any cause."),
        _STAGGER,
    ),
    "only-with-time": (
        N_("The share changed for nearly all at once: what the season did and what the share did can't be told apart."),
        _STAGGER,
    ),
    "too-few-clippers": (
        N_("Too few clippers have had their share changed, or one of them outweighs the others."),
        N_("Twenty clippers whose share has changed, ten of them of like weight."),
    ),
    "moved-before": (
        N_("Sales of those whose share changed were moving already before: the share followed the sales."),
        N_("Changes of the share that do not go by how a clipper has just been selling."),
    ),
    "drifting-apart": (
        N_("Sales of those whose share changed drift away from the others' all the time, not just since then."),
        N_("Changes of the share that do not go by whose sales grow, and more weeks after them."),
    ),
    "too-uncertain": (N_("What the share does to sales is known too badly for any advice."), _MORE),
    "today-may-be-best": (
        N_("No share is sure to bring you more than today's: the best may well be the one that you have."),
        _MORE,
    ),
}
