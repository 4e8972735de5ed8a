"""The marketplace as clippers see it: which offers are open, how well they fit, and what is in one.

One statement brings all open offers as columns, and says of each whether it was searched for: the market by which they
are measured doesn't depend on the question. They are ranked here, by `licensing.matching`, and only those of one page
are read whole. Full offers fall out there, since only for a page's offers places are worth counting.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.money import exponent, format_amount
from licensing import columns
from licensing.approval import Approval, decode_approval
from licensing.errors import InvalidQuery, OfferNotFound
from licensing.handles import confirmed_accounts
from licensing.markets import ClipperProfile, OpenOffers, Sales
from licensing.matching import rank_offers
from licensing.offers import find_terms
from licensing.parties import find_party
from licensing.scoring import Fit, Flags, Whole, best_rows
from licensing.terms import Terms
from licensing.vocabulary import check_languages, check_platform, check_text, check_words

Sort = Literal["fit", "newest"]
Place = tuple[int, int]
"""Where a page ended: the key by which it is sorted, and the number."""
_FIRST_LOOK = 64  # offers read whole at first; then twice as many


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for: `q` are words that title, summary or licensor contain, every one of them; `least_share_ppm`
    is the clipper's part of what is shared. What is null doesn't matter.
    """

    q: str | None = None
    platform: str | None = None
    category: str | None = None
    language: str | None = None
    currency: str | None = None
    least_share_ppm: int | None = None


class OpenOffer(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody may know of an open offer, and how well it fits the clipper who asks.

    `clipper_ppm`: the clipper's part of what is shared, below the first tier, in millionths. `places_left`: null where
    there is no end of them. `standing`: what the clipper has of it already.
    """

    offer_id: int
    title: str
    summary: str
    licensor: str
    category: str
    languages: tuple[str, ...]
    platforms: tuple[str, ...]
    territories: tuple[str, ...] | None
    currency: str
    clipper_ppm: int
    places_left: int | None
    applications_until: datetime | None
    ends_at: datetime | None
    opened_at: datetime
    standing: Literal["none", "applied", "granted"]
    fit: Fit


class OfferToAccept(OpenOffer, frozen=True, kw_only=True):
    """With its newest terms; `sha256` is what accepting names. `approval`: what approves an application at once."""

    version_no: int
    terms: Terms
    sha256: str
    published_at: datetime
    approval: tuple[str, ...]


async def search_offers(
    connection: AsyncConnection,
    clipper_id: int,
    search: Search,
    *,
    sort: Sort = "fit",
    after: Place | None = None,
    limit: int = 100,
) -> tuple[list[OpenOffer], Place | None]:
    """Open offers, those that fit best first or the newest; and where the page ended, if more follow.

    Raises PartyNotFound, InvalidQuery.
    """
    market = await _Market.read(connection, search)
    ranking = rank_offers(await profile_of(connection, clipper_id), market.offers)
    keys = ranking.scores_ppm if sort == "fit" else market.opened
    rows = best_rows(keys, market.ids, market.wanted, after)
    found = [each async for each in _with_places(connection, clipper_id, market.ids, rows, limit + 1)]
    page = [_open_offer(row, ranking.fit(number)) for number, row in found[:limit]]
    last = found[limit - 1][0] if len(found) > limit else None
    return page, None if last is None else (int(keys[last]), int(market.ids[last]))


async def offer_for_clipper(connection: AsyncConnection, clipper_id: int, offer_id: int) -> OfferToAccept:
    """An open offer whole, full or not. Raises OfferNotFound, PartyNotFound."""
    market = await _Market.read(connection, Search())
    number = np.flatnonzero(market.ids == offer_id)
    if not len(number):
        raise OfferNotFound("offer", offer_id)
    row = (await _details(connection, clipper_id, [offer_id], full=True))[0]
    ranking = rank_offers(await profile_of(connection, clipper_id), market.offers)
    version = await find_terms(connection, row.book_id, offer_id, row.version_no)
    shown = msgspec.structs.asdict(_open_offer(row, ranking.fit(int(number[0]))))
    approval = tuple(in_words(decode_approval(row.approval), row.currency))
    plain = {name: getattr(version, name) for name in ("version_no", "terms", "sha256", "published_at")}
    return OfferToAccept(**shown, **plain, approval=approval)


async def profile_of(connection: AsyncConnection, clipper_id: int) -> ClipperProfile:
    """What there is to know of a clipper. Raises PartyNotFound."""
    party = await find_party(connection, clipper_id, "clipper")
    accounts = (await confirmed_accounts(connection, [clipper_id])).get(clipper_id, ())
    sold = (await connection.execute(_SOLD, {"clipper_id": clipper_id})).all()
    by_platform: dict[str, float] = {}
    by_category: dict[str, float] = {}
    for platform, category, orders in sold:
        by_platform[platform] = by_platform.get(platform, 0) + float(orders)
        by_category[category] = by_category.get(category, 0) + float(orders)
    return ClipperProfile(
        categories=frozenset(party.categories),
        languages=" ".join(party.languages),
        platforms=frozenset(account.partition(":")[0] for account in accounts),
        orders=sum(by_platform.values()),
        by_category=by_category,
        by_platform=by_platform,
    )


def in_words(approval: Approval | None, currency: str) -> list[str]:
    """By what an application is approved at once, a sentence for each rule; none where a person decides."""
    if approval is None:
        return []
    words = {
        "platforms": lambda its: f"a confirmed account on each of {', '.join(its)}",
        "countries": lambda its: f"a profile in one of {', '.join(its)}",
        "languages": lambda its: f"a profile that names one of {', '.join(its)}",
        "least_approved_clips": lambda its: f"at least {its} approved clips",
        "least_orders": lambda its: f"at least {its} orders",
        "least_gmv": lambda its: f"sales of at least {format_amount(its, currency)} {currency}",
        "most_returned_ppm": lambda its: f"at most {its / 10_000:g} % of orders returned",
    }
    asked = {name: getattr(approval, name) for name in words}
    return [words[name](value) for name, value in asked.items() if value is not None] or ["every application"]


# The market -------------------------------------------------------------------------------------------------


class _Market(msgspec.Struct, frozen=True):
    """All open offers: as columns, with their numbers, when they were opened (in microseconds since 2000, as the server
    counts), and which are wanted.
    """

    offers: OpenOffers
    ids: Whole
    opened: Whole
    wanted: Flags

    @classmethod
    async def read(cls, connection: AsyncConnection, search: Search) -> "_Market":
        """Raises InvalidQuery."""
        row = (await connection.execute(_OPEN_OFFERS, _parameters(search))).one()
        names = ("clipper_ppm", "commission", "gmv", "orders", "returned", "clicks")
        its = {name: np.maximum(columns.integers(row._mapping[name]), 0).astype(np.float64) for name in names}
        clicked = np.where(columns.integers(row.clicks) < 0, 0, its["orders"])
        sales = Sales(its["gmv"], its["orders"], its["returned"], clicked, its["clicks"])
        categories, platforms, languages, currencies = columns.words(row.words, 4)
        money = (its["clipper_ppm"], its["commission"], sales)
        offers = OpenOffers(categories, platforms, languages, currencies, *money)
        return cls(offers, columns.integers(row.ids), columns.integers(row.opened), columns.flags(row.wanted))


def _parameters(search: Search) -> dict[str, Any]:
    """Raises InvalidQuery."""
    if search.platform is not None:
        check_platform(search.platform, InvalidQuery)
    if search.category is not None:
        check_words((search.category,), InvalidQuery, "category")
    if search.language is not None:
        check_languages((search.language,), InvalidQuery, "language")
    if search.currency is not None:
        exponent(search.currency)
    said = "" if search.q is None else check_text(search.q, InvalidQuery, "q", least=0, most=100)
    parameters = msgspec.structs.asdict(search)
    del parameters["q"]
    return parameters | {"patterns": [f"%{_literal(word)}%" for word in said.split()]}


def _literal(word: str) -> str:
    """A word in which LIKE finds nothing special."""
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


async def _with_places(
    connection: AsyncConnection, clipper_id: int, ids: Whole, rows: Whole, count: int
) -> AsyncIterator[tuple[int, Row[Any]]]:
    """The first so many of the rows that have a place left: their number in the market, and what they hold."""
    start, size = 0, max(_FIRST_LOOK, count)
    while start < len(rows) and count:
        looked_at = rows[start : start + size]
        details = await _details(connection, clipper_id, ids[looked_at].tolist())
        numbers = dict(zip(ids[looked_at].tolist(), looked_at.tolist(), strict=True))
        for row in details[:count]:
            yield numbers[row.offer_id], row
        count -= len(details[:count])
        start, size = start + size, size * 2


async def _details(
    connection: AsyncConnection, clipper_id: int, ids: Sequence[int], *, full: bool = False
) -> Sequence[Row[Any]]:
    """These offers in this order; without those that have no place left, unless `full` ones are asked for, too."""
    parameters = {"clipper_id": clipper_id, "ids": list(ids), "full": full}
    return (await connection.execute(_DETAILS, parameters)).all()


def _open_offer(row: Row[Any], fit: Fit) -> OpenOffer:
    plain = {name: row._mapping[name] for name in OpenOffer.__struct_fields__ if name != "fit"}
    for name in ("languages", "platforms", "territories"):
        plain[name] = None if plain[name] is None else tuple(plain[name])
    return OpenOffer(**plain, fit=fit)


# SQL --------------------------------------------------------------------------------------------------------

_SOLD = text("""
    SELECT platform, category, sum(orders) FROM licensing.clipper_facts
    WHERE clipper_id = :clipper_id GROUP BY platform, category
""")

_OPEN = """offer.state = 'open'
    AND (offer.applications_until IS NULL OR offer.applications_until > now())
    AND (offer.ends_at IS NULL OR offer.ends_at > now())"""

# By COLLATE "C" case is folded for a to z only, on every server alike, and five times as fast.
_WANTED = """(CAST(:platform AS text) IS NULL OR :platform = ANY (offer.platforms))
    AND (CAST(:category AS text) IS NULL OR offer.category = :category)
    AND (CAST(:language AS text) IS NULL OR offer.languages = '{}' OR :language = ANY (offer.languages))
    AND (CAST(:currency AS text) IS NULL OR offer.currency = :currency)
    AND (CAST(:least_share_ppm AS integer) IS NULL OR offer.clipper_ppm >= :least_share_ppm)
    AND CASE WHEN CAST(:patterns AS text[]) = '{}' THEN true
             ELSE concat_ws(chr(10), offer.title, offer.summary, offer.licensor) COLLATE "C"
                  ILIKE ALL (CAST(:patterns AS text[])) END"""

_WORDS = ("offer.category", "offer.platforms", "offer.languages", "COALESCE(offer.currency, '')")

# Clicks that are not known are -1.
_OPEN_OFFERS = text(f"""
    SELECT {columns.of_integers("offer.offer_id")} AS ids,
           string_agg(timestamptz_send(COALESCE(offer.opened_at, offer.created_at)), '') AS opened,
           {columns.of_flags(_WANTED)} AS wanted,
           {columns.of_words(*_WORDS)} AS words,
           {columns.of_integers("COALESCE(offer.clipper_ppm, 0)")} AS clipper_ppm,
           {columns.of_integers("COALESCE(fact.commission, 0)")} AS commission,
           {columns.of_integers("COALESCE(fact.gmv, 0)")} AS gmv,
           {columns.of_integers("COALESCE(fact.orders, 0)")} AS orders,
           {columns.of_integers("COALESCE(fact.returned, 0)")} AS returned,
           {columns.of_integers("COALESCE(fact.clicks, -1)")} AS clicks
    FROM licensing.offers AS offer LEFT JOIN licensing.offer_facts AS fact
         ON fact.book_id = offer.book_id AND fact.offer_id = offer.offer_id AND fact.currency = offer.currency
    WHERE {_OPEN}
""")  # noqa: S608 - of constants

_DETAILS = text("""
    SELECT offer.*, CASE
               WHEN EXISTS (SELECT FROM licensing.grants AS mine WHERE mine.book_id = offer.book_id
                   AND mine.offer_id = offer.offer_id AND mine.clipper_id = :clipper_id
                   AND mine.state IN ('offered', 'active', 'suspended')) THEN 'granted'
               WHEN EXISTS (SELECT FROM licensing.applications AS mine WHERE mine.book_id = offer.book_id
                   AND mine.offer_id = offer.offer_id AND mine.clipper_id = :clipper_id
                   AND mine.state = 'submitted') THEN 'applied'
               ELSE 'none' END AS standing,
           CASE WHEN offer.quota IS NOT NULL THEN GREATEST(offer.quota - place.taken, 0) END AS places_left
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS asked (offer_id, position)
    JOIN licensing.offers AS offer ON offer.offer_id = asked.offer_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS taken FROM licensing.grants AS living
        WHERE offer.quota IS NOT NULL AND living.book_id = offer.book_id AND living.offer_id = offer.offer_id
          AND living.state IN ('offered', 'active', 'suspended')
    ) AS place
    WHERE :full OR offer.quota IS NULL OR place.taken < offer.quota
    ORDER BY asked.position
""")
