"""Figures: how payables moved, how old they and suspense are, what marketplaces owe, and what sold how well."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS, Day, Month, day_of, month_of
from clipledger.pages.finance.names import parties
from clipledger.pages.plots import Point
from clipledger.pages.routes import page
from clipledger.pages.view import View
from clipledger.pages.words import N_
from ledger.money import BIGINT_MAX
from ledger.periods import format_period
from licensing.dealings import find_known_clipper
from licensing.offers import find_offer
from media.api.pages import Cursor, number_of
from settlement.kept_reports import PAYABLES, RECEIVABLES, report_lately
from settlement.reconciliation.board import last_month
from settlement.reports import ageing, performance, receivables, roll_forward
from settlement.reports.ageing import Aged
from settlement.reports.books import month_end
from settlement.reports.performance import Asked, Performance
from settlement.reports.receivables import MarketplaceReceivable
from settlement.reports.roll_forward import Movement

Show = Literal["roll-forward", "payables", "suspense", "receivables", "performance"]
By = Literal["month", "day", "clipper", "clip", "offer", "product", "marketplace", "platform"]

REPORTS: Mapping[Show, str] = {
    "roll-forward": N_("Payables"),
    "payables": N_("Age of payables"),
    "suspense": N_("Age of suspense"),
    "receivables": N_("Receivables"),
    "performance": N_("What sold"),
}
MOVES: Mapping[str, str] = {
    "opening": N_("Opening"),
    "earned": N_("Earned"),
    "refunds": N_("Returns"),
    "adjustments": N_("Adjustments"),
    "true_ups": N_("True-ups"),
    "withholding": N_("Tax withheld"),
    "recoveries": N_("Kept back"),
    "payouts": N_("Payouts"),
    "closing": N_("Closing"),
}
BY: Mapping[By, str] = {
    "month": N_("month"),
    "day": N_("day"),
    "clipper": N_("clipper"),
    "clip": N_("clip"),
    "offer": N_("offer"),
    "product": N_("product"),
    "marketplace": N_("marketplace"),
    "platform": N_("platform"),
}
_DATED = ("month", "day")
_PLACES: Mapping[str, str] = {"clipper": "clippers", "clip": "review", "offer": "offers"}
"""Where a row of performance has a page of its own."""
_MOST_BARS = 31
_Number = Annotated[int | None, QueryParameter(ge=1, le=BIGINT_MAX)]


class Wanted(Struct, frozen=True):
    """What the page's address asks for."""

    month: str
    as_of: str
    by: str
    since: str
    until: str
    offset: int
    clipper_id: int | None
    offer_id: int | None


_Made = tuple[dict[str, Any], dict[str, str]]
"""What the template of a report is given, and what of the address the files of it are to have."""


@page("/books/{book:str}/finance/figures", space="finance", scope="settlement:read")
async def figures(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    show: Annotated[Show, QueryParameter()] = "roll-forward",
    month: Month = "",
    as_of: Day = "",
    by: Annotated[str, QueryParameter(max_length=20)] = "",
    since: Day = "",
    until: Day = "",
    clipper_id: _Number = None,
    offer_id: _Number = None,
    cursor: Cursor = None,
) -> Response[str]:
    """One report at a time; what sold, of one clipper or offer alone, if it is asked for."""
    wanted = Wanted(month, as_of, by, since, until, number_of(cursor) or 0, clipper_id, offer_id)
    path, make = _MAKERS[show]
    values, asked = await make(view, connection, book_id, wanted)
    return view.render(
        f"finance/figures/{show}.html",
        show=show,
        reports=REPORTS,
        file=f"{view.api}/reports/{path}?{urlencode({name: value for name, value in asked.items() if value})}",
        **values,
    )


# The reports --------------------------------------------------------------------------------------------------


async def _roll_forward(view: View, connection: AsyncConnection, book_id: int, wanted: Wanted) -> _Made:
    first = month_of(wanted.month) or await last_month(connection, book_id)
    by: roll_forward.By = "party" if wanted.by == "party" else "kind"
    page = {"offset": wanted.offset, "limit": ROWS}
    report, as_of = await roll_forward.roll_forward_lately(connection, book_id, first, by=by, **page)
    values = {
        "report": report,
        "summed": as_of,
        "next_cursor": report.next_cursor,
        "by": by,
        "moves": MOVES,
        "plots": [(each.currency, _moved(view, each)) for each in report.totals],
        "names": await parties(view, connection, _parties(report.rows)),
    }
    return values, {"month": format_period(first), "by": by}


async def _payables(view: View, connection: AsyncConnection, book_id: int, wanted: Wanted) -> _Made:
    if (day := day_of(wanted.as_of)) is None:
        report, as_of = await report_lately(connection, book_id, PAYABLES, offset=wanted.offset, limit=ROWS + 1)
        rest: Sequence[Aged] = report.rows
    else:
        report, as_of = await ageing.payables_ageing(connection, book_id, day), None
        rest = report.rows[wanted.offset :]
    rows = rest[:ROWS]
    values = {
        "report": report,
        "summed": as_of,
        "rows": rows,
        "next_cursor": str(wanted.offset + ROWS) if len(rest) > ROWS else None,
        "plots": [(each.currency, _aged(view, each)) for each in report.totals],
        "names": await parties(view, connection, _parties(rows)),
    }
    return values, {"as_of": report.as_of.isoformat()}


async def _suspense(view: View, connection: AsyncConnection, book_id: int, wanted: Wanted) -> _Made:
    report = await ageing.suspense_ageing(connection, book_id)
    plots = [(each.currency, _aged(view, each)) for each in report.rows if each.amount]
    return {"report": report, "plots": plots}, {}


async def _receivables(view: View, connection: AsyncConnection, book_id: int, wanted: Wanted) -> _Made:
    by: receivables.By = "settlement" if wanted.by == "settlement" else "sale"
    report, as_of = await report_lately(connection, book_id, RECEIVABLES[by])
    plots = {(each.marketplace, each.currency): _owed(view, each) for each in report.rows}
    return {"report": report, "summed": as_of, "plots": plots, "by": by}, {"by": by}


async def _performance(view: View, connection: AsyncConnection, book_id: int, wanted: Wanted) -> _Made:
    by: By = wanted.by if wanted.by in BY else "month"  # type: ignore[assignment]
    dated = by in _DATED
    asked = Asked(
        since=day_of(wanted.since),
        until=day_of(wanted.until),
        clipper_id=wanted.clipper_id,
        offer_id=wanted.offer_id,
        sort="key" if dated else "gmv",
    )
    only = {name: str(number) for name in ("clipper_id", "offer_id") if (number := getattr(asked, name))}
    page = {"offset": wanted.offset, "limit": ROWS}
    report, as_of = await performance.performance_lately(connection, book_id, by, asked, **page)
    values = {
        "report": report,
        "summed": as_of,
        "next_cursor": report.next_cursor,
        "by": by,
        "kinds": BY,
        "place": _PLACES.get(by),
        "only": only,
        "of": await _named(connection, book_id, wanted),
        "month_end": _month_end,
        "rate": lambda ppm: view.formats.percent(Fraction(ppm, 1_000_000)),
        "plots": [(each.currency, _sold(view, report.rows, each.currency)) for each in report.totals] if dated else [],
    }
    span = {"since": report.since.isoformat(), "until": report.until.isoformat()}
    return values, {"by": by, **span, **only, **({"sort": "key"} if dated else {})}


async def _named(connection: AsyncConnection, book_id: int, wanted: Wanted) -> list[str]:
    """Whose sales, and of what: clipper and offer, by their names. Raises PartyNotFound, OfferNotFound."""
    names = []
    if wanted.clipper_id:
        names.append((await find_known_clipper(connection, book_id, wanted.clipper_id)).name)
    if wanted.offer_id:
        names.append((await find_offer(connection, book_id, wanted.offer_id)).title)
    return names


def _month_end(month: str) -> str:
    """The last day of `2026-10`."""
    return month_end(date.fromisoformat(f"{month}-01")).isoformat()


_MAKERS: Mapping[Show, tuple[str, Callable[[View, AsyncConnection, int, Wanted], Awaitable[_Made]]]] = {
    "roll-forward": ("roll-forward", _roll_forward),
    "payables": ("payables-ageing", _payables),
    "suspense": ("suspense-ageing", _suspense),
    "receivables": ("receivables", _receivables),
    "performance": ("performance", _performance),
}


def _parties(rows: Sequence[Movement] | Sequence[Aged]) -> list[str]:
    return [row.party for row in rows if "-" in row.party]


# Bars ---------------------------------------------------------------------------------------------------------


def _moved(view: View, total: Movement) -> list[Point]:
    """What moved at all, between opening and closing."""
    amounts = [(view.say(name), getattr(total, move), move) for move, name in MOVES.items()]
    return [
        Point(name, name, amount, view.formats.money(amount, total.currency))
        for name, amount, move in amounts
        if amount or move in ("opening", "closing")
    ]


def _days(view: View, from_days: int, to_days: int | None) -> str:
    """An age in words."""
    if to_days is None:
        return view.say(N_("over %(days)s days")) % {"days": from_days - 1}
    return view.say(N_("%(first)s to %(last)s days")) % {"first": from_days, "last": to_days}


def _aged(view: View, total: Aged) -> list[Point]:
    points = []
    for bucket in total.buckets:
        name = _days(view, bucket.from_days, bucket.to_days)
        points.append(Point(name, name, bucket.amount, view.formats.money(bucket.amount, total.currency)))
    return points


def _owed(view: View, row: MarketplaceReceivable) -> list[Point]:
    f = view.formats
    return [
        Point(f.short_month(its.month), f.month(its.month), its.outstanding, f.money(its.outstanding, row.currency))
        for its in row.months[-_MOST_BARS:]
        if its.month is not None
    ]


def _sold(view: View, rows: Sequence[Performance], currency: str) -> list[Point]:
    """Oldest first."""
    f = view.formats
    chosen = sorted((row.key, row.gmv) for row in rows if row.currency == currency and row.key is not None)
    return [
        Point(*((f.short_month(key), f.month(key)) if len(key) == 7 else (key[-2:], key)), gmv, f.money(gmv, currency))
        for key, gmv in chosen[-_MOST_BARS:]
    ]
