"""Opening books and accounts, finding and listing them."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import Account, AccountName, NewAccount, find_account, list_accounts, open_account
from ledger.books import Book, find_book, list_books, open_book
from ledger.errors import (
    AccountNotFound,
    BookNotFound,
    DuplicateAccount,
    DuplicateBook,
    InvalidAccount,
    InvalidBook,
    InvalidCursor,
    LedgerError,
    UnknownCurrency,
)
from ledger.money import CURRENCIES
from tests.ledger.bookkeeper import CHART, Bookkeeper, facts, nothing_changes

SLUG_RULE = "lower-case letters and digits in words joined by single hyphens, 63 characters at most"
NAME_RULE = "1 to 200 characters, none of them NUL"
ZONE_RULE = "an IANA time zone, such as Asia/Shanghai"
CODE_RULE = (
    "assets, liabilities, income, expenses or equity, then names of letters, digits, '_', '.' and '-', "
    "joined by colons, 200 characters at most"
)


async def opened(engine: AsyncEngine, slug: str, name: str = "A book", time_zone: str = "UTC") -> Book:
    async with engine.begin() as connection:
        return await open_book(connection, slug, name, time_zone)


async def opened_account(keeper: Bookkeeper, code: str, currency: str = "CNY", stripes: int = 1) -> Account:
    async with keeper.engine.begin() as connection:
        return await open_account(connection, keeper.book_id, NewAccount(code, currency, stripes))


# Books ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Shanghai", "America/Argentina/Buenos_Aires", "Pacific/Kiritimati"])
async def test_a_book_is_found_by_its_slug(app_engine: AsyncEngine, time_zone: str) -> None:
    slug = f"host-{uuid4().hex}"
    book = await opened(app_engine, slug, "主播之书 of a host", time_zone)
    assert (book.slug, book.name, book.time_zone) == (slug, "主播之书 of a host", time_zone)
    async with app_engine.connect() as connection:
        assert await find_book(connection, slug) == book


@pytest.mark.parametrize("slug", ["a", "7", "a" * 63, "host-7", "a-b-c-0"])
async def test_a_slug_is_words_joined_by_hyphens(app_engine: AsyncEngine, slug: str) -> None:
    async with app_engine.connect() as connection, connection.begin() as transaction:
        assert (await open_book(connection, slug, "A book")).slug == slug
        await transaction.rollback()


@pytest.mark.parametrize(
    ("slug", "name", "time_zone", "field", "rule"),
    [
        ("", "A book", "UTC", "slug", SLUG_RULE),
        ("a" * 64, "A book", "UTC", "slug", SLUG_RULE),
        ("Host", "A book", "UTC", "slug", SLUG_RULE),
        ("-host", "A book", "UTC", "slug", SLUG_RULE),
        ("host-", "A book", "UTC", "slug", SLUG_RULE),
        ("ho--st", "A book", "UTC", "slug", SLUG_RULE),
        ("ho_st", "A book", "UTC", "slug", SLUG_RULE),
        ("host\n", "A book", "UTC", "slug", SLUG_RULE),
        ("höst", "A book", "UTC", "slug", SLUG_RULE),
        ("ho\0st", "A book", "UTC", "slug", SLUG_RULE),
        ("host", "", "UTC", "name", NAME_RULE),
        ("host", "x" * 201, "UTC", "name", NAME_RULE),
        ("host", "A\0book", "UTC", "name", NAME_RULE),
        ("host", "A \ud800 book", "UTC", "name", NAME_RULE),
        ("host", "A book", "", "time_zone", ZONE_RULE),
        ("host", "A book", "Asia/Nowhere", "time_zone", ZONE_RULE),
        ("host", "A book", "asia/shanghai", "time_zone", ZONE_RULE),
        ("host", "A book", "UTC+8", "time_zone", ZONE_RULE),
        ("host", "A book", "UTC\0", "time_zone", ZONE_RULE),
        ("host", "A book", "\udfff", "time_zone", ZONE_RULE),
    ],
)
async def test_what_can_be_no_book_is_refused(
    app_engine: AsyncEngine, slug: str, name: str, time_zone: str, field: str, rule: str
) -> None:
    with pytest.raises(InvalidBook) as refused:
        await opened(app_engine, slug, name, time_zone)
    assert (refused.value.field, refused.value.rule) == (field, rule)


async def test_a_slug_is_taken_once(app_engine: AsyncEngine) -> None:
    slug = f"host-{uuid4().hex}"
    attempts = await asyncio.gather(*(opened(app_engine, slug) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(attempt, Book) for attempt in attempts) == 1
    refused = [attempt for attempt in attempts if isinstance(attempt, LedgerError)]
    assert [(type(each), facts(each)[:2]) for each in refused] == [(DuplicateBook, ("slug", slug))] * 3


@pytest.mark.parametrize("slug", ["nobody-has-this", "", "Not A Slug", "\0", "\ud800", "a" * 10_000])
async def test_a_slug_that_no_book_has_is_not_found(app_engine: AsyncEngine, slug: str) -> None:
    async with app_engine.connect() as connection:
        with pytest.raises(BookNotFound):
            await find_book(connection, slug)


async def test_books_are_listed_by_slug_page_by_page(app_engine: AsyncEngine) -> None:
    stem = uuid4().hex
    books = [await opened(app_engine, f"{stem}-{number}") for number in (2, 0, 1)]
    async with app_engine.connect() as connection:
        first = await list_books(connection, after=stem, limit=2)
        rest = await list_books(connection, after=first[-1].slug, limit=2)
        only = await list_books(connection, only=[books[0].book_id], limit=2)
    assert [book.slug for book in first] == [f"{stem}-0", f"{stem}-1"]
    assert rest[0] == only[0] == books[0]


@pytest.mark.parametrize("cursor", ["\0", "a\ud800"])
async def test_a_cursor_that_is_no_slug_is_refused(app_engine: AsyncEngine, cursor: str) -> None:
    async with app_engine.connect() as connection:
        with pytest.raises(InvalidCursor):
            await list_books(connection, after=cursor)


# Accounts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("assets:marketplace:douyin", "asset"),
        ("assets:in-transit:stripe", "asset"),
        ("liabilities:held:party-7", "liability"),
        ("income:platform-fee", "income"),
        ("expenses:bad-debt", "expense"),
        ("equity:opening", "equity"),
        ("assets:A.b_c-0:9", "asset"),
        ("assets:" + "x" * 193, "asset"),
    ],
)
async def test_the_first_word_of_a_code_says_its_kind(keeper: Bookkeeper, code: str, kind: str) -> None:
    account = await opened_account(keeper, code, "JPY", 4)
    assert (account.code, account.currency, account.kind, account.stripes) == (code, "JPY", kind, 4)
    assert await keeper.account(code, "JPY") == account
    assert account.name == AccountName(code, "JPY")


async def test_an_account_may_be_in_any_currency_in_use(keeper: Bookkeeper) -> None:
    assert await keeper.open(*(NewAccount("assets:vault", currency) for currency in CURRENCIES)) == len(CURRENCIES)


@pytest.mark.parametrize(
    ("account", "error", "field", "value", "rule"),
    [
        (NewAccount("", "CNY"), InvalidAccount, "code", "", CODE_RULE),
        (NewAccount("assets", "CNY"), InvalidAccount, "code", "assets", CODE_RULE),
        (NewAccount("assets:", "CNY"), InvalidAccount, "code", "assets:", CODE_RULE),
        (NewAccount("debts:bank", "CNY"), InvalidAccount, "code", "debts:bank", CODE_RULE),
        (NewAccount("Assets:bank", "CNY"), InvalidAccount, "code", "Assets:bank", CODE_RULE),
        (NewAccount("assets::bank", "CNY"), InvalidAccount, "code", "assets::bank", CODE_RULE),
        (NewAccount("assets:-bank", "CNY"), InvalidAccount, "code", "assets:-bank", CODE_RULE),
        (NewAccount("assets:my bank", "CNY"), InvalidAccount, "code", "assets:my bank", CODE_RULE),
        (NewAccount("assets:bänk", "CNY"), InvalidAccount, "code", "assets:bänk", CODE_RULE),
        (NewAccount("assets:bank\n", "CNY"), InvalidAccount, "code", "assets:bank\n", CODE_RULE),
        (NewAccount("assets:\0", "CNY"), InvalidAccount, "code", "assets:\0", CODE_RULE),
        (NewAccount("assets:\ud800", "CNY"), InvalidAccount, "code", r"assets:\ud800", CODE_RULE),
        (NewAccount("assets:" + "x" * 194, "CNY"), InvalidAccount, "code", "assets:" + "x" * 192 + "…", CODE_RULE),
        (NewAccount("assets:vault", "XXX"), UnknownCurrency, "currency", "XXX", UnknownCurrency.usual_rule),
        (NewAccount("assets:vault", "cny"), UnknownCurrency, "currency", "cny", UnknownCurrency.usual_rule),
        (NewAccount("assets:vault", "XAU"), UnknownCurrency, "currency", "XAU", UnknownCurrency.usual_rule),
        (NewAccount("assets:vault", "CNY", 0), InvalidAccount, "stripes", "0", "1 to 64"),
        (NewAccount("assets:vault", "CNY", 65), InvalidAccount, "stripes", "65", "1 to 64"),
    ],
    ids=repr,
)
async def test_what_can_be_no_account_is_refused(
    keeper: Bookkeeper, account: NewAccount, error: type[LedgerError], field: str, value: str, rule: str
) -> None:
    async with nothing_changes(keeper):
        with pytest.raises(error) as refused:
            await opened_account(keeper, account.code, account.currency, account.stripes)
        assert facts(refused.value) == (field, value, rule)
        with pytest.raises(error) as refused:
            await keeper.open(NewAccount("assets:vault", "USD"), account)
        assert facts(refused.value) == (f"accounts[1].{field}", value, rule)


async def test_a_book_has_one_account_for_a_code_and_currency(keeper: Bookkeeper, other: Bookkeeper) -> None:
    first = await opened_account(keeper, "assets:vault")
    with pytest.raises(DuplicateAccount) as refused:
        await opened_account(keeper, "assets:vault", stripes=16)
    assert facts(refused.value)[:2] == ("code", "assets:vault")
    assert await keeper.account("assets:vault") == first
    await opened_account(keeper, "assets:vault", "USD")
    await opened_account(other, "assets:vault")


async def test_accounts_are_opened_where_they_are_missing(keeper: Bookkeeper) -> None:
    wanted = [NewAccount("assets:vault", "CNY", 8), *CHART, NewAccount("assets:vault", "CNY", 2)]
    assert await keeper.open(*wanted) == 1
    assert (await keeper.account("assets:vault")).stripes == 8
    assert await keeper.open(*wanted) == 0


async def test_many_may_open_the_same_accounts_at_once(keeper: Bookkeeper) -> None:
    wanted = [NewAccount(f"liabilities:held:party-{number}", "CNY") for number in range(300)]
    orders = [wanted, wanted[::-1], wanted[100:] + wanted[:100], wanted[200:] + wanted[:200]]
    assert sum(await asyncio.gather(*(keeper.open(*order) for order in orders))) == 300


async def test_another_books_account_is_not_found(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await opened_account(other, "assets:elsewhere")
    with pytest.raises(AccountNotFound) as refused:
        await keeper.account("assets:elsewhere")
    assert facts(refused.value)[:2] == ("account", "assets:elsewhere CNY")


@pytest.mark.parametrize(("code", "currency"), [("assets:bank", "USD"), ("\0", "CNY"), ("assets:bank", "\ud800")])
async def test_an_account_that_is_not_there_is_not_found(keeper: Bookkeeper, code: str, currency: str) -> None:
    async with keeper.engine.connect() as connection:
        with pytest.raises(AccountNotFound):
            await find_account(connection, keeper.book_id, code, currency)


async def test_accounts_are_listed_by_code_and_currency_page_by_page(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await other.open(NewAccount("assets:aaa", "CNY"))
    found: list[AccountName] = []
    async with keeper.engine.connect() as connection:
        while page := await list_accounts(connection, keeper.book_id, after=found[-1] if found else None, limit=4):
            found += [account.name for account in page]
    assert found == sorted(AccountName(account.code, account.currency) for account in CHART)


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("assets:", 3),
        ("assets:b", 2),
        ("liabilities:held:anna", 1),
        ("%", 0),
        ("assets_", 0),
        ("\\", 0),
        ("\0", 0),
        ("\ud800", 0),
    ],
)
async def test_accounts_are_listed_by_the_start_of_their_codes(keeper: Bookkeeper, prefix: str, found: int) -> None:
    async with keeper.engine.connect() as connection:
        accounts = await list_accounts(connection, keeper.book_id, prefix=prefix)
    assert len(accounts) == found
    assert all(account.code.startswith(prefix) for account in accounts)


async def test_a_cursor_that_is_no_account_is_refused(keeper: Bookkeeper) -> None:
    async with keeper.engine.connect() as connection:
        with pytest.raises(InvalidCursor):
            await list_accounts(connection, keeper.book_id, after=AccountName("assets:\0", "CNY"))


async def test_the_database_knows_the_currencies_that_the_program_knows(app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        rows = await connection.exec_driver_sql("SELECT code, exponent FROM ledger.currencies")
    assert {row.code: row.exponent for row in rows} == CURRENCIES


async def test_no_account_is_opened_when_the_list_holds_a_bad_one(keeper: Bookkeeper) -> None:
    async with nothing_changes(keeper):
        with pytest.raises(InvalidAccount):
            await keeper.open(NewAccount("assets:vault", "CNY"), NewAccount("assets", "CNY"))
