"""Reports for finance, hosts and clippers, as JSON and as CSV. The trial balance is the ledger's: /trial-balance."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.api.files import AlsoCsv
from ledger.exports import MEDIA_TYPES
from ledger.periods import parse_period
from ledger.sheets import csv_text
from media.api.pages import Cursor, Limit, number_of
from settlement.api.scopes import PARTY_READ, READ
from settlement.reports import ageing, performance, receivables, roll_forward
from settlement.reports.ageing import AgeingReport
from settlement.reports.performance import Asked, PerformanceReport, Sort
from settlement.reports.receivables import ReceivablesReport
from settlement.reports.roll_forward import RollForward

S = TypeVar("S")

_Format = Annotated[Literal["json", "csv"], QueryParameter(description="csv: all rows, amounts as decimals.")]
_Month = Annotated[str, QueryParameter(description="Booked in this month, such as 2026-10.")]
_Party = Annotated[
    str | None,
    QueryParameter(pattern="^(host|(clipper|agency)-[0-9]{1,19})$", description="Of one alone: host, clipper-7."),
]
_Rows = Annotated[roll_forward.By, QueryParameter(description="A row for each kind of party, or for each party.")]
_AsOf = Annotated[date | None, QueryParameter(description="At the end of this day, by effect; else today.")]
_Months = Annotated[receivables.By, QueryParameter(description="The months of sale, or those in which sales settled.")]
_By = Annotated[performance.By, QueryParameter(description="What rows are of.")]
_OwnBy = Annotated[performance.OwnBy, QueryParameter(description="What rows are of.")]
_Since = Annotated[
    date | None,
    QueryParameter(description="First day of sale; else the first of the month that was a year before the last."),
]
_Until = Annotated[date | None, QueryParameter(description="Last day of sale; else today.")]
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$", description="In this currency (ISO 4217).")]
_Marketplace = Annotated[
    str | None,
    QueryParameter(max_length=500, pattern="^[^\\x00\\ud800-\\udfff]+$", description="On this marketplace alone."),
]
_Number = QueryParameter(ge=1, le=2**63 - 1, description="Of this one alone.")
_Sort = Annotated[Sort, QueryParameter(description="The figure by which rows are sorted; `key` is what they are of.")]
_Order = Annotated[Literal["desc", "asc"], QueryParameter(description="The largest first, or the smallest.")]


@get("/reports/roll-forward", opt=READ, operation_class=AlsoCsv, summary="How payables moved in a month")
async def show_roll_forward(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    month: _Month,
    by: _Rows = "kind",
    party: _Party = None,
    format: _Format = "json",  # noqa: A002 - the query's own word
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[RollForward]:
    """Opening, what was earned, given back, adjusted, trued up, withheld, recovered and paid, and closing. `proved`:
    the movements make up what the ledger says, row by row.
    """
    its = parse_period(month, "month")
    offset, most = _slice(format, limit, cursor)
    found = await roll_forward.roll_forward(connection, book_id, its, by=by, party=party, offset=offset, limit=most)
    return _answer(found, roll_forward.sheet, format)


@get("/reports/payables-ageing", opt=READ, operation_class=AlsoCsv, summary="How old payables are")
async def show_payables_ageing(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    as_of: _AsOf = None,
    party: _Party = None,
    format: _Format = "json",  # noqa: A002
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[AgeingReport]:
    """By party: 0 to 30, 31 to 60, 61 to 90 days, and longer. First in, first out: what was paid were the oldest
    amounts, what is owed are the newest.
    """
    found = await ageing.payables_ageing(connection, book_id, as_of, party=party)
    return _answer(found, ageing.sheet, format, lambda report: _page(report, limit, cursor))


@get("/reports/suspense-ageing", opt=READ, operation_class=AlsoCsv, summary="How old suspense is")
async def show_suspense_ageing(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    format: _Format = "json",  # noqa: A002
) -> Response[AgeingReport]:
    """By currency, sale by sale from the day of sale; today's."""
    return _answer(await ageing.suspense_ageing(connection, book_id), ageing.sheet, format)


@get("/reports/receivables", opt=READ, operation_class=AlsoCsv, summary="What marketplaces owe and have paid")
async def show_receivables(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: _Months = "sale",
    format: _Format = "json",  # noqa: A002
) -> Response[ReceivablesReport]:
    """By marketplace, currency and month; payments pay the oldest month first. `proved`: the sums are the ledger's."""
    return _answer(await receivables.receivables(connection, book_id, by=by), receivables.sheet, format)


@get("/reports/performance", opt=READ, operation_class=AlsoCsv, summary="What sold how well")
async def show_performance(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    by: _By = "clipper",
    since: _Since = None,
    until: _Until = None,
    currency: _Currency = None,
    marketplace: _Marketplace = None,
    clipper_id: Annotated[int | None, _Number] = None,
    offer_id: Annotated[int | None, _Number] = None,
    submission_id: Annotated[int | None, _Number] = None,
    sort: _Sort = "gmv",
    order: _Order = "desc",
    format: _Format = "json",  # noqa: A002
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[PerformanceReport]:
    """GMV, orders, returns, commission and its shares, clicks and conversion of a period, currency by currency."""
    asked = Asked(
        since=since,
        until=until,
        currency=currency,
        marketplace=marketplace,
        clipper_id=clipper_id,
        offer_id=offer_id,
        submission_id=submission_id,
        sort=sort,
        descending=order == "desc",
    )
    offset, most = _slice(format, limit, cursor)
    found = await performance.performance(connection, book_id, by, asked, offset=offset, limit=most)
    return _answer(found, performance.sheet, format)


@get("/performance", opt=PARTY_READ, operation_class=AlsoCsv, summary="What of mine sold how well")
async def show_own_performance(
    connection: NamedDependency[AsyncConnection],
    party_id: NamedDependency[int],
    by: _OwnBy = "clip",
    since: _Since = None,
    until: _Until = None,
    currency: _Currency = None,
    marketplace: _Marketplace = None,
    offer_id: Annotated[int | None, _Number] = None,
    submission_id: Annotated[int | None, _Number] = None,
    sort: _Sort = "gmv",
    order: _Order = "desc",
    format: _Format = "json",  # noqa: A002
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[PerformanceReport]:
    """With all hosts together; by `month`, sorted by `key`, a series for a plot. What others get of it is null."""
    asked = Asked(
        since=since,
        until=until,
        currency=currency,
        marketplace=marketplace,
        offer_id=offer_id,
        submission_id=submission_id,
        sort=sort,
        descending=order == "desc",
    )
    offset, most = _slice(format, limit, cursor)
    found = await performance.own_performance(connection, party_id, by, asked, offset=offset, limit=most)
    return _answer(found, performance.sheet, format)


def _answer(
    report: S,
    sheet: Callable[[S], Iterator[Sequence[object]]],
    form: str,
    shown: Callable[[S], S] = lambda report: report,
) -> Response[S]:
    """The file, or what is shown of the report."""
    if form == "csv":
        file: Response[Any] = Response(csv_text(sheet(report)), media_type=MEDIA_TYPES["csv"])
        return file
    return Response(shown(report))


def _page(report: AgeingReport, limit: int, cursor: str | None) -> AgeingReport:
    """Its rows after so many. Raises InvalidCursor."""
    start = number_of(cursor) or 0
    end = start + limit
    more = str(end) if len(report.rows) > end else None
    return msgspec.structs.replace(report, rows=report.rows[start:end], next_cursor=more)


def _slice(form: str, limit: int, cursor: str | None) -> tuple[int, int | None]:
    """After how many rows, and how many; a file has all. Raises InvalidCursor."""
    return (0, None) if form == "csv" else (number_of(cursor) or 0, limit)


HOST_ROUTES = [
    show_roll_forward,
    show_payables_ageing,
    show_suspense_ageing,
    show_receivables,
    show_performance,
]
CLIPPER_ROUTES = [show_own_performance]
