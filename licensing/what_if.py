"""What a period's sales would have paid under other terms.

The terms are judged here; the sales are settlement's, which the front door puts in as `Accruals`.
"""

from datetime import date, timedelta
from typing import Protocol, runtime_checkable

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import InvalidQuery
from licensing.offers import find_offer
from licensing.publishing import check_proposed
from licensing.terms import Terms

_LONGEST = timedelta(days=366)


class Period(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days by the book's calendar, both included; a year and a day at most."""

    since: date
    until: date


class ClippersMoved(Struct, frozen=True, kw_only=True):
    """How many of the period's clippers would have had more or less than they had, and the median of by how much, in
    minor units; null where there is none.
    """

    more: int = 0
    less: int = 0
    same: int = 0
    median_more: int | None = None
    median_less: int | None = None


class WhatIf(Struct, frozen=True, kw_only=True):
    """What was accrued by party, and what would have been, in minor units of `currency`; `told` says it to people."""

    since: date
    until: date
    currency: str
    sales: int
    gross: int
    accrued: dict[str, int]
    proposed: dict[str, int]
    clippers: ClippersMoved
    told: str


@runtime_checkable
class Accruals(Protocol):
    """What has been accrued under the book's offers."""

    async def under(
        self, connection: AsyncConnection, book_id: int, offer_id: int, terms: Terms, period: Period
    ) -> WhatIf:
        """The offer's sales of the period as they were shared, and as these terms would have shared them."""


async def what_if(
    connection: AsyncConnection, accruals: Accruals, book_id: int, offer_id: int, terms: Terms, period: Period
) -> WhatIf:
    """What the offer's sales would have paid under terms that could be published today.

    Raises:
        OfferNotFound
        InvalidQuery: no such period, or one too long.
        InvalidTerms, InvalidSplit, SplitOutOfBounds: as publishing them would.
    """
    await find_offer(connection, book_id, offer_id)
    if period.until < period.since:
        raise InvalidQuery("period.until", period.until, f"must not be before since, {period.since}")
    if period.until - period.since > _LONGEST:
        raise InvalidQuery("period.until", period.until, f"at most {_LONGEST.days} days after since")
    await check_proposed(connection, book_id, terms)
    return await accruals.under(connection, book_id, offer_id, terms, period)
