"""Roll-forwards of a till's months, as they are asked for: whole and in pages, by kind, by party, of one party."""

from datetime import date, timedelta
from typing import get_args

from settlement.reports.roll_forward import By, RollForward, roll_forward, roll_forward_lately
from settlement.rolled import refresh_rolled
from tests.settlement.till import Till

NOW = timedelta(0)
_MANY = 1000


async def read(till: Till, *months: date) -> list[RollForward]:
    """As everybody reads them."""
    found = []
    async with till.engine.connect() as connection:
        for month in months:
            whole = await roll_forward(connection, till.book_id, month, by="party")
            parties = [row.party for row in whole.rows[::3]] + ["clipper-999999999"]
            found += [whole, await roll_forward(connection, till.book_id, month)]
            found += [await roll_forward(connection, till.book_id, month, party=party) for party in parties]
            found += [
                await roll_forward(connection, till.book_id, month, by="party", offset=offset, limit=2)
                for offset in range(0, len(whole.rows) + 2, 2)
            ]
    return found


async def shown(till: Till, *months: date) -> tuple[list[RollForward], list[bool]]:
    """As pages show them, by party and by kind; and of each month whether it may be late."""
    found, late = [], []
    async with till.engine.connect() as connection:
        for month in months:
            its = [
                await roll_forward_lately(connection, till.book_id, month, by=by, limit=_MANY) for by in get_args(By)
            ]
            found += [report for report, _ in its]
            (as_of,) = {as_of for _, as_of in its}
            late.append(as_of is not None)
    return found, late


async def keep(till: Till) -> list[date]:
    """Work out what is due, however few sales there are; which months."""
    return list(await refresh_rolled(till.engine, till.book_id, every=NOW, at_least=1))
