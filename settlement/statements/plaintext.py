"""A statement as plain-text accounting: a beancount file of its own, which `bean-check` proves.

It is in the party's own books that this is read: what the host owes it are its assets there, what it has earned its
income. Each line of the statement is a transaction on the month's last day, for a line sums up many days; the file ends
with every closing balance as an assertion. The same statement gives the same bytes.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from ledger.exports import beancount_name, quoted
from ledger.periods import next_month
from ledger.sheets import decimal_of
from licensing.certificates.numbers import printed
from settlement.statements.drafting import BALANCES
from settlement.statements.papers import Whole, sha256_of
from settlement.statements.reading import Amounts, EarningsLine, Kind, Statement

_OWED_BACK = "recoverable"
_OTHER_SIDE: dict[Kind, str] = {"withholding": "expenses:{book}:withholding", "payout": "equity:{book}:payout"}
"""What stands against a line that changes the total; for every other kind it is income of that kind."""


def beancount_of(whole: Whole) -> str:
    """The opening as an opening balance, each line as a transaction, the closing as assertions without tolerance."""
    return "".join(_pieces(whole))


def _pieces(whole: Whole) -> Iterator[str]:
    its = whole.statement
    first = date.fromisoformat(f"{its.month}-01")
    after = next_month(first)
    yield f"; statement {its.statement_id}, revision {its.revision}, {its.state}\n"
    yield f"; code {printed(its.code)}\n; sha-256 of statement.json {sha256_of(whole)}\n"
    if its.seal is not None:
        yield f"; seal {its.seal.seal_no} {its.seal.seal_hash}\n"
    yield f'option "title" {quoted(f"{its.name}: {its.host} {its.month} {its.currency}")}\n'
    yield f'option "operating_currency" {quoted(its.currency)}\n\n'
    for code in _accounts(whole):
        yield f"{first} open {beancount_name(code)} {its.currency}\n"
    opening = _postings(its, its.opening, f"equity:{its.book}:opening")
    if opening:
        yield f'\n{first} * {quoted(its.host)} "Opening balance" ^statement-{its.statement_id}\n{opening}'
    for line in whole.lines:
        yield _transaction(its, line, after - timedelta(days=1))
    yield "\n"
    for name in BALANCES:
        balance = _decimal(_signed(name, its.closing), its.currency)
        yield f"{after} balance {beancount_name(_account(its, name))}  {balance} ~ 0 {its.currency}\n"


def _accounts(whole: Whole) -> list[str]:
    """All that the file names, by their codes."""
    its = whole.statement
    others = {_other_side(its, line.kind) for line in whole.lines if line.amounts.total}
    if its.opening.total:
        others.add(f"equity:{its.book}:opening")
    return [*(_account(its, name) for name in BALANCES), *sorted(others)]


def _account(its: Statement, balance: str) -> str:
    kind = "liabilities" if balance == _OWED_BACK else "assets"
    return f"{kind}:{its.book}:{balance}"


def _other_side(its: Statement, kind: Kind) -> str:
    return _OTHER_SIDE.get(kind, "income:{book}:{kind}").format(book=its.book, kind=kind)


def _transaction(its: Statement, line: EarningsLine, on: date) -> str:
    said = line.kind if line.label is None and line.product is None else f"{line.kind}: {line.label or line.product}"
    told = {"line": line.line_no, "clip": line.submission_id, "entry": line.entry_id, "sales": line.sales or None}
    facts = "".join(f"  {name}: {quoted(str(value))}\n" for name, value in told.items() if value is not None)
    postings = _postings(its, line.amounts, _other_side(its, line.kind))
    return f"\n{on} * {quoted(its.host)} {quoted(said)} ^statement-{its.statement_id}\n{facts}{postings}"


def _postings(its: Statement, amounts: Amounts, other_side: str) -> str:
    """Those that are not zero, with what makes them balance."""
    parts = [(_account(its, name), _signed(name, amounts)) for name in BALANCES]
    parts.append((other_side, -amounts.total))
    return "".join(
        f"  {beancount_name(code)}  {_decimal(amount, its.currency)} {its.currency}\n"
        for code, amount in parts
        if amount
    )


def _signed(balance: str, amounts: Amounts) -> int:
    """Debits positive: what the party owes back is a credit."""
    amount: int = getattr(amounts, balance)
    return -amount if balance == _OWED_BACK else amount


def _decimal(amount: int, currency: str) -> str:
    return f"{decimal_of(amount, currency):f}"
