"""Adjustments and write-offs: what a person moves by hand, proposed by one and decided by another.

An adjustment owes a party so much more (less, if it is negative), at the expense of the host or of the book; a
write-off lets a party keep what it owes back. Approval posts one entry, whose description is the reason: it stands on
the statements of those concerned. Nothing of a decision is ever changed; what was wrong is adjusted again.
"""

from datetime import date, datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, post
from ledger.errors import InvalidAmount
from ledger.money import BIGINT_MAX, check_amount, exponent, format_amount
from licensing.terms import HOST
from settlement.closing import Person
from settlement.entries import open_accounts
from settlement.errors import (
    AdjustmentNotFound,
    AlreadyDecided,
    InvalidAdjustment,
    MoreThanRecoverable,
    SamePerson,
)
from settlement.parties import check_party
from settlement.positions import party_account
from settlement.reasons import checked_reason
from settlement.recovering import lock_balances, recoverable_account
from settlement.suspense import book_today
from settlement.tables import adjustments

Kind = Literal["adjustment", "write-off"]
Against = Literal["host", "book"]
State = Literal["proposed", "approved", "refused", "withdrawn"]

EXPENSE = "expenses:adjustments"
BAD_DEBT = "expenses:bad-debt"


class Proposed(Struct, frozen=True, kw_only=True):
    """What somebody proposes; `amount` in minor units. An adjustment adds it to what is available to the party, taking
    it from the host or from the book's own account (`against`); a write-off lowers what the party owes, and is always
    positive and the book's.
    """

    kind: Kind
    party: str
    currency: str
    amount: int
    against: Against
    reason: str


class Adjustment(Proposed, frozen=True, kw_only=True):
    """`proposed_as` and `decided_as` are what trails know (`user:3`, `key:7`); `decision` is why it was refused."""

    adjustment_id: int
    state: State
    proposed_by: int
    proposed_as: str
    proposed_at: datetime
    decided_by: int | None
    decided_as: str | None
    decided_at: datetime | None
    decision: str | None
    entry_id: int | None


_COLUMNS = [adjustments.c[name] for name in Adjustment.__struct_fields__]


# The steps --------------------------------------------------------------------------------------------------


async def propose(connection: AsyncConnection, book_id: int, by: Person, asked: Proposed) -> Adjustment:
    """Put it on record. Nothing moves in the books until another person approves.

    Raises:
        InvalidAdjustment, UnknownParty.
        InvalidAmount, UnknownCurrency: of the ledger.
    """
    reason = checked_reason(asked.reason, InvalidAdjustment)
    exponent(asked.currency)
    _check_direction(asked)
    await check_party(connection, book_id, asked.party)
    row = insert(adjustments).values(
        book_id=book_id,
        kind=asked.kind,
        party=asked.party,
        currency=asked.currency,
        amount=asked.amount,
        against=asked.against,
        reason=reason,
        proposed_by=by.user_id,
        proposed_as=by.actor,
    )
    return Adjustment(**(await connection.execute(row.returning(*_COLUMNS))).one()._mapping)


def _check_direction(asked: Proposed) -> None:
    if not check_amount("amount", asked.amount):
        raise InvalidAmount("amount", 0, "moves something")
    if asked.kind == "write-off" and (asked.amount < 0 or asked.against != "book"):
        raise InvalidAdjustment("amount", asked.amount, "a write-off is positive, and against the book")
    if asked.party == HOST and asked.against == "host":
        raise InvalidAdjustment("against", asked.against, "the host's own adjustment is against the book")


async def approve(
    connection: AsyncConnection, book_id: int, adjustment_id: int, by: Person, *, today: date | None = None
) -> Adjustment:
    """Post it, dated today by the book's calendar, unless another day is named. By another person than the one who
    proposed it.

    Raises:
        AdjustmentNotFound, AlreadyDecided, SamePerson.
        MoreThanRecoverable: a write-off of more than the party owes by now.
        PeriodLocked: of the ledger.
    """
    await lock_balances(connection, book_id)
    its = await _open(connection, book_id, adjustment_id)
    _check_other(its, by)
    if its.kind == "write-off":
        await _check_recoverable(connection, book_id, its)
    entry = NewEntry(
        idempotency_key=f"adjustment:{adjustment_id}",
        effective_on=today or await book_today(connection, book_id),
        description=_said(its),
        lines=_lines(its),
        metadata={"cause": its.kind, "proposed-by": its.proposed_as, "approved-by": by.actor},
    )
    await open_accounts(connection, book_id, [entry])
    entry_id = (await post(connection, book_id, entry)).entry_id
    return await _decide(connection, book_id, adjustment_id, "approved", by, entry_id=entry_id)


def _said(its: Adjustment) -> str:
    if its.kind == "write-off":
        return f"Write-off {its.adjustment_id}: {its.reason}"
    return f"Adjustment {its.adjustment_id}: {its.reason}"


async def refuse(connection: AsyncConnection, book_id: int, adjustment_id: int, by: Person, reason: str) -> Adjustment:
    """By another person than the one who proposed it, who may withdraw it.

    Raises AdjustmentNotFound, AlreadyDecided, SamePerson, InvalidAdjustment.
    """
    said = checked_reason(reason, InvalidAdjustment)
    _check_other(await _open(connection, book_id, adjustment_id), by)
    return await _decide(connection, book_id, adjustment_id, "refused", by, decision=said)


async def withdraw(connection: AsyncConnection, book_id: int, adjustment_id: int, by: Person) -> Adjustment:
    """By who proposed it. Raises AdjustmentNotFound, AlreadyDecided, SamePerson."""
    its = await _open(connection, book_id, adjustment_id)
    if its.proposed_by != by.user_id:
        raise SamePerson("adjustment", adjustment_id, "is withdrawn by the person who proposed it; others refuse it")
    return await _decide(connection, book_id, adjustment_id, "withdrawn", by)


async def _open(connection: AsyncConnection, book_id: int, adjustment_id: int) -> Adjustment:
    """Locked, and waiting for a decision."""
    its = await find_adjustment(connection, book_id, adjustment_id, lock=True)
    if its.state != "proposed":
        raise AlreadyDecided("adjustment", its.state)
    return its


def _check_other(its: Adjustment, by: Person) -> None:
    if its.proposed_by == by.user_id:
        rule = "is decided by another person than the one who proposed it"
        raise SamePerson("adjustment", its.adjustment_id, rule)


async def _check_recoverable(connection: AsyncConnection, book_id: int, its: Adjustment) -> None:
    asked = {"book": book_id, "code": recoverable_account(its.party), "currency": its.currency}
    owed = int((await connection.execute(_BALANCE, asked)).scalar_one())
    if its.amount > owed:
        most = f"at most what {its.party} owes: {format_amount(max(owed, 0), its.currency)} {its.currency}"
        raise MoreThanRecoverable("amount", format_amount(its.amount, its.currency), most)


def _lines(its: Adjustment) -> tuple[Line, Line]:
    if its.kind == "write-off":
        debit, credit = BAD_DEBT, recoverable_account(its.party)
    else:
        debit = party_account("available", HOST) if its.against == "host" else EXPENSE
        credit = party_account("available", its.party)
    return Line(debit, its.currency, its.amount), Line(credit, its.currency, -its.amount)


async def _decide(
    connection: AsyncConnection, book_id: int, adjustment_id: int, state: State, by: Person, **values: Any
) -> Adjustment:
    decided = {"state": state, "decided_by": by.user_id, "decided_as": by.actor, "decided_at": func.now(), **values}
    its = (adjustments.c.book_id == book_id) & (adjustments.c.adjustment_id == adjustment_id)
    change = update(adjustments).where(its).values(decided).returning(*_COLUMNS)
    return Adjustment(**(await connection.execute(change)).one()._mapping)


# Reading ----------------------------------------------------------------------------------------------------


async def find_adjustment(
    connection: AsyncConnection, book_id: int, adjustment_id: int, *, lock: bool = False
) -> Adjustment:
    """Raises AdjustmentNotFound."""
    its = (adjustments.c.book_id == book_id) & (adjustments.c.adjustment_id == adjustment_id)
    chosen = select(*_COLUMNS).where(its)
    row = (await connection.execute(chosen.with_for_update() if lock else chosen)).one_or_none()
    if row is None:
        raise AdjustmentNotFound("adjustment", adjustment_id)
    return Adjustment(**row._mapping)


async def list_adjustments(
    connection: AsyncConnection,
    book_id: int,
    *,
    state: State | None = None,
    party: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Adjustment]:
    """Newest first, those before a given number; in a state, or a party's alone."""
    its = adjustments.c
    chosen = select(*_COLUMNS).where(its.book_id == book_id, its.adjustment_id < (before or BIGINT_MAX))
    if state is not None:
        chosen = chosen.where(its.state == state)
    if party is not None:
        chosen = chosen.where(its.party == party)
    rows = await connection.execute(chosen.order_by(its.adjustment_id.desc()).limit(limit))
    return [Adjustment(**row._mapping) for row in rows]


_BALANCE = text("""
    SELECT coalesce(sum(moved.amount), 0)
    FROM ledger.accounts AS account JOIN ledger.movements AS moved USING (book_id, account_id)
    WHERE account.book_id = :book AND account.code = :code AND account.currency = :currency
""")
