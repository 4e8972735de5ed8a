"""Putting sales where they ought to stand in the books: the one place that posts for sales.

A caller locks sales in order of their numbers, writes what is new of their facts, and calls `accrue` once in its
transaction. It attributes them, works out where each ought to stand (`settlement.positions`), posts the differences in
one batch, updates attribution and standing in the rows, and puts each difference on record. There is one entry for
each currency and day, so what ten thousand sales do to an account is one line of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import post_batch
from settlement import attribution
from settlement.attribution import Attribution
from settlement.entries import Entries, open_accounts
from settlement.placing import Placed, load_places
from settlement.positions import NOWHERE, Place, Standing, lines_between
from settlement.sale import Sale
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
    new: Sequence[Placed] = (),
) -> Accrued:
    """Put the sales where they ought to stand. Up to 10,000; once in a transaction.

    `sales` are rows that the caller has locked in order of their numbers, with their new facts; from `rule` on they
    are as they were, and are updated here (`change_no` grows by one for each that moves). With `attribute` their
    attribution is found anew, else it is kept. With `today`, holds and reserves that have ended by then are released.
    `was_in` are the currencies in which sales were posted whose newest facts have another, by sale_id. `new` are sales
    of one import that are not written yet, and are written here.

    Raises:
        PeriodLocked: a month was locked meanwhile; the transaction may be done again.
        InvalidAmount: sums beyond a 64-bit integer.
    """
    if not sales and not new:
        return Accrued(0, ())
    calendar = await _calendar(connection, book_id)
    kept = [_kept(sale) for sale in sales]
    whose = (await attribution.attribute(connection, book_id, sales)).whose if sales and attribute else kept
    places = await load_places(connection, book_id, whose, calendar.zone, today)
    entries = Entries(event.key, event.description, event.metadata, calendar.locked)
    moved, moved_by = [], []
    for sale, before, its in zip(sales, kept, whose, strict=True):
        was = _place(sale)
        place = places.of(sale, its, was)
        entry = _post(entries, event, sale, was.standing, place.standing, (was_in or {}).get(sale.sale_id))
        if entry is not None or place != was or its != before:
            moved.append(Change(sale, its, place))
            moved_by.append(entry)
    written_by = [entries.add(each.sale.currency, each.sale.sold_on, each.lines) for each in new]
    posted = await _posted(connection, book_id, entries)
    await update(connection, book_id, event.cause, moved, _numbers(posted, moved_by))
    await insert(connection, book_id, event.cause, new, _numbers(posted, written_by))
    return Accrued(sum(entry is not None for entry in (*moved_by, *written_by)), posted)


async def _posted(connection: AsyncConnection, book_id: int, entries: Entries) -> tuple[int, ...]:
    """The entries' numbers in the book."""
    made = entries.made()
    await open_accounts(connection, book_id, made)
    return tuple(each.entry_id for each in await post_batch(connection, book_id, made))


def _numbers(posted: Sequence[int], entries: Iterable[int | None]) -> list[int | None]:
    return [None if entry is None else posted[entry] for entry in entries]


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


async def _calendar(connection: AsyncConnection, book_id: int) -> _Calendar:
    row = (await connection.exec_driver_sql(_CALENDAR, (book_id,))).one()
    return _Calendar(ZoneInfo(row.time_zone), row.locked)
