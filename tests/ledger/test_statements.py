"""Account statements: every posting once, in order of effect, with the balance after it, on pages of any size."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidCursor
from ledger.statements import Place, account_statement
from tests.ledger.bookkeeper import Bookkeeper, entry, facts, sale


async def test_a_statement_runs_in_order_of_effect_with_the_balance_after_each_posting(keeper: Bookkeeper) -> None:
    await keeper.post(sale("2025-03-02", 5))
    late = await keeper.post(sale("2025-03-01", 7))
    both = await keeper.post(entry("2025-03-02", "assets:bank 1", "assets:bank -3", "income:sales 2"))
    lines = await keeper.statement("assets:bank")
    assert [(str(each.effective_on), each.amount, each.balance) for each in lines] == [
        ("2025-03-01", 7, 7),
        ("2025-03-02", 5, 12),
        ("2025-03-02", 1, 13),
        ("2025-03-02", -3, 10),
    ]
    assert (lines[0].entry_id, lines[0].description) == (late.entry_id, "a test's entry")
    assert [(each.entry_id, each.line) for each in lines[2:]] == [(both.entry_id, 1), (both.entry_id, 2)]
    assert lines[-1].balance == await keeper.balance("assets:bank")


async def test_pages_of_any_size_make_the_same_statement(keeper: Bookkeeper) -> None:
    days = [f"2025-03-{1 + number % 5:02}" for number in range(23)]
    await keeper.post_batch(
        [
            entry(day, f"assets:bank {number + 1}", "assets:bank -3", f"income:sales {2 - number}")
            for number, day in enumerate(days)
            if number != 2
        ]
    )
    whole = await keeper.statement("assets:bank")
    assert len(whole) == 44
    for page in (1, 2, 3, 7, 43, 44):
        assert await keeper.statement("assets:bank", page=page) == whole


async def test_a_statement_may_begin_and_end_on_a_day(keeper: Bookkeeper) -> None:
    await keeper.post_batch([sale(f"2025-03-{day:02}", day) for day in range(1, 11)])
    lines = await keeper.statement("assets:bank", since=date(2025, 3, 4), until=date(2025, 3, 6), page=2)
    assert [(each.amount, each.balance) for each in lines] == [(4, 10), (5, 15), (6, 21)]
    assert await keeper.statement("assets:bank", since=date(2025, 3, 11)) == []
    assert await keeper.statement("assets:bank", until=date(2025, 2, 28)) == []
    assert await keeper.statement("assets:bank", since=date(2025, 3, 6), until=date(2025, 3, 4)) == []


async def test_what_is_posted_between_two_pages_shifts_none(keeper: Bookkeeper) -> None:
    await keeper.post_batch([sale(f"2025-03-{day:02}", day) for day in range(1, 7)])
    account = await keeper.account("assets:bank")
    async with keeper.engine.connect() as connection:
        first = await account_statement(connection, keeper.book_id, account.account_id, limit=3)
    await keeper.post(sale("2025-03-01", 100))
    await keeper.post(sale("2025-03-05", 1000))
    async with keeper.engine.connect() as connection:
        rest = await account_statement(
            connection,
            keeper.book_id,
            account.account_id,
            after=Place(first[-1].effective_on, first[-1].entry_id, first[-1].line),
        )
    assert [each.amount for each in first + rest] == [1, 2, 3, 4, 5, 1000, 6]
    assert [each.balance for each in rest] == [110, 115, 1115, 1121]


async def test_a_statement_shows_one_account_of_one_book(keeper: Bookkeeper, other: Bookkeeper) -> None:
    await keeper.post(sale("2025-03-01", 5))
    await other.post(sale("2025-03-01", 7))
    elsewhere = await other.account("assets:bank")
    async with keeper.engine.connect() as connection:
        assert await account_statement(connection, keeper.book_id, elsewhere.account_id) == []
    assert [each.amount for each in await other.statement("assets:bank")] == [7]


@given(st.dates(), st.integers(1, 2**63 - 1), st.integers(1, 100_000))
def test_a_place_is_written_as_a_cursor_and_read_back(day: date, entry_id: int, line: int) -> None:
    place = Place(day, entry_id, line)
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "2025-03-01",
        "2025-03-01.1",
        "2025-03-01.1.2.3",
        "2025-03-01.a.1",
        "2025-02-30.1.1",
        "\0.1.1",
        "..",
        f"2025-03-01.{'9' * 5000}.1",
    ],
)
def test_what_is_no_place_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor) as refused:
        Place.parse(cursor)
    assert facts(refused.value)[2] == "a next_cursor that an earlier page gave"


@pytest.mark.parametrize("cursor", [f"2025-03-01.{'9' * 30}.1", "2025-03-01.-1.-1", f"9999-12-31.1.{'9' * 30}"])
async def test_a_place_that_no_posting_can_have_is_still_a_place(keeper: Bookkeeper, cursor: str) -> None:
    await keeper.post(sale("2025-03-01", 5))
    account = await keeper.account("assets:bank")
    async with keeper.engine.connect() as connection:
        lines = await account_statement(connection, keeper.book_id, account.account_id, after=Place.parse(cursor))
    assert [each.amount for each in lines] == ([5] if "-1.-1" in cursor else [])
