"""Seals: made on a page, checked on a page, and what a check finds."""

import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import Book
from ledger.seals import count_unsealed, sealed_entries
from ledger.verification import verify_seal
from tests.clipledger.front_door import NewPerson, OpenBook, Person
from tests.clipledger.pages.test_finance_ledger import BANK, HELD, all_sealed, booked, entry
from tests.clipledger.pages.visitor import visiting

_CHANGED = (
    "ALTER TABLE ledger.entries DISABLE TRIGGER USER",
    "UPDATE ledger.entries SET description = 'Other' WHERE book_id = :book AND idempotency_key = 'b'",
    "ALTER TABLE ledger.entries ENABLE TRIGGER USER",
)


@pytest.fixture
async def book(app_engine: AsyncEngine, open_book: OpenBook) -> Book:
    made = await open_book()
    entries = [entry(key, "2026-10-03", (BANK, "CNY", 7), (HELD, "CNY", -7)) for key in "abc"]
    await booked(app_engine, made.book_id, *entries)
    return made


@pytest.fixture
async def finance(new_person: NewPerson, book: Book) -> Person:
    return await new_person("finance", book.slug)


async def test_a_seal_is_made_listed_and_checked(
    app: Litestar, app_engine: AsyncEngine, book: Book, finance: Person
) -> None:
    async with visiting(app, finance) as visitor:
        page = await visitor.get(f"/books/{book.slug}/finance/seals")
        assert page.figures() == {"Entries waiting for a seal": "3"}
        assert "There is no seal yet" in page.text
        page = await visitor.send(page, "seal")
        assert "What could be sealed is sealed." in page.text
        await all_sealed(app_engine, book.book_id)
        page = await visitor.get(f"/books/{book.slug}/finance/seals")
        assert page.figures()["Entries waiting for a seal"] == "0"
        assert page.rows("Seals")[0][::2] == ["Seal 1", "3"]
        page = await visitor.get(f"/books/{book.slug}/finance/seals/1")
        assert [row[2] for row in page.rows("Entries of this seal")] == ["Entry a", "Entry b", "Entry c"]
        assert "It holds" not in page.text
        page = await visitor.get(f"/books/{book.slug}/finance/seals/1", check="yes")
        assert "3 entries with 6 postings are exactly what was sealed" in page.text
        await visitor.get(f"/books/{book.slug}/finance/seals/2", status=404)


async def test_what_was_changed_behind_the_services_back_is_found(
    app: Litestar, app_engine: AsyncEngine, owner_engine: AsyncEngine, book: Book, finance: Person
) -> None:
    async with visiting(app, finance) as visitor:
        await all_sealed(app_engine, book.book_id)
        async with owner_engine.begin() as connection:
            for statement in _CHANGED:
                await connection.execute(text(statement), {"book": book.book_id} if ":book" in statement else {})
        page = await visitor.get(f"/books/{book.slug}/finance/seals/1", check="yes")
        assert "It does not hold" in page.text
    async with app_engine.connect() as connection:
        found = await verify_seal(connection, book.book_id, 1)
        assert {each.rule for each in found.findings} == {"changed-entry"}
        assert await count_unsealed(connection, book.book_id, 10) == 0
        last = await sealed_entries(connection, book.book_id, 1, after=1)
    assert [each.description for each in last] == ["Entry c"]


async def test_who_may_not_read_the_ledger_is_told_so(app: Litestar, book: Book, new_person: NewPerson) -> None:
    async with visiting(app, await new_person("reviewer", book.slug)) as visitor:
        await visitor.get(f"/books/{book.slug}/finance/seals", status=403)
