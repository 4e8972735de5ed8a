"""Payouts: what one party is paid in one currency by one run, from the plan to the bank."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from settlement.payouts.errors import PayoutNotFound
from settlement.payouts.lifecycle import Action, RailName, State
from settlement.payouts.tables import payouts
from settlement.rails.protocol import Order


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units of `currency`: `taken` from what is available, less `recovery` and `withheld`, is the
    `amount` that leaves; `returned` of it has come back. `code`, `reason` and `fixed_by` say what is in the way.
    """

    payout_id: int
    run_id: int
    party: str
    currency: str
    taken: int
    recovery: int
    withheld: int
    amount: int
    returned: int
    rail: RailName
    state: State
    destination: str | None
    transfer_group: str | None
    reference: str | None
    attempts: int
    code: str | None
    reason: str | None
    fixed_by: str | None
    next_attempt_at: datetime | None
    sent_at: datetime | None
    ended_at: datetime | None


class OwnPayout(msgspec.Struct, frozen=True):
    """A party's own, from a host's book."""

    book: str
    host: str
    payout: Payout


class PayoutEvent(msgspec.Struct, frozen=True):
    """One step of a payout's way."""

    event_no: int
    action: str
    state: State
    detail: dict[str, Any]
    at: datetime


class Happened(NamedTuple):
    """A step that was taken."""

    payout_id: int
    action: Action
    state: State
    detail: Mapping[str, Any] = {}


_COLUMNS = [payouts.c[name] for name in Payout.__struct_fields__]


async def find_payout(connection: AsyncConnection, book_id: int, payout_id: int) -> Payout:
    """Raises PayoutNotFound."""
    chosen = select(*_COLUMNS).where(payouts.c.book_id == book_id, payouts.c.payout_id == payout_id)
    row = (await connection.execute(chosen)).one_or_none()
    if row is None:
        raise PayoutNotFound("payout", payout_id)
    return _payout(row)


async def list_payouts(
    connection: AsyncConnection,
    book_id: int,
    *,
    run_id: int | None = None,
    party: str | None = None,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Payout]:
    """Newest first by number, those before a given one."""
    chosen = select(*_COLUMNS).where(payouts.c.book_id == book_id, payouts.c.payout_id < (before or BIGINT_MAX))
    for name, value in (("run_id", run_id), ("party", party), ("state", state)):
        if value is not None:
            chosen = chosen.where(payouts.c[name] == value)
    rows = await connection.execute(chosen.order_by(payouts.c.payout_id.desc()).limit(limit))
    return [_payout(row) for row in rows]


async def list_own(
    connection: AsyncConnection, party_id: int, *, before: int | None = None, limit: int = 100
) -> list[OwnPayout]:
    """A clipper's or an agency's, from every host, newest first: those that were approved."""
    asked = {"party": party_id, "before": before or BIGINT_MAX, "limit": limit}
    names = Payout.__struct_fields__
    return [
        OwnPayout(row.book, row.host, Payout(**{name: row._mapping[name] for name in names}))
        for row in await connection.execute(_OWN, asked)
    ]


def _payout(row: Row[Any]) -> Payout:
    return Payout(**row._mapping)


async def events_of(connection: AsyncConnection, book_id: int, payout_id: int) -> list[PayoutEvent]:
    """In order."""
    rows = await connection.execute(_EVENTS, {"book": book_id, "payout": payout_id})
    return [PayoutEvent(*row) for row in rows]


async def record(connection: AsyncConnection, book_id: int, happened: Sequence[Happened], at: datetime) -> None:
    """Put steps on record, one for each payout. The caller has locked the payouts."""
    if happened:
        its = {
            "payouts": [each.payout_id for each in happened],
            "actions": [each.action for each in happened],
            "states": [each.state for each in happened],
            "details": [msgspec.json.encode(dict(each.detail)).decode() for each in happened],
        }
        await connection.execute(_RECORD, {"book": book_id, "at": at, **its})


# What a rail is asked -----------------------------------------------------------------------------------------


def key_of(book_id: int, payout_id: int, generation: int) -> str:
    """The idempotency key of a payout's calls; the next generation's only where the last had no effect."""
    return f"clp-{book_id}-{payout_id}-{generation}"


def group_of(book_id: int, payout_id: int) -> str:
    """What all calls for a payout have in common, by which a rail is asked what became of it."""
    return f"clp-{book_id}-{payout_id}"


def order_of(book: str, row: Any) -> Order:
    """The request for a row of the table: the same whenever it is asked for, but for its key."""
    return Order(
        key=row.key,
        group=row.transfer_group,
        destination=row.destination,
        amount=row.amount,
        currency=row.currency,
        description=f"Payout {row.payout_id} of {book}",
        metadata={"book": book, "payout": str(row.payout_id), "run": str(row.run_id), "party": row.party},
    )


_OWN = text("""
    SELECT its.*, book.slug AS book, book.name AS host
    FROM licensing.parties AS party
    JOIN settlement.payouts AS its ON its.party = party.kind || '-' || party.party_id
    JOIN ledger.books AS book USING (book_id)
    WHERE party.party_id = :party AND its.payout_id < :before AND its.state NOT IN ('planned', 'left-out')
    ORDER BY its.payout_id DESC LIMIT :limit
""")

_EVENTS = text("""
    SELECT event_no, action, state, detail, at FROM settlement.payout_events
    WHERE book_id = :book AND payout_id = :payout ORDER BY event_no
""")

_RECORD = text("""
    INSERT INTO settlement.payout_events (book_id, payout_id, event_no, action, state, detail, at)
    SELECT :book, payout_id,
           1 + (SELECT count(*) FROM settlement.payout_events AS its
                WHERE its.book_id = :book AND its.payout_id = told.payout_id),
           action, state, detail::jsonb, :at
    FROM unnest(CAST(:payouts AS bigint[]), CAST(:actions AS text[]), CAST(:states AS text[]),
                CAST(:details AS text[])) AS told (payout_id, action, state, detail)
""")
