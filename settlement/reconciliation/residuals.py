"""Residuals: what does not match, and what a person says of it; `putting_right` has the entries that put it right."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX
from ledger.sheets import decimal_of
from settlement.closing import Person
from settlement.reasons import checked_reason
from settlement.reconciliation.errors import (
    AlreadyPosted,
    InvalidReconciliation,
    ResidualNotFound,
)
from settlement.reconciliation.kinds import ABOUT, Kind, Owner
from settlement.reconciliation.proposals import Proposal
from settlement.reconciliation.reconciliations import record, take_step
from settlement.reconciliation.tables import residuals

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
    await connection.execute(update(residuals).where(here(book_id, residual_id)).values(**change))
    await record(connection, book_id, reconciliation_id, "explained", by, said, {"residual": residual_id})


def here(book_id: int, residual_id: int) -> Any:
    """The one residual."""
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
