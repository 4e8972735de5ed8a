"""Matching by real sales, in a market of its own: how one ranks depends on everybody else who sells there."""

from collections.abc import AsyncIterator
from datetime import date, timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database
from licensing.candidates import rank_candidates
from licensing.marketplace import Search, profile_of, search_offers
from settlement.facts import refresh_facts
from tests.conftest import NewDatabase
from tests.licensing.house import Granted, Host, NewClipper, NewGrant, NewOffer
from tests.settlement.till import Till, by, facts


@pytest.fixture(scope="session")
async def app_engine(new_database: NewDatabase) -> AsyncIterator[AsyncEngine]:
    with new_database() as urls:
        engine = database.create_engine(urls.app)
        yield engine
        await engine.dispose()


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


async def test_what_sells_comes_first(
    till: Till, host: Host, grant: Granted, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    newcomer = await new_clipper("tiktok", "douyin")
    gmv = 60_000
    await till.sell(*(facts(**by(grant), gmv=gmv, net_gmv=gmv, sold_on=date(2026, 10, day)) for day in range(1, 30)))
    async with till.engine.begin() as connection:
        await refresh_facts(connection, till.book_id, every=timedelta(0))
    fresh = await new_offer(host)
    async with till.engine.connect() as connection:
        profile = await profile_of(connection, grant.clipper.clipper_id)
        assert (profile.orders, profile.by_category, profile.by_platform) == (29, {"beauty": 29}, {"tiktok": 29})
        ranked, _ = await rank_candidates(connection, host.book_id, fresh, limit=1000)
        places = {each.clipper_id: place for place, each in enumerate(ranked)}
        assert places[grant.clipper.clipper_id] < places[newcomer.clipper_id]
        (seller,) = (each for each in ranked if each.clipper_id == grant.clipper.clipper_id)
        assert "no sales yet" not in str(msgspec.to_builtins(seller.fit))
        offers, _ = await search_offers(connection, newcomer.clipper_id, Search(), limit=1000)
        sold = next(each for each in offers if each.offer_id == grant.offer_id)
        unsold = next(each for each in offers if each.offer_id == fresh)
        assert sold.fit.score > unsold.fit.score
        assert "has sold nothing yet" in str(msgspec.to_builtins(unsold.fit))
        assert "has sold nothing yet" not in str(msgspec.to_builtins(sold.fit))
