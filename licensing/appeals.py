"""Claims as the operator has them, who decides appeals: of every book, with what clipper and clip are called."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import claim_rules as rules
from licensing.claim_rules import Claim, State
from licensing.errors import ClaimNotFound
from licensing.tables import claims, parties, submissions


class SidedClaim(msgspec.Struct, frozen=True):
    """A claim with its book, and what clipper and clip are called; `title` is null where it is over a grant."""

    claim: Claim
    book_id: int
    clipper: str
    title: str | None


_CLAIM = [claims.c[name] for name in Claim.__struct_fields__ if name != "owed"]
_NAMES = [claims.c.book_id, parties.c.name.label("clipper"), submissions.c.title]


async def list_of_every_book(
    connection: AsyncConnection, *, state: State | None = None, before: int | None = None, limit: int = 100
) -> Sequence[SidedClaim]:
    """Newest first, those before a given one; in one state, or in any."""
    its = claims.c
    chosen = _CHOSEN.order_by(its.claim_id.desc()).limit(limit)
    if state is not None:
        chosen = chosen.where(its.state == state)
    if before is not None:
        chosen = chosen.where(its.claim_id < before)
    return [_sided(row) for row in await connection.execute(chosen)]


async def find_of_any_book(connection: AsyncConnection, claim_id: int) -> SidedClaim:
    """Raises ClaimNotFound."""
    row = (await connection.execute(_CHOSEN.where(claims.c.claim_id == claim_id))).one_or_none()
    if row is None:
        raise ClaimNotFound("claim", claim_id)
    return _sided(row)


_CHOSEN = (
    select(*_CLAIM, *_NAMES)
    .join_from(claims, parties, parties.c.party_id == claims.c.clipper_id)
    .outerjoin(
        submissions,
        (submissions.c.book_id == claims.c.book_id) & (submissions.c.submission_id == claims.c.submission_id),
    )
)


def _sided(row: Row[Any]) -> SidedClaim:
    told = {name: row._mapping[name] for name in Claim.__struct_fields__ if name != "owed"}
    claim = Claim(**told, owed=rules.owed(row.ground, row.state))
    return SidedClaim(claim, row.book_id, row.clipper, row.title)
