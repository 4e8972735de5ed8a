"""What rows of a report come to if all that they tell of is new: worked out before their transaction, beside another's.

Whose a sale is and where it ought to stand depends on licensing, resolutions and claims, and on no other sale. So while
one chunk is written, the next is prepared on a connection of its own. What was prepared is used only if the book's
`State` within the transaction is what it was before anything was read for it: as nothing that was read can have changed
in between, the transaction would have found the same. Else, and where streams were asked for, it is worked out again.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.attribution import attribute
from settlement.licences import Licences, State, state_of
from settlement.placing import Placed, load_places
from settlement.sale import Sale


class Prepared(NamedTuple):
    """One for each line that the rows tell of. `state` is the book's in which it holds; null: it holds in none."""

    placed: Sequence[Placed]
    zone: ZoneInfo
    state: State | None


async def prepare(
    connection: AsyncConnection, book_id: int, sales: Sequence[Sale], zone: ZoneInfo, licences: Licences
) -> Prepared:
    """Whose the sales are, and where they ought to stand. Outside of a transaction, or in the one that uses it."""
    state = await licences.refresh(connection)
    whose, by_streams = await attribute(connection, book_id, sales, licences)
    places = await load_places(connection, book_id, whose, zone)
    placed = await asyncio.to_thread(places.of_new, sales, whose)
    return Prepared(placed, zone, None if by_streams else state)


async def current(connection: AsyncConnection, book_id: int, prepared: Prepared) -> Sequence[Placed]:
    """What was prepared, or what is to be put in its place."""
    if prepared.state is not None and prepared.state == await state_of(connection, book_id):
        return prepared.placed
    sales = [each.sale for each in prepared.placed]
    return (await prepare(connection, book_id, sales, prepared.zone, Licences(book_id))).placed
