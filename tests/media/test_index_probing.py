"""The probes of a hash are the cheapest sets of bits to flip, of all sets there are."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from media.index.probing import cheapest_flips

KEY_BITS = 9
ALL_SETS = [set(bits) for size in range(KEY_BITS + 1) for bits in combinations(range(KEY_BITS), size)]

confidences = arrays.arrays(np.float32, (3, KEY_BITS), elements=st.integers(0, 1000).map(float))


def bits_of(flips: int) -> set[int]:
    """The bits of the hash that a mask on the first bits of its code flips."""
    return {bit for bit in range(KEY_BITS) if flips >> (KEY_BITS - 1 - bit) & 1}


@given(confidences, st.integers(1, 80))
def test_no_set_that_is_left_out_is_cheaper_than_one_that_is_probed(confidence: np.ndarray, probes: int) -> None:
    for row, flips in zip(confidence, cheapest_flips(confidence, probes), strict=True):
        costs = [sum(row[bit] for bit in bits_of(int(flip))) for flip in flips]
        cheapest = sorted(sum(row[bit] for bit in each) for each in ALL_SETS)[:probes]
        assert sorted(costs) == cheapest


@given(confidences, st.integers(1, 80))
def test_no_bucket_is_probed_twice(confidence: np.ndarray, probes: int) -> None:
    for flips in cheapest_flips(confidence, probes):
        assert len(set(flips.tolist())) == probes


def test_a_sure_hash_is_looked_for_in_its_own_bucket_and_those_of_its_least_sure_bits() -> None:
    confidence = np.array([[9, 9, 1, 9, 3, 9, 9, 2, 9]], np.float32)

    flips = cheapest_flips(confidence, 7)[0]

    assert {frozenset(bits_of(flip)) for flip in flips.tolist()} == {
        frozenset(bits) for bits in ((), (2,), (7,), (2, 7), (4,), (2, 4), (4, 7))
    }


@pytest.mark.parametrize("probes", [2**KEY_BITS, 2**KEY_BITS + 5])
def test_asking_for_more_probes_than_there_are_sets_gives_every_set(probes: int) -> None:
    flips = cheapest_flips(np.ones((1, KEY_BITS), np.float32), probes)[0]

    assert sorted(flips.tolist()) == list(range(2**KEY_BITS))


def test_no_hashes_need_no_probes() -> None:
    assert cheapest_flips(np.empty((0, KEY_BITS), np.float32), 4).shape == (0, 4)
