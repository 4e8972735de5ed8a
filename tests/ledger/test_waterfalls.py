"""A rule made ready gives the parts of the rule itself."""

import pytest
from hypothesis import given

from ledger.errors import InvalidAmount
from ledger.money import BIGINT_MAX
from ledger.splits import Share, SplitRule, Take, evaluate
from ledger.waterfalls import Waterfall
from tests.ledger.test_split_properties import gross, rules


@given(rules(), gross)
def test_any_rule_made_ready_divides_as_the_rule_does(rule: SplitRule, gross: int) -> None:
    assert Waterfall(rule).parts(gross) == evaluate(rule, gross).parts


def test_the_example_of_the_documents_comes_out() -> None:
    takes = (Take("platform", "5%"), Take("agency", "10%"))
    rule = SplitRule(currency="CNY", takes=takes, shares=(Share("host", 4), Share("clipper", 6)))
    assert Waterfall(rule).parts(13_020) == {"platform": 651, "agency": 1302, "host": 4427, "clipper": 6640}


def test_what_no_posting_can_hold_is_refused() -> None:
    ready = Waterfall(SplitRule(currency="CNY", shares=(Share("host", 1),)))
    with pytest.raises(InvalidAmount):
        ready.parts(BIGINT_MAX + 1)
