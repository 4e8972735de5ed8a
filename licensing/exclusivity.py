"""Exclusive grants: while one is active, the clipper has no active grant of another host, in the category or at all.

It is asked when a grant becomes active, both ways: may this one be beside the others, and may they be beside it. The
clipper's row is locked first, so that of two grants which exclude each other only one becomes active.

Only the clipper can bind itself. While a grant is attested, accepted elsewhere as its host says, its terms exclude
nobody else's; they do once the clipper has accepted terms of it here, such as newer ones. What the clipper accepted
itself excludes the attested grants of others like any.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.errors import ExclusiveElsewhere
from licensing.offers import Offer
from licensing.terms import Terms

_LOCK = text("""
    SELECT party_id FROM licensing.parties WHERE party_id = ANY (CAST(:clippers AS bigint[]))
    ORDER BY party_id FOR NO KEY UPDATE
""")
"""In order, so that two that lock several never wait for each other."""

_EXCLUDED = text("""
    SELECT held.clipper_id, bool_or(:exclusivity = 'all' OR (:exclusivity = 'category' AND alike)) AS ours
    FROM licensing.grants AS held
    JOIN licensing.offers USING (book_id, offer_id)
    JOIN licensing.terms_versions AS terms USING (book_id, offer_id)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN held.attested THEN 'none' ELSE terms.terms ->> 'exclusivity' END AS exclusivity,
               offers.category = :category AS alike
    ) AS its
    WHERE held.clipper_id = ANY (CAST(:clippers AS bigint[])) AND held.book_id <> :book_id
      AND held.state = 'active' AND (held.ends_at IS NULL OR held.ends_at > :now)
      AND (terms.version_no = held.version_no
           OR (terms.version_no = held.proposed_no AND held.proposed_until IS NULL))  -- agreed on, still to come
      AND ('all' IN (:exclusivity, its.exclusivity) OR (alike AND 'category' IN (:exclusivity, its.exclusivity)))
    GROUP BY held.clipper_id
""")


async def lock_clippers(connection: AsyncConnection, clipper_ids: Iterable[int]) -> None:
    """Before the first look at what they hold: until the end of this transaction no grant of theirs becomes active."""
    await connection.execute(_LOCK, {"clippers": list(clipper_ids)})


async def excluded(
    connection: AsyncConnection,
    book_id: int,
    offer: Offer,
    terms: Terms,
    clipper_ids: Iterable[int],
    now: datetime,
    *,
    attested: bool,
) -> Mapping[int, ExclusiveElsewhere]:
    """Which of these clippers, whom the caller has locked, can't have an active grant of the offer under these terms.

    `attested`: not the clipper accepted them here, so they exclude nobody. The refusal tells the rule, never whose the
    other grant is.
    """
    exclusivity = "none" if attested else terms.exclusivity
    asked = {"book_id": book_id, "category": offer.category, "exclusivity": exclusivity, "now": now}
    rows = await connection.execute(_EXCLUDED, {**asked, "clippers": list(clipper_ids)})
    return {row.clipper_id: _refusal(exclusivity, ours=row.ours) for row in rows}


def _refusal(exclusivity: str, *, ours: bool) -> ExclusiveElsewhere:
    if ours:
        where = "of another host" if exclusivity == "all" else "of another host in this category"
        return ExclusiveElsewhere("terms.exclusivity", exclusivity, f"the clipper has an active grant {where}")
    return ExclusiveElsewhere("clipper", None, "the clipper has an active grant of another host that is exclusive")
