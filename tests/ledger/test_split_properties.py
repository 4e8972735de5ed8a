"""What holds for every split rule, tried by random rules and random histories of refunds."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidSplit
from ledger.money import BIGINT_MAX, format_amount
from ledger.splits import Share, SplitRule, Take, Tier, evaluate, evaluate_change, true_up

rates = st.one_of(
    st.sampled_from(["0%", "2.5%", "5%", "10%", "13.02%", "1:2"]),
    st.integers(0, 10_000).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02d}%"),
    st.integers(0, 1_000_000).map(lambda ppm: f"0.{ppm:06d}" if ppm < 1_000_000 else "1.000000"),
    st.tuples(st.integers(0, 9), st.integers(1, 99)).map(lambda sides: f"{sides[0]}:{sides[1]}"),
)
takes = st.builds(Take, st.just(""), rates, st.sampled_from(["gross", "rest"]), st.sampled_from([0, 0, 0, 1, 30, 500]))
gross = st.one_of(st.integers(-2000, 2000), st.integers(-(10**15), 10**15), st.integers(-BIGINT_MAX, BIGINT_MAX))
net_gmv = st.integers(0, 1200)


@st.composite
def rules(draw: st.DrawFn, most_takes: int = 4, most_shares: int = 4) -> SplitRule:
    """Any rule: parties p0, p1, …; too many rates of the gross become rates of the rest."""
    drawn: list[Take] = []
    for take in draw(st.lists(takes, max_size=most_takes)):
        named = msgspec.structs.replace(take, party=f"p{len(drawn)}")
        try:
            SplitRule(currency="CNY", takes=(*drawn, named), shares=(Share("s", 1),))
        except InvalidSplit:
            named = msgspec.structs.replace(named, of="rest")
        drawn.append(named)
    many = draw(st.integers(1, most_shares))
    weights = st.lists(st.integers(0, 20), min_size=many, max_size=many).filter(any)
    thresholds = sorted(draw(st.sets(st.integers(1, 1000), max_size=3)))
    return SplitRule(
        currency=draw(st.sampled_from(["CNY", "JPY", "KWD"])),
        takes=tuple(drawn),
        shares=tuple(Share(f"s{at}", each) for at, each in enumerate(draw(weights))),
        tiers=tuple(Tier(threshold, tuple(draw(weights))) for threshold in thresholds),
    )


def apply(posted: Mapping[str, int], change: Mapping[str, int]) -> dict[str, int]:
    parts = {party: posted.get(party, 0) + change.get(party, 0) for party in {**posted, **change}}
    return {party: part for party, part in parts.items() if part}


@given(rules(), gross, net_gmv)
def test_the_parts_sum_to_the_gross_and_none_has_the_other_sign(rule: SplitRule, gross: int, net_gmv: int) -> None:
    split = evaluate(rule, gross, net_gmv)
    assert sum(split.parts.values()) == gross
    assert all(part * gross >= 0 for part in split.parts.values())


@given(rules(), gross.filter(bool), net_gmv)
def test_a_negative_gross_mirrors_the_positive_one(rule: SplitRule, gross: int, net_gmv: int) -> None:
    there, back = evaluate(rule, gross, net_gmv), evaluate(rule, -gross, net_gmv)
    assert back.parts == {party: -part for party, part in there.parts.items()}
    assert back.steps == tuple(step.mirrored() for step in there.steps)


@given(rules(), st.one_of(st.integers(-500, 500), st.integers(-BIGINT_MAX, BIGINT_MAX - 60)))
def test_one_unit_more_of_gross_is_one_unit_more_for_one_party(rule: SplitRule, gross: int) -> None:
    before = evaluate(rule, gross).parts
    for larger in range(gross + 1, gross + 60):
        after = evaluate(rule, larger).parts
        moved = sorted(after[party] - before[party] for party in rule.parties)
        assert moved == [0] * (len(moved) - 1) + [1], larger
        before = after


@given(rules(), st.lists(gross, min_size=1, max_size=6))
def test_corrections_in_any_order_end_where_one_evaluation_ends(rule: SplitRule, history: list[int]) -> None:
    posted: dict[str, int] = {}
    for known in history:
        posted = apply(posted, evaluate_change(rule, posted, known))
    assert posted == apply({}, evaluate(rule, history[-1]).parts)


@given(rules(), st.integers(0, 10**15), st.lists(st.fractions(0, 1), max_size=5))
def test_a_refund_in_any_steps_takes_from_each_what_it_has_and_leaves_nothing(
    rule: SplitRule, sold: int, steps: list[Fraction]
) -> None:
    posted = evaluate_change(rule, {}, sold)
    for remaining in [*sorted((floor(sold * step) for step in steps), reverse=True), 0]:
        refund = evaluate_change(rule, posted, remaining)
        assert sum(refund.values()) == remaining - sum(posted.values())
        assert all(0 < -change <= posted[party] for party, change in refund.items())
        posted = apply(posted, refund)
    assert posted == {}


@given(rules(), gross)
def test_the_working_adds_up_to_the_parts_and_ends_with_their_sum(rule: SplitRule, gross: int) -> None:
    split = evaluate(rule, gross)
    for party, part in split.parts.items():
        assert part == sum(step.output for step in split.steps if step.party == party)
    assert all(step.due == step.exact + step.rounding for step in split.steps)
    lines = split.explain()
    assert len(lines) == len(split.steps) + 2
    assert lines[-1].endswith(f"= {format_amount(gross, rule.currency)}")


@given(rules(most_takes=2, most_shares=3), gross)
def test_in_a_rule_of_usual_size_each_step_is_its_exact_value_rounded_down_or_up(rule: SplitRule, gross: int) -> None:
    for step in evaluate(rule, gross).steps:
        assert step.due in (floor(step.exact), ceil(step.exact))


@given(gross, st.integers(0, 20), st.integers(1, 20))
def test_listing_the_clipper_before_the_host_changes_who_gets_half_a_cent_and_nothing_else(
    gross: int, host: int, clipper: int
) -> None:
    rule = SplitRule(
        currency="CNY",
        takes=(Take("platform", rate="5%"), Take("agency", rate="10%")),
        shares=(Share("host", host), Share("clipper", clipper)),
    )
    listed_otherwise = msgspec.structs.replace(rule, shares=rule.shares[::-1])
    split, other = evaluate(rule, gross), evaluate(listed_otherwise, gross)
    tied = abs(split.steps[-1].rounding) == Fraction(1, 2)
    assert (split.parts != other.parts) == tied


@given(rules())
def test_a_rule_survives_json(rule: SplitRule) -> None:
    assert msgspec.json.decode(msgspec.json.encode(rule), type=SplitRule) == rule


@given(rules(), gross, st.randoms(use_true_random=False))
def test_the_order_of_keys_in_json_decides_nothing(rule: SplitRule, gross: int, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    stored = shuffled(msgspec.json.decode(msgspec.json.encode(rule)))
    assert evaluate(msgspec.convert(stored, SplitRule), gross) == evaluate(rule, gross)


@given(rules(), gross, net_gmv)
def test_a_splits_tier_splits_the_same_sale_again(rule: SplitRule, gross: int, net_gmv: int) -> None:
    split = evaluate(rule, gross, net_gmv)
    assert evaluate(rule, gross, split.tier) == split


sales = st.lists(st.tuples(st.integers(-(10**6), 10**9), net_gmv), max_size=8)


@given(rules(), sales, net_gmv)
def test_after_the_true_up_every_sale_stands_at_the_final_tier(
    rule: SplitRule, sales: list[tuple[int, int]], net_gmv: int
) -> None:
    accrued: dict[int, dict[str, int]] = {}
    for gross, reached in sales:
        split = evaluate(rule, gross, reached)
        accrued[split.tier] = apply(accrued.get(split.tier, {}), split.parts)
    change = true_up(rule, accrued, net_gmv)
    assert sum(change.values()) == 0
    assert change.keys() <= {share.party for share in rule.shares}
    final = rule.tier_at(net_gmv)
    elsewhere = [parts for tier, parts in accrued.items() if tier != final.net_gmv]
    pool = sum(parts.get(share.party, 0) for parts in elsewhere for share in rule.shares)
    for share, weight in zip(rule.shares, final.weights, strict=True):
        stands = sum(parts.get(share.party, 0) for parts in elsewhere) + change.get(share.party, 0)
        rounded = Fraction(len(rule.shares) - 1, 2) * len(elsewhere)
        assert abs(stands - Fraction(pool * weight, sum(final.weights))) <= rounded
