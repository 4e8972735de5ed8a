"""The roll-forward of a month: how what is owed to hosts, clippers and agencies came from its opening to its closing.

Payables are a party's five liability accounts: held, available, reserve, frozen, paying. What goes from one of them to
another is no movement here. A month is what is booked in it. Entries of sales are told apart by what they changed for
each sale (`settlement.accruals`), every other entry by its own lines, just as on statements; openings and closings are
the ledger's balances. So that the one explains the other is proved by each report itself: `difference` is what of the
closing nothing explains, and nothing but zero is sound.

One column differs from statements: a statement counts what a party owes against the rest, so that what was kept back
for it is no movement there. Here it is, in `recoveries`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.periods import format_period
from ledger.sheets import decimal_of
from settlement.reports.books import PARTY_ACCOUNTS, Book, Links, find_reported

MOVES = ("earned", "refunds", "adjustments", "true_ups", "withholding", "recoveries", "payouts")
"""Between opening and closing, in the order of a statement's lines."""
_AMOUNTS = ("opening", *MOVES, "closing", "recoverable")
_KINDS = {"host": "host", "clipper": "clippers", "agency": "agencies"}
By = Literal["kind", "party"]


class Movement(Struct, frozen=True, kw_only=True):
    """Of one party, or of all of a kind (`host`, `clippers`, `agencies`), or of `all`; in minor units, positive for
    what is owed to it. `recoverable` is what it owes at the end, which the closing does not count.
    """

    party: str
    currency: str
    opening: int
    earned: int
    refunds: int
    adjustments: int
    true_ups: int
    withholding: int
    recoveries: int
    payouts: int
    closing: int
    recoverable: int
    difference: int
    links: Links


class RollForward(Struct, frozen=True, kw_only=True):
    """`proved`: every row's movements make up its closing. `totals` are of all parties, by currency."""

    book: str
    month: str
    as_of: date
    proved: bool
    rows: Sequence[Movement]
    totals: Sequence[Movement]
    next_cursor: str | None = None


async def roll_forward(
    connection: AsyncConnection, book_id: int, month: date, *, by: By = "kind", party: str | None = None
) -> RollForward:
    """By kinds of parties or party by party, or of one party; those who had anything, were owed it, or moved."""
    book = await find_reported(connection, book_id)
    found = (await connection.execute(_ROLL, {"book": book_id, "month": month})).all()
    chosen = [row for row in found if party in (None, row.party)]
    each = by == "party" or party is not None
    rows = _movements(book, month, ((row.party if each else _kind(row.party), row) for row in chosen))
    return RollForward(
        book=book.slug,
        month=format_period(month),
        as_of=book.today,
        proved=not any(row.difference for row in rows),
        rows=rows,
        totals=_movements(book, month, (("all", row) for row in chosen)),
    )


def sheet(report: RollForward) -> Iterator[Sequence[object]]:
    """A row for each row and total, below a heading. Amounts are decimals."""
    names = ("party", "currency", *_AMOUNTS, "difference")
    yield ("month", *names)
    for row in (*report.rows, *report.totals):
        amounts = (decimal_of(getattr(row, name), row.currency) for name in names[2:])
        yield report.month, row.party, row.currency, *amounts


def _kind(party: str) -> str:
    return _KINDS[party.partition("-")[0]]


def _movements(book: Book, month: date, rows: Iterable[tuple[str, Any]]) -> list[Movement]:
    """Summed by these names and by currency, in order."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for name, row in rows:
        its = sums.setdefault((name, row.currency), Counter())
        for amount in _AMOUNTS:
            its[amount] += int(row._mapping[amount])
    return [_movement(book, month, name, currency, its) for (name, currency), its in sorted(sums.items(), key=_order)]


def _order(named: tuple[tuple[str, str], object]) -> tuple[str, int, str]:
    """Clipper 9 before clipper 10."""
    (name, currency), _ = named
    kind, _, number = name.partition("-")
    return kind, int(number or 0), currency


def _movement(book: Book, month: date, name: str, currency: str, its: Counter[str]) -> Movement:
    amounts = {amount: its[amount] for amount in _AMOUNTS}
    explained = amounts["opening"] + sum(amounts[move] for move in MOVES)
    through = format_period(month)
    party = name if name == "host" or "-" in name else None
    of_month = book.link("statements", month=through, party=party, currency=currency)
    links = {**dict.fromkeys(MOVES, of_month), "closing": book.link("trial-balance", through=through)}
    return Movement(party=name, currency=currency, **amounts, difference=amounts["closing"] - explained, links=links)


# SQL --------------------------------------------------------------------------------------------------------

# Of sales is an entry that has accruals, and one that the same transaction posted only to take sales out of a currency:
# none of them ends in it. (The least number is read from an index, whatever the planner believes of the table.)
_BOOKED = f"""
    place AS MATERIALIZED (
        {PARTY_ACCOUNTS}
    ), market AS MATERIALIZED (
        SELECT account_id FROM ledger.accounts WHERE book_id = :book AND code LIKE 'assets:marketplace:%'
    ), marked AS MATERIALIZED (
        SELECT entry_id, transaction_id,
               (SELECT line.currency FROM ledger.postings AS line
                WHERE line.book_id = :book AND line.entry_id = entry.entry_id AND line.line = 1) AS currency,
               (SELECT min(its.entry_id) FROM settlement.accruals AS its
                WHERE its.book_id = :book AND its.entry_id = entry.entry_id) IS NOT NULL AS has_sales
        FROM ledger.entries AS entry
        WHERE entry.book_id = :book AND entry.period = :month
    ), booked AS MATERIALIZED (
        SELECT entry_id, currency, has_sales, has_sales
                   OR transaction_id IN (SELECT transaction_id FROM marked WHERE has_sales)
                  AND EXISTS (SELECT FROM ledger.postings AS line JOIN market USING (account_id)
                              WHERE line.book_id = :book AND line.entry_id = marked.entry_id) AS of_sales
        FROM marked
    )"""  # noqa: S608 - of constants

# What was posted first for a sale has no part before it, and is summed at once: most of a month is that.
_FRESH = """
    holder AS MATERIALIZED (
        SELECT grant_id, offer_id, 'clipper-' || clipper_id AS clipper FROM licensing.grants WHERE book_id = :book
    ), version AS MATERIALIZED (
        SELECT offer_id, version_no, 'agency-' || (terms ->> 'agency') AS agency
        FROM licensing.terms_versions WHERE book_id = :book
    ), fresh AS MATERIALIZED (
        SELECT now.grant_id, now.version_no, booked.currency,
               sum(greatest(host_part, 0)) AS host_up, sum(least(host_part, 0)) AS host_down,
               sum(greatest(clipper_part, 0)) AS clipper_up, sum(least(clipper_part, 0)) AS clipper_down,
               sum(greatest(agency_part, 0)) AS agency_up, sum(least(agency_part, 0)) AS agency_down
        FROM booked JOIN settlement.accruals AS now ON now.book_id = :book AND now.entry_id = booked.entry_id
        WHERE booked.has_sales AND now.change_no = 1 AND now.grant_id IS NOT NULL
        GROUP BY 1, 2, 3
    ), of_fresh AS (
        SELECT side.party, fresh.currency, side.up AS earned, 0 AS refunds, side.down AS adjustments
        FROM fresh
        JOIN holder AS its USING (grant_id)
        LEFT JOIN version AS terms ON terms.offer_id = its.offer_id AND terms.version_no = fresh.version_no
        CROSS JOIN LATERAL (VALUES
            ('host', host_up, host_down),
            (its.clipper, clipper_up, clipper_down),
            (terms.agency, agency_up, agency_down)
        ) AS side (party, up, down)
        WHERE side.party IS NOT NULL
    )"""

_CHANGED = """
    changed AS MATERIALIZED (
        SELECT booked.currency, first.currency AS was_currency, now.cause, now.host_part, now.clipper_part,
               now.agency_part, was.host_part AS was_host_part, was.clipper_part AS was_clipper_part,
               was.agency_part AS was_agency_part, its.clipper, their.clipper AS was_clipper, terms.agency,
               before.agency AS was_agency
        FROM booked
        JOIN settlement.accruals AS now ON now.book_id = :book AND now.entry_id = booked.entry_id
        JOIN settlement.accruals AS was
            ON was.book_id = :book AND was.sale_id = now.sale_id AND was.change_no = now.change_no - 1
        JOIN ledger.postings AS first ON first.book_id = :book AND first.entry_id = was.entry_id AND first.line = 1
        LEFT JOIN holder AS its ON its.grant_id = now.grant_id
        LEFT JOIN holder AS their ON their.grant_id = was.grant_id
        LEFT JOIN version AS terms ON terms.offer_id = its.offer_id AND terms.version_no = now.version_no
        LEFT JOIN version AS before ON before.offer_id = their.offer_id AND before.version_no = was.version_no
        WHERE booked.has_sales AND now.change_no > 1 AND (
            now.cause = 'observed'
            OR (now.host_part, now.clipper_part, now.agency_part, now.grant_id, now.version_no)
               IS DISTINCT FROM (was.host_part, was.clipper_part, was.agency_part, was.grant_id, was.version_no))
    ), of_changed AS (
        SELECT side.party, side.currency, greatest(side.amount, 0) AS earned,
               CASE WHEN side.stays AND cause = 'observed' THEN least(side.amount, 0) ELSE 0 END AS refunds,
               CASE WHEN side.stays AND cause = 'observed' THEN 0 ELSE least(side.amount, 0) END AS adjustments
        FROM changed
        CROSS JOIN LATERAL (SELECT
            was_currency = currency AS host,
            (was_currency, was_clipper) = (currency, clipper) IS TRUE AS clipper,
            (was_currency, was_agency) = (currency, agency) IS TRUE AS agency
        ) AS same
        CROSS JOIN LATERAL (VALUES
            ('host', currency, same.host, host_part - CASE WHEN same.host THEN was_host_part ELSE 0 END),
            (CASE WHEN NOT same.host THEN 'host' END, was_currency, false, -was_host_part),
            (changed.clipper, currency, same.clipper,
             clipper_part - CASE WHEN same.clipper THEN was_clipper_part ELSE 0 END),
            (CASE WHEN NOT same.clipper THEN was_clipper END, was_currency, false, -was_clipper_part),
            (changed.agency, currency, same.agency,
             agency_part - CASE WHEN same.agency THEN was_agency_part ELSE 0 END),
            (CASE WHEN NOT same.agency THEN was_agency END, was_currency, false, -was_agency_part)
        ) AS side (party, currency, stays, amount)
        WHERE side.party IS NOT NULL AND side.amount <> 0
    )"""

# By the same rules as on statements (`settlement.statements.drafting`).
_OTHERS = """
    withheld AS MATERIALIZED (
        SELECT account_id FROM ledger.accounts WHERE book_id = :book AND code LIKE 'liabilities:withheld:%'
    ), line AS MATERIALIZED (
        SELECT place.party, place.currency, entry_id,
               -coalesce(sum(amount) FILTER (WHERE balance <> 'recoverable'), 0) AS owed,
               coalesce(sum(amount) FILTER (WHERE balance = 'recoverable'), 0) AS owes,
               coalesce(sum(amount) FILTER (WHERE balance = 'paying'), 0) <> 0 AS pays
        FROM booked
        JOIN ledger.postings AS line USING (entry_id)
        JOIN place USING (account_id)
        WHERE line.book_id = :book AND NOT booked.of_sales
        GROUP BY 1, 2, 3
    ), of_entries AS (
        SELECT party, currency, owed, CASE
            WHEN EXISTS (SELECT FROM settlement.true_ups AS its
                         WHERE its.book_id = :book AND its.entry_id = line.entry_id) THEN 'true_ups'
            WHEN owed <> owes AND EXISTS (
                SELECT FROM ledger.postings AS tax JOIN withheld USING (account_id)
                WHERE tax.book_id = :book AND tax.entry_id = line.entry_id) THEN 'withholding'
            WHEN pays THEN 'payouts'
            WHEN owed <> owes THEN 'adjustments'
            ELSE 'recoveries' END AS kind
        FROM line WHERE owed <> 0
    )"""

_ROLL = text(f"""
    WITH {_BOOKED}, {_FRESH}, {_CHANGED}, {_OTHERS}, stood AS (
        SELECT party, currency,
               coalesce(-sum(amount) FILTER (WHERE balance <> 'recoverable' AND period < :month), 0) AS opening,
               coalesce(-sum(amount) FILTER (WHERE balance <> 'recoverable'), 0) AS closing,
               coalesce(sum(amount) FILTER (WHERE balance = 'recoverable'), 0) AS recoverable,
               bool_or(period = :month) AS moved
        FROM ledger.movements JOIN place USING (account_id)
        WHERE book_id = :book AND period <= :month
        GROUP BY 1, 2
    ), told AS (
        SELECT party, currency, earned, refunds, adjustments, 0 AS true_ups, 0 AS withholding, 0 AS recoveries,
               0 AS payouts FROM of_fresh
        UNION ALL
        SELECT party, currency, earned, refunds, adjustments, 0, 0, 0, 0 FROM of_changed
        UNION ALL
        SELECT party, currency, 0, 0, {", ".join(f"CASE kind WHEN '{move}' THEN owed ELSE 0 END" for move in MOVES[2:])}
        FROM of_entries
    ), summed AS (
        SELECT party, currency, {", ".join(f"sum({move}) AS {move}" for move in MOVES)} FROM told GROUP BY 1, 2
    )
    SELECT party, currency, coalesce(opening, 0) AS opening, coalesce(closing, 0) AS closing,
           coalesce(recoverable, 0) AS recoverable, {", ".join(f"coalesce({move}, 0) AS {move}" for move in MOVES)}
    FROM stood FULL JOIN summed USING (party, currency)
    WHERE moved IS NOT FALSE OR closing <> 0 OR recoverable <> 0
""")  # noqa: S608 - of constants
