"""Payees' accounts are looked at again by the clock: what a lost webhook would have told of them is found.

Whose account keeps it from being paid, or is about to be paid to, is asked about every hour; everybody else's once a
day, as far as there are calls for it. What is found is kept as a webhook keeps it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import randrange

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import RailError, RailUnavailable

AT_MOST = 500
"""Accounts of one run: some minutes of calls, and in a day 12,000 accounts."""
URGENT = 400
"""Of these, at most so many of payees for whom it is urgent, lest nobody else is looked at."""
_URGENT_AFTER = timedelta(minutes=30)
_AFTER = timedelta(days=1)
_IN_VAIN = 3
"""Calls without an answer, one after another, after which it may be Stripe that is away, or just these accounts."""
_AWAY = 6
"""Calls without an answer, one after another, after which nobody else is asked about."""

Observe = Callable[[str], Awaitable[object]]
"""Asks Stripe how an account stands, and keeps that. Raises RailError."""


async def refresh_stale(
    engine: AsyncEngine, observe: Observe, *, at_most: int = AT_MOST, urgent: int = URGENT, clock: Clock = utc_now
) -> int:
    """Look again at accounts at Stripe that nobody has looked at for long; how many.

    Those that never answer come first each time. After a few of them any other may be the next, so that nobody waits
    for them for good.

    Raises:
        ExceptionGroup: those that could not be looked at; they come first the next time.
    """
    faults: list[RailError] = []
    seen = in_vain = 0
    waiting = await _stale(engine, clock(), at_most, urgent)
    while waiting and in_vain < _AWAY:
        account = waiting.pop(0 if in_vain < _IN_VAIN else randrange(len(waiting)))  # noqa: S311 - no secret
        try:
            await observe(account)
            seen, in_vain = seen + 1, 0
        except RailError as fault:
            fault.add_note(account)
            faults.append(fault)
            in_vain = in_vain + 1 if isinstance(fault, RailUnavailable) else 0
    if faults:
        raise ExceptionGroup("accounts that could not be looked at", faults)
    return seen


async def _stale(engine: AsyncEngine, now: datetime, at_most: int, urgent: int) -> list[str]:
    """Stripe's names of them, in the order in which to ask."""
    asked = {"urgent_before": now - _URGENT_AFTER, "before": now - _AFTER, "urgent": urgent, "limit": at_most}
    async with engine.connect() as connection:
        return list((await connection.scalars(_STALE, asked)).all())


_STALE = text("""
    WITH paid AS MATERIALIZED (
        SELECT DISTINCT account_id FROM settlement.payouts
        WHERE state IN ('planned', 'ready', 'refused') AND rail = 'stripe'
    ),
    known AS (
        SELECT account_id, destination, coalesce(refreshed_at, created_at) AS seen_at,
               state <> 'active' OR account_id IN (SELECT account_id FROM paid WHERE account_id IS NOT NULL) AS urgent
        FROM settlement.payout_accounts WHERE rail = 'stripe' AND state <> 'closed'
    ),
    stale AS (
        SELECT *, row_number() OVER (PARTITION BY urgent ORDER BY seen_at, account_id) AS place
        FROM known WHERE seen_at <= CASE WHEN urgent THEN :urgent_before ELSE :before END
    )
    SELECT destination FROM stale
    ORDER BY urgent AND place <= :urgent DESC, seen_at, account_id LIMIT :limit
""")
"""First those for whom it is urgent, as many as may be; then everybody, whoever was looked at longest ago first."""
