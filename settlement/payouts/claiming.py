"""Taking payouts up to be sent, so that nobody else sends them meanwhile, and whoever dies leaves them to the next.

What is claimed is committed before a rail is called: that a call may have been made is always known.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.answers import KEY_TIME
from settlement.payouts.lifecycle import RailName, cash_account
from settlement.payouts.payouts import Happened, record
from settlement.rails.protocol import Conflicting, Outcome, Refused, Unfunded, Unknown
from settlement.recovering import lock_balances

_SHARED: frozenset[RailName] = frozenset({"stripe"})
"""Rails that pay out of one balance for all books: none of them pays out of another's share."""
LEASE = timedelta(minutes=5)
"""Longer than any batch takes."""


class Claim(NamedTuple):
    """A payout that is the caller's to send until its lease ends, or `against` which something speaks already."""

    row: Row[Any]
    against: Outcome | None


async def halted(connection: AsyncConnection, rail: RailName) -> str | None:
    """Why nothing is sent by this rail; None if it is free."""
    reason: str | None = await connection.scalar(_HALTED, {"rail": rail})
    return reason


async def claim(connection: AsyncConnection, book_id: int, rail: RailName, now: datetime, *, limit: int) -> list[Claim]:
    """The next that are due, in order. None while the rail is halted."""
    if await halted(connection, rail) is not None:
        return []
    await lock_balances(connection, book_id)  # what is claimed counts against the book's share for the next
    asked = {"book": book_id, "rail": rail, "now": now, "oldest": now - KEY_TIME}
    too_old = (await connection.scalars(_TOO_OLD, asked)).all()
    aged = {"reason": "its key is too old to be sent again"}
    await record(connection, book_id, [Happened(number, "lost", "unknown", aged) for number in too_old], now)
    rows = (await connection.execute(_CLAIM, {**asked, "lease": now + LEASE, "limit": limit})).all()
    short = await short_of(connection, book_id, rows)
    beyond = await _beyond(connection, book_id, rail, rows)
    started = [Happened(row.payout_id, "claimed", "sending", {"key": row.key}) for row in rows]
    await record(connection, book_id, started, now)
    return [Claim(row, _against(row, short, beyond)) for row in sorted(rows, key=lambda row: row.payout_id)]


async def short_of(
    connection: AsyncConnection, book_id: int, rows: Sequence[Row[Any]]
) -> Mapping[tuple[str, str], int]:
    """Of which (party, currency) less lies in `paying` than is to leave from there, and by how much."""
    parties = sorted({row.party for row in rows})
    found = await connection.execute(_SHORT, {"book": book_id, "parties": parties})
    return {(row.party, row.currency): int(row.missing) for row in found}


async def _beyond(
    connection: AsyncConnection, book_id: int, rail: RailName, rows: Sequence[Row[Any]]
) -> frozenset[int]:
    """The last of these payouts, as many as the book's share of a balance that it has with others does not cover.

    What is being sent, or may have been, counts as gone.
    """
    if rail not in _SHARED:
        return frozenset()
    asked = {"book": book_id, "rail": rail, "account": cash_account(rail)}
    found = await connection.execute(_UNCOVERED, {**asked, "currencies": sorted({row.currency for row in rows})})
    uncovered = {row.currency: int(row.uncovered) for row in found}
    beyond = set()
    for row in sorted(rows, key=lambda row: row.payout_id, reverse=True):
        if uncovered.get(row.currency, 0) > 0:
            uncovered[row.currency] -= row.amount
            beyond.add(row.payout_id)
    return frozenset(beyond)


def _against(row: Row[Any], short: Mapping[tuple[str, str], int], beyond: Collection[int]) -> Outcome | None:
    """What must never leave as a call. That it would be refused now says nothing of a call that was made before."""
    refused: Refused | Unfunded | None = refusal_of(row)
    if refused is None and row.payout_id in beyond:
        refused = Unfunded("the book's share of the balance does not cover it")
    if missing := short.get((row.party, row.currency)):
        return Conflicting(f"{missing} {row.currency} less lies in paying for {row.party} than is to be paid")
    return Unknown(refused.reason) if refused and row.attempts > 1 else refused


def refusal_of(row: Row[Any]) -> Refused | None:
    """What speaks against the payee's account, whose state, destination and currencies the row names, too."""
    if row.account_state != "active" or row.account_destination != row.destination:
        return Refused("account", "the payee's account can't be paid to as it is", "payee", retriable=True)
    if row.currency not in row.currencies:
        return Refused("currency", f"the payee's account does not take {row.currency}", "payee", retriable=True)
    return None


_HALTED = text("SELECT reason FROM settlement.rail_halts WHERE rail = :rail AND ended_at IS NULL LIMIT 1")

_DUE = """
    FROM settlement.payouts AS its
    JOIN settlement.payout_runs AS run USING (book_id, run_id)
    WHERE its.book_id = :book AND its.rail = :rail AND run.state = 'sending'
      AND (its.state = 'ready' AND its.next_attempt_at <= :now OR its.state = 'sending' AND its.leased_until <= :now)
"""

_TOO_OLD = text(f"""
    UPDATE settlement.payouts SET state = 'unknown', leased_until = NULL, next_attempt_at = :now,
        code = 'key-too-old', reason = 'its key is too old to be sent again'
    WHERE book_id = :book AND payout_id IN (
        SELECT its.payout_id {_DUE} AND its.first_sent_at <= :oldest FOR UPDATE OF its SKIP LOCKED
    )
    RETURNING payout_id
""")  # noqa: S608 - of constants

_CLAIM = text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT its.payout_id {_DUE} ORDER BY its.payout_id LIMIT :limit FOR UPDATE OF its SKIP LOCKED
    )
    UPDATE settlement.payouts AS its
    SET state = 'sending', attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, :now),
        leased_until = :lease, next_attempt_at = NULL, code = NULL, reason = NULL, fixed_by = NULL
    FROM chosen, settlement.payout_accounts AS account
    WHERE its.book_id = :book AND its.payout_id = chosen.payout_id AND account.account_id = its.account_id
    RETURNING its.*, account.state AS account_state, account.destination AS account_destination, account.currencies
""")  # noqa: S608 - of constants

_SHORT = text("""
    SELECT party, currency, wanted + paying AS missing
    FROM (
        SELECT party, currency, sum(amount) AS wanted
        FROM settlement.payouts
        WHERE book_id = :book AND party = ANY (CAST(:parties AS text[]))
          AND state IN ('ready', 'sending', 'filed', 'sent', 'refused', 'unknown')
        GROUP BY party, currency
    ) AS due
    JOIN LATERAL (
        SELECT coalesce(sum(moved.amount), 0) AS paying
        FROM ledger.accounts AS account JOIN ledger.movements AS moved USING (book_id, account_id)
        WHERE account.book_id = :book AND account.code = 'liabilities:paying:' || due.party
          AND account.currency = due.currency
    ) AS its ON true
    WHERE wanted + paying > 0
""")
"""What lies in paying is a credit, and so negative."""

_UNCOVERED = text("""
    SELECT currency, under_way - cash AS uncovered
    FROM unnest(CAST(:currencies AS text[])) AS wanted (currency)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS under_way FROM settlement.payouts AS its
        WHERE its.book_id = :book AND its.rail = :rail AND its.currency = wanted.currency
          AND its.state IN ('sending', 'unknown')
    ) AS leaving
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(moved.amount), 0) AS cash
        FROM ledger.accounts AS account JOIN ledger.movements AS moved USING (book_id, account_id)
        WHERE account.book_id = :book AND account.code = :account AND account.currency = wanted.currency
    ) AS share
""")
