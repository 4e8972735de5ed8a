"""A host's licensing at a glance, and its grants found by words."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import tables
from licensing.candidates import fit_of_clipper
from licensing.grant_search import search_grants
from licensing.overview import Held, Sold, held_by_version, offer_standings, open_offers, standing
from tests.licensing.house import TERMS, Host, NewClipper, NewGrant, NewHost, NewOffer


async def test_counts_are_of_this_book_alone(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    first = await new_grant(host, clipper=clipper)
    await new_grant(host, clipper=clipper)
    await new_grant(await new_host())
    its = tables.grants.c
    async with app_engine.begin() as connection:
        await connection.execute(update(tables.grants).where(its.grant_id == first.grant_id).values(state="suspended"))
        found = await standing(connection, host.book_id)
    assert (found.active, found.suspended, found.offered, found.clippers) == (1, 1, 0, 1)
    assert (found.applications, found.reviews, found.cases, found.claims) == (0, 0, 0, 0)


async def test_offers_stand_with_split_licences_and_sales(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_offer: NewOffer
) -> None:
    grant = await new_grant(host)
    paused = await new_offer(host, state="paused")
    fact = {"currency": "CNY", "gmv": 500, "commission": 5, "orders": 2, "returned": 0, "as_of": TERMS.starts_at}
    async with app_engine.begin() as connection:
        row = insert(tables.offer_facts).values(book_id=host.book_id, offer_id=grant.offer_id, **fact)
        await connection.execute(row)
        newer, older = await offer_standings(connection, host.book_id)
        assert (newer.offer_id, newer.living, newer.sold) == (paused, 0, ())
        assert (older.split, older.living, older.sold) == (TERMS.split, 1, (Sold("CNY", 500, 2),))
        assert await offer_standings(connection, host.book_id, state="paused") == [newer]
        assert await offer_standings(connection, host.book_id, before=paused) == [older]
        assert [number for number, _ in await open_offers(connection, host.book_id)] == [paused, grant.offer_id]
        assert await held_by_version(connection, host.book_id, grant.offer_id) == [Held(1, "active", 1, 0)]


async def test_grants_are_found_by_words_that_mean_nothing_else(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    mei = await new_grant(host, clipper=await new_clipper(name="Mei_%\\"))
    await new_grant(host, clipper=await new_clipper(name="Meixx"))
    async with app_engine.connect() as connection:
        for words in ("mei_", "_%\\", mei.clipper.accounts[0].upper()):
            found = await search_grants(connection, host.book_id, words)
            assert [each.grant_id for each in found] == [mei.grant_id], words
        assert len(await search_grants(connection, host.book_id, "mei")) == 2
        assert len(await search_grants(connection, host.book_id, clipper_id=mei.clipper.clipper_id)) == 1
        assert await search_grants(connection, host.book_id, "mei", state="revoked") == []


async def test_one_clippers_fit_is_that_of_the_ranking(
    app_engine: AsyncEngine, host: Host, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    offer_id, clipper = await new_offer(host), await new_clipper()
    async with app_engine.connect() as connection:
        fit = await fit_of_clipper(connection, host.book_id, offer_id, clipper.clipper_id)
        assert fit is not None
        assert len(fit.reasons) == 8
        assert await fit_of_clipper(connection, host.book_id, offer_id, 2**62) is None
