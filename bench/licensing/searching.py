"""What a search of offers costs among ten thousand of five hundred hosts, ranking included.

Half of the searches are for nothing in particular, as when the page is opened; the others are by words, English and
Chinese, by platform, category, language, currency and share. Eleven thousand clippers hold a hundred thousand grants.
"""

import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.licensing.ground import Ground
from bench.report import percentile
from clipledger.access import keys, roles, users
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.splits import Share, SplitRule
from licensing.candidates import rank_candidates
from licensing.marketplace import Search, search_offers
from licensing.terms import Terms, encode, sha256_of

HOSTS, OFFERS, CLIPPERS, GRANTS = 500, 10_000, 11_000, 110_000
LIMIT = 20
_DATABASE = "bench_searching"
_TERMS = Terms(
    licensor="Lili Live Ltd",
    split=SplitRule(currency="CNY", shares=(Share("host", 4), Share("clipper", 6))),
    platforms=("douyin", "tiktok"),
    starts_at="2026-01-01T00:00:00Z",  # type: ignore[arg-type]
)


class SearchCosts(NamedTuple):
    """95th percentiles in milliseconds: of the function, of the whole request, and of a host's candidates."""

    search_ms: float
    median_ms: float
    http_ms: float
    candidates_ms: float


async def measure_searching(ground: Ground, folder: Path, *, asked: int = 300, offers: int = OFFERS) -> SearchCosts:
    """So many searches one after the other, and a fifth as many by HTTP and by a host. The folder is the service's."""
    async with ground.service(_DATABASE) as engine:
        ground.load(_DATABASE, _statements(offers))
        chance = random.Random(5)
        searching = [(1 + chance.randrange(CLIPPERS), _search(chance)) for _ in range(asked)]
        by_function = await _timed(lambda number: _search_once(engine, *searching[number]), asked)
        by_http = await _http(engine, folder, [search for _, search in searching[: asked // 5]])
        books = [(1 + number % HOSTS, number) for number in chance.sample(range(1, offers + 1), max(asked // 10, 2))]
        by_host = await _timed(lambda number: _rank_once(engine, *books[number]), len(books))
    return SearchCosts(percentile(by_function, 95), percentile(by_function, 50), by_http, percentile(by_host, 95))


async def _timed(once: Callable[[int], Awaitable[None]], count: int) -> list[float]:
    """Milliseconds of each, after five that fill the caches."""
    took = []
    for number in [*range(min(5, count)), *range(count)]:
        start = time.perf_counter()
        await once(number)
        took.append((time.perf_counter() - start) * 1000)
    return took[min(5, count) :]


async def _search_once(engine: AsyncEngine, clipper_id: int, search: Search) -> None:
    async with engine.connect() as connection:
        await search_offers(connection, clipper_id, search, limit=LIMIT)


async def _rank_once(engine: AsyncEngine, book_id: int, offer_id: int) -> None:
    async with engine.connect() as connection:
        await rank_candidates(connection, book_id, offer_id, limit=LIMIT)


async def _http(engine: AsyncEngine, folder: Path, searches: list[Search]) -> float:
    """95th percentile through the whole application, in this process, without a network."""
    async with engine.begin() as connection:
        user = await users.add_user(connection, "bench@example.com", "correct horse battery staple")
        token = (await keys.create_key(connection, user.user_id, "bench", roles.PARTY_SCOPES))[1]
        member = "INSERT INTO licensing.members (party_id, user_id, role, added_by) VALUES (1, :user, 'owner', 'bench')"
        await connection.execute(text(member), {"user": user.user_id})
    settings = Settings.from_environment({"CLIPLEDGER_VAR": str(folder), "CLIPLEDGER_PUBLIC_URL": "http://localhost"})
    transport = ASGITransport(create_app(settings, engine))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {token}"}
    async with AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:

        async def once(number: int) -> None:
            query = {name: getattr(searches[number], name) for name in Search.__struct_fields__}
            said = {name: value for name, value in query.items() if value is not None}
            answer = await client.get("/v1/clippers/1/offers", params={**said, "limit": LIMIT})
            answer.raise_for_status()

        return percentile(await _timed(once, len(searches)), 95)


def _search(chance: random.Random) -> Search:
    if chance.random() < 0.5:
        return Search()
    return chance.choice(
        [
            Search(q="口红 秋季"),
            Search(q="autumn launch"),
            Search(platform="douyin", category=f"category-{chance.randrange(24)}"),
            Search(language="zh", currency="CNY", least_share_ppm=600_000),
            Search(q=f"host {chance.randrange(500)}", platform="tiktok"),
        ]
    )


# What is in the market --------------------------------------------------------------------------------------

_CHOSEN = "ARRAY(SELECT name FROM unnest(ARRAY[{names}]) AS name WHERE hashint8(hashtext(name) + {by}) % {of} = 0)"
_FIVE = "'douyin','tiktok','kuaishou','xiaohongshu','bilibili'"


def _statements(offers: int) -> list[str]:
    """SQL that makes clippers, offers, facts and grants, the same each time."""
    platforms = f"ARRAY['douyin'] || {_CHOSEN.format(names=_FIVE[9:], by='number', of=2)}"
    terms = encode(_TERMS).decode().replace("'", "''")
    summary = "repeat('The best of the streams, 敏感肌可用, autumn colours, free shipping. ', 3)"
    return [
        "SELECT setseed(0.5)",
        f"""INSERT INTO licensing.parties (kind, name, languages, categories, capacity, registered_by)
            SELECT 'clipper', 'Clipper ' || number, ARRAY['zh'], ARRAY['category-' || number % 24],
                   nullif(number % 60, 0), 'bench' FROM generate_series(1, {CLIPPERS}) AS number""",
        f"""INSERT INTO licensing.handles (clipper_id, platform, handle, code, state, claimed_by, decided_at)
            SELECT number, platform, 'clipper' || number, 'code', 'confirmed', 'bench', now()
            FROM generate_series(1, {CLIPPERS}) AS number, unnest({platforms}) AS platform""",
        f"""INSERT INTO licensing.clipper_facts
            SELECT number, platform, 'category-' || (number + step) % 24, 'CNY', exp(8 + random() * 12)::bigint,
                   exp(2 + random() * 6)::bigint, 1, exp(6 + random() * 6)::bigint, now()
            FROM generate_series(1, {CLIPPERS}) AS number, generate_series(0, number % 3) AS step,
                 unnest(ARRAY['douyin','tiktok']) AS platform WHERE number % 7 > 0""",
        f"""INSERT INTO licensing.offers (book_id, title, summary, category, languages, quota, platforms, currency,
                clipper_ppm, licensor, opened_at, created_by)
            SELECT 1 + number % {HOSTS},
                   CASE number % 3 WHEN 0 THEN '秋季口红直播间 ' ELSE 'Autumn launch ' END || number,
                   {summary}, 'category-' || number % 24, CASE number % 4 WHEN 0 THEN '{{}}' ELSE ARRAY['zh'] END,
                   CASE number % 2 WHEN 0 THEN 8 + number % 40 END, {platforms},
                   CASE number % 10 WHEN 0 THEN 'USD' ELSE 'CNY' END, 500000 + number % 20 * 10000,
                   'Host ' || number % {HOSTS}, now() - number * interval '1 hour', 'bench'
            FROM generate_series(1, {offers}) AS number""",
        f"""INSERT INTO licensing.terms_versions (book_id, offer_id, version_no, terms, sha256, published_by)
            SELECT book_id, offer_id, 1, '{terms}', '{sha256_of(_TERMS)}', 'bench' FROM licensing.offers""",
        "UPDATE licensing.offers SET version_no = 1, state = 'open'",
        """INSERT INTO licensing.offer_facts
            SELECT book_id, offer_id, currency, exp(9 + random() * 12)::bigint, exp(7 + random() * 8)::bigint,
                   exp(2 + random() * 7)::bigint, 1,
                   CASE WHEN offer_id % 3 > 0 THEN exp(6 + random() * 7)::bigint END, now()
            FROM licensing.offers WHERE offer_id % 8 > 0""",
        f"""INSERT INTO licensing.grants (book_id, offer_id, clipper_id, version_no, state, handles, starts_at,
                certificate_no, created_by, accepted_at)
            SELECT book_id, offer_id, 1 + (offer_id * 7 + number * 13) % {CLIPPERS}, 1, 'active', '{{}}', now(),
                   offer_id || '-' || number, 'bench', now()
            FROM licensing.offers, generate_series(1, {GRANTS // OFFERS} * (offer_id % 3)::integer) AS number""",
    ]
