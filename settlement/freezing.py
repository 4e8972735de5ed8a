"""Freezing: what `settlement.holds` says of claims reaches the sales they are over, and leaves them again.

A sale is frozen whole, wherever it stood. When nothing holds it any longer it goes back: to held while its hold runs,
else to available, where the reserve is kept again if its time is not over. Money of a sale that was paid out already
is no longer there to be frozen: the clipper's available is negative by so much, so that what comes next stays.
"""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.due import BATCH, Batch, Step, take, waiting
from settlement.holds import RUNNING, UPHELD


async def forfeit_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Give the host the clipper's part of sales whose claim was finally upheld, of the next so many after one; None
    where there are no more.
    """
    return await take(connection, book_id, _FORFEIT, today, after, limit)


async def unfreeze_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Let go of frozen sales over which no claim runs any longer, likewise."""
    return await take(connection, book_id, _UNFREEZE, today, after, limit)


async def freeze_due(
    connection: AsyncConnection, book_id: int, today: date, *, after: int = 0, limit: int = BATCH
) -> Batch | None:
    """Freeze the sales over which a claim runs, likewise."""
    return await take(connection, book_id, _FREEZE, today, after, limit)


# SQL --------------------------------------------------------------------------------------------------------

OVER = """
    claim.book_id = sale.book_id AND claim.grant_id = sale.grant_id
    AND (claim.submission_id IS NULL OR claim.submission_id = sale.submission_id)
"""
"""That a sale is one of those over which a claim is."""
_CLAIMED = "SELECT FROM licensing.claims AS claim WHERE {} AND {}"
_GRANTS = "grant_id = ANY (ARRAY (SELECT grant_id FROM licensing.claims WHERE book_id = :book_id AND {}))"
"""What the planner can look up, before it asks which claim."""

_FORFEIT = Step(
    "forfeited",
    "Claims upheld: clippers' parts to the host",
    waiting(f"""
        clipper_part <> 0 AND {_GRANTS.format(UPHELD)}
        AND EXISTS ({_CLAIMED.format(UPHELD, OVER)} AND sale.sold_at < claim.decided_at)
    """),
)
_UNFREEZE = Step(
    "unfrozen", "Claims ended", waiting(f"stage = 'frozen' AND NOT EXISTS ({_CLAIMED.format(RUNNING, OVER)})")
)
_FREEZE = Step(
    "frozen",
    "Claims opened",
    waiting(f"stage <> 'frozen' AND {_GRANTS.format(RUNNING)} AND EXISTS ({_CLAIMED.format(RUNNING, OVER)})"),
)
