"""Reconciliations: one account in one currency in one month; drafted, submitted by one person, signed by another.

It may be run as often as one likes while it is a draft. What is signed is never changed, nor is anything in it.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, LiteralString

import msgspec
from msgspec import Struct
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import BIGINT_MAX, exponent
from ledger.periods import format_period
from settlement.closing import Person
from settlement.errors import SamePerson
from settlement.reasons import checked_reason
from settlement.reconciliation.errors import (
    DoesNotAddUp,
    InvalidReconciliation,
    NeverRun,
    ReconciliationNotFound,
    Unexplained,
    WrongReconciliationStep,
)
from settlement.reconciliation.tables import reconciliation_events, reconciliations
from settlement.suspense import book_today

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


class BoardRow(Struct, frozen=True, kw_only=True):
    """An account that has something in the month, or carries something over; null where nobody has begun it."""

    account: str
    currency: str
    month: str
    reconciliation_id: int | None
    state: Literal["none", "draft", "submitted", "signed"]
    ledger: int
    difference: int | None
    residuals: int
    unexplained: int


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
    its = (reconciliations.c.book_id == book_id) & (reconciliations.c.reconciliation_id == reconciliation_id)
    row = (await connection.execute(select(reconciliations).where(its).with_for_update())).one_or_none()
    if row is None:
        raise ReconciliationNotFound("reconciliation", reconciliation_id)
    source, target = STEPS[action]
    if row.state != source:
        raise WrongReconciliationStep("reconciliation.state", row.state, f"what is {action} is {source} before")
    if values or target != row.state:
        await connection.execute(update(reconciliations).where(its).values(state=target, **values))
    return row


async def submit(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> None:
    """Hand it to another person. Raises WrongReconciliationStep, NeverRun, DoesNotAddUp, Unexplained."""
    was = await take_step(connection, book_id, reconciliation_id, "run")
    if was.sums is None:
        raise NeverRun("reconciliation", reconciliation_id)
    its = {"book": book_id, "reconciliation": reconciliation_id}
    unexplained = await connection.scalar(_UNEXPLAINED, its)
    if unexplained:
        raise Unexplained("residuals", unexplained)
    if sums_of(was.sums).unproved or await moved_since(connection, book_id, was):
        raise DoesNotAddUp("reconciliation", reconciliation_id)
    await take_step(connection, book_id, reconciliation_id, "submitted", submitted_by=by.user_id, asked_at=None)
    await record(connection, book_id, reconciliation_id, "submitted", by, detail=was.sums)


async def give_back(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person, reason: str) -> None:
    """Return it to draft. Raises WrongReconciliationStep, InvalidReconciliation."""
    said = checked_reason(reason, InvalidReconciliation)
    await take_step(connection, book_id, reconciliation_id, "returned", submitted_by=None)
    await record(connection, book_id, reconciliation_id, "returned", by, said)


async def sign(connection: AsyncConnection, book_id: int, reconciliation_id: int, by: Person) -> None:
    """For good. Raises WrongReconciliationStep, SamePerson, DoesNotAddUp."""
    was = await _submitted(connection, book_id, reconciliation_id)
    if was.submitted_by == by.user_id:
        raise SamePerson("reconciliation", reconciliation_id)
    if await moved_since(connection, book_id, was):
        raise DoesNotAddUp("reconciliation", reconciliation_id)
    await record(connection, book_id, reconciliation_id, "signed", by, detail=was.sums)
    await take_step(connection, book_id, reconciliation_id, "signed", signed_by=by.user_id)


async def _submitted(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> Row[Any]:
    its = (reconciliations.c.book_id == book_id) & (reconciliations.c.reconciliation_id == reconciliation_id)
    row = (await connection.execute(select(reconciliations).where(its).with_for_update())).one_or_none()
    if row is None:
        raise ReconciliationNotFound("reconciliation", reconciliation_id)
    if row.state != "submitted":
        raise WrongReconciliationStep("reconciliation.state", row.state, "what is signed is submitted before")
    return row


async def moved_since(connection: AsyncConnection, book_id: int, row: Row[Any]) -> bool:
    """Whether lines of the month, or of before, have come in since it was run."""
    sums = sums_of(row.sums)
    its = {"book": book_id, "account": row.account, "currency": row.currency, "month": row.month}
    source = source_of(row.account)
    ledger, outside = (await connection.execute(_STANDS, {**its, "source": source})).one()
    if source is None:
        return bool(ledger != sums.ledger)
    return (ledger, outside) != (sums.ledger, sums.outside)


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


async def board(connection: AsyncConnection, book_id: int, month: date) -> list[BoardRow]:
    """Every account of the month that is to be reconciled, by code and currency."""
    rows = await connection.execute(BOARD, {"book": book_id, "month": month})
    return [
        BoardRow(
            account=row.account,
            currency=row.currency,
            month=format_period(month),
            reconciliation_id=row.reconciliation_id,
            state=row.state or "none",
            ledger=int(row.ledger),
            difference=None if row.sums is None else row.sums["ledger"] - row.sums["outside"],
            residuals=row.residuals,
            unexplained=row.unexplained,
        )
        for row in rows
    ]


async def last_month(connection: AsyncConnection, book_id: int) -> date:
    """The last one that has ended by the book's calendar."""
    today = await book_today(connection, book_id)
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def _reconciliation(row: Row[Any]) -> Reconciliation:
    told = {name: getattr(row, name) for name in Reconciliation.__struct_fields__}
    sums = None if row.sums is None else sums_of(row.sums)
    return Reconciliation(**{**told, "sums": sums, "month": format_period(row.month)})


# SQL --------------------------------------------------------------------------------------------------------

_OPEN = "explanation IS NULL AND entry_id IS NULL AND kind <> 'in-transit'"
_UNEXPLAINED = text(f"""
    SELECT count(*) FROM settlement.residuals
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND {_OPEN}
""")  # noqa: S608 - of constants

_LIST = text(f"""
    SELECT its.*, coalesce(left_over.number, 0) AS residuals, coalesce(left_over.open, 0) AS unexplained
    FROM settlement.reconciliations AS its
    LEFT JOIN LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE {_OPEN}) AS open FROM settlement.residuals AS r
        WHERE r.book_id = its.book_id AND r.reconciliation_id = its.reconciliation_id
    ) AS left_over ON true
    WHERE its.book_id = :book AND its.reconciliation_id < :before
      AND (CAST(:only AS bigint) IS NULL OR its.reconciliation_id = :only)
      AND (CAST(:month AS date) IS NULL OR its.month = :month)
      AND (CAST(:account AS text) IS NULL OR its.account = :account)
      AND (CAST(:state AS text) IS NULL OR its.state = :state)
    ORDER BY its.reconciliation_id DESC LIMIT :limit
""")  # noqa: S608 - of constants

_STANDS = text("""
    SELECT coalesce((
        SELECT sum(amount) FROM ledger.movements AS moved JOIN ledger.accounts AS its USING (book_id, account_id)
        WHERE moved.book_id = :book AND its.code = :account AND its.currency = :currency AND moved.period <= :month
    ), 0)::bigint AS ledger, coalesce((
        SELECT sum(amount) FROM settlement.external_lines
        WHERE book_id = :book AND source = :source AND currency = :currency
          AND booked_on < CAST(CAST(:month AS date) + interval '1 month' AS date)
    ), 0)::bigint AS outside
""")

BOARD = text(f"""
    WITH book_accounts AS (
        SELECT code AS account, its.currency, sum(amount) AS ledger,
               bool_or(period = :month) OR sum(amount) <> 0 AS counts
        FROM ledger.movements AS moved JOIN ledger.accounts AS its USING (book_id, account_id)
        WHERE moved.book_id = :book AND moved.period <= :month
          AND (code IN ('assets:bank', 'assets:stripe') OR starts_with(code, 'assets:in-transit:')
               OR starts_with(code, 'assets:marketplace:'))
        GROUP BY 1, 2
    ), outside AS (
        SELECT DISTINCT CASE source WHEN 'bank' THEN 'assets:bank' ELSE 'assets:stripe' END COLLATE "C" AS account,
               currency
        FROM settlement.external_lines
        WHERE book_id = :book AND booked_on >= :month
          AND booked_on < CAST(CAST(:month AS date) + interval '1 month' AS date)
    ), begun AS (
        SELECT account, currency, reconciliation_id, state, sums FROM settlement.reconciliations
        WHERE book_id = :book AND month = :month
    )
    SELECT account, currency, coalesce(ledger, 0) AS ledger, reconciliation_id, state, sums,
           coalesce(left_over.number, 0) AS residuals, coalesce(left_over.open, 0) AS unexplained
    FROM (SELECT account, currency, ledger FROM book_accounts WHERE counts) AS a
    FULL JOIN outside USING (account, currency)
    FULL JOIN begun USING (account, currency)
    LEFT JOIN LATERAL (
        SELECT count(*) AS number, count(*) FILTER (WHERE {_OPEN}) AS open FROM settlement.residuals AS r
        WHERE r.book_id = :book AND r.reconciliation_id = begun.reconciliation_id
    ) AS left_over ON true
    ORDER BY account, currency
""")  # noqa: S608 - of constants
