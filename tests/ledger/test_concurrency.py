"""Many at once on one book: nobody waits in a circle, nothing is lost, and no one is told to try again.

What each writer does comes from its number as the seed; what the server makes of it differs from run to run. After
each storm the books must be sound, to the last sum and seal.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database
from clipledger.database import DatabaseUrls
from ledger.accounts import NewAccount
from ledger.entries import NewEntry, Posted, post
from ledger.errors import AlreadyReversed, IdempotencyConflict, PeriodLocked
from ledger.periods import lock_period
from tests.ledger.bookkeeper import PATIENCE, Bookkeeper, at, entry

ROOT = Path(__file__).parents[2]
WRITERS = range(16)
PARTIES = 6


@pytest.fixture(scope="module")
async def wide_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """A connection for each writer, and some for those who lock and seal."""
    engine = database.create_engine(urls.app, pool_size=len(WRITERS) + 4)
    yield engine
    await engine.dispose()


@pytest.fixture
async def busy(wide_engine: AsyncEngine, request: pytest.FixtureRequest) -> Bookkeeper:
    """Keeps a book whose hot account has as many stripes as the test asks for, one if it does not ask."""
    parties = [NewAccount(f"liabilities:held:p{number}", "CNY") for number in range(PARTIES)]
    hot = NewAccount("assets:marketplace", "CNY", getattr(request, "param", 1))
    return await Bookkeeper.of_new_book(wide_engine, [hot, *parties])


def any_sale(chance: random.Random, key: str) -> NewEntry:
    """On the hot account and two of the others, in any order."""
    first, second = chance.sample(range(PARTIES), 2)
    amount = chance.randint(2, 1000)
    part = chance.randint(1, amount - 1)
    said = [
        f"assets:marketplace {amount}",
        f"liabilities:held:p{first} {-part}",
        f"liabilities:held:p{second} {part - amount}",
    ]
    chance.shuffle(said)
    return entry(f"2025-03-{chance.randint(1, 5):02}", *said, key=key)


def hot_amount(*entries: NewEntry) -> int:
    return sum(line.amount for each in entries for line in each.lines if line.account == "assets:marketplace")


async def at_once(*doings: Coroutine[Any, Any, None]) -> None:
    """The first that fails ends the test with its own error."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for doing in doings:
            group.create_task(doing)


async def post_some(keeper: Bookkeeper, some: list[NewEntry]) -> list[Posted]:
    return [await keeper.post(some[0])] if len(some) == 1 else await keeper.post_batch(some)


async def count(keeper: Bookkeeper) -> int:
    return (await keeper.numbers("SELECT count(*) FROM ledger.entries WHERE book_id = :book"))[0]


@pytest.mark.parametrize("busy", [1, 16], indirect=True, ids=["one stripe", "16 stripes"])
async def test_sixteen_writers_post_singles_and_batches_on_one_hot_account(busy: Bookkeeper) -> None:
    written: list[NewEntry] = []

    async def write(writer: int) -> None:
        chance = random.Random(writer)
        for turn in range(15):
            some = [any_sale(chance, f"{writer}/{turn}/{number}") for number in range(chance.choice([1, 1, 1, 5, 40]))]
            assert all(each.created for each in await post_some(busy, some))
            written.extend(some)

    await at_once(*map(write, WRITERS))
    assert await count(busy) == len(written)
    assert await busy.balance("assets:marketplace") == hot_amount(*written)
    await busy.seal_all()
    await busy.check()


async def test_writers_who_race_with_the_same_keys_make_each_entry_once(busy: Bookkeeper) -> None:
    events = [any_sale(random.Random(number), f"event-{number}") for number in range(60)]
    answers: dict[str, list[Posted]] = {each.idempotency_key: [] for each in events}

    async def write(writer: int) -> None:
        chance = random.Random(writer)
        left = chance.sample(events, len(events))
        while left:
            size = chance.choice([1, 2, 20])
            some, left = left[:size], left[size:]
            for said, answer in zip(some, await post_some(busy, some), strict=True):
                answers[said.idempotency_key].append(answer)

    await at_once(*map(write, WRITERS))
    for got in answers.values():
        assert len(got) == len(WRITERS)
        assert sum(answer.created for answer in got) == 1
        assert len({(answer.entry_id, answer.recorded_at) for answer in got}) == 1
    assert await count(busy) == len(events)
    assert await busy.balance("assets:marketplace") == hot_amount(*events)
    await busy.check()


async def test_one_of_many_contents_wins_a_key_and_the_others_are_conflicts(busy: Bookkeeper) -> None:
    won: list[int] = []
    lost: list[int] = []

    async def write(writer: int) -> None:
        for number in range(10):
            try:
                assert (await busy.post(any_sale(random.Random(f"{writer} {number}"), f"event-{number}"))).created
                won.append(number)
            except IdempotencyConflict:
                lost.append(number)

    await at_once(*map(write, WRITERS))
    assert sorted(won) == list(range(10))
    assert len(lost) == 10 * (len(WRITERS) - 1)
    await busy.check()


async def test_one_of_many_reversals_wins_and_the_others_are_told(busy: Bookkeeper) -> None:
    posted = await busy.post_batch([any_sale(random.Random(number), f"event-{number}") for number in range(10)])
    won: list[int] = []
    told: list[int] = []

    async def write(writer: int) -> None:
        for each in random.Random(writer).sample(posted, len(posted)):
            try:
                await busy.reverse(each.entry_id, "2025-03-09", key=f"{writer} reverses {each.entry_id}")
                won.append(each.entry_id)
            except AlreadyReversed:
                told.append(each.entry_id)

    await at_once(*map(write, WRITERS))
    assert sorted(won) == [each.entry_id for each in posted]
    assert len(told) == len(posted) * (len(WRITERS) - 1)
    assert await busy.balances() == {}
    await busy.check()


async def test_batches_that_reverse_the_same_in_other_orders_do_not_wait_in_a_circle(busy: Bookkeeper) -> None:
    events = [any_sale(random.Random(number), f"event-{number}") for number in range(1500)]
    posted = await busy.post_batch(events)
    outcomes: list[str] = []

    async def write(writer: int) -> None:
        mirrors = [
            entry(
                "2025-03-09",
                *(f"{line.account} {-line.amount}" for line in event.lines),
                key=f"{writer} {number if writer % 2 else 9999 - number:04}",
                reverses=answer.entry_id,
            )
            for number, (event, answer) in enumerate(zip(events, posted, strict=True))
        ]
        try:
            await busy.post_batch(mirrors)
            outcomes.append("won")
        except AlreadyReversed:
            outcomes.append("told")

    await at_once(*map(write, range(4)))
    assert sorted(outcomes) == ["told", "told", "told", "won"]
    assert await busy.balances() == {}


async def test_no_entry_slips_into_a_month_that_is_being_locked(busy: Bookkeeper) -> None:
    at_the_lock: dict[str, dict[str, int]] = {}
    refused: list[str] = []

    async def write(writer: int) -> None:
        chance = random.Random(writer)
        left = 4
        while left:
            left -= len(at_the_lock) == 2  # some more after both are locked
            month = chance.choice(["2025-01", "2025-02", "2025-03"])
            party = f"liabilities:held:p{chance.randrange(PARTIES)}"
            size = chance.choice([1, 1, 8])
            try:
                await post_some(
                    busy, [entry(f"{month}-15", "assets:marketplace 5", f"{party} -5") for _ in range(size)]
                )
            except PeriodLocked:
                refused.append(month)
            await asyncio.sleep(chance.random() * 0.02)

    async def lock() -> None:
        for month in ("2025-01", "2025-02"):
            await asyncio.sleep(0.08)
            await busy.lock(month)
            at_the_lock[month] = await busy.balances(at(through=month))

    await at_once(lock(), *map(write, WRITERS))
    assert set(refused) == {"2025-01", "2025-02"}
    assert at_the_lock == {month: await busy.balances(at(through=month)) for month in at_the_lock}
    await busy.check()


WAITING = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 4217 AND objid::bigint = :book AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


async def test_who_waits_for_a_month_being_locked_holds_nothing_that_others_could_wait_for(busy: Bookkeeper) -> None:
    async with busy.engine.connect() as locker, asyncio.TaskGroup() as group:
        await lock_period(locker, busy.book_id, date(2025, 1, 1), locked_by="user:1")
        group.create_task(busy.post_batch([any_sale(random.Random(1), "event-1")]))
        async with asyncio.timeout(PATIENCE):
            while True:
                pid = await locker.scalar(text(WAITING), {"book": busy.book_id})
                if pid:
                    break
                await asyncio.sleep(0.01)
        written = text("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND pid = :pid")
        assert await locker.scalar(written, {"pid": pid}) == 0
        await locker.commit()
    await busy.check()


async def test_one_of_many_who_lock_a_month_locks_it(busy: Bookkeeper) -> None:
    locked: list[str] = []

    async def lock(month: str) -> None:
        try:
            await busy.lock(month)
            locked.append(month)
        except PeriodLocked:
            pass

    await at_once(*(lock(f"2025-0{1 + writer % 4}") for writer in WRITERS))
    assert locked == sorted(set(locked))
    assert locked[-1] == "2025-04"


async def test_seals_miss_nothing_of_writers_who_stall_or_change_their_minds(busy: Bookkeeper) -> None:
    writing = len(WRITERS)

    async def write(writer: int) -> None:
        nonlocal writing
        chance = random.Random(writer)
        for turn in range(6):
            async with busy.engine.connect() as connection:
                # A day of its own for each, or they would wait for one another's movements and never overlap.
                said = entry(f"2025-03-{writer + 1:02}", "assets:marketplace 5", "liabilities:held:p0 -5")
                await post(connection, busy.book_id, said)
                await asyncio.sleep(chance.choice([0, 0, 0.01, 0.1]))
                if turn != 4:
                    await connection.commit()
        writing -= 1

    async def keep_sealing() -> None:
        while writing:
            await busy.seal()
            await asyncio.sleep(0.005)

    await at_once(keep_sealing(), keep_sealing(), *map(write, WRITERS))
    await busy.seal_all()
    verified = await busy.check()
    assert (verified.entries, verified.unsealed) == (5 * len(WRITERS), 0)
    out_of_order = """
        SELECT count(*) FROM (
            SELECT (e.transaction_id, e.entry_id) < lag((e.transaction_id, e.entry_id)) OVER sealed AS behind
            FROM ledger.sealed_entries AS s JOIN ledger.entries AS e USING (book_id, entry_id)
            WHERE s.book_id = :book WINDOW sealed AS (ORDER BY s.seal_no, s.leaf_no)
        ) AS pairs WHERE behind"""
    assert await busy.numbers(out_of_order) == [0]


WRITE = """
import asyncio, random, sys

from clipledger import database
from ledger.books import find_book
from tests.ledger.bookkeeper import Bookkeeper
from tests.ledger.test_concurrency import any_sale, post_some


async def write(keeper, writer):
    chance = random.Random(writer)
    for turn in range(8):
        own = [any_sale(chance, f"{writer}/{turn}/{number}") for number in range(chance.choice([1, 1, 10]))]
        shared = [any_sale(random.Random(turn), f"shared-{turn}")]
        await post_some(keeper, chance.choice([own + shared, shared + own]))


async def main(url, slug, process):
    engine = database.create_engine(url)
    async with engine.connect() as connection:
        keeper = Bookkeeper(engine, await find_book(connection, slug))
    await asyncio.gather(*(write(keeper, 4 * process + number) for number in range(4)))
    await engine.dispose()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_writers_in_separate_processes_share_nothing_but_the_database(
    busy: Bookkeeper, urls: DatabaseUrls
) -> None:
    async def process(number: int) -> None:
        arguments = ("-c", WRITE, urls.app, busy.book.slug, str(number))
        running = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
        assert await running.wait() == 0

    await at_once(*map(process, range(4)))
    shared = await busy.numbers("""
        SELECT count(*) FROM ledger.entries WHERE book_id = :book AND idempotency_key LIKE 'shared-%'""")
    assert shared == [8]
    written: list[NewEntry] = [any_sale(random.Random(turn), "") for turn in range(8)]
    for writer in WRITERS:
        chance = random.Random(writer)
        for _ in range(8):
            written += [any_sale(chance, "") for _ in range(chance.choice([1, 1, 10]))]
            chance.choice([0, 1])
    assert await count(busy) == len(written)
    assert await busy.balance("assets:marketplace") == hot_amount(*written)
    await busy.check()
