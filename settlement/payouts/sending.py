"""Sending what was approved: claimed, called, recorded; batch by batch, by as many workers as there are.

A batch is claimed in one transaction and recorded in another; between them a rail is called, and no transaction is
open. A worker that dies between leaves payouts that are being sent: when its lease has ended, the next one sends them
again with the same key, which does nothing twice. `settlement.payouts.answers` has the rules.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.books import get_book
from settlement.payouts.answers import Stop, after_call, stop_of
from settlement.payouts.claiming import Claim, claim
from settlement.payouts.lifecycle import RailName
from settlement.payouts.pace import Pace, Sleep
from settlement.payouts.payouts import order_of
from settlement.payouts.recording import Made, finish, halt, lock_payouts, write
from settlement.rails.protocol import Conflicting, Order, Outcome, Rail, Refused, Sent, Throttled, Unknown

BATCH = 100
"""Payouts of one claim: a few seconds of calls."""
CALLS_AT_ONCE = 16
"""Enough for Stripe's limit where an answer takes half a second. A pool of many more connections costs more than it
gives.
"""
TRIES = 3
"""Calls with one key in one go, where no answer comes."""
_PAUSE = 0.5
"""Seconds before the second call; twice as long before each more."""

OTHER_ACCOUNT = Refused(
    "changed", "our bank account is another than when it was approved: cancel it", "operator", retriable=False
)

Clock = Callable[[], datetime]
Told = Callable[[int], None]


def utc_now() -> datetime:
    """The clock on the wall."""
    return datetime.now(UTC)


class Sender:
    """Sends payouts by one rail."""

    def __init__(
        self,
        engine: AsyncEngine,
        rail: Rail,
        rail_name: RailName,
        *,
        pace: Pace,
        clock: Clock = utc_now,
        sleep: Sleep = asyncio.sleep,
        batch: int = BATCH,
    ) -> None:
        self._engine = engine
        self._rail = rail
        self._name = rail_name
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._batch = batch
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)

    async def send_due(self, book_id: int, told: Told = lambda _: None) -> Counter[str]:
        """Send all that is due in the book; how many of them are in which state afterwards. `told` of each batch.

        Raises:
            ExceptionGroup: calls that failed by a fault of ours; what they were about is sent again later.
        """
        done: Counter[str] = Counter()
        while claims := await self._claim(book_id):
            answered = await self._call_all(claims)
            answers = [(its, each) for its, each in answered if not isinstance(each, BaseException)]
            done.update(await self._record(book_id, answers))
            told(len(claims))
            if faults := [each for _, each in answered if isinstance(each, Exception)]:
                raise ExceptionGroup("calls that failed by a fault of ours", faults)
        return done

    async def _claim(self, book_id: int) -> list[tuple[Claim, Order]]:
        async with self._engine.begin() as connection:
            book = (await get_book(connection, book_id)).slug
            claims = await claim(connection, book_id, self._name, self._clock(), limit=self._batch)
            if not claims:
                await finish(connection, book_id, self._clock())
        return [(its, order_of(book, its.row)) for its in claims]

    # Calling --------------------------------------------------------------------------------------------------

    async def _call_all(self, claims: Sequence[tuple[Claim, Order]]) -> list[tuple[Claim, Outcome | BaseException]]:
        """Side by side, in turns. After an answer that stops the run or the rail, no other call is begun."""
        stopped = asyncio.Event()
        work = (self._answer(its, order, stopped) for its, order in claims)
        answers = await asyncio.gather(*work, return_exceptions=True)
        return [(its, answer) for (its, _), answer in zip(claims, answers, strict=True)]

    async def _answer(self, its: Claim, order: Order, stopped: asyncio.Event) -> Outcome:
        outcome = its.against or self._changed(its, order) or await self._call(its, order, stopped)
        if stop_of(outcome) is not None:
            stopped.set()
        return outcome

    def _changed(self, its: Claim, order: Order) -> Outcome | None:
        """Whether the request is another than the one that was approved; one that can't be made is refused later."""
        if self._rail.refusal(order) is not None or self._rail.request_hash(order) == its.row.request_sha256:
            return None
        if self._rail.answers == "by-file":  # none of its calls has had an effect
            return OTHER_ACCOUNT
        return Conflicting("the request is another than the one that was approved")

    async def _call(self, its: Claim, order: Order, stopped: asyncio.Event) -> Outcome:
        """Once its lease has ended it is another's: who stood still for so long may hold a key that is forgotten."""
        outcome: Outcome = Throttled(None)
        for attempt in range(TRIES):
            async with self._calls:
                await self._pace.turn()
                if stopped.is_set() or self._clock() >= its.row.leased_until:
                    return outcome
                last, outcome = outcome, await self._rail.send(order)
            if isinstance(outcome, Throttled):
                self._pace.hold(_PAUSE * 2**attempt if outcome.retry_after is None else outcome.retry_after)
                outcome = last if isinstance(last, Unknown) else outcome
            elif not isinstance(outcome, Unknown):
                return outcome
            else:
                await self._sleep(_PAUSE * 2**attempt)
        return outcome

    # Recording ------------------------------------------------------------------------------------------------

    async def _record(self, book_id: int, answers: Sequence[tuple[Claim, Outcome]]) -> Counter[str]:
        now = self._clock()
        made: list[Made] = []
        async with self._engine.begin() as connection:
            rows = await lock_payouts(connection, book_id, [its.row.payout_id for its, _ in answers])
            for its, outcome in answers:
                row = rows[its.row.payout_id]
                if stop := _contradiction(row, outcome) or stop_of(outcome):
                    await halt(connection, book_id, row.run_id, self._name, stop, now)
                if _counts(row, its, outcome):
                    made.append(Made(row, after_call(row.state, outcome, row.attempts, now)))
            await write(connection, book_id, made, now)
            await finish(connection, book_id, now)
        return Counter(each.change.state for each in made)


def _counts(row: Row[Any], its: Claim, outcome: Outcome) -> bool:
    """Whether the answer says anything new: where another worker took over meanwhile, only that it was paid does."""
    if row.state == "sending" and row.key == its.row.key:
        return True
    return isinstance(outcome, Sent) and row.state in ("ready", "sending", "unknown")


def _contradiction(row: Row[Any], outcome: Outcome) -> Stop | None:
    if isinstance(outcome, Sent) and row.reference not in (None, outcome.reference):
        return Stop(rail=True, reason=f"payout {row.payout_id} is {row.reference} and {outcome.reference} at once")
    return None
