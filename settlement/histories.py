"""An offer's history as a panel: what each of its clippers brought in week by week, and which share it had then.

Weeks begin on Monday by the book's calendar. A clipper's share counts where one version of the terms held for it all
week; a week in which a grant began, ended, was suspended or got other terms is left out. Sales count in the week in
which they were sold, by what is known of them now.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.waterfalls import Waterfall
from licensing.terms import CLIPPER, HOST, Terms, decode
from settlement.optimising.panel import Numbers, Panel

_MOST_WEEKS = 104
_WEEK = timedelta(days=7)
_NO_AMOUNT = 100_000
"""Minor units, for which a waterfall is asked where nothing was sold."""


class Rate(NamedTuple):
    """What a version of terms makes of commission: the part that is `kept` for host and clipper, and the clipper's."""

    kept: float
    clipper: float


class History(NamedTuple):
    """`versions` are the terms by number, all of the offer's; `used` are those which clippers of the panel have had.
    `until` is the last day of the last week.
    """

    versions: Mapping[int, Terms]
    rates: Mapping[int, Rate]
    used: frozenset[int]
    panel: Panel
    sales: int
    since: date
    until: date


async def load_history(connection: AsyncConnection, book_id: int, offer_id: int) -> History | None:
    """The last two years' whole weeks; None where there are no terms, or no whole week with sales."""
    asked = {"book": book_id, "offer": offer_id}
    versions = {row.version_no: decode(row.terms) for row in await connection.execute(_VERSIONS, asked)}
    rows = (await connection.execute(_SOLD, {**asked, "days": 7 * _MOST_WEEKS})).all()
    if not versions or not rows:
        return None
    weeks = _weeks(rows)
    if not weeks:
        return None
    rates = _rates(versions, rows)
    zone = ZoneInfo((await connection.execute(_ZONE, asked)).scalar_one())
    grants = (await connection.execute(_CHANGES, asked)).all()
    clippers = {clipper_id: place for place, clipper_id in enumerate(sorted({row.clipper_id for row in grants}))}
    numbers = _in_force(grants, clippers, [datetime.combine(day, time(), zone) for day in [*weeks, weeks[-1] + _WEEK]])
    output, sales = _output(rows, clippers, weeks)
    share, rest = (_looked_up(numbers, {no: rate[at] for no, rate in rates.items()}) for at in (1, 0))
    used = frozenset(int(number) for number in np.unique(numbers) if number)
    panel = Panel(output, share, rest)
    return History(versions, rates, used, panel, sales, weeks[0], weeks[-1] + _WEEK - timedelta(days=1))


def _weeks(rows: Sequence[Any]) -> list[date]:
    """The Mondays of whole weeks, from the first with sales."""
    first, last = min(row.week for row in rows), max(row.newest for row in rows)
    return [first + number * _WEEK for number in range((last - first + timedelta(days=1)) // _WEEK)]


def _rates(versions: Mapping[int, Terms], rows: Sequence[Any]) -> dict[int, Rate]:
    """For an order of the mean worth: a fee may be fixed."""
    sales = sum(row.sales for row in rows)
    worth = max(int(sum(row.due for row in rows)) // sales, 0) or _NO_AMOUNT
    rates = {}
    for number, terms in versions.items():
        parts = Waterfall(terms.split).parts(worth)
        kept = (parts[HOST] + parts[CLIPPER]) / worth
        weights = {share.party: share.weight for share in terms.split.shares}
        rates[number] = Rate(kept, kept * weights[CLIPPER] / sum(weights.values()))
    return rates


def _output(rows: Sequence[Any], clippers: Mapping[int, int], weeks: Sequence[date]) -> tuple[Numbers, int]:
    """Clippers by weeks, and how many sales that are."""
    output, sales = np.zeros((len(clippers), len(weeks))), 0
    places = {day: place for place, day in enumerate(weeks)}
    for row in rows:
        if row.week in places and row.clipper_id in clippers:
            output[clippers[row.clipper_id], places[row.week]] = float(row.due)
            sales += row.sales
    return output, sales


def _looked_up(numbers: "np.ndarray[Any, np.dtype[np.int32]]", values: Mapping[int, float]) -> Numbers:
    """NaN for no version, and for one whose value is nothing."""
    found = np.full(max([0, *values]) + 1, np.nan)
    for number, value in values.items():
        found[number] = value or np.nan
    looked_up: Numbers = found[numbers]
    return looked_up


# Which version was in force ---------------------------------------------------------------------------------


def _in_force(
    rows: Sequence[Any], clippers: Mapping[int, int], moments: Sequence[datetime]
) -> "np.ndarray[Any, np.dtype[np.int32]]":
    """Clippers by weeks, which begin at these moments: the version's number, 0 for none or several."""
    numbers = np.zeros((len(clippers), len(moments) - 1), dtype=np.int32)
    several = np.zeros(numbers.shape, dtype=bool)
    for _, changes in groupby(rows, key=lambda row: row.grant_id):
        its = list(changes)
        place = clippers[its[0].clipper_id]
        for begins, ends, number in _stretches(its):
            first = bisect_left(moments, begins)
            last = len(moments) - 1 if ends is None else bisect_right(moments, ends) - 1
            if first < last:
                there = numbers[place, first:last]
                several[place, first:last] |= (there != 0) & (there != number)
                numbers[place, first:last] = number
    numbers[several] = 0
    return numbers


def _stretches(changes: Iterable[Any]) -> Iterator[tuple[datetime, datetime | None, int]]:
    """From when until when a grant was active under which version; as `licensing.register` reads its history."""
    state = number = starts_at = ends_at = None
    told = list(changes)
    for change, following in zip(told, [*told[1:], None], strict=True):
        state, number = change.state or state, change.version_no or number
        if change.starts_at is not None:
            starts_at, ends_at = change.starts_at, change.ends_at
        if state == "active" and number is not None:
            begins = change.effective_at if starts_at is None else max(starts_at, change.effective_at)
            limits = [its for its in (ends_at, following and following.effective_at) if its is not None]
            yield begins, min(limits, default=None), number


# SQL --------------------------------------------------------------------------------------------------------

_VERSIONS = text("""
    SELECT version_no, terms FROM licensing.terms_versions WHERE book_id = :book AND offer_id = :offer
""")

_ZONE = text("SELECT time_zone FROM ledger.books WHERE book_id = :book")

_CHANGES = text("""
    SELECT grant_id, clipper_id, change.state, change.version_no, change.starts_at, change.ends_at, effective_at
    FROM licensing.grants AS its JOIN licensing.grant_changes AS change USING (book_id, grant_id)
    WHERE book_id = :book AND offer_id = :offer
    ORDER BY grant_id, effective_at, change_no
""")

_SOLD = text("""
    WITH sold AS (
        SELECT clipper_id, sold_on, due FROM settlement.sales
        WHERE book_id = :book AND offer_id = :offer AND clipper_id IS NOT NULL
    )
    SELECT clipper_id, date_trunc('week', sold_on)::date AS week, sum(due) AS due, count(*) AS sales,
           max(sold_on) AS newest
    FROM sold WHERE date_trunc('week', sold_on)::date > (SELECT max(sold_on) FROM sold) - CAST(:days AS integer)
    GROUP BY 1, 2
""")
