"""Statements of a bank account: ISO 20022 camt.053, of any version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from settlement.errors import UnreadableFile
from settlement.rails.bank_lines import BankLine, Booking, lines_of
from settlement.rails.messages import Element, amount_of, day_in, read_message


@dataclass(frozen=True)
class BankStatement:
    """The lines of one account over some days. opening + Σ lines = closing, where the bank says both."""

    id: str
    account: str
    currency: str
    opening: int | None
    closing: int | None
    closing_on: date | None
    lines: Sequence[BankLine]


def read_statements(content: bytes) -> list[BankStatement]:
    """The statements of a camt.053. Raises FileRefused, also if balances and lines do not add up."""
    return [_statement(told) for told in read_message(content, "camt.053").all("Stmt")]


def _statement(told: Element) -> BankStatement:
    account = told.say("Acct/Id/IBAN", "Acct/Id/Othr/Id")
    statement_id = told.say("Id")
    if account is None or statement_id is None:
        raise UnreadableFile("Stmt", None, "a statement does not say of which account it is")
    bookings = [booking for entry in told.all("Ntry") if _is_booked(entry) for booking in _bookings(entry)]
    opening, _ = _balance(told, "OPBD", "PRCD")
    closing, closing_on = _balance(told, "CLBD")
    currencies = {booking.currency for booking in bookings} | {part[1] for part in (opening, closing) if part}
    if len(currencies) > 1:
        raise UnreadableFile("Stmt", statement_id, f"mixes currencies: {', '.join(sorted(currencies))}")
    moved = sum(booking.amount for booking in bookings)
    if opening and closing and opening[0] + moved != closing[0]:
        missing = closing[0] - opening[0] - moved
        raise UnreadableFile("Stmt", statement_id, f"opening and lines do not make up the closing by {missing}")
    return BankStatement(
        id=statement_id,
        account=account,
        currency=currencies.pop() if currencies else told.say("Acct/Ccy") or "",
        opening=opening[0] if opening else None,
        closing=closing[0] if closing else None,
        closing_on=closing_on,
        lines=lines_of(account, bookings),
    )


def _is_booked(entry: Element) -> bool:
    """Pending entries move no money yet; they come again once booked."""
    status = entry.say("Sts/Cd", "Sts/Prtry", "Sts")
    if status is None:
        raise UnreadableFile("Sts", None, "an entry does not say whether it is booked")
    return status == "BOOK"


def _balance(told: Element, *codes: str) -> tuple[tuple[int, str] | None, date | None]:
    for code in codes:
        for balance in told.all("Bal"):
            if balance.say("Tp/CdOrPrtry/Cd") == code:
                amount, currency = amount_of(balance.first("Amt"), "Bal")
                return (amount * _sign(balance), currency), day_in(balance, "Dt/Dt", "Dt/DtTm")
    return None, None


def _bookings(entry: Element) -> list[Booking]:
    """One for each payment of the entry if they have amounts; what those leave over is a booking of its own."""
    amount, currency = amount_of(entry.first("Amt"), "Ntry")
    booked = day_in(entry, "BookgDt/Dt", "BookgDt/DtTm")
    if booked is None:
        raise UnreadableFile("BookgDt", entry.say("NtryRef"), "a booked entry has no day")
    whole = Booking(
        amount=amount * _sign(entry),
        currency=currency,
        booked_on=booked,
        value_on=day_in(entry, "ValDt/Dt", "ValDt/DtTm") or booked,
        text=entry.say("AddtlNtryInf") or "",
        reference=entry.say("AcctSvcrRef"),
        code=_code(entry),
        returned=entry.say("RvslInd") in ("true", "1"),
    )
    details = list(entry.all("NtryDtls/TxDtls"))
    parts = [_part(detail, entry, currency) for detail in details]
    if len(details) == 1 and parts[0] is None:
        return [_detailed(whole, details[0], whole.amount)]
    if not parts or None in parts:
        return [whole]
    known = cast(list[int], parts)
    found = [_detailed(whole, detail, part) for detail, part in zip(details, known, strict=True)]
    rest = whole.amount - sum(known)
    if not rest:
        return found
    return [*found, replace(whole, amount=rest, kind="fee" if entry.first("Chrgs") and rest < 0 else "other")]


def _part(detail: Element, entry: Element, currency: str) -> int | None:
    """The signed amount of one payment in the account's currency; None if the bank does not say."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        told = detail.first(path)
        if told is not None and told.given.get("Ccy") == currency:
            return amount_of(told, "TxDtls")[0] * _sign(detail if detail.first("CdtDbtInd") else entry)
    return None


def _detailed(whole: Booking, detail: Element, amount: int) -> Booking:
    end_to_end = detail.say("Refs/EndToEndId")
    texts = [said.text.strip() for said in detail.all("RmtInf/Ustrd")]
    paths = ("Cdtr", "Dbtr") if amount < 0 else ("Dbtr", "Cdtr")
    names = [f"RltdPties/{side}/{rest}" for side in paths for rest in ("Pty/Nm", "Nm")]
    return Booking(
        amount=amount,
        currency=whole.currency,
        booked_on=whole.booked_on,
        value_on=whole.value_on,
        counterparty=detail.say(*names) or "",
        text=" ".join(texts) or detail.say("AddtlTxInf") or whole.text,
        end_to_end_id=None if end_to_end == "NOTPROVIDED" else end_to_end,
        reference=detail.say("Refs/AcctSvcrRef") or whole.reference,
        code=_code(detail) or whole.code,
        return_reason=detail.say("RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        returned=whole.returned or detail.first("RtrInf") is not None,
    )


def _code(told: Element) -> str | None:
    domain = told.first("BkTxCd/Domn")
    if domain is None:
        return told.say("BkTxCd/Prtry/Cd")
    return "-".join(domain.say(path) or "" for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd"))


def _sign(told: Element) -> int:
    side = told.say("CdtDbtInd")
    if side not in ("CRDT", "DBIT"):
        raise UnreadableFile("CdtDbtInd", side, "must be CRDT or DBIT")
    return 1 if side == "CRDT" else -1
