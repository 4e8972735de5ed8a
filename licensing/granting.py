"""What becomes of a grant: accepted, declined or resigned by its clipper, suspended, resumed or revoked by its host,
with other accounts, expired by the clock.

Each changes the row and appends to its history, in the transaction that tells the event. All hold from now on: what
was sold before still pays. Raises of every one of them: GrantNotFound, WrongTransition.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import changes, events
from licensing.drafts import chosen_accounts, normal_account
from licensing.errors import DeadlinePassed, InvalidGrant, NotAccepted, WrongTransition
from licensing.exclusivity import excluded, lock_clippers
from licensing.grants import Grant, find_grant, grant_of, lock_grant
from licensing.handles import confirmed_accounts
from licensing.offers import LIVING, TermsVersion, find_offer, find_terms
from licensing.states import GRANT, By
from licensing.tables import grants
from licensing.vocabulary import check_text


@dataclass(frozen=True)
class Held:
    """A grant whose row is locked, and a moment after that."""

    book_id: int
    grant: Grant
    now: datetime


async def hold(connection: AsyncConnection, book_id: int, grant_id: int, *, with_clipper: bool = False) -> Held:
    """Lock a grant, before it its clipper where it may become active. Raises GrantNotFound."""
    if with_clipper:
        await lock_clippers(connection, [(await find_grant(connection, book_id, grant_id)).clipper_id])
    grant = await lock_grant(connection, book_id, grant_id)
    return Held(book_id, grant, await changes.moment(connection))


# By the clipper ---------------------------------------------------------------------------------------------


async def accept(
    connection: AsyncConnection, book_id: int, by: By, grant_id: int, sha256: str, ip: str | None = None
) -> Grant:
    """The clipper accepts the terms whose hash it names; the grant is active from now on.

    Raises:
        NotAccepted: this is not the hash of the grant's terms.
        DeadlinePassed: the time to accept is over, or the window.
        ExclusiveElsewhere
    """
    held = await hold(connection, book_id, grant_id, with_clipper=True)
    target = GRANT.target(held.grant.state, "accepted", by.side)
    for field in ("respond_by", "ends_at"):
        check_deadline(f"grant.{field}", getattr(held.grant, field), held.now)
    version = await find_terms(connection, book_id, held.grant.offer_id, held.grant.version_no)
    check_accepted(version, sha256)
    await check_exclusive(connection, held, version)
    values = {"accepted_at": held.now, "accepted_by": by.actor, "accepted_ip": ip}
    detail = {"version_no": version.version_no, "sha256": version.sha256}
    return await _become(connection, held, by, "accepted", target, values=values, detail=detail)


async def decline(connection: AsyncConnection, book_id: int, by: By, grant_id: int, reason: str | None = None) -> Grant:
    """The clipper doesn't want it. Raises InvalidGrant."""
    held = await hold(connection, book_id, grant_id)
    target = GRANT.target(held.grant.state, "declined", by.side)
    return await _become(connection, held, by, "declined", target, reason)


async def resign(connection: AsyncConnection, book_id: int, by: By, grant_id: int, reason: str | None = None) -> Grant:
    """The clipper ends it, for good, from now on; there is no tail. Raises InvalidGrant."""
    held = await hold(connection, book_id, grant_id)
    target = GRANT.target(held.grant.state, "resigned", by.side)
    return await _become(connection, held, by, "resigned", target, reason)


def check_deadline(field: str, until: datetime | None, now: datetime) -> None:
    """Raises DeadlinePassed."""
    if until is not None and until <= now:
        raise DeadlinePassed(field, until.isoformat(), "is over")


def check_accepted(version: TermsVersion, sha256: str) -> None:
    """Raises NotAccepted."""
    if sha256 != version.sha256:
        raise NotAccepted("sha256", sha256, f"must be the hash of version {version.version_no}, which is offered")


async def check_exclusive(
    connection: AsyncConnection, held: Held, version: TermsVersion, *, attested: bool = False
) -> None:
    """Whether the grant, whose clipper is locked, may be active under these terms. Raises ExclusiveElsewhere."""
    offer = await find_offer(connection, held.book_id, held.grant.offer_id)
    clipper_id = held.grant.clipper_id
    found = await excluded(connection, held.book_id, offer, version.terms, [clipper_id], held.now, attested=attested)
    if clipper_id in found:
        raise found[clipper_id]


# By the host ------------------------------------------------------------------------------------------------


async def suspend(connection: AsyncConnection, book_id: int, by: By, grant_id: int, reason: str | None = None) -> Grant:
    """Until it is resumed, nothing that is sold is licensed by it. Raises InvalidGrant."""
    held = await hold(connection, book_id, grant_id)
    target = GRANT.target(held.grant.state, "suspended", by.side)
    return await _become(connection, held, by, "suspended", target, reason)


async def resume(connection: AsyncConnection, book_id: int, by: By, grant_id: int, reason: str | None = None) -> Grant:
    """Active again. Raises ExclusiveElsewhere, InvalidGrant."""
    held = await hold(connection, book_id, grant_id, with_clipper=True)
    target = GRANT.target(held.grant.state, "resumed", by.side)
    for version_no in held.grant.agreed:
        version = await find_terms(connection, book_id, held.grant.offer_id, version_no)
        await check_exclusive(connection, held, version, attested=held.grant.attested)
    return await _become(connection, held, by, "resumed", target, reason)


async def revoke(connection: AsyncConnection, book_id: int, by: By, grant_id: int, reason: str | None = None) -> Grant:
    """For good, from now on. Raises InvalidGrant."""
    held = await hold(connection, book_id, grant_id)
    target = GRANT.target(held.grant.state, "revoked", by.side)
    return await _become(connection, held, by, "revoked", target, reason)


async def change_handles(
    connection: AsyncConnection, book_id: int, by: By, grant_id: int, add: Sequence[str], remove: Sequence[str]
) -> Grant:
    """Other accounts from now on. Those added must be confirmed and lie on the platforms of the terms in force.

    Raises InvalidGrant, InvalidHandle.
    """
    held = await hold(connection, book_id, grant_id)
    grant = held.grant
    if grant.state not in LIVING:
        raise WrongTransition("grant.state", grant.state, f"accounts are changed while it is {', '.join(LIVING)}")
    handles = await _changed_handles(connection, held, add, remove)
    if handles == grant.handles:
        return grant
    changed = await write(connection, held, {"handles": list(handles)})
    key = [(book_id, grant_id)]
    await changes.append(connection, key, "accounts changed", held.now, by.actor, handles=handles)
    detail = {"handles": list(handles)}
    await tell(connection, held, by, "accounts changed", changed, detail)
    return changed


async def _changed_handles(
    connection: AsyncConnection, held: Held, add: Sequence[str], remove: Sequence[str]
) -> tuple[str, ...]:
    grant = held.grant
    gone = [normal_account(account, "remove") for account in remove]
    if missing := next((account for account in gone if account not in grant.handles), None):
        raise InvalidGrant("remove", missing, f"must be an account of the grant: {', '.join(grant.handles)}")
    added: tuple[str, ...] = ()
    if add:
        confirmed = await confirmed_accounts(connection, [grant.clipper_id])
        version = await find_terms(connection, held.book_id, grant.offer_id, grant.version_no)
        added = chosen_accounts(version.terms, confirmed.get(grant.clipper_id, ()), add, "add")
    left = tuple(account for account in grant.handles if account not in gone)
    handles = tuple(dict.fromkeys((*left, *added)))
    if not handles:
        raise InvalidGrant("remove", ", ".join(remove), "at least one account stays")
    return handles


# By the clock -----------------------------------------------------------------------------------------------

_DUE = text("""
    SELECT grant_id, clipper_id, state FROM licensing.grants
    WHERE book_id = :book_id
      AND (
          state IN ('active', 'suspended') AND ends_at <= now() AND (proposed_no IS NULL OR proposed_until IS NOT NULL)
          OR state = 'offered' AND least(respond_by, ends_at) <= now()
      )
    ORDER BY grant_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
"""What is locked is changing: the next time will do. What waits for newer terms gets a new window with them."""

_EXPIRE = text("""
    UPDATE licensing.grants SET state = 'expired', respond_by = NULL, proposed_no = NULL, proposed_until = NULL
    WHERE book_id = :book_id AND grant_id = ANY (CAST(:grants AS bigint[]))
""")


async def expire_grants(connection: AsyncConnection, book_id: int, limit: int = 10_000) -> int:
    """End what the clock has ended: windows, and offers that nobody answered; returns how many.

    A sale is judged by the window, so it doesn't matter how late this comes.
    """
    due = (await connection.execute(_DUE, {"book_id": book_id, "limit": limit})).all()
    if not due:
        return 0
    now = await changes.moment(connection)
    await connection.execute(_EXPIRE, {"book_id": book_id, "grants": [row.grant_id for row in due]})
    by = By("system", "job:expire-grants")
    keys = [(book_id, row.grant_id) for row in due]
    await changes.append(connection, keys, "expired", now, by.actor, state="expired")
    told = [events.Change("expired", row.grant_id, "expired", row.state, row.clipper_id) for row in due]
    await events.record(connection, book_id, "grant", by, told)
    return len(due)


# Rows -------------------------------------------------------------------------------------------------------


async def _become(
    connection: AsyncConnection,
    held: Held,
    by: By,
    action: str,
    target: str,
    reason: str | None = None,
    *,
    values: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
) -> Grant:
    """The grant in its new state, with what else of the row that sets."""
    if reason is not None:
        reason = check_text(reason, InvalidGrant, "reason", most=2000)
    goes_on = target in LIVING or len(held.grant.agreed) > 1
    over = {} if goes_on else {"proposed_no": None, "proposed_until": None}
    changed = await write(connection, held, {"state": target, "respond_by": None, **over, **(values or {})})
    key = [(held.book_id, held.grant.grant_id)]
    await changes.append(connection, key, action, held.now, by.actor, state=target, reason=reason)
    await tell(connection, held, by, action, changed, {**(detail or {}), **({"reason": reason} if reason else {})})
    return changed


async def write(connection: AsyncConnection, held: Held, values: dict[str, Any]) -> Grant:
    """Set columns of a locked grant."""
    its = grants.c
    here = update(grants).where(its.book_id == held.book_id, its.grant_id == held.grant.grant_id)
    return grant_of((await connection.execute(here.values(values).returning(grants))).mappings().one())


async def tell(
    connection: AsyncConnection, held: Held, by: By, action: str, changed: Grant, detail: dict[str, Any]
) -> None:
    """Record the event of a change."""
    was = held.grant
    change = events.Change(action, was.grant_id, changed.state, was.state, was.clipper_id, detail)
    await events.record(connection, held.book_id, "grant", by, [change])
