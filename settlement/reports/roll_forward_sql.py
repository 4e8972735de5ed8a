"""The statements behind the roll-forward: from a month's entries to what they did to each party, and to a page of it.

What they did is read from every sale that was posted in the month (`_LIVE`). Of a large book it is kept
(`settlement.rolled`), and then that is all that is read.
"""

from functools import lru_cache

from sqlalchemy import TextClause, text

from settlement.reports.books import PARTY_ACCOUNTS

MOVES = ("earned", "refunds", "adjustments", "true_ups", "withholding", "recoveries", "payouts")
"""Between opening and closing, in the order of a statement's lines."""
AMOUNTS = ("opening", *MOVES, "closing", "recoverable")


@lru_cache
def query_of(by_party: bool, kept: bool, alone: bool) -> TextClause:
    """Rows with `place`, `party`, `currency`, the amounts, and whether the movements make up the closing (`proved`);
    then those of all rows by currency, in place 0, which are proved if each row is. Parameters: `book`, `month`, the
    places `after` and `until` which rows are asked for, and `party`, of whom `alone` they are.
    """
    if kept and not alone:
        shown = f"shown AS ({_KEPT} AND by_party = {by_party})"
    else:
        shown = _shown(by_party, _ROLLED if kept else _LIVE, "WHERE party = :party" if alone else "")
    return text(f"""
        WITH {shown}
        SELECT * FROM shown WHERE place <= :until AND (place = 0 OR place > :after)
        ORDER BY place = 0, place, currency
    """)  # noqa: S608 - of constants


@lru_cache
def keeping_of(by_party: bool) -> TextClause:
    """Keep the rows and totals of a book's month by parties, or by their kinds once those by parties are kept.
    Parameters: `book`, `month`.
    """
    return text(f"""
        WITH {_shown(by_party, _LIVE if by_party else _ROLLED)}
        INSERT INTO settlement.rolled (book_id, month, by_party, {_SHOWN})
        SELECT :book, :month, {by_party}, {_SHOWN} FROM shown
    """)  # noqa: S608 - of constants


def _shown(by_party: bool, rolled: str, which: str = "") -> str:
    """Of rows by party and currency (`rolled`): those that are shown, and their totals."""
    amounts = _COLUMNS if by_party else _SUMS
    return f"""
        {rolled}, chosen AS MATERIALIZED (
            SELECT {"party" if by_party else _KIND} AS party, currency, {amounts}
            FROM rolled {which} {"" if by_party else "GROUP BY 1, 2"}
        ), shown AS (
            SELECT row_number() OVER (ORDER BY {_ORDER}) AS place, party, currency, {_COLUMNS}, {_PROVED} AS proved
            FROM chosen
            UNION ALL
            SELECT 0, 'all', currency, {_SUMS}, bool_and({_PROVED}) FROM chosen GROUP BY currency
        )"""  # noqa: S608 - of constants


_COLUMNS = ", ".join(AMOUNTS)
_SHOWN = f"place, party, currency, {_COLUMNS}, proved"
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in AMOUNTS)
_PROVED = f"closing = opening + {' + '.join(MOVES)}"
_KIND = "CASE left(party, 1) WHEN 'h' THEN 'host' WHEN 'c' THEN 'clippers' ELSE 'agencies' END"
_ORDER = "left(party, 1), length(party), party, currency"  # clipper 9 before clipper 10

_KEPT = f"SELECT {_SHOWN} FROM settlement.rolled WHERE book_id = :book AND month = :month"  # noqa: S608 - of constants
_ROLLED = f"rolled AS ({_KEPT} AND by_party AND place > 0)"

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

# Of those who had anything, were owed it, or moved.
_LIVE = f"""
    {_BOOKED}, {_FRESH}, {_CHANGED}, {_OTHERS}, stood AS (
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
    ), rolled AS (
        SELECT party COLLATE "C" AS party, currency, {", ".join(f"coalesce({name}, 0) AS {name}" for name in AMOUNTS)}
        FROM stood FULL JOIN summed USING (party, currency)
        WHERE moved IS NOT FALSE OR closing <> 0 OR recoverable <> 0
    )"""  # noqa: S608 - of constants
