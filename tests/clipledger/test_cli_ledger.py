"""`clipledger ledger`, as an operator types it."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.audit import list_events
from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine
from ledger import Line, NewAccount, NewEntry, ensure_accounts, find_book, open_book, post_batch
from ledger import list_entries as entries_of

Run = Callable[..., Result]
BEAN_CHECK = Path(sys.executable).with_name("bean-check")
LONG = f"liabilities:held:{'clipper-' * 12}1"


def run_on(urls: DatabaseUrls) -> Run:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["ledger", *arguments], env={"DATABASE_URL": plain})

    return invoke


def on_database(url: str, work: Callable[[AsyncConnection], Any]) -> Any:
    """Run `work(connection)` in a loop of its own, as the commands do."""

    async def do() -> Any:
        engine = create_engine(url)
        async with engine.begin() as connection:
            done = await work(connection)
        await engine.dispose()
        return done

    return asyncio.run(do())


async def fill(connection: AsyncConnection) -> str:
    """A book with a sale in three currencies, two sales more, and one of them late."""
    book = await open_book(connection, f"book-{uuid4().hex}", "Lina's \x1b[31mshop", "Asia/Shanghai")
    currencies = ("CNY", "JPY", "KWD")
    accounts = [NewAccount(code, currency) for code in ("assets:bank", LONG) for currency in currencies]
    await ensure_accounts(connection, book.book_id, accounts)

    def sale(key: str, day: date, amount: int, **more: Any) -> NewEntry:
        lines = [(Line("assets:bank", name, amount), Line(LONG, name, -amount)) for name in more.pop("names", ["CNY"])]
        described = {"description": f"About {key}\n\x1b[31mred", **more}
        flat = tuple(line for pair in lines for line in pair)
        return NewEntry(idempotency_key=key, effective_on=day, lines=flat, **described)

    entries = [
        sale("first", date(2026, 9, 5), 1234567, names=currencies),
        sale("second", date(2026, 9, 6), -67),
        sale("late", date(2026, 8, 31), 500, period=date(2026, 9, 1)),
    ]
    await post_batch(connection, book.book_id, entries)
    return book.slug


@pytest.fixture(scope="module")
def run(urls: DatabaseUrls) -> Run:
    """The command line on the worker's database."""
    return run_on(urls)


@pytest.fixture(scope="module")
def book(urls: DatabaseUrls) -> str:
    """Only read by the tests."""
    return str(on_database(urls.app, fill))


@pytest.fixture
def own_book(urls: DatabaseUrls) -> str:
    return str(on_database(urls.app, fill))


def sealed(run: Run, book: str) -> str:
    """What `seal` says. Entries wait while any earlier transaction of the server is under way, of other tests too."""
    while (said := run("seal", "--book", book).output) == "Nothing to seal.\n":
        time.sleep(0.05)
    return said.strip()


# Books ---------------------------------------------------------------------------------------------------------


def test_an_opened_book_is_listed(run: Run) -> None:
    slug = f"book-{uuid4().hex}"
    opened = run("open-book", slug, "丽娜的店", "--time-zone", "Asia/Shanghai")
    listed = {book["slug"]: book for book in json.loads(run("books", "--json").stdout)}

    assert (opened.exit_code, opened.output) == (0, f"Opened book {slug}.\n")
    assert (listed[slug]["name"], listed[slug]["time_zone"]) == ("丽娜的店", "Asia/Shanghai")
    assert slug in run("books").output


def test_a_refusal_is_one_line(run: Run, book: str) -> None:
    taken = run("open-book", book, "Again")
    unknown = run("trial-balance", "--book", "no-such-book")

    assert (taken.exit_code, taken.output) == (1, f"Error: slug: a book's slug is unique (got {book})\n")
    assert (unknown.exit_code, unknown.output) == (1, "Error: book: no such book (got no-such-book)\n")


def test_what_a_terminal_would_obey_is_not_printed(run: Run, book: str) -> None:
    assert "\x1b" not in run("books").output + run("statement", "assets:bank", "CNY", "--book", book).output


# Balances ------------------------------------------------------------------------------------------------------


def test_a_trial_balance_stands_in_columns_with_its_points_below_each_other(run: Run, book: str) -> None:
    answer = run("trial-balance", "--book", book, "--depth", "2")

    assert answer.output.splitlines() == [
        "account           currency          debit         credit",
        "assets:bank       CNY          12,350.00",
        "assets:bank       JPY       1,234,567",
        "assets:bank       KWD           1,234.567",
        "liabilities:held  CNY                         12,350.00",
        "liabilities:held  JPY                      1,234,567",
        "liabilities:held  KWD                          1,234.567",
        "total             CNY          12,350.00      12,350.00",
        "total             JPY       1,234,567      1,234,567",
        "total             KWD           1,234.567      1,234.567",
    ]


def test_a_long_code_is_not_cut(run: Run, book: str) -> None:
    assert f"{LONG}  CNY" in run("trial-balance", "--book", book).output


def test_a_trial_balance_is_asked_as_of_known_on_and_through(run: Run, book: str) -> None:
    def bank(*options: str) -> dict[str, int]:
        told = json.loads(run("trial-balance", "--book", book, "--json", *options).stdout)
        return {row["currency"]: row["balance"] for row in told["rows"] if row["code"] == "assets:bank"}

    assert bank() == {"CNY": 1235000, "JPY": 1234567, "KWD": 1234567}
    assert bank("--as-of", "2026-08-31") == {"CNY": 500}
    assert bank("--as-of", "2026-09-05") == {"CNY": 1235067, "JPY": 1234567, "KWD": 1234567}
    assert bank("--through", "2026-08") == {}
    assert bank("--known-on", "2026-09-30") == {}


def test_an_empty_book_has_an_empty_trial_balance(run: Run) -> None:
    run("open-book", slug := f"book-{uuid4().hex}", "Empty")

    assert run("trial-balance", "--book", slug).output == ""


def test_a_statement_shows_each_posting_and_the_balance_after_it(run: Run, book: str) -> None:
    lines = run("statement", "assets:bank", "CNY", "--book", book).output.splitlines()
    told = [
        json.loads(line)
        for line in run("statement", "assets:bank", "CNY", "--book", book, "--json").stdout.splitlines()
    ]
    some = run("statement", "assets:bank", "CNY", "--book", book, "--since", "2026-09-01", "--until", "2026-09-05")

    assert [line.split()[0] for line in lines] == ["2026-08-31", "2026-09-05", "2026-09-06"]
    assert [line.split()[2:4] for line in lines] == [
        ["5.00", "5.00"],
        ["12,345.67", "12,350.67"],
        ["-0.67", "12,350.00"],
    ]
    assert [(line["amount"], line["balance"]) for line in told] == [(500, 500), (1234567, 1235067), (-67, 1235000)]
    assert some.output.splitlines() == lines[1:2]


def test_a_statement_of_an_account_that_is_not_there_is_refused(run: Run, book: str) -> None:
    answer = run("statement", "assets:bank", "USD", "--book", book)

    assert (answer.exit_code, answer.output) == (
        1,
        "Error: account: no such account in this book (got assets:bank USD)\n",
    )


# Export --------------------------------------------------------------------------------------------------------


def test_an_export_goes_to_stdout_or_to_a_file(run: Run, book: str, tmp_path: Path) -> None:
    file = tmp_path / "book.beancount"
    written = run("export", "--book", book, "--format", "beancount", "-o", str(file))
    printed = run("export", "--book", book, "--format", "beancount")

    assert (written.exit_code, written.output) == (0, "")
    assert file.read_text(encoding="utf-8") == printed.stdout
    assert subprocess.run([BEAN_CHECK, "--no-cache", file], check=False).returncode == 0
    assert list(tmp_path.iterdir()) == [file]


def test_an_export_that_fails_leaves_the_old_file(run: Run, tmp_path: Path) -> None:
    (file := tmp_path / "book.csv").write_text("as it was")
    failed = run("export", "--book", "no-such-book", "--format", "csv", "-o", str(file))
    nowhere = run("export", "--book", "no-such-book", "--format", "csv", "-o", str(tmp_path / "none" / "book.csv"))

    assert failed.exit_code == 1
    assert file.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [file]
    assert nowhere.exit_code == 1
    assert "Traceback" not in nowhere.output


def test_a_file_that_cannot_be_written_is_named(run: Run, book: str, tmp_path: Path) -> None:
    answer = run("export", "--book", book, "--format", "csv", "-o", str(tmp_path / "none" / "book.csv"))

    assert answer.exit_code == 1
    assert answer.output.startswith("Error: Can't write")


# Lock, seal, verify --------------------------------------------------------------------------------------------


def test_a_locked_month_stays_locked(run: Run, own_book: str, urls: DatabaseUrls) -> None:
    locked = run("lock", "2026-08", "--book", own_book)
    again = run("lock", "2026-08", "--book", own_book)
    running = run("lock", "9999-01", "--book", own_book)
    no_month = run("lock", "August", "--book", own_book)

    assert (locked.exit_code, locked.output) == (0, f"{own_book} is locked through 2026-08.\n")
    assert (again.exit_code, running.exit_code) == (1, 1)
    assert "9999-01" in running.output
    assert no_month.exit_code == 2


def test_a_sealed_book_verifies_also_against_the_seal_that_was_noted(run: Run, own_book: str) -> None:
    noted = sealed(run, own_book)
    sound = run("verify", "--book", own_book, "--seal", noted)
    number, _, _ = noted.partition(":")
    other = run("verify", "--book", own_book, "--seal", f"{number}:{'0' * 64}")

    assert (sound.exit_code, sound.output) == (0, "3 entries, 10 postings, 1 seals.\nSound.\n")
    assert other.exit_code == 1
    assert "other-seal: seal 1 is not the seal that is known" in other.output
    assert run("seal", "--book", own_book).output == "Nothing to seal.\n"
    assert run("verify", "--book", own_book, "--seal", "1:abc").exit_code == 2


def test_entries_that_wait_for_a_seal_are_counted(run: Run, book: str) -> None:
    assert run("verify", "--book", book).output.startswith(
        "3 entries, 10 postings, 0 seals; 3 entries wait for the next seal.\n"
    )


def test_books_that_were_tampered_with_are_told_by_findings_and_exit_code_1(fresh_urls: DatabaseUrls) -> None:
    run, book = run_on(fresh_urls), on_database(fresh_urls.app, fill)
    sealed(run, book)

    async def tamper(connection: AsyncConnection) -> None:
        await connection.execute(text("ALTER TABLE ledger.entries DISABLE TRIGGER USER"))
        await connection.execute(text("UPDATE ledger.entries SET description = 'x' WHERE idempotency_key = 'second'"))

    on_database(fresh_urls.owner, tamper)
    plain, told = run("verify", "--book", book), run("verify", "--book", book, "--json")
    found = json.loads(told.stdout)

    assert (plain.exit_code, told.exit_code) == (1, 1)
    assert "changed-entry: entry" in plain.output
    assert not found["sound"]
    assert {finding["rule"] for finding in found["findings"]} == {"changed-entry"}


def test_what_is_done_here_is_in_the_audit_trail(run: Run, own_book: str, urls: DatabaseUrls) -> None:
    sealed(run, own_book)
    run("lock", "2026-07", "--book", own_book)

    async def events(connection: AsyncConnection) -> Any:
        return await list_events(connection, books=[(await find_book(connection, own_book)).book_id])

    told = on_database(urls.app, events)

    assert {event.action for event in told} == {"period.lock", "book.seal"}
    assert all(event.actor.startswith("cli:") for event in told)
    assert told[0].detail == {"period": "2026-07"}


def test_reading_changes_nothing(run: Run, book: str, urls: DatabaseUrls) -> None:
    async def entries(connection: AsyncConnection) -> Any:
        return await entries_of(connection, (await find_book(connection, book)).book_id)

    before = on_database(urls.app, entries)
    for command in ("trial-balance", "verify"):
        run(command, "--book", book)

    assert on_database(urls.app, entries) == before
