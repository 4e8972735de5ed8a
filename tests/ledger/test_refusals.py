"""Bad input: each case is refused by an error that names field, value and rule, and nothing has changed."""

from datetime import date, datetime
from enum import IntEnum
from typing import Any

import msgspec
import pytest

from ledger.accounts import NewAccount
from ledger.entries import MAX_METADATA, Line, post
from ledger.errors import (
    EntryTooSmall,
    InvalidAmount,
    InvalidEntry,
    LedgerError,
    PeriodLocked,
    UnbalancedEntry,
    UnknownAccount,
    UnknownCurrency,
)
from ledger.money import BIGINT_MAX
from tests.ledger.bookkeeper import Bookkeeper, entry, facts, nothing_changes, sale

INTEGER = "must be an integer of minor units"
BIGINT = "must lie between -9223372036854775807 and 9223372036854775807"
MOVES = "a posting moves something"
ACCOUNT = "must be an account of this book"
CURRENCY = "must be the ISO 4217 code of a national currency in use"
STORABLE = "text without NUL or half a surrogate pair"
EARLIER = "an earlier entry of this book"
FIRST_DAY = "the first day of a month"
DATE = "a date, without a time of day"

DR, CR = ("assets:bank", "CNY", 5), ("income:sales", "CNY", -5)


def lines(*said: tuple[Any, ...]) -> dict[str, Any]:
    return {"lines": tuple(Line(*each) for each in said)}


def of(amount: Any) -> dict[str, Any]:
    return lines(("assets:bank", "CNY", amount), ("income:sales", "CNY", -amount))


class Quarter(IntEnum):
    FIRST = 5


# what is said instead, the error, its field, its value, its rule
REFUSED: dict[str, tuple[dict[str, Any], type[LedgerError], str, str | None, str]] = {
    "a zero amount": (of(0), InvalidAmount, "lines[0].amount", "0", MOVES),
    "a zero among others": (
        lines(DR, ("assets:cash", "CNY", 0), CR), InvalidAmount, "lines[1].amount", "0", MOVES),
    "a float": (of(5.0), InvalidAmount, "lines[0].amount", "5.0", INTEGER),
    "a float that is no number": (of(float("nan")), InvalidAmount, "lines[0].amount", "nan", INTEGER),
    "a bool": (of(True), InvalidAmount, "lines[0].amount", "True", INTEGER),
    "a text": (lines(("assets:bank", "CNY", "5"), CR), InvalidAmount, "lines[0].amount", "5", INTEGER),
    "nothing": (lines(DR, ("income:sales", "CNY", None)), InvalidAmount, "lines[1].amount", None, INTEGER),
    "past bigint": (of(2**63), InvalidAmount, "lines[0].amount", "9223372036854775808", BIGINT),
    "below bigint": (of(-(2**63)), InvalidAmount, "lines[0].amount", "-9223372036854775808", BIGINT),
    "far past bigint": (of(10**5000), InvalidAmount, "lines[0].amount", "a number too long to print", BIGINT),
    "lines that do not sum to zero": (
        lines(DR, ("income:sales", "CNY", -4)), UnbalancedEntry, "lines", "1 CNY",
        "an entry's lines sum to zero in each currency"),
    "currencies that balance only together": (
        lines(("assets:bank", "CNY", 5), ("income:sales", "JPY", -5)), UnbalancedEntry, "lines", "5 CNY",
        "an entry's lines sum to zero in each currency"),
    "no line": (lines(), EntryTooSmall, "lines", "0", "an entry has at least two lines"),
    "one line": (lines(DR), EntryTooSmall, "lines", "1", "an entry has at least two lines"),
    "an unknown currency": (
        lines(DR, ("assets:cash", "XXX", 5), ("assets:cash", "XXX", -5), CR),
        UnknownCurrency, "lines[1].currency", "XXX", CURRENCY),
    "a currency in small letters": (
        lines(("assets:bank", "cny", 5), ("income:sales", "cny", -5)),
        UnknownCurrency, "lines[0].currency", "cny", CURRENCY),
    "an account that is missing": (
        lines(DR, ("income:none", "CNY", -5)), UnknownAccount, "lines[1].account", "income:none CNY", ACCOUNT),
    "an account in another currency": (
        lines(DR, CR, ("assets:cash", "JPY", 5), ("income:sales", "JPY", -5)),
        UnknownAccount, "lines[2].account", "assets:cash JPY", ACCOUNT),
    "an account of another book": (
        lines(DR, ("income:elsewhere", "CNY", -5)),
        UnknownAccount, "lines[1].account", "income:elsewhere CNY", ACCOUNT),
    "an account with NUL": (
        lines(DR, ("income:\0", "CNY", -5)), UnknownAccount, "lines[1].account", "income:\0 CNY", ACCOUNT),
    "an account that is no UTF-8": (
        lines(DR, ("income:\ud800", "CNY", -5)), UnknownAccount, "lines[1].account", r"income:\ud800 CNY", ACCOUNT),
    "an account of great length": (
        lines(DR, ("income:" + "x" * 300, "CNY", -5)),
        UnknownAccount, "lines[1].account", "income:" + "x" * 192 + "…", ACCOUNT),
    "a locked month": ({"effective_on": date(2025, 1, 31)}, PeriodLocked, "period", "2025-01",
        "entry K is booked in 2025-01, which is locked"),
    "a month before a locked one": ({"effective_on": date(1999, 12, 31)}, PeriodLocked, "period", "1999-12",
        "entry K is booked in 1999-12, which is locked"),
    "the first of all days": ({"effective_on": date.min}, PeriodLocked, "period", "0001-01",
        "entry K is booked in 0001-01, which is locked"),
    "a period that is no month": ({"period": date(2025, 4, 2)}, InvalidEntry, "period", "2025-04-02", FIRST_DAY),
    "a period with a time": (
        {"period": datetime(2025, 4, 1, 9)}, InvalidEntry, "period", "2025-04-01 09:00:00", FIRST_DAY),
    "a period before its day": (
        {"period": date(2025, 2, 1)}, InvalidEntry, "period", "2025-02-01", "not before the month of effective_on"),
    "a day with a time": (
        {"effective_on": datetime(2025, 3, 31, 9)}, InvalidEntry, "effective_on", "2025-03-31 09:00:00", DATE),
    "a day as text": ({"effective_on": "2025-03-31"}, InvalidEntry, "effective_on", "2025-03-31", DATE),
    "an empty key": ({"idempotency_key": ""}, InvalidEntry, "idempotency_key", "", "1 to 255 characters"),
    "a long key": (
        {"idempotency_key": "k" * 256}, InvalidEntry, "idempotency_key", "k" * 199 + "…", "1 to 255 characters"),
    "a key with NUL": ({"idempotency_key": "a\0b"}, InvalidEntry, "idempotency_key", "a\0b", STORABLE),
    "a key that is no UTF-8": (
        {"idempotency_key": "a\udfff"}, InvalidEntry, "idempotency_key", r"a\udfff", STORABLE),
    "an empty description": ({"description": ""}, InvalidEntry, "description", "", "1 to 1,000 characters"),
    "a long description": (
        {"description": "é" * 1001}, InvalidEntry, "description", "é" * 199 + "…", "1 to 1,000 characters"),
    "a description with NUL": ({"description": "\0"}, InvalidEntry, "description", "\0", STORABLE),
    "metadata with a number": ({"metadata": {"a": 1}}, InvalidEntry, "metadata", "{'a': 1}", "texts by name"),
    "metadata with a float": ({"metadata": {"a": 1.5}}, InvalidEntry, "metadata", "{'a': 1.5}", "texts by name"),
    "metadata with nothing": ({"metadata": {"a": None}}, InvalidEntry, "metadata", "{'a': None}", "texts by name"),
    "metadata in metadata": ({"metadata": {"a": {}}}, InvalidEntry, "metadata", "{'a': {}}", "texts by name"),
    "metadata by number": ({"metadata": {1: "a"}}, InvalidEntry, "metadata", "{1: 'a'}", "texts by name"),
    "metadata with NUL": ({"metadata": {"a": "\0"}}, InvalidEntry, "metadata", r"{'a': '\x00'}", STORABLE),
    "a name of metadata with NUL": ({"metadata": {"\0": "a"}}, InvalidEntry, "metadata", r"{'\x00': 'a'}", STORABLE),
    "metadata that is no UTF-8": (
        {"metadata": {"a": "\ud83d"}}, InvalidEntry, "metadata", r"{'a': '\ud83d'}", STORABLE),
    "huge metadata": (
        {"metadata": {"a": "x" * MAX_METADATA}}, InvalidEntry, "metadata", "65,537 characters",
        "at most 65,536 characters"),
    "a reversal of nothing": ({"reverses": BIGINT_MAX}, InvalidEntry, "reverses", str(BIGINT_MAX), EARLIER),
    "a reversal of number zero": ({"reverses": 0}, InvalidEntry, "reverses", "0", EARLIER),
    "a reversal past bigint": ({"reverses": 2**63}, InvalidEntry, "reverses", str(2**63), EARLIER),
    "a reversal of yes": ({"reverses": True}, InvalidEntry, "reverses", "True", EARLIER),
}  # fmt: skip


@pytest.fixture
async def locked(keeper: Bookkeeper, other: Bookkeeper) -> Bookkeeper:
    """Keeps a book with one entry, locked through January 2025; another book has an account of its own."""
    await keeper.lock("2025-01")
    await keeper.post(sale("2025-03-30", key="first"))
    await other.open(NewAccount("income:elsewhere", "CNY"))
    return keeper


@pytest.mark.parametrize("case", REFUSED)
async def test_bad_input_is_refused_by_field_value_and_rule(locked: Bookkeeper, case: str) -> None:
    said, kind, field, value, rule = REFUSED[case]
    bad = msgspec.structs.replace(entry("2025-03-31", "assets:bank 5", "income:sales -5", key="K"), **said)
    async with nothing_changes(locked):
        with pytest.raises(kind) as refused:
            await locked.post(bad)
        assert facts(refused.value) == (field, value, rule)
        assert type(refused.value) is kind


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_entry_takes_its_batch_with_it(locked: Bookkeeper, case: str) -> None:
    said, kind, field, value, _ = REFUSED[case]
    bad = msgspec.structs.replace(entry("2025-03-31", "assets:bank 5", "income:sales -5", key="K"), **said)
    async with nothing_changes(locked):
        with pytest.raises(kind) as refused:
            await locked.post_batch([sale("2025-03-31"), sale("2025-03-31"), bad, sale("2025-03-31")])
        assert refused.value.value == value
        assert (refused.value.field or "").removeprefix("entries[2].") == field


async def test_an_integer_by_another_name_is_an_integer(keeper: Bookkeeper) -> None:
    await keeper.post(msgspec.structs.replace(sale("2025-03-31"), **of(Quarter.FIRST)))
    assert await keeper.balance("assets:bank") == 5
    await keeper.check()


async def test_the_longest_texts_are_taken(keeper: Bookkeeper) -> None:
    longest = msgspec.structs.replace(
        sale("2025-03-31"),
        idempotency_key="😀" * 255,
        description="😀" * 1000,
        metadata={"a": "😀" * (MAX_METADATA - 1)},
    )
    found = await keeper.find((await keeper.post(longest)).entry_id)
    assert (found.idempotency_key, found.description, found.metadata) == (
        longest.idempotency_key,
        longest.description,
        longest.metadata,
    )
    await keeper.check()


async def test_an_entry_that_only_looks_like_a_reversal_is_none(locked: Bookkeeper) -> None:
    original = await locked.post(sale("2025-03-31", 500))
    for amount in (500, -499, -501):
        async with nothing_changes(locked):
            with pytest.raises(InvalidEntry) as refused:
                await locked.post(sale("2025-03-31", amount, key="K", reverses=original.entry_id))
            rule = f"entry K is not the mirror of an earlier entry {original.entry_id}"
            assert facts(refused.value) == ("reverses", str(original.entry_id), rule)


async def test_an_entry_of_another_book_cannot_be_reversed(keeper: Bookkeeper, other: Bookkeeper) -> None:
    elsewhere = (await other.post(sale("2025-03-31", 500))).entry_id
    async with nothing_changes(keeper, other):
        with pytest.raises(InvalidEntry) as refused:
            await keeper.post(sale("2025-03-31", -500, reverses=elsewhere))
        assert facts(refused.value) == ("reverses", str(elsewhere), EARLIER)


@pytest.mark.parametrize("amount", [9_200_000_000_000_000_000, -9_200_000_000_000_000_000])
async def test_what_an_account_moves_in_a_day_stays_within_a_bigint(keeper: Bookkeeper, amount: int) -> None:
    cash = (f"assets:cash {amount}", f"income:sales {-amount}")
    await keeper.post(entry("2025-03-31", *cash))
    async with nothing_changes(keeper):
        for attempt in ([entry("2025-03-31", *cash)], [sale("2025-03-30"), entry("2025-03-31", *cash)]):
            with pytest.raises(InvalidAmount) as refused:
                await keeper.post_batch(attempt)
            rule = "a movement of one account and day stays within a 64-bit integer"
            assert facts(refused.value) == ("amount", None, rule)
        with pytest.raises(InvalidAmount):
            await keeper.post(entry("2025-04-01", *cash, *cash))
    await keeper.post(entry("2025-04-01", *cash))
    assert await keeper.balances() == {"assets:cash": 2 * amount, "income:sales": -2 * amount}
    assert (await keeper.statement("assets:cash"))[-1].balance == 2 * amount
    await keeper.check()


async def test_what_is_refused_half_way_through_a_transaction_leaves_nothing(keeper: Bookkeeper) -> None:
    async def two_posts() -> None:
        async with keeper.engine.begin() as connection:
            await post(connection, keeper.book_id, sale("2025-03-31"))
            await post(connection, keeper.book_id, entry("2025-03-31", "assets:bank 5", "income:none -5"))

    async with nothing_changes(keeper):
        with pytest.raises(UnknownAccount):
            await two_posts()
