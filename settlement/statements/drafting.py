"""Drafting the statements of a month: all parties' in one statement of SQL, of one snapshot, and proving them.

A month is what is booked in it. Entries of sales are told by what they changed for each sale (`settlement.accruals`),
summed by clip; every other entry by its own lines. What a party's balances were comes from the ledger alone, so that
the sums prove that the one explains the other.

What is drafted, proved and compared is the current revision of the month; those before it were issued, and stay.
"""

from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.errors import StatementsDiffer, StatementsOutdated
from settlement.parties import BALANCES_CODE

BALANCES = ("held", "available", "reserve", "frozen", "paying", "recoverable")
"""A party's accounts: what it is owed, and last what it owes."""

KINDS = (
    "earned",
    "refund",
    "adjustment",
    "true-up",
    "release",
    "reserve",
    "frozen",
    "recovery",
    "withholding",
    "payout",
)
"""Of lines, in their order."""


async def draft_statements(connection: AsyncConnection, book_id: int, month: date) -> int:
    """Make the statements of every party with anything booked in the month, in place of earlier drafts; how many.

    Raises StatementsDiffer.
    """
    asked = {"book": book_id, "month": month}
    await connection.execute(_FORGET_LINES, asked)
    await connection.execute(_FORGET, asked)
    await connection.execute(_DRAFT, asked)
    await prove_statements(connection, book_id, month)
    return int((await connection.execute(_COUNT, asked)).scalar_one())


async def prove_statements(connection: AsyncConnection, book_id: int, month: date) -> None:
    """That for each balance of each statement opening + lines = closing. Raises StatementsDiffer."""
    wrong = (await connection.execute(_UNPROVEN, {"book": book_id, "month": month})).first()
    if wrong is not None:
        raise StatementsDiffer("statement", f"{wrong.party} {wrong.currency}")


async def check_current(connection: AsyncConnection, book_id: int, month: date) -> None:
    """That they say what the ledger says now. Raises StatementsOutdated."""
    if changed := await outdated(connection, book_id, month):
        raise StatementsOutdated("statements", changed)


async def seen_by(connection: AsyncConnection) -> dict[str, str]:
    """Which transactions' entries a draft that is made now has at least: others', and the caller's own."""
    row = (await connection.execute(_SEEN)).one()
    return {"snapshot": row.snapshot, "transaction": row.transaction}


async def outdated(connection: AsyncConnection, book_id: int, month: date) -> int:
    """How many statements are missing, do not have the ledger's balances, or not all of its entries: what cancels out
    leaves the balances as they were, and is told nevertheless.
    """
    return int((await connection.execute(_OUTDATED, {"book": book_id, "month": month})).scalar_one())


# SQL --------------------------------------------------------------------------------------------------------


def _each(pattern: str, between: str = ", ") -> str:
    """The pattern for each balance."""
    return between.join(pattern.format(name) for name in BALANCES)


_REVISION = "(SELECT revision FROM settlement.closings WHERE book_id = :book AND month = :month)"
_CURRENT = f"book_id = :book AND month = :month AND revision = {_REVISION}"
_FORGET_LINES = text(f"""
    DELETE FROM settlement.statement_lines WHERE book_id = :book AND statement_id IN
        (SELECT statement_id FROM settlement.statements WHERE {_CURRENT})
""")  # noqa: S608 - of constants
_FORGET = text(f"DELETE FROM settlement.statements WHERE {_CURRENT}")  # noqa: S608 - of constants
_COUNT = text(f"SELECT count(*) FROM settlement.statements WHERE {_CURRENT}")  # noqa: S608 - of constants

# What a party is owed is a credit in the books, and so is negative there; what it owes is a debit.
_STOOD = f"""
    place AS MATERIALIZED (
        SELECT account_id, currency, split_part(code, ':', 2) AS balance, split_part(code, ':', 3) AS party,
               CASE WHEN code LIKE 'assets:%' THEN 1 ELSE -1 END AS sign
        FROM ledger.accounts
        WHERE book_id = :book AND code ~ '{BALANCES_CODE}'
    ), stood AS (
        SELECT party, currency,
               {_each("coalesce(sum(owed) FILTER (WHERE balance = '{0}' AND period < :month), 0) AS opening_{0}")},
               {_each("coalesce(sum(owed) FILTER (WHERE balance = '{0}'), 0) AS closing_{0}")}
        FROM ledger.movements JOIN place USING (account_id) CROSS JOIN LATERAL (SELECT sign * amount AS owed) AS its
        WHERE book_id = :book AND period <= :month
        GROUP BY party, currency
        HAVING bool_or(period = :month)
    )"""  # noqa: S608 - of constants

# Of each sale that an entry of the month moved: where it stood before and after, by party. Where another party has it
# afterwards, or it is in another currency, what was before is given back. All entries of a transaction that moved sales
# are of sales: one that only takes them out of a currency has none of their changes to its name. (The least number is
# read from an index, whatever the planner believes of the table; to learn if there is any it may read all of it.)
_CHANGED = """
    booked AS MATERIALIZED (
        SELECT entry_id, description, currency, bool_or(has_sales) OVER (PARTITION BY transaction_id) AS of_sales
        FROM (
            SELECT entry_id, description, transaction_id,
                   (SELECT line.currency FROM ledger.postings AS line
                    WHERE line.book_id = :book AND line.entry_id = entry.entry_id AND line.line = 1) AS currency,
                   (SELECT min(its.entry_id) FROM settlement.accruals AS its
                    WHERE its.book_id = :book AND its.entry_id = entry.entry_id) IS NOT NULL AS has_sales
            FROM ledger.entries AS entry
            WHERE entry.book_id = :book AND entry.period = :month
        ) AS entry
    ), version AS MATERIALIZED (
        SELECT offer_id, version_no, 'agency-' || (terms ->> 'agency') AS agency
        FROM licensing.terms_versions WHERE book_id = :book
    ), holder AS MATERIALIZED (
        SELECT grant_id, offer_id, 'clipper-' || clipper_id AS clipper FROM licensing.grants WHERE book_id = :book
    ), change AS (
        SELECT now.*, booked.currency
        FROM booked JOIN settlement.accruals AS now ON now.book_id = :book AND now.entry_id = booked.entry_id
    )"""

MOVED = """
    moved AS (
        SELECT side.party, side.currency, sale.sale_id, now.entry_id,
               CASE WHEN side.given_back THEN was.submission_id ELSE now.submission_id END AS submission_id,
               sale.product, now.cause = 'observed' AND side.stays AS observed,
               side.part - side.was_part AS amount,
               CASE now.stage WHEN 'held' THEN side.part ELSE 0 END
                   - CASE was.stage WHEN 'held' THEN side.was_part ELSE 0 END AS held,
               CASE now.stage WHEN 'available' THEN side.part - side.reserved ELSE 0 END
                   - CASE was.stage WHEN 'available' THEN side.was_part - side.was_reserved ELSE 0 END AS available,
               side.reserved - side.was_reserved AS reserve,
               CASE now.stage WHEN 'frozen' THEN side.part ELSE 0 END
                   - CASE was.stage WHEN 'frozen' THEN side.was_part ELSE 0 END AS frozen
        FROM change AS now
        JOIN settlement.sales AS sale ON sale.book_id = :book AND sale.sale_id = now.sale_id
        LEFT JOIN settlement.accruals AS was
            ON was.book_id = :book AND was.sale_id = now.sale_id AND was.change_no = now.change_no - 1
        LEFT JOIN ledger.postings AS first
            ON first.book_id = :book AND first.entry_id = was.entry_id AND first.line = 1
        LEFT JOIN holder AS its ON its.grant_id = now.grant_id
        LEFT JOIN holder AS their ON their.grant_id = was.grant_id
        LEFT JOIN version AS terms ON terms.offer_id = its.offer_id AND terms.version_no = now.version_no
        LEFT JOIN version AS before ON before.offer_id = their.offer_id AND before.version_no = was.version_no
        CROSS JOIN LATERAL (SELECT
            first.currency = now.currency IS TRUE AS host,
            (first.currency, their.clipper) = (now.currency, its.clipper) IS TRUE AS clipper,
            (first.currency, before.agency) = (now.currency, terms.agency) IS TRUE AS agency
        ) AS same
        CROSS JOIN LATERAL (VALUES
            ('host', now.currency, same.host, now.host_part, 0,
             CASE WHEN same.host THEN was.host_part ELSE 0 END, 0, false),
            (CASE WHEN NOT same.host THEN 'host' END, first.currency, false, 0, 0, was.host_part, 0, true),
            (its.clipper, now.currency, same.clipper, now.clipper_part, now.reserved,
             CASE WHEN same.clipper THEN was.clipper_part ELSE 0 END,
             CASE WHEN same.clipper THEN was.reserved ELSE 0 END, false),
            (CASE WHEN NOT same.clipper THEN their.clipper END, first.currency, false, 0, 0,
             was.clipper_part, was.reserved, true),
            (terms.agency, now.currency, same.agency, now.agency_part, 0,
             CASE WHEN same.agency THEN was.agency_part ELSE 0 END, 0, false),
            (CASE WHEN NOT same.agency THEN before.agency END, first.currency, false, 0, 0, was.agency_part, 0, true)
        ) AS side (party, currency, stays, part, reserved, was_part, was_reserved, given_back)
        WHERE side.party IS NOT NULL AND side.currency IS NOT NULL
          AND (side.part <> side.was_part OR side.reserved <> side.was_reserved
               OR now.stage IS DISTINCT FROM was.stage AND side.part <> 0)
    )"""

KIND_OF_MOVE = """
    CASE WHEN amount > 0 THEN 'earned'
         WHEN amount < 0 AND observed THEN 'refund'
         WHEN amount < 0 THEN 'adjustment'
         WHEN frozen <> 0 THEN 'frozen'
         ELSE 'moved' END"""
"""What a change of a sale is to a party; `moved` is told as release and reserve."""

# A sum is told by clip; what only went from one account of the party's to another is told by kind.
_OF_SALES = f"""
    summed AS MATERIALIZED (
        SELECT party, currency, kind, submission_id, product, count(DISTINCT sale_id) AS sales,
               sum(held) AS held, sum(available) AS available, sum(reserve) AS reserve, sum(frozen) AS frozen
        FROM (
            SELECT party, currency, sale_id, held, available, reserve, frozen, kind,
                   CASE WHEN kind NOT IN ('frozen', 'moved') THEN submission_id END AS submission_id,
                   CASE WHEN kind NOT IN ('frozen', 'moved') AND submission_id IS NULL THEN product END AS product
            FROM moved CROSS JOIN LATERAL (SELECT {KIND_OF_MOVE} AS kind) AS named
        ) AS each
        GROUP BY 1, 2, 3, 4, 5
    ), of_sales AS (
        SELECT party, currency, kind, submission_id, product, sales, held, available, reserve, frozen
        FROM summed WHERE kind <> 'moved' AND (held, available, reserve, frozen) <> (0, 0, 0, 0)
        UNION ALL
        SELECT party, currency, 'release', NULL, NULL, sales, held, -held, 0, 0
        FROM summed WHERE kind = 'moved' AND held <> 0
        UNION ALL
        SELECT party, currency, 'reserve', NULL, NULL, sales, 0, -reserve, reserve, 0
        FROM summed WHERE kind = 'moved' AND reserve <> 0
    )"""  # noqa: S608 - of constants

_OTHERS = f"""
    withheld AS MATERIALIZED (
        SELECT account_id FROM ledger.accounts WHERE book_id = :book AND code LIKE 'liabilities:withheld:%'
    ), other AS MATERIALIZED (
        SELECT entry_id, description,
               (SELECT min(its.entry_id) FROM settlement.true_ups AS its
                WHERE its.book_id = :book AND its.entry_id = booked.entry_id) IS NOT NULL AS trues_up,
               (SELECT count(*) FROM ledger.postings AS line
                WHERE line.book_id = :book AND line.entry_id = booked.entry_id
                  AND line.account_id IN (SELECT account_id FROM withheld)) > 0 AS withholds
        FROM booked WHERE NOT of_sales
    ), of_entries AS (
        SELECT party, currency, entry_id, description, {_each("{0}")}, CASE
            WHEN trues_up THEN 'true-up'
            WHEN amount <> 0 AND withholds THEN 'withholding'
            WHEN paying <> 0 THEN 'payout'
            WHEN amount <> 0 THEN 'adjustment'
            WHEN recoverable <> 0 THEN 'recovery'
            WHEN frozen <> 0 THEN 'frozen'
            WHEN reserve <> 0 THEN 'reserve'
            ELSE 'release' END AS kind
        FROM (
            SELECT party, place.currency, entry_id, description, trues_up, withholds, -sum(line.amount) AS amount,
                   {_each("coalesce(sum(sign * line.amount) FILTER (WHERE balance = '{0}'), 0) AS {0}")}
            FROM other
            JOIN ledger.postings AS line USING (entry_id)
            JOIN place USING (account_id)
            WHERE line.book_id = :book
            GROUP BY 1, 2, 3, 4, 5, 6
        ) AS summed
        WHERE ({_each("{0}")}) <> (0, 0, 0, 0, 0, 0)
    )"""  # noqa: S608 - of constants

_DRAFT = text(f"""
    WITH {_STOOD}, made AS (
        INSERT INTO settlement.statements (
            book_id, month, revision, party, clipper_id, agency_id, name, currency,
            {_each("opening_{0}")}, {_each("closing_{0}")})
        SELECT :book, :month, {_REVISION}, stood.party,
               CASE its.kind WHEN 'clipper' THEN its.party_id END, CASE its.kind WHEN 'agency' THEN its.party_id END,
               coalesce(its.name, CASE stood.party WHEN 'host' THEN book.name ELSE stood.party END), stood.currency,
               {_each("opening_{0}")}, {_each("closing_{0}")}
        FROM stood
        JOIN ledger.books AS book ON book.book_id = :book
        LEFT JOIN licensing.parties AS its ON its.kind || '-' || its.party_id = stood.party
        ORDER BY its.kind DESC NULLS FIRST, its.party_id, stood.currency
        RETURNING statement_id, party, currency
    ), {_CHANGED}, {MOVED}, {_OF_SALES}, {_OTHERS}, line AS (
        SELECT party, currency, kind, submission_id, product, NULL::bigint AS entry_id, NULL AS description, sales,
               held, available, reserve, frozen, 0 AS paying, 0 AS recoverable FROM of_sales
        UNION ALL
        SELECT party, currency, kind, NULL, NULL, entry_id, description, 0, {_each("{0}")} FROM of_entries
    )
    INSERT INTO settlement.statement_lines (
        book_id, statement_id, line_no, kind, submission_id, product, entry_id, label, sales, {_each("{0}")})
    SELECT :book, made.statement_id, row_number() OVER (
               PARTITION BY made.statement_id
               ORDER BY array_position(CAST(:kinds AS text[]), kind), line.submission_id, product, entry_id),
           kind, line.submission_id, product, entry_id, coalesce(clip.title, description), sales,
           {_each("line.{0}")}
    FROM line
    JOIN made USING (party, currency)
    LEFT JOIN (SELECT submission_id, title FROM licensing.submissions WHERE book_id = :book) AS clip
        ON clip.submission_id = line.submission_id
""").bindparams(kinds=list(KINDS))  # noqa: S608 - of constants

_UNPROVEN = text(f"""
    SELECT party, currency
    FROM settlement.statements AS its
    LEFT JOIN (
        SELECT statement_id, {_each("sum({0}) AS {0}")}
        FROM settlement.statement_lines
        WHERE book_id = :book AND statement_id IN
            (SELECT statement_id FROM settlement.statements WHERE {_CURRENT})
        GROUP BY statement_id
    ) AS line USING (statement_id)
    WHERE {_CURRENT}
      AND ({_each("opening_{0} + coalesce({0}, 0) <> closing_{0}", " OR ")})
    ORDER BY statement_id LIMIT 1
""")  # noqa: S608 - of constants

_SEEN = text("SELECT pg_current_snapshot()::text AS snapshot, pg_current_xact_id()::text AS transaction")

_OUTDATED = text(f"""
    WITH {_STOOD}, drafted AS (
        SELECT CAST(detail #>> '{{seen,snapshot}}' AS pg_snapshot) AS snapshot,
               CAST(detail #>> '{{seen,transaction}}' AS xid8) AS own
        FROM settlement.closing_events
        WHERE book_id = :book AND month = :month AND action = 'drafted' ORDER BY event_no DESC LIMIT 1
    ), fresh AS (
        SELECT party, place.currency
        FROM drafted
        JOIN ledger.entries AS entry ON entry.book_id = :book AND entry.period = :month AND entry.line_count > 0
            AND entry.transaction_id >= pg_snapshot_xmin(snapshot) AND entry.transaction_id <> own
            AND NOT pg_visible_in_snapshot(entry.transaction_id, snapshot)
        JOIN ledger.postings AS line ON line.book_id = :book AND line.entry_id = entry.entry_id
        JOIN place USING (account_id)
    )
    SELECT count(*)
    FROM stood
    FULL JOIN (SELECT * FROM settlement.statements WHERE {_CURRENT}) AS its
        USING (party, currency)
    WHERE ({_each("stood.opening_{0}")}, {_each("stood.closing_{0}")})
            IS DISTINCT FROM ({_each("its.opening_{0}")}, {_each("its.closing_{0}")})
        OR (party, currency) IN (SELECT party, currency FROM fresh)
""")  # noqa: S608 - of constants
