"""What the operator decides: appeals and whose an account is."""

from datetime import timedelta

from litestar import Litestar
from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.tables import claim_evidence, claims, handles
from tests.clipledger.front_door import Company
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewClipper, NewGrant, NewHost


async def test_an_appeal_is_read_and_decided(
    app: Litestar, company: Company, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    granted = await new_grant(host)
    its = {"book_id": host.book_id, "grant_id": granted.grant_id, "clipper_id": granted.clipper.clipper_id}
    disputed = {
        "claimant": "host",
        "ground": "outside-terms",
        "frozen": True,
        "state": "appealed",
        "opened_by": "user:1",
    }
    soon = func.now() + timedelta(days=3)
    row = insert(claims).values(**its, **disputed, respond_by=soon, decide_by=soon).returning(claims.c.claim_id)
    async with app_engine.begin() as connection:
        number = await connection.scalar(row)
        said = {"side": "host", "statement": "Posted on another account", "added_by": "user:1", "evidence_no": 1}
        late = {"side": "system", "statement": "nobody answered in time", "added_by": "clock", "evidence_no": 2}
        for each in (said, late):
            await connection.execute(insert(claim_evidence).values(book_id=host.book_id, claim_id=number, **each))
    async with visiting(app, company.operator, language="zh") as visitor:
        page = await visitor.get(f"/operator/appeals/{number}")
        assert "Posted on another account" in page.text
        assert "nobody answered in time" not in page.text
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/appeals")
        [listed] = [row for row in page.rows("Disputes") if row[3] == f"licence {granted.grant_id}"]
        assert listed[1:3] == ["A host", "Ana"]
        page = await visitor.get(f"/operator/appeals/{number}")
        assert "Posted on another account" in page.text
        assert "Nothing is done to the licence" in page.text
        page = await visitor.send(page, "decide", verdict="release", reason="", status=400)
        assert page.faults() == ["is required"]
        page = await visitor.send(page, "decide", reason="The account is the clipper's.")
        assert "It is decided." in page.text
        assert "released for good" in page.text
        assert "decide" not in page.forms()
        assert "The account is the clipper's." in page.text
        await visitor.get("/operator/appeals/999999999", status=404)


async def test_an_account_moves_to_the_clipper_who_shows_the_code(
    app: Litestar, company: Company, app_engine: AsyncEngine, new_clipper: NewClipper
) -> None:
    holder, claimer = await new_clipper("tiktok", name="Old Owner"), await new_clipper("douyin", name="New Owner")
    handle = holder.accounts[0].removeprefix("tiktok:")
    claimed = {"platform": "tiktok", "handle": handle, "code": "CLIP-7F3K2M9QXA", "claimed_by": "test"}
    row = insert(handles).values(clipper_id=claimer.clipper_id, **claimed).returning(handles.c.handle_id)
    async with app_engine.begin() as connection:
        number = await connection.scalar(row)
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/handles")
        assert [row[1] for row in page.rows("Accounts") if handle in row[0]] == [f"New Owner ({claimer.clipper_id})"]
        page = await visitor.get("/operator/handles", handle=number)
        assert "CLIP-7F3K2M9QXA" in page.text
        assert "It is confirmed for Old Owner now" in page.text
        page = await visitor.send(page, "confirm")
        assert "The account is confirmed." in page.text
        page = await visitor.get("/operator/handles", state="all")
        states = {row[1].split(" (")[0]: row[2] for row in page.rows("Accounts") if handle in row[0]}
        assert states == {"New Owner": "confirmed", "Old Owner": "released"}
