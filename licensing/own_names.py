"""What a clipper's own things are called, in lists over all its hosts: many at once, each kind in one query."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection


class Of(NamedTuple):
    """Of which offer something is, whose, and in which book."""

    title: str
    licensor: str
    book_id: int


_GRANTS = text("""
    SELECT its.grant_id AS number, offer.title, offer.licensor, its.book_id
    FROM licensing.grants AS its JOIN licensing.offers AS offer USING (book_id, offer_id)
    WHERE its.clipper_id = :clipper_id AND its.grant_id = ANY (CAST(:numbers AS bigint[]))
""")
_APPLICATIONS = text("""
    SELECT its.application_id AS number, its.offer_id, offer.title
    FROM licensing.applications AS its JOIN licensing.offers AS offer USING (book_id, offer_id)
    WHERE its.clipper_id = :clipper_id AND its.application_id = ANY (CAST(:numbers AS bigint[]))
""")
_CLIPS = text("""
    SELECT submission_id AS number, title FROM licensing.submissions
    WHERE clipper_id = :clipper_id AND submission_id = ANY (CAST(:numbers AS bigint[]))
""")
_CLAIMS = text("""
    SELECT its.claim_id AS number, coalesce(clip.title, offer.title) AS title
    FROM licensing.claims AS its
    JOIN licensing.grants AS granted USING (book_id, grant_id)
    JOIN licensing.offers AS offer USING (book_id, offer_id)
    LEFT JOIN licensing.submissions AS clip
        ON clip.book_id = its.book_id AND clip.submission_id = its.submission_id
    WHERE its.clipper_id = :clipper_id AND its.claim_id = ANY (CAST(:numbers AS bigint[]))
""")


async def offers_of_grants(connection: AsyncConnection, clipper_id: int, grant_ids: Collection[int]) -> dict[int, Of]:
    """By the numbers of the clipper's grants."""
    rows = await _rows(connection, _GRANTS, clipper_id, grant_ids)
    return {row.number: Of(row.title, row.licensor or "", row.book_id) for row in rows}


async def offers_of_applications(
    connection: AsyncConnection, clipper_id: int, application_ids: Collection[int]
) -> dict[int, tuple[int, str]]:
    """The offers' numbers and titles, by the numbers of the clipper's applications."""
    rows = await _rows(connection, _APPLICATIONS, clipper_id, application_ids)
    return {row.number: (row.offer_id, row.title) for row in rows}


async def titles_of_clips(
    connection: AsyncConnection, clipper_id: int, submission_ids: Collection[int]
) -> dict[int, str]:
    """By the numbers of the clipper's clips."""
    return {row.number: row.title for row in await _rows(connection, _CLIPS, clipper_id, submission_ids)}


async def titles_of_claims(connection: AsyncConnection, clipper_id: int, claim_ids: Collection[int]) -> dict[int, str]:
    """Of the clip or the offer that each of the clipper's disputes is about."""
    return {row.number: row.title for row in await _rows(connection, _CLAIMS, clipper_id, claim_ids)}


async def _rows(
    connection: AsyncConnection, query: TextClause, clipper_id: int, numbers: Collection[int]
) -> list[Row[Any]]:
    parameters = {"clipper_id": clipper_id, "numbers": sorted(set(numbers))}
    return list(await connection.execute(query, parameters)) if numbers else []
