"""Split rules by hand: the waterfall, its working, refunds, tiers, policy, and rules that cannot be."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.errors import InvalidAmount, InvalidRate, InvalidSplit, SplitOutOfBounds, UnknownCurrency
from ledger.money import BIGINT_MAX, format_amount
from ledger.splits import (
    DEFAULT_POLICY,
    Share,
    SplitPolicy,
    SplitRule,
    Take,
    Tier,
    evaluate,
    evaluate_change,
    true_up,
)


def rule_of(ratio: tuple[int, int] = (4, 6), tiers: tuple[Tier, ...] = (), currency: str = "CNY") -> SplitRule:
    return SplitRule(
        currency=currency,
        takes=(Take("platform", rate="5%"), Take("agency", rate="10%")),
        shares=(Share("host", ratio[0]), Share("clipper", ratio[1])),
        tiers=tiers,
    )


# The examples of the documentation


def _documented() -> list[tuple[str, str, str]]:
    """Each call on the page, with the rule above it and the working below it."""
    page = (Path(__file__).parents[2] / "docs" / "splits.md").read_text(encoding="utf-8")
    examples, rule, call = [], "", ""
    for language, block in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        rule = block if language == "json" else rule
        call = block if language == "python" else call
        if language == "text":
            examples.append((rule, call, block))
    return examples


@pytest.mark.parametrize(("rule", "call", "working"), _documented())
def test_the_documentation_shows_what_the_code_does(rule: str, call: str, working: str) -> None:
    known = {"evaluate": evaluate, "rule": msgspec.json.decode(rule, type=SplitRule)}
    assert eval(call, known).explain() == working.splitlines()


def test_the_documented_examples_are_found() -> None:
    assert len(_documented()) == 4


#   gross |   fee  agency    host  clipper     (5 % and 10 % of gross, then 4 : 6)
SPLITS = """
CNY 130.20 |   6.51   13.02   44.27    66.40
CNY -130.20 | -6.51  -13.02  -44.27   -66.40
CNY   0.00 |   0.00    0.00    0.00     0.00
CNY   0.01 |   0.00    0.00    0.00     0.01
CNY   0.10 |   0.01    0.01    0.03     0.05
CNY   0.95 |   0.05    0.09    0.32     0.49
CNY   1.00 |   0.05    0.10    0.34     0.51
CNY 86.80  |   4.34    8.68   29.51    44.27
CNY 43.40  |   2.17    4.34   14.76    22.13
JPY  1,001 |     50     100     340      511
KWD  1.001 |  0.050   0.100   0.340    0.511
CNY 10,000,000,000,000.00 | 500,000,000,000.00 1,000,000,000,000.00 3,400,000,000,000.00 5,100,000,000,000.00
"""


@pytest.mark.parametrize("row", SPLITS.strip().splitlines())
def test_hand_checked_splits(row: str) -> None:
    money, parts = row.split("|")
    currency, amount = money.split()
    split = evaluate(rule_of(currency=currency), minor_units(amount))
    assert [format_amount(part, currency) for part in split.parts.values()] == parts.split()
    assert list(split.parts) == ["platform", "agency", "host", "clipper"]


def minor_units(text: str) -> int:
    return int(re.sub(r"[,.]", "", text))


# Refunds


def apply(posted: Mapping[str, int], change: Mapping[str, int]) -> dict[str, int]:
    parts = {party: posted.get(party, 0) + change.get(party, 0) for party in {**posted, **change}}
    return {party: part for party, part in parts.items() if part}


def test_three_thirds_of_a_refund_take_what_was_given() -> None:
    posted = evaluate_change(rule_of(), {}, 13_020)
    refunds = []
    for remaining in (8_680, 4_340, 0):
        refunds.append(evaluate_change(rule_of(), posted, remaining))
        posted = apply(posted, refunds[-1])
    assert refunds == [
        {"platform": -217, "agency": -434, "host": -1476, "clipper": -2213},
        {"platform": -217, "agency": -434, "host": -1475, "clipper": -2214},
        {"platform": -217, "agency": -434, "host": -1476, "clipper": -2213},
    ]
    assert posted == {}


def test_half_of_a_333_333_333_1_split_refunds_exactly_half() -> None:
    rule = SplitRule(currency="CNY", shares=(*(Share(party, 333) for party in "abc"), Share("d", 1)))
    posted = evaluate_change(rule, {}, 1000)
    assert posted == {"a": 333, "b": 333, "c": 333, "d": 1}
    refund = evaluate_change(rule, posted, 500)
    assert refund == {"a": -166, "b": -167, "c": -166, "d": -1}
    assert apply(posted, evaluate_change(rule, posted, 0)) == {}


def test_a_party_the_rule_no_longer_names_gives_back_what_it_has() -> None:
    without_agency = msgspec.structs.replace(rule_of(), takes=(Take("platform", rate="5%"),))
    change = evaluate_change(without_agency, evaluate(rule_of(), 13_020).parts, 13_020)
    assert change == {"host": 521, "clipper": 781, "agency": -1302}


def test_nothing_is_posted_when_nothing_has_changed() -> None:
    assert evaluate_change(rule_of(), evaluate(rule_of(), 13_020).parts, 13_020) == {}


def test_a_fixed_fee_is_kept_until_what_remains_no_longer_covers_it() -> None:
    rule = SplitRule(currency="CNY", takes=(Take("platform", fixed=50),), shares=(Share("host", 1),))
    platform = [evaluate(rule, remaining).parts["platform"] for remaining in (1000, 500, 50, 30, 0)]
    assert platform == [50, 50, 50, 30, 0]


def test_rounding_without_an_end_is_explained_as_a_fraction() -> None:
    rule = SplitRule(currency="CNY", shares=(Share("host", 1), Share("clipper", 2)))
    assert evaluate(rule, -10_000).explain() == [
        "gross -100.00 CNY",
        "host: 1/3 of the remaining -100.00 = -33.33 and 1/3 of 0.01, rounded down to -33.33",
        "clipper: 2/3 of the remaining -100.00 = -66.66 and 2/3 of 0.01, rounded up to -66.67",
        "host -33.33 + clipper -66.67 = -100.00",
    ]


# Tiers


TIERED = rule_of((5, 5), tiers=(Tier(1_000_000, (4, 6)), Tier(5_000_000, (3, 7))))


@pytest.mark.parametrize(
    ("net_gmv", "tier", "clipper"),
    [
        (-500, 0, 5_533),
        (0, 0, 5_533),
        (999_999, 0, 5_533),
        (1_000_000, 1_000_000, 6_640),
        (4_999_999, 1_000_000, 6_640),
        (5_000_000, 5_000_000, 7_747),
        (10**12, 5_000_000, 7_747),
    ],
)
def test_a_tier_holds_from_its_threshold(net_gmv: int, tier: int, clipper: int) -> None:
    split = evaluate(TIERED, 13_020, net_gmv)
    assert (split.tier, split.parts["clipper"]) == (tier, clipper)


def test_the_close_moves_the_sales_below_the_final_tier_to_it() -> None:
    accrued = {
        0: {"platform": 5_000, "host": 47_500, "clipper": 47_500},
        1_000_000: {"platform": 651, "host": 4_948, "clipper": 7_421},
    }
    assert true_up(TIERED, accrued, net_gmv=1_200_000) == {"host": -9_500, "clipper": 9_500}


def test_a_month_that_refunds_take_below_a_tier_is_moved_back_down() -> None:
    accrued = {1_000_000: {"host": 40_000, "clipper": 60_000}}
    assert true_up(TIERED, accrued, net_gmv=900_000) == {"host": 10_000, "clipper": -10_000}


def test_a_month_within_one_tier_needs_no_true_up() -> None:
    assert true_up(TIERED, {0: {"host": 12_345, "clipper": 12_345}}, net_gmv=999_999) == {}
    assert true_up(TIERED, {}, net_gmv=5_000_000) == {}


# Policy


@pytest.mark.parametrize("ratio", [(3, 7), (4, 6), (5, 5), (1, 1), (35, 65), (300_001, 700_000)])
def test_a_ratio_within_the_policy_passes(ratio: tuple[int, int]) -> None:
    DEFAULT_POLICY.check(rule_of(ratio))


@pytest.mark.parametrize(
    ("ratio", "bound"),
    [
        ((2, 8), "host : clipper must be at least 3:7 (got 2:8)"),
        ((299_999, 700_001), "host : clipper must be at least 3:7 (got 299999:700001)"),
        ((6, 4), "host : clipper must be at most 5:5 (got 6:4)"),
        ((1, 0), "host : clipper must be at most 5:5 (got 1:0)"),
    ],
)
def test_a_ratio_outside_the_policy_is_refused_with_the_bound_named(ratio: tuple[int, int], bound: str) -> None:
    with pytest.raises(SplitOutOfBounds, match=re.escape(f"shares: {bound}")):
        DEFAULT_POLICY.check(rule_of(ratio))


def test_a_tier_outside_the_policy_is_refused_too() -> None:
    rule = rule_of((4, 6), tiers=(Tier(100, (3, 7)), Tier(200, (2, 8))))
    with pytest.raises(SplitOutOfBounds) as caught:
        DEFAULT_POLICY.check(rule)
    assert str(caught.value) == "tiers[1].weights: host : clipper must be at least 3:7 (got 2:8)"


def test_the_policy_reads_the_ratio_by_name_not_by_position() -> None:
    rule = rule_of((3, 7))
    DEFAULT_POLICY.check(msgspec.structs.replace(rule, shares=rule.shares[::-1]))


def test_a_rule_between_other_parties_is_not_for_this_policy() -> None:
    rule = SplitRule(currency="CNY", shares=(Share("host", 1), Share("editor", 1)))
    with pytest.raises(InvalidSplit, match="must share between host and clipper"):
        DEFAULT_POLICY.check(rule)


def test_the_bounds_are_the_operators_data() -> None:
    wider = msgspec.json.decode(b'{"parties": ["host", "clipper"], "least": [2, 8], "most": [1, 1]}', type=SplitPolicy)
    wider.check(rule_of((2, 8)))


# Rules that cannot be


def _json(**changes: Any) -> bytes:
    rule = {"version": 1, "currency": "CNY", "shares": [{"party": "host", "weight": 1}], **changes}
    return msgspec.json.encode(rule)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"currency": "XTS"}, UnknownCurrency, "currency"),
        ({"shares": []}, InvalidSplit, "shares"),
        ({"shares": [{"party": "host", "weight": -1}]}, InvalidSplit, "shares[0]"),
        ({"shares": [{"party": "", "weight": 1}]}, InvalidSplit, "party"),
        ({"takes": [{"party": "host", "rate": "5%"}]}, InvalidSplit, "party"),
        ({"takes": [{"party": "platform", "rate": "five"}]}, InvalidRate, "takes[0].rate"),
        ({"takes": [{"party": "platform", "fixed": -1}]}, InvalidAmount, "takes[0].fixed"),
        ({"takes": [{"party": "a", "rate": "60%"}, {"party": "b", "rate": "60%"}]}, InvalidSplit, "takes"),
        ({"tiers": [{"net_gmv": 0, "weights": [1]}]}, InvalidSplit, "tiers[0].net_gmv"),
        ({"tiers": [{"net_gmv": 5, "weights": [1]}] * 2}, InvalidSplit, "tiers[1].net_gmv"),
        ({"tiers": [{"net_gmv": 5, "weights": [1, 1]}]}, InvalidSplit, "tiers[0].weights"),
        ({"tiers": [{"net_gmv": 5, "weights": [0]}]}, InvalidSplit, "tiers[0].weights"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_refused_when_read(
    changes: dict[str, Any], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        msgspec.json.decode(_json(**changes), type=SplitRule)
    assert caught.value.field == field  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"bonus": 1},
        {"takes": [{"party": "platform", "rate": 0.05}]},
        {"takes": [{"party": "platform", "fixed": 0.5}]},
        {"takes": [{"party": "platform", "rate": "5%", "of": "net"}]},
    ],
)
def test_a_rule_of_another_shape_is_not_guessed_at(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(_json(**changes), type=SplitRule)


@pytest.mark.parametrize("gross", [130.2, True, "13020", BIGINT_MAX + 1])
def test_what_is_no_amount_is_not_split(gross: Any) -> None:
    with pytest.raises(InvalidAmount, match="gross"):
        evaluate(rule_of(), gross)
