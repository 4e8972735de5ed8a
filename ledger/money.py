"""Money: integers of minor units beside an ISO 4217 code, and the one place that divides them.

An amount is a plain `int` of the currency's minor unit (fen, cents, fils; whole yen) beside a plain `str`
currency, because that is what a posting stores. A rate is a `fractions.Fraction`. No float is accepted.

`allocate` comes nearest to the exact shares. `allocate_in_turn` is for amounts that will change later: it
never moves a party against the change, as `allocate` may with three or more parties (the Alabama paradox).
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ledger.errors import InvalidAmount, InvalidRate, InvalidSplit, UnknownCurrency

BIGINT_MAX: Final = 2**63 - 1
"""The largest amount either way: -2**63 would fit a bigint, but its reversal would not."""

# ISO 4217 list one after amendment 180 (Bulgaria's euro, 1 January 2026), by number of decimals. Left out, as
# nobody is paid in them: funds and units of account (BOV, CHE, CHW, COU, MXV, USN, UYI, XAD, XDR, XSU, XUA
# and the four-decimal CLF and UYW), metals (XAG, XAU, XPD, XPT), bond units (XBA to XBD), and
# the codes for tests and for no currency.
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
        COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
        IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
        MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
        SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES
        WST XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
}
CURRENCIES: Final[Mapping[str, int]] = MappingProxyType(
    {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}
)
"""Every currency of the ledger with its exponent: how many decimals its minor unit is."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,19})(?:\.([0-9]{1,3}))?")
_DECIMAL_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,12}))?(%?)")
_RATIO = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")


def exponent(currency: str, field: str = "currency") -> int:
    """Decimals of the currency: 0 for JPY, 2 for CNY, 3 for KWD. Raises UnknownCurrency."""
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise UnknownCurrency(field, currency) from None


def check_amount(field: str, value: object) -> int:
    """The value, if it is an integer that a posting can hold and a reversal can undo; zero is allowed.

    Raises InvalidAmount, also for `True` and for a float that happens to be whole.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidAmount(field, value, "must be an integer of minor units")
    if abs(value) > BIGINT_MAX:
        raise InvalidAmount(field, value, f"must lie between -{BIGINT_MAX} and {BIGINT_MAX}")
    return value


def check_weights(field: str, weights: Sequence[int]) -> int:
    """The weights' sum. Raises InvalidSplit unless they are integers, zero or more, with one above zero."""
    for position, weight in enumerate(weights):
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 0:
            raise InvalidSplit(f"{field}[{position}]", weight, "a weight is an integer, zero or more")
    whole = sum(weights)
    if not whole:
        raise InvalidSplit(field, list(weights), "at least one weight is above zero")
    return whole


def format_amount(amount: int, currency: str) -> str:
    """`-123450` of CNY as `-1,234.50`, of JPY as `-123,450`; `parse_amount` reads the same amount back."""
    return format_decimal(amount, exponent(currency))


def format_decimal(scaled: int, decimals: int) -> str:
    """The exact text of `scaled / 10**decimals`, with commas at the thousands."""
    units, fraction = divmod(abs(scaled), 10**decimals)
    text = f"{units:,}.{fraction:0{decimals}d}" if decimals else f"{units:,}"
    return f"-{text}" if scaled < 0 else text


def parse_amount(text: str, currency: str) -> int:
    """Minor units of a decimal number such as `1,234.5`, `1234.50` or `-7`.

    Raises InvalidAmount for anything else: more decimals than the currency has, commas off the thousands, an
    exponent, spaces, digits of other scripts.
    """
    decimals = exponent(currency)
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise InvalidAmount("amount", text, "must be a decimal number such as 1,234.50")
    sign, units, fraction = match[1], match[2].replace(",", ""), match[3] or ""
    if len(fraction) > decimals:
        raise InvalidAmount("amount", text, f"{currency} has {decimals} decimals")
    return check_amount("amount", int(sign + units + fraction.ljust(decimals, "0")))


def parse_rate(text: str, field: str = "rate") -> Fraction:
    """The exact fraction, from 0 to 1, that `13.02%`, `0.1302` or `3:7` means. Raises InvalidRate.

    `3:7` is a ratio's first side: three parts of ten.
    """
    if not isinstance(text, str):
        raise InvalidRate(field, text, "must be text, because a float is not exact")
    rate = _fraction(text)
    if rate is None:
        raise InvalidRate(field, text, "must look like 13.02%, 0.1302 or 3:7")
    if rate > 1:
        raise InvalidRate(field, text, "must be at most 100%")
    return rate


@lru_cache(maxsize=1024)  # a rule is evaluated a million times for a handful of rates
def _fraction(text: str) -> Fraction | None:
    if ratio := _RATIO.fullmatch(text):
        first, second = int(ratio[1]), int(ratio[2])
        return Fraction(first, first + second) if first + second else None
    if decimal := _DECIMAL_RATE.fullmatch(text):
        digits, decimals = decimal[1] + (decimal[2] or ""), len(decimal[2] or "")
        return Fraction(int(digits), 10**decimals * (100 if decimal[3] else 1))
    return None


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide an amount in proportion to the weights; the parts sum to it exactly.

    Largest remainder (Hamilton's method): every part is its exact share rounded down or up; the units left
    over go to the largest remainders and, of equal ones, to the earlier: the caller's order is the rank.
    `allocate(-amount)` is `-allocate(amount)`; a weight of zero gets zero. Raises InvalidSplit if the weights
    are empty, not integers, negative or all zero, InvalidAmount if the amount is no bigint.
    """
    whole = check_weights("weights", weights)
    magnitude = abs(check_amount("amount", amount))
    shares = [divmod(magnitude * weight, whole) for weight in weights]
    parts = [floor for floor, _ in shares]
    ranked = sorted(range(len(shares)), key=lambda at: shares[at][1], reverse=True)  # stable: ties keep rank
    for position in ranked[: magnitude - sum(parts)]:
        parts[position] += 1
    return tuple(parts) if amount >= 0 else tuple(-part for part in parts)


def allocate_in_turn(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Divide as `allocate` does, but each party in turn against all who come after it.

    When the amount moves towards or away from zero, no part moves the other way: a two-way division has no
    paradox, and each turn divides what a two-way division left. So after any refunds a party's part depends
    only on what remains, and the change to post is `allocate_in_turn(new) - allocate_in_turn(old)`.

    The price: with n weights a part may be (n - 1) / 2 units from its exact share; with up to three it is
    still that share rounded down or up. Raises as `allocate` does.
    """
    behind = check_weights("weights", weights)
    left = amount
    parts = []
    for weight in weights:
        behind -= weight
        part = allocate(left, (weight, behind))[0] if weight else 0
        parts.append(part)
        left -= part
    return tuple(parts)


def portion(amount: int, rate: Fraction) -> tuple[int, int]:
    """The part a rate takes and the rest; half a unit goes to the part. Raises InvalidRate outside 0 to 1."""
    if not isinstance(rate, Fraction) or not 0 <= rate <= 1:
        raise InvalidRate("rate", rate, "must be an exact fraction from 0 to 1")
    part, rest = allocate(amount, (rate.numerator, rate.denominator - rate.numerator))
    return part, rest
