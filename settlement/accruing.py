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

from ledger.entries import Batch, post_ready, ready
from settlement import attribution
from settlement.attribution import Attribution
from settlement.entries import Entries, open_named
from settlement.placing import Placed, load_places
from settlement.positions import NOWHERE, Place, Standing, lines_between
from settlement.sale import Sale
from settlement.writing import Change, columns_of, insert, update

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


class Calendar(NamedTuple):
    """By which a book tells days."""

    zone: ZoneInfo
    locked: date | None
    """The last month that is locked, by its first day."""


class Posting(Struct, frozen=True):
    """All that is to be posted and written for new sales, in their order, but what only the books can tell.

    It holds as long as the book's calendar is `by`, and if nothing else is posted with it.
    """

    by: Calendar
    placed: Sequence[Placed]
    numbers: Sequence[int | None]
    """Of each the entry in the batch that it is in; null where nothing moves."""
    columns: Mapping[str, str]
    batch: Batch


def posting_of(book_id: int, placed: Sequence[Placed], event: Event, calendar: Calendar) -> Posting:
    """Raises InvalidAmount: sums beyond a 64-bit integer."""
    return _posting(book_id, placed, _entries(event, calendar), calendar)


def _posting(book_id: int, placed: Sequence[Placed], entries: Entries, calendar: Calendar) -> Posting:
    numbers = [entries.add(each.sale.currency, each.sale.sold_on, each.lines) for each in placed]
    return Posting(calendar, placed, numbers, columns_of(placed), ready(book_id, entries.made()))


def _entries(event: Event, calendar: Calendar) -> Entries:
    return Entries(event.key, event.description, event.metadata, calendar.locked)


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
    ahead: Posting | None = None,
) -> Accrued:
    """Put the sales where they ought to stand. Up to 10,000; once in a transaction.

    `sales` are rows that the caller has locked in order of their numbers, with their new facts; from `rule` on they
    are as they were, and are updated here (`change_no` grows by one for each that moves). With `attribute` their
    attribution is found anew, else it is kept. With `today`, holds and reserves that have ended by then are released.
    `was_in` are the currencies in which sales were posted whose newest facts have another, by sale_id. `new` are sales
    of one import that are not written yet, and are written here; `ahead` is what `posting_of` made of them for this
    event, if anything.

    Raises:
        PeriodLocked: a month was locked meanwhile; the transaction may be done again.
        InvalidAmount: sums beyond a 64-bit integer.
    """
    if not sales and not new:
        return Accrued(0, ())
    calendar = await calendar_of(connection, book_id)
    entries = _entries(event, calendar)
    moved: list[Change] = []
    moved_by: list[int | None] = []
    if sales:
        kept = [_kept(sale) for sale in sales]
        whose = (await attribution.attribute(connection, book_id, sales)).whose if attribute else kept
        places = await load_places(connection, book_id, whose, calendar.zone, today)
        for sale, before, its in zip(sales, kept, whose, strict=True):
            was = _place(sale)
            place = places.of(sale, its, was)
            entry = _post(entries, event, sale, was.standing, place.standing, (was_in or {}).get(sale.sale_id))
            if entry is not None or place != was or its != before:
                moved.append(Change(sale, its, place))
                moved_by.append(entry)
    if ahead is None or sales or ahead.placed is not new or ahead.by != calendar:
        ahead = _posting(book_id, new, entries, calendar)
    await open_named(connection, book_id, ahead.batch.accounts)
    posted = [each.entry_id for each in await post_ready(connection, ahead.batch)]
    await update(connection, book_id, event.cause, moved, _numbers(posted, moved_by))
    await insert(connection, book_id, event.cause, new, ahead.columns, _numbers(posted, ahead.numbers))
    return Accrued(sum(entry is not None for entry in (*moved_by, *ahead.numbers)), tuple(posted))


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


async def calendar_of(connection: AsyncConnection, book_id: int) -> Calendar:
    row = (await connection.exec_driver_sql(_CALENDAR, (book_id,))).one()
    return Calendar(ZoneInfo(row.time_zone), row.locked)
