"""Where many sales ought to stand: all that decides it, read once, and then sale by sale."""

from collections.abc import Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.terms import decode
from settlement.arrays import array
from settlement.attribution import Attribution
from settlement.holds import Holds, load_holds
from settlement.positions import NOWHERE, Agreement, Earned, Place, lines_of, place_of, suspended
from settlement.sale import Sale

_NO_PLACE = Place(NOWHERE)


class Placed(Struct, frozen=True, gc=False):
    """A sale that is not in the books: whose it is, where it ought to stand, and what to post so that it does."""

    sale: Sale
    whose: Attribution
    place: Place
    lines: Mapping[str, int]


class Places:
    """Where sales ought to stand. Pure, once made."""

    def __init__(
        self, agreements: Mapping[tuple[int, int], Agreement], holds: Holds, zone: ZoneInfo, today: date | None
    ) -> None:
        self._agreements = agreements
        self._holds = holds
        self._zone = zone
        self._today = today

    def of(self, sale: Sale, whose: Attribution, was: Place) -> Place:
        if whose.clipper_id is None or whose.offer_id is None or whose.version_no is None:
            return suspended(sale.due)
        agreement = self._agreements[whose.offer_id, whose.version_no]
        earned = Earned(whose.clipper_id, agreement, sale.due, self._settled_on(sale))
        hold = self._holds.on(whose.grant_id, whose.submission_id, sale.sold_at)
        return place_of(earned, was, hold, self._today)

    def of_new(self, sales: Sequence[Sale], whose: Sequence[Attribution]) -> list[Placed]:
        """Of sales that are not in the books."""
        placed = []
        for sale, its in zip(sales, whose, strict=True):
            place = self.of(sale, its, _NO_PLACE)
            placed.append(Placed(sale, its, place, lines_of(place.standing, sale.marketplace)))
        return placed

    def _settled_on(self, sale: Sale) -> date | None:
        """By the book's calendar; the day of sale where a report says that it has settled, and not when."""
        if sale.state != "settled":
            return None
        return sale.sold_on if sale.settled_at is None else sale.settled_at.astimezone(self._zone).date()


async def load_places(
    connection: AsyncConnection,
    book_id: int,
    whose: Sequence[Attribution],
    zone: ZoneInfo,
    today: date | None = None,
) -> Places:
    """For sales that are whose they are; `zone` is that of the book's calendar. As committed by now."""
    agreements = await _agreements(connection, book_id, whose)
    return Places(agreements, await load_holds(connection, book_id), zone, today)


_TERMS = """
    SELECT offer_id, version_no, terms
    FROM licensing.terms_versions JOIN unnest(%s::bigint[], %s::integer[]) AS named (offer_id, version_no)
        USING (offer_id, version_no)
    WHERE book_id = %s"""


async def _agreements(
    connection: AsyncConnection, book_id: int, whose: Sequence[Attribution]
) -> dict[tuple[int, int], Agreement]:
    """By offer and version."""
    named = {(its.offer_id, its.version_no) for its in whose if its.version_no is not None}
    if not named:
        return {}
    arrays = array(offer_id for offer_id, _ in named), array(number for _, number in named)
    rows = await connection.exec_driver_sql(_TERMS, (*arrays, book_id))
    return {(row.offer_id, row.version_no): Agreement(decode(row.terms)) for row in rows}
