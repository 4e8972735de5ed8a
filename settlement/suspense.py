"""Suspense: commission that marketplaces owe and nobody is known to have earned, why, and since when.

A sale's age is counted in days of the book's calendar from the day on which it was sold: what finance must clear first
is what somebody has waited for longest. A sale that is worth nothing waits for nobody and is not listed.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX

BUCKETS: Sequence[tuple[int, int | None]] = ((0, 7), (8, 30), (31, 60), (61, 90), (91, None))
"""Ages in days, both ends included; the last has no end. What is dated ahead is in the first."""


class Suspended(Struct, frozen=True, kw_only=True):
    """A sale in suspense. `amount` is in minor units of `currency`; `reason` is why no rule could tell whose it is."""

    sale_id: int
    marketplace: str
    order_no: str
    line_no: str
    currency: str
    amount: int
    product: str
    platform: str | None
    handle: str | None
    content_id: str | None
    tracking_id: str | None
    state: str
    sold_on: date
    age: int
    reason: str | None


class Bucket(Struct, frozen=True):
    """Sales of an age from so many days to so many; null is no end."""

    from_days: int
    to_days: int | None
    sales: int
    amount: int


class Ageing(Struct, frozen=True):
    """Of one currency; `oldest` is an age in days. The buckets' amounts sum to what the ledger has in suspense."""

    currency: str
    sales: int
    amount: int
    oldest: int
    buckets: list[Bucket]


class Group(Struct, frozen=True):
    """Sales that one resolution would resolve together; `matches` is what it would say."""

    matches: str
    currency: str
    sales: int
    amount: int
    oldest: int


By = Literal["handle", "content", "tracking"]


async def book_today(connection: AsyncConnection, book_id: int) -> date:
    """The day it is by the book's calendar."""
    today: date = (await connection.execute(_TODAY, {"book_id": book_id})).scalar_one()
    return today


async def list_suspended(
    connection: AsyncConnection,
    book_id: int,
    today: date,
    *,
    currency: str | None = None,
    reason: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Suspended]:
    """Newest first by number, those before a given one; of a currency or for a reason alone."""
    asked = {"book_id": book_id, "today": today, "currency": currency, "reason": reason}
    page = {"before": BIGINT_MAX if before is None else before, "limit": limit}
    rows = await connection.execute(_LIST, {**asked, **page})
    return [Suspended(**row) for row in rows.mappings()]


async def ageing(connection: AsyncConnection, book_id: int, today: date) -> list[Ageing]:
    """By currency."""
    asked = {"book_id": book_id, "today": today, "starts": [start for start, _ in BUCKETS]}
    found: dict[str, dict[int, Bucket]] = defaultdict(dict)
    oldest: dict[str, int] = {}
    for row in await connection.execute(_AGEING, asked):
        place = row.bucket - 1
        found[row.currency][place] = _bucket(place, row.sales, int(row.amount))
        oldest[row.currency] = max(row.oldest, oldest.get(row.currency, 0))
    return [
        Ageing(
            currency,
            sum(bucket.sales for bucket in filled.values()),
            sum(bucket.amount for bucket in filled.values()),
            oldest[currency],
            [filled.get(place) or _bucket(place, 0, 0) for place in range(len(BUCKETS))],
        )
        for currency, filled in sorted(found.items())
    ]


def _bucket(place: int, sales: int, amount: int) -> Bucket:
    from_days, to_days = BUCKETS[place]
    return Bucket(from_days, to_days, sales, amount)


async def groups(connection: AsyncConnection, book_id: int, today: date, by: By, *, limit: int = 100) -> list[Group]:
    """What one rule would resolve, the most sales first."""
    asked = {"book_id": book_id, "today": today, "by": by, "limit": limit}
    rows = await connection.execute(_GROUPS, asked)
    return [Group(row.matches, row.currency, row.sales, int(row.amount), row.oldest) for row in rows]


# SQL --------------------------------------------------------------------------------------------------------

_TODAY = text("SELECT CAST(now() AT TIME ZONE time_zone AS date) FROM ledger.books WHERE book_id = :book_id")

_SUSPENDED = "settlement.sales WHERE book_id = :book_id AND rule IS NULL AND suspense <> 0"

_LIST = text(f"""
    SELECT sale_id, marketplace, order_no, line_no, currency, suspense AS amount, product, platform, handle, content_id,
           tracking_id, state, sold_on, greatest(CAST(:today AS date) - sold_on, 0) AS age, reason
    FROM {_SUSPENDED} AND sale_id < :before
        AND (CAST(:currency AS text) IS NULL OR currency = :currency)
        AND (CAST(:reason AS text) IS NULL OR reason = :reason)
    ORDER BY sale_id DESC
    LIMIT :limit
""")  # noqa: S608 - of constants

_AGEING = text(f"""
    SELECT currency, width_bucket(age, CAST(:starts AS integer[])) AS bucket,
           count(*) AS sales, sum(suspense) AS amount, max(age) AS oldest
    FROM (
        SELECT currency, suspense, greatest(CAST(:today AS date) - sold_on, 0) AS age FROM {_SUSPENDED}
    ) AS aged
    GROUP BY 1, 2
""")  # noqa: S608 - of constants

_GROUPS = text(f"""
    SELECT matches, currency, count(*) AS sales, sum(suspense) AS amount, max(age) AS oldest
    FROM (
        SELECT CASE :by
                   WHEN 'handle' THEN 'handle:' || platform || ':' || handle
                   WHEN 'content' THEN 'content:' || content_id
                   ELSE 'tracking:' || marketplace || ':' || tracking_id
               END AS matches,
               currency, suspense, greatest(CAST(:today AS date) - sold_on, 0) AS age
        FROM {_SUSPENDED}
    ) AS named
    WHERE matches IS NOT NULL
    GROUP BY 1, 2
    ORDER BY 3 DESC, 1, 2
    LIMIT :limit
""")  # noqa: S608 - of constants
