"""Paying: all that is due in a book, by the clock. A run too many finds nothing to do."""

from collections import Counter

from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.errors import ScheduleNotFound
from settlement.payouts.halts import RAILS, Rails
from settlement.payouts.looking_up import look_up_due
from settlement.payouts.pace import Pace
from settlement.payouts.schedules import draft_due
from settlement.payouts.sending import Clock, Sender, utc_now

CALLS_PER_SECOND = 25.0
"""What Stripe takes of one endpoint: https://docs.stripe.com/rate-limits"""

DUE = """
    settlement.payouts AS its JOIN settlement.payout_runs AS run USING (book_id, run_id)
    WHERE run.state = 'sending' AND (its.leased_until IS NULL OR its.leased_until <= now())
      AND (its.state IN ('ready', 'unknown') AND its.next_attempt_at <= now() OR its.state = 'sending')
"""
"""A FROM clause: payouts to be sent, to be looked up, or left by somebody who died."""


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
        if name in rails:
            rail = rails.of(name)
            done += await look_up_due(engine, rail, name, book_id, clock=clock)
            done += await Sender(engine, rail, name, pace=pace, clock=clock).send_due(book_id)
    return done
