"""A residual is put right by an entry that a person posts: what is proposed, or other lines."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, find_entry, post, reverse
from ledger.periods import format_period, locked_through, month_of
from settlement.closing import Person
from settlement.entries import open_accounts
from settlement.positions import marketplace_account
from settlement.reasons import checked_reason
from settlement.reconciliation.by_hand import PostingName, keep
from settlement.reconciliation.errors import (
    AlreadyPosted,
    DoesNotAddUp,
    InvalidReconciliation,
    NothingProposed,
    OriginNotSigned,
)
from settlement.reconciliation.proposals import Proposal, ProposedLine
from settlement.reconciliation.reconciliations import alone, record, take_step
from settlement.reconciliation.residuals import ResidualRow, find_residual, here
from settlement.reconciliation.tables import residuals
from settlement.remittances import NewRemittance, record_remittances
from settlement.suspense import book_today
from settlement.true_ups import next_month


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
        OriginNotSigned: it is carried from a month in which it can still be put right.
        DoesNotAddUp: it is carried from a month in which it is no longer found.
        InvalidReconciliation: no reason, or lines that do not put it right.
        UnbalancedEntry and the like: of the ledger.
    """
    said = checked_reason(reason, InvalidReconciliation)
    row = await take_step(connection, book_id, reconciliation_id, "posted")
    its = await find_residual(connection, book_id, reconciliation_id, residual_id)
    if its.entry_id is not None:
        raise AlreadyPosted("residual", residual_id)
    if "carried_from" in its.members:
        await _check_origin(connection, book_id, its, row)
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


async def _check_origin(connection: AsyncConnection, book_id: int, its: ResidualRow, row: Row[Any]) -> None:
    """One difference is put right once, in one month. What is signed stays as it is: where all months before are, only
    months that carry it can put it right, and these take turns.

    Raises OriginNotSigned, AlreadyPosted, DoesNotAddUp.
    """
    await alone(connection, book_id, row.account, row.currency)
    asked = {"book": book_id, "account": row.account, "currency": row.currency, "residual": its.residual_id}
    same = (await connection.execute(_SAME, asked)).all()
    if any(each.entry_id is not None for each in same):
        raise AlreadyPosted("residual", its.residual_id)
    before = [each for each in same if each.month < row.month]
    for each in before:
        if each.state != "signed":
            month = format_period(each.month)
            rule = f"is carried from {month}, which is not signed: put it right there"
            raise OriginNotSigned("residual", its.residual_id, rule)
    if all(each.match_id is None for each in before):
        raise DoesNotAddUp("residual", its.residual_id)


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
    await connection.execute(update(residuals).where(here(book_id, its.residual_id)).values(**change))


async def _sums(
    connection: AsyncConnection, book_id: int, postings: Sequence[PostingName], lines: Sequence[int]
) -> tuple[int, int]:
    asked = {"book": book_id, "entries": [each.entry_id for each in postings]}
    asked |= {"numbers": [each.line for each in postings], "lines": [*lines]}
    booked, moved = (await connection.execute(_SUMS, asked)).one()
    return int(booked), int(moved)


# One difference has one key in all the months that carry it; it begins where its lines are matched.
_SAME = text("""
    SELECT its.month, its.state, same.match_id, same.entry_id
    FROM settlement.residuals AS one
    JOIN settlement.reconciliations AS its
        ON its.book_id = one.book_id AND its.account = :account AND its.currency = :currency
    JOIN settlement.residuals AS same
        ON same.book_id = one.book_id AND same.reconciliation_id = its.reconciliation_id AND same.key = one.key
    WHERE one.book_id = :book AND one.residual_id = :residual
    ORDER BY its.month
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
