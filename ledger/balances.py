"""Balances, now or as they stood, each a sum of movements.

Three questions may be asked of any balance, and together:

- `as_of`: counting what had happened by the end of this day (`effective_on`);
- `known_on`: counting what the books had learned by the end of this day, by the book's calendar (`recorded_at`);
- `through`: counting what is booked in months up to this one (`period`); that of a locked month never changes.

A balance is in minor units, debit positive, and exact however large: it may pass 64 bits.
"""

from collections.abc import Collection, Iterable
from datetime import date

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import Kind


class Moment(msgspec.Struct, frozen=True):
    """Which facts count; see the module. Left empty, all do."""

    as_of: date | None = None
    known_on: date | None = None
    through: date | None = None


NOW = Moment()
_DEEPEST = 200
"""More words than an account's code can have."""


class AccountBalance(msgspec.Struct, frozen=True):
    """One line of a trial balance; `code` may stand for all accounts below it."""

    code: str
    currency: str
    kind: Kind
    balance: int


class TrialBalance(msgspec.Struct, frozen=True):
    """Every account's balance, and per currency the sums of both sides, which are equal in sound books."""

    rows: list[AccountBalance]
    debits: dict[str, int]
    credits: dict[str, int]


_COUNTED = "m.effective_on <= :as_of AND m.recorded_on <= :known_on AND m.period <= :through"

_BALANCE = text(f"""
    SELECT coalesce(sum(m.amount), 0) FROM ledger.movements AS m
    WHERE m.book_id = :book AND m.account_id = :account AND {_COUNTED}""")

_BALANCES = text(f"""
    SELECT m.account_id, sum(m.amount) AS balance FROM ledger.movements AS m
    WHERE m.book_id = :book AND m.account_id = ANY (CAST(:accounts AS bigint[])) AND {_COUNTED}
    GROUP BY m.account_id""")

_TRIAL_BALANCE = text(f"""
    SELECT array_to_string((string_to_array(a.code, ':'))[1:CAST(:depth AS integer)], ':') AS code, a.currency, a.kind,
           sum(b.balance) AS balance
    FROM (
        SELECT m.account_id, sum(m.amount) AS balance FROM ledger.movements AS m
        WHERE m.book_id = :book AND {_COUNTED} GROUP BY m.account_id
    ) AS b
    JOIN ledger.accounts AS a ON a.book_id = :book AND a.account_id = b.account_id
    GROUP BY 1, 2, 3 ORDER BY 1, 2""")


async def balance(connection: AsyncConnection, book_id: int, account_id: int, moment: Moment = NOW) -> int:
    """The account's balance; zero for one that never moved."""
    asked = {"book": book_id, "account": account_id, **_bounds(moment)}
    return int((await connection.execute(_BALANCE, asked)).scalar_one())


async def balances_of(
    connection: AsyncConnection, book_id: int, account_ids: Collection[int], moment: Moment = NOW
) -> dict[int, int]:
    """Of these accounts, by their numbers; those that never moved are left out."""
    asked = {"book": book_id, "accounts": [*account_ids], **_bounds(moment)}
    return {row.account_id: int(row.balance) for row in await connection.execute(_BALANCES, asked)}


async def trial_balance(
    connection: AsyncConnection, book_id: int, moment: Moment = NOW, *, depth: int | None = None
) -> TrialBalance:
    """The balances of all accounts that ever moved, by code and currency.

    With `depth`, accounts are summed by the first so many words of their codes: at 2, all of
    `liabilities:held:…` is one row.
    """
    asked = {"book": book_id, "depth": depth or _DEEPEST, **_bounds(moment)}
    rows = [
        AccountBalance(row.code, row.currency, row.kind, int(row.balance))
        for row in await connection.execute(_TRIAL_BALANCE, asked)
    ]
    return TrialBalance(
        rows,
        debits=_sums((row.currency, row.balance) for row in rows if row.balance > 0),
        credits=_sums((row.currency, -row.balance) for row in rows if row.balance < 0),
    )


def _bounds(moment: Moment) -> dict[str, date]:
    return {name: day or date.max for name, day in msgspec.structs.asdict(moment).items()}


def _sums(amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for currency, amount in amounts:
        sums[currency] = sums.get(currency, 0) + amount
    return sums
