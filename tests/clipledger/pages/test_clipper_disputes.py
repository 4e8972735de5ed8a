"""Disputes as the clipper sees them: opened, answered, proved, given up, appealed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import granting
from licensing.claim_evidence import Statement
from licensing.claims import decide_claim, open_claim
from licensing.states import By
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Granted, Host, NewClipper, NewGrant, NewHost
from tests.licensing.reels import handed_in

BY = By("host", "test")
Opened = Callable[..., Awaitable[int]]


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


@pytest.fixture
def opened(app_engine: AsyncEngine, granted: Granted) -> Opened:
    """Lets the host open a claim over all sales of the licence."""

    async def made(**over: Any) -> int:
        said = Statement("The orders are <i>invented</i>.", url="https://example.com/proof")
        async with app_engine.begin() as connection:
            claim = await open_claim(
                connection,
                BY,
                {"book_id": granted.book_id},
                "false-sales",
                said,
                **(over or {"grant_id": granted.grant_id}),
            )
        return claim.claim_id

    return made


def address(granted: Granted) -> str:
    return f"/clippers/{granted.clipper.clipper_id}/disputes"


async def test_who_has_no_dispute_is_told_what_would_stand_here(app: Litestar, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    for language, said in (("en", "There are no disputes."), ("zh", "没有争议。")):
        async with visiting(app, clipper.person, language=language) as visitor:
            page = await visitor.get(f"/clippers/{clipper.clipper_id}/disputes")
            assert said in page.text


async def test_a_hosts_claim_is_answered_with_evidence(app: Litestar, granted: Granted, opened: Opened) -> None:
    claim_id = await opened()
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(address(granted))
        (row,) = page.rows("Disputes")
        assert row[:4] == ["An offer", "Lili Live Ltd", "the host: false sales", "open"]
        page = await visitor.get(f"{address(granted)}/{claim_id}")
        assert "If you say nothing, it is decided against you." in page.text
        assert "in 1 week, by the clock of Asia/Shanghai" in page.text
        assert "The orders are <i>invented</i>." in page.text
        assert page.soup.find("a", href="https://example.com/proof")
        assert page.figures()["Frozen for it"].startswith("nothing yet")
        page = await visitor.send(page, "evidence", statement="They are real.", url="not an address", status=422)
        assert page.typed("evidence", "statement") == "They are real."
        assert len(page.faults()) == 1
        page = await visitor.send(page, "evidence", url="https://example.com/orders")
        assert "It is in the file." in page.text
        page = await visitor.send(page, "responded", statement="Ask the buyers.")
        assert "Your answer is sent." in page.text
        assert "If it does not, it is decided for you." in page.text
        assert "responded" not in page.forms()


async def test_a_claim_is_conceded_for_good(app: Litestar, granted: Granted, opened: Opened) -> None:
    claim_id = await opened()
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{address(granted)}/{claim_id}")
        page = await visitor.send(page, "conceded", statement="It is true.")
        assert "Decided against you. This is final." in page.text
        assert page.forms() == []


async def test_what_went_against_the_clipper_is_appealed(
    app: Litestar, app_engine: AsyncEngine, granted: Granted, opened: Opened
) -> None:
    claim_id = await opened()
    late = text("UPDATE licensing.claims SET respond_by = now() - interval '1 hour' WHERE claim_id = :claim_id")
    async with app_engine.begin() as connection:
        await connection.execute(late, {"claim_id": claim_id})
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{address(granted)}/{claim_id}")
        assert "The time is over" in page.text
        async with app_engine.begin() as connection:
            await decide_claim(connection, granted.book_id, claim_id, "uphold", BY, Statement("No answer."))
        page = await visitor.get(f"{address(granted)}/{claim_id}")
        assert "Decided against you. You may appeal until" in page.text
        page = await visitor.send(page, "appealed", statement="I was ill.")
        assert "You have appealed." in page.text
        assert "That decision is final." in page.text


async def test_a_clipper_disputes_a_rejected_clip_and_withdraws(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    number, _ = await handed_in(app_engine, granted, "rejected")
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(address(granted))
        assert page.soup.find("a", href=f"{address(granted)}?clip={number}")
        page = await visitor.get(address(granted), clip=number)
        page = await visitor.send(page, "open", statement=" ", status=400)
        assert page.faults() == ["is required"]
        page = await visitor.send(page, "open", ground="wrongly-rejected", statement="It keeps the terms.")
        assert "The dispute is open: the host is told." in page.text
        assert "If it says nothing, it is decided for you." in page.text
        assert "Frozen for it" not in page.figures()
        page = await visitor.send(page, "withdrawn", statement="I was wrong.")
        assert "You have withdrawn it." in page.text
        again, meanwhile = [await visitor.get(address(granted), clip=number) for _ in range(2)]
        await visitor.send(again, "open", ground="wrongly-rejected", statement="Again.")
        page = await visitor.send(meanwhile, "open", ground="wrongly-rejected", statement="And again.", status=409)
        assert page.typed("open", "statement") == "And again."
        assert [each["value"] for each in page.form("open").select("option")] == ["wrongly-recognised"]
        assert f"?clip={number}" not in str((await visitor.get(address(granted))).soup.main), "it is disputed already"


async def test_a_suspended_licence_is_disputed_by_its_number(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    async with app_engine.begin() as connection:
        await granting.suspend(connection, host.book_id, BY, granted.grant_id, "Why not")
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(address(granted), grant=granted.grant_id)
        assert [each["value"] for each in page.form("open").select("option")] == ["wrongly-suspended"]
        page = await visitor.send(page, "open", ground="wrongly-suspended", statement="Why?")
        assert page.title == "An offer"
        licence, dispute = f"/clippers/{granted.clipper.clipper_id}/licences/{granted.grant_id}", page.path
        assert page.soup.find("a", href=licence)
        page = await visitor.get(address(granted), grant=granted.grant_id)
        assert "open" not in page.forms()
        assert "either your dispute over it runs already" in page.text
        page = await visitor.get(licence)
        assert page.soup.find("a", href=dispute)
        assert "Dispute it" not in page.text


async def test_nobody_elses_disputes_are_seen(
    app: Litestar, granted: Granted, opened: Opened, new_clipper: NewClipper
) -> None:
    claim_id, other = await opened(), await new_clipper()
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"{address(granted)}/{claim_id}", status=404)
        mine = f"/clippers/{other.clipper_id}/disputes"
        await visitor.get(f"{mine}/{claim_id}", status=404)
        await visitor.get(mine, grant=granted.grant_id, status=404)
        await visitor.get(mine, clip=1, status=404)
