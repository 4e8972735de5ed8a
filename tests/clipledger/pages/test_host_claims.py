"""Disputes: the list with what is frozen, a file, what the host may do next, and opening one."""

from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.sayings import SAYINGS
from licensing.claim_evidence import Statement
from licensing.claim_rules import GROUNDS
from licensing.claims import move_claim, open_claim
from licensing.states import By
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.licensing.house import Host, NewGrant, NewHost
from tests.licensing.reels import handed_in
from tests.settlement.test_disputed import frozen_sale

CLIPPER = By("clipper", "user:2")


async def _opened(visitor: Visitor, host: Host, submission: int) -> str:
    """Disputed by the host; the address of the dispute."""
    page = await visitor.get(f"/books/{host.book}/claims", submission=submission)
    page = await visitor.send(page, "claim", ground="false-advertising", statement="It says <b>silk</b>.")
    assert "The dispute is open." in page.text
    return page.path


async def test_a_clip_is_disputed_its_money_frozen_and_the_claim_withdrawn(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    submission, _ = await handed_in(app_engine, grant, "live")
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/claims", submission=submission)
        assert "There are no such disputes." in page.text
        assert page.soup.select("details#claim-ask[open]")
        page = await visitor.send(page, "claim", ground="false-sales", statement="x", url="silk", status=422)
        assert page.faults() == ["http(s)://host/…, at most 2000 characters"]
        assert page.typed("claim", "url") == "silk"
        path = await _opened(visitor, host, submission)
        page = await visitor.get(path)
        assert page.figures()["Frozen for it now"].startswith("nothing yet")
        await frozen_sale(app_engine, grant, submission, 12_345)
        await frozen_sale(app_engine, grant, submission, 55)
        page = await visitor.get(path)
        assert page.title == "False advertising"
        assert page.figures()["Frozen for it now"] == "CN¥124.00 (2 sales)"
        assert "It says <b>silk</b>." in page.text
        assert "You can uphold your claim once the clipper has answered" in page.text
        assert page.forms() == ["withdrawn", "evidence"]
        listed = await visitor.get(f"/books/{host.book}/claims")
        ((about, state, until, frozen, over, who),) = listed.rows("Disputes")
        assert about.startswith("false advertising by you,")
        assert (over, who, state, frozen) == ("Coat", "Ana", "open", "CN¥124.00 (2 sales)")
        assert until.startswith("the clipper answers by")
        page = await visitor.send(page, "evidence", statement="See 00:41.", url="https://example.com/a.png")
        assert "It is in the file." in page.text
        assert "See 00:41." in page.text
        page = await visitor.send(page, "withdrawn", statement="It is silk.")
        assert "Your claim is withdrawn." in page.text
        assert page.forms() == []


async def test_an_answered_claim_is_upheld(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    submission, _ = await handed_in(app_engine, await new_grant(host), "live")
    async with visiting(app, host.person) as visitor:
        path = await _opened(visitor, host, submission)
        number = int(path.rpartition("/")[2])
        async with app_engine.begin() as connection:
            await move_claim(connection, host.book_id, number, "responded", CLIPPER, Statement("It is silk."))
        page = await visitor.get(path)
        assert page.forms() == ["upheld", "withdrawn", "evidence"]
        assert "the clipper's part of everything sold until then goes to you" in page.text
        page = await visitor.send(page, "upheld", statement="The label says polyester.")
        assert "Your claim is upheld." in page.text
        assert "the clipper may appeal until" in page.text


async def test_a_clippers_claim_is_refused_or_agreed_with(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    numbers = []
    for ground in ("wrongly-rejected", "wrongly-recognised"):
        submission, _ = await handed_in(app_engine, grant, "rejected")
        async with app_engine.begin() as connection:
            whose, said = {"clipper_id": grant.clipper.clipper_id}, Statement("It keeps the terms.")
            claim = await open_claim(connection, CLIPPER, whose, ground, said, submission_id=submission)
            numbers.append(claim.claim_id)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/claims/{numbers[0]}")
        assert "Frozen for it now" not in page.figures()
        assert page.forms() == ["released", "conceded", "evidence"]
        page = await visitor.send(page, "released", statement="It was mirrored.")
        assert "The claim is refused." in page.text
        page = await visitor.get(f"/books/{host.book}/claims/{numbers[1]}")
        page = await visitor.send(page, "conceded", statement="You are right.")
        assert "The clip is approved." in page.text  # as the file says
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}/claims/{numbers[1]}")
        assert "切片已通过。" in page.text


async def test_who_may_not_read_sales_sees_no_amounts_and_others_see_nothing(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_person: NewPerson
) -> None:
    host, other = await new_host(), await new_host()
    grant = await new_grant(host)
    submission, _ = await handed_in(app_engine, grant, "live")
    async with visiting(app, host.person) as visitor:
        path = await _opened(visitor, host, submission)
    await frozen_sale(app_engine, grant, submission, 100)
    async with visiting(app, await new_person("reviewer", host.book)) as visitor:
        assert "Frozen for it now" not in (await visitor.get(path)).figures()
        assert "CN¥" not in (await visitor.get(f"/books/{host.book}/claims")).text
    async with visiting(app, other.person) as visitor:
        await visitor.get(path.replace(host.book, other.book), status=404)


def test_each_ground_is_said_in_every_language() -> None:
    assert {each.sentence for each in GROUNDS.values()} <= set(SAYINGS)
