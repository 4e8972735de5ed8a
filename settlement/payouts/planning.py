"""Planning a run: what every party would be paid, and who is left out and why. Nothing is booked by it."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import format_amount
from settlement.payouts.banks import own_currencies
from settlement.payouts.lifecycle import Amounts, RailName
from settlement.recovering import Payable, payables, recovery, recovery_caps
from settlement.tax import Payment, Withheld, taxed_before, withhold

Basis = Literal["statement", "available"]
"""What issued statements say is available, less what was paid since; or all that is available."""


_ALL = Fraction(1)
"""What is recovered of a host's and of agencies' payments: as much as they owe."""


class Destination(NamedTuple):
    """Where a party is paid to by the run's rail."""

    account_id: int
    destination: str
    state: str
    currencies: frozenset[str]


class Planned(Struct, frozen=True, kw_only=True):
    """What a party would be paid in one currency. With a `code` it is left out, and `reason` says why."""

    party: str
    currency: str
    amounts: Amounts
    withheld: Withheld
    destination: Destination | None = None
    code: str | None = None
    reason: str | None = None
    fixed_by: str | None = None


class LeftOut(NamedTuple):
    """Why a party is not paid: the reason's code, in words, and who can change it."""

    code: str
    reason: str
    fixed_by: str


Limits = Mapping[tuple[str, str], int]
"""The most that is taken, by (party, currency)."""


async def plan(
    connection: AsyncConnection,
    book_id: int,
    rail: RailName,
    basis: Basis,
    pay_on: date,
    *,
    at_most: Limits | None = None,
) -> list[Planned]:
    """Everybody with something to be paid, in order of party and currency. Who pays by it holds `lock_balances`.

    With `at_most`, only those it names, and no more.
    """
    wanted = await payables(connection, book_id)
    if basis == "statement":
        wanted = await _limited(connection, book_id, wanted, await _stated(connection, book_id, pay_on))
    if at_most is not None:
        wanted = await _limited(connection, book_id, wanted, at_most)
    paying = [each for each in wanted if each.gross > 0]
    before = await taxed_before(connection, book_id, [each.party for each in paying])
    taxed = await withhold(connection, book_id, [_payment(each, pay_on, before) for each in paying])
    destinations = await destinations_of(connection, book_id, rail, [each.party for each in paying])
    kept = await own_currencies(connection, book_id) if rail == "bank-file" else None
    return [
        _planned(each, tax, destinations.get(each.party), rail, kept) for each, tax in zip(paying, taxed, strict=True)
    ]


def _payment(payable: Payable, pay_on: date, before: Mapping[tuple[str, str], int]) -> Payment:
    taxed = min(before.get((payable.party, payable.currency), 0), payable.gross)
    return Payment(payable.party, payable.currency, payable.gross, pay_on, taxed)


async def _stated(connection: AsyncConnection, book_id: int, pay_on: date) -> Limits:
    """What the last issued statements say is available, less what was paid since."""
    rows = await connection.execute(_STATED, {"book": book_id, "today": pay_on})
    return {(row.party, row.currency): int(row.stated) for row in rows}


async def _limited(connection: AsyncConnection, book_id: int, wanted: Sequence[Payable], most: Limits) -> list[Payable]:
    """No more than this of each; nothing of whom it does not name. What is recovered is a part of what is taken."""
    chosen = [each for each in wanted if most.get((each.party, each.currency), 0) > 0]
    clippers = [int(number) for each in chosen if (number := each.party.partition("clipper-")[2])]
    caps = await recovery_caps(connection, book_id, clippers)
    limited = []
    for each in chosen:
        taken = min(each.available, most[each.party, each.currency])
        number = each.party.partition("clipper-")[2]
        kept = recovery(taken, each.recoverable, caps[int(number)] if number else _ALL)
        limited.append(msgspec.structs.replace(each, available=taken, recovery=kept))
    return limited


def _planned(
    payable: Payable, tax: Withheld, destination: Destination | None, rail: RailName, kept: frozenset[str] | None
) -> Planned:
    """`kept`: currencies in which the book has money where the rail pays from; None where that is not known before."""
    amounts = Amounts(payable.available, payable.recovery, tax.withheld, tax.authority)
    left_out = _left_out(payable, tax, amounts, destination, rail) or _not_kept(payable.currency, kept)
    return Planned(
        party=payable.party,
        currency=payable.currency,
        amounts=amounts,
        withheld=tax,
        destination=destination,
        code=left_out.code if left_out else None,
        reason=left_out.reason if left_out else None,
        fixed_by=left_out.fixed_by if left_out else None,
    )


def _left_out(
    payable: Payable, tax: Withheld, amounts: Amounts, destination: Destination | None, rail: RailName
) -> LeftOut | None:
    if tax.blocked is not None:
        return LeftOut("tax", tax.blocked, "host")
    if amounts.amount < max(payable.minimum, 1):
        least = format_amount(max(payable.minimum, 1), payable.currency)
        said = f"less than {least} {payable.currency}, the least that its terms pay out"
        return LeftOut("below-minimum", said, "host")
    if destination is None:
        return LeftOut("no-account", f"has no account to be paid to ({rail})", "payee")
    if destination.state != "active":
        return LeftOut("account", "its account can't be paid to yet", "payee")
    if payable.currency not in destination.currencies:
        return LeftOut("currency", f"its account does not take {payable.currency}", "payee")
    return None


def _not_kept(currency: str, kept: frozenset[str] | None) -> LeftOut | None:
    if kept is None or currency in kept:
        return None
    return LeftOut("no-funds", f"the book has no bank account in {currency}", "host")


async def destinations_of(
    connection: AsyncConnection, book_id: int, rail: RailName, parties: Sequence[str]
) -> dict[str, Destination]:
    """Where these parties are paid to by this rail; those that are."""
    asked = {"book": book_id, "rail": rail, "parties": sorted(set(parties))}
    rows = await connection.execute(_DESTINATIONS, asked)
    return {
        row.party: Destination(row.account_id, row.destination, row.state, frozenset(row.currencies)) for row in rows
    }


# Of the last month that is issued; what was approved to be paid in later months has left it since.
_STATED = text("""
    WITH last AS (
        SELECT max(month) AS month FROM settlement.closings WHERE book_id = :book AND state = 'issued'
    )
    SELECT its.party, its.currency, its.closing_available - coalesce(sum(paid.gone), 0) AS stated
    FROM last
    JOIN LATERAL (
        SELECT DISTINCT ON (party, currency) party, currency, month, closing_available
        FROM settlement.statements AS statement
        JOIN settlement.closings AS of USING (book_id, month, revision)
        WHERE statement.book_id = :book AND of.state = 'issued' AND month <= last.month
        ORDER BY party, currency, month DESC
    ) AS its ON true
    LEFT JOIN (
        SELECT payout.party, payout.currency, payout.taken - payout.returned AS gone, run.pay_on
        FROM settlement.payouts AS payout JOIN settlement.payout_runs AS run USING (book_id, run_id)
        WHERE payout.book_id = :book AND payout.approval_entry IS NOT NULL
          AND payout.state NOT IN ('cancelled', 'returned')
    ) AS paid ON (paid.party, paid.currency) = (its.party, its.currency)
        AND paid.pay_on >= its.month + interval '1 month' AND paid.pay_on <= :today
    GROUP BY its.party, its.currency, its.closing_available
""")

_DESTINATIONS = text("""
    SELECT wanted.party, account.account_id, account.destination, account.state, account.currencies
    FROM (
        SELECT party, CASE WHEN party <> 'host' THEN CAST(split_part(party, '-', 2) AS bigint) END AS party_id
        FROM unnest(CAST(:parties AS text[])) AS told (party)
    ) AS wanted
    JOIN settlement.payout_accounts AS account USING (party_id)
    WHERE account.rail = :rail AND account.state <> 'closed'
    UNION ALL
    SELECT 'host', account_id, destination, state, currencies FROM settlement.payout_accounts
    WHERE book_id = :book AND rail = :rail AND state <> 'closed' AND 'host' = ANY (CAST(:parties AS text[]))
""")
