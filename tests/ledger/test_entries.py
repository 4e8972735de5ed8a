"""Posting, reversing and reading entries on a real PostgreSQL."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.entries import (
    MAX_LINES,
    Line,
    NewEntry,
    content_digest,
    find_entry_by_key,
    list_entries,
)
from ledger.errors import (
    AlreadyReversed,
    EntryNotFound,
    EntryTooLarge,
    IdempotencyConflict,
    PeriodLocked,
)
from ledger.money import BIGINT_MAX
from tests.ledger.bookkeeper import Bookkeeper, at, entry, facts, nothing_changes, sale

replace = msgspec.structs.replace
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80)


# What is posted ------------------------------------------------------------------------------------------------


async def test_an_entry_is_read_back_as_it_was_posted(keeper: Bookkeeper) -> None:
    said = entry(
        "2025-03-31",
        "assets:bank 700",
        "assets:cash -200",
        "income:sales -500",
        "assets:bank 12 JPY",
        "income:sales -12 JPY",
        key="sale:7/1",
        period="2025-05",
        description="An old sale, 直播带货",
        metadata={"order": "A-7", "note": ""},
    )
    posted = await keeper.post(said)
    assert posted.created
    found = await keeper.find(posted.entry_id)
    assert {name: getattr(found, name) for name in NewEntry.__struct_fields__} == msgspec.structs.asdict(said)
    assert (found.entry_id, found.recorded_at, found.reversed_by) == (posted.entry_id, posted.recorded_at, None)
    assert found.digest == content_digest(keeper.book_id, said).hex()


async def test_an_entry_is_found_by_its_key(keeper: Bookkeeper, other: Bookkeeper) -> None:
    posted = await keeper.post(sale("2025-03-31", key="sale-7"))
    async with keeper.engine.connect() as connection:
        assert (await find_entry_by_key(connection, keeper.book_id, "sale-7")).entry_id == posted.entry_id
        for book, key in ((other.book_id, "sale-7"), (keeper.book_id, "sale-8"), (keeper.book_id, "\0")):
            with pytest.raises(EntryNotFound):
                await find_entry_by_key(connection, book, key)


async def test_when_it_was_recorded_is_the_databases_to_say(keeper: Bookkeeper) -> None:
    posted = await keeper.post(sale("2025-03-31"))
    assert abs(datetime.now(UTC) - posted.recorded_at) < timedelta(minutes=1)
    assert posted.recorded_at.tzinfo is not None


@pytest.mark.parametrize(
    "text",
    ["NULL", "{}", "{a,b}", '"', "\\", '\\"', "',", " lead and trail ", "a\nb\tc\r", "%s %(x)s :y", "€😀", "\u202e"],
)
async def test_no_text_is_taken_for_syntax(keeper: Bookkeeper, text: str) -> None:
    said = entry(
        "2025-03-31", "assets:bank 5", "income:sales -5", key=text, description=text, metadata={text: text, "": text}
    )
    posted = await keeper.post_batch([sale("2025-03-31"), said])
    found = await keeper.find(posted[1].entry_id)
    assert (found.idempotency_key, found.description, found.metadata) == (text, text, {text: text, "": text})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.builds(dict, description=texts, metadata=st.dictionaries(texts, texts, max_size=3)), max_size=4), texts
)
async def test_any_text_comes_back(keeper: Bookkeeper, contents: list[dict[str, Any]], text: str) -> None:
    said = [replace(sale("2025-03-31", key=f"{uuid4().hex} {text}"), **content) for content in contents]
    posted = await keeper.post_batch(said)
    found = [await keeper.find(each.entry_id) for each in posted]
    assert [(each.idempotency_key, each.description, each.metadata) for each in found] == [
        (each.idempotency_key, each.description, each.metadata) for each in said
    ]


async def test_a_batch_is_answered_in_its_order(keeper: Bookkeeper) -> None:
    said = [sale("2025-03-31", amount, key=f"{amount % 7}-{amount}") for amount in range(1, 30)]
    posted = await keeper.post_batch(said)
    assert [(await keeper.find(each.entry_id)).lines[0].amount for each in posted] == list(range(1, 30))
    assert all(each.created for each in posted)
    await keeper.check()


async def test_an_empty_batch_posts_nothing(keeper: Bookkeeper) -> None:
    async with nothing_changes(keeper):
        assert await keeper.post_batch([]) == []


async def test_ten_thousand_entries_are_one_batch(keeper: Bookkeeper) -> None:
    posted = await keeper.post_batch([sale("2025-03-31", amount) for amount in range(1, 10_001)])
    assert len({each.entry_id for each in posted}) == 10_000
    assert await keeper.balances() == {"assets:bank": 50_005_000, "income:sales": -50_005_000}


async def test_one_batch_may_span_months_and_currencies(keeper: Bookkeeper) -> None:
    await keeper.post_batch(
        [
            sale("2025-03-31", 5),
            entry("2025-04-01", "assets:bank 700 JPY", "income:sales -700 JPY"),
            entry("2025-04-01", "assets:bank 1", "assets:cash -1", "assets:bank 2 JPY", "income:sales -2 JPY"),
        ]
    )
    assert await keeper.balances() == {"assets:bank": 6, "assets:cash": -1, "income:sales": -5}
    assert await keeper.balances(at(as_of="2025-04-01"), "JPY") == {"assets:bank": 702, "income:sales": -702}
    assert await keeper.balances(at(as_of="2025-03-31"), "JPY") == {}


async def test_an_entry_may_have_a_hundred_thousand_lines_but_not_one_more(keeper: Bookkeeper) -> None:
    whole = replace(sale("2025-03-31"), lines=_lines_of(MAX_LINES))
    posted = await keeper.post(whole)
    assert await keeper.balances() == {"assets:bank": MAX_LINES - 1, "income:sales": 1 - MAX_LINES}
    assert len((await keeper.find(posted.entry_id)).lines) == MAX_LINES == 100_000
    too_large = replace(sale("2025-03-31"), lines=_lines_of(MAX_LINES + 1))
    async with nothing_changes(keeper):
        with pytest.raises(EntryTooLarge) as refused:
            await keeper.post(too_large)
        assert facts(refused.value) == ("lines", "100001", "an entry has at most 100,000 lines")


def _lines_of(number: int) -> tuple[Line, ...]:
    return (*[Line("assets:bank", "CNY", 1)] * (number - 1), Line("income:sales", "CNY", 1 - number))


@pytest.mark.parametrize("day", [date.min, date(4, 2, 29), date(9999, 12, 1), date.max])
async def test_any_day_of_the_calendar_may_be_posted_on(keeper: Bookkeeper, day: date) -> None:
    posted = await keeper.post(sale(day))
    found = await keeper.find(posted.entry_id)
    assert (found.effective_on, found.period) == (day, day.replace(day=1))
    assert await keeper.balance("assets:bank") == await keeper.balance("assets:bank", at(as_of=day)) == 500
    assert [each.effective_on for each in await keeper.statement("assets:bank")] == [day]
    await keeper.check()


async def test_amounts_reach_as_far_as_a_reversal_can_undo(keeper: Bookkeeper) -> None:
    largest = await keeper.post(sale("2025-03-31", BIGINT_MAX))
    await keeper.reverse(largest.entry_id, "2025-04-01")
    await keeper.reverse((await keeper.post(sale("2025-04-02", -BIGINT_MAX))).entry_id, "2025-04-03")
    assert await keeper.balances() == {}
    await keeper.check()


# The same again ------------------------------------------------------------------------------------------------


async def test_the_same_entry_again_is_the_first_one(keeper: Bookkeeper) -> None:
    said = entry("2025-03-31", "assets:bank 5", "income:sales -5", metadata={"b": "2", "a": "1"})
    first = await keeper.post(said)
    async with nothing_changes(keeper):
        again = await keeper.post(replace(said, metadata={"a": "1", "b": "2"}, period=date(2025, 3, 1)))
        assert again == replace(first, created=False)


async def test_a_batch_may_mix_new_and_old_and_name_an_entry_twice(keeper: Bookkeeper) -> None:
    old = [sale("2025-03-31", amount) for amount in (1, 2)]
    first = await keeper.post_batch(old)
    new = [sale("2025-03-31", amount) for amount in (3, 4)]
    second = await keeper.post_batch([new[0], old[1], new[1], new[0], old[0]])
    assert [each.created for each in second] == [True, False, True, False, False]
    assert (second[1].entry_id, second[4].entry_id) == (first[1].entry_id, first[0].entry_id)
    assert second[3].entry_id == second[0].entry_id
    assert await keeper.balance("assets:bank") == 10
    await keeper.check()


async def test_the_same_key_in_another_book_is_another_entry(keeper: Bookkeeper, other: Bookkeeper) -> None:
    assert (await keeper.post(sale("2025-03-31", key="sale-1"))).created
    assert (await other.post(sale("2025-03-31", key="sale-1"))).created


async def test_an_entry_may_be_posted_again_after_its_month_is_locked(keeper: Bookkeeper) -> None:
    said = sale("2025-03-31")
    first = await keeper.post(said)
    await keeper.lock("2025-03")
    assert (await keeper.post(said)).entry_id == first.entry_id


@pytest.mark.parametrize(
    "change",
    [
        {"effective_on": date(2025, 3, 30)},
        {"period": date(2025, 4, 1)},
        {"description": "another"},
        {"metadata": {"a": "2"}},
        {"metadata": {"a": "1", "b": "1"}},
        {"metadata": {}},
        {"lines": (Line("assets:bank", "CNY", 6), Line("income:sales", "CNY", -6))},
        {"lines": (Line("assets:cash", "CNY", 5), Line("income:sales", "CNY", -5))},
        {"lines": (Line("income:sales", "CNY", -5), Line("assets:bank", "CNY", 5))},
        {"lines": (Line("assets:bank", "JPY", 5), Line("income:sales", "JPY", -5))},
        {"reverses": 1},
    ],
    ids=str,
)
async def test_a_key_that_was_used_for_other_content_is_a_conflict(keeper: Bookkeeper, change: dict[str, Any]) -> None:
    said = entry("2025-03-31", "assets:bank 5", "income:sales -5", key="sale-1", metadata={"a": "1"})
    await keeper.post(said)
    changed = replace(said, **change)
    for attempt in ([changed], [sale("2025-03-31"), changed], [said, changed]):
        async with nothing_changes(keeper):
            with pytest.raises(IdempotencyConflict) as refused:
                await keeper.post_batch(attempt)
            assert facts(refused.value)[:2] == ("idempotency_key", "sale-1")


async def test_two_entries_of_one_batch_cannot_share_a_key(keeper: Bookkeeper) -> None:
    async with nothing_changes(keeper):
        with pytest.raises(IdempotencyConflict):
            await keeper.post_batch([sale("2025-03-31", 1, key="k"), sale("2025-03-31", 2, key="k")])


# Reversal ------------------------------------------------------------------------------------------------------


async def test_a_reversal_undoes_an_entry_and_names_it(keeper: Bookkeeper) -> None:
    original = await keeper.post(entry("2025-03-31", "assets:bank 7", "assets:cash -2", "income:sales -5"))
    reversal = await keeper.reverse(original.entry_id, "2025-04-02")
    assert await keeper.balances() == {}
    assert await keeper.balances(at(as_of="2025-04-01")) == {"assets:bank": 7, "assets:cash": -2, "income:sales": -5}
    found = await keeper.find(reversal.entry_id)
    assert found.reverses == original.entry_id
    assert found.description == f"Reversal of entry {original.entry_id}"
    assert (await keeper.find(original.entry_id)).reversed_by == reversal.entry_id
    await keeper.check()


async def test_an_entry_is_reversed_once(keeper: Bookkeeper) -> None:
    original = await keeper.post(sale("2025-03-31"))
    first = await keeper.reverse(original.entry_id, "2025-04-02", key="undo")
    async with nothing_changes(keeper):
        assert await keeper.reverse(original.entry_id, "2025-04-02", key="undo") == replace(first, created=False)
        with pytest.raises(AlreadyReversed) as refused:
            await keeper.reverse(original.entry_id, "2025-04-02", key="undo again")
        assert facts(refused.value)[:2] == ("reverses", str(original.entry_id))


async def test_a_reversal_can_be_reversed(keeper: Bookkeeper) -> None:
    original = await keeper.post(sale("2025-03-31"))
    reversal = await keeper.reverse(original.entry_id, "2025-04-02")
    await keeper.reverse(reversal.entry_id, "2025-04-03")
    assert await keeper.balances() == {"assets:bank": 500, "income:sales": -500}


async def test_an_entry_of_a_locked_month_is_reversed_in_an_open_one(keeper: Bookkeeper) -> None:
    original = await keeper.post(sale("2025-03-31"))
    await keeper.lock("2025-03")
    with pytest.raises(PeriodLocked):
        await keeper.reverse(original.entry_id, "2025-03-31")
    await keeper.reverse(original.entry_id, "2025-03-31", period="2025-04")
    assert await keeper.balances(at(through="2025-03")) == {"assets:bank": 500, "income:sales": -500}
    assert await keeper.balances(at(as_of="2025-03-31")) == {}


async def test_a_reversal_needs_its_entry(keeper: Bookkeeper, other: Bookkeeper) -> None:
    elsewhere = await other.post(sale("2025-03-31"))
    async with nothing_changes(keeper, other):
        for entry_id in (elsewhere.entry_id, BIGINT_MAX, 2**80, 0, -1):
            with pytest.raises(EntryNotFound) as refused:
                await keeper.reverse(entry_id, "2025-04-02")
            assert facts(refused.value)[:2] == ("entry", str(entry_id))


async def test_a_batch_may_reverse_many(keeper: Bookkeeper) -> None:
    posted = await keeper.post_batch([sale("2025-03-31", amount) for amount in range(1, 50)])
    await keeper.post_batch(
        [sale("2025-04-01", -amount, reverses=each.entry_id) for amount, each in enumerate(posted, 1)]
    )
    assert await keeper.balances() == {}


# Reading -------------------------------------------------------------------------------------------------------


async def test_entries_are_listed_newest_first_page_by_page(keeper: Bookkeeper, other: Bookkeeper) -> None:
    posted = [each.entry_id for each in await keeper.post_batch([sale("2025-03-31") for _ in range(7)])]
    await other.post(sale("2025-03-31"))
    pages: list[list[int]] = []
    async with keeper.engine.connect() as connection:
        before = BIGINT_MAX
        while page := await list_entries(connection, keeper.book_id, before=before, limit=3):
            pages.append([each.entry_id for each in page])
            before = page[-1].entry_id
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [entry_id for page in pages for entry_id in page] == sorted(posted, reverse=True)
