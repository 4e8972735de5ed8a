"""The two divisions of money: what each guarantees, and the paradox that parts them."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount, InvalidSplit
from ledger.money import BIGINT_MAX, allocate, allocate_in_turn

DIVISIONS = [allocate, allocate_in_turn]

small_amounts = st.integers(-300, 300)
amounts = st.one_of(small_amounts, st.integers(-(10**15), 10**15), st.integers(-BIGINT_MAX, BIGINT_MAX))
weight = st.one_of(st.integers(0, 12), st.integers(0, 10**9))


def some_weights(most: int = 8) -> st.SearchStrategy[list[int]]:
    return st.lists(weight, min_size=1, max_size=most).filter(any)


def exact_shares(amount: int, weights: Sequence[int]) -> list[Fraction]:
    return [Fraction(amount * each, sum(weights)) for each in weights]


def changes(new: Sequence[int], old: Sequence[int]) -> list[int]:
    return [after - before for after, before in zip(new, old, strict=True)]


#  amount | weights             | largest remainder   | in turn
TABLE = """
        0 | 1 1                 | 0 0                 | 0 0
        1 | 1 1                 | 1 0                 | 1 0
       -1 | 1 1                 | -1 0                | -1 0
      100 | 1 1 1               | 34 33 33            | 33 34 33
      101 | 1 1 1               | 34 34 33            | 34 34 33
     -100 | 1 1 1               | -34 -33 -33         | -33 -34 -33
    11067 | 4 6                 | 4427 6640           | 4427 6640
        5 | 0 3 0 7             | 0 2 0 3             | 0 2 0 3
     1000 | 333 333 333 1       | 333 333 333 1       | 333 333 333 1
      500 | 333 333 333 1       | 167 167 166 0       | 167 166 167 0
      -10 | 6 6 2               | -4 -4 -2            | -4 -5 -1
       11 | 6 6 2               | 5 5 1               | 5 5 1
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_hand_checked_divisions(row: str) -> None:
    amount, weights, largest_remainder, in_turn = (
        tuple(int(number) for number in cell.split()) for cell in row.split("|")
    )
    assert allocate(amount[0], weights) == largest_remainder
    assert allocate_in_turn(amount[0], weights) == in_turn


@pytest.mark.parametrize("divide", DIVISIONS)
@given(amounts, some_weights())
def test_the_parts_sum_to_the_whole(divide: Any, amount: int, weights: list[int]) -> None:
    assert sum(divide(amount, weights)) == amount


@pytest.mark.parametrize("divide", DIVISIONS)
@given(amounts, some_weights())
def test_no_part_has_the_other_sign_and_no_weight_means_no_part(divide: Any, amount: int, weights: list[int]) -> None:
    parts = divide(amount, weights)
    assert all(part * amount >= 0 for part in parts)
    assert all(part == 0 for part, each in zip(parts, weights, strict=True) if not each)


@pytest.mark.parametrize("divide", DIVISIONS)
@given(amounts, some_weights())
def test_the_opposite_amount_is_divided_into_the_opposite_parts(divide: Any, amount: int, weights: list[int]) -> None:
    assert divide(-amount, weights) == tuple(-part for part in divide(amount, weights))


@pytest.mark.parametrize("divide", DIVISIONS)
@given(st.integers(-(10**6), 10**6), some_weights(), st.integers(1, 1000))
def test_an_amount_that_divides_evenly_is_not_rounded(divide: Any, times: int, weights: list[int], scale: int) -> None:
    evenly = tuple(times * each for each in weights)
    assert divide(times * sum(weights), weights) == evenly
    assert divide(times * sum(weights), [scale * each for each in weights]) == evenly


@given(amounts, some_weights())
def test_a_largest_remainder_part_is_its_exact_share_rounded_down_or_up(amount: int, weights: list[int]) -> None:
    for part, exact in zip(allocate(amount, weights), exact_shares(amount, weights), strict=True):
        assert part in (floor(exact), ceil(exact))


@given(st.integers(0, 10**15), some_weights())
def test_the_units_left_over_go_to_the_largest_remainders_the_earlier_first(amount: int, weights: list[int]) -> None:
    shares = exact_shares(amount, weights)
    parts = [floor(share) for share in shares]
    while sum(parts) < amount:
        largest = max(share - part for share, part in zip(shares, parts, strict=True))
        parts[changes(shares, parts).index(largest)] += 1  # type: ignore[arg-type]
    assert allocate(amount, weights) == tuple(parts)


@given(amounts, some_weights(), st.randoms(use_true_random=False))
def test_another_order_of_the_parties_changes_nothing_but_who_wins_a_tie(
    amount: int, weights: list[int], random: Any
) -> None:
    order = list(range(len(weights)))
    random.shuffle(order)
    parts, shuffled = allocate(amount, weights), allocate(amount, [weights[party] for party in order])
    moved = {party for place, party in enumerate(order) if shuffled[place] != parts[party]}
    shares = exact_shares(abs(amount), weights)
    assert len({shares[party] - floor(shares[party]) for party in moved}) <= 1


def test_hypothesis_finds_the_alabama_paradox_in_largest_remainder() -> None:
    def loses_by_growth(case: tuple[int, list[int]]) -> bool:
        amount, weights = case
        return min(changes(allocate(amount + 1, weights), allocate(amount, weights))) < 0

    _, weights = find(st.tuples(st.integers(0, 300), some_weights()), loses_by_growth)
    assert len(weights) >= 3
    # The textbook case: with the 26th seat both states of 500 lose one.
    textbook = (1500, 1500, 900, 500, 500, 200)
    assert allocate(25, textbook) == (7, 7, 4, 3, 3, 1)
    assert allocate(26, textbook) == (8, 8, 5, 2, 2, 1)


@given(st.one_of(small_amounts, st.integers(-BIGINT_MAX, BIGINT_MAX - 60)), some_weights())
def test_in_turn_one_unit_more_is_one_unit_more_for_one_party(amount: int, weights: list[int]) -> None:
    before = allocate_in_turn(amount, weights)
    for larger in range(amount + 1, amount + 60):
        after = allocate_in_turn(larger, weights)
        assert sorted(changes(after, before)) == [0] * (len(weights) - 1) + [1], larger
        before = after


@given(st.integers(0, 10**15), some_weights(), st.lists(st.fractions(0, 1), max_size=6))
def test_refunds_in_any_steps_take_from_each_party_what_one_refund_takes(
    whole: int, weights: list[int], steps: list[Fraction]
) -> None:
    posted = allocate_in_turn(whole, weights)
    for remaining in [*sorted((floor(whole * step) for step in steps), reverse=True), 0]:
        due = allocate_in_turn(remaining, weights)
        refund = changes(due, posted)
        assert sum(refund) == remaining - sum(posted)
        assert all(0 <= -change <= had for change, had in zip(refund, posted, strict=True))
        posted = due
    assert posted == (0,) * len(weights)


@given(amounts, some_weights())
def test_in_turn_a_part_is_within_half_a_unit_for_each_other_party(amount: int, weights: list[int]) -> None:
    bound = Fraction(len(weights) - 1, 2)
    for part, exact in zip(allocate_in_turn(amount, weights), exact_shares(amount, weights), strict=True):
        assert abs(part - exact) <= bound


@given(amounts, some_weights(most=3))
def test_in_turn_up_to_three_parts_are_exact_shares_rounded_down_or_up(amount: int, weights: list[int]) -> None:
    for part, exact in zip(allocate_in_turn(amount, weights), exact_shares(amount, weights), strict=True):
        assert part in (floor(exact), ceil(exact))


@given(amounts, some_weights(most=2))
def test_between_two_parties_both_divisions_are_the_same(amount: int, weights: list[int]) -> None:
    assert allocate_in_turn(amount, weights) == allocate(amount, weights)


@pytest.mark.parametrize("divide", DIVISIONS)
@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [0.5, 0.5], [True, 1], ["1", 1]])
def test_weights_that_cannot_divide_are_refused(divide: Any, weights: list[Any]) -> None:
    with pytest.raises(InvalidSplit) as caught:
        divide(100, weights)
    assert caught.value.field is not None
    assert caught.value.field.startswith("weights")


@pytest.mark.parametrize("divide", DIVISIONS)
@pytest.mark.parametrize("amount", [1.0, True, "1", BIGINT_MAX + 1])
def test_what_is_no_amount_is_not_divided(divide: Any, amount: Any) -> None:
    with pytest.raises(InvalidAmount):
        divide(amount, [1, 2])
