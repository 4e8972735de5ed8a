"""Applications: the list of those that wait, one with its reasons, approved or rejected; accounts to confirm."""

from datetime import timedelta
from typing import Any

from litestar import Litestar
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import tables
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Clipper, Host, NewClipper, NewHost, NewOffer, soon


async def applied(engine: AsyncEngine, host: Host, offer_id: int, clipper: Clipper, **values: Any) -> int:
    """An application that waits; its number."""
    told: dict[str, Any] = {"version_no": 1, "message": "Three clips a day.", "findings": [], "submitted_by": "test"}
    told["expires_at"] = soon(days=30)
    row = insert(tables.applications).values(
        book_id=host.book_id,
        offer_id=offer_id,
        clipper_id=clipper.clipper_id,
        **{**told, **values},
    )
    async with engine.begin() as connection:
        number: int = (await connection.execute(row.returning(tables.applications.c.application_id))).scalar_one()
    return number


async def test_nobody_waits_at_first(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/applications")
        assert "Nobody waits for your decision." in page.text


async def test_an_application_is_approved(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host, clipper = await new_host(), await new_clipper("douyin", name="<b>Mei</b>")
    offer_id = await new_offer(host, title="Bags")
    found = [
        {"rule": "platforms", "asked": ["douyin"], "value": ["douyin"], "passed": True},
        {"rule": "least_gmv", "asked": 100_000, "value": 0, "passed": False},
        {"rule": "most_returned_ppm", "asked": 125_000, "value": None, "passed": False},
    ]
    number = await applied(app_engine, host, offer_id, clipper, findings=found)
    path = f"/books/{host.book}/applications"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert page.rows("Applications")[0][:3] == ["<b>Mei</b>", "Bags", "submitted"]
        page = await visitor.get(path, offer=offer_id)
        assert "Show who fits best first" in page.text
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}/candidates", standing="applicant")
        assert "Decide on the application" in page.text
        page = await visitor.get(f"{path}/{number}")
        assert page.title == "Application of <b>Mei</b>"
        assert page.rows("Your rules for approving at once") == [
            ["Confirmed accounts", "douyin", "douyin", "yes"],
            ["Sales value so far, at least", "CN¥1,000.00", "CN¥0.00", "no"],
            ["Returned orders, at most", "12.5%", "–", "no"],
        ]
        assert "Three clips a day." in page.text
        assert "of 100 points" in page.text
        page = await visitor.send(page, "approve")
        assert (page.path, "The application is approved." in page.text) == (path, True)
        page = await visitor.get(f"{path}/{number}")
        assert page.forms() == []
        assert "approved" in page.text
        page = await visitor.get(path, state="all")
        assert len(page.rows("Applications")) == 1


async def test_who_is_rejected_is_told_why(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host = await new_host()
    number = await applied(app_engine, host, await new_offer(host), await new_clipper())
    path = f"/books/{host.book}/applications/{number}"
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(path)
        page = await visitor.send(page, "reject", reason=" ", status=400)
        assert page.soup.select_one("#reject .faults") is not None
        page = await visitor.send(page, "reject", reason="We look for clippers in Singapore.")
        page = await visitor.get(path)
        assert "We look for clippers in Singapore." in page.text


async def test_an_account_is_confirmed_by_its_code(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host, clipper = await new_host(), await new_clipper("douyin")
    await applied(app_engine, host, await new_offer(host), clipper, expires_at=soon(days=3) + timedelta(hours=1))
    claimed = {"platform": "weibo", "handle": f"mei-{clipper.clipper_id}", "code": "CLIP-TEST"}
    async with app_engine.begin() as connection:
        row = insert(tables.handles).values(clipper_id=clipper.clipper_id, claimed_by="test", **claimed)
        handle_id = (await connection.execute(row.returning(tables.handles.c.handle_id))).scalar_one()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/applications")
        assert page.rows("Accounts to confirm")[0][:3] == [f"Weibo @{claimed['handle']}", "Ana", "CLIP-TEST"]
        assert "in 3 days" in page.text
        page = await visitor.send(page, f"confirm-{handle_id}")
        assert "The account is confirmed." in page.text
        assert "Accounts to confirm" not in page.text


async def test_another_hosts_is_not_there(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host, other = await new_host(), await new_host()
    number = await applied(app_engine, host, await new_offer(host), await new_clipper())
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"/books/{other.book}/applications/{number}", status=404)
        await visitor.get(f"/books/{host.book}/applications", status=404)
