"""A statement on its papers: code, revision, SHA-256 and seal on each, and a beancount file that bean-check proves."""

import csv
import hashlib
import io
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from beancount import loader
from beancount.core.data import Balance, Transaction
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.tellings import told as tell
from ledger.money import CURRENCIES
from licensing.certificates.labels import Language
from settlement.statements import papers
from settlement.statements.papers import Whole
from settlement.statements.plaintext import beancount_of
from settlement.statements.reading import Amounts, EarningsLine, Kind, Statement, StatementSeal, Summary
from tests.licensing.house import Granted, Host, NewGrant
from tests.settlement.books import Closer
from tests.settlement.till import Till, by, facts

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
HERE = "https://clips.example.com"
CODE = "0123456789abcdef0123456789abcdef"
HASH = "ab" * 32
NOTHING = Amounts(0, 0, 0, 0, 0, 0, 0)
NASTY = 'the "first" \\ sale\nof 丽娜 – 😀;\r\n\ttab'


def amounts(held: int, available: int, reserve: int, frozen: int, paying: int, recoverable: int) -> Amounts:
    total = held + available + reserve + frozen + paying - recoverable
    return Amounts(held, available, reserve, frozen, paying, recoverable, total)


def line(number: int, kind: Kind, moved: Amounts, **about: object) -> EarningsLine:
    said = {"submission_id": None, "product": None, "entry_id": None, "label": None, "sales": 1, **about}
    return msgspec.convert(
        {"line_no": number, "kind": kind, "amounts": msgspec.to_builtins(moved), **said}, EarningsLine
    )


def whole(*lines: EarningsLine, opening: Amounts = NOTHING, **more: Any) -> Whole:
    """An issued one, whose closing is what its lines make it."""
    sums = [sum(getattr(its, name) for its in (opening, *(each.amounts for each in lines))) for name in _NAMES]
    its: dict[str, Any] = {
        "statement_id": 4711,
        "month": "2026-10",
        "revision": 1,
        "state": "issued",
        "book": "lina-9",
        "host": NASTY,
        "party": "clipper-7",
        "name": "Ana",
        "currency": "CNY",
        "opening": opening,
        "closing": amounts(*sums),
        "issued_at": datetime(2026, 11, 3, 9, 30, 12, tzinfo=UTC),
        "replaced_by": None,
        "code": CODE,
        "seal": None,
        **more,
    }
    kinds = dict.fromkeys(each.kind for each in lines)
    summary = [Summary(kind, 1, next(each.amounts for each in lines if each.kind == kind)) for kind in kinds]
    return Whole(Statement(**its), summary, lines)


_NAMES = ("held", "available", "reserve", "frozen", "paying", "recoverable")
MONTH = (
    line(1, "earned", amounts(6_640, 0, 0, 0, 0, 0), submission_id=17, label=NASTY, sales=3),
    line(2, "refund", amounts(-2_040, -100, 0, 0, 0, 0), product="P;1\n2"),
    line(3, "adjustment", amounts(0, 100, 0, 0, 0, 0), entry_id=9, label="A gift", sales=0),
    line(4, "true-up", amounts(50, 0, 0, 0, 0, 0), entry_id=10, label="Tiers", sales=0),
    line(5, "release", amounts(-1_000, 1_000, 0, 0, 0, 0)),
    line(6, "reserve", amounts(0, -66, 66, 0, 0, 0)),
    line(7, "frozen", amounts(-10, 0, 0, 10, 0, 0)),
    line(8, "recovery", amounts(0, -30, 0, 0, 0, -30), entry_id=11, label="Recovered", sales=0),
    line(9, "withholding", amounts(0, -40, 0, 0, 0, 0), entry_id=12, label="Tax", sales=0),
    line(10, "payout", amounts(0, -500, 0, 0, 500, 0), entry_id=13, label="Approved", sales=0),
    line(11, "payout", amounts(0, 0, 0, 0, -500, 0), entry_id=14, label="Arrived", sales=0),
)
OPENING = amounts(100, 20, 3, 0, 0, 30)


# Beancount --------------------------------------------------------------------------------------------------


def test_bean_check_proves_a_statement(tmp_path: Path) -> None:
    path = tmp_path / "statement.beancount"
    path.write_text(beancount_of(whole(*MONTH, opening=OPENING)), encoding="utf-8")
    checked = subprocess.run([BEAN_CHECK, path], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_opening_each_line_and_the_closing_are_in_the_file() -> None:
    its = whole(*MONTH, opening=OPENING)
    entries, errors, options = loader.load_string(beancount_of(its))
    assert errors == []
    transactions = [each for each in entries if isinstance(each, Transaction)]
    assert [each.narration for each in transactions][:4] == [
        "Opening balance",
        f"earned: {NASTY}".replace("\r\n", "\r\n"),
        "refund: P;1\n2",
        "adjustment: A gift",
    ]
    assert len(transactions) == 1 + len(MONTH)
    assert {each.date for each in transactions} == {date(2026, 10, 1), date(2026, 10, 31)}
    earned = legs(transactions[1])
    assert earned == {"Assets:Lina-9:Held": Decimal("66.40"), "Income:Lina-9:Earned": Decimal("-66.40")}
    tax = legs(transactions[9])
    assert tax == {"Assets:Lina-9:Available": Decimal("-0.40"), "Expenses:Lina-9:Withholding": Decimal("0.40")}
    released = {posting.account for posting in transactions[5].postings}
    assert released == {"Assets:Lina-9:Held", "Assets:Lina-9:Available"}
    closing = {each.account: each.amount.number for each in entries if isinstance(each, Balance)}
    assert closing == {
        "Assets:Lina-9:Held": Decimal("37.40"),
        "Assets:Lina-9:Available": Decimal("3.84"),
        "Assets:Lina-9:Reserve": Decimal("0.69"),
        "Assets:Lina-9:Frozen": Decimal("0.10"),
        "Assets:Lina-9:Paying": Decimal("0.00"),
        "Liabilities:Lina-9:Recoverable": Decimal("0.00"),
    }
    assert {each.date for each in entries if isinstance(each, Balance)} == {date(2026, 11, 1)}
    assert options["operating_currency"] == ["CNY"]


def legs(transaction: Transaction) -> dict[str, Decimal | None]:
    return {each.account: each.units.number for each in transaction.postings if each.units is not None}


def test_a_closing_that_is_not_the_lines_fails_the_check() -> None:
    its = whole(*MONTH)
    wrong = msgspec.structs.replace(its.statement, closing=amounts(1, 0, 0, 0, 0, 0))
    _, errors, _ = loader.load_string(beancount_of(Whole(wrong, its.summary, its.lines)))
    assert any("Balance failed" in error.message for error in errors)


_AMOUNT = st.integers(-(10**15), 10**15)
_MOVED = st.builds(amounts, *[_AMOUNT] * 6)
_KINDS = st.sampled_from(sorted({each.kind for each in MONTH}))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(_KINDS, _MOVED, _TEXT), max_size=6), _MOVED, st.sampled_from(sorted(CURRENCIES)), _TEXT)
def test_whatever_is_in_it_beancount_takes_it(
    told: list[tuple[Kind, Amounts, str]], opening: Amounts, currency: str, name: str
) -> None:
    lines = [line(number, kind, moved, label=said) for number, (kind, moved, said) in enumerate(told, 1)]
    its = whole(*lines, opening=opening, currency=currency, name=name, host=name, month="2026-12")
    _, errors, _ = loader.load_string(beancount_of(its))
    assert errors == []


# JSON, CSV, PDF ---------------------------------------------------------------------------------------------


def test_the_json_stays_what_it_was_when_the_statement_was_issued() -> None:
    issued = whole(*MONTH)
    sealed = whole(*MONTH, seal=StatementSeal(3, HASH))
    replaced = whole(*MONTH, seal=StatementSeal(3, HASH), state="superseded", replaced_by=2)
    assert papers.json_of(issued) == papers.json_of(sealed) == papers.json_of(replaced)
    assert papers.sha256_of(issued) == hashlib.sha256(papers.json_of(issued)).hexdigest()
    told = json.loads(papers.json_of(issued))
    assert (told["statement"]["code"], told["statement"]["revision"], told["statement"]["state"]) == (CODE, 1, "issued")
    assert "seal" not in told["statement"]
    assert papers.json_of(whole(*MONTH, revision=2)) != papers.json_of(issued)
    assert json.loads(papers.json_of(whole(state="draft", issued_at=None)))["statement"]["state"] == "draft"


def test_each_row_of_the_csv_bears_code_revision_and_seal() -> None:
    rows = [*csv.DictReader(io.StringIO(papers.csv_of(whole(*MONTH, revision=2, seal=StatementSeal(3, HASH)))))]
    assert {(row["code"], row["revision"], row["seal_no"], row["seal_hash"]) for row in rows} == {
        (CODE, "2", "3", HASH)
    }
    rows = [*csv.DictReader(io.StringIO(papers.csv_of(whole(*MONTH))))]
    assert {(row["seal_no"], row["seal_hash"]) for row in rows} == {("", "")}


def test_a_paper_bears_its_proof() -> None:
    document = papers._document(whole(*MONTH, seal=StatementSeal(3, HASH)), "en", HERE, tell)
    assert document["code"] == "0123-4567-89ab-cdef-0123-4567-89ab-cdef"
    assert document["verify_url"] == f"{HERE}/s/{CODE}"
    assert document["sha256"] == papers.sha256_of(whole(*MONTH))
    assert document["seal"] == ["Number 3", HASH]
    assert (document["state"], document["in_force"]) == ("Issued 2026-11-03 09:30:12 UTC", True)
    assert papers._document(whole(*MONTH), "en", HERE, tell)["seal"] == ["Not sealed yet"]
    assert papers._document(whole(*MONTH), "zh", HERE, tell)["seal"] == ["尚未封存"]
    replaced = papers._document(whole(*MONTH, state="superseded", replaced_by=2), "en", HERE, tell)
    assert (replaced["state"], replaced["in_force"]) == (
        "Issued 2026-11-03 09:30:12 UTC, superseded by revision 2",
        False,
    )
    draft = papers._document(whole(state="draft", issued_at=None), "en", HERE, tell)
    assert (draft["code"], draft["state"]) == (None, "Draft, not issued")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seal", [None, StatementSeal(3, HASH)])
@pytest.mark.parametrize("state", ["draft", "issued", "superseded"])
def test_the_same_statement_is_the_same_paper(language: Language, seal: StatementSeal | None, state: str) -> None:
    changes: dict[str, dict[str, Any]] = {"draft": {"issued_at": None}, "superseded": {"replaced_by": 2}, "issued": {}}
    plain = [msgspec.structs.replace(each, label=each.label and "丽娜: clip") for each in MONTH]
    its = whole(*plain, seal=seal, state=state, host="丽娜", **changes[state])
    paper = papers.pdf_of(its, language, HERE, tell)
    assert paper == papers.pdf_of(its, language, HERE, tell)
    assert b"pdfuaid:part" in paper
    assert (f"{HERE}/s/{CODE}".encode() in paper) == (state != "draft")  # as a link's address


def test_a_paper_tells_what_the_books_do_in_its_language_and_what_people_typed_as_they_typed_it() -> None:
    telling = [
        line(1, "adjustment", amounts(0, 100, 0, 0, 0, 0), entry_id=9, label="Adjustment 7: Tiers miscounted", sales=0),
        line(2, "release", amounts(-50, 50, 0, 0, 0, 0), entry_id=10, label="True-ups released", sales=0),
        line(3, "payout", amounts(0, -100, 0, 0, 100, 0), entry_id=11, label="Payout 3: approved", sales=0),
        line(4, "earned", amounts(5, 0, 0, 0, 0, 0), submission_id=18, label="True-ups released"),
        line(5, "adjustment", amounts(0, 1, 0, 0, 0, 0), entry_id=12, label="Paid by douyin: R1", sales=0),
    ]
    its = whole(*telling)

    def named(language: Language) -> list[str]:
        return [row[1] for row in papers._document(its, language, HERE, tell)["lines"]]

    assert named("zh") == [
        "调整 7：Tiers miscounted（分录 9）",
        "月末调整解除待结算（分录 10）",
        "打款 3：已批准（分录 11）",
        "True-ups released（切片 18）",
        "抖音 回款：R1（分录 12）",
    ]
    assert named("en")[1:] == [
        "True-ups released (entry 10)",
        "Payout 3: approved (entry 11)",
        "True-ups released (clip 18)",
        "Paid by douyin: R1 (entry 12)",
    ]
    assert papers._document(its, "zh", HERE, tell)["sha256"] == papers.sha256_of(its)


def test_a_later_revision_has_a_name_of_its_own() -> None:
    first, second = whole().statement, whole(revision=2).statement
    assert papers.file_name(first, "csv") == "statement-lina-9-2026-10-clipper-7-CNY.csv"
    assert papers.file_name(second, "pdf", "zh") == "statement-lina-9-2026-10-clipper-7-CNY-r2-zh.pdf"


async def test_a_real_month_is_accepted_for_every_party(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    granted: Granted = await new_grant(host)
    till = Till(app_engine, host)
    closer = Closer(till)
    a, _ = await till.sell(facts(**by(granted), due=13_020), facts(**by(granted), due=8_000, product='"17\\'))
    await till.tell(a, due=4_000)
    await closer.close()
    for party in ("host", f"clipper-{granted.clipper.clipper_id}"):
        _, errors, _ = loader.load_string(beancount_of(await closer.statement(party)))
        assert errors == []
