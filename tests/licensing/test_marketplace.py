"""The marketplace: a clipper finds open offers that fit, and of each what everybody may know."""

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.splits import Share, SplitRule
from licensing import marketplace
from licensing.approval import Approval
from licensing.errors import InvalidQuery, OfferNotFound, PartyNotFound
from licensing.marketplace import OpenOffer, Search, in_words, offer_for_clipper, profile_of, search_offers
from licensing.markets import OpenOffers, Sales
from licensing.matching import rank_offers
from licensing.scoring import Words
from licensing.terms import Terms, sha256_of
from tests.clipledger.front_door import problem
from tests.licensing.house import LONG_AGO, TERMS, Clipper, Host, NewClipper, NewGrant, NewHost, NewOffer, soon
from tests.licensing.market_stall import apply, sell, sold


@pytest.fixture
def word() -> str:
    """A category of the test's own: other tests' offers are in the same market."""
    return f"made-{random.randrange(10**12)}"


async def found(
    engine: AsyncEngine, clipper: Clipper, *, limit: int = 50, sort: Any = "fit", **search: Any
) -> list[OpenOffer]:
    async with engine.connect() as connection:
        return (await search_offers(connection, clipper.clipper_id, Search(**search), sort=sort, limit=limit))[0]


def numbers(offers: Sequence[OpenOffer]) -> list[int]:
    return [offer.offer_id for offer in offers]


# Which offers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "closed",
    [
        {"state": "draft"},
        {"state": "paused"},
        {"state": "closed"},
        {"applications_until": LONG_AGO},
        {"ends_at": LONG_AGO},
    ],
    ids=lambda values: next(iter(values.items()))[0] + "-" + str(next(iter(values.values())))[:6],
)
async def test_only_open_offers_are_found(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, word: str, closed: dict[str, Any]
) -> None:
    here = await new_offer(host, category=word, applications_until=soon(days=1), ends_at=soon(days=9))
    gone = await new_offer(host, category=word, **closed)
    assert numbers(await found(app_engine, clipper, category=word)) == [here]
    async with app_engine.connect() as connection:
        with pytest.raises(OfferNotFound):
            await offer_for_clipper(connection, clipper.clipper_id, gone)


async def test_a_full_offer_is_not_found_until_a_place_is_free_again(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, new_grant: NewGrant, word: str
) -> None:
    offer_id = await new_offer(host, category=word, quota=2)
    first = await new_grant(host, offer_id=offer_id)
    assert [offer.places_left for offer in await found(app_engine, clipper, category=word)] == [1]
    await new_grant(host, offer_id=offer_id)
    assert await found(app_engine, clipper, category=word) == []
    async with app_engine.begin() as connection:
        assert (await offer_for_clipper(connection, clipper.clipper_id, offer_id)).places_left == 0
        ended = text("UPDATE licensing.grants SET state = 'revoked' WHERE book_id = :book AND grant_id = :grant")
        await connection.execute(ended, {"book": host.book_id, "grant": first.grant_id})
    assert numbers(await found(app_engine, clipper, category=word)) == [offer_id]


async def test_behind_many_full_offers_there_are_others(
    app_engine: AsyncEngine,
    host: Host,
    clipper: Clipper,
    new_offer: NewOffer,
    new_grant: NewGrant,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marketplace, "_FIRST_LOOK", 1)
    free = [await new_offer(host, category=word) for _ in range(2)]
    taken = await new_clipper_of_many(app_engine, host, new_offer, new_grant, word)
    assert numbers(await found(app_engine, clipper, category=word, sort="newest", limit=2)) == free[::-1]
    assert not {*taken} & {*numbers(await found(app_engine, clipper, category=word))}


async def new_clipper_of_many(
    engine: AsyncEngine, host: Host, new_offer: NewOffer, new_grant: NewGrant, word: str
) -> list[int]:
    """Offers whose one place is taken, all by the same clipper."""
    one = await new_grant(host)
    offers = [await new_offer(host, category=word, quota=1) for _ in range(5)]
    for offer_id in offers:
        await new_grant(host, offer_id=offer_id, clipper=one.clipper)
    return offers


@pytest.mark.parametrize(
    ("search", "fitting"),
    [
        ({"platform": "kuaishou"}, {"kuaishou"}),
        ({"platform": "douyin"}, {"plain", "english", "generous", "chinese"}),
        ({"language": "en"}, {"plain", "english", "kuaishou", "generous"}),
        ({"currency": "USD"}, {"generous"}),
        ({"least_share_ppm": 650_000}, {"generous"}),
        ({"q": "口红"}, {"chinese"}),
        ({"q": "AUTUMN lipstick"}, {"english"}),
        ({"q": "lipstick autumn"}, {"english"}),
        ({"q": "100%"}, {"generous"}),
        ({"q": "a_b"}, {"kuaishou"}),
        ({"q": "\\"}, set()),
        ({"q": "lili live"}, {"plain", "english", "chinese", "kuaishou", "generous"}),
        ({"q": " "}, {"plain", "english", "chinese", "kuaishou", "generous"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "finds",  # a set's order differs between workers
)
async def test_a_search_finds_what_it_asks_for(
    app_engine: AsyncEngine,
    host: Host,
    clipper: Clipper,
    new_offer: NewOffer,
    word: str,
    search: dict[str, Any],
    fitting: set[str],
) -> None:
    dollars = SplitRule(currency="USD", shares=(Share("host", 3), Share("clipper", 7)))
    made = {
        "plain": await new_offer(host, category=word, title="axb 1000"),
        "english": await new_offer(host, category=word, languages=["en"], summary="The autumn collection, lipstick"),
        "chinese": await new_offer(host, category=word, languages=["zh"], title="秋季口红直播间"),
        "kuaishou": await new_offer(host, terms_with(platforms=("kuaishou",)), category=word, title="a_b"),
        "generous": await new_offer(host, terms_with(split=dollars), category=word, summary="100% silk"),
    }
    expected = {made[name] for name in fitting}
    assert {*numbers(await found(app_engine, clipper, category=word, **search))} == expected


def terms_with(**changes: Any) -> Terms:
    plain = {name: getattr(TERMS, name) for name in TERMS.__struct_fields__}
    return Terms(**{**plain, **changes})


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ({"platform": "myspace"}, "platform"),
        ({"category": "Beauty!"}, "category[0]"),
        ({"language": "English"}, "language[0]"),
        ({"q": "nul\0"}, "q"),
        ({"q": "\ud800"}, "q"),
    ],
    ids=str,
)
async def test_what_can_t_be_searched_for_is_refused(
    app_engine: AsyncEngine, clipper: Clipper, search: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidQuery) as refused:
        await found(app_engine, clipper, **search)
    assert refused.value.field == field


async def test_a_search_is_a_clipper_s(app_engine: AsyncEngine) -> None:
    async with app_engine.connect() as connection:
        with pytest.raises(PartyNotFound):
            await search_offers(connection, 2**60, Search())


# In which order ---------------------------------------------------------------------------------------------


async def plain_rows(connection: AsyncConnection) -> Any:
    """The market, read and scored in the plainest way: one row after the other."""
    query = text("""
        SELECT offer.*, fact.gmv, fact.commission, fact.orders, fact.returned, fact.clicks, offer.quota <= (
            SELECT count(*) FROM licensing.grants WHERE grants.offer_id = offer.offer_id AND grants.state = 'active'
        ) AS full
        FROM licensing.offers AS offer
        LEFT JOIN licensing.offer_facts AS fact ON fact.offer_id = offer.offer_id AND fact.currency = offer.currency
        WHERE offer.state = 'open' AND coalesce(offer.ends_at, 'infinity') > now()
          AND coalesce(offer.applications_until, 'infinity') > now()
    """)
    return (await connection.execute(query)).all()


def in_columns(rows: Any) -> OpenOffers:
    def column(values: Any) -> Any:
        return np.array([float(value or 0) for value in values])

    gmv, orders, returned, clicks, commission = (
        column(row._mapping[name] for row in rows) for name in ("gmv", "orders", "returned", "clicks", "commission")
    )
    clicked = column(row.orders if row.clicks is not None else 0 for row in rows)
    return OpenOffers(
        categories=Words.of([row.category for row in rows]),
        platforms=Words.of([" ".join(row.platforms) for row in rows]),
        languages=Words.of([" ".join(row.languages) for row in rows]),
        currencies=Words.of([row.currency for row in rows]),
        clipper_ppm=column(row.clipper_ppm for row in rows),
        commission=commission,
        sales=Sales(gmv, orders, returned, clicked, clicks),
    )


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_best_ten_are_those_of_scoring_every_offer(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer, seed: int
) -> None:
    chance = random.Random(seed)
    clipper = await new_clipper("douyin", "bilibili", categories=["food"], languages=["zh"])
    for _ in range(25):
        terms = terms_with(platforms=tuple(chance.sample(("douyin", "tiktok", "bilibili"), chance.randint(1, 3))))
        languages = chance.choice(([], ["zh"], ["en", "zh-Hant"]))
        offer_id = await new_offer(host, terms, category=chance.choice(("food", "beauty")), languages=languages)
        orders = chance.choice((0, 3, 400, 9000))
        async with app_engine.begin() as connection:
            facts = {"gmv": orders * chance.randint(1000, 90_000), "commission": orders * 1000, "orders": orders}
            clicks = chance.choice((None, orders * chance.randint(10, 90)))
            await sell(connection, host, offer_id, returned=orders // chance.randint(2, 20), clicks=clicks, **facts)
    async with app_engine.begin() as connection:
        await sold(connection, clipper, "food", 700_000)
        await sold(connection, clipper, "beauty", 90_000, platform="bilibili", clicks=None)
    async with app_engine.connect() as connection:
        rows = await plain_rows(connection)
        scores = rank_offers(await profile_of(connection, clipper.clipper_id), in_columns(rows)).scores_ppm
        open_ones = [(score, row.offer_id) for score, row in zip(scores.tolist(), rows, strict=True) if not row.full]
        page, _ = await search_offers(connection, clipper.clipper_id, Search(), limit=10)
    assert [(round(offer.fit.score * 1e6), offer.offer_id) for offer in page] == sorted(open_ones, reverse=True)[:10]


async def test_the_market_does_not_depend_on_the_question(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, word: str
) -> None:
    offer_id = await new_offer(host, category=word, title="One of many")
    async with app_engine.begin() as connection:
        await sell(connection, host, offer_id, gmv=10**8, commission=10**7, orders=5000, returned=100, clicks=90_000)
        whole = (await offer_for_clipper(connection, clipper.clipper_id, offer_id)).fit
    assert [offer.fit for offer in await found(app_engine, clipper, category=word, q="many")] == [whole]


@pytest.mark.parametrize("sort", ["fit", "newest"])
async def test_pages_follow_one_another_until_all_were_shown(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, word: str, sort: Any
) -> None:
    for number in range(7):
        await new_offer(host, category=word, opened_at=soon(days=-number // 2))
    whole = numbers(await found(app_engine, clipper, category=word, sort=sort))
    seen: list[int] = []
    after = None
    async with app_engine.connect() as connection:
        while len(seen) < 7:
            page, after = await search_offers(
                connection, clipper.clipper_id, Search(category=word), sort=sort, after=after, limit=3
            )
            seen += numbers(page)
    assert (seen, after, len(whole)) == (whole, None, 7)


# One offer --------------------------------------------------------------------------------------------------


async def test_an_open_offer_shows_the_terms_to_accept_and_nothing_private(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    rules = {"least_orders": 10, "most_returned_ppm": 125_000}
    offer_id = await new_offer(host, quota=500, approval=rules)
    async with app_engine.begin() as connection:
        await sell(connection, host, offer_id, gmv=77_123_456, commission=7_654_321, orders=54_321, clicks=987_654)
    answer = await client.get(f"{clipper.path}/offers/{offer_id}", headers=clipper.person.bearer)
    shown = answer.json()
    assert (shown["sha256"], shown["version_no"], shown["places_left"]) == (sha256_of(TERMS), 1, 500)
    assert shown["approval"] == ["at least 10 orders", "at most 12.5 % of orders returned"]
    for private in ("book_id", "created_by", "published_by", "quota", "edition", "77123456", "54321", "7654321"):
        assert private not in answer.text
    assert host.book not in answer.text


async def test_a_clipper_sees_what_it_has_of_an_offer_already(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer, new_grant: NewGrant, word: str
) -> None:
    granted, applied, other = [await new_offer(host, category=word) for _ in range(3)]
    await new_grant(host, offer_id=granted, clipper=clipper)
    await new_grant(host, offer_id=other)
    await apply(app_engine, host, applied, clipper)
    standings = {offer.offer_id: offer.standing for offer in await found(app_engine, clipper, category=word)}
    assert standings == {granted: "granted", applied: "applied", other: "none"}


def test_rules_of_approval_are_told_as_sentences() -> None:
    every = Approval(platforms=("douyin",), countries=("CN",), languages=("zh",), least_approved_clips=3, least_gmv=500)
    assert in_words(every, "CNY") == [
        "a confirmed account on each of douyin",
        "a profile in one of CN",
        "a profile that names one of zh",
        "at least 3 approved clips",
        "sales of at least 5.00 CNY",
    ]
    assert in_words(Approval(), "CNY") == ["every application"]
    assert in_words(None, "CNY") == []


# Over HTTP --------------------------------------------------------------------------------------------------


async def test_a_clipper_pages_through_offers_over_http(
    client: AsyncClient, host: Host, clipper: Clipper, new_offer: NewOffer, word: str
) -> None:
    made = {await new_offer(host, category=word) for _ in range(3)}
    seen: list[int] = []
    query: dict[str, Any] = {"category": word, "limit": 2}
    while query:
        answer = await client.get(f"{clipper.path}/offers", params=query, headers=clipper.person.bearer)
        page = answer.json()
        seen += [offer["offer_id"] for offer in page["data"]]
        query = query | {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
    assert (len(seen), {*seen}) == (3, made)


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "17"},
        {"cursor": "１-２"},
        {"cursor": "1-99999999999999999999"},
        {"platform": "myspace"},
        {"currency": "XXX"},
        {"least_share_ppm": "1000001"},
        {"limit": "0"},
        {"sort": "price"},
        {"q": "x" * 101},
        {"q": "\0"},
    ],
    ids=str,
)
async def test_a_bad_search_names_what_is_wrong(client: AsyncClient, clipper: Clipper, query: dict[str, str]) -> None:
    answer = await client.get(f"{clipper.path}/offers", params=query, headers=clipper.person.bearer)
    assert answer.status_code in (400, 422)
    assert next(iter(query)) in json.dumps(problem(answer))


async def test_who_is_not_the_clipper_or_the_host_finds_nothing(
    client: AsyncClient, host: Host, new_host: NewHost, clipper: Clipper, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    stranger, other = await new_clipper(), await new_host()
    for path, person in (
        (f"{clipper.path}/offers", stranger.person),
        (f"{clipper.path}/offers/{offer_id}", host.person),
        (f"{host.path}/offers/{offer_id}/candidates", clipper.person),
        (f"{host.path}/offers/{offer_id}/candidates", other.person),
        (f"{other.path}/offers/{offer_id}/candidates", other.person),
    ):
        answer = await client.get(path, headers=person.bearer)
        assert answer.status_code in (403, 404), path


async def test_an_offer_without_a_quota_has_no_end_of_places(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    async with app_engine.connect() as connection:
        assert (await offer_for_clipper(connection, clipper.clipper_id, offer_id)).places_left is None
