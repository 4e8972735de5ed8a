"""Rows as CSV for spreadsheets: no text in it is taken for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from ledger.money import exponent

# What makes a spreadsheet read a cell as a formula (OWASP, "CSV Injection"), the full-width forms included.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """The rows; None is empty."""
    out = io.StringIO()
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it, unless it is a number."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return f"{value:f}" if isinstance(value, Decimal) else value


def decimal_of(amount: int, currency: str) -> Decimal:
    """Minor units as the currency is written: 13020 of CNY is 130.20. Raises UnknownCurrency."""
    return Decimal(amount).scaleb(-exponent(currency))
