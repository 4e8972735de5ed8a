"""Putting sales where they ought to stand in the books: the one place that posts for sales.

A caller locks sales in order of their numbers, writes what is new of their facts, and calls `accrue` once in its
transaction. It attributes them, works out where each ought to stand (`settlement.positions`), posts the differences in
one batch, updates attribution and standing in the rows, and puts each difference on record. There is one entry for
each currency and day, so what ten thousand sales do to an account is one line of it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import post_batch
from licensing.terms import decode
from settlement import attribution
from settlement.arrays import array
from settlement.attribution import Attribution
from settlement.entries import Entries, open_accounts
from settlement.holds import Holds, load_holds
from settlement.licences import Licences
from settlement.positions import NOWHERE, Agreement, Earned, Place, Standing, lines_between, place_of, suspended
from settlement.sales import Sale
from settlement.writing import Change, insert, update

Cause = Literal["observed", "attributed", "released", "reserve-released", "frozen", "unfrozen", "forfeited"]


class Event(Struct, frozen=True, kw_only=True):
    """Why sales are looked at. `key` begins the idempotency keys of the entries and names what is done, as
    `import:7:20001`; the book must not have done it before.

    `on` is the day of what is new by the book's calendar: that of the report's as-of, or today. A sale of which nothing
    was ever posted is dated by its `sold_on` instead.
    """

    cause: Cause
    key: str
    on: date
    description: str
    metadata: dict[str, str] = {}


class Accrued(Struct, frozen=True):
    """What one call has done: so many sales `moved` in the books, by these entries, of one currency and day each."""

    moved: int
    entries: tuple[int, ...]


_NOBODYS = Attribution()
_NO_PLACE = Place(NOWHERE)
"""Of a sale that is not written yet."""


class _Calendar(NamedTuple):
    zone: ZoneInfo
    locked: date | None
    """The last month that is locked, by its first day."""


async def accrue(
    connection: AsyncConnection,
    book_id: int,
    sales: Sequence[Sale],
    event: Event,
    *,
    attribute: bool = True,
    today: date | None = None,
    was_in: Mapping[int, str] | None = None,
    new: int = 0,
    licences: Licences | None = None,
) -> Accrued:
    """Put the sales where they ought to stand. Up to 10,000; once in a transaction.

    `sales` are rows that the caller has locked in order of their numbers, with their new facts; from `rule` on they
    are as they were, and are updated here (`change_no` grows by one for each that moves). With `attribute` their
    attribution is found anew, else it is kept. With `today`, holds and reserves that have ended by then are released.
    `was_in` are the currencies in which sales were posted whose newest facts have another, by sale_id. The last `new`
    sales are not written yet, and are written here. `licences` is what an earlier call has read of the book's.

    Raises:
        PeriodLocked: a month was locked meanwhile; the transaction may be done again.
        InvalidAmount: sums beyond a 64-bit integer.
    """
    if not sales:
        return Accrued(0, ())
    calendar = await _calendar(connection, book_id)
    written = sales[: len(sales) - new]
    kept = [*map(_kept, written), *[_NOBODYS] * new]
    stood = [*map(_place, written), *[_NO_PLACE] * new]
    whose = await attribution.attribute(connection, book_id, sales, licences) if attribute else kept
    agreements = await _agreements(connection, book_id, whose)
    places = _Places(agreements, await load_holds(connection, book_id), calendar.zone, today)
    entries = Entries(event.key, event.description, event.metadata, calendar.locked)
    moves = []
    for number, (sale, before, was, its) in enumerate(zip(sales, kept, stood, whose, strict=True)):
        place = places.of(sale, its, was)
        entry = _post(entries, event, sale, was.standing, place.standing, (was_in or {}).get(sale.sale_id))
        if entry is not None or number >= len(written) or place != was or its != before:
            moves.append((sale, its, place, entry))
    made = entries.made()
    await open_accounts(connection, book_id, made)
    posted = [each.entry_id for each in await post_batch(connection, book_id, made)]
    changes = [Change(sale, its, place, None if entry is None else posted[entry]) for sale, its, place, entry in moves]
    known = len(changes) - new
    await update(connection, book_id, event.cause, changes[:known])
    await insert(connection, book_id, event.cause, changes[known:])
    return Accrued(sum(change.entry_id is not None for change in changes), tuple(posted))


def _kept(sale: Sale) -> Attribution:
    """As it was."""
    return Attribution(
        sale.rule,
        sale.confidence,
        sale.grant_id,
        sale.clipper_id,
        sale.submission_id,
        sale.offer_id,
        sale.version_no,
        sale.reason,
    )


def _place(sale: Sale) -> Place:
    """Where it stood."""
    standing = Standing(
        sale.suspense,
        sale.platform_part,
        sale.agency_part,
        sale.host_part,
        sale.clipper_part,
        sale.reserved,
        sale.stage,
        sale.fee_earned,
        sale.clipper_id,
        sale.agency_id,
    )
    return Place(standing, sale.release_on, sale.reserve_until)


class _Places:
    """Where sales ought to stand."""

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

    def _settled_on(self, sale: Sale) -> date | None:
        """By the book's calendar; the day of sale where a report says that it has settled, and not when."""
        if sale.state != "settled":
            return None
        return sale.sold_on if sale.settled_at is None else sale.settled_at.astimezone(self._zone).date()


def _post(entries: Entries, event: Event, sale: Sale, was: Standing, now: Standing, was_in: str | None) -> int | None:
    """Add what moves to the entries; the number of the last that it is in, null where nothing moves."""
    on = event.on if sale.change_no else sale.sold_on
    if was_in is None or was_in == sale.currency:
        return entries.add(sale.currency, on, lines_between(was, now, sale.marketplace))
    left = entries.add(was_in, on, lines_between(was, NOWHERE, sale.marketplace))
    came = entries.add(sale.currency, on, lines_between(NOWHERE, now, sale.marketplace))
    return left if came is None else came


# What is known ----------------------------------------------------------------------------------------------

_CALENDAR = """
    SELECT time_zone,
        (SELECT max(period) FROM ledger.period_locks AS lock WHERE lock.book_id = book.book_id) AS locked
    FROM ledger.books AS book WHERE book_id = %s"""

_TERMS = """
    SELECT offer_id, version_no, terms
    FROM licensing.terms_versions JOIN unnest(%s::bigint[], %s::integer[]) AS named (offer_id, version_no)
        USING (offer_id, version_no)
    WHERE book_id = %s"""


async def _calendar(connection: AsyncConnection, book_id: int) -> _Calendar:
    row = (await connection.exec_driver_sql(_CALENDAR, (book_id,))).one()
    return _Calendar(ZoneInfo(row.time_zone), row.locked)


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
