"""Lines out of the database, as they are matched: those of an account in a currency that are in no match yet.

The window goes on after the month's end, so that what was booked on its last days and moved in the first of the next
month is matched; lines after the end that match nothing are the next month's.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.arrays import driver
from settlement.reconciliation.lines import NO_STRANGERS, Ours, Stranger, Strangers, Theirs, Tolerance
from settlement.reconciliation.reconciliations import source_of
from settlement.true_ups import next_month

_CONVERTED = re.compile(r"\b(?:fx|exchange|rate)\b|汇率|结汇|购汇")


class Scope(Struct, frozen=True):
    """What is reconciled."""

    account: str
    currency: str
    month: date

    @property
    def end(self) -> date:
        """The month's last day."""
        return next_month(self.month) - timedelta(days=1)


class Sides(Struct, frozen=True):
    """Both."""

    ours: Sequence[Ours]
    theirs: Sequence[Theirs]


async def load(connection: AsyncConnection, book_id: int, scope: Scope, tolerance: Tolerance) -> Sides:
    """Lines that are free, through the window."""
    until = scope.end + timedelta(days=tolerance.days_by_reference)
    asked = {"book": book_id, "account": scope.account, "currency": scope.currency, "month": scope.month}
    asked |= {"end": scope.end, "until": until, "source": source_of(scope.account)}
    ours = await _fetched(connection, _OURS, asked, _mine)
    if asked["source"] is None:
        return Sides(ours, [])
    return Sides(ours, await _fetched(connection, _THEIRS, asked, _other))


async def parted(connection: AsyncConnection, book_id: int, reconciliation_id: int) -> frozenset[Any]:
    """Pairs that a person has parted in it."""
    rows = await connection.execute(_PARTED, {"book": book_id, "reconciliation": reconciliation_id})
    return frozenset(
        ((entry, line), outside)
        for row in rows
        for entry, line in row.members["ours"]
        for outside in row.members["theirs"]
    )


async def _fetched(
    connection: AsyncConnection, statement: str, asked: Mapping[str, Any], made: Callable[..., Any]
) -> list[Any]:
    """Row by row as the driver reads them: a million are never twice in memory."""
    cursor = (await driver(connection)).cursor(binary=True)
    await cursor.execute(statement.encode(), asked, prepare=False)
    found: list[Any] = []
    while rows := await cursor.fetchmany(20_000):
        found += [made(*row) for row in rows]
    return found


def _mine(
    entry_id: int,
    line: int,
    on: date,
    amount: int,
    reference: str,
    group: str,
    family: str,
    reverses: int | None,
    inside: bool,
) -> Ours:
    return Ours(entry_id, line, on.toordinal(), amount, reference, group, family, reverses, inside)


def _other(
    line_id: int,
    external_id: str,
    on: date,
    amount: int,
    kind: Any,
    reference: str,
    group: str,
    bank_reference: str,
    about: str,
    source: str,
    inside: bool,
) -> Theirs:
    others = tuple(name for name in (group, bank_reference) if name)
    said = about.strip().lower()
    converted = bool(said) and _CONVERTED.search(said) is not None
    return Theirs(
        line_id, external_id, on.toordinal(), amount, kind, reference, others, said, source, converted, inside
    )


async def strangers(connection: AsyncConnection, book_id: int, scope: Scope, references: Sequence[str]) -> Strangers:
    """Free lines of other accounts in this currency, and of this one in other currencies, whose own account has
    nothing of that reference on the other side.
    """
    if not references:
        return NO_STRANGERS
    asked = {"book": book_id, "references": [*references], "account": scope.account, "currency": scope.currency}
    ours = (await connection.execute(_NAMED, asked)).all()
    theirs = (await connection.execute(_NAMED_OUTSIDE, {**asked, "source": source_of(scope.account)})).all()
    return Strangers(_unclaimed(scope, ours, theirs), _unclaimed(scope, theirs, ours))


def _unclaimed(scope: Scope, rows: Sequence[Row[Any]], claims: Sequence[Row[Any]]) -> dict[str, Stranger]:
    claimed = {(row.reference, row.account, row.currency) for row in claims}
    found: dict[str, Stranger] = {}
    for row in rows:
        near = (row.account == scope.account) != (row.currency == scope.currency)
        if near and not row.matched and (row.reference, row.account, row.currency) not in claimed:
            account = "" if row.account == scope.account else row.account
            found.setdefault(row.reference, Stranger(account, row.currency, row.amount))
    return found


# SQL --------------------------------------------------------------------------------------------------------

_OURS = """
    SELECT p.entry_id, p.line, p.effective_on, p.amount, coalesce(e.metadata ->> 'reference', ''),
           coalesce(e.metadata ->> 'group', ''),
           coalesce(paid.marketplace, 'run:' || (e.metadata ->> 'run'), ''), e.reverses, p.period <= %(month)s
    FROM ledger.accounts AS a
    JOIN ledger.postings AS p ON p.book_id = a.book_id AND p.account_id = a.account_id AND p.effective_on <= %(until)s
    JOIN ledger.entries AS e ON e.book_id = p.book_id AND e.entry_id = p.entry_id
    LEFT JOIN settlement.matched_postings AS m
        ON m.book_id = p.book_id AND m.entry_id = p.entry_id AND m.line = p.line
    LEFT JOIN settlement.remittances AS paid ON paid.book_id = p.book_id AND paid.entry_id = p.entry_id
    WHERE a.book_id = %(book)s AND a.code = %(account)s AND a.currency = %(currency)s AND m.match_id IS NULL
"""

_THEIRS = """
    SELECT its.line_id, its.external_id, its.booked_on, its.amount, its.kind, its.reference, its.payment_group,
           its.bank_reference, its.counterparty || ' ' || its.description, its.source, its.booked_on <= %(end)s
    FROM settlement.external_lines AS its
    LEFT JOIN settlement.matched_lines AS m ON m.book_id = its.book_id AND m.line_id = its.line_id
    WHERE its.book_id = %(book)s AND its.source = %(source)s AND its.currency = %(currency)s
      AND its.booked_on <= %(until)s AND m.match_id IS NULL
"""

_PARTED = text("""
    SELECT members FROM settlement.matches
    WHERE book_id = :book AND reconciliation_id = :reconciliation AND undone_at IS NOT NULL
""")

# Whatever has one of these references, on the cash accounts and outside, but what is reconciled itself.
_NAMED = text("""
    SELECT w.reference, a.code AS account, a.currency, p.amount,
           EXISTS (SELECT FROM settlement.matched_postings AS m
                   WHERE m.book_id = p.book_id AND m.entry_id = p.entry_id AND m.line = p.line) AS matched
    FROM unnest(CAST(:references AS text[])) AS w (reference)
    JOIN ledger.entries AS e ON e.book_id = :book AND e.metadata ->> 'reference' = w.reference
    JOIN ledger.postings AS p ON p.book_id = e.book_id AND p.entry_id = e.entry_id
    JOIN ledger.accounts AS a ON a.book_id = p.book_id AND a.account_id = p.account_id
    WHERE a.code IN ('assets:bank', 'assets:stripe') AND (a.code <> :account OR a.currency <> :currency)
    ORDER BY e.entry_id, p.line
""")
_NAMED_OUTSIDE = text("""
    SELECT its.reference, CASE its.source WHEN 'bank' THEN 'assets:bank' ELSE 'assets:stripe' END AS account,
           its.currency, its.amount, m.match_id IS NOT NULL AS matched
    FROM unnest(CAST(:references AS text[])) AS w (reference)
    JOIN settlement.external_lines AS its ON its.book_id = :book AND its.reference = w.reference
    LEFT JOIN settlement.matched_lines AS m ON m.book_id = its.book_id AND m.line_id = its.line_id
    WHERE its.reference <> '' AND (its.source <> :source OR its.currency <> :currency)
    ORDER BY its.booked_on, its.external_id
""")
