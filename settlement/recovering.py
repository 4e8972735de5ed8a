"""Recovering: what a party was paid too much, and how it comes back out of later earnings.

A refund after a payout leaves less than nothing available. That shortfall is moved to what the party owes
(`assets:recoverable:{party}`), so that later earnings can be paid again; of each payment a part is kept back then, at
most the terms' `recovery_cap`. Whoever decides by what parties have, and posts by it, holds `lock_balances`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Line, NewEntry, post_batch
from ledger.money import parse_rate, portion
from settlement.entries import open_accounts
from settlement.positions import clipper_party, party_account

_PARTIES_AT_ONCE = 10_000
"""Of one entry, which has two lines for each."""
_WHOLE = Fraction(1)


def recoverable_account(party: str) -> str:
    """What a party owes the book: `assets:recoverable:clipper-7`."""
    return f"assets:recoverable:{party}"


class Payable(Struct, frozen=True, kw_only=True):
    """What could be paid to a party in one currency, in minor units; `available` is above zero.

    `recovery` is what of it is kept back for what the party owes (`recoverable`), `gross` the rest. `minimum` is the
    least that its terms pay out: the lowest of those it has accepted in this currency, for a promise to pay from so
    much on is not undone by another grant's; 0 for a host and its agencies.
    """

    party: str
    currency: str
    available: int
    recoverable: int
    recovery: int
    minimum: int

    @property
    def gross(self) -> int:
        """What is paid, before anything is withheld of it."""
        return self.available - self.recovery


def recovery(available: int, recoverable: int, cap: Fraction) -> int:
    """What is kept back of `available`: never more than `recoverable`, nor than the cap's part of it.

    That part is rounded to the minor unit, half of one for the party.
    """
    if available <= 0 or recoverable <= 0:
        return 0
    _, most = portion(available, _WHOLE - cap)
    return min(recoverable, most)


async def lock_balances(connection: AsyncConnection, book_id: int) -> None:
    """Wait for others who decide by what the book's parties have; they wait until this transaction ends."""
    await connection.execute(_LOCK, {"book": book_id})


# Shortfalls -------------------------------------------------------------------------------------------------


async def recover_negative(connection: AsyncConnection, book_id: int, today: date) -> int:
    """Move what is available below zero to what its party owes; of how many. Doing it twice changes nothing.

    Once in a transaction: it posts one batch. Raises PeriodLocked where today's month is locked.
    """
    await lock_balances(connection, book_id)
    last = await connection.scalar(_LAST_ENTRY, {"book": book_id})
    short = (await connection.execute(_SHORT, {"book": book_id})).all()
    entries = [*_entries(short, today, f"recoverable:{last}")]
    await open_accounts(connection, book_id, entries)
    await post_batch(connection, book_id, entries)
    return len(short)


def _entries(short: Sequence[Any], today: date, key: str) -> Iterator[NewEntry]:
    """One for each currency. The key has the number of the book's last entry, which is another after this."""
    for currency, those in groupby(short, key=lambda row: str(row.currency)):
        rows = [*those]
        for first in range(0, len(rows), _PARTIES_AT_ONCE):
            yield NewEntry(
                idempotency_key=f"{key}:{currency}:{first}",
                effective_on=today,
                description="Refunded after it was paid: owed back",
                lines=tuple(
                    line
                    for row in rows[first : first + _PARTIES_AT_ONCE]
                    for line in _owed_back(row.party, currency, int(row.shortfall))
                ),
                metadata={"cause": "refund-after-payout"},
            )


def _owed_back(party: str, currency: str, shortfall: int) -> Iterator[Line]:
    """The contrary of what recovers it."""
    for account, amount in reversed(recovery_lines(party, -shortfall).items()):
        yield Line(account, currency, amount)


# Payments ---------------------------------------------------------------------------------------------------


async def payables(connection: AsyncConnection, book_id: int, *, parties: Sequence[str] | None = None) -> list[Payable]:
    """What could be paid to everybody with something available, or to those named; by party and currency."""
    asked = {"book": book_id, "parties": None if parties is None else [*parties]}
    rows = (await connection.execute(_PAYABLE, asked)).all()
    terms = await _terms(connection, book_id, _clippers(row.party for row in rows))
    return [
        Payable(
            party=row.party,
            currency=row.currency,
            available=int(row.available),
            recoverable=int(row.recoverable),
            recovery=recovery(int(row.available), int(row.recoverable), terms.cap(row.party)),
            minimum=terms.minimum(row.party, row.currency),
        )
        for row in rows
    ]


def recovery_lines(party: str, amount: int) -> dict[str, int]:
    """What a payment keeps back for what the party owes, by account, debits positive; empty where nothing is."""
    return {party_account("available", party): amount, recoverable_account(party): -amount} if amount else {}


async def recovery_caps(connection: AsyncConnection, book_id: int, clipper_ids: Sequence[int]) -> dict[int, Fraction]:
    """Of each clipper the lowest of all terms that it has accepted in the book; all of it for one without any."""
    terms = await _terms(connection, book_id, clipper_ids)
    return {clipper_id: terms.cap(clipper_party(clipper_id)) for clipper_id in clipper_ids}


class _Terms:
    """What all versions of terms that clippers have accepted say of payments."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._caps: dict[str, Fraction] = {}
        self._minimums: dict[str, dict[str, int]] = defaultdict(dict)
        for row in rows:
            party, least = clipper_party(row.clipper_id), self._minimums[clipper_party(row.clipper_id)]
            self._caps[party] = min(self._caps.get(party, _WHOLE), parse_rate(row.cap))
            least[row.currency] = min(least.get(row.currency, row.minimum), row.minimum)

    def cap(self, party: str) -> Fraction:
        """All of it for a host and its agencies."""
        return self._caps.get(party, _WHOLE)

    def minimum(self, party: str, currency: str) -> int:
        its: Mapping[str, int] = self._minimums.get(party, {})
        return its.get(currency, 0)


async def _terms(connection: AsyncConnection, book_id: int, clipper_ids: Sequence[int]) -> _Terms:
    return _Terms((await connection.execute(_ACCEPTED, {"book": book_id, "clippers": [*clipper_ids]})).all())


def _clippers(parties: Iterator[str]) -> list[int]:
    return [int(party.removeprefix("clipper-")) for party in parties if party.startswith("clipper-")]


# SQL --------------------------------------------------------------------------------------------------------

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('balances of ' || :book, 0))")
_LAST_ENTRY = text("SELECT coalesce(max(entry_id), 0) FROM ledger.entries WHERE book_id = :book")

# What is available is a credit, and so negative in the books.
_SHORT = text("""
    SELECT party, currency, shortfall
    FROM (
        SELECT split_part(account.code, ':', 3) AS party, account.currency, sum(moved.amount) AS shortfall
        FROM ledger.accounts AS account
        JOIN ledger.movements AS moved USING (book_id, account_id)
        WHERE account.book_id = :book AND account.code LIKE 'liabilities:available:%'
        GROUP BY 1, 2
    ) AS its
    WHERE shortfall > 0
    ORDER BY currency, party
""")

_PAYABLE = text("""
    SELECT party, currency, available, recoverable
    FROM (
        SELECT split_part(account.code, ':', 3) AS party, account.currency,
               -coalesce(sum(moved.amount) FILTER (WHERE account.code LIKE 'liabilities:%'), 0) AS available,
               coalesce(sum(moved.amount) FILTER (WHERE account.code LIKE 'assets:%'), 0) AS recoverable
        FROM ledger.accounts AS account
        JOIN ledger.movements AS moved USING (book_id, account_id)
        WHERE account.book_id = :book
          AND (account.code LIKE 'liabilities:available:%' OR account.code LIKE 'assets:recoverable:%')
          AND (CAST(:parties AS text[]) IS NULL OR split_part(account.code, ':', 3) = ANY (CAST(:parties AS text[])))
        GROUP BY 1, 2
    ) AS its
    WHERE available > 0
    ORDER BY party, currency
""")

_ACCEPTED = text("""
    SELECT DISTINCT held.clipper_id, terms ->> 'recovery_cap' AS cap, terms #>> '{split,currency}' AS currency,
           CAST(terms ->> 'minimum_payout' AS bigint) AS minimum
    FROM licensing.grants AS held
    JOIN licensing.grant_changes AS change USING (book_id, grant_id)
    JOIN licensing.terms_versions AS version
        ON version.book_id = held.book_id AND version.offer_id = held.offer_id
        AND version.version_no = change.version_no
    WHERE held.book_id = :book AND held.clipper_id = ANY (CAST(:clippers AS bigint[])) AND held.accepted_at IS NOT NULL
""")
