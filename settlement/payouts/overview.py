"""What finance looks at of many payouts at once: what runs come to, who can be paid, and which entries a payout has."""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.payouts.accounts import Asked, State
from settlement.payouts.lifecycle import RailName

Payable = Literal["active", "blocked", "none"]
"""Whether a party can be paid: it can, its account waits for something, or it has none."""


class RunTotal(msgspec.Struct, frozen=True):
    """What a run pays in a currency, in minor units: `paid` of the payouts have arrived, `trouble` need a person."""

    run_id: int
    currency: str
    payouts: int
    amount: int
    paid: int
    trouble: int


class PayoutEntry(msgspec.Struct, frozen=True):
    """An entry of a payout's, and the step that it books."""

    step: Literal["approved", "recovered", "withheld", "sent", "paid", "returned"]
    entry_id: int


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """A party that the book has owed something, and where it is paid to; without an account all of that is null. The
    `destination` is told of an account at Stripe alone.
    """

    party: str
    party_id: int
    name: str
    rail: RailName | None
    destination: str | None
    state: State | None
    blocking: tuple[Asked, ...]


async def run_totals(connection: AsyncConnection, book_id: int, run_ids: Collection[int]) -> dict[int, list[RunTotal]]:
    """Of these runs, by their numbers; who was left out does not count."""
    found: dict[int, list[RunTotal]] = {}
    for row in await connection.execute(_TOTALS, {"book": book_id, "runs": [*run_ids]}):
        found.setdefault(row.run_id, []).append(RunTotal(*row))
    return found


async def entries_of(connection: AsyncConnection, book_id: int, payout_id: int) -> list[PayoutEntry]:
    """In the order of their steps."""
    rows = await connection.execute(_ENTRIES, {"book": book_id, "payout": payout_id})
    return [PayoutEntry(*row) for row in rows]


async def list_payees(
    connection: AsyncConnection, book_id: int, *, payable: Payable | None = None, after: int = 0, limit: int = 100
) -> list[Payee]:
    """Clippers and agencies that were ever owed something, by number, those after a given one; a row for each account,
    all rows of the `limit` first parties.
    """
    asked = {"book": book_id, "payable": payable, "after": after, "limit": limit}
    rows = await connection.execute(_PAYEES, asked)
    return [Payee(**{**row._mapping, "blocking": msgspec.convert(row.blocking or [], _BLOCKING)}) for row in rows]


async def count_payees(connection: AsyncConnection, book_id: int) -> Mapping[Payable, int]:
    """How many of them can be paid, and how many can't."""
    row = (await connection.execute(_COUNT, {"book": book_id})).one()
    return {"active": row.active, "blocked": row.blocked, "none": row.without}


# SQL ----------------------------------------------------------------------------------------------------------

_BLOCKING = tuple[Asked, ...]

_TOTALS = text("""
    SELECT run_id, currency, count(*), sum(amount)::bigint, count(*) FILTER (WHERE state = 'paid'),
           count(*) FILTER (WHERE state IN ('refused', 'unknown'))
    FROM settlement.payouts
    WHERE book_id = :book AND run_id = ANY (CAST(:runs AS bigint[])) AND state <> 'left-out'
    GROUP BY run_id, currency ORDER BY run_id, currency
""")

_ENTRIES = text("""
    SELECT step, entry_id FROM settlement.payouts CROSS JOIN LATERAL (VALUES
        (1, 'approved', approval_entry), (2, 'recovered', recovery_entry), (3, 'withheld', withheld_entry),
        (4, 'sent', sent_entry), (5, 'paid', paid_entry), (6, 'returned', returned_entry)) AS its (no, step, entry_id)
    WHERE book_id = :book AND payout_id = :payout AND entry_id IS NOT NULL ORDER BY no
""")

_OWED = """
    SELECT DISTINCT CAST(split_part(code, '-', 2) AS bigint) AS party_id FROM ledger.accounts
    WHERE book_id = :book AND (starts_with(code, 'liabilities:available:clipper-')
                               OR starts_with(code, 'liabilities:available:agency-'))
"""
_STANDING = f"""
    SELECT party_id, CASE WHEN bool_or(account.state = 'active') THEN 'active'
                          WHEN count(account.state) > 0 THEN 'blocked' ELSE 'none' END AS payable
    FROM ({_OWED}) AS owed
    LEFT JOIN (SELECT party_id, state FROM settlement.payout_accounts WHERE state <> 'closed') AS account
        USING (party_id)
    GROUP BY party_id
"""  # noqa: S608 - of constants

_PAYEES = text(f"""
    WITH chosen AS MATERIALIZED (
        SELECT party_id FROM ({_STANDING}) AS standing
        WHERE party_id > :after AND (CAST(:payable AS text) IS NULL OR payable = :payable)
        ORDER BY party_id LIMIT :limit
    )
    SELECT its.kind || '-' || party_id AS party, party_id, its.name, account.rail, account.destination, account.state,
           account.blocking
    FROM chosen JOIN licensing.parties AS its USING (party_id)
    LEFT JOIN (
        SELECT account_id, party_id, rail, state, blocking, CASE rail WHEN 'stripe' THEN destination END AS destination
        FROM settlement.payout_accounts WHERE state <> 'closed'
    ) AS account USING (party_id)
    ORDER BY party_id, account_id
""")  # noqa: S608

_COUNT = text(f"""
    SELECT count(*) FILTER (WHERE payable = 'active') AS active, count(*) FILTER (WHERE payable = 'blocked') AS blocked,
           count(*) FILTER (WHERE payable = 'none') AS without
    FROM ({_STANDING}) AS standing
""")  # noqa: S608
