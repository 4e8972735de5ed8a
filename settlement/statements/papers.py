"""A statement as files: JSON, CSV, and PDF by typst. The same statement gives the same bytes.

The JSON has what was fixed when the statement was drafted and issued, and nothing that is learned later: not by which
seal its month was sealed, nor that another revision has replaced it. So its SHA-256, which the paper and the public
page carry, is that of a file made years later too. Paper and CSV name the seal besides, once there is one.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from ledger.money import format_amount
from ledger.sheets import csv_text, decimal_of
from licensing.certificates.labels import Language
from licensing.certificates.numbers import printed
from licensing.typesetting import typeset
from settlement.statements.drafting import BALANCES
from settlement.statements.labels import LABELS
from settlement.statements.reading import Amounts, EarningsLine, Statement, StatementSeal, Summary

_TEMPLATE = Path(__file__).parent / "templates" / "statement.typ"
_MOST_PRINTED = 1000
"""Lines of a paper; what more there are is one line, and in the other forms."""

_KEPT_IN: Language = "en"
"""What the books tell in words; papers in it say so to the letter."""
Telling = Callable[[str, Language], str]
"""What the books tell, such as an entry's description, in a language; what people typed stays as they typed it."""

_COLUMNS = (
    *("line", "kind", "submission_id", "product", "entry_id", "label", "sales", "currency", "amount", *BALANCES),
    *("code", "revision", "seal_no", "seal_hash"),
)


class Whole(msgspec.Struct, frozen=True):
    """A statement with all its lines."""

    statement: Statement
    summary: Sequence[Summary]
    lines: Sequence[EarningsLine]


class StatementFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed of a statement: all of it but its seal, and what has become of it since."""

    statement_id: int
    month: str
    revision: int
    state: Literal["draft", "submitted", "issued"]
    book: str
    host: str
    party: str
    name: str
    currency: str
    opening: Amounts
    closing: Amounts
    issued_at: datetime | None
    code: str


class StatementFile(msgspec.Struct, frozen=True):
    """A statement with all its lines, as a file that never changes once it is issued."""

    statement: StatementFacts
    summary: Sequence[Summary]
    lines: Sequence[EarningsLine]


def json_of(whole: Whole) -> bytes:
    """A `StatementFile`: members in order of their names, no blanks, UTF-8."""
    facts = {name: getattr(whole.statement, name) for name in StatementFacts.__struct_fields__}
    if whole.statement.state == "superseded":
        facts["state"] = "issued"
    return msgspec.json.encode(StatementFile(StatementFacts(**facts), whole.summary, whole.lines), order="sorted")


def sha256_of(whole: Whole) -> str:
    """Of `json_of`, in hexadecimal: what a paper carries."""
    return hashlib.sha256(json_of(whole)).hexdigest()


def file_name(statement: Statement, form: str, language: Language | None = None) -> str:
    """Its name where it is handed out: `statement-lina-2026-10-clipper-7-CNY.csv`; later revisions say theirs."""
    revision = f"r{statement.revision}" if statement.revision > 1 else None
    words = ("statement", statement.book, statement.month, statement.party, statement.currency, revision, language)
    return f"{'-'.join(filter(None, words))}.{form}"


# CSV ----------------------------------------------------------------------------------------------------------


def csv_of(whole: Whole) -> str:
    """A row for each line, after the opening and before the closing. Amounts are decimals, and no text is a formula."""
    return csv_text(_rows(whole))


def _rows(whole: Whole) -> Iterator[Sequence[object]]:
    statement = whole.statement
    currency = statement.currency
    nothing = ("",) * 5
    seal = ("", "") if statement.seal is None else msgspec.structs.astuple(statement.seal)
    proof = (statement.code, statement.revision, *seal)
    yield _COLUMNS
    yield 0, "opening", *nothing, currency, *_decimals(statement.opening, currency), *proof
    for line in whole.lines:
        of_what = (line.submission_id, line.product, line.entry_id, line.label, line.sales)
        yield line.line_no, line.kind, *of_what, currency, *_decimals(line.amounts, currency), *proof
    yield len(whole.lines) + 1, "closing", *nothing, currency, *_decimals(statement.closing, currency), *proof


def _decimals(amounts: Amounts, currency: str) -> tuple[Decimal, ...]:
    each = (amounts.total, *(getattr(amounts, name) for name in BALANCES))
    return tuple(decimal_of(amount, currency) for amount in each)


# PDF ----------------------------------------------------------------------------------------------------------


def verify_url(public_url: str, code: str) -> str:
    """The address that tells anybody who has the paper whether it holds."""
    return f"{public_url}/s/{code}"


def pdf_of(whole: Whole, language: Language, public_url: str, tell: Telling) -> bytes:
    """PDF/UA-1; see `licensing.typesetting`. It takes a moment of processor time: call it in a thread.

    `public_url` is the service's own address, where whoever holds the paper may ask about it.
    """
    return typeset(_TEMPLATE, msgspec.json.encode(_document(whole, language, public_url, tell)))


def _document(whole: Whole, language: Language, public_url: str, tell: Telling) -> dict[str, Any]:
    statement, say = whole.statement, LABELS[language]

    def money(amount: int) -> str:
        return format_amount(amount, statement.currency)

    def moved(amounts: Amounts) -> tuple[str, str]:
        """What it adds to the total, and where."""
        each = [(name, getattr(amounts, name)) for name in BALANCES]
        return money(amounts.total), "  ".join(f"{say[name]} {money(amount)}" for name, amount in each if amount)

    rows = [
        (
            say[f"kind_{line.kind}"],
            _named(line, language, tell),
            f"{line.sales:,}" if line.sales else "",
            *moved(line.amounts),
        )
        for line in whole.lines[:_MOST_PRINTED]
    ]
    if rest := whole.lines[_MOST_PRINTED:]:
        rows.append(("", say["more"].format(count=len(rest)), "", *moved(_summed(line.amounts for line in rest))))
    return {
        "labels": say,
        "language": language,
        "statement": statement,
        "state": state_of(statement.issued_at, statement.replaced_by, language),
        "in_force": statement.state == "issued",
        "opening": money(statement.opening.total),
        "closing": money(statement.closing.total),
        "summary": [(say[f"kind_{each.kind}"], f"{each.lines:,}", *moved(each.amounts)) for each in whole.summary],
        "balances": [
            (say[name], money(getattr(statement.opening, name)), money(getattr(statement.closing, name)))
            for name in (*BALANCES, "total")
        ],
        "lines": rows,
        "code": None if statement.issued_at is None else printed(statement.code),
        "verify_url": verify_url(public_url, statement.code),
        "sha256": sha256_of(whole),
        "seal": sealed_of(statement.seal, language),
    }


def state_of(issued_at: datetime | None, replaced_by: int | None, language: Language) -> str:
    """Whether it counts, in words."""
    say = LABELS[language]
    if issued_at is None:
        return say["draft"]
    if replaced_by is not None:
        return say["superseded"].format(moment=moment(issued_at), revision=replaced_by)
    return say["issued"].format(moment=moment(issued_at))


def sealed_of(seal: StatementSeal | None, language: Language) -> list[str]:
    """A seal's number and hash, or that there is none yet."""
    say = LABELS[language]
    return [say["unsealed"]] if seal is None else [say["sealed"].format(number=seal.seal_no), seal.seal_hash]


def moment(at: datetime) -> str:
    """In UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _named(line: EarningsLine, language: Language, tell: Telling) -> str:
    """Which clip, product or entry it is about, if any."""
    say = LABELS[language]
    if line.submission_id is not None:
        return say["clip"].format(title=line.label, number=line.submission_id)
    if line.product is not None:
        return say["product"].format(product=line.product)
    if line.entry_id is not None:
        description = line.label if language == _KEPT_IN else tell(line.label or "", language)
        return say["entry"].format(description=description, number=line.entry_id)
    return ""


def _summed(several: Iterable[Amounts]) -> Amounts:
    columns = zip(*(msgspec.structs.astuple(amounts) for amounts in several), strict=True)
    return Amounts(*(sum(column) for column in columns))
