"""Settling: everything in a book that is due because of a person's decision, a claim, or the day it is."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from settlement.due import BATCH, Batch
from settlement.freezing import forfeit_due, freeze_due, unfreeze_due
from settlement.recovering import recover_negative
from settlement.releasing import release_due, release_reserves
from settlement.resolutions import reattribute_due, sweep_due
from settlement.suspense import book_today
from settlement.true_ups import release_true_ups


class _Due(Protocol):
    """One batch of what is due, in the caller's transaction; None where there is no more."""

    __name__: str

    def __call__(
        self, connection: AsyncConnection, book_id: int, today: date, *, after: int, limit: int
    ) -> Awaitable[Batch | None]: ...


STEPS: tuple[_Due, ...] = (
    sweep_due,
    reattribute_due,
    forfeit_due,
    unfreeze_due,
    freeze_due,
    release_due,
    release_reserves,
)
"""In this order: whose a sale is, then what claims do to it, and only then is it released."""

_LAST = (release_true_ups, recover_negative)
"""Then, each at once: what closes have shared otherwise, and at last what all this has left below zero."""

Told = Callable[[str, int], None]


async def settle_due(
    engine: AsyncEngine, book_id: int, *, today: date | None = None, limit: int = BATCH, told: Told = lambda *_: None
) -> Mapping[str, int]:
    """How many sales each step has moved, how many true-ups were released, and how many parties' shortfalls moved to
    what they owe, by the step's name. Each batch is committed by itself, and `told` of.

    `today` is by the book's calendar, unless another day is named. Broken off or run twice, it changes nothing more
    than is due.
    """
    moved = dict.fromkeys((step.__name__ for step in STEPS), 0)
    for step in STEPS:
        after = 0
        while True:
            async with engine.begin() as connection:
                day = today or await book_today(connection, book_id)
                batch = await step(connection, book_id, day, after=after, limit=limit)
            if batch is None:
                break
            after = batch.last
            moved[step.__name__] += batch.moved
            told(step.__name__, batch.moved)
    for last in _LAST:
        async with engine.begin() as connection:
            day = today or await book_today(connection, book_id)
            moved[last.__name__] = await last(connection, book_id, day)
    return moved
