"""Reconciliations: one account in one currency in one month, and the steps that it takes.

It may be run as often as one likes while it is a draft. What is signed is never changed, nor is anything in it.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, LiteralString

import msgspec
from msgspec import Struct
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX, exponent
from ledger.periods import format_period
from settlement.closing import Person
from settlement.reconciliation.errors import (
    InvalidReconciliation,
    ReconciliationNotFound,
    WrongReconciliationStep,
)
from settlement.reconciliation.tables import reconciliation_events, reconciliations

State = Literal["draft", "submitted", "signed"]
Action = Literal["begun", "run", "matched", "unmatched", "explained", "posted", "submitted", "returned", "signed"]

STEPS: Mapping[Action, tuple[State, State]] = {
    "run": ("draft", "draft"),
    "matched": ("draft", "draft"),
    "unmatched": ("draft", "draft"),
    "explained": ("draft", "draft"),
    "posted": ("draft", "draft"),
    "submitted": ("draft", "submitted"),
    "returned": ("submitted", "draft"),
    "signed": ("submitted", "signed"),
}
"""What each action leads from, and to."""

ASKED: LiteralString = "settlement.reconciliations WHERE asked_at IS NOT NULL"
"""Those that a worker shall run, as a FROM clause."""
OPEN: LiteralString = "explanation IS NULL AND entry_id IS NULL AND kind <> 'in-transit'"
"""Of a residual: that it needs a reason still."""

_ACCOUNT = re.compile(r"assets:(?:bank|stripe|in-transit:[a-z0-9-]+|marketplace:[a-z0-9]+(?:-[a-z0-9]+)*)")
ACCOUNTS = "assets:bank, assets:stripe, assets:in-transit:… or assets:marketplace:…"


class Sums(Struct, frozen=True, kw_only=True):
    """What was found, in minor units. `ledger` and `outside` are all that was booked, and all that moved, through the
    month. ledger − outside = residuals + timing: `timing` is of matches with a line after the month's end.
    """

    ledger: int
    outside: int
    residuals: int
    timing: int
    ledger_lines: int
    outside_lines: int
    matches: int
    residual_count: int

    @property
    def unproved(self) -> int:
        """Nothing but zero is sound."""
        return self.ledger - self.outside - self.residuals - self.timing


class Reconciliation(Struct, frozen=True, kw_only=True):
    """`sums` are null before it is run. `unexplained` are residuals that need a reason still."""

    reconciliation_id: int
    account: str
    currency: str
    month: str
    state: State
    sums: Sums | None
    residuals: int
    unexplained: int
    run_at: datetime | None
    asked_at: datetime | None
    submitted_by: int | None
    signed_by: int | None
    created_by: str
    created_at: datetime


class ReconciliationEvent(Struct, frozen=True):
    """A step, by whom and why."""

    event_no: int
    action: Action
    state: State
    user_id: int | None
    actor: str
    reason: str | None
    detail: dict[str, Any]
    at: datetime


# Steps ------------------------------------------------------------------------------------------------------


async def begin(
    connection: AsyncConnection, book_id: int, by: Person, *, account: str, currency: str, month: date
) -> Reconciliation:
    """The one of this account, currency and month, new or as it is.

    Raises InvalidReconciliation; UnknownCurrency of the ledger.
    """
    exponent(currency)
    if _ACCOUNT.fullmatch(account) is None:
        raise InvalidReconciliation("account", account, f"one of {ACCOUNTS}")
    if month.day != 1 or not 2000 <= month.year < 2200:
        raise InvalidReconciliation("month", month.isoformat(), "a month of the years 2000 to 2199, as 2026-10")
    values = {"book_id": book_id, "account": account, "currency": currency, "month": month}
    row = upsert(reconciliations).values(**values, created_by=by.actor).on_conflict_do_nothing()
    number = await connection.scalar(row.returning(reconciliations.c.reconciliation_id))
    if number is not None:
        await record(connection, book_id, number, "begun", by)
    its = reconciliations.c
    found = select(its.reconciliation_id).where(
        its.book_id == book_id, its.account == account, its.currency == currency, its.month == month
    )
    return await find_reconciliation(connection, book_id, (await connection.execute(found)).scalar_one())


async def take_step(
    connection: AsyncConnection, book_id: int, reconciliation_id: int, action: Action, **values: Any
) -> Row[Any]:
    """Lock it and move it on; what it was before. Raises ReconciliationNotFound, WrongReconciliationStep."""
    row = await locked(connection, book_id, reconciliation_id, action)
    target = STEPS[action][1]
    if values or target != row.state:
        its = reconciliations.c
        those = (its.book_id == book_id) & (its.reconciliation_id == reconciliation_id)
        await connection.execute(update(reconciliations).where(those).values(state=target, **values))
    return row


async def locked(connection: AsyncConnection, book_id: int, reconciliation_id: int, action: Action) -> Row[Any]:
    """As it is, nobody else's to change until the transaction ends, and in the state from which that is done.

    Raises ReconciliationNotFound, WrongReconciliationStep.
    """
    its = reconciliations.c
    those = (its.book_id == book_id) & (its.reconciliation_id == reconciliation_id)
    row = (await connection.execute(select(reconciliations).where(those).with_for_update())).one_or_none()
    if row is None:
        raise ReconciliationNotFound("reconciliation", reconciliation_id)
    source = STEPS[action][0]
    if row.state != source:
        raise WrongReconciliationStep("reconciliation.state", row.state, f"what is {action} is {source} before")
    return row


async def alone(connection: AsyncConnection, book_id: int, account: str, currency: str) -> None:
    """Until the transaction ends, nobody else runs the account in any month, or puts right what is carried in it."""
    await connection.execute(_ALONE, {"name": f"reconcile {book_id} {account} {currency}"})


def source_of(account: str) -> Literal["bank", "stripe"] | None:
    """Where lines of the account come from; null of accounts that nobody outside tells of line by line."""
    sources: dict[str, Literal["bank", "stripe"]] = {"assets:bank": "bank", "assets:stripe": "stripe"}
    return sources.get(account)


def sums_of(told: Any) -> Sums:
    """As the table has them."""
    return msgspec.convert(told, Sums)


async def record(
    connection: AsyncConnection,
    book_id: int,
    reconciliation_id: int,
    action: Action,
    by: Person | None,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Put a step on record; the state is that to which it leads."""
    its = reconciliation_events.c
    of_it = (its.book_id == book_id) & (its.reconciliation_id == reconciliation_id)
    number = select(func.coalesce(func.max(its.event_no), 0) + 1).where(of_it).scalar_subquery()
    state = STEPS[action][1] if action in STEPS else "draft"
    who = {"user_id": by.user_id, "actor": by.actor} if by else {"user_id": None, "actor": "system"}
    key = {"book_id": book_id, "reconciliation_id": reconciliation_id, "event_no": number}
    values = {"action": action, "state": state, "reason": reason, "detail": dict(detail or {})}
    await connection.execute(reconciliation_events.insert().values(**key, **values, **who))


# Reading ----------------------------------------------------------------------------------------------------


async def find_reconciliation(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> Reconciliation:
    """Raises ReconciliationNotFound."""
    asked = {"book": book_id, "only": reconciliation_id, "before": BIGINT_MAX, "month": None, "account": None}
    row = (await connection.execute(_LIST, {**asked, "state": None, "limit": 1})).one_or_none()
    if row is None:
        raise ReconciliationNotFound("reconciliation", reconciliation_id)
    return _reconciliation(row)


async def list_reconciliations(
    connection: AsyncConnection,
    book_id: int,
    *,
    month: date | None = None,
    account: str | None = None,
    state: State | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Reconciliation]:
    """Newest first by number, those before a given one."""
    asked = {"book": book_id, "only": None, "before": before or BIGINT_MAX, "month": month, "account": account}
    rows = await connection.execute(_LIST, {**asked, "state": state, "limit": limit})
    return [_reconciliation(row) for row in rows]


async def events_of(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> list[ReconciliationEvent]:
    """In order."""
    its = reconciliation_events.c
    chosen = select(*(its[name] for name in ReconciliationEvent.__struct_fields__)).where(
        its.book_id == book_id, its.reconciliation_id == reconciliation_id
    )
    return [ReconciliationEvent(*row) for row in await connection.execute(chosen.order_by(its.event_no))]


def _reconciliation(row: Row[Any]) -> Reconciliation:
    told = {name: getattr(row, name) for name in Reconciliation.__struct_fields__}
    sums = None if row.sums is None else sums_of(row.sums)
    return Reconciliation(**{**told, "sums": sums, "month": format_period(row.month)})


# SQL --------------------------------------------------------------------------------------------------------

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_LIST = text(f"""
    SELECT its.*, coalesce(left_over.number, 0) AS residuals, coalesce(left_over.open, 0) AS unexplained
    FROM settlement.reconciliations AS its
    LEFT JOIN LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE {OPEN}) AS open FROM settlement.residuals AS r
        WHERE r.book_id = its.book_id AND r.reconciliation_id = its.reconciliation_id
    ) AS left_over ON true
    WHERE its.book_id = :book AND its.reconciliation_id < :before
      AND (CAST(:only AS bigint) IS NULL OR its.reconciliation_id = :only)
      AND (CAST(:month AS date) IS NULL OR its.month = :month)
      AND (CAST(:account AS text) IS NULL OR its.account = :account)
      AND (CAST(:state AS text) IS NULL OR its.state = :state)
    ORDER BY its.reconciliation_id DESC LIMIT :limit
""")  # noqa: S608 - of constants
