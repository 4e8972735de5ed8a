"""Residuals: what does not match; explained by a person, or put right by an entry that a person posts."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, find_entry, post, reverse
from ledger.money import BIGINT_MAX
from ledger.periods import locked_through, month_of
from ledger.sheets import decimal_of
from settlement.closing import Person
from settlement.entries import open_accounts
from settlement.positions import marketplace_account
from settlement.reasons import checked_reason
from settlement.reconciliation.by_hand import PostingName, keep
from settlement.reconciliation.errors import (
    AlreadyPosted,
    InvalidReconciliation,
    NothingProposed,
    ResidualNotFound,
)
from settlement.reconciliation.kinds import ABOUT, Kind, Owner
from settlement.reconciliation.proposals import Proposal, ProposedLine
from settlement.reconciliation.reconciliations import record, take_step
from settlement.reconciliation.tables import residuals
from settlement.remittances import NewRemittance, record_remittances
from settlement.suspense import book_today
from settlement.true_ups import next_month

MOST_EXPORTED = 200_000
"""Residuals of one export."""


class ResidualRow(Struct, frozen=True, kw_only=True):
    """So much in the ledger and so much outside, as far as it counts for the month; `amount` is ledger less outside, in
    minor units. `age` counts days since `since`, by the book's calendar. `members` are its lines, sales or rows.

    `explanation` is a person's reason; `entry_id` is the entry that put it right.
    """

    residual_id: int
    reconciliation_id: int
    kind: Kind
    owner: Owner
    advice: str
    said: str
    since: date
    age: int
    currency: str | None
    ledger_amount: int
    outside_amount: int
    amount: int
    match_id: int | None
    members: dict[str, Any]
    proposal: Proposal | None
    explanation: str | None
    explained_by: str | None
    explained_at: datetime | None
    entry_id: int | None
    posted_by: str | None


async def list_residuals(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    *,
    kind: Kind | None = None,
    owner: Owner | None = None,
    explained: bool | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[ResidualRow]:
    """Newest first by number, those before a given one. One that was put right by an entry counts as explained."""
    asked = {"book": book_id, "reconciliation": reconciliation_id, "kind": kind, "owner": owner, "only": None}
    asked |= {"explained": explained, "before": before or BIGINT_MAX, "limit": limit}
    return [_residual(row) for row in await connection.execute(_LIST, asked)]


async def find_residual(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, residual_id: int
) -> ResidualRow:
    """Raises ResidualNotFound."""
    asked = {"book": book_id, "reconciliation": reconciliation_id, "kind": None, "owner": None, "only": residual_id}
    row = (
        await connection.execute(_LIST, {**asked, "explained": None, "before": BIGINT_MAX, "limit": 1})
    ).one_or_none()
    if row is None:
        raise ResidualNotFound("residual", residual_id)
    return _residual(row)


def _residual(row: Row[Any]) -> ResidualRow:
    told = {name: getattr(row, name) for name in ResidualRow.__struct_fields__ if name not in ("advice", "proposal")}
    proposal = None if row.proposal is None else msgspec.convert(row.proposal, Proposal)
    return ResidualRow(**told, advice=ABOUT[row.kind].advice, proposal=proposal)


async def explain(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, residual_id: int, by: Person, reason: str
) -> None:
    """Say why it is so; said again, the newer reason counts.

    Raises ReconciliationNotFound, WrongReconciliationStep, ResidualNotFound, AlreadyPosted, InvalidReconciliation.
    """
    said = checked_reason(reason, InvalidReconciliation)
    await take_step(connection, book_id, reconciliation_id, "explained")
    its = await find_residual(connection, book_id, reconciliation_id, residual_id)
    if its.entry_id is not None:
        raise AlreadyPosted("residual", residual_id)
    change = {"explanation": said, "explained_by": by.actor, "explained_at": text("now()")}
    await connection.execute(update(residuals).where(_here(book_id, residual_id)).values(**change))
    await record(connection, book_id, reconciliation_id, "explained", by, said, {"residual": residual_id})


# Putting it right -------------------------------------------------------------------------------------------


async def post_entry(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    residual_id: int,
    by: Person,
    *,
    reason: str,
    lines: Sequence[ProposedLine] = (),
    effective_on: date | None = None,
) -> int:
    """Post what is proposed, or these lines instead; the entry's number. Its lines on the account are matched with the
    residual's. What falls into a locked month is booked in the first open one. Once in a transaction.

    Raises:
        ReconciliationNotFound, WrongReconciliationStep, ResidualNotFound, AlreadyPosted, NothingProposed.
        InvalidReconciliation: no reason, or lines that do not put it right.
        UnbalancedEntry and the like: of the ledger.
    """
    said = checked_reason(reason, InvalidReconciliation)
    row = await take_step(connection, book_id, reconciliation_id, "posted")
    its = await find_residual(connection, book_id, reconciliation_id, residual_id)
    if its.entry_id is not None:
        raise AlreadyPosted("residual", residual_id)
    proposal = its.proposal
    if lines:
        on = effective_on or (its.proposal.effective_on if its.proposal else await book_today(connection, book_id))
        proposal = Proposal(effective_on=on, description=its.said[:900], lines=(*lines,))
    if proposal is None:
        raise NothingProposed("residual", residual_id)
    if row.account.startswith(marketplace_account("")):
        raise InvalidReconciliation(
            "residual", residual_id, "reports and remittances put a marketplace's account right"
        )
    entry_id = await _posted(connection, book_id, residual_id, by, proposal, said, row)
    await _settle(connection, book_id, reconciliation_id, its, entry_id, by, said, row)
    detail = {"residual": residual_id, "entry": entry_id}
    await record(connection, book_id, reconciliation_id, "posted", by, said, detail)
    return entry_id


async def _posted(
    connection: AsyncConnection,
    book_id: int,
    residual_id: int,
    by: Person,
    proposal: Proposal,
    reason: str,
    row: Row[Any],
) -> int:
    if proposal.remittance is not None:
        return await _remitted(connection, book_id, by, proposal, row)
    period = await _period(connection, book_id, proposal.effective_on)
    key = f"residual:{residual_id}"
    if proposal.reverses is not None:
        said = f"Entry {proposal.reverses} taken back: {reason}"[:1000]
        original = await find_entry(connection, book_id, proposal.reverses)
        posted = await reverse(
            connection,
            book_id,
            proposal.reverses,
            idempotency_key=key,
            effective_on=max(proposal.effective_on, original.effective_on),
            description=said,
            period=period,
        )
        return posted.entry_id
    named = {"cause": "reconciliation", "residual": str(residual_id), "by": by.actor}
    entry = NewEntry(
        idempotency_key=key,
        effective_on=proposal.effective_on,
        description=f"Reconciliation of {row.account}: {reason}"[:1000],
        lines=tuple(Line(line.account, line.currency, line.amount) for line in proposal.lines),
        metadata=named if proposal.reference is None else {**named, "reference": proposal.reference},
        period=period,
    )
    await open_accounts(connection, book_id, [entry])
    return (await post(connection, book_id, entry)).entry_id


async def _remitted(connection: AsyncConnection, book_id: int, by: Person, told: Proposal, row: Row[Any]) -> int:
    """As a remittance, which later reports know of."""
    assert told.remittance is not None
    new = NewRemittance(
        marketplace=told.remittance,
        currency=row.currency,
        amount=told.amount,
        received_on=told.effective_on,
        account=row.account,
        reference=told.reference or told.description,
    )
    (made,) = await record_remittances(connection, book_id, by.actor, [new])
    return made.entry_id


async def _period(connection: AsyncConnection, book_id: int, on: date) -> date | None:
    """The first open month, where that of the day is locked."""
    locked = await locked_through(connection, book_id)
    return None if locked is None or month_of(on) > locked else next_month(locked)


async def _settle(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    its: ResidualRow,
    entry_id: int,
    by: Person,
    reason: str,
    row: Row[Any],
) -> None:
    """Match the entry's lines on the account with the residual's lines, those that are in no match yet."""
    asked = {"book": book_id, "entry": entry_id, "account": row.account, "currency": row.currency}
    new = [PostingName(each.entry_id, each.line) for each in await connection.execute(_ON_ACCOUNT, asked)]
    free = its.match_id is None and "carried_from" not in its.members
    old = [PostingName(*each) for each in its.members.get("postings", ())] if free else []
    outside = [int(each) for each in its.members.get("lines", ())] if free else []
    names = [*old, *new]
    sums = await _sums(connection, book_id, names, outside)
    whole = 0 if free else its.amount
    if sums[0] - sums[1] + whole:
        rule = f"its lines on {row.account} must make up {-its.amount} in {row.currency}"
        raise InvalidReconciliation("lines", sums[0] - sums[1] + whole, rule)
    if names or outside:
        await keep(connection, book_id, reconciliation_id, "posted", by.actor, reason, sums, names, outside)
    change = {"entry_id": entry_id, "posted_by": by.actor}
    await connection.execute(update(residuals).where(_here(book_id, its.residual_id)).values(**change))


async def _sums(
    connection: AsyncConnection, book_id: int, postings: Sequence[PostingName], lines: Sequence[int]
) -> tuple[int, int]:
    asked = {"book": book_id, "entries": [each.entry_id for each in postings]}
    asked |= {"numbers": [each.line for each in postings], "lines": [*lines]}
    booked, moved = (await connection.execute(_SUMS, asked)).one()
    return int(booked), int(moved)


def _here(book_id: int, residual_id: int) -> Any:
    return (residuals.c.book_id == book_id) & (residuals.c.residual_id == residual_id)


# Export -----------------------------------------------------------------------------------------------------


def sheet(found: Sequence[ResidualRow]) -> Iterator[Sequence[object]]:
    """A row for each, below a heading. Amounts are decimals."""
    yield (
        *("residual", "kind", "owner", "since", "age_days", "currency", "ledger", "outside", "amount"),
        *("said", "advice", "explanation", "explained_by", "entry"),
    )
    for its in found:
        amounts: list[object] = [None, None, None]
        if its.currency is not None:
            told = (its.ledger_amount, its.outside_amount, its.amount)
            amounts = [decimal_of(amount, its.currency) for amount in told]
        yield (
            *(its.residual_id, its.kind, its.owner, its.since, its.age, its.currency, *amounts),
            *(its.said, its.advice, its.explanation, its.explained_by, its.entry_id),
        )


# SQL --------------------------------------------------------------------------------------------------------

_LIST = text("""
    SELECT its.*, its.ledger_amount - its.outside_amount AS amount,
           CAST(now() AT TIME ZONE book.time_zone AS date) - its.since AS age
    FROM settlement.residuals AS its JOIN ledger.books AS book USING (book_id)
    WHERE its.book_id = :book AND its.reconciliation_id = :reconciliation AND its.residual_id < :before
      AND (CAST(:only AS bigint) IS NULL OR its.residual_id = :only)
      AND (CAST(:kind AS text) IS NULL OR its.kind = :kind)
      AND (CAST(:owner AS text) IS NULL OR its.owner = :owner)
      AND (CAST(:explained AS boolean) IS NULL
           OR (its.explanation IS NOT NULL OR its.entry_id IS NOT NULL) = :explained)
    ORDER BY its.residual_id DESC LIMIT :limit
""")
_ON_ACCOUNT = text("""
    SELECT p.entry_id, p.line FROM ledger.postings AS p JOIN ledger.accounts AS a USING (book_id, account_id)
    WHERE p.book_id = :book AND p.entry_id = :entry AND a.code = :account AND a.currency = :currency
    ORDER BY p.line
""")
_SUMS = text("""
    SELECT coalesce((
        SELECT sum(p.amount) FROM unnest(CAST(:entries AS bigint[]), CAST(:numbers AS bigint[])) AS w (entry_id, line)
        JOIN ledger.postings AS p ON p.book_id = :book AND p.entry_id = w.entry_id AND p.line = w.line
    ), 0), coalesce((
        SELECT sum(amount) FROM settlement.external_lines
        WHERE book_id = :book AND line_id = ANY (CAST(:lines AS bigint[]))
    ), 0)
""")
