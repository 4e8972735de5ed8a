"""The sweep: whatever a rail would have told, and nobody heard, is found by reading its movements again."""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.payouts.lifecycle import RailName
from settlement.payouts.observing import observe_transfer
from settlement.payouts.sending import Clock, utc_now
from settlement.rails.protocol import Rail

_OVERLAP = timedelta(hours=1)
"""How far back a sweep begins before the end of the last: what was under way then may have been missed."""
_FIRST = timedelta(days=7)
"""How far back the first one begins."""
_WHAT = "movements"


async def sweep(engine: AsyncEngine, rail: Rail, rail_name: RailName, *, clock: Clock = utc_now) -> int:
    """Look at every transfer that moved money since the last sweep; how many. Raises RailUnavailable.

    Broken off, it begins again where it began.
    """
    now = clock()
    since = await _through(engine, rail_name, now)
    seen: set[str] = set()
    async for movement in rail.movements(since - _OVERLAP, now):
        if movement.kind in ("transfer", "return") and movement.source is not None and movement.source not in seen:
            seen.add(movement.source)
            await observe_transfer(engine, rail, rail_name, movement.source, clock=clock)
    async with engine.begin() as connection:
        await connection.execute(_SWEPT, {"rail": rail_name, "what": _WHAT, "now": now})
    return len(seen)


async def _through(engine: AsyncEngine, rail: RailName, now: datetime) -> datetime:
    async with engine.connect() as connection:
        found: datetime | None = await connection.scalar(_THROUGH, {"rail": rail, "what": _WHAT})
    return found or now - _FIRST


_THROUGH = text("SELECT through FROM settlement.rail_sweeps WHERE rail = :rail AND what = :what")
_SWEPT = text("""
    INSERT INTO settlement.rail_sweeps (rail, what, through, swept_at) VALUES (:rail, :what, :now, :now)
    ON CONFLICT (rail, what) DO UPDATE SET through = greatest(rail_sweeps.through, excluded.through), swept_at = :now
""")
