"""Unlicensed use: the list, a case with its evidence, reporting, settling, dismissing."""

from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.cases import SeenClip, advance_cases, open_case
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Host, NewClipper, NewHost
from tests.licensing.reels import arrived, identified, segment, sql, stream


async def _seen(engine: AsyncEngine, host: Host, clipper_id: int) -> None:
    """A clip that the clipper handed in to somebody else shows this host's stream."""
    shown = segment(await stream(engine, host.book_id, "Launch <i>"), title="Launch <i>", score=0.6)
    async with engine.begin() as connection:
        assert await open_case(
            connection, host.book_id, SeenClip("submission:1", clipper_id, ("tiktok:zoe.cuts",), (shown,))
        )


async def test_a_case_is_told_with_its_evidence_and_settled(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_clipper: NewClipper
) -> None:
    host, clipper = await new_host(), await new_clipper()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/cases")
        assert "There are no such cases." in page.text
        await _seen(app_engine, host, clipper.clipper_id)
        page = await visitor.get(f"/books/{host.book}/cases", show="open")
        (row,) = page.rows("Cases")
        assert row[1:4] == ["open", "a clip that was handed in to somebody else Ana", "Launch <i>"]
        link = page.soup.select_one("table th a")
        assert link is not None
        page = await visitor.get(str(link["href"]))
        assert "tiktok:zoe.cuts" in page.text
        assert "fairly sure" in page.text
        page = await visitor.send(page, "settle", reason=" ", status=400)
        page = await visitor.send(page, "settle", reason="x" * 2001, status=422)
        assert page.faults() == ["1 to 2000 characters, none of them NUL"]
        page = await visitor.send(page, "settle", reason="Paid and taken down.")
        assert "The case is ended: you have come to terms." in page.text
        assert "Paid and taken down." in page.text
        assert page.forms() == []
        assert (await visitor.get(f"/books/{host.book}/cases", show="open")).soup.table is None


async def test_a_video_that_was_found_is_reported_and_cleared(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost
) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/cases")
        upload = await arrived(app_engine, host.book_id)
        page = await visitor.send(page, "report", handle="a b", upload=upload, platform="douyin", status=422)
        assert page.faults() == ["1 to 100 visible characters, no slash and no blank"]
        assert page.typed("report", "handle") == "a b"
        page = await visitor.send(page, "report", handle="@Lina.Finds", upload=upload, url="https://v.example/1")
        assert "Douyin · lina.finds" in page.text
        assert page.soup.select("#case[data-live]")
        ((clip,),) = await sql(app_engine, "SELECT clip_id FROM media.clips WHERE book_id = :book", book=host.book_id)
        await identified(app_engine, host.book_id, clip)
        async with app_engine.begin() as connection:
            await advance_cases(connection, host.book_id)
        page = await visitor.get(page.path)
        assert "shows none of your streams" in page.text
        assert page.forms() == []
    async with visiting(app, host.person, language="zh") as visitor:
        assert "未包含你的任何直播" in (await visitor.get(page.path)).text


async def test_a_case_is_dismissed_and_nobody_elses(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_clipper: NewClipper
) -> None:
    host, other, clipper = await new_host(), await new_host(), await new_clipper()
    await _seen(app_engine, host, clipper.clipper_id)
    ((case,),) = await sql(app_engine, "SELECT case_id FROM licensing.cases WHERE book_id = :book", book=host.book_id)
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"/books/{other.book}/cases/{case}", status=404)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/cases/{case}")
        page = await visitor.send(page, "dismiss", reason="A fan, without sales.")
        assert "The case is ended: it is not pursued." in page.text
