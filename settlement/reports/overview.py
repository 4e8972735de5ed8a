"""A host's business at a glance: what was sold on each day, and what sold best lately.

Where a large book's sums are kept (`settlement.sold`), these are told, and as of when; else one scan of the period's
sales gives all days, and one of the recent ones all the best, as they are known now. Sales count by their day of sale.
`docs/finance-reports.md` has the report behind it, which also tells orders, clicks and rates.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.reports.books import year_before
from settlement.reports.performance_sql import plan_for_all
from settlement.sold import find_kept

Kind = Literal["clip", "clipper", "product"]


class DaySold(Struct, frozen=True):
    """A day's sales in one currency, in minor units; `commission` is what marketplaces owe for them, `host` what of it
    is the host's.
    """

    day: date
    currency: str
    sales: int
    gmv: int
    net_gmv: int
    commission: int
    host: int


class Days(Struct, frozen=True):
    """Every day on which something was sold, in order, each currency for itself. `as_of` is null for now."""

    as_of: datetime | None
    days: Sequence[DaySold]


class Best(Struct, frozen=True):
    """A clip, a clipper or a product, and what it sold. `within` is the marketplace of a product; a clip's `key` is its
    submission's number.
    """

    kind: Kind
    key: str
    within: str | None
    name: str | None
    gmv: int
    net_gmv: int
    commission: int


class Recent(Struct, frozen=True):
    """Of some days in one currency: the best of each kind, largest first, and how many clippers sold at all. `as_of`
    is null for now.
    """

    as_of: datetime | None
    clippers: int
    best: Sequence[Best]

    def of(self, kind: Kind) -> list[Best]:
        """Those of one kind."""
        return [each for each in self.best if each.kind == kind]


async def days_sold(connection: AsyncConnection, book_id: int, since: date, until: date) -> Days:
    """Both days are included."""
    begins = year_before(until)
    as_of = await find_kept(connection, book_id, "day", begins, date.max) if since >= begins else None
    if as_of is None:
        await plan_for_all(connection)
    asked = {"book": book_id, "since": since, "until": until, "begins": begins}
    rows = await connection.execute(_DAYS if as_of is None else _KEPT_DAYS, asked)
    days = [
        DaySold(
            row.sold_on, row.currency, row.sales, int(row.gmv), int(row.net_gmv), int(row.commission), int(row.host)
        )
        for row in rows
    ]
    return Days(as_of, days)


async def recently_sold(
    connection: AsyncConnection, book_id: int, currency: str, since: date, until: date, *, most: int = 5
) -> Recent:
    """What sold best, by GMV: at most so many of each kind. Both days are included."""
    as_of = await find_kept(connection, book_id, "clip", since, until)
    if as_of is None:
        await plan_for_all(connection)
    asked = {"book": book_id, "currency": currency, "since": since, "until": until, "most": most}
    rows = (await connection.execute(_RECENT if as_of is None else _KEPT_RECENT, asked)).all()
    best = [
        Best(row.kind, row.key, row.within, row.name, int(row.gmv), int(row.net_gmv), int(row.commission))
        for row in rows
        if row.kind != "clippers"
    ]
    return Recent(as_of, next((int(row.key) for row in rows if row.kind == "clippers"), 0), best)


# SQL --------------------------------------------------------------------------------------------------------

_DAYS = text("""
    SELECT sold_on, currency, count(*) AS sales, sum(gmv) AS gmv, sum(net_gmv) AS net_gmv, sum(posted) AS commission,
           sum(host_part) AS host
    FROM settlement.sales WHERE book_id = :book AND sold_on BETWEEN :since AND :until
    GROUP BY sold_on, currency ORDER BY sold_on, currency
""")

_SUMS = "sum(gmv) AS gmv, sum(net_gmv) AS net_gmv, sum(posted) AS commission"

_SHOWN = """
    SELECT 'clippers' AS kind, CAST(count(*) AS text) AS key, NULL AS within, NULL AS name, 0 AS gmv, 0 AS net_gmv,
           0 AS commission
    FROM by_clipper
    UNION ALL
    SELECT 'clipper', CAST(clipper_id AS text), NULL,
           (SELECT name FROM licensing.parties WHERE party_id = clipper_id), gmv, net_gmv, commission
    FROM (SELECT * FROM by_clipper ORDER BY gmv DESC, clipper_id LIMIT :most) AS best
    UNION ALL
    SELECT 'clip', CAST(submission_id AS text), NULL,
           (SELECT title FROM licensing.submissions AS its
            WHERE its.book_id = :book AND its.submission_id = by_clip.submission_id), gmv, net_gmv, commission
    FROM by_clip
    UNION ALL
    SELECT 'product', product, marketplace, NULL, gmv, net_gmv, commission FROM by_product
    ORDER BY kind, gmv DESC, key
"""

_RECENT = text(f"""
    WITH sold AS MATERIALIZED (
        SELECT clipper_id, submission_id, product, marketplace, gmv, net_gmv, posted
        FROM settlement.sales
        WHERE book_id = :book AND currency = :currency AND sold_on BETWEEN :since AND :until
    ), by_clipper AS (
        SELECT clipper_id, {_SUMS} FROM sold WHERE clipper_id IS NOT NULL GROUP BY 1
    ), by_clip AS (
        SELECT submission_id, {_SUMS} FROM sold WHERE submission_id IS NOT NULL GROUP BY 1
        ORDER BY gmv DESC, submission_id LIMIT :most
    ), by_product AS (
        SELECT product, marketplace, {_SUMS} FROM sold GROUP BY 1, 2 ORDER BY gmv DESC, product, marketplace LIMIT :most
    )
    {_SHOWN}
""")  # noqa: S608 - of constants


def _kept(kind: Kind, *keys: str, best: bool = True) -> str:
    """The kept rows of a kind that are of somebody or something."""
    first = "ORDER BY place LIMIT :most" if best else ""
    return f"""
        SELECT {", ".join(keys)}, gmv, net_gmv, commission FROM settlement.sold
        WHERE book_id = :book AND since = :since AND kind = '{kind}' AND place > 0 AND currency = :currency
          AND key IS NOT NULL AND lines > 0 {first}"""  # noqa: S608 - of constants


_KEPT_DAYS = text("""
    SELECT CAST(key AS date) AS sold_on, currency, lines AS sales, gmv, net_gmv, commission, host
    FROM settlement.sold
    WHERE book_id = :book AND since = :begins AND kind = 'day' AND place > 0 AND lines > 0
      AND key BETWEEN CAST(CAST(:since AS date) AS text) AND CAST(CAST(:until AS date) AS text)
    ORDER BY sold_on, currency
""")
_KEPT_RECENT = text(f"""
    WITH by_clipper AS ({_kept("clipper", "CAST(key AS bigint) AS clipper_id", best=False)}),
    by_clip AS ({_kept("clip", "CAST(key AS bigint) AS submission_id")}),
    by_product AS ({_kept("product", "key AS product", "within AS marketplace")})
    {_SHOWN}
""")
