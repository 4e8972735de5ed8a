"""A clipper as the host sees it: only one who has applied to it, or whom it has licensed."""

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.plots import Point
from clipledger.pages.routes import page
from clipledger.pages.view import View
from licensing.applications import list_applications
from licensing.dealings import find_known_clipper
from licensing.grant_search import search_grants
from licensing.overview import open_offers
from settlement.reports.performance import Asked, Performance, performance

_LIMIT = 50
_CLIPS = 10


@page("/books/{book:str}/clippers/{clipper_id:int}", space="host", scope="licences:read")
async def clipper(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    clipper_id: FromPath[int],
) -> Response[str]:
    """Who it is, its licences and applications, and what it has sold for this host in the last twelve months."""
    found = await find_known_clipper(connection, book_id, clipper_id)
    asked = Asked(clipper_id=clipper_id, sort="key", descending=False)
    months: list[Performance] = []
    clips: list[Performance] = []
    if view.may("settlement:read"):
        months = [*(await performance(connection, book_id, "month", asked, limit=None)).rows]
        best = Asked(clipper_id=clipper_id)
        clips = [*(await performance(connection, book_id, "clip", best, limit=_CLIPS)).rows]
    currencies = sorted({row.currency for row in months})
    return view.render(
        "host/clipper.html",
        clipper=found,
        grants=await search_grants(connection, book_id, clipper_id=clipper_id, limit=_LIMIT),
        applications=await list_applications(connection, book_id, clipper_id=clipper_id, limit=_LIMIT),
        offers=await open_offers(connection, book_id),
        totals=[(currency, _total(months, currency)) for currency in currencies],
        plots=[(currency, _points(view, months, currency)) for currency in currencies],
        clips=clips,
    )


def _total(months: list[Performance], currency: str) -> dict[str, int]:
    its = [row for row in months if row.currency == currency]
    return {name: sum(getattr(row, name) for row in its) for name in ("gmv", "net_gmv", "orders", "clipper")}


def _points(view: View, months: list[Performance], currency: str) -> list[Point]:
    """The GMV of each month that has sales."""
    formats = view.formats
    return [
        Point(formats.short_month(row.key), formats.month(row.key), row.gmv, formats.money(row.gmv, currency))
        for row in months
        if row.currency == currency and row.key is not None
    ]


routes = [clipper]
