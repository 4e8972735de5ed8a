"""The first page of a clipper: what is there for it, what is still held and until when, what comes next."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.totals import purses
from clipledger.pages.clipper.wording import TOTALS
from clipledger.pages.plots import Point
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.periods import format_period, month_of, next_month
from licensing.claims import list_claims
from settlement import balances
from settlement.balances import Earnings
from settlement.payouts.coming import coming
from settlement.reports.performance import Asked, Performance, own_performance
from settlement.statements.reading import list_statements

_MONTHS = 12
"""Of the plot, this one included."""
_CLIPS = 5


@page("/clippers/{clipper:int}", space="clipper", scope="party:read")
async def dashboard(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Response[str]:
    """In each currency, with all hosts together and with each."""
    now = datetime.now(UTC)
    earned = await balances.earnings(connection, "clipper", party_id)
    months = _months(now.date())
    return view.render(
        "clipper/dashboard.html",
        purses=purses(earned, await coming(connection, party_id, earned, now), now.date()),
        balances=TOTALS,
        hosts={each.book: each.host for each in earned},
        today=now.date(),
        months=await _by_month(view, connection, party_id, months),
        clips=await _newest_clips(connection, party_id, months[0]),
        disputes=await _disputes(connection, party_id, earned),
        statements=await list_statements(connection, clipper_id=party_id, limit=3),
    )


def _months(today: date) -> list[date]:
    """The last ones, by their first days."""
    months = [month_of(today)]
    while len(months) < _MONTHS:
        months.insert(0, month_of(months[0] - timedelta(days=1)))
    return months


async def _by_month(
    view: View, connection: AsyncConnection, party_id: int, months: Sequence[date]
) -> Mapping[str, list[Point]]:
    """What was earned by sales of each month, by currency; all days of the last one, for books ahead of UTC."""
    asked = Asked(since=months[0], until=next_month(months[-1]) - timedelta(days=1), sort="key", descending=False)
    report = await own_performance(connection, party_id, "month", asked, limit=None)
    earned = {(row.currency, row.key): row.clipper for row in report.rows}
    return {
        currency: [_point(view, month, earned.get((currency, format_period(month)), 0), currency) for month in months]
        for currency in {row.currency for row in report.rows}
    }


def _point(view: View, month: date, amount: int, currency: str) -> Point:
    name, told = view.formats.month(month), view.formats.money(amount, currency)
    href = f"{view.base}/statements?month={format_period(month)}"
    return Point(view.formats.short_month(month), name, amount, told, href if amount else None)


async def _newest_clips(connection: AsyncConnection, party_id: int, since: date) -> Sequence[Performance]:
    """Those that sold something since, and last what was sold by no clip that is on record."""
    asked = Asked(since=since, sort="key")
    return (await own_performance(connection, party_id, "clip", asked, limit=_CLIPS)).rows


async def _disputes(connection: AsyncConnection, party_id: int, earned: Sequence[Earnings]) -> int:
    """How many keep money frozen."""
    if not any(each.balance.frozen for each in earned):
        return 0
    return len(await list_claims(connection, clipper_id=party_id, frozen=True))
