"""Renewal: an offer's newest terms, proposed by the host to clippers who have a grant under older ones.

Until they accept, and if they don't, the terms they have go on. What they accept holds from a day on that the history
knows at once: now, but not before the new terms begin, and not before the rate is free, which the old terms lock for
`rate_lock_days` after they were accepted, at the most to the window's end. With the terms the window changes: from
that day on it ends as the new ones say. Until then the row keeps the old version and window, `proposed_no` names the
new one, and `proposed_until` is null; `apply_renewals` then makes the row what its history says. A sale is judged by
the history, so it doesn't matter how late that comes. Nothing newer is proposed meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import changes, events
from licensing.errors import (
    GrantNotFound,
    InvalidGrant,
    NothingPublished,
    TermsNotFound,
    WrongTransition,
)
from licensing.granting import Held, check_accepted, check_deadline, check_exclusive, hold, tell, write
from licensing.grants import Grant
from licensing.offers import find_terms, lock_offer
from licensing.states import By
from licensing.terms import Terms, check_instant
from licensing.windows import last_end

ANSWERED_WITHIN = timedelta(days=14)
"""How long newer terms can be accepted, unless the host says otherwise."""
HELD = ("active", "suspended")
"""States of a grant to which newer terms are proposed."""


class Proposed(msgspec.Struct, frozen=True):
    """To how many grants a version was proposed. `waiting` have accepted one that is still to come into force."""

    version_no: int
    proposed_until: datetime
    proposed: int
    up_to_date: int
    waiting: int


# By the host ------------------------------------------------------------------------------------------------

_LOCK = text("""
    SELECT grant_id, clipper_id, state, version_no, proposed_no IS NOT NULL AND proposed_until IS NULL AS waits
    FROM licensing.grants
    WHERE book_id = :book_id AND offer_id = :offer_id AND state IN ('active', 'suspended')
      AND (CAST(:grants AS bigint[]) IS NULL OR grant_id = ANY (CAST(:grants AS bigint[])))
    ORDER BY grant_id FOR UPDATE
""")

_PROPOSE = text("""
    UPDATE licensing.grants SET proposed_no = :version_no, proposed_until = :until
    WHERE book_id = :book_id AND grant_id = ANY (CAST(:grants AS bigint[]))
""")


async def propose(
    connection: AsyncConnection,
    book_id: int,
    by: By,
    offer_id: int,
    grant_ids: Sequence[int] | None = None,
    until: datetime | None = None,
) -> Proposed:
    """Propose the offer's newest terms to these of its grants, or to all, that are active or suspended.

    A proposal that was made before is replaced.

    Raises:
        OfferNotFound, NothingPublished
        GrantNotFound: naming the first that is no active or suspended grant of the offer.
        InvalidGrant: `until` lies in the past.
    """
    offer = await lock_offer(connection, book_id, offer_id)
    if offer.version_no is None:
        raise NothingPublished("offer", offer_id)
    its = {"book_id": book_id, "offer_id": offer_id, "grants": None if grant_ids is None else list(grant_ids)}
    rows = (await connection.execute(_LOCK, its)).all()
    if missing := set(grant_ids or ()) - {row.grant_id for row in rows}:
        raise GrantNotFound("grants", min(missing), f"must be a grant of this offer that is {' or '.join(HELD)}")
    until = _answer_by(until, await changes.moment(connection))
    older = [row for row in rows if row.version_no < offer.version_no]
    asked = [row for row in older if not row.waits]
    values = {"book_id": book_id, "version_no": offer.version_no, "until": until}
    await connection.execute(_PROPOSE, {**values, "grants": [row.grant_id for row in asked]})
    detail = {"version_no": offer.version_no, "proposed_until": until.isoformat()}
    told = [
        events.Change("terms proposed", row.grant_id, row.state, row.state, row.clipper_id, detail) for row in asked
    ]
    await events.record(connection, book_id, "grant", by, told)
    return Proposed(offer.version_no, until, len(asked), len(rows) - len(older), len(older) - len(asked))


def _answer_by(until: datetime | None, now: datetime) -> datetime:
    until = check_instant(until, InvalidGrant, "until") or now + ANSWERED_WITHIN
    if until <= now:
        raise InvalidGrant("until", until.isoformat(), "must lie in the future")
    return until


# By the clipper ---------------------------------------------------------------------------------------------


async def accept_renewal(
    connection: AsyncConnection, book_id: int, by: By, grant_id: int, sha256: str, ip: str | None = None
) -> Grant:
    """The clipper accepts the proposed terms, whose hash it names.

    Raises:
        GrantNotFound
        TermsNotFound: nothing is proposed.
        DeadlinePassed: the time to accept is over, or the grant or the new terms are before they could hold.
        NotAccepted: this is not the hash of what is proposed.
        ExclusiveElsewhere: the new terms are exclusive.
        WrongTransition: the grant has ended.
    """
    held = await hold(connection, book_id, grant_id, with_clipper=True)
    number = _proposed(held)
    for field in ("proposed_until", "ends_at"):
        check_deadline(f"grant.{field}", getattr(held.grant, field), held.now)
    new = await find_terms(connection, book_id, held.grant.offer_id, number)
    check_accepted(new, sha256)
    if held.grant.state == "active":  # what is suspended is asked when it is resumed
        await check_exclusive(connection, held, new)
    old = await find_terms(connection, book_id, held.grant.offer_id, held.grant.version_no)
    effective_at = holds_from(held.grant, old.terms, new.terms, held.now)
    ends_at = last_end(new.terms, effective_at)
    check_deadline("terms.ends_at", ends_at, effective_at)
    changed = await write(
        connection,
        held,
        {
            "accepted_at": held.now,
            "accepted_by": by.actor,
            "accepted_ip": ip,
            "attested": False,
            "proposed_until": None,
            **({"version_no": number, "ends_at": ends_at, "proposed_no": None} if effective_at <= held.now else {}),
        },
    )
    await changes.append(
        connection,
        [(book_id, grant_id)],
        "terms accepted",
        held.now,
        by.actor,
        effective_at=effective_at,
        version_no=number,
        window=(held.grant.starts_at, ends_at),
    )
    detail = {"version_no": number, "sha256": new.sha256, "effective_at": effective_at.isoformat()}
    await tell(connection, held, by, "terms accepted", changed, detail)
    return changed


async def decline_renewal(connection: AsyncConnection, book_id: int, by: By, grant_id: int) -> Grant:
    """The terms there are go on. Raises GrantNotFound, TermsNotFound, WrongTransition."""
    held = await hold(connection, book_id, grant_id)
    detail = {"version_no": _proposed(held)}
    changed = await write(connection, held, {"proposed_no": None, "proposed_until": None})
    await tell(connection, held, by, "terms declined", changed, detail)
    return changed


def holds_from(grant: Grant, old: Terms, new: Terms, now: datetime) -> datetime:
    """From when on the new terms of a grant hold that are accepted now."""
    assert grant.accepted_at is not None  # nothing is proposed to who has accepted nothing
    free = grant.accepted_at + timedelta(days=old.rate_lock_days)
    if grant.ends_at is not None:
        free = min(free, grant.ends_at)
    return max(now, new.starts_at, free)


def _proposed(held: Held) -> int:
    """The version that waits for an answer. Raises TermsNotFound, WrongTransition."""
    grant = held.grant
    if grant.state not in HELD:
        raise WrongTransition("grant.state", grant.state, f"terms are accepted while it is {' or '.join(HELD)}")
    if grant.proposed_no is None or grant.proposed_until is None:
        raise TermsNotFound("grant.proposed_no", grant.proposed_no, "no newer terms wait for an answer")
    return grant.proposed_no


# By the clock -----------------------------------------------------------------------------------------------

_DUE = text("""
    SELECT held.grant_id, held.clipper_id, held.state, agreed.version_no, agreed.ends_at
    FROM licensing.grants AS held JOIN licensing.grant_changes AS agreed
        ON agreed.book_id = held.book_id AND agreed.grant_id = held.grant_id AND agreed.version_no = held.proposed_no
    WHERE held.book_id = :book_id AND held.proposed_no IS NOT NULL AND held.proposed_until IS NULL
      AND agreed.effective_at <= now()
    ORDER BY held.grant_id LIMIT :limit FOR UPDATE OF held SKIP LOCKED
""")

_APPLY = text("""
    UPDATE licensing.grants AS held
    SET version_no = due.version_no, ends_at = due.ends_at, proposed_no = NULL
    FROM unnest(
        CAST(:grants AS bigint[]), CAST(:versions AS integer[]), CAST(:ends AS timestamptz[])
    ) AS due (grant_id, version_no, ends_at)
    WHERE held.book_id = :book_id AND held.grant_id = due.grant_id
""")


async def apply_renewals(connection: AsyncConnection, book_id: int, limit: int = 10_000) -> int:
    """Give the rows the terms that have come into force by now; returns how many. The history has them already."""
    due = (await connection.execute(_DUE, {"book_id": book_id, "limit": limit})).all()
    if not due:
        return 0
    values = {
        "book_id": book_id,
        "grants": [row.grant_id for row in due],
        "versions": [row.version_no for row in due],
        "ends": [row.ends_at for row in due],
    }
    await connection.execute(_APPLY, values)
    by = By("system", "job:apply-renewals")
    told = [
        events.Change(
            "terms in force", row.grant_id, row.state, row.state, row.clipper_id, {"version_no": row.version_no}
        )
        for row in due
    ]
    await events.record(connection, book_id, "grant", by, told)
    return len(due)
