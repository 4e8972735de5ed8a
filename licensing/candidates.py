"""The marketplace as a host sees it: clippers for one of its offers, those who applied and those who might be asked.

A host learns of a clipper what it says of itself, on which platforms it has accounts, and how it fits, in bands
(`licensing.clipper_features`): nothing of whose goods it has sold elsewhere.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing import columns
from licensing.errors import NothingPublished
from licensing.markets import Clippers, OfferProfile, Sales
from licensing.matching import rank_clippers
from licensing.offers import find_offer
from licensing.scoring import Fit, Ranking, Whole, best_rows
from licensing.tables import offers

Standing = Literal["applicant", "licensed", "unlicensed"]
Place = tuple[int, int]
"""Where a page ended: score in millionths, and the clipper's number."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A clipper without a grant of this offer.

    `standing`: it has applied for this offer (`application_id`), or it is licensed by this host for another one, or
    not at all. `platforms` are those with a confirmed account.
    """

    clipper_id: int
    name: str
    country: str | None
    languages: tuple[str, ...]
    categories: tuple[str, ...]
    platforms: tuple[str, ...]
    standing: Standing
    application_id: int | None
    fit: Fit


async def rank_candidates(
    connection: AsyncConnection,
    book_id: int,
    offer_id: int,
    *,
    standing: Standing | None = None,
    after: Place | None = None,
    limit: int = 100,
) -> tuple[list[Candidate], Place | None]:
    """Clippers, those that fit best first; and where the page ended, if more follow.

    Raises:
        OfferNotFound
        NothingPublished: without terms nobody knows on which platforms, in which currency.
    """
    ids, standings, ranking = await _ranked(connection, book_id, offer_id)
    chosen = standings != "granted" if standing is None else standings == standing
    best = best_rows(ranking.scores_ppm, ids, chosen, after)
    page = best[:limit]
    people = await _people(connection, book_id, offer_id, ids[page].tolist())
    found = [Candidate(**people[int(ids[each])], standing=standings[each], fit=ranking.fit(int(each))) for each in page]
    more = len(best) > limit
    return found, (int(ranking.scores_ppm[page[-1]]), int(ids[page[-1]])) if more else None


async def fit_of_clipper(connection: AsyncConnection, book_id: int, offer_id: int, clipper_id: int) -> Fit | None:
    """How one clipper fits the offer, among all; None where there is no such clipper.

    Raises OfferNotFound, NothingPublished.
    """
    ids, _, ranking = await _ranked(connection, book_id, offer_id)
    rows = np.flatnonzero(ids == clipper_id)
    return ranking.fit(int(rows[0])) if len(rows) else None


async def _ranked(
    connection: AsyncConnection, book_id: int, offer_id: int
) -> tuple[Whole, NDArray[np.object_], Ranking]:
    """All clippers: their numbers, where they stand with the offer, and how they fit it."""
    profile, currency = await _offer(connection, book_id, offer_id)
    asked = {"book_id": book_id, "offer_id": offer_id, "category": profile.category, "currency": currency}
    row = (await connection.execute(_CLIPPERS, {**asked, "platforms": sorted(profile.platforms)})).one()
    ids, standings = columns.integers(row.ids), np.array((row.standings or "").split(","), dtype=np.object_)
    return ids, standings, rank_clippers(profile, _clippers(row))


async def _offer(connection: AsyncConnection, book_id: int, offer_id: int) -> tuple[OfferProfile, str]:
    """What matters of it, and its currency. Raises OfferNotFound, NothingPublished."""
    offer = await find_offer(connection, book_id, offer_id)
    if offer.version_no is None:
        raise NothingPublished("offer", offer_id)
    its = offers.c
    chosen = select(its.platforms, its.currency).where(its.book_id == book_id, its.offer_id == offer_id)
    row = (await connection.execute(chosen)).one()
    return OfferProfile(offer.category, " ".join(offer.languages), frozenset(row.platforms)), row.currency


def _clippers(row: Row[Any]) -> Clippers:
    here, inside = (
        Sales(*(columns.doubles(row._mapping[f"{place}_{name}"]) for name in Sales.__dataclass_fields__))
        for place in ("here", "inside")
    )
    plain = ("capacity", "living", "accounts", "usable", "gmv", "orders", "on_platforms")
    categories, languages = columns.words(row.words, 2)
    return Clippers(
        categories=categories,
        languages=languages,
        here=here,
        inside=inside,
        **{name: columns.doubles(row._mapping[name]) for name in plain},
    )


async def _people(
    connection: AsyncConnection, book_id: int, offer_id: int, clipper_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """What a host may read of these clippers, by their numbers."""
    asked = {"book_id": book_id, "offer_id": offer_id, "ids": list(clipper_ids)}
    tuples = ("languages", "categories", "platforms")
    return {
        row.clipper_id: {**row._mapping, **{name: tuple(row._mapping[name]) for name in tuples}}
        for row in await connection.execute(_PEOPLE, asked)
    }


# SQL --------------------------------------------------------------------------------------------------------

_NUMBERS = {
    "capacity": "COALESCE(party.capacity, -1)",
    "living": "licence.living",
    "accounts": "account.accounts",
    "usable": "account.usable",
    "gmv": "GREATEST(sold.gmv, 0)",
    "orders": "sold.orders",
    "on_platforms": "sold.on_platforms",
    **{
        f"{place}_{name}": f"GREATEST(sold.{place}_{name}, 0)"
        for place in ("here", "inside")
        for name in ("gmv", "orders", "returned", "clicked", "clicks")
    },
}


def _summed(place: str, where: str) -> str:
    """SQL for the sums over the facts of one place."""
    amounts = {
        "gmv": "CAST(gmv AS float8)",
        "orders": "CAST(orders AS float8)",
        "returned": "CAST(returned AS float8)",
        "clicked": "CASE WHEN clicks IS NOT NULL THEN CAST(orders AS float8) END",
        "clicks": "CAST(clicks AS float8)",
    }
    return ", ".join(f"sum({amount}) FILTER (WHERE {where}) AS {place}_{name}" for name, amount in amounts.items())


_IN_CATEGORY = "category = :category"
_ON_PLATFORMS = "platform = ANY (CAST(:platforms AS text[]))"

# Doubles, because a sum of bigints may be none; they are only compared.
_CLIPPERS = text(f"""
    WITH sold AS (
        SELECT clipper_id, sum(CAST(gmv AS float8)) FILTER (WHERE currency = :currency) AS gmv,
               sum(CAST(orders AS float8)) AS orders,
               sum(CAST(orders AS float8)) FILTER (WHERE {_ON_PLATFORMS}) AS on_platforms,
               {_summed("here", f"{_IN_CATEGORY} AND {_ON_PLATFORMS} AND currency = :currency")},
               {_summed("inside", _IN_CATEGORY)}
        FROM licensing.clipper_facts GROUP BY clipper_id
    ), account AS (
        SELECT clipper_id, count(DISTINCT platform) AS accounts,
               count(DISTINCT platform) FILTER (WHERE {_ON_PLATFORMS}) AS usable
        FROM licensing.handles WHERE state = 'confirmed' GROUP BY clipper_id
    ), licence AS (
        SELECT clipper_id, count(*) AS living, bool_or(book_id = :book_id) AS ours,
               bool_or(book_id = :book_id AND offer_id = :offer_id) AS this
        FROM licensing.grants WHERE state IN ('offered', 'active', 'suspended') GROUP BY clipper_id
    ), applicant AS (
        SELECT DISTINCT clipper_id FROM licensing.applications
        WHERE book_id = :book_id AND offer_id = :offer_id AND state = 'submitted'
    )
    SELECT {columns.of_integers("party.party_id")} AS ids,
           string_agg(CASE WHEN licence.this THEN 'granted' WHEN applicant.clipper_id IS NOT NULL THEN 'applicant'
                           WHEN licence.ours THEN 'licensed' ELSE 'unlicensed' END, ',') AS standings,
           {columns.of_words("party.categories", "party.languages")} AS words,
           {", ".join(f"{columns.of_doubles(column)} AS {name}" for name, column in _NUMBERS.items())}
    FROM licensing.parties AS party
    LEFT JOIN sold ON sold.clipper_id = party.party_id
    LEFT JOIN account ON account.clipper_id = party.party_id
    LEFT JOIN licence ON licence.clipper_id = party.party_id
    LEFT JOIN applicant ON applicant.clipper_id = party.party_id
    WHERE party.kind = 'clipper'
""")  # noqa: S608 - of constants

_PEOPLE = text("""
    SELECT party.party_id AS clipper_id, party.name, party.country, party.languages, party.categories,
           ARRAY (SELECT DISTINCT platform FROM licensing.handles
                  WHERE clipper_id = party.party_id AND state = 'confirmed' ORDER BY platform) AS platforms,
           (SELECT max(application_id) FROM licensing.applications
            WHERE book_id = :book_id AND offer_id = :offer_id AND clipper_id = party.party_id
              AND state = 'submitted') AS application_id
    FROM licensing.parties AS party WHERE party.party_id = ANY (CAST(:ids AS bigint[]))
""")
