"""Amounts, currencies and rates: exact both ways, and no float gets in."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidAmount, InvalidRate, UnknownCurrency
from ledger.money import (
    BIGINT_MAX,
    CURRENCIES,
    check_amount,
    exponent,
    format_amount,
    parse_amount,
    parse_rate,
    portion,
)

amounts = st.integers(-BIGINT_MAX, BIGINT_MAX)
currencies = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(
    ("currency", "decimals"), [("JPY", 0), ("KRW", 0), ("XOF", 0), ("CNY", 2), ("EUR", 2), ("KWD", 3)]
)
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


def test_every_currency_is_three_letters_and_has_at_most_three_decimals() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)
    assert set(CURRENCIES.values()) == {0, 2, 3}


@pytest.mark.parametrize("code", ["CLF", "UYW", "XAU", "XTS", "XXX", "XDR", "BGN", "HRK", "cny", "", "元"])
def test_funds_metals_test_codes_and_withdrawn_currencies_are_unknown(code: str) -> None:
    with pytest.raises(UnknownCurrency) as caught:
        exponent(code)
    assert (caught.value.field, caught.value.value) == ("currency", code)


AMOUNTS = """
                     0 | CNY |                        0.00
                     5 | CNY |                        0.05
                123450 | CNY |                    1,234.50
               -123450 | CNY |                   -1,234.50
               -123450 | JPY |                    -123,450
                   999 | JPY |                         999
                123450 | KWD |                     123.450
                    -1 | KWD |                      -0.001
   9223372036854775807 | USD |   92,233,720,368,547,758.07
"""


@pytest.mark.parametrize("row", AMOUNTS.strip().splitlines())
def test_an_amount_reads_as_an_accountant_writes_it(row: str) -> None:
    amount, currency, text = (cell.strip() for cell in row.split("|"))
    assert format_amount(int(amount), currency) == text
    assert parse_amount(text, currency) == int(amount)


@given(amounts, currencies)
def test_what_is_formatted_is_read_back_exactly(amount: int, currency: str) -> None:
    text = format_amount(amount, currency)
    assert parse_amount(text, currency) == parse_amount(text.replace(",", ""), currency) == amount
    assert Decimal(text.replace(",", "")).scaleb(exponent(currency)) == amount


@pytest.mark.parametrize(("text", "amount"), [("7", 700), ("-7", -700), ("1234.5", 123_450), ("007.50", 750)])
def test_missing_decimals_are_zeros(text: str, amount: int) -> None:
    assert parse_amount(text, "CNY") == amount


NOT_AMOUNTS = ["", "-", ".5", "5.", "1.234", "1e3", "+7", "7\n", "1,23", "1,2345", ",123", "1.2.3", "nan"]


@pytest.mark.parametrize("text", [*NOT_AMOUNTS, " 7", "０.５", "1" * 5000, "1" + ",000" * 2000])
def test_text_that_is_not_plainly_an_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text, "CNY")


def test_a_fraction_of_a_yen_is_refused_and_the_rule_says_why() -> None:
    with pytest.raises(InvalidAmount, match="JPY has 0 decimals"):
        parse_amount("100.5", "JPY")


def test_an_amount_past_bigint_is_refused() -> None:
    assert check_amount("amount", -BIGINT_MAX) == -BIGINT_MAX
    for too_large in (BIGINT_MAX + 1, -BIGINT_MAX - 1, 10**5000):
        with pytest.raises(InvalidAmount, match="must lie between"):
            check_amount("amount", too_large)
    with pytest.raises(InvalidAmount):
        parse_amount("92,233,720,368,547,758.08", "USD")


@pytest.mark.parametrize("value", [1.0, True, False, "1", None, Decimal(1), Fraction(1)])
def test_only_an_integer_is_an_amount(value: object) -> None:
    with pytest.raises(InvalidAmount, match="integer of minor units"):
        check_amount("lines[0].amount", value)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("13.02%", Fraction(1302, 10_000)),
        ("0.1302", Fraction(1302, 10_000)),
        ("3:7", Fraction(3, 10)),
        ("1:2", Fraction(1, 3)),
        ("0%", Fraction(0)),
        ("100%", Fraction(1)),
        ("0.000001", Fraction(1, 1_000_000)),
    ],
)
def test_a_rate_is_the_exact_fraction_that_is_written(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "%", "-5%", "5 %", "1e-2", "0:0", "3:7%", "½", "٣%", "1/3", "1" * 5000, "5%\n"])
def test_text_that_is_not_plainly_a_rate_is_refused(text: str) -> None:
    with pytest.raises(InvalidRate, match="must look like"):
        parse_rate(text)


def test_a_rate_above_the_whole_is_refused() -> None:
    with pytest.raises(InvalidRate, match="at most 100%"):
        parse_rate("100.01%")


@pytest.mark.parametrize("rate", [0.05, 1, Decimal("0.05")])
def test_a_rate_is_read_from_text_only(rate: Any) -> None:
    with pytest.raises(InvalidRate):
        parse_rate(rate)


def test_five_percent_of_130_20_is_6_51() -> None:
    assert portion(13_020, parse_rate("5%")) == (651, 12_369)


def test_half_a_cent_goes_to_the_part_on_either_side_of_zero() -> None:
    assert portion(10, parse_rate("5%")) == (1, 9)
    assert portion(-10, parse_rate("5%")) == (-1, -9)


@given(amounts, st.fractions(0, 1))
def test_a_portion_and_its_rest_are_the_whole_and_within_half_a_unit(amount: int, rate: Fraction) -> None:
    part, rest = portion(amount, rate)
    assert part + rest == amount
    assert abs(part - amount * rate) <= Fraction(1, 2)


@pytest.mark.parametrize("rate", [0.05, 1, Fraction(-1, 2), Fraction(3, 2)])
def test_a_portion_takes_an_exact_rate_from_nothing_to_all(rate: Any) -> None:
    with pytest.raises(InvalidRate):
        portion(100, rate)
