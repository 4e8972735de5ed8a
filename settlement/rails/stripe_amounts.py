"""Which amounts Stripe can carry, and how it counts them.

Stripe counts in minor units as ISO 4217 and the ledger do, but for the cases below, and cannot pay out every amount:
https://docs.stripe.com/currencies (presentment currencies, zero-decimal, three-decimal, special cases).
"""

from typing import Final

from ledger.money import CURRENCIES
from settlement.rails.protocol import Limits

_CARRIED = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP
    CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD
    JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD
    SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
"""
STRIPE_CURRENCIES: Final = frozenset(_CARRIED.split()) & frozenset(CURRENCIES)

_MOST: Final = 99_999_999  # Stripe's units: eight digits, which Stripe names as the most of one charge
_MOST_WIDE: Final = 999_999_999_999  # twelve digits, which it names for IDR
_SMALL_UNITS: Final = "AMD AOA ARS CLP COP CRC HUF IDR ISK JPY KHR KRW KZT LAK LBP MMK MNT NGN PYG RWF TZS UGX UZS VND"
_WIDE: Final = frozenset(_SMALL_UNITS.split())
"""Where eight digits are a modest sum. Of transfers Stripe names no limit, so there Stripe itself is left to judge."""

_HUNDREDFOLD: Final = frozenset({"ISK", "UGX"})
"""No decimals since long, but Stripe keeps two, always 00, for the sake of older callers: 5 ISK are 500."""

_HUNDREDTH: Final = frozenset({"MGA"})
"""Two decimals by ISO 4217 (five iraimbilanja to the ariary); Stripe has whole ariary only."""

_WHOLE: Final = frozenset({"HUF", "TWD"})
"""Two decimals, but what goes to a bank must be whole: the rest would never reach the payee."""


def stripe_limits(currency: str) -> Limits:
    """In minor units of the ledger. Raises KeyError for a currency that Stripe does not carry."""
    if currency not in STRIPE_CURRENCIES:
        raise KeyError(currency)
    step = _step(currency)
    most = from_stripe(_MOST_WIDE if currency in _WIDE else _MOST, currency, whole=False)
    return Limits(least=step, most=most - most % step, multiple_of=step)


def to_stripe(amount: int, currency: str) -> int:
    """Stripe's units of an amount that lies within `stripe_limits`."""
    if currency in _HUNDREDFOLD:
        return amount * 100
    return amount // 100 if currency in _HUNDREDTH else amount


def from_stripe(amount: int, currency: str, *, whole: bool = True) -> int:
    """Minor units of the ledger. Raises ValueError if Stripe's amount has a part that the currency does not have."""
    if currency in _HUNDREDTH:
        return amount * 100
    if currency not in _HUNDREDFOLD:
        return amount
    if whole and amount % 100:
        raise ValueError(f"Stripe tells of {amount}/100 {currency}, which has no decimals")
    return amount // 100


def _step(currency: str) -> int:
    if currency in _HUNDREDTH | _WHOLE:
        return 100
    return 10 if CURRENCIES[currency] == 3 else 1  # Stripe's partners take no thousandths: the last digit is 0
