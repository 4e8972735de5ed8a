"""What people call the things that lists tell of by number: many at once, each kind in one query."""

from collections.abc import Collection

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.tables import parties, submissions

_OFFERS = text("""
    SELECT grant_id, title FROM licensing.grants JOIN licensing.offers USING (book_id, offer_id)
    WHERE book_id = :book_id AND grant_id = ANY (:grant_ids)
""")


async def names_of_parties(connection: AsyncConnection, party_ids: Collection[int]) -> dict[int, str]:
    """Of clippers and agencies, by their numbers."""
    its = parties.c
    rows = await connection.execute(select(its.party_id, its.name).where(its.party_id.in_(set(party_ids))))
    return {row.party_id: row.name for row in rows}


async def titles_of_clips(connection: AsyncConnection, book_id: int, submission_ids: Collection[int]) -> dict[int, str]:
    """Of a book's submissions, by their numbers."""
    its = submissions.c
    named = select(its.submission_id, its.title).where(
        its.book_id == book_id, its.submission_id.in_(set(submission_ids))
    )
    return {row.submission_id: row.title for row in await connection.execute(named)}


async def offers_of_grants(connection: AsyncConnection, book_id: int, grant_ids: Collection[int]) -> dict[int, str]:
    """The titles of the offers of which a book's grants are, by the grants' numbers."""
    rows = await connection.execute(_OFFERS, {"book_id": book_id, "grant_ids": list(set(grant_ids))})
    return {row.grant_id: row.title for row in rows}
