"""Entries of many sales at once: what they move on an account on one day, in one currency, is one line."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.accounts import BUSY_STRIPES, NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry
from ledger.periods import month_of
from settlement.arrays import text_array

_QUIET = ":clipper-"
"""Part of the codes of accounts that few entries touch."""


class Entries:
    """One entry for each (currency, day), numbered from 0 in the order in which they come up.

    A day of a month that is locked is booked in the first month that is open.
    """

    def __init__(self, key: str, description: str, metadata: Mapping[str, str], locked: date | None) -> None:
        self._named = key, description, dict(metadata)
        self._locked = locked
        self._numbers: dict[tuple[str, date], int] = {}
        self._lines: list[list[Mapping[str, int]]] = []

    def add(self, currency: str, on: date, lines: Mapping[str, int]) -> int | None:
        """Amounts by account that sum to zero; the number of the entry, null where there are none."""
        if not lines:
            return None
        number = self._numbers.setdefault((currency, on), len(self._lines))
        if number == len(self._lines):
            self._lines.append([])
        self._lines[number].append(lines)
        return number

    def made(self) -> list[NewEntry]:
        """In order of their numbers."""
        key, description, metadata = self._named
        return [
            NewEntry(
                idempotency_key=f"{key}:{currency}:{on}",
                effective_on=on,
                description=description,
                lines=tuple(Line(account, currency, amount) for account, amount in _summed(self._lines[number])),
                metadata=metadata,
                period=self._period(on),
            )
            for (currency, on), number in self._numbers.items()
        ]

    def _period(self, on: date) -> date | None:
        if self._locked is None or month_of(on) > self._locked:
            return None
        return month_of(self._locked + timedelta(days=31))


def _summed(lines: Sequence[Mapping[str, int]]) -> list[tuple[str, int]]:
    """Account by account. Where that leaves nothing at all, debits and credits each by themselves: two sales whose
    differences cancel each other have still moved.
    """
    sums: dict[str, int] = {}
    for each in lines:
        for account, amount in each.items():
            sums[account] = sums.get(account, 0) + amount
    return sorted((account, amount) for account, amount in sums.items() if amount) or _by_side(lines)


def _by_side(lines: Sequence[Mapping[str, int]]) -> list[tuple[str, int]]:
    sides: Counter[tuple[str, bool]] = Counter()
    for each in lines:
        for account, amount in each.items():
            sides[account, amount > 0] += amount
    return sorted((account, amount) for (account, _), amount in sides.items())


# Accounts ---------------------------------------------------------------------------------------------------

_FIND = "SELECT ledger.find_accounts(%s, %s::text[], %s::text[])"


async def open_accounts(connection: AsyncConnection, book_id: int, entries: Iterable[NewEntry]) -> None:
    """Those of the entries' accounts that the book does not have. Raises InvalidAccount."""
    await open_named(connection, book_id, {(line.account, line.currency) for entry in entries for line in entry.lines})


async def open_named(connection: AsyncConnection, book_id: int, names: Collection[tuple[str, str]]) -> None:
    """Those of the accounts, by code and currency, that the book does not have. Raises InvalidAccount."""
    if not names:
        return
    arrays = text_array(code for code, _ in names), text_array(currency for _, currency in names)
    found = (await connection.exec_driver_sql(_FIND, (book_id, *arrays))).scalar_one()
    missing = [name for name, account_id in zip(names, found, strict=True) if account_id is None]
    if missing:
        await ensure_accounts(
            connection, book_id, [NewAccount(code, currency, _stripes(code)) for code, currency in missing]
        )


def _stripes(code: str) -> int:
    """Every sale touches a marketplace's account and the host's, few a clipper's."""
    return 1 if _QUIET in code else BUSY_STRIPES
