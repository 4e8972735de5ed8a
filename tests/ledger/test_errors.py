"""The ledger's refusals as its callers see them."""

import pickle
from collections.abc import Iterator

import pytest

from ledger import errors
from ledger.errors import InvalidAmount, LedgerError, PeriodLocked


def _family(base: type[LedgerError] = LedgerError) -> Iterator[type[LedgerError]]:
    for child in base.__subclasses__():
        yield child
        yield from _family(child)


@pytest.mark.parametrize("error", [*_family()], ids=lambda error: error.__name__)
def test_every_error_is_drawn_in_the_hierarchy_and_has_a_status(error: type[LedgerError]) -> None:
    assert f"─ {error.__name__} " in f"{errors.__doc__} ".replace("\n", " ")
    assert error.kind in {"invalid", "conflict", "not_found", "forbidden"}


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in _family()]
    assert len(set(codes)) == len(codes)


def test_an_error_names_the_field_the_rule_and_the_value() -> None:
    error = InvalidAmount("lines[2].amount", 0, "an amount is not zero")
    assert (error.field, error.value, error.rule) == ("lines[2].amount", "0", "an amount is not zero")
    assert str(error) == "lines[2].amount: an amount is not zero (got 0)"


def test_an_error_with_one_rule_knows_it() -> None:
    assert str(PeriodLocked("posted_on", "2026-10-31")) == (
        "posted_on: nothing is posted into a locked period (got 2026-10-31)"
    )


def test_an_error_without_facts_still_says_what_it_is() -> None:
    assert str(InvalidAmount()) == "invalid-amount"


@pytest.mark.parametrize("value", ["x" * 10_000, 10**10_000, (1, 10**10_000)], ids=["text", "number", "list"])
def test_a_huge_value_is_not_repeated_to_its_sender(value: object) -> None:
    assert len(str(InvalidAmount("amount", value, "must fit"))) < 250


def test_an_error_survives_the_way_to_another_process() -> None:
    error = PeriodLocked("posted_on", "2026-10-31")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (PeriodLocked, str(error))
