"""What rows of a report come to if all that they tell of is new: worked out before their transaction, beside another's.

Whose a sale is and where it ought to stand depends on licensing, resolutions and claims, and on no other sale. So while
one chunk is written, the next is prepared on a connection of its own. What was prepared is used only if the book's
`State` within the transaction is what it was before anything was read for it: as nothing that was read can have changed
in between, the transaction would have found the same. Else, and where streams were asked for, it is worked out again.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.accruing import Event, Posting, calendar_of, posting_of
from settlement.attribution import attribute
from settlement.licences import Licences, State, state_of
from settlement.placing import load_places
from settlement.sale import Sale


class Prepared(NamedTuple):
    """What is to be posted for each line that the rows tell of. `state` is the book's in which it holds; null: it holds
    in none.
    """

    posting: Posting
    event: Event
    state: State | None


async def prepare(
    connection: AsyncConnection, book_id: int, sales: Sequence[Sale], event: Event, licences: Licences
) -> Prepared:
    """Whose the sales are, where they ought to stand and what is to be posted if they are new. Outside of a
    transaction, or in the one that uses it.
    """
    state = await licences.refresh(connection)
    whose, by_streams = await attribute(connection, book_id, sales, licences)
    calendar = await calendar_of(connection, book_id)
    places = await load_places(connection, book_id, whose, calendar.zone)

    def posting() -> Posting:
        return posting_of(book_id, places.of_new(sales, whose), event, calendar)

    return Prepared(await asyncio.to_thread(posting), event, None if by_streams else state)


async def current(connection: AsyncConnection, book_id: int, prepared: Prepared) -> Posting:
    """What was prepared, or what is to be put in its place."""
    if prepared.state is not None and prepared.state == await state_of(connection, book_id):
        return prepared.posting
    sales = [each.sale for each in prepared.posting.placed]
    return (await prepare(connection, book_id, sales, prepared.event, Licences(book_id))).posting
