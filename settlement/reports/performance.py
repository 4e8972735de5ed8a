"""What sold how well: GMV, orders, returns, commission, earnings and clicks of a period, by clipper, clip, product, …

Sales count by their day of sale, as they are known now, each in its currency. An order is a marketplace's, however many
lines it has; it is returned if any of its lines is worth less than it was. Shares of sales are told as they accrue, so
without the true-ups of a month's close. Clicks are those on postings of clips that are on record, in the currency of
the clip's offer; no product and no marketplace has any. Rates are in millionths.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.sheets import decimal_of
from settlement.errors import InvalidReport
from settlement.reports.books import Book, Links, find_reported, month_end, year_before
from settlement.reports.performance_sql import FIGURES, Side, kept_query_of, plan_for_all, query_of
from settlement.sold import find_kept

By = Literal["clipper", "clip", "product", "offer", "marketplace", "platform", "day", "month", "all"]
OwnBy = Literal["clip", "offer", "host", "marketplace", "platform", "day", "month", "all"]
Sort = Literal[
    "key",
    "gmv",
    "net_gmv",
    "refunded",
    "orders",
    "lines",
    "returned_orders",
    "gmv_return_ppm",
    "order_return_ppm",
    "commission",
    "host",
    "clipper",
    "agency",
    "platform_fee",
    "clicks",
    "conversion_ppm",
]
_HIDDEN = ("host", "agency", "platform_fee")
"""What a clipper is not told: what others get."""
_LONGEST = 3660
"""Days of a period; ten years."""
_MONEY = frozenset({"gmv", "net_gmv", "refunded", "commission", "host", "clipper", "agency", "platform_fee"})


class Asked(Struct, frozen=True, kw_only=True):
    """Which sales count, and in what order the rows come; what is null does not matter. Both days are included."""

    since: date | None = None
    until: date | None = None
    currency: str | None = None
    marketplace: str | None = None
    clipper_id: int | None = None
    offer_id: int | None = None
    submission_id: int | None = None
    sort: Sort = "gmv"
    descending: bool = True


class Performance(Struct, frozen=True, kw_only=True):
    """Of one clipper, clip, day, … in one currency, in minor units. `key` is its number, id or day; null is what is
    nobody's, or of no clip. `within` is the marketplace of a product, or the book of a clipper's clip or offer.

    `commission` is what marketplaces owe for it; `host`, `clipper`, `agency` and `platform_fee` are its parts, the rest
    is in suspense. `clicks` and `conversion_ppm` (orders per click) are null where nobody told of clicks.
    """

    key: str | None
    within: str | None
    name: str | None
    currency: str
    gmv: int
    net_gmv: int
    refunded: int
    orders: int
    lines: int
    returned_orders: int
    gmv_return_ppm: int | None
    order_return_ppm: int | None
    commission: int
    host: int | None
    clipper: int
    agency: int | None
    platform_fee: int | None
    clicks: int | None
    conversion_ppm: int | None
    links: Links


class PerformanceReport(Struct, frozen=True, kw_only=True):
    """A page of rows; `totals` are of all rows, by currency. `book` is null for a clipper's own, of all its hosts."""

    book: str | None
    as_of: date
    by: str
    since: date
    until: date
    rows: Sequence[Performance]
    totals: Sequence[Performance]
    next_cursor: str | None


async def performance(
    connection: AsyncConnection, book_id: int, by: By, asked: Asked, *, offset: int = 0, limit: int | None = 100
) -> PerformanceReport:
    """A host's: the rows after so many, all of them without a limit. Raises InvalidReport."""
    book = await find_reported(connection, book_id)
    its = _Query("book", book_id, by, asked, *_period(asked, book.today), offset, limit)
    await plan_for_all(connection)
    return _report(book, its, await _read(connection, its))


async def performance_lately(
    connection: AsyncConnection, book_id: int, by: By, asked: Asked, *, offset: int = 0, limit: int | None = 100
) -> tuple[PerformanceReport, datetime | None]:
    """The same without reading sales, where its sums are kept (`settlement.sold`), and as of when. Raises
    InvalidReport.
    """
    book = await find_reported(connection, book_id)
    its = _Query("book", book_id, by, asked, *_period(asked, book.today), offset, limit)
    as_of = None if _named(asked) else await find_kept(connection, book_id, by, its.since, its.until)
    if as_of is None:
        return await performance(connection, book_id, by, asked, offset=offset, limit=limit), None
    query = kept_query_of(by, asked.sort, asked.descending)
    values = {"whose": book_id, "since": its.since, "kind": by, "offset": offset, "limit": _one_more(limit)}
    return _report(book, its, _paged(its, (await connection.execute(query, values)).all())), as_of


def _report(book: Book, its: "_Query", page: "_Page") -> PerformanceReport:
    return PerformanceReport(
        book=book.slug,
        as_of=book.today,
        by=its.by,
        since=its.since,
        until=its.until,
        rows=[_performance(row, _host_links(book, its.by, row, its)) for row in page.rows],
        totals=[_performance(row, _host_links(book, "all", row, its)) for row in page.totals],
        next_cursor=page.next_cursor,
    )


async def own_performance(
    connection: AsyncConnection, clipper_id: int, by: OwnBy, asked: Asked, *, offset: int = 0, limit: int | None = 100
) -> PerformanceReport:
    """A clipper's, with all its hosts; of what each is paid it learns its own. Days are those of the hosts' books, and
    today is that of UTC. Raises InvalidReport.
    """
    today = datetime.now(UTC).date()
    since, until = _period(asked, today)
    page = await _read(connection, _Query("clipper", clipper_id, by, asked, since, until, offset, limit))
    return PerformanceReport(
        book=None,
        as_of=today,
        by=by,
        since=since,
        until=until,
        rows=[_performance(row, _own_links(clipper_id, by, row), own=True) for row in page.rows],
        totals=[_performance(row, {}, own=True) for row in page.totals],
        next_cursor=page.next_cursor,
    )


def sheet(report: PerformanceReport) -> Iterator[Sequence[object]]:
    """A row for each row below a heading; amounts are decimals, rates too. What a clipper may not know is left out."""
    names = [name for name in FIGURES if report.book is not None or name not in _HIDDEN]
    before = ("since", "until", "by", "key", "within", "name", "currency")
    yield (*before, *(name.removesuffix("_ppm") + "_rate" if name.endswith("_ppm") else name for name in names))
    for row in report.rows:
        which = (report.since, report.until, report.by, row.key, row.within, row.name, row.currency)
        yield *which, *(_cell(name, getattr(row, name), row.currency) for name in names)


def _cell(name: str, value: int | None, currency: str) -> object:
    if value is None or name not in _MONEY:
        return f"{value / 1_000_000:.6f}" if value is not None and name.endswith("_ppm") else value
    return decimal_of(value, currency)


# Reading ----------------------------------------------------------------------------------------------------


def _period(asked: Asked, today: date) -> tuple[date, date]:
    """Else the twelve months up to today. Raises InvalidReport."""
    until = asked.until or today
    since = asked.since or year_before(until)
    if not 0 <= (until - since).days <= _LONGEST:
        raise InvalidReport("since", since.isoformat(), "begins a period of at most ten years, not after its end")
    return since, until


class _Query(NamedTuple):
    """Whose sales, and which rows of them."""

    side: Side
    whose: int
    by: str
    asked: Asked
    since: date
    until: date
    offset: int
    limit: int | None


class _Page(NamedTuple):
    """`totals` are of all rows."""

    rows: Sequence[Row[Any]]
    totals: Sequence[Row[Any]]
    next_cursor: str | None


async def _read(connection: AsyncConnection, its: _Query) -> _Page:
    named = _named(its.asked)
    values = {
        **named,
        "whose": its.whose,
        "since": its.since,
        "until": its.until,
        "offset": its.offset,
        "limit": _one_more(its.limit),
    }
    query = query_of(its.side, its.by, list(named), its.asked.sort, its.asked.descending)
    return _paged(its, (await connection.execute(query, values)).all())


def _named(asked: Asked) -> dict[str, object]:
    """The filters that matter."""
    filters = {
        "currency": asked.currency,
        "marketplace": asked.marketplace,
        "clipper": asked.clipper_id,
        "offer": asked.offer_id,
        "submission": asked.submission_id,
    }
    return {name: value for name, value in filters.items() if value is not None}


def _one_more(limit: int | None) -> int | None:
    """The one too many tells that there is more."""
    return None if limit is None else limit + 1


def _paged(its: _Query, found: Sequence[Row[Any]]) -> _Page:
    rows = [row for row in found if not row.is_total]
    shown = rows[: its.limit]
    more = str(its.offset + len(shown)) if len(rows) > len(shown) else None
    return _Page(shown, [row for row in found if row.is_total], more)


def _performance(row: Row[Any], links: Links, *, own: bool = False) -> Performance:
    its = row._mapping
    figures: dict[str, Any] = {name: None if its[name] is None else int(its[name]) for name in FIGURES}
    if own:
        figures |= dict.fromkeys(_HIDDEN)
    named = {name: its[name] for name in ("key", "within", "name", "currency")}
    return Performance(**named, **figures, links=links)


_FILTERS = {"clipper": "clipper_id", "clip": "submission_id", "offer": "offer_id", "product": "product"}
_PLACES = {"clipper": "clippers/{}", "clip": "submissions/{}", "offer": "offers/{}"}


def _host_links(book: Book, by: str, row: Row[Any], its: _Query) -> Links:
    """The sales that its figures are made of, as far as they can be asked for, and what the row is about."""
    asked = its.asked
    query: dict[str, Any] = {
        "since": its.since,
        "until": its.until,
        "marketplace": asked.marketplace,
        "clipper_id": asked.clipper_id,
        "offer_id": asked.offer_id,
        "submission_id": asked.submission_id,
        "currency": row.currency,
    }
    if by in ("day", "month"):
        first = date.fromisoformat(row.key if by == "day" else f"{row.key}-01")
        last = first if by == "day" else month_end(first)
        query |= {"since": max(first, its.since), "until": min(last, its.until)}
    elif by == "platform" or (row.key is None and by != "all"):
        return {}
    elif by != "all":
        query[_FILTERS.get(by, by)] = row.key
        query |= {"marketplace": row.within} if by == "product" else {}
    links = {"sales": book.link("sales", **query)}
    return links | {by: book.link(_PLACES[by].format(row.key))} if by in ("clip", "offer") else links


def _own_links(clipper_id: int, by: str, row: Row[Any]) -> Links:
    if by == "clip" and row.key is not None:
        return {"clip": f"/v1/clippers/{clipper_id}/submissions/{row.key}"}
    return {}
