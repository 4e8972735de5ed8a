"""Balances: now, as of a day, as known on a day, through a month, and of all accounts together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from clipledger.database import DatabaseUrls
from ledger.accounts import NewAccount
from ledger.balances import AccountBalance
from ledger.money import BIGINT_MAX
from tests.ledger.bookkeeper import Bookkeeper, at, entry, sale
from tests.ledger.time_machine import let_days_pass


async def test_an_account_that_never_moved_is_at_zero(keeper: Bookkeeper) -> None:
    assert await keeper.balance("assets:bank") == 0
    assert (await keeper.trial_balance()).rows == []


async def test_a_balance_counts_what_had_happened_by_a_day(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-03-31", 7))
    await keeper.post(sale("2025-02-27", 5))
    await keeper.post(sale("2025-02-28", -2))
    expected = {"2025-02-26": 0, "2025-02-27": 5, "2025-02-28": 3, "2025-03-30": 3, "2025-03-31": 10, "9999-12-31": 10}
    assert {day: await keeper.balance("assets:bank", at(as_of=day)) for day in expected} == expected


async def test_a_balance_through_a_month_counts_what_is_booked_in_it(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-02-28", 5))
    await keeper.post(entry("2025-02-28", "assets:bank 2", "income:sales -2", period="2025-04"))
    expected = {"2025-01": 0, "2025-02": 5, "2025-03": 5, "2025-04": 7, "2025-05": 7}
    assert {month: await keeper.balance("assets:bank", at(through=month)) for month in expected} == expected
    assert await keeper.balance("assets:bank", at(as_of="2025-02-28")) == 7
    assert await keeper.balance("assets:bank", at(as_of="2025-02-28", through="2025-03")) == 5


async def test_the_three_questions_may_be_asked_together(keeper: Bookkeeper) -> None:
    late = entry("2025-02-28", "assets:bank 2", "income:sales -2", period="2025-04")
    recorded = (await keeper.post_batch([sale("2025-02-28", 5), late, sale("2025-04-01", 11)]))[0].recorded_at
    today = recorded.astimezone(ZoneInfo("Asia/Shanghai")).date()
    yesterday = today - timedelta(days=1)
    for as_of, through, known_on, expected in [
        ("2025-02-28", "2025-02", today, 5),
        ("2025-02-28", "2025-04", today, 7),
        ("2025-04-01", "2025-02", today, 5),
        ("2025-04-01", "2025-04", today, 18),
        ("2025-04-01", "2025-04", yesterday, 0),
    ]:
        moment = at(as_of=as_of, through=through, known_on=known_on)
        assert await keeper.balance("assets:bank", moment) == expected
        assert (await keeper.balances(moment)).get("assets:bank", 0) == expected


async def test_a_balance_may_pass_64_bits(keeper: Bookkeeper) -> None:
    for day in ("2025-03-29", "2025-03-30", "2025-03-31"):
        await keeper.post(entry(day, f"assets:cash {BIGINT_MAX}", f"income:sales {-BIGINT_MAX}"))
    assert await keeper.balance("assets:cash") == 3 * BIGINT_MAX
    trial = await keeper.trial_balance()
    assert trial.debits == trial.credits == {"CNY": 3 * BIGINT_MAX}
    assert (await keeper.statement("assets:cash"))[-1].balance == 3 * BIGINT_MAX
    await keeper.check()


async def test_an_account_in_stripes_has_one_balance(keeper: Bookkeeper, urls: DatabaseUrls) -> None:
    # Without a pool each entry comes from a backend of its own, and its process number chooses the stripe.
    others = create_async_engine(urls.app, poolclass=NullPool)
    for amount in range(1, 9):
        await replace(keeper, engine=others).post(sale("2025-03-31", amount))
    account_id = (await keeper.account("assets:bank")).account_id
    stripes = await keeper.numbers(
        f"SELECT count(*), sum(amount) FROM ledger.movements WHERE book_id = :book AND account_id = {account_id}"
    )
    assert stripes[0] > 1
    assert stripes[1] == await keeper.balance("assets:bank") == 36


async def test_books_do_not_mix(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await keeper.post(sale("2025-03-31", 5))
    await other.post(sale("2025-03-31", 7))
    assert (await keeper.balances(), await other.balances()) == (
        {"assets:bank": 5, "income:sales": -5},
        {"assets:bank": 7, "income:sales": -7},
    )
    elsewhere = await other.account("assets:bank")
    assert await keeper.numbers(f"""
        SELECT coalesce(sum(amount), 0) FROM ledger.movements
        WHERE book_id = :book AND account_id = {elsewhere.account_id}""") == [0]


# The trial balance ---------------------------------------------------------------------------------------------


async def test_a_trial_balance_lists_what_ever_moved_by_code_and_currency(keeper: Bookkeeper) -> None:
    await keeper.post_batch(
        [
            entry("2025-03-31", "assets:bank 900", "liabilities:held:anna -600", "income:sales -300"),
            entry("2025-03-31", "assets:cash 5", "income:sales -5"),
            entry("2025-04-01", "assets:cash -5", "income:sales 5"),
            entry("2025-03-31", "assets:bank 70 JPY", "income:sales -70 JPY"),
        ]
    )
    trial = await keeper.trial_balance()
    assert trial.rows == [
        AccountBalance("assets:bank", "CNY", "asset", 900),
        AccountBalance("assets:bank", "JPY", "asset", 70),
        AccountBalance("assets:cash", "CNY", "asset", 0),
        AccountBalance("income:sales", "CNY", "income", -300),
        AccountBalance("income:sales", "JPY", "income", -70),
        AccountBalance("liabilities:held:anna", "CNY", "liability", -600),
    ]
    assert trial.debits == trial.credits == {"CNY": 900, "JPY": 70}


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, {"assets": 1000, "liabilities": -1000}),
        (2, {"assets:bank": 1000, "liabilities:held": -700, "liabilities:owed": -300}),
        (
            3,
            {
                "assets:bank": 1000,
                "liabilities:held:anna": -600,
                "liabilities:held:bo": -100,
                "liabilities:owed:bo": -300,
            },
        ),
        (
            9,
            {
                "assets:bank": 1000,
                "liabilities:held:anna": -600,
                "liabilities:held:bo": -100,
                "liabilities:owed:bo": -300,
            },
        ),
    ],
)
async def test_a_trial_balance_may_sum_accounts_by_their_first_words(
    keeper: Bookkeeper, depth: int, expected: dict[str, int]
) -> None:
    await keeper.open(NewAccount("liabilities:held:bo", "CNY"), NewAccount("liabilities:owed:bo", "CNY"))
    split = ("liabilities:held:anna -600", "liabilities:held:bo -100", "liabilities:owed:bo -300")
    await keeper.post(entry("2025-03-31", "assets:bank 1000", *split))
    trial = await keeper.trial_balance(depth=depth)
    assert {row.code: row.balance for row in trial.rows} == expected
    assert trial.debits == trial.credits == {"CNY": 1000}


# What was known on a day ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("time_zone", ["Pacific/Kiritimati", "Asia/Shanghai", "UTC", "Etc/GMT+12"])
async def test_the_day_of_recording_is_read_by_the_books_calendar(app_engine: AsyncEngine, time_zone: str) -> None:
    keeper = await Bookkeeper.of_new_book(app_engine, time_zone=time_zone)
    posted = await keeper.post(sale("2025-03-31", 5))
    there = posted.recorded_at.astimezone(ZoneInfo(time_zone)).date()
    assert await keeper.balance("assets:bank", at(known_on=there)) == 5
    assert await keeper.balance("assets:bank", at(known_on=there - timedelta(days=1))) == 0
    assert await keeper.numbers("SELECT count(*) FROM ledger.movements WHERE book_id = :book") == [2]
    await keeper.check()


async def test_two_books_record_one_moment_on_two_days(app_engine: AsyncEngine) -> None:
    # 26 hours apart, it is never the same day in both.
    east = await Bookkeeper.of_new_book(app_engine, time_zone="Pacific/Kiritimati")
    west = await Bookkeeper.of_new_book(app_engine, time_zone="Etc/GMT+12")
    for keeper in (east, west):
        await keeper.post(sale("2025-03-31", 5))
    in_the_west = datetime.now(UTC).astimezone(ZoneInfo("Etc/GMT+12")).date()
    assert await east.balance("assets:bank", at(known_on=in_the_west)) == 0
    assert await west.balance("assets:bank", at(known_on=in_the_west)) == 5


async def test_a_balance_counts_what_was_known_by_a_day(
    tampered_engine: AsyncEngine, tampered_urls: DatabaseUrls
) -> None:
    keeper = await Bookkeeper.of_new_book(tampered_engine)
    first = await keeper.post(sale("2025-03-31", 5))
    await let_days_pass(tampered_urls, keeper, 3)
    await keeper.post(sale("2025-03-31", 2))
    await keeper.post(sale("2025-02-28", 1))
    await let_days_pass(tampered_urls, keeper, 1)
    await keeper.reverse(first.entry_id, "2025-04-02")
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    known = {-5: 0, -4: 5, -3: 5, -2: 5, -1: 8, 0: 3, 1: 3}
    for days, expected in known.items():
        moment = at(known_on=today + timedelta(days=days))
        assert await keeper.balance("assets:bank", moment) == expected
        assert (await keeper.balances(moment)).get("assets:bank", 0) == expected
    at_the_close = at(known_on=today - timedelta(days=2), as_of="2025-03-31")
    assert await keeper.balance("assets:bank", at_the_close) == 5
    assert await keeper.balance("assets:bank", at(as_of="2025-03-31")) == 8
    assert await keeper.balance("assets:bank", at(as_of="2025-02-28", known_on=today - timedelta(days=1))) == 1
    await keeper.check()
