"""How clippers and offers have sold, for matching: sums of sales and clicks, written down where licensing reads them.

An offer's are of its book; a clipper's are of all its hosts, by platform and by the category of the offers it sold for.
An order counts once in each of them, and is returned if any of its lines is worth less than it was. Clicks are in the
currency of the clip's offer; where nobody tells of any, they are null, not zero.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from settlement.lately import TOLD

EVERY = timedelta(hours=1)
"""At most so often are a book's facts worked out anew: what matching ranks by need not be newer."""


async def refresh_facts(connection: AsyncConnection, book_id: int, *, every: timedelta = EVERY) -> int | None:
    """Work out the facts of a book's offers and of their clippers, if anything in the book has changed since they were;
    the number of offers, or None where there was nothing to do. Two at once take turns.
    """
    asked = {"book": book_id, "every": every}
    if not await connection.scalar(_DUE, asked):
        return None
    await connection.execute(_TURN)
    if not await connection.scalar(_DUE, asked):
        return None
    offers = (await connection.execute(_OFFERS, asked)).rowcount
    await connection.execute(_FORGET_CLIPPERS, asked)
    await connection.execute(_CLIPPERS, asked)
    return offers


# SQL --------------------------------------------------------------------------------------------------------

_DUE = text(f"""
    SELECT EXISTS (SELECT FROM licensing.offers WHERE book_id = :book AND currency IS NOT NULL)
        AND (fact.as_of IS NULL OR fact.as_of <= now() - CAST(:every AS interval)
             AND greatest({TOLD}, (SELECT max(created_at) FROM licensing.offers WHERE book_id = :book))
                 > fact.as_of - interval '10 minutes')
    FROM (SELECT min(as_of) AS as_of FROM licensing.offer_facts WHERE book_id = :book) AS fact
""")  # noqa: S608 - of constants
_TURN = text("SELECT pg_advisory_xact_lock(hashtext('settlement.facts'))")

_NUMBERS = """sum(gmv) AS gmv, sum(commission) AS commission, count(*) AS orders,
                   count(*) FILTER (WHERE returned) AS returned"""
_ORDER = "sum(gmv) AS gmv, sum(posted) AS commission, bool_or(net_gmv < gmv) AS returned"
_BOUNDED = "CAST(greatest(least({}, 9223372036854775807), -9223372036854775807) AS bigint)"
_GMV, _COMMISSION = _BOUNDED.format("coalesce(gmv, 0)"), _BOUNDED.format("coalesce(commission, 0)")
_CLICKS = f"CASE WHEN clicks IS NOT NULL THEN {_BOUNDED.format('clicks')} END"

_OFFERS = text(f"""
    WITH sold AS (
        SELECT offer_id, currency, {_NUMBERS}
        FROM (SELECT offer_id, currency, marketplace, order_no, {_ORDER}
              FROM settlement.sales WHERE book_id = :book AND offer_id IS NOT NULL GROUP BY 1, 2, 3, 4) AS orders
        GROUP BY 1, 2
    ), clicked AS (
        SELECT granted.offer_id, sum(click.clicks) AS clicks
        FROM settlement.clicks AS click
        JOIN licensing.publications AS posting USING (book_id, platform, content_id)
        JOIN licensing.submissions AS submission USING (book_id, submission_id)
        JOIN licensing.grants AS granted ON granted.book_id = :book AND granted.grant_id = submission.grant_id
        WHERE click.book_id = :book GROUP BY 1
    )
    INSERT INTO licensing.offer_facts AS fact (
        book_id, offer_id, currency, gmv, commission, orders, returned, clicks, as_of)
    SELECT :book, offer_id, currency, {_GMV}, {_COMMISSION}, coalesce(orders, 0), coalesce(returned, 0), {_CLICKS},
           now()
    FROM (
        SELECT offer_id, currency FROM licensing.offers WHERE book_id = :book AND currency IS NOT NULL
        UNION
        SELECT offer_id, currency FROM licensing.offer_facts WHERE book_id = :book
        UNION
        SELECT offer_id, currency FROM sold
    ) AS named
    LEFT JOIN sold USING (offer_id, currency)
    LEFT JOIN (SELECT offer_id, currency, clicks FROM clicked
               JOIN licensing.offers AS offer USING (offer_id) WHERE offer.book_id = :book) AS told
        USING (offer_id, currency)
    ON CONFLICT (book_id, offer_id, currency) DO UPDATE SET
        gmv = excluded.gmv, commission = excluded.commission, orders = excluded.orders, returned = excluded.returned,
        clicks = excluded.clicks, as_of = excluded.as_of
""")  # noqa: S608 - of constants

_THEIRS = "SELECT DISTINCT clipper_id FROM licensing.grants WHERE book_id = :book"

_FORGET_CLIPPERS = text(f"""
    DELETE FROM licensing.clipper_facts WHERE clipper_id IN ({_THEIRS})
""")  # noqa: S608 - of constants

# A sale of which nothing tells the platform counts for its category alone.
_CLIPPERS = text(f"""
    WITH theirs AS MATERIALIZED ({_THEIRS}), sold AS (
        SELECT clipper_id, platform, category, currency, {_NUMBERS}
        FROM (
            SELECT sale.clipper_id, coalesce(sale.platform, 'unknown') AS platform, offer.category, sale.currency,
                   sale.marketplace, sale.order_no, {_ORDER}
            FROM theirs
            JOIN settlement.sales AS sale ON sale.clipper_id = theirs.clipper_id
            JOIN licensing.offers AS offer ON offer.book_id = sale.book_id AND offer.offer_id = sale.offer_id
            GROUP BY 1, 2, 3, 4, 5, 6
        ) AS orders
        GROUP BY 1, 2, 3, 4
    ), clicked AS (
        SELECT submission.clipper_id, click.platform, offer.category, offer.currency, sum(click.clicks) AS clicks
        FROM theirs
        JOIN licensing.submissions AS submission USING (clipper_id)
        JOIN licensing.publications AS posting USING (book_id, submission_id)
        JOIN settlement.clicks AS click
            ON click.book_id = posting.book_id AND click.platform = posting.platform
           AND click.content_id = posting.content_id
        JOIN licensing.grants AS granted
            ON granted.book_id = submission.book_id AND granted.grant_id = submission.grant_id
        JOIN licensing.offers AS offer ON offer.book_id = granted.book_id AND offer.offer_id = granted.offer_id
        GROUP BY 1, 2, 3, 4
    )
    INSERT INTO licensing.clipper_facts (
        clipper_id, platform, category, currency, gmv, orders, returned, clicks, as_of)
    SELECT clipper_id, platform, category, currency, {_GMV}, coalesce(orders, 0), coalesce(returned, 0), {_CLICKS},
           now()
    FROM sold FULL JOIN clicked USING (clipper_id, platform, category, currency)
""")  # noqa: S608 - of constants
