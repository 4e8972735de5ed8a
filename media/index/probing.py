"""Where to look for a hash: query-directed multi-probing.

An edit flips the sign of a DCT coefficient that is near zero, and a clip knows its own coefficients. So beside the
bucket of the hash's own key those buckets are probed that flipping its least sure bits leads to, the cheapest first; a
set of flipped bits costs the sum of their confidences (after Lv et al., "Multi-Probe LSH", VLDB 2007).

Which sets are cheapest differs by hash, but most can never be: with the bits in order of confidence, a set costs at
least as much as any that replaces its bits by less sure ones or leaves some out. Only the sets with fewer than P such
predecessors can be among the P cheapest. They are few and known in advance, so for all hashes at once the costs are
one matrix product, and the P cheapest of all 2^k sets are found exactly.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 4096  # hashes whose costs are worked out together


def cheapest_flips(confidence: NDArray[np.float32], probes: int) -> NDArray[np.int64]:
    """For each row of k confidences the `probes` cheapest sets of bits to flip, none being the first of them.

    Column i is bit i of the hash. A set is given as it applies to the first k bits of a code, which are in reverse.
    """
    return np.concatenate(
        [_cheapest(confidence[first : first + _AT_ONCE], probes) for first in range(0, len(confidence), _AT_ONCE)]
        or [np.empty((0, probes), np.int64)]
    )


def _cheapest(confidence: NDArray[np.float32], probes: int) -> NDArray[np.int64]:
    key_bits = confidence.shape[1]
    sets = _candidates(key_bits, probes)
    least_sure = confidence.argsort(axis=1)[:, : sets.shape[1]]
    costs = np.take_along_axis(confidence, least_sure, axis=1) @ sets.T.astype(np.float32)
    values = np.ldexp(1.0, key_bits - 1 - least_sure) @ sets.T.astype(
        np.float64
    )  # sums of powers of two below 2^32 are exact
    chosen = costs.argpartition(probes - 1, axis=1)[:, :probes] if probes < len(sets) else np.arange(len(sets))[None]
    return np.take_along_axis(values, chosen, axis=1).astype(np.int64)


@cache
def _candidates(key_bits: int, probes: int) -> NDArray[Any]:
    """Every set of ranks that can be among the cheapest, as rows of 0 and 1; rank 0 is the least sure bit."""
    found: dict[tuple[int, ...], None] = {(): None}
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        for larger in _successors(waiting.pop(), key_bits):
            if larger not in found and _predecessors(larger) <= probes:
                found[larger] = None
                waiting.append(larger)
    ranks = np.zeros((len(found), 1 + max((ranks[0] for ranks in found if ranks), default=0)), np.uint8)
    for row, chosen in enumerate(found):
        ranks[row, list(chosen)] = 1
    return ranks


def _successors(ranks: tuple[int, ...], key_bits: int) -> list[tuple[int, ...]]:
    """The sets, ranks descending, that are one step dearer: rank 0 joins, or a rank becomes the next."""
    steps = [(*ranks, 0)] if 0 not in ranks else []
    for place, rank in enumerate(ranks):
        if rank + 1 < key_bits and rank + 1 not in ranks:
            steps.append((*ranks[:place], rank + 1, *ranks[place + 1 :]))
    return steps


def _predecessors(ranks: tuple[int, ...]) -> int:
    """How many sets cost at most as much as this one whatever the confidences, itself included."""

    def ways(place: int, below: int) -> int:
        if place == len(ranks):
            return 1
        return 1 + sum(ways(place + 1, rank) for rank in range(min(below - 1, ranks[place]) + 1))

    return ways(0, 1 + max(ranks, default=0))
