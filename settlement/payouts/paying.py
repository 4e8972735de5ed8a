"""Paying: all that is due in a book, by the clock. A run too many finds nothing to do."""

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.errors import RailNotSetUp, ScheduleNotFound
from settlement.payouts.halts import RAILS, Rails
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.pace import Pace
from settlement.payouts.schedules import draft_due
from settlement.payouts.sending import Clock, Sender, utc_now

CALLS_PER_SECOND = 25.0
"""What Stripe takes of one endpoint: https://docs.stripe.com/rate-limits"""

DUE = """
    settlement.payout_runs AS run
    LEFT JOIN (
        SELECT * FROM settlement.payouts WHERE state IN ('ready', 'sending', 'filed', 'unknown')
    ) AS its USING (book_id, run_id)
    WHERE run.state = 'sending' AND (
        its.payout_id IS NULL
        OR (its.leased_until IS NULL OR its.leased_until <= now())
        AND (its.state IN ('ready', 'unknown') AND its.next_attempt_at <= now() OR its.state = 'sending')
    )
"""
"""A FROM clause: payouts to be sent, to be looked up, or left by somebody who died; and runs that are at their end."""


async def draft_scheduled(engine: AsyncEngine, book_id: int, *, clock: Clock = utc_now) -> None:
    """Draft the run of a day of payment that has come, where the book has a schedule."""
    async with engine.begin() as connection:
        try:
            await draft_due(connection, book_id, clock())
        except ScheduleNotFound:
            return


async def pay_due(
    engine: AsyncEngine, rails: Rails, book_id: int, pace: Pace, *, clock: Clock = utc_now
) -> Counter[str]:
    """Look up what is unknown, then send what is due; how many payouts are in which state afterwards.

    Raises ExceptionGroup, see `settlement.payouts.sending`.
    """
    done: Counter[str] = Counter()
    for name in RAILS:
        try:
            async with engine.connect() as connection:
                rail = await rails.of(connection, book_id, name)
        except RailNotSetUp:
            continue
        done += await look_up_due(engine, rail, name, book_id, clock=clock)
        its_pace = pace if rail.answers == "at-once" else Pace(None)
        done += await Sender(engine, rail, name, pace=its_pace, clock=clock).send_due(book_id)
    return done
