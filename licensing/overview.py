"""A host's licensing at a glance: how many licences there are, what waits for the host, how its offers stand."""

from typing import Any

from msgspec import Struct, convert
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.splits import SplitRule
from licensing.issuing import GIVES
from licensing.offers import LIVING, State


class Standing(Struct, frozen=True):
    """Counts of a book's things. `clippers` have a licence that is active. What waits for the host: `applications`,
    `reviews` (clips that were looked for in its streams), `cases` of unlicensed use, `claims` that run.
    """

    active: int
    offered: int
    suspended: int
    clippers: int
    applications: int
    reviews: int
    cases: int
    claims: int


class Sold(Struct, frozen=True):
    """What an offer sold in one currency, in minor units, as matching was last told."""

    currency: str
    gmv: int
    orders: int


class OfferStanding(Struct, frozen=True):
    """An offer as a list shows it: `split` is of its newest terms, `living` and `applications` are counts."""

    offer_id: int
    title: str
    category: str
    state: State
    quota: int | None
    version_no: int | None
    split: SplitRule | None
    platforms: tuple[str, ...]
    living: int
    applications: int
    sold: tuple[Sold, ...]


class Held(Struct, frozen=True):
    """How many licences of an offer that have not ended are under one version of its terms, in one state. `waiting`
    have been proposed newer terms, or have accepted ones that are still to come.
    """

    version_no: int
    state: str
    count: int
    waiting: int


async def standing(connection: AsyncConnection, book_id: int) -> Standing:
    """As it is now."""
    return Standing(**(await connection.execute(_STANDING, {"book": book_id})).one()._mapping)


async def offer_standings(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[OfferStanding]:
    """Newest first, those before a given one; in one state, or in any."""
    asked = {"book": book_id, "state": state, "before": before, "limit": limit, "living": list(LIVING)}
    return [_offer(row) for row in await connection.execute(_OFFERS, asked)]


async def open_offers(connection: AsyncConnection, book_id: int, *, limit: int = 200) -> list[tuple[int, str]]:
    """Number and title of the offers of which licences can be given, newest first."""
    rows = await connection.execute(_GRANTABLE, {"book": book_id, "states": list(GIVES), "limit": limit})
    return [(row.offer_id, row.title) for row in rows]


async def held_by_version(connection: AsyncConnection, book_id: int, offer_id: int) -> list[Held]:
    """Newest version first."""
    asked = {"book": book_id, "offer": offer_id, "living": list(LIVING)}
    return [Held(**row._mapping) for row in await connection.execute(_HELD, asked)]


def _offer(row: Row[Any]) -> OfferStanding:
    return convert(dict(row._mapping), OfferStanding)


# SQL --------------------------------------------------------------------------------------------------------

_STANDING = text("""
    SELECT its.*,
        (SELECT count(*) FROM licensing.applications WHERE book_id = :book AND state = 'submitted') AS applications,
        (SELECT count(*) FROM licensing.submissions
         WHERE book_id = :book AND state IN ('identified', 'unrecognised')
           AND state IN ('submitted', 'identifying', 'identified', 'unrecognised')) AS reviews,
        (SELECT count(*) FROM licensing.cases WHERE book_id = :book AND state = 'open') AS cases,
        (SELECT count(*) FROM licensing.claims
         WHERE book_id = :book AND state IN ('open', 'responded', 'upheld', 'released', 'appealed')) AS claims
    FROM (
        SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'offered') AS offered,
               count(*) FILTER (WHERE state = 'suspended') AS suspended,
               count(DISTINCT clipper_id) FILTER (WHERE state = 'active') AS clippers
        FROM licensing.grants WHERE book_id = :book AND state IN ('active', 'offered', 'suspended')
    ) AS its
""")  # of the reviews, the second list is that of the index

_OFFERS = text("""
    WITH page AS (
        SELECT * FROM licensing.offers
        WHERE book_id = :book AND (CAST(:state AS text) IS NULL OR state = :state)
          AND (CAST(:before AS bigint) IS NULL OR offer_id < :before)
        ORDER BY offer_id DESC LIMIT :limit
    ), held AS (
        SELECT offer_id, count(*) AS living FROM licensing.grants
        WHERE book_id = :book AND state = ANY (CAST(:living AS text[])) GROUP BY 1
    ), asked AS (
        SELECT offer_id, count(*) AS applications FROM licensing.applications
        WHERE book_id = :book AND state = 'submitted' GROUP BY 1
    )
    SELECT offer_id, title, category, page.state, quota, version_no, terms.terms -> 'split' AS split, platforms,
           coalesce(living, 0) AS living, coalesce(applications, 0) AS applications,
           coalesce((
               SELECT jsonb_agg(jsonb_build_object('currency', currency, 'gmv', gmv, 'orders', orders)
                                ORDER BY gmv DESC)
               FROM licensing.offer_facts AS fact
               WHERE fact.book_id = :book AND fact.offer_id = page.offer_id AND orders > 0
           ), '[]') AS sold
    FROM page
    LEFT JOIN licensing.terms_versions AS terms USING (book_id, offer_id, version_no)
    LEFT JOIN held USING (offer_id)
    LEFT JOIN asked USING (offer_id)
    ORDER BY offer_id DESC
""")

_GRANTABLE = text("""
    SELECT offer_id, title FROM licensing.offers
    WHERE book_id = :book AND version_no IS NOT NULL AND state = ANY (CAST(:states AS text[]))
    ORDER BY offer_id DESC LIMIT :limit
""")

_HELD = text("""
    SELECT version_no, state, count(*) AS count, count(proposed_no) AS waiting
    FROM licensing.grants
    WHERE book_id = :book AND offer_id = :offer AND state = ANY (CAST(:living AS text[]))
    GROUP BY 1, 2 ORDER BY 1 DESC, 2
""")
