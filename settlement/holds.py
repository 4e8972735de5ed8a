"""What claims do to sales: while a host's claim runs, its sales are frozen; once it is upheld for good, forfeited.

A claim is over one clip's sales or over all of a grant's. While it runs, all of them stand frozen, also those that are
sold or reported meanwhile. What was sold until it was finally upheld is forfeited then: the clipper's part is the
host's (the platform and the agency keep theirs, for the goods were sold). What was sold afterwards is the clipper's
again: who does not want that revokes the grant. So what becomes of a sale follows from its own facts and the claims,
whenever its reports come in.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Over(NamedTuple):
    """A claim over a grant's sales, or those of one clip: it freezes, or they are forfeited if sold before a moment."""

    grant_id: int
    submission_id: int | None
    frozen: bool
    forfeited_until: datetime | None


class Hold(NamedTuple):
    """What claims do to one sale."""

    frozen: bool
    forfeited: bool


FREE = Hold(frozen=False, forfeited=False)


class Holds:
    """All that claims hold in one book. Never changed; load it anew for what was decided since."""

    def __init__(self, claims: Iterable[Over]) -> None:
        self._over: dict[int, list[Over]] = defaultdict(list)
        for claim in claims:
            self._over[claim.grant_id].append(claim)

    def on(self, grant_id: int | None, submission_id: int | None, sold_at: datetime) -> Hold:
        """A sale with this attribution; in suspense it has none, and no claim is over it."""
        if grant_id is None or grant_id not in self._over:
            return FREE
        over = [claim for claim in self._over[grant_id] if claim.submission_id in (None, submission_id)]
        return Hold(
            frozen=any(claim.frozen for claim in over),
            forfeited=any(claim.forfeited_until is not None and sold_at < claim.forfeited_until for claim in over),
        )


async def load_holds(connection: AsyncConnection, book_id: int) -> Holds:
    """As committed by now."""
    return Holds(Over(*row) for row in await connection.execute(_OVER, {"book_id": book_id}))


RUNNING = "claimant = 'host' AND frozen AND state NOT IN ('finally-upheld', 'finally-released')"
UPHELD = "claimant = 'host' AND state = 'finally-upheld'"
"""Claims that freeze and that forfeit, as conditions on `licensing.claims`; `licensing.claims.frozen_subjects` lists
those that freeze.
"""
HOLDING = f"({UPHELD} OR {RUNNING})"
"""Claims that do anything to sales."""

_OVER = text(f"""
    SELECT grant_id, submission_id, {RUNNING}, CASE WHEN {UPHELD} THEN decided_at END
    FROM licensing.claims
    WHERE book_id = :book_id AND {HOLDING}
""")  # noqa: S608 - of constants
