"""A clipper's licences: offered and accepted, proposed anew, ended; with their terms, history and certificate."""

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import granting, grants, publishing, renewal
from licensing.grants import NewGrant as GrantToMake
from licensing.states import By
from licensing.terms import sha256_of
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import TERMS, Granted, Host, NewClipper, NewGrant, NewHost, NewOffer, soon

BY = By("host", "test")


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def address(granted: Granted) -> str:
    return f"/clippers/{granted.clipper.clipper_id}/licences"


async def test_who_has_no_licence_is_told_how_to_get_one(app: Litestar, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    async with visiting(app, clipper.person, language="zh") as visitor:
        page = await visitor.get(f"/clippers/{clipper.clipper_id}/licences")
        assert page.title == "授权"
        assert "你还没有授权" in page.text


async def test_licences_are_listed_by_state(app: Litestar, granted: Granted) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(address(granted))
        (row,) = page.rows("Your licences")
        assert row[:5] == ["An offer", "Lili Live Ltd", "active", "1 Jan 2026", "no end"]
        page = await visitor.get(address(granted), show="revoked")
        assert "You have no licence in this state." in page.text


async def test_what_is_offered_is_accepted_by_its_fingerprint(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    clipper, offer_id = await new_clipper(), await new_offer(host)
    async with app_engine.begin() as connection:
        new = GrantToMake(clipper_id=clipper.clipper_id)
        (grant,) = await grants.create_grants(connection, host.book_id, BY, offer_id, [new])
    path = f"/clippers/{clipper.clipper_id}/licences"
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(path)
        assert "Waiting for your answer" in page.text
        page = await visitor.get(f"{path}/{grant.grant_id}")
        assert sha256_of(TERMS) in page.text
        assert "Certificate" not in page.text
        refused = await visitor.send(page, "accept", sha256="0" * 64, status=409)
        assert "Nothing was changed." in refused.text
        page = await visitor.send(page, "accept")
        assert "The licence is active: you may clip." in page.text
        assert page.soup.find("a", href=f"/clippers/{clipper.clipper_id}/submit?grant={grant.grant_id}")
        assert page.soup.find("a", href=f"/certificates/{grant.certificate_no}?lang=en")
        assert page.rows("History")[-1][1].startswith("offered")


async def test_what_is_offered_is_declined_with_a_reason(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_clipper: NewClipper, new_offer: NewOffer
) -> None:
    clipper, offer_id = await new_clipper(), await new_offer(host)
    async with app_engine.begin() as connection:
        new = GrantToMake(clipper_id=clipper.clipper_id)
        (grant,) = await grants.create_grants(connection, host.book_id, BY, offer_id, [new])
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(f"/clippers/{clipper.clipper_id}/licences/{grant.grant_id}")
        page = await visitor.send(page, "decline", reason="No time")
        assert "You have declined the licence." in page.text
        assert page.rows("History")[0][1] == "declined No time"


async def test_newer_terms_are_shown_beside_the_old_and_accepted(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    newer = msgspec.structs.replace(TERMS, hold_days=7, tail_days=30)
    async with app_engine.begin() as connection:
        await publishing.publish_terms(connection, host.book_id, granted.offer_id, newer, BY)
        await renewal.propose(connection, host.book_id, BY, granted.offer_id, until=soon(days=10))
    async with visiting(app, granted.clipper.person) as visitor:
        listed = await visitor.get(address(granted))
        assert "newer terms" in listed.text
        page = await visitor.get(f"{address(granted)}/{granted.grant_id}")
        rows = page.rows("What changes")
        assert [row[0] for row in rows] == ["When you get it", "After the end"]
        assert rows[0][1].startswith("15 days after")
        assert rows[0][2].startswith("7 days after")
        page = await visitor.send(page, "renew")
        assert "You have accepted the newer terms." in page.text
        assert "version 2" in page.text


async def test_newer_terms_are_declined_and_the_old_go_on(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    newer = msgspec.structs.replace(TERMS, hold_days=7)
    async with app_engine.begin() as connection:
        await publishing.publish_terms(connection, host.book_id, granted.offer_id, newer, BY)
        await renewal.propose(connection, host.book_id, BY, granted.offer_id, until=soon(days=10))
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{address(granted)}/{granted.grant_id}")
        page = await visitor.send(page, "keep")
        assert "You have declined: the terms you have go on." in page.text
        assert "keep" not in page.forms()


async def test_a_suspended_licence_says_why_and_where_to_dispute_it(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    async with app_engine.begin() as connection:
        await granting.suspend(connection, host.book_id, BY, granted.grant_id, "A <b>question</b>")
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{address(granted)}/{granted.grant_id}")
        assert "A <b>question</b>" in page.text
        link = f"/clippers/{granted.clipper.clipper_id}/disputes?grant={granted.grant_id}"
        assert page.soup.find("a", href=link)


async def test_a_licence_is_resigned_and_nobody_elses_is_seen(
    app: Litestar, host: Host, granted: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{address(granted)}/{granted.grant_id}")
        page = await visitor.send(page, "resign", reason="I move on")
        assert "Your licence is ended." in page.text
        assert "resign" not in page.forms()
        await visitor.get(f"{address(granted)}/{other.grant_id}", status=404)
        await visitor.get(address(other), status=404)
