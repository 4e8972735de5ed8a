"""Withholding: what the rules in docs/withholding.md keep of payments, to the cent, and which rules are none."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import InvalidWithholding
from settlement.withholding import Allowance, Base, Bracket, Brackets, Calculator, Rule, decode, encode

_DOC = Path(__file__).parents[2] / "docs" / "withholding.md"
EXAMPLES = {found["code"]: found for found in map(json.loads, re.findall(r"```json\n(.*?)```", _DOC.read_text(), re.S))}
"""The rules of the document, as somebody would send them."""


def example(code: str) -> Rule:
    return decode(EXAMPLES[code]["rule"])


def cny(gross: int, paid: int = 0, withheld: int = 0) -> Base:
    return Base("CNY", gross, paid, withheld)


def test_the_examples_are_sound_and_are_stored_as_they_are() -> None:
    assert set(EXAMPLES) == {"cn-labour-service", "us-backup", "us-nonresident", "us-w9"}
    for code in EXAMPLES:
        rule = example(code)
        rule.check()
        assert decode(encode(rule)) == rule


@pytest.mark.parametrize(
    ("gross", "withheld"),
    [
        (79_999, 0),
        (80_000, 0),  # 800.00 are free
        (80_001, 0),  # 0.01 at 20 % is less than half a cent
        (300_000, 44_000),  # (3,000 − 800) × 20 %
        (400_000, 64_000),  # (4,000 − 800) × 20 %
        (500_000, 80_000),  # 5,000 × 80 % × 20 %
        (2_500_000, 400_000),  # 25,000 × 80 % = 20,000, × 20 %
        (3_000_000, 520_000),  # 30,000 × 80 % = 24,000, × 30 % − 2,000
        (6_250_000, 1_300_000),  # 62,500 × 80 % = 50,000, × 30 % − 2,000
        (10_000_000, 2_500_000),  # 100,000 × 80 % = 80,000, × 40 % − 7,000
    ],
)
def test_labour_service_in_china(gross: int, withheld: int) -> None:
    tax = example("cn-labour-service").tax(cny(gross))
    assert tax.withheld == withheld
    assert not any("-" in step for step in tax.steps)


def test_several_payments_of_a_month_withhold_what_one_would() -> None:
    """3,000 and then 2,000: (3,000 − 800) × 20 % = 440; of both 5,000 × 80 % × 20 % = 800, so 360 more."""
    its = example("cn-labour-service").tax(cny(200_000, paid=300_000, withheld=44_000))
    assert its.withheld == 36_000
    assert its.steps == (
        "paid in the month before 3,000.00 CNY, with this 5,000.00 CNY",
        "allowance 20%, taxed 4,000.00 CNY",
        "20% of 4,000.00 CNY = 800.00 CNY",
        "withheld before 440.00 CNY, now 360.00 CNY",
    )


def test_backup_withholding_is_of_each_payment_by_itself() -> None:
    rule = example("us-backup")
    assert rule.tax(Base("USD", 12_345, 99_999, 50)).withheld == 2_963  # 123.45 × 24 % = 29.628
    assert rule.tax(Base("JPY", 10)).withheld == 2
    assert rule.tax(Base("USD", 12_345)).steps == ("24% of 123.45 USD = 29.63 USD",)
    assert example("us-nonresident").tax(Base("USD", 10_000)).withheld == 3_000
    assert example("us-w9").tax(Base("USD", 10_000)).withheld == 0


@given(st.lists(st.integers(1, 20_000_000), min_size=1, max_size=12))
def test_however_a_month_is_paid_out_the_tax_is_that_of_the_whole(payments: list[int]) -> None:
    rule = example("cn-labour-service")
    paid = withheld = 0
    for gross in payments:
        its = rule.tax(cny(gross, paid, withheld)).withheld
        assert 0 <= its <= gross
        paid, withheld = paid + gross, withheld + its
    assert withheld == rule.tax(cny(paid)).withheld


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_never_less_than_nothing_nor_more_than_the_payment(gross: int, paid: int, withheld: int) -> None:
    for code in EXAMPLES:
        assert 0 <= example(code).tax(cny(gross, paid, withheld)).withheld <= gross


@given(st.integers(1, 10**9), st.integers(0, 10**6))
def test_who_is_paid_more_keeps_no_less(gross: int, more: int) -> None:
    rule = example("cn-labour-service")
    less, most = (amount - rule.tax(cny(amount)).withheld for amount in (gross, gross + more))
    assert most >= less


_LABOUR = EXAMPLES.get("cn-labour-service", {}).get("rule", {})
_TWO = [{"up_to": 100, "rate": "10%"}, {"rate": "20%", "quick_deduction": 10}]


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("rule.authority", {"kind": "flat", "authority": "The IRS", "rate": "1%"}),
        ("rule.authority", {"kind": "flat", "authority": "x" * 41, "rate": "1%"}),
        ("rule.basis", {"kind": "none", "authority": "x", "basis": " "}),
        ("rule.basis", {"kind": "none", "authority": "x", "basis": "a\0"}),
        ("rule.rate", {"kind": "flat", "authority": "x", "rate": "101%"}),
        ("rule.rate", {"kind": "flat", "authority": "x", "rate": "a lot"}),
        ("rule.currency", {**_LABOUR, "currency": "XXX"}),
        ("rule.brackets", {**_LABOUR, "brackets": []}),
        ("rule.brackets", {**_LABOUR, "brackets": [{"up_to": n, "rate": "1%"} for n in range(1, 60)]}),
        ("rule.brackets[1].up_to", {**_LABOUR, "brackets": [_TWO[0], {"up_to": 200, "rate": "1%"}]}),
        ("rule.brackets[0].up_to", {**_LABOUR, "brackets": [{"up_to": 0, "rate": "1%"}, {"rate": "1%"}]}),
        ("rule.brackets[0].up_to", {**_LABOUR, "brackets": [{"rate": "1%"}, {"rate": "1%"}]}),
        ("rule.brackets[1].up_to", {**_LABOUR, "brackets": [_TWO[0], _TWO[0], {"rate": "1%"}]}),
        ("rule.brackets[0].up_to", {**_LABOUR, "brackets": [{"up_to": 2**63, "rate": "1%"}, {"rate": "1%"}]}),
        ("rule.brackets[0].rate", {**_LABOUR, "brackets": [{"rate": "-1%"}]}),
        ("rule.brackets[0].quick_deduction", {**_LABOUR, "brackets": [{"rate": "1%", "quick_deduction": -1}]}),
        ("rule.brackets[0].quick_deduction", {**_LABOUR, "brackets": [{"rate": "1%", "quick_deduction": 2**63}]}),
        ("rule.brackets[1].quick_deduction", {**_LABOUR, "brackets": [_TWO[0], {**_TWO[1], "quick_deduction": 11}]}),
        ("rule.allowances[0]", {**_LABOUR, "allowances": [{"fixed": 5, "share": "5%"}]}),
        ("rule.allowances[0].fixed", {**_LABOUR, "allowances": [{"fixed": -5}]}),
        ("rule.allowances[0].share", {**_LABOUR, "allowances": [{"share": "half"}]}),
        ("rule.allowances[0].up_to", {**_LABOUR, "allowances": [{"up_to": 5}]}),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(field: str, rule: dict[str, Any]) -> None:
    with pytest.raises(InvalidWithholding) as refused:
        decode(rule).check()
    assert refused.value.field == field


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "magic"},
        {"kind": "flat"},
        {"kind": "flat", "authority": "x", "rate": 1},
        {**_LABOUR, "period": "week"},
        {**_LABOUR, "more": 1},
    ],
)
def test_what_has_not_the_form_of_a_rule_is_none(rule: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(rule)


@pytest.mark.parametrize(("gross", "withheld"), [(1_000, 0), (10_000, 0), (10_001, 1_000), (20_000, 2_000)])
def test_a_bracket_goes_as_far_as_its_limit_and_never_below_nothing(gross: int, withheld: int) -> None:
    brackets = (Bracket(up_to=10_000, rate="5%", quick_deduction=500), Bracket(rate="10%"))
    rule = Brackets(authority="x", currency="CNY", period="month", brackets=brackets)
    rule.check()
    tax = rule.tax(cny(gross))
    assert tax.withheld == withheld
    assert "-" not in tax.steps[-1]


@pytest.mark.parametrize(("gross", "withheld"), [(10_000, 0), (10_001, 2_000)])
def test_an_allowance_goes_as_far_as_its_limit(gross: int, withheld: int) -> None:
    free = (Allowance(up_to=10_000, fixed=10_000), Allowance())
    rule = Brackets(authority="x", currency="CNY", period="month", allowances=free, brackets=(Bracket(rate="20%"),))
    assert rule.tax(cny(gross)).withheld == withheld


def test_every_kind_is_a_calculator_that_says_what_payments_it_takes_together() -> None:
    kinds: dict[str, Calculator] = {code: example(code) for code in EXAMPLES}
    assert {code: (its.period, its.currency) for code, its in kinds.items()} == {
        "cn-labour-service": ("month", "CNY"),
        "us-backup": ("payment", None),
        "us-nonresident": ("payment", None),
        "us-w9": ("payment", None),
    }
