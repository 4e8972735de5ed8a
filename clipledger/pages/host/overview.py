"""The host's first page: how the business goes, and what waits for the host today."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.formats import Formats
from clipledger.pages.plots import Point
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.overview import standing
from settlement.reports.books import month_before
from settlement.reports.overview import DaySold, days_sold, recently_sold

Step = Literal["month", "week"]
_STEPS = 12
_PPM = 1_000_000
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$", description="Of sales in this currency.")]
_Step = Annotated[Step, QueryParameter(description="What a bar of the plots is.")]


@dataclass(frozen=True)
class Sum:
    """What was sold in some days, in one currency's minor units."""

    sales: int = 0
    gmv: int = 0
    net_gmv: int = 0
    commission: int = 0
    host: int = 0

    @property
    def returned(self) -> Fraction | None:
        """The part of the GMV that was given back; None where nothing was sold."""
        return Fraction(self.gmv - self.net_gmv, self.gmv) if self.gmv else None


@page("/books/{book:str}", space="host", scope="licences:read")
async def overview(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    currency: _Currency = None,
    step: _Step = "month",
) -> Response[str]:
    """Sales are shown to who may read them, in one currency at a time: the one with the most, if none is chosen."""
    waiting = await standing(connection, book_id)
    if not view.may("settlement:read"):
        return view.render("host/overview.html", waiting=waiting, currency=None, currencies=[])
    today = _today(view)
    starts = starts_of(step, today)
    since = month_before(today)
    sold = await days_sold(connection, book_id, min(starts[0], since), today)
    currencies = _by_sales(sold.days)
    chosen = currency or (currencies[0] if currencies else None)
    if chosen is None:
        return view.render("host/overview.html", waiting=waiting, currency=None, currencies=[])
    mine = [day for day in sold.days if day.currency == chosen]
    return view.render(
        "host/overview.html",
        waiting=waiting,
        currency=chosen,
        currencies=currencies,
        step=step,
        month=today.replace(day=1),
        since=since,
        as_of=sold.as_of,
        this=_sum(mine, today.replace(day=1), today),
        last=_sum(mine, since, today.replace(day=1) - timedelta(days=1)),
        recent=await recently_sold(connection, book_id, chosen, since, today),
        plots=_plots(view.formats, step, starts, mine, chosen),
    )


def starts_of(step: Step, today: date) -> list[date]:
    """The first days of the last twelve months or weeks; a week begins on Monday."""
    if step == "week":
        monday = today - timedelta(days=today.weekday())
        return [monday - timedelta(weeks=back) for back in reversed(range(_STEPS))]
    months = today.year * 12 + today.month - 1
    return [date((months - back) // 12, (months - back) % 12 + 1, 1) for back in reversed(range(_STEPS))]


def _today(view: View) -> date:
    zone = view.book.time_zone if view.book else "UTC"
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).date()


def _by_sales(days: Iterable[DaySold]) -> list[str]:
    """The currencies, that of most sales first."""
    sales: dict[str, int] = {}
    for day in days:
        sales[day.currency] = sales.get(day.currency, 0) + day.sales
    return sorted(sales, key=lambda currency: (-sales[currency], currency))


def _sum(days: Iterable[DaySold], since: date, until: date) -> Sum:
    its = [day for day in days if since <= day.day <= until]
    return Sum(
        sales=sum(day.sales for day in its),
        gmv=sum(day.gmv for day in its),
        net_gmv=sum(day.net_gmv for day in its),
        commission=sum(day.commission for day in its),
        host=sum(day.host for day in its),
    )


def _plots(
    formats: Formats, step: Step, starts: Sequence[date], days: Sequence[DaySold], currency: str
) -> dict[str, list[Point]]:
    """GMV and commission in money, returns in millionths of the GMV."""
    ends = [*(start - timedelta(days=1) for start in starts[1:]), date.max]
    sums = [(start, _sum(days, start, end)) for start, end in zip(starts, ends, strict=True)]

    def points(value: Callable[[Sum], int], text: Callable[[Sum], str]) -> list[Point]:
        return [
            Point(_short(formats, step, start), _long(formats, step, start), value(its), text(its))
            for start, its in sums
        ]

    def rate(its: Sum) -> str:
        return formats.percent(its.returned) if its.returned is not None else "–"

    return {
        "gmv": points(lambda its: its.gmv, lambda its: formats.money(its.gmv, currency)),
        "commission": points(lambda its: its.commission, lambda its: formats.money(its.commission, currency)),
        "returns": points(lambda its: int((its.returned or 0) * _PPM), rate),
    }


def _short(formats: Formats, step: Step, start: date) -> str:
    return formats.short_month(start) if step == "month" else formats.short_day(start)


def _long(formats: Formats, step: Step, start: date) -> str:
    return formats.month(start) if step == "month" else formats.day(start)


routes = [overview]
