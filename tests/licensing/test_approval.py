"""Automatic approval: rules as values, and what each found."""

from typing import Any

import msgspec
import pytest

from licensing.approval import Approval, Facts, Finding, assess, check_approval, decode_approval, passed
from licensing.errors import InvalidApproval

LINA = Facts(
    platforms=("douyin", "tiktok"),
    country="CN",
    languages=("zh",),
    approved_clips=12,
    orders=1000,
    returned=40,
    gmv=5_000_000,
)
STRICT = Approval(
    platforms=("tiktok",),
    countries=("CN", "SG"),
    languages=("zh", "en"),
    least_approved_clips=10,
    least_orders=1000,
    least_gmv=5_000_000,
    most_returned_ppm=40_000,
)


def test_each_rule_says_what_it_asked_and_what_it_found() -> None:
    assert assess(STRICT, LINA) == [
        Finding("platforms", ("tiktok",), ("douyin", "tiktok"), True),
        Finding("countries", ("CN", "SG"), "CN", True),
        Finding("languages", ("zh", "en"), ("zh",), True),
        Finding("least_approved_clips", 10, 12, True),
        Finding("least_orders", 1000, 1000, True),
        Finding("least_gmv", 5_000_000, 5_000_000, True),
        Finding("most_returned_ppm", 40_000, 40_000, True),
    ]
    assert passed(assess(STRICT, LINA))


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("platforms", {"platforms": ("douyin",)}),
        ("countries", {"country": None}),
        ("languages", {"languages": ("fr",)}),
        ("least_approved_clips", {"approved_clips": 9}),
        ("least_orders", {"orders": 999, "returned": 0}),
        ("least_gmv", {"gmv": 4_999_999}),
        ("most_returned_ppm", {"returned": 41}),
    ],
)
def test_one_rule_that_fails_is_enough(rule: str, change: dict[str, Any]) -> None:
    findings = assess(STRICT, msgspec.structs.replace(LINA, **change))
    assert [finding.rule for finding in findings if not finding.passed] == [rule]
    assert not passed(findings)


def test_without_rules_everybody_is_approved() -> None:
    assert assess(Approval(), Facts()) == []
    assert passed([])


def test_a_return_rate_is_rounded_up_and_unknown_before_the_first_order() -> None:
    assert Facts(orders=3, returned=1).returned_ppm == 333_334
    unknown = assess(Approval(most_returned_ppm=1_000_000), Facts())
    assert unknown == [Finding("most_returned_ppm", 1_000_000, None, False)]


def test_rules_come_back_from_json_as_they_went() -> None:
    assert decode_approval(msgspec.to_builtins(check_approval(STRICT))) == STRICT
    assert decode_approval(None) is None
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decode_approval({"least_followers": 3})


@pytest.mark.parametrize(
    ("field", "value", "rules"),
    [
        ("approval.platforms", "[]", {"platforms": ()}),
        ("approval.platforms[1]", "myspace", {"platforms": ("tiktok", "myspace")}),
        ("approval.countries[0]", "China", {"countries": ("China",)}),
        ("approval.languages[0]", "Chinese", {"languages": ("Chinese",)}),
        ("approval.least_orders", "0", {"least_orders": 0}),
        ("approval.least_gmv", str(10**30), {"least_gmv": 10**30}),
        ("approval.most_returned_ppm", "1000001", {"most_returned_ppm": 1_000_001}),
    ],
)
def test_a_rule_that_nobody_could_mean_is_refused(field: str, value: str, rules: dict[str, Any]) -> None:
    with pytest.raises(InvalidApproval) as refused:
        check_approval(Approval(**rules))
    assert (refused.value.field, refused.value.value) == (field, value)
    assert refused.value.rule
