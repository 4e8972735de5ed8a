"""Balances: what each party is owed in a book, and where it stands, by the ledger's own accounts.

A party is `host`, `clipper-7` or `agency-3`. Amounts are in minor units of their currency, and positive for what is
owed: to the party, or where that is said by it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.balances import AccountBalance, trial_balance
from settlement.positions import DEFERRED_FEE, FEE_INCOME, SUSPENSE, agency_party, clipper_party, marketplace_account

_OWED = ("held", "available", "reserve", "frozen", "paying")
_OWES = "recoverable"
_STAGES = {**{f"liabilities:{stage}": stage for stage in _OWED}, f"assets:{_OWES}": _OWES}
"""By the words of an account's code before its party."""

EarningKind = Literal["clipper", "agency"]
"""Of a party that has something of its own with several hosts."""


class PartyBalance(msgspec.Struct, frozen=True, kw_only=True):
    """One party's in one currency. `available` is negative where more was given back than it had; `recoverable` is
    what it owes, and `paid` all that has left for its bank since the book was opened.
    """

    party: str
    currency: str
    held: int = 0
    available: int = 0
    reserve: int = 0
    frozen: int = 0
    paying: int = 0
    recoverable: int = 0
    paid: int = 0


class Receivable(msgspec.Struct, frozen=True):
    """What a marketplace owes the book."""

    marketplace: str
    currency: str
    amount: int


class Suspense(msgspec.Struct, frozen=True):
    """Commission that nobody is known to have earned."""

    currency: str
    amount: int


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's: `deferred` until the sales settle, `earned` of those that have."""

    currency: str
    deferred: int = 0
    earned: int = 0


class Balances(msgspec.Struct, frozen=True):
    """In order of parties and marketplaces, then of currencies."""

    parties: list[PartyBalance]
    suspense: list[Suspense]
    receivables: list[Receivable]
    fees: list[Fee]


class Expected(msgspec.Struct, frozen=True):
    """What becomes available on a day; with none, once the marketplace has settled it and its hold has run."""

    on: date | None
    amount: int


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """A clipper's or agency's with one host in one currency. `releases` are the days ahead on which what is held
    becomes available (a part of it may go into the reserve then), `reserve_releases` those on which reserve does.
    """

    book: str
    host: str
    balance: PartyBalance
    releases: list[Expected]
    reserve_releases: list[Expected]


async def party_balances(connection: AsyncConnection, book_id: int, party: str | None = None) -> Balances:
    """Of every party that ever had anything, or of one; receivables and the rest are the book's in either case."""
    rows = (await trial_balance(connection, book_id)).rows
    stages: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in rows:
        kind, _, whose = row.code.rpartition(":")
        if stage := _STAGES.get(kind):
            stages[whose, row.currency][stage] = _owed(stage, row.balance)
    paid = {(row.party, row.currency): int(row.paid) for row in await connection.execute(_PAID, {"book": book_id})}
    balances = [_balance(*its, stages[its], paid.get(its, 0)) for its in sorted(stages) if party in (None, its[0])]
    return Balances(balances, _suspense(rows), _receivables(rows), _fees(rows))


async def earnings(connection: AsyncConnection, kind: EarningKind, party_id: int) -> list[Earnings]:
    """A party's own, in order of books and currencies: a clipper's with every host whose grant it has or had, an
    agency's with every host whose terms name it.
    """
    party = {"clipper": clipper_party, "agency": agency_party}[kind](party_id)
    codes = [f"{account}:{party}" for account in _STAGES]
    own = {"party": party_id, "codes": codes, "paying": f"liabilities:paying:{party}"}
    ahead: dict[tuple[int, str, str], list[Expected]] = defaultdict(list)
    for row in await connection.execute(_AHEAD[kind], own):
        ahead[row.book_id, row.currency, row.stage].append(Expected(row.on_day, int(row.amount)))
    stages: dict[tuple[str, str, int, str], dict[str, int]] = defaultdict(dict)
    for row in await connection.execute(_OWN[kind], own):
        stage = _STAGES[row.code.removesuffix(f":{party}")]
        stages[row.slug, row.currency, row.book_id, row.name][stage] = _owed(stage, int(row.balance))
    rows = await connection.execute(_PAID_TO[kind], own)
    paid = {(row.book_id, row.party, row.currency): int(row.paid) for row in rows}
    return [
        Earnings(
            book=slug,
            host=name,
            balance=_balance(party, currency, amounts, paid.get((book_id, party, currency), 0)),
            releases=ahead[book_id, currency, "held"],
            reserve_releases=ahead[book_id, currency, "reserve"],
        )
        for (slug, currency, book_id, name), amounts in sorted(stages.items())
    ]


def _owed(stage: str, balance: int) -> int:
    """Positive as the reader expects it, from a balance that is positive for debits."""
    return balance if stage == _OWES else -balance


def _balance(party: str, currency: str, stages: dict[str, int], paid: int) -> PartyBalance:
    return PartyBalance(party=party, currency=currency, paid=paid, **stages)


def _suspense(rows: Iterable[AccountBalance]) -> list[Suspense]:
    return [Suspense(row.currency, -row.balance) for row in rows if row.code == SUSPENSE]


def _receivables(rows: Iterable[AccountBalance]) -> list[Receivable]:
    prefix = marketplace_account("")
    return [
        Receivable(row.code.removeprefix(prefix), row.currency, row.balance)
        for row in rows
        if row.code.startswith(prefix)
    ]


def _fees(rows: Iterable[AccountBalance]) -> list[Fee]:
    names = {DEFERRED_FEE: "deferred", FEE_INCOME: "earned"}
    sums: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row.code in names:
            sums[row.currency][names[row.code]] = -row.balance
    return [Fee(currency=currency, **its) for currency, its in sorted(sums.items())]


# SQL --------------------------------------------------------------------------------------------------------

# What leaves `paying` in an entry that also moves money on a rail, on balance: a transfer that failed moves it there
# and back in one entry, and is no payment.
_PAYMENTS: Any = """
    SELECT account.book_id, split_part(account.code, ':', 3) AS party, account.currency, sum(line.amount) AS paid
    FROM ledger.accounts AS account
    JOIN ledger.postings AS line USING (book_id, account_id)
    CROSS JOIN LATERAL (
        SELECT sum(other.amount) AS moved
        FROM ledger.postings AS other JOIN ledger.accounts AS rail USING (book_id, account_id)
        WHERE other.book_id = line.book_id AND other.entry_id = line.entry_id AND other.currency = line.currency
            AND (rail.code IN ('assets:stripe', 'assets:bank') OR rail.code LIKE 'assets:in-transit:%')
    ) AS rails
    WHERE {whose} AND rails.moved <> 0
    GROUP BY 1, 2, 3
"""
_BOOKS: dict[EarningKind, str] = {
    "clipper": "(SELECT DISTINCT book_id FROM licensing.grants WHERE clipper_id = :party)",
    "agency": """(SELECT DISTINCT book_id FROM licensing.terms_versions
                  WHERE terms ->> 'agency' = CAST(CAST(:party AS bigint) AS text))""",
}
_PAID = text(_PAYMENTS.format(whose="account.book_id = :book AND account.code LIKE 'liabilities:paying:%'"))
_PAID_TO = {
    kind: text(_PAYMENTS.format(whose=f"account.book_id IN {books} AND account.code = :paying"))
    for kind, books in _BOOKS.items()
}

_BALANCES: Any = """
    SELECT book.book_id, book.slug, book.name, account.code, account.currency, sum(moved.amount) AS balance
    FROM {books} AS theirs
    JOIN ledger.books AS book USING (book_id)
    JOIN ledger.accounts AS account USING (book_id)
    JOIN ledger.movements AS moved USING (book_id, account_id)
    WHERE account.code = ANY (CAST(:codes AS text[]))
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 2, 5, 4
"""
_OWN = {kind: text(_BALANCES.format(books=books)) for kind, books in _BOOKS.items()}

# A clipper's: sales, and what the close of a month shared otherwise (`settlement.true_ups`), in which agencies have no
# part. An agency's sales are found by the grants of the offers that name it.
_WAITING: dict[EarningKind, str] = {
    "clipper": f"""
        SELECT book_id, currency, 'held' AS stage, release_on AS on_day, clipper_part AS amount
        FROM {_BOOKS["clipper"]} AS theirs JOIN settlement.sales USING (book_id)
        WHERE clipper_id = :party AND stage = 'held'
        UNION ALL
        SELECT book_id, currency, 'reserve', reserve_until, reserved
        FROM {_BOOKS["clipper"]} AS theirs JOIN settlement.sales USING (book_id)
        WHERE clipper_id = :party AND reserved <> 0
        UNION ALL
        SELECT book_id, currency, 'held', release_on, clipper_change
        FROM {_BOOKS["clipper"]} AS theirs JOIN settlement.true_ups USING (book_id)
        WHERE clipper_id = :party AND release_entry IS NULL
    """,  # noqa: S608 - of constants
    "agency": """
        SELECT sale.book_id, currency, 'held' AS stage, release_on AS on_day, agency_part AS amount
        FROM (SELECT DISTINCT book_id, offer_id FROM licensing.terms_versions
              WHERE terms ->> 'agency' = CAST(CAST(:party AS bigint) AS text)) AS theirs
        JOIN licensing.grants AS its USING (book_id, offer_id)
        JOIN settlement.sales AS sale ON sale.book_id = its.book_id AND sale.grant_id = its.grant_id
        WHERE sale.agency_id = :party AND sale.stage = 'held'
    """,
}
_AHEAD = {
    kind: text(f"""
        SELECT book_id, currency, stage, on_day, sum(amount) AS amount
        FROM ({waiting}) AS waiting
        GROUP BY 1, 2, 3, 4
        HAVING sum(amount) <> 0
        ORDER BY 1, 2, 3, 4
    """)  # noqa: S608 - of constants
    for kind, waiting in _WAITING.items()
}
