"""A host's grants as its people look for them: by a clipper's name or account, a reference, a certificate's number."""

from typing import Any

from msgspec import Struct, convert
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.certificates.numbers import number_of
from licensing.grants import State


class FoundGrant(Struct, frozen=True):
    """A grant with the names of its clipper and its offer."""

    grant_id: int
    offer_id: int
    offer_title: str
    clipper_id: int
    clipper_name: str
    version_no: int
    state: State
    handles: tuple[str, ...]
    reference: str | None


async def search_grants(
    connection: AsyncConnection,
    book_id: int,
    words: str | None = None,
    *,
    state: State | None = None,
    offer_id: int | None = None,
    clipper_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[FoundGrant]:
    """Newest first, those before a given one. `words` stand in the clipper's name, in one of the accounts or in the
    reference, or are the number of the clipper or of the certificate.
    """
    asked = {
        "book": book_id,
        "words": words or None,
        "like": _like(words or ""),
        "certificate": number_of(words or ""),
        "state": state,
        "offer": offer_id,
        "clipper": clipper_id,
        "before": before,
        "limit": limit,
    }
    return [_found(row) for row in await connection.execute(_SEARCH, asked)]


def _like(words: str) -> str:
    """A pattern that means these words and nothing else."""
    plain = words.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _found(row: Row[Any]) -> FoundGrant:
    return convert(dict(row._mapping), FoundGrant)


_SEARCH = text("""
    SELECT grant_id, held.offer_id, offer.title AS offer_title, clipper_id, party.name AS clipper_name, held.version_no,
           held.state, handles, reference
    FROM licensing.grants AS held
    JOIN licensing.offers AS offer USING (book_id, offer_id)
    JOIN licensing.parties AS party ON party.party_id = clipper_id
    WHERE book_id = :book
      AND (CAST(:state AS text) IS NULL OR held.state = :state)
      AND (CAST(:offer AS bigint) IS NULL OR held.offer_id = :offer)
      AND (CAST(:clipper AS bigint) IS NULL OR clipper_id = :clipper)
      AND (CAST(:before AS bigint) IS NULL OR grant_id < :before)
      AND (CAST(:words AS text) IS NULL OR party.name ILIKE :like OR reference ILIKE :like
           OR array_to_string(handles, ' ') ILIKE :like OR CAST(clipper_id AS text) = trim(:words)
           OR certificate_no = :certificate)
    ORDER BY grant_id DESC LIMIT :limit
""")
