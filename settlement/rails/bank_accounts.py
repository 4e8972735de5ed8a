"""Bank accounts as a credit transfer needs them: whose, at which bank, under which number.

A bank is found by its BIC (ISO 9362), by a member number of a national clearing system (ISO 20022 external code set
ClearingSystemIdentification: CNAPS in China, USABA in the United States, …), or, in an IBAN (ISO 13616), by the number
itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from settlement.errors import InvalidOrder

_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 /-]{0,33}")

CLEARING_MEMBERS: Final[Mapping[str, re.Pattern[str]]] = {
    "AUBSB": re.compile(r"[0-9]{6}"),
    "CACPA": re.compile(r"[0-9]{9}"),
    "CNAPS": re.compile(r"[0-9]{12}"),
    "GBDSC": re.compile(r"[0-9]{6}"),
    "HKNCC": re.compile(r"[0-9]{3}"),
    "INFSC": re.compile(r"[A-Z]{4}0[A-Z0-9]{6}"),
    "JPZGN": re.compile(r"[0-9]{7}"),
    "NZNCC": re.compile(r"[0-9]{6}"),
    "USABA": re.compile(r"[0-9]{9}"),
}
"""By clearing system, what its members' numbers look like."""

_SEPA: Final = """
    AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE
    SI SK SM VA
"""
_SEPA_COUNTRIES: Final = frozenset(_SEPA.split())
"""Members of the schemes, by the European Payments Council's list EPC409-09; an IBAN's first two letters."""


@dataclass(frozen=True)
class BankAccount:
    """An account in one of two ways: `iban`, or `number` with `bic` or `clearing`, the member's number such as
    `CNAPS:102100099996`. `currency` only if the account takes no other. Raises InvalidOrder.
    """

    holder: str
    country: str
    iban: str | None = None
    number: str | None = None
    bic: str | None = None
    clearing: str | None = None
    bank_name: str | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.holder.strip()) <= 140:
            raise InvalidOrder("holder", self.holder, "a name has 1 to 140 characters")
        if re.fullmatch("[A-Z]{2}", self.country) is None:
            raise InvalidOrder("country", self.country, "must be a country code such as CN")
        if (self.iban is None) == (self.number is None):
            raise InvalidOrder("iban", None, "an account has either an IBAN or a number")
        if self.bic is not None and _BIC.fullmatch(self.bic) is None:
            raise InvalidOrder("bic", self.bic, "must be a BIC such as COBADEFFXXX")
        if self.clearing is not None:
            _check_clearing(self.clearing)
        if self.iban is not None:
            _check_iban(self.iban)
        elif self.number is not None:
            self._check_number(self.number)

    @property
    def sepa(self) -> bool:
        """Whether euros reach it by a SEPA credit transfer."""
        return self.iban is not None and self.iban[:2] in _SEPA_COUNTRIES

    def _check_number(self, number: str) -> None:
        if _NUMBER.fullmatch(number) is None:
            raise InvalidOrder("number", number, "an account number has 1 to 34 letters and digits")
        if self.bic is None and self.clearing is None:
            raise InvalidOrder("bic", None, "an account number needs its bank, by BIC or clearing number")


def _check_iban(iban: str) -> None:
    """ISO 7064 MOD 97-10, with the country and check digits moved to the end."""
    digits = "".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4]) if _IBAN.fullmatch(iban) else "0"
    if int(digits) % 97 != 1:
        raise InvalidOrder("iban", iban[:4] + "…", "is no IBAN: its check digits are not right")


def _check_clearing(clearing: str) -> None:
    system, _, member = clearing.partition(":")
    if system not in CLEARING_MEMBERS:
        known = ", ".join(CLEARING_MEMBERS)
        raise InvalidOrder("clearing", clearing, f"must begin with one of {known} and a colon")
    if CLEARING_MEMBERS[system].fullmatch(member) is None:
        raise InvalidOrder("clearing", clearing, f"is no member's number of {system}")
