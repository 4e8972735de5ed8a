"""The one statement behind every performance report: sales to orders, orders to rows, clicks beside them, and a page.

Orders are counted by grouping by them first, which costs one hash and no sort. The lists of filters and keys are
closed: nothing that anybody sends becomes SQL.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

Side = Literal["book", "clipper"]

_SUMS = {
    "gmv": "gmv",
    "net_gmv": "net_gmv",
    "commission": "posted",
    "host": "host_part",
    "clipper": "clipper_part",
    "agency": "agency_part",
    "platform_fee": "platform_part",
}
"""Figures that are sums of a column of sales."""
_NOTHING = ", ".join("NULL" for _ in _SUMS)
_COUNTS = ("lines", "orders", "returned_orders")
FIGURES = (
    *("gmv", "net_gmv", "refunded", "orders", "lines", "returned_orders", "gmv_return_ppm", "order_return_ppm"),
    *("commission", "host", "clipper", "agency", "platform_fee", "clicks", "conversion_ppm"),
)
"""Of a row, in the order in which they are shown."""


class _Key(NamedTuple):
    """What rows are grouped by: of a sale, and of a click, which not everything has; and how it is shown."""

    sale: str
    click: str | None
    shown: str = "CAST(key AS text)"
    name: str = "CAST(NULL AS text)"
    within: str = "CAST(NULL AS text)"


_MONTH = "CAST(date_trunc('month', CAST({} AS timestamp)) AS date)"
_KEYS: dict[str, _Key] = {
    "clipper": _Key(
        "sale.clipper_id",
        "submission.clipper_id",
        name="(SELECT name FROM licensing.parties WHERE party_id = CAST(key AS bigint))",
    ),
    "clip": _Key("sale.submission_id", "submission.submission_id"),
    "product": _Key("sale.product", None, within="sale.marketplace"),
    "offer": _Key("sale.offer_id", "granted.offer_id"),
    "marketplace": _Key("sale.marketplace", None),
    "platform": _Key("sale.platform", "click.platform"),
    "day": _Key("sale.sold_on", "click.day"),
    "month": _Key(_MONTH.format("sale.sold_on"), "click.day", shown="to_char(key, 'YYYY-MM')"),
    "host": _Key("book.slug", "book.slug", name="(SELECT name FROM ledger.books WHERE slug = key)"),
    "all": _Key("CAST(NULL AS text)", "CAST(NULL AS text)"),
}
_NUMBERED = ("clipper", "clip", "offer")
_OF_HOST = ("clip", "offer", "host")
"""What a clipper is told with the book it is of."""
_TITLE = "(SELECT title FROM licensing.{0}s AS its WHERE its.{0}_id = CAST(key AS bigint) AND its.book_id = {1})"
_NAMES = {"clip": "submission", "offer": "offer"}
_BOOKS = {"book": ":whose", "clipper": "(SELECT book_id FROM ledger.books WHERE slug = within)"}

_SALES = {
    "currency": "sale.currency = :currency",
    "marketplace": "sale.marketplace = :marketplace",
    "clipper": "sale.clipper_id = :clipper",
    "offer": "sale.offer_id = :offer",
    "submission": "sale.submission_id = :submission",
}
_CLICKS = {
    "currency": "offer.currency = :currency",
    "marketplace": "false",
    "clipper": "submission.clipper_id = :clipper",
    "offer": "granted.offer_id = :offer",
    "submission": "submission.submission_id = :submission",
}
_OF_CLIPPER = """(click.book_id, click.platform, click.content_id) IN (
                      SELECT its.book_id, its.platform, its.content_id
                      FROM licensing.submissions JOIN licensing.publications AS its USING (book_id, submission_id)
                      WHERE clipper_id = :whose)"""


async def plan_for_all(connection: AsyncConnection) -> None:
    """Have the server plan for a book's whole period, until the transaction ends: it takes a book that has lately grown
    for a few rows, and would look for each of a million by itself.
    """
    await connection.execute(_PLAN)


_PLAN = text("""
    SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true),
           set_config('work_mem', '64MB', true)
""")


def query_of(side: Side, by: str, filters: Sequence[str], sort: str, descending: bool) -> TextClause:
    """Rows with `key`, `within`, `name`, `currency`, the figures, and `is_total` for those of all rows. Parameters:
    `whose`, `since`, `until`, `offset`, `limit`, and the filters that are named.
    """
    return _query(side, by, tuple(filters), sort, descending)


@lru_cache(maxsize=512)
def _query(side: Side, by: str, filters: tuple[str, ...], sort: str, descending: bool) -> TextClause:
    return text(f"{_summed_up(side, by, filters)}{_shown(side, by, sort, descending)}")


@lru_cache(maxsize=512)
def kept_query_of(by: str, sort: str, descending: bool) -> TextClause:
    """The same of a book's rows that are kept (`settlement.sold`). Parameters: `whose`, `since`, which is when their
    period begins, `kind`, `offset`, `limit`.
    """
    figures = ", ".join((*_SUMS, *_COUNTS, "clicks"))
    kept = "FROM settlement.sold WHERE book_id = :whose AND since = :since AND kind = :kind AND place"
    return text(f"""
        WITH joined AS (SELECT key, within, currency, {figures} {kept} > 0),
        total AS (SELECT currency, {figures} {kept} = 0)
        {_shown("book", by, sort, descending)}
    """)


@lru_cache
def keeping_of(by: str) -> TextClause:
    """Keep all rows of a book, and their totals. Parameters: `whose`, `since`, `until`, `kind`."""
    figures = ", ".join((*_SUMS, *_COUNTS, "clicks"))
    return text(f"""
        {_summed_up("book", by, ())}
        INSERT INTO settlement.sold (book_id, since, kind, place, key, within, currency, {figures})
        SELECT :whose, :since, :kind, row_number() OVER (ORDER BY {_order(by, "gmv", True)}), key, within, currency,
               {figures} FROM joined
        UNION ALL
        SELECT :whose, :since, :kind, 0, NULL, NULL, currency, {figures} FROM total
    """)  # noqa: S608 - of constants


def _shown(side: Side, by: str, sort: str, descending: bool) -> str:
    """A page of what was summed up, and the totals."""
    name = _TITLE.format(_NAMES[by], _BOOKS[side]) if by in _NAMES else _KEYS[by].name
    order = _order(by, sort, descending)
    return f"""
        , page AS (
            SELECT * FROM joined ORDER BY {order} OFFSET :offset LIMIT CAST(:limit AS bigint)
        )
        SELECT key, within, currency, {_rated()}, false AS is_total, row_number() OVER (ORDER BY {order}) AS place,
               {name} AS name FROM page
        UNION ALL
        SELECT NULL, NULL, currency, {_rated()}, true, 0, NULL FROM total
        ORDER BY is_total, place, currency
    """  # noqa: S608 - of constants


def _summed_up(side: Side, by: str, filters: Sequence[str]) -> str:
    """`joined`, the rows, and `total`."""
    key = _KEYS[by]
    hosted = side == "clipper" and by in _OF_HOST
    within = "book.slug" if hosted else key.within
    books = "JOIN ledger.books AS book ON book.book_id = {}.book_id" if hosted else ""
    whose = {"book": "sale.book_id", "clipper": "sale.clipper_id"}[side]
    where = " AND ".join(
        [
            f"{whose} = :whose",
            "sale.sold_on BETWEEN :since AND :until",
            *(_SALES[each] for each in filters),
        ]
    )
    sales = f"FROM settlement.sales AS sale {books.format('sale')} WHERE {where}"
    return f"""
        WITH ordered AS MATERIALIZED (
            SELECT {key.sale} AS key, {within} AS within, sale.currency, sale.marketplace, sale.order_no,
                   bool_or(sale.net_gmv < sale.gmv) AS returned
            {sales} GROUP BY 1, 2, 3, 4, 5
        ), row AS (
            SELECT {key.sale} AS key, {within} AS within, sale.currency, count(*) AS lines,
                   CAST(NULL AS bigint) AS orders, CAST(NULL AS bigint) AS returned_orders,
                   CAST(NULL AS numeric) AS clicks,
                   {", ".join(f"sum(sale.{column}) AS {figure}" for figure, column in _SUMS.items())}
            {sales} GROUP BY 1, 2, 3
            UNION ALL
            SELECT key, within, currency, NULL, count(*), count(*) FILTER (WHERE returned), NULL, {_NOTHING}
            FROM ordered GROUP BY 1, 2, 3
            {_clicked(side, by, within, books, filters)}
        ), joined AS MATERIALIZED (
            SELECT {key.shown} AS key, within, currency, {_put_together("max", *_SUMS, *_COUNTS, "clicks")} FROM row
            GROUP BY row.key, 2, 3
        ), whole AS (
            SELECT currency, {_put_together("sum", *_SUMS, "lines", "clicks")} FROM joined GROUP BY currency
        ), whole_orders AS (
            SELECT currency, count(*) AS orders, count(*) FILTER (WHERE returned) AS returned_orders
            FROM {_orders(by)} GROUP BY currency
        ), total AS (
            SELECT whole.*, coalesce(orders, 0) AS orders, coalesce(returned_orders, 0) AS returned_orders
            FROM whole LEFT JOIN whole_orders USING (currency)
        )
    """  # noqa: S608 - of constants


def _orders(by: str) -> str:
    """Each order once. One that is in several rows is found again, but where none can be."""
    if by in ("all", "marketplace"):
        return "ordered"
    return (
        "(SELECT currency, bool_or(returned) AS returned FROM ordered GROUP BY currency, marketplace, order_no) AS its"
    )


def _clicked(side: Side, by: str, within: str, books: str, filters: Sequence[str]) -> str:
    """Rows of clicks alone, to be summed up with those of sales. They are summed by content first, for there may be a
    row of each content and day; by day, that would sum nothing.
    """
    key = _KEYS[by]
    if key.click is None:
        return ""
    its = {"book": "click.book_id = :whose", "clipper": _OF_CLIPPER}[side]
    narrowed = [_CLICKS[each] for each in filters]
    if side == "clipper":
        narrowed.append("submission.clipper_id = :whose")
    else:  # the server would not see by itself that all are of one book
        narrowed += [f"{table}.book_id = :whose" for table in ("posting", "submission", "granted", "offer")]
    day = {"day": "click.day", "month": _MONTH.format("click.day")}.get(by, "CAST(NULL AS date)")
    grouped = "" if by == "day" else "GROUP BY 1, 2, 3, 4"
    clicks = "click.clicks" if by == "day" else "sum(click.clicks)"
    return f"""
            UNION ALL
            SELECT {key.click}, {within}, offer.currency, NULL, NULL, NULL, sum(click.clicks), {_NOTHING}
            FROM (SELECT book_id, platform, content_id, {day} AS day, {clicks} AS clicks
                  FROM settlement.clicks AS click WHERE {its} AND click.day BETWEEN :since AND :until
                  {grouped}) AS click
            JOIN licensing.publications AS posting USING (book_id, platform, content_id)
            JOIN licensing.submissions AS submission
                ON submission.book_id = posting.book_id AND submission.submission_id = posting.submission_id
            JOIN licensing.grants AS granted
                ON granted.book_id = submission.book_id AND granted.grant_id = submission.grant_id
            JOIN licensing.offers AS offer ON offer.book_id = granted.book_id AND offer.offer_id = granted.offer_id
            {books.format("posting")}
            WHERE {" AND ".join(["offer.currency IS NOT NULL", *narrowed])}
            GROUP BY 1, 2, 3"""  # noqa: S608 - of constants


def _put_together(function: Literal["max", "sum"], *names: str) -> str:
    """Nothing counts as none, but for clicks, which may be unknown. Of one row, each figure has one value and else
    null, and the largest of these costs less than their sum.
    """
    return ", ".join(
        f"{function}({name}) AS {name}" if name == "clicks" else f"coalesce({function}({name}), 0) AS {name}"
        for name in names
    )


_WORKED_OUT = {
    "refunded": "gmv - net_gmv",
    "gmv_return_ppm": "CASE WHEN gmv > 0 THEN round((gmv - net_gmv) * 1000000 / gmv) END",
    "order_return_ppm": "CASE WHEN orders > 0 THEN round(returned_orders * 1000000 / CAST(orders AS numeric)) END",
    "conversion_ppm": "CASE WHEN clicks > 0 THEN round(orders * 1000000 / clicks) END",
}


def _rated() -> str:
    """The figures in their order."""
    return ", ".join(f"{_WORKED_OUT.get(name, name)} AS {name}" for name in FIGURES)


def _order(by: str, sort: str, descending: bool) -> str:
    way = "DESC" if descending else "ASC"
    keys = ("length(key)", "key") if by in _NUMBERED else ("key",)
    if sort == "key":
        return ", ".join([*(f"{key} {way} NULLS LAST" for key in keys), "within", "currency"])
    return ", ".join([f"{_WORKED_OUT.get(sort, sort)} {way} NULLS LAST", *keys, "within", "currency"])
