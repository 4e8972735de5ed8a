"""A clip is handed in: with its video in the form, or with an upload that has come before it."""

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import Clipper, Granted, Host, NewClipper, NewGrant, NewHost
from tests.licensing.reels import arrived, sql

VIDEO = ("coat.mp4", b"not really a video, but nobody looks yet" * 50_000)


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def page_of(clipper: Clipper) -> str:
    return f"/clippers/{clipper.clipper_id}/submit"


async def test_without_a_licence_one_is_told_how_to_get_one(app: Litestar, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(page_of(clipper))
        assert "You need a licence" in page.text
        assert page.forms() == []


async def test_a_form_with_its_video_leads_to_the_clips_page(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        assert "Under your licence “An offer” of A host." in page.text
        about = {"title": "Red coat", "caption": "Everybody asks #ad", "products[]@words": "17, 18"}
        page = await visitor.send(page, "clip", fields=about, file=VIDEO)
        assert page.title == "Red coat"
        assert "Your clip has arrived" in page.text
        assert page.soup.select_one("#state[data-live]")
    rows = await sql(
        app_engine,
        "SELECT title, caption, products, on_screen, received FROM licensing.submissions"
        " JOIN media.clips USING (book_id, clip_id, title)"
        " JOIN media.uploads ON place = 'upload:' || upload_id WHERE grant_id = :grant",
        grant=granted.grant_id,
    )
    assert rows == [("Red coat", "Everybody asks #ad", ["17", "18"], False, len(VIDEO[1]))]


async def test_what_has_arrived_is_kept_where_the_form_is_refused(app: Litestar, granted: Granted) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        page = await visitor.send(page, "clip", title="x" * 201, caption="#ad", file=VIDEO, status=422)
        assert page.faults()
        assert page.typed("clip", "caption") == "#ad"
        assert "Your video is here already" in page.text
        page = await visitor.send(page, "clip", title="Red coat")
        assert page.title == "Red coat"


async def test_without_a_video_the_field_says_so(app: Litestar, granted: Granted) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        page = await visitor.send(page, "clip", title="Red coat", status=400)
        assert page.faults() == ["Choose your video once more: it has not arrived, or was used already."]
        assert page.typed("clip", "title") == "Red coat"


async def test_an_upload_that_came_before_takes_the_place_of_the_file(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    """As the script does it. One that is another's, or used already, is asked for once more."""
    mine = await arrived(app_engine, granted.book_id, f"clipper:{granted.clipper.clipper_id}")
    anothers = await arrived(app_engine, granted.book_id, "clipper:0")
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        refused = await visitor.send(page, "clip", title="Red coat", upload=str(anothers), status=404)
        assert refused.typed("clip", "upload") == ""
        page = await visitor.send(page, "clip", title="Red coat", upload=str(mine))
        assert page.title == "Red coat"
        page = await visitor.get(page_of(granted.clipper))
        page = await visitor.send(page, "clip", title="Red coat", upload=str(mine), status=409)
        assert page.typed("clip", "upload") == ""


async def test_one_of_several_licences_is_chosen_and_must_live(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host, clipper=granted.clipper)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper), grant=granted.grant_id)
        chosen = page.form("clip").select("option[selected]")
        assert [each["value"] for each in chosen] == [str(granted.grant_id)]
        await sql(app_engine, "UPDATE licensing.grants SET state = 'revoked' WHERE grant_id = :id", id=other.grant_id)
        page = await visitor.send(page, "clip", title="Red", grant=str(other.grant_id), file=VIDEO, status=409)
        assert page.typed("clip", "title") == "Red"
        assert "Nothing was changed" in page.text
        page = await visitor.send(page, "clip", title="Red", file=VIDEO)
        assert page.title == "Red"


async def test_an_empty_video_is_refused(app: Litestar, granted: Granted) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(page_of(granted.clipper))
        page = await visitor.send(page, "clip", title="Red coat", file=("coat.mp4", b""), status=422)
        assert "at least one byte" in page.text


async def test_in_chinese_too(app: Litestar, granted: Granted) -> None:
    async with visiting(app, granted.clipper.person, language="zh") as visitor:
        assert (await visitor.get(page_of(granted.clipper))).title == "提交切片"
