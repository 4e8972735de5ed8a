"""A statement as files: JSON, CSV, and PDF by typst. The same statement gives the same bytes.

Everything in them was fixed when the statement was drafted and issued, so that a file made years later is the same.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from ledger.money import exponent, format_amount
from licensing.certificates.labels import Language
from licensing.typesetting import typeset
from settlement.statements.drafting import BALANCES
from settlement.statements.labels import LABELS
from settlement.statements.reading import Amounts, EarningsLine, Statement, Summary

_TEMPLATE = Path(__file__).parent / "templates" / "statement.typ"
_MOST_PRINTED = 1000
"""Lines of a paper; what more there are is one line, and in the other forms."""

# What makes a spreadsheet read a cell as a formula (OWASP, "CSV Injection"), the full-width forms included.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_COLUMNS = ("line", "kind", "submission_id", "product", "entry_id", "label", "sales", "currency", "amount", *BALANCES)


class Whole(msgspec.Struct, frozen=True):
    """A statement with all its lines."""

    statement: Statement
    summary: Sequence[Summary]
    lines: Sequence[EarningsLine]


def json_of(whole: Whole) -> bytes:
    """Members in order of their names, no blanks, UTF-8."""
    return msgspec.json.encode(whole, order="sorted")


def sha256_of(whole: Whole) -> str:
    """Of `json_of`, in hexadecimal: what a paper carries."""
    return hashlib.sha256(json_of(whole)).hexdigest()


# CSV ----------------------------------------------------------------------------------------------------------


def csv_of(whole: Whole) -> str:
    """A row for each line, after the opening and before the closing. Amounts are decimals, and no text is a formula."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in _rows(whole))
    return out.getvalue()


def _rows(whole: Whole) -> Iterator[Sequence[object]]:
    statement = whole.statement
    currency = statement.currency
    nothing = ("",) * 5
    yield _COLUMNS
    yield 0, "opening", *nothing, currency, *_decimals(statement.opening, currency)
    for line in whole.lines:
        of_what = (line.submission_id, line.product, line.entry_id, line.label, line.sales)
        yield line.line_no, line.kind, *of_what, currency, *_decimals(line.amounts, currency)
    yield len(whole.lines) + 1, "closing", *nothing, currency, *_decimals(statement.closing, currency)


def _decimals(amounts: Amounts, currency: str) -> tuple[Decimal, ...]:
    each = (amounts.total, *(getattr(amounts, name) for name in BALANCES))
    return tuple(Decimal(amount).scaleb(-exponent(currency)) for amount in each)


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; a number stays one."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return f"{value:f}" if isinstance(value, Decimal) else value


# PDF ----------------------------------------------------------------------------------------------------------


def pdf_of(whole: Whole, language: Language) -> bytes:
    """PDF/UA-1; see `licensing.typesetting`. It takes a moment of processor time: call it in a thread."""
    return typeset(_TEMPLATE, msgspec.json.encode(_document(whole, language)))


def _document(whole: Whole, language: Language) -> dict[str, Any]:
    statement, say = whole.statement, LABELS[language]
    issued = statement.issued_at

    def money(amount: int) -> str:
        return format_amount(amount, statement.currency)

    def moved(amounts: Amounts) -> tuple[str, str]:
        """What it adds to the total, and where."""
        each = [(name, getattr(amounts, name)) for name in BALANCES]
        return money(amounts.total), "  ".join(f"{say[name]} {money(amount)}" for name, amount in each if amount)

    rows = [
        (say[f"kind_{line.kind}"], _named(line, say), f"{line.sales:,}" if line.sales else "", *moved(line.amounts))
        for line in whole.lines[:_MOST_PRINTED]
    ]
    if rest := whole.lines[_MOST_PRINTED:]:
        rows.append(("", say["more"].format(count=len(rest)), "", *moved(_summed(line.amounts for line in rest))))
    return {
        "labels": say,
        "language": language,
        "statement": statement,
        "state": say["draft"] if issued is None else say["issued"].format(moment=_moment(issued)),
        "in_force": issued is not None,
        "opening": money(statement.opening.total),
        "closing": money(statement.closing.total),
        "summary": [(say[f"kind_{each.kind}"], f"{each.lines:,}", *moved(each.amounts)) for each in whole.summary],
        "balances": [
            (say[name], money(getattr(statement.opening, name)), money(getattr(statement.closing, name)))
            for name in (*BALANCES, "total")
        ],
        "lines": rows,
        "sha256": sha256_of(whole),
    }


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _named(line: EarningsLine, say: dict[str, str]) -> str:
    """Which clip, product or entry it is about, if any."""
    if line.submission_id is not None:
        return say["clip"].format(title=line.label, number=line.submission_id)
    if line.product is not None:
        return say["product"].format(product=line.product)
    if line.entry_id is not None:
        return say["entry"].format(description=line.label, number=line.entry_id)
    return ""


def _summed(several: Iterable[Amounts]) -> Amounts:
    columns = zip(*(msgspec.structs.astuple(amounts) for amounts in several), strict=True)
    return Amounts(*(sum(column) for column in columns))
