"""What marketplaces owe, against what they have paid: by month of sale, or by the month in which sales settled.

Accrued is what sales of the month are worth now, settled is what of it marketplaces have said is final. Remitted is
what the ledger took off the marketplace's account against bank or Stripe; it names no month, and pays the oldest one
first. `other` is what else moved the account, such as a write-off. Per marketplace and currency accrued, remitted and
other make up the balance of the ledger's account; `difference` is what they don't, and nothing but zero is sound.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period
from ledger.sheets import decimal_of
from settlement.positions import marketplace_account
from settlement.reports.books import Book, Links, find_reported, month_end

By = Literal["sale", "settlement"]


class ReceivableMonth(Struct, frozen=True, kw_only=True):
    """`month` is null for sales that have not settled, where it is asked by settlement. `outstanding` is what of the
    accrued is not paid; `age` counts days since the month's end, null where nothing is outstanding.
    """

    month: str | None
    accrued: int
    settled: int
    remitted: int
    outstanding: int
    age: int | None
    links: Links


class MarketplaceReceivable(Struct, frozen=True, kw_only=True):
    """One marketplace in one currency; `remitted` and `other` as they moved what it owes: payments are negative."""

    marketplace: str
    currency: str
    accrued: int
    settled: int
    remitted: int
    other: int
    outstanding: int
    difference: int
    months: Sequence[ReceivableMonth]
    links: Links


class ReceivablesReport(Struct, frozen=True, kw_only=True):
    """As it is today. `proved`: every marketplace's sums are the ledger's."""

    book: str
    as_of: date
    by: By
    proved: bool
    rows: Sequence[MarketplaceReceivable]


class _Sold(NamedTuple):
    month: date | None
    accrued: int
    settled: int


class _Booked(NamedTuple):
    """On the marketplace's account; `paid` and `other` are parts of the balance."""

    balance: int = 0
    paid: int = 0
    other: int = 0


async def receivables(connection: AsyncConnection, book_id: int, *, by: By = "sale") -> ReceivablesReport:
    """By marketplace and currency, each by month, oldest first."""
    book = await find_reported(connection, book_id)
    sold: Mapping[tuple[str, str], list[_Sold]] = defaultdict(list)
    for row in await connection.execute(_BY[by], {"book": book_id}):
        sold[row.marketplace, row.currency].append(_Sold(row.month, int(row.accrued), int(row.settled)))
    booked = {
        (row.marketplace, row.currency): _Booked(int(row.balance), int(row.paid), int(row.other))
        for row in await connection.execute(_BOOKED, {"book": book_id, "prefix": marketplace_account("")})
    }
    keys = sorted({*sold, *booked})
    rows = [_receivable(book, *its, sold.get(its, []), booked.get(its, _Booked())) for its in keys]
    proved = not any(row.difference for row in rows)
    return ReceivablesReport(book=book.slug, as_of=book.today, by=by, proved=proved, rows=rows)


def sheet(report: ReceivablesReport) -> Iterator[Sequence[object]]:
    """A row for each month, and one for all of each marketplace, below a heading. Amounts are decimals."""
    yield (
        *("as_of", "marketplace", "currency", "month", "accrued", "settled"),
        *("remitted", "other", "outstanding", "age_days"),
    )
    for row in report.rows:
        before = report.as_of, row.marketplace, row.currency

        def money(*amounts: int, currency: str = row.currency) -> list[object]:
            return [decimal_of(amount, currency) for amount in amounts]

        for its in row.months:
            amounts = money(its.accrued, its.settled, its.remitted)
            yield *before, its.month or "unsettled", *amounts, None, *money(its.outstanding), its.age
        amounts = money(row.accrued, row.settled, row.remitted, row.other, row.outstanding)
        yield *before, "total", *amounts, None


def _receivable(
    book: Book, market: str, currency: str, sold: Sequence[_Sold], booked: _Booked
) -> MarketplaceReceivable:
    accrued = sum(its.accrued for its in sold)
    place = f"accounts/{marketplace_account(market)}/{currency}"
    statement = book.link(f"{place}/statement")
    links = {"outstanding": book.link(f"{place}/balance"), "remitted": statement, "other": statement}
    return MarketplaceReceivable(
        marketplace=market,
        currency=currency,
        accrued=accrued,
        settled=sum(its.settled for its in sold),
        remitted=booked.paid,
        other=booked.other,
        outstanding=booked.balance,
        difference=booked.balance - accrued - booked.paid - booked.other,
        months=_months(book, market, sold, -booked.paid - booked.other),
        links={**links, "accrued": book.link("sales", marketplace=market)},
    )


def _months(book: Book, market: str, sold: Sequence[_Sold], paid: int) -> list[ReceivableMonth]:
    """What was paid goes to the oldest month first; what is too much, to the last."""
    months = []
    for its in sold:
        last = its is sold[-1]
        share = paid if last else max(min(its.accrued, paid), 0)
        paid -= share
        months.append(_month(book, market, its, share))
    return months


def _month(book: Book, market: str, its: _Sold, share: int) -> ReceivableMonth:
    open_ = its.accrued - share
    end = None if its.month is None else month_end(its.month)
    link = book.link("sales", marketplace=market, since=its.month, until=end)
    return ReceivableMonth(
        month=None if its.month is None else format_period(its.month),
        accrued=its.accrued,
        settled=its.settled,
        remitted=-share,
        outstanding=open_,
        age=max((book.today - end).days, 0) if open_ and end else None,
        links={} if its.month is None else {"accrued": link},
    )


# SQL --------------------------------------------------------------------------------------------------------


def _sold(month: str) -> Any:
    return text(f"""
        SELECT marketplace, currency, month, sum(posted) AS accrued,
               coalesce(sum(posted) FILTER (WHERE state = 'settled'), 0) AS settled
        FROM (
            SELECT sale.marketplace, sale.currency, sale.posted, sale.state,
                   CAST(date_trunc('month', {month}) AS date) AS month
            FROM settlement.sales AS sale JOIN ledger.books AS book USING (book_id)
            WHERE sale.book_id = :book AND sale.posted <> 0
        ) AS its
        GROUP BY 1, 2, 3
        ORDER BY month NULLS LAST
    """)  # noqa: S608 - of constants


_BY: Mapping[By, Any] = {
    "sale": _sold("CAST(sale.sold_on AS timestamp)"),
    "settlement": _sold("""CASE WHEN sale.state = 'settled' THEN
        coalesce(sale.settled_at AT TIME ZONE book.time_zone, CAST(sale.sold_on AS timestamp)) END"""),
}

# A sale's own entries have accruals, or were posted with such only to take sales out of a currency.
_BOOKED = text("""
    WITH market AS MATERIALIZED (
        SELECT account_id, currency, substr(code, length(:prefix) + 1) AS marketplace
        FROM ledger.accounts WHERE book_id = :book AND starts_with(code, :prefix)
    ), rail AS MATERIALIZED (
        SELECT account_id FROM ledger.accounts
        WHERE book_id = :book AND (code IN ('assets:bank', 'assets:stripe') OR code LIKE 'assets:in-transit:%')
    ), line AS (
        SELECT account_id, entry_id, sum(amount) AS amount
        FROM ledger.postings JOIN market USING (account_id) WHERE book_id = :book GROUP BY 1, 2
    ), told AS MATERIALIZED (
        SELECT line.account_id, line.amount, transaction_id,
               (SELECT min(its.entry_id) FROM settlement.accruals AS its
                WHERE its.book_id = :book AND its.entry_id = line.entry_id) IS NOT NULL AS has_sales,
               EXISTS (SELECT FROM ledger.postings AS cash JOIN rail USING (account_id)
                       WHERE cash.book_id = :book AND cash.entry_id = line.entry_id) AS is_payment
        FROM line JOIN ledger.entries AS entry ON entry.book_id = :book AND entry.entry_id = line.entry_id
    ), summed AS (
        SELECT account_id,
               coalesce(sum(amount) FILTER (WHERE is_payment), 0) AS paid,
               coalesce(sum(amount) FILTER (WHERE NOT is_payment AND NOT has_sales AND transaction_id NOT IN
                   (SELECT transaction_id FROM told WHERE has_sales)), 0) AS other
        FROM told GROUP BY 1
    ), stood AS (
        SELECT account_id, sum(amount) AS balance
        FROM ledger.movements JOIN market USING (account_id) WHERE book_id = :book GROUP BY 1
    )
    SELECT marketplace, currency, balance, coalesce(paid, 0) AS paid, coalesce(other, 0) AS other
    FROM stood JOIN market USING (account_id) LEFT JOIN summed USING (account_id)
""")
