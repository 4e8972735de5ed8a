"""Ageing: for how long money has been owed to parties, and for how long commission has been in suspense.

Payables are aged from the ledger, first in, first out: what a party is owed on a day is made up of the newest amounts
credited to it, for what left it paid the oldest. A credit is what a day of effect added to the party's five liability
accounts together, so what only went from held to available keeps its age. Where more was given back than there was, the
balance is negative, and is as old as what was taken: the same rule the other way round. Suspense is aged sale by sale
(`settlement.suspense`), from the day of sale. Both have one shape.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.sheets import decimal_of
from settlement import suspense
from settlement.reports.books import PARTY_ACCOUNTS, Book, Links, find_reported

BUCKETS: Sequence[tuple[int, int | None]] = ((0, 30), (31, 60), (61, 90), (91, None))
"""Ages in days, both ends included; the last has no end."""


class AgedAmount(Struct, frozen=True):
    """What is from so many to so many days old; null is no end."""

    from_days: int
    to_days: int | None
    amount: int


class Aged(Struct, frozen=True, kw_only=True):
    """Of a party (`suspense` has none), in minor units. `oldest` is an age in days; the buckets sum to the amount."""

    party: str
    currency: str
    amount: int
    oldest: int
    buckets: Sequence[AgedAmount]
    links: Links


class AgeingReport(Struct, frozen=True, kw_only=True):
    """As it was at the end of the day `as_of`, by effect. `totals` are of all rows, by currency."""

    book: str
    of: Literal["payables", "suspense"]
    as_of: date
    rows: Sequence[Aged]
    totals: Sequence[Aged]
    next_cursor: str | None = None


async def payables_ageing(
    connection: AsyncConnection, book_id: int, as_of: date | None = None, *, party: str | None = None
) -> AgeingReport:
    """By parties and currencies; of today, unless another day is named."""
    book = await find_reported(connection, book_id)
    day = as_of or book.today
    asked = {"book": book_id, "as_of": day, "party": party, "starts": [start for start, _ in BUCKETS]}
    amounts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    oldest: dict[tuple[str, str], int] = defaultdict(int)
    for row in await connection.execute(_PAYABLES, asked):
        its = row.party, row.currency
        amounts[its][row.bucket - 1] = int(row.amount)
        oldest[its] = max(oldest[its], row.oldest)
    rows = [
        _aged(*its, oldest[its], amounts[its], {"amount": book.link("balances", party=its[0])})
        for its in sorted(amounts, key=_order)
    ]
    return AgeingReport(book=book.slug, of="payables", as_of=day, rows=rows, totals=_totals(book, rows))


async def suspense_ageing(connection: AsyncConnection, book_id: int) -> AgeingReport:
    """By currency, as it is today."""
    book = await find_reported(connection, book_id)
    rows = [
        Aged(
            party="suspense",
            currency=its.currency,
            amount=its.amount,
            oldest=its.oldest,
            buckets=[AgedAmount(each.from_days, each.to_days, each.amount) for each in its.buckets],
            links={"amount": book.link("suspense", currency=its.currency)},
        )
        for its in await suspense.ageing(connection, book_id, book.today)
    ]
    return AgeingReport(book=book.slug, of="suspense", as_of=book.today, rows=rows, totals=rows)


def sheet(report: AgeingReport) -> Iterator[Sequence[object]]:
    """A row for each row, and for each total of payables, below a heading. Amounts are decimals."""
    bounds = BUCKETS if report.of == "payables" else suspense.BUCKETS
    days = [f"{start}-{end} days" if end is not None else f"over {start - 1} days" for start, end in bounds]
    yield ("as_of", "party", "currency", "amount", "oldest_days", *days)
    for row in report.rows if report.of == "suspense" else (*report.rows, *report.totals):
        amounts = (decimal_of(bucket.amount, row.currency) for bucket in row.buckets)
        yield report.as_of, row.party, row.currency, decimal_of(row.amount, row.currency), row.oldest, *amounts


def _aged(party: str, currency: str, oldest: int, amounts: dict[int, int], links: Links) -> Aged:
    return Aged(
        party=party,
        currency=currency,
        amount=sum(amounts.values()),
        oldest=oldest,
        buckets=[AgedAmount(*bounds, amounts.get(place, 0)) for place, bounds in enumerate(BUCKETS)],
        links=links,
    )


def _totals(book: Book, rows: Sequence[Aged]) -> list[Aged]:
    sums: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    oldest: dict[str, int] = defaultdict(int)
    for row in rows:
        oldest[row.currency] = max(oldest[row.currency], row.oldest)
        for place, bucket in enumerate(row.buckets):
            sums[row.currency][place] += bucket.amount
    links = {"amount": book.link("trial-balance", depth=2)}
    return [_aged("all", currency, oldest[currency], its, links) for currency, its in sorted(sums.items())]


def _order(its: tuple[str, str]) -> tuple[str, int, str]:
    """Clipper 9 before clipper 10."""
    kind, _, number = its[0].partition("-")
    return kind, int(number or 0), its[1]


# SQL --------------------------------------------------------------------------------------------------------

# `side` is -1 where the party owes on balance; then what was taken from it is aged.
_PAYABLES = text(f"""
    WITH place AS MATERIALIZED (
        {PARTY_ACCOUNTS}
    ), day AS (
        SELECT party, currency, effective_on, -sum(amount) AS amount,
               sum(-sum(amount)) OVER (PARTITION BY party, currency) AS balance
        FROM ledger.movements JOIN place USING (account_id)
        WHERE book_id = :book AND effective_on <= :as_of AND balance <> 'recoverable'
          AND (CAST(:party AS text) IS NULL OR party = :party)
        GROUP BY 1, 2, 3
    ), credit AS (
        SELECT party, currency, effective_on, sign(balance) AS side, abs(balance) AS balance, abs(amount) AS amount,
               sum(abs(amount)) OVER (PARTITION BY party, currency ORDER BY effective_on DESC) AS so_far
        FROM day WHERE sign(amount) = sign(balance) AND balance <> 0
    ), left_over AS (
        SELECT party, currency, CAST(:as_of AS date) - effective_on AS age,
               side * least(amount, balance - (so_far - amount)) AS amount
        FROM credit WHERE so_far - amount < balance
    )
    SELECT party, currency, width_bucket(age, CAST(:starts AS integer[])) AS bucket, sum(amount) AS amount,
           max(age) AS oldest
    FROM left_over GROUP BY 1, 2, 3
""")  # noqa: S608 - of constants
