"""A split is worked out in words, step by step, with every digit of what was rounded."""

from clipledger.pages.formats import Formats
from clipledger.pages.languages import Language, translations_of
from clipledger.pages.workings import Worked, worked
from ledger.splits import Share, SplitRule, Take, evaluate

RULE = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%", fixed=100), Take("agency", "10%", of="rest")),
    shares=(Share("host", 1), Share("clipper", 2)),
)


def steps(gross: int, language: Language = "en") -> list[Worked]:
    return worked(evaluate(RULE, gross), translations_of(language).ugettext, Formats(language))


def test_each_step_says_what_it_takes_of_what() -> None:
    assert [(step.party, step.amount, step.how) for step in steps(13_020)] == [
        ("platform", 100, "a fixed fee"),
        ("platform", 651, "5% of the commission, CN¥130.20"),
        ("agency", 1_227, "10% of what is left, CN¥122.69"),
        ("host", 3_681, "1 of 3 parts of what is left, CN¥110.42"),
        ("clipper", 7_361, "2 of 3 parts of what is left, CN¥110.42"),
    ]


def test_what_was_rounded_is_told_to_the_last_digit() -> None:
    assert [step.notes for step in steps(13_020)] == [
        [],
        [],
        ["rounded up from CN¥12.269"],
        ["rounded up from CN¥36.80 and 2/3 of CN¥0.01"],
        ["rounded down from CN¥73.61 and 1/3 of CN¥0.01"],
    ]


def test_a_fee_above_the_commission_is_limited_to_it() -> None:
    assert steps(70)[0] == Worked("platform", 70, "a fixed fee", ["limited to what is left"])


def test_a_refund_is_worked_out_as_the_sale_was() -> None:
    assert steps(-13_020)[2] == Worked(
        "agency", -1_227, "10% of what is left, −CN¥122.69", ["rounded up from −CN¥12.269"]
    )


def test_it_is_told_in_chinese() -> None:
    assert steps(13_020, "zh")[3].notes == ["由 ¥36.80 加 ¥0.01 的 2/3 向上舍入"]
