"""A split rule made ready for a million amounts: the parts that `ledger.splits.evaluate` gives, without the working.

All that depends on the rule alone is worked out once. Dividing in turn rounds half a unit up to whoever's turn it
is, so a part is one division of integers; `tests/ledger/test_waterfalls.py` holds it against `evaluate`.
"""

from collections.abc import Sequence
from math import lcm

from ledger.money import check_amount
from ledger.splits import SplitRule


class Waterfall:
    """One rule's, below its first tier."""

    __slots__ = ("_fixed", "_of_gross", "_of_rest", "parties", "rule")

    def __init__(self, rule: SplitRule) -> None:
        self.rule = rule
        self.parties = rule.parties
        places = {party: place for place, party in enumerate(self.parties)}
        self._fixed = [(places[take.party], take.fixed) for take in rule.takes if take.fixed]
        rates = rule.rates_of("gross")
        whole = lcm(*(rate.denominator for _, rate in rates))
        weights = [rate.numerator * (whole // rate.denominator) for _, rate in rates]
        self._of_gross = _turns([places[take.party] for take, _ in rates], weights, whole)
        self._of_rest = [(places[take.party], rate.numerator, rate.denominator) for take, rate in rule.rates_of("rest")]
        self._of_rest += _turns([places[share.party] for share in rule.shares], rule.weights, sum(rule.weights))

    def parts(self, gross: int) -> dict[str, int]:
        """By party, in order of rank, in minor units; they sum to the gross. Raises InvalidAmount."""
        left = abs(check_amount("gross", gross))
        parts = [0] * len(self.parties)
        undivided = left
        for place, fixed in self._fixed:
            output = min(fixed, left)
            parts[place] += output
            left -= output
        for place, weight, whole in self._of_gross:
            due = (2 * undivided * weight + whole) // (2 * whole)  # half a unit up
            undivided -= due
            output = due if due < left else left
            parts[place] += output
            left -= output
        for place, weight, whole in self._of_rest:
            part = (2 * left * weight + whole) // (2 * whole)
            parts[place] += part
            left -= part
        if gross < 0:
            parts = [-part for part in parts]
        return dict(zip(self.parties, parts, strict=True))


def _turns(places: Sequence[int], weights: Sequence[int], whole: int) -> list[tuple[int, int, int]]:
    """Whose turn it is, its weight, and that weight with all that come after it; nobody's turn is for nothing."""
    turns = []
    for place, weight in zip(places, weights, strict=True):
        if weight:
            turns.append((place, weight, whole))
        whole -= weight
    return turns
