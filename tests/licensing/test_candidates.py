"""Candidates: a host finds the clippers that fit its offer, and reads nothing of what is not its own."""

import json
import random
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import candidates, tables
from licensing.candidates import Candidate
from licensing.errors import LicensingError, NothingPublished, OfferNotFound
from licensing.scoring import Fit
from tests.licensing.house import Clipper, Host, NewClipper, NewGrant, NewHost, NewOffer
from tests.licensing.market_stall import apply, sold


@pytest.fixture
def word() -> str:
    """A category of the test's own: other tests' clippers are in the same market."""
    return f"made-{random.randrange(10**12)}"


def reason(fit: Fit, feature: str) -> str:
    return next(each.reason for each in fit.reasons if each.feature == feature)


async def ranked(engine: AsyncEngine, host: Host, offer_id: int, **how: Any) -> list[Candidate]:
    async with engine.connect() as connection:
        return (await candidates.rank_candidates(connection, host.book_id, offer_id, **{"limit": 200, **how}))[0]


async def test_a_host_finds_applicants_licensees_and_strangers_but_not_who_has_a_grant(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_clipper: NewClipper, new_offer: NewOffer,
    new_grant: NewGrant, word: str,
) -> None:  # fmt: skip
    offer_id = await new_offer(host, category=word)
    grantee, applicant, licensed, stranger = [await new_clipper() for _ in range(4)]
    await new_grant(host, offer_id=offer_id, clipper=grantee)
    await new_grant(host, clipper=licensed)
    await new_grant(await new_host(), clipper=stranger)
    application_id = await apply(app_engine, host, offer_id, applicant)
    async with app_engine.begin() as connection:
        for each in (grantee, applicant, licensed, stranger):
            await sold(connection, each, word, 900_000_000)
    shown = {each.clipper_id: each for each in await ranked(app_engine, host, offer_id)}
    assert grantee.clipper_id not in shown
    assert shown[applicant.clipper_id].application_id == application_id
    standings = [shown[each.clipper_id].standing for each in (applicant, licensed, stranger)]
    assert standings == ["applicant", "licensed", "unlicensed"]
    only = await ranked(app_engine, host, offer_id, standing="applicant")
    assert [each.clipper_id for each in only] == [applicant.clipper_id]


async def test_who_sells_where_the_offer_is_comes_before_who_sells_elsewhere(
    app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer, word: str
) -> None:
    offer_id = await new_offer(host, category=word)
    names = ("here", "other-platform", "other-category", "other-currency", "new", "no-account", "small")
    made = {name: await new_clipper("weibo" if name == "no-account" else "douyin") for name in names}
    many = [await new_clipper("douyin") for _ in range(8)]
    async with app_engine.begin() as connection:
        for each in many:  # the market in which one stands out, whatever other tests have left there
            await sold(connection, each, word, 500_000)
        await sold(connection, made["here"], word, 50_000_000)
        await sold(connection, made["small"], word, 500_000)
        await sold(connection, made["other-platform"], word, 50_000_000, platform="kuaishou")
        await sold(connection, made["other-category"], "tools", 50_000_000)
        await sold(connection, made["other-currency"], word, 50_000_000, currency="USD")
    clipper_ids = {each.clipper_id: name for name, each in made.items()}
    everyone = await all_pages(app_engine, host, offer_id)
    order = [clipper_ids[each.clipper_id] for each in everyone if each.clipper_id in clipper_ids]
    assert order[0] == "here"
    assert order[-1] == "no-account"
    fits = {clipper_ids[each.clipper_id]: each.fit for each in everyone if each.clipper_id in clipper_ids}
    assert f"of those who sell in {word} on douyin or tiktok" in reason(fits["here"], "gmv")
    assert reason(fits["new"], "gmv") == "no sales yet; counted as a typical clipper"


async def all_pages(engine: AsyncEngine, host: Host, offer_id: int) -> list[Candidate]:
    seen: list[Candidate] = []
    after = None
    async with engine.connect() as connection:
        while True:
            page, after = await candidates.rank_candidates(connection, host.book_id, offer_id, after=after, limit=5)
            seen += page
            if after is None:
                assert len({each.clipper_id for each in seen}) == len(seen)
                return seen


async def test_a_host_reads_no_amount_no_order_and_no_other_host_in_a_candidate(
    client: AsyncClient, app_engine: AsyncEngine, host: Host, new_host: NewHost, clipper: Clipper,
    new_offer: NewOffer, new_grant: NewGrant, word: str,
) -> None:  # fmt: skip
    offer_id = await new_offer(host, category=word)
    other = await new_host()
    await new_grant(other, clipper=clipper)
    async with app_engine.begin() as connection:
        await sold(connection, clipper, word, 987_654_321, orders=87_654, returned=4_321, clicks=1_234_567)
    answer = await client.get(f"{host.path}/offers/{offer_id}/candidates", headers=host.person.bearer)
    shown = next(each for each in answer.json()["data"] if each["clipper_id"] == clipper.clipper_id)
    for private in ("987654321", "87654", "4321", "1234567", other.book, clipper.accounts[0]):
        assert private not in json.dumps(shown)
    assert {each["evidence"] for each in shown["fit"]["reasons"]} <= {"none", "little", "some", "much"}


async def test_candidates_are_for_an_offer_of_one_s_own_with_terms(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host)
    async with app_engine.begin() as connection:
        values = {"title": "Draft", "summary": "", "category": "beauty", "created_by": "test"}
        draft = insert(tables.offers).values(book_id=host.book_id, **values).returning(tables.offers.c.offer_id)
        draft_id = (await connection.execute(draft)).scalar_one()
    refused: list[tuple[Host, int, type[LicensingError]]] = [
        (await new_host(), offer_id, OfferNotFound),
        (host, 2**62, OfferNotFound),
        (host, draft_id, NothingPublished),
    ]
    for who, number, error in refused:
        with pytest.raises(error):
            await ranked(app_engine, who, number)
