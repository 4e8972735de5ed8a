"""Why a bank did not pay, or paid back: ISO 20022 codes in words, and who can do something about it.

The codes are those of the external code sets PaymentTransactionStatus, StatusReason and ReturnReason.
"""

from collections.abc import Mapping
from typing import Final

from settlement.rails.protocol import Fixer, Refused

STATUSES: Final[Mapping[str, str]] = {
    "ACCC": "credited to the payee's account",
    "ACCP": "accepted after checks of the account and the payee",
    "ACFC": "accepted, the money is there",
    "ACSC": "settled",
    "ACSP": "accepted, settlement under way",
    "ACTC": "accepted, the file is well-formed",
    "ACWC": "accepted with a change",
    "ACWP": "accepted, not yet credited to the payee",
    "BLCK": "blocked by the payee's bank",
    "CANC": "cancelled",
    "PART": "accepted in part",
    "PATC": "waits for a second signature",
    "PDNG": "pending",
    "RCVD": "received",
    "RJCT": "rejected",
}

SETTLED: Final = frozenset({"ACCC", "ACSC"})
REJECTED: Final = frozenset({"RJCT", "CANC"})

_REASONS: Final[Mapping[str, tuple[Fixer, bool, str]]] = {
    "AC01": ("payee", True, "the account number is wrong"),
    "AC02": ("operator", True, "our own account number is wrong"),
    "AC03": ("payee", True, "the payee's account number is wrong or missing"),
    "AC04": ("payee", True, "the account is closed"),
    "AC05": ("operator", True, "our own account is closed"),
    "AC06": ("payee", True, "the account is blocked"),
    "AC07": ("payee", True, "the payee's account is closed"),
    "AG01": ("payee", True, "the account does not take such payments"),
    "AG02": ("operator", False, "the bank does not take this kind of payment"),
    "AM01": ("operator", False, "the amount is zero"),
    "AM02": ("operator", False, "the amount is higher than allowed"),
    "AM03": ("payee", True, "the account does not take this currency"),
    "AM04": ("operator", True, "there is too little in our account"),
    "AM05": ("operator", False, "the bank has this payment already"),
    "AM09": ("operator", False, "the amount is not the one agreed"),
    "AM10": ("operator", False, "the sum does not agree with the payments"),
    "AM14": ("operator", True, "the amount is higher than agreed with the bank"),
    "BE01": ("payee", True, "name and account do not belong together"),
    "BE04": ("payee", True, "the payee's address is missing or wrong"),
    "BE05": ("operator", False, "the bank does not know us as the sender"),
    "BE06": ("payee", True, "the bank does not know the payee"),
    "BE07": ("operator", True, "our own address is missing or wrong"),
    "CH03": ("operator", True, "the day of execution is too far ahead"),
    "CNOR": ("operator", False, "the payee's bank can't be reached this way"),
    "CURR": ("payee", True, "the account does not take this currency"),
    "CUST": ("operator", False, "taken back by us"),
    "DNOR": ("operator", False, "our bank can't be reached this way"),
    "DT01": ("operator", True, "the day of execution is not possible"),
    "DUPL": ("operator", False, "the bank has this payment already"),
    "ED05": ("operator", True, "settlement between the banks failed"),
    "FF01": ("operator", False, "the file is not in the bank's format"),
    "FOCR": ("operator", False, "returned at our request"),
    "FRAD": ("operator", False, "suspected fraud"),
    "MD07": ("payee", False, "the payee has died"),
    "MS02": ("payee", True, "refused by the payee"),
    "MS03": ("operator", True, "the bank gives no reason"),
    "NARR": ("operator", True, "see the bank's own words"),
    "RC01": ("payee", True, "the bank's code is wrong"),
    "RC04": ("payee", True, "the code of the payee's bank is wrong"),
    "RR01": ("operator", True, "our account or identification is missing, which the law asks for"),
    "RR02": ("operator", True, "our name or address is missing, which the law asks for"),
    "RR03": ("payee", True, "the payee's name or address is missing, which the law asks for"),
    "RR04": ("operator", False, "for reasons of law"),
    "TECH": ("operator", True, "a technical fault of the bank"),
    "TM01": ("operator", True, "the file came after the bank's closing time"),
}
_OTHER_REASONS: Final[tuple[Fixer, bool, str]] = ("operator", True, "the bank gives a reason of its own")
"""Those that are not here, and where there is none."""


def refusal_for(code: str | None, told: str | None) -> Refused:
    """For a reason code, or none, and the bank's own words, or none."""
    fixed_by, retriable, words = _REASONS.get(code or "", _OTHER_REASONS)
    said = f"{words}: {told[:300]}" if told else words
    return Refused(code or "RJCT", said, fixed_by, retriable)


def words_for(code: str) -> str:
    """Of a reason code. One that is not known is told as it is."""
    return _REASONS[code][2] if code in _REASONS else f"reason {code[:35]}"
