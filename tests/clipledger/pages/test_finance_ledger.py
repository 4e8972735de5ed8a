"""The ledger looked through: from the trial balance to an account, its postings, an entry, and what caused it."""

import asyncio
from datetime import date

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post_batch
from ledger.seals import count_unsealed, seal
from tests.clipledger.front_door import Company, NewPerson, OpenBook, Person
from tests.clipledger.pages.visitor import visiting

BANK, HELD, OTHER = "assets:bank", "liabilities:held:host", "liabilities:held:clipper-999999999"


def entry(key: str, on: str, *lines: tuple[str, str, int], **noted: str) -> NewEntry:
    return NewEntry(
        idempotency_key=key,
        effective_on=date.fromisoformat(on),
        description=f"Entry {key}",
        lines=tuple(Line(*line) for line in lines),
        metadata=noted,
    )


async def booked(engine: AsyncEngine, book_id: int, *entries: NewEntry) -> list[int]:
    names = {(line.account, line.currency) for each in entries for line in each.lines}
    async with engine.begin() as connection:
        await ensure_accounts(connection, book_id, [NewAccount(*name) for name in sorted(names)])
        return [each.entry_id for each in await post_batch(connection, book_id, entries)]


async def all_sealed(engine: AsyncEngine, book_id: int) -> None:
    """Entries wait while any transaction older than theirs is under way, of whatever database."""
    for _ in range(200):
        async with engine.begin() as connection:
            await seal(connection, book_id)
            if not await count_unsealed(connection, book_id, 1):
                return
        await asyncio.sleep(0.1)
    raise AssertionError("an older transaction does not end")


@pytest.fixture(scope="module")
async def books(app_engine: AsyncEngine, open_book: OpenBook, new_person: NewPerson) -> tuple[str, Person, list[int]]:
    book = await open_book()
    numbers = await booked(
        app_engine,
        book.book_id,
        entry("a", "2026-09-30", (BANK, "CNY", 123_450), (HELD, "CNY", -123_450), by="user:0"),
        entry("b", "2026-10-02", (BANK, "CNY", -450), (HELD, "CNY", 450)),
        entry("c", "2026-10-03", (BANK, "USD", 5), (OTHER, "USD", -5), note="<b>bold</b>"),
    )
    return book.slug, await new_person("finance", book.slug), numbers


async def test_the_trial_balance_says_that_debits_equal_credits(
    app: Litestar, books: tuple[str, Person, list[int]]
) -> None:
    book, finance, _ = books
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{book}/finance/ledger")
        assert page.title == "Trial balance"
        assert page.rows("Trial balance in CNY") == [
            ["assets:bank Bank", "CN¥1,230.00", ""],
            ["liabilities:held Held for parties", "", "CN¥1,230.00"],
            ["Sum", "CN¥1,230.00", "CN¥1,230.00"],
        ]
        assert page.rows("Trial balance in USD")[-1] == ["Sum", "US$0.05", "US$0.05"]
        assert page.text.count("Debits equal credits") == 2
        page = await visitor.get(f"/books/{book}/finance/ledger", as_of="2026-09-30")
        assert page.rows("Trial balance in CNY")[0][1] == "CN¥1,234.50"
        assert "Trial balance in USD" not in page.text
        await visitor.get(f"/books/{book}/finance/ledger", as_of="2026-02-31", status=400)


async def test_a_row_leads_to_its_accounts_an_account_to_its_postings(
    app: Litestar, books: tuple[str, Person, list[int]]
) -> None:
    book, finance, numbers = books
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{book}/finance/ledger", below="liabilities:held")
        assert [row[0] for row in page.rows("Ledger accounts")] == [OTHER, HELD]
        page = await visitor.get(f"/books/{book}/finance/ledger/{BANK}/CNY")
        assert page.title == "assets:bank · CNY"
        assert page.figures() == {"Balance now": "CN¥1,230.00 Dr"}
        assert page.rows("Postings") == [
            ["30 Sept 2026", f"Entry {numbers[0]}", "Entry a", "CN¥1,234.50", "", "CN¥1,234.50 Dr"],
            ["2 Oct 2026", f"Entry {numbers[1]}", "Entry b", "", "CN¥4.50", "CN¥1,230.00 Dr"],
        ]
        page = await visitor.get(f"/books/{book}/finance/ledger/{BANK}/CNY", since="2026-10-01", until="")
        assert len(page.rows("Postings")) == 1
        page = await visitor.get(f"/books/{book}/finance/ledger", below=HELD)
        assert page.title == f"{HELD} · CNY"
        await visitor.get(f"/books/{book}/finance/ledger/assets:nowhere/CNY", status=404)


async def test_an_entry_shows_its_postings_its_cause_and_its_proof(
    app: Litestar, app_engine: AsyncEngine, open_book: OpenBook, new_person: NewPerson
) -> None:
    book = await open_book()
    lines = (BANK, "CNY", 700), (HELD, "CNY", -700)
    (number,) = await booked(app_engine, book.book_id, entry("a", "2026-10-03", *lines, note="<b>x</b>"))
    async with visiting(app, await new_person("finance", book.slug)) as visitor:
        place = f"/books/{book.slug}/finance/ledger/entries/{number}"
        page = await visitor.get(place)
        assert page.rows("Postings") == [
            ["assets:bank Bank", "CN¥7.00", ""],
            ["liabilities:held:host Held for parties", "", "CN¥7.00"],
            ["Sum in CNY Debits equal credits.", "CN¥7.00", "CN¥7.00"],
        ]
        assert "It was posted by itself" in page.text
        assert "Not sealed yet" in page.text
        assert "<b>x</b>" in page.text
        assert page.soup.main is not None
        assert page.soup.main.find("b") is None
        await all_sealed(app_engine, book.book_id)
        page = await visitor.get(place)
        assert "the proof holds" in page.text
        await visitor.get(f"/books/{book.slug}/finance/ledger/entries/{number + 10**9}", status=404)


async def test_a_book_without_entries_says_how_to_begin_and_others_books_are_not_there(
    app: Litestar, company: Company, open_book: OpenBook, new_person: NewPerson
) -> None:
    book = await open_book()
    async with visiting(app, await new_person("finance", book.slug)) as visitor:
        assert "Nothing was booked yet" in (await visitor.get(f"/books/{book.slug}/finance/ledger")).text
        await visitor.get(f"/books/{company.book}/finance/ledger", status=404)
    async with visiting(app, await new_person("finance", book.slug), language="zh") as visitor:
        assert (await visitor.get(f"/books/{book.slug}/finance/ledger")).title == "试算平衡表"
