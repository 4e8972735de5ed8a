"""The credit transfers of a file as ISO 20022 pain.001.001.09.

One payment information for each currency and scheme. The payer bears all charges, so that the payee gets what the
statement says, but under SEPA, which shares them by rule. Every transfer is booked on its own, so that the account's
statement names each.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as Xml

from ledger.money import format_amount
from settlement.errors import InvalidOrder
from settlement.rails.bank_accounts import BankAccount

if TYPE_CHECKING:
    from xmlschema import XMLSchema

_VERSION: Final = "pain.001.001.09"
_END_TO_END = re.compile(r"[A-Za-z0-9\-.+'():?,](?:[A-Za-z0-9\-.+'():?,/]{0,33}[A-Za-z0-9\-.+'():?,])?")
_SEPA_SIGNS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")  # EPC217-08: what every SEPA bank must take
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "œ": "oe", "Œ": "OE",
     "ı": "i", "þ": "th", "Þ": "Th", "ð": "d", "’": "'", "–": "-", "&": "+"}
)  # fmt: skip


@dataclass(frozen=True)
class Transfer:
    """One credit transfer of a file."""

    key: str
    amount: int
    currency: str
    payee: BankAccount
    description: str

    @property
    def sepa(self) -> bool:
        return self.currency == "EUR" and self.payee.sepa


@dataclass(frozen=True)
class Batch:
    """The transfers of one currency and scheme, from one account of ours."""

    id: str
    account: BankAccount
    sepa: bool
    transfers: Sequence[Transfer]

    @property
    def account_currency(self) -> str:
        return self.transfers[0].currency

    @property
    def total(self) -> int:
        return sum(transfer.amount for transfer in self.transfers)


def fits_end_to_end(key: str) -> bool:
    """Whether the key can travel as an end-to-end id through every bank (EPC217-08: no slash at either end, no two)."""
    return _END_TO_END.fullmatch(key) is not None and "//" not in key


def latin(text: str) -> str | None:
    """The text in the letters that SEPA carries, or None if that would lose some of its letters."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    if any(sign.isalpha() and not sign.isascii() for sign in bare):
        return None
    return " ".join(_SEPA_SIGNS.sub(" ", bare).split()) or None


def message_of(batches: Sequence[Batch], message_id: str, created: datetime, execute_on: date) -> bytes:
    """The whole document. The control sum adds up whatever the currencies, as the standard has it."""
    document = Xml.Element("Document", {"xmlns": f"urn:iso:std:iso:20022:tech:xsd:{_VERSION}"})
    initiation = Xml.SubElement(document, "CstmrCdtTrfInitn")
    header = Xml.SubElement(initiation, "GrpHdr")
    _say(header, "MsgId", message_id)
    _say(header, "CreDtTm", created.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _say(header, "NbOfTxs", str(sum(len(batch.transfers) for batch in batches)))
    _say(header, "CtrlSum", _sum_of(batches))
    _say(header, "InitgPty/Nm", _text(batches[0].account.holder, 140, sepa=any(batch.sepa for batch in batches)))
    for batch in batches:
        initiation.append(_payment_information(batch, execute_on))
    Xml.indent(document)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + _bytes(document) + b"\n"


def canonical(account: BankAccount, transfer: Transfer) -> bytes:
    """What the bank is told of one transfer, but for its key."""
    bare = Transfer("-", transfer.amount, transfer.currency, transfer.payee, transfer.description)
    return _bytes(_account(account, transfer.currency)) + _bytes(_transaction(bare))


def validate(content: bytes) -> None:
    """Raises InvalidOrder if the document is not what its schema says."""
    for error in _schema().iter_errors(content):
        raise InvalidOrder("file", error.path, f"is not {_VERSION}: {error.reason}")


@lru_cache(maxsize=1)
def _schema() -> "XMLSchema":
    from xmlschema import XMLSchema  # takes a second, which only who makes files should wait

    return XMLSchema((files("sepaxml") / "schemas" / f"{_VERSION}.xsd").read_bytes())


def _payment_information(batch: Batch, execute_on: date) -> Xml.Element:
    said = Xml.Element("PmtInf")
    _say(said, "PmtInfId", batch.id)
    _say(said, "PmtMtd", "TRF")
    _say(said, "BtchBookg", "false")
    _say(said, "NbOfTxs", str(len(batch.transfers)))
    _say(said, "CtrlSum", _decimal(batch.total, batch.account_currency))
    if batch.sepa:
        _say(said, "PmtTpInf/SvcLvl/Cd", "SEPA")
    _say(said, "ReqdExctnDt/Dt", execute_on.isoformat())
    _say(said, "Dbtr/Nm", _text(batch.account.holder, 70 if batch.sepa else 140, sepa=batch.sepa))
    said.append(_account(batch.account, batch.account_currency))
    said.append(_agent("DbtrAgt", batch.account))
    _say(said, "ChrgBr", "SLEV" if batch.sepa else "DEBT")
    said.extend(_transaction(transfer) for transfer in batch.transfers)
    return said


def _transaction(transfer: Transfer) -> Xml.Element:
    payee, said = transfer.payee, Xml.Element("CdtTrfTxInf")
    _say(said, "PmtId/EndToEndId", transfer.key)
    amount = _say(said, "Amt/InstdAmt", _decimal(transfer.amount, transfer.currency))
    amount.set("Ccy", transfer.currency)
    if payee.bic or payee.clearing or payee.bank_name:
        said.append(_agent("CdtrAgt", payee))
    creditor = Xml.SubElement(said, "Cdtr")
    _say(creditor, "Nm", _text(payee.holder, 70 if transfer.sepa else 140, sepa=transfer.sepa))
    _say(creditor, "PstlAdr/Ctry", payee.country)
    account = Xml.SubElement(said, "CdtrAcct")
    _identify(account, payee)
    text = _text(transfer.description, 140, sepa=transfer.sepa)
    if text:
        _say(said, "RmtInf/Ustrd", text)
    return said


def _account(account: BankAccount, currency: str) -> Xml.Element:
    said = Xml.Element("DbtrAcct")
    _identify(said, account)
    _say(said, "Ccy", currency)
    return said


def _identify(said: Xml.Element, account: BankAccount) -> None:
    if account.iban:
        _say(said, "Id/IBAN", account.iban)
    else:
        _say(said, "Id/Othr/Id", account.number or "")


def _agent(name: str, account: BankAccount) -> Xml.Element:
    """The bank of an account; "not provided", as SEPA has it, where the IBAN is enough by itself."""
    said = Xml.Element(name)
    bank = Xml.SubElement(said, "FinInstnId")
    if account.bic:
        _say(bank, "BICFI", account.bic)
    if account.clearing:
        system, _, member = account.clearing.partition(":")
        clearing = Xml.SubElement(bank, "ClrSysMmbId")
        _say(clearing, "ClrSysId/Cd", system)
        _say(clearing, "MmbId", member)
    if account.bank_name and not account.bic:
        _say(bank, "Nm", _text(account.bank_name, 140, sepa=False))
    if len(bank) == 0:
        _say(bank, "Othr/Id", "NOTPROVIDED")
    return said


def _say(above: Xml.Element, path: str, text: str) -> Xml.Element:
    for name in path.split("/"):
        above = Xml.SubElement(above, name)
    above.text = text
    return above


def _text(text: str, most: int, *, sepa: bool) -> str:
    """In one line, in signs that the way of payment carries; what it does not carry becomes a full stop."""
    if sepa:
        plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
        text = _SEPA_SIGNS.sub(".", "".join(sign for sign in plain if not unicodedata.combining(sign)))
    return " ".join(_UNWRITABLE.sub(" ", text).split())[:most].strip()


def _decimal(amount: int, currency: str) -> str:
    return format_amount(amount, currency).replace(",", "")


def _bytes(element: Xml.Element) -> bytes:
    return Xml.tostring(element, encoding="unicode").encode()


def _sum_of(batches: Sequence[Batch]) -> str:
    """Exact over currencies of different decimals, in thousandths."""
    thousandths = 0
    for batch in batches:
        units, _, decimals = _decimal(batch.total, batch.account_currency).partition(".")
        thousandths += int(units + decimals.ljust(3, "0"))
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")
