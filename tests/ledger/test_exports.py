"""A book leaves the house whole: bean-check proves its sums, and every format agrees with the trial balance."""

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from beancount import loader
from beancount.core.data import Balance, Open, Transaction
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.balances import Moment, trial_balance
from ledger.books import Book, open_book
from ledger.entries import Line, NewEntry, post, post_batch, reverse
from ledger.exports import Format, beancount_name, export_book, trial_balance_csv
from ledger.money import CURRENCIES

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
SHOP = "liabilities:held:lina.shop_1"
TELLING = 'the "first" \\ sale\nof 丽娜 – 😀;\r\n\ttab'


def entry(key: str, day: date, *lines: Line, **more: Any) -> NewEntry:
    return NewEntry(idempotency_key=key, effective_on=day, lines=lines, **{"description": f"About {key}", **more})


async def new_book(engine: AsyncEngine, *accounts: tuple[str, str], name: str = "A book") -> Book:
    async with engine.begin() as connection:
        book = await open_book(connection, f"book-{uuid4().hex}", name, "Asia/Shanghai")
        await ensure_accounts(connection, book.book_id, [NewAccount(*account) for account in accounts])
    return book


async def in_transaction(engine: AsyncEngine, operation: Any, *arguments: Any, **named: Any) -> Any:
    async with engine.begin() as connection:
        return await operation(connection, *arguments, **named)


@pytest.fixture(scope="session")
async def book(app_engine: AsyncEngine) -> Book:
    """Three exponents, an account in two currencies, a parent with postings of its own, a late fact, a reversal."""
    book = await new_book(
        app_engine,
        *(("assets:bank", "CNY"), ("assets:bank", "JPY"), ("assets:bank:kuwait", "KWD"), ("assets:bank:sub", "CNY")),
        *(("income:sales", "CNY"), ("income:sales", "JPY"), ("income:Sales", "KWD"), (SHOP, "CNY")),
        *(("equity:never-used", "CNY"), ("liabilities:held:9-lives", "CNY")),
        name='Lina\'s "shop"\\ 丽娜',
    )
    sale = entry("sale", date(2026, 9, 5), Line("assets:bank", "CNY", 123450), Line(SHOP, "CNY", -123450))
    entries = [
        entry("yen", date(2026, 9, 6), Line("assets:bank", "JPY", 7), Line("income:sales", "JPY", -7)),
        entry("kwd", date(2026, 9, 7), Line("assets:bank:kuwait", "KWD", -1), Line("income:Sales", "KWD", 1)),
        entry("sub", date(2026, 9, 7), Line("assets:bank:sub", "CNY", 50), Line("income:sales", "CNY", -50)),
        entry(
            '=1+1"\n',
            date(2026, 9, 30),
            *(Line("assets:bank", "CNY", 100), Line("income:sales", "CNY", -100)),
            *(Line("assets:bank", "JPY", 9), Line("income:sales", "JPY", -9)),
            description=TELLING,
            metadata={"order": '=HYPERLINK("x")', "备注": "two\nlines"},
        ),
        entry(
            "late",
            date(2026, 8, 31),
            *(Line("liabilities:held:9-lives", "CNY", -3), Line("assets:bank", "CNY", 3)),
            period=date(2026, 9, 1),
        ),
    ]
    first = await in_transaction(app_engine, post, book.book_id, sale)
    await in_transaction(app_engine, post_batch, book.book_id, entries)
    await in_transaction(
        app_engine, reverse, book.book_id, first.entry_id, idempotency_key="undo", effective_on=date(2026, 10, 2)
    )
    return book


async def exported(engine: AsyncEngine, book: Book, form: Format) -> str:
    async with engine.connect() as connection:
        return "".join([block async for block in export_book(connection, book, form)])


async def balances(engine: AsyncEngine, book: Book) -> dict[tuple[str, str], int]:
    async with engine.connect() as connection:
        trial = await trial_balance(connection, book.book_id)
    return {(row.code, row.currency): row.balance for row in trial.rows}


def minor_units(amount: Decimal, currency: str) -> int:
    units = amount.scaleb(CURRENCIES[currency])
    assert units == int(units)
    return int(units)


def bean_check(ledger: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (file := folder / "book.beancount").write_text(ledger, encoding="utf-8")
    return subprocess.run([BEAN_CHECK, "--no-cache", file], capture_output=True, text=True, check=False)


# Beancount -----------------------------------------------------------------------------------------------------


async def test_bean_check_accepts_the_book(app_engine: AsyncEngine, book: Book, tmp_path: Path) -> None:
    done = bean_check(await exported(app_engine, book, "beancount"), tmp_path)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


async def test_bean_check_finds_an_amount_that_was_changed_by_one_unit(
    app_engine: AsyncEngine, book: Book, tmp_path: Path
) -> None:
    """In both lines, so that the entry still balances: only the assertions at the end can tell."""
    ledger = await exported(app_engine, book, "beancount")
    done = bean_check(ledger.replace("0.50 CNY", "0.51 CNY"), tmp_path)

    assert done.returncode == 1
    assert "Balance failed for 'Assets:Bank:Sub'" in done.stderr


async def test_the_sums_in_beancount_are_those_of_the_trial_balance(app_engine: AsyncEngine, book: Book) -> None:
    directives, errors, _ = loader.load_string(await exported(app_engine, book, "beancount"))
    codes = {each.account: each.meta["code"] for each in directives if isinstance(each, Open)}
    sums: Counter[tuple[str, str]] = Counter()
    for each in directives:
        for posting in each.postings if isinstance(each, Transaction) else []:
            units = posting.units
            assert units is not None
            assert isinstance(units.number, Decimal)
            sums[codes[posting.account], units.currency] += minor_units(units.number, units.currency)

    assert errors == []
    assert dict(sums) == await balances(app_engine, book)
    assert sums[SHOP, "CNY"] == 0


async def test_every_account_is_opened_and_every_used_one_asserted(app_engine: AsyncEngine, book: Book) -> None:
    directives, _, _ = loader.load_string(await exported(app_engine, book, "beancount"))
    opened = {each.account: (each.date, each.currencies) for each in directives if isinstance(each, Open)}
    asserted = [each for each in directives if isinstance(each, Balance)]

    assert opened["Assets:Bank"] == (date(2026, 8, 31), ["CNY", "JPY"])
    assert opened["Liabilities:Held:9-lives"][0] == date(2026, 8, 31)
    assert opened["Liabilities:Held:Lina--2eshop--5f1"] == (date(2026, 9, 5), ["CNY"])
    assert "Equity:Never-used" in opened
    assert {each.date for each in asserted} == {date(2026, 10, 3)}
    assert len(asserted) == len(await balances(app_engine, book))
    bank = next(each for each in asserted if (each.account, each.amount.currency) == ("Assets:Bank", "CNY"))
    assert bank.amount.number == Decimal("1.53"), "an assertion counts the accounts below too"


async def test_an_entrys_text_key_and_reversal_survive_in_beancount(app_engine: AsyncEngine, book: Book) -> None:
    directives, _, _ = loader.load_string(await exported(app_engine, book, "beancount"))
    by_key = {each.meta["idempotency-key"]: each for each in directives if isinstance(each, Transaction)}
    told, sale, undo = by_key['=1+1"\n'], by_key["sale"], by_key["undo"]

    assert told.narration == TELLING
    assert json.loads(told.meta["metadata"]) == {"order": '=HYPERLINK("x")', "备注": "two\nlines"}
    assert undo.meta["reverses"] == sale.meta["entry"]
    assert sale.links == {f"entry-{sale.meta['entry']}"} < undo.links
    assert (by_key["late"].date, by_key["late"].meta["period"]) == (date(2026, 8, 31), "2026-09")


WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,12}", fullmatch=True)


def code_of(name: str) -> str:
    """The inverse of `beancount_name`."""

    def word(shown: str) -> str:
        plain = shown.removeprefix("X--") if re.match(r"X--[A-Z]", shown) else shown[0].lower() + shown[1:]
        return re.sub(r"--(5f|2e|2d)", lambda found: chr(int(found[1], 16)), plain)

    return ":".join(word(shown) for shown in name.split(":"))


@given(st.lists(WORDS | st.sampled_from(["X", "x--A", "X--A", "a--5f", "a-_", "a--.", "-".join("a1-")]), min_size=1))
def test_an_account_has_a_name_that_beancount_takes_and_that_leads_back(words: list[str]) -> None:
    code = ":".join(["assets", *(word for word in words if word[0].isalnum())])
    name = beancount_name(code)

    assert re.fullmatch(r"Assets(:[A-Z0-9][A-Za-z0-9-]*)*", name)
    assert code_of(name) == code


async def test_a_book_that_reaches_the_end_of_the_calendar_is_exported_without_assertions(
    app_engine: AsyncEngine, tmp_path: Path
) -> None:
    book = await new_book(app_engine, ("assets:a", "CNY"), ("income:b", "CNY"))
    typo = entry("typo", date.max, Line("assets:a", "CNY", 1), Line("income:b", "CNY", -1))
    await in_transaction(app_engine, post, book.book_id, typo)
    ledger = await exported(app_engine, book, "beancount")

    assert " balance " not in ledger
    assert bean_check(ledger, tmp_path).returncode == 0


@pytest.mark.parametrize("form", ["beancount", "csv", "json"])
async def test_an_empty_book_is_exported_too(app_engine: AsyncEngine, form: Format, tmp_path: Path) -> None:
    book = await new_book(app_engine, ("assets:a", "CNY"))
    said = await exported(app_engine, book, form)

    assert len(said.splitlines()) == {"beancount": 4, "csv": 1, "json": 0}[form]
    if form == "beancount":
        assert bean_check(said, tmp_path).returncode == 0


# CSV -----------------------------------------------------------------------------------------------------------


async def test_the_sums_in_csv_are_those_of_the_trial_balance(app_engine: AsyncEngine, book: Book) -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(app_engine, book, "csv"), newline="")))
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[row["account"], row["currency"]] += minor_units(Decimal(row["amount"]), row["currency"])

    assert dict(sums) == await balances(app_engine, book)
    assert {"1.53", "0.007", "-1"} & {row["amount"] for row in rows} == set()
    assert {row["amount"] for row in rows if row["currency"] == "KWD"} == {"-0.001", "0.001"}
    assert {row["amount"] for row in rows if row["idempotency_key"] == "yen"} == {"7", "-7"}


async def test_no_cell_of_a_csv_can_be_taken_for_a_formula(app_engine: AsyncEngine) -> None:
    book = await new_book(app_engine, ("assets:a", "CNY"), ("income:b", "CNY"))
    malicious = ["=1+1", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "-", "-1e5", "-12.50", "42"]
    entries = [
        entry(said, date(2026, 9, 1), Line("assets:a", "CNY", 1), Line("income:b", "CNY", -1), description=said)
        for said in malicious
    ]
    await in_transaction(app_engine, post_batch, book.book_id, entries)
    rows = list(csv.DictReader(io.StringIO(await exported(app_engine, book, "csv"), newline="")))
    shown = list(dict.fromkeys(row["description"] for row in rows))

    assert shown == [*(f"'{said}" for said in malicious[:-2]), "-12.50", "42"]
    assert [row["idempotency_key"] for row in rows[::2]] == shown
    assert {row["amount"] for row in rows} == {"0.01", "-0.01"}


async def test_a_csv_says_all_of_an_entry_on_each_of_its_rows(app_engine: AsyncEngine, book: Book) -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(app_engine, book, "csv"), newline="")))
    told = [row for row in rows if row["description"] == TELLING]
    late = next(row for row in rows if row["idempotency_key"] == "late")
    undo = next(row for row in rows if row["idempotency_key"] == "undo")

    assert [row["line"] for row in told] == ["1", "2", "3", "4"]
    assert json.loads(told[0]["metadata"]) == {"order": '=HYPERLINK("x")', "备注": "two\nlines"}
    assert (late["effective_on"], late["period"]) == ("2026-08-31", "2026-09")
    assert undo["reverses"] == rows[0]["entry_id"]


# JSON ----------------------------------------------------------------------------------------------------------


async def test_the_sums_in_json_are_those_of_the_trial_balance(app_engine: AsyncEngine, book: Book) -> None:
    entries = [json.loads(line) for line in (await exported(app_engine, book, "json")).splitlines()]
    sums: Counter[tuple[str, str]] = Counter()
    for each in entries:
        for line in each["lines"]:
            sums[line["account"], line["currency"]] += line["amount"]

    assert dict(sums) == await balances(app_engine, book)
    assert [each["entry_id"] for each in entries] == sorted(each["entry_id"] for each in entries)


# The trial balance as CSV --------------------------------------------------------------------------------------


async def test_a_trial_balance_lays_debits_and_credits_side_by_side(app_engine: AsyncEngine, book: Book) -> None:
    async with app_engine.connect() as connection:
        trial = await trial_balance(connection, book.book_id, Moment(as_of=date(2026, 9, 29)), depth=2)

    assert trial_balance_csv(trial).splitlines() == [
        "account,kind,currency,debit,credit",
        "assets:bank,asset,CNY,1235.03,",
        "assets:bank,asset,JPY,7,",
        "assets:bank,asset,KWD,,0.001",
        "income:Sales,income,KWD,0.001,",
        "income:sales,income,CNY,,0.50",
        "income:sales,income,JPY,,7",
        "liabilities:held,liability,CNY,,1234.53",
        "total,,CNY,1235.03,1235.03",
        "total,,JPY,7,7",
        "total,,KWD,0.001,0.001",
    ]


# Of one moment, and in bounded memory --------------------------------------------------------------------------


@pytest.fixture(scope="session")
async def long_book(app_engine: AsyncEngine) -> Book:
    """More than one block and one fetch of rows."""
    book = await new_book(app_engine, ("assets:a", "CNY"), ("income:b", "CNY"))
    entries = [
        entry(f"e{number}", date(2026, 9, 1), Line("assets:a", "CNY", number), Line("income:b", "CNY", -number))
        for number in range(1, 3001)
    ]
    await in_transaction(app_engine, post_batch, book.book_id, entries)
    return book


async def test_an_export_is_of_one_moment_however_long_it_takes(app_engine: AsyncEngine, long_book: Book) -> None:
    late = entry(f"late-{uuid4()}", date(2026, 9, 1), Line("assets:a", "CNY", 1), Line("income:b", "CNY", -1))
    engine = app_engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with engine.connect() as connection:
        blocks = export_book(connection, long_book, "json")
        first = await anext(blocks)
        await in_transaction(app_engine, post, long_book.book_id, late)
        rest = [block async for block in blocks]

    assert len(rest) > 1
    assert late.idempotency_key not in first + "".join(rest)
    assert late.idempotency_key in await exported(app_engine, long_book, "json")


async def test_a_long_book_is_fetched_by_cursors_some_rows_at_a_time(app_engine: AsyncEngine, long_book: Book) -> None:
    async def open_cursors(connection: AsyncConnection) -> list[str]:
        return list(await connection.scalars(text("SELECT statement FROM pg_cursors ORDER BY statement")))

    async with app_engine.connect() as connection:
        blocks = export_book(connection, long_book, "csv")
        first = await anext(blocks)
        during = await open_cursors(connection)
        rest = [block async for block in blocks]
        after = await open_cursors(connection)

    assert len(first) < 2 * 64 * 1024 < len("".join(rest))
    assert len(during) == 2
    assert after == []
