"""A clipper's clips: what each shows, how it stands, where it was posted, and what it has earned."""

from datetime import UTC, datetime, timedelta

import pytest
from litestar import Litestar
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import reviewing
from licensing.states import By
from licensing.submissions import remove
from licensing.tables import members, publications, submissions
from tests.clipledger.front_door import Person
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.licensing.house import Granted, Host, NewClipper, NewGrant, NewHost, NewUser
from tests.licensing.reels import handed_in, identified, segment, stream, unreadable
from tests.settlement.till import Till, facts

CONTENT = "7345678901234567890"


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def granted(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def pages_of(granted: Granted) -> str:
    return f"/clippers/{granted.clipper.clipper_id}/clips"


async def shown_clip(engine: AsyncEngine, granted: Granted, state: str = "live") -> int:
    """A clip of 30 seconds that shows the second minute of a stream, mirrored and faster; its number."""
    number, clip_id = await handed_in(engine, granted, state)
    source = await stream(engine, granted.book_id)
    its = segment(source, mirrored=True, speed=1.5, score=0.85)
    await identified(engine, granted.book_id, clip_id, its)
    return number


async def posted(engine: AsyncEngine, granted: Granted, number: int, content_id: str) -> None:
    handle = next(each for each in granted.clipper.accounts if each.startswith("tiktok")).split(":")[1]
    about = {"platform": "tiktok", "handle": handle, "url": "https://example.com/1", "added_by": "t"}
    row = insert(publications).values(
        book_id=granted.book_id,
        submission_id=number,
        content_id=content_id,
        published_at=datetime(2026, 10, 5, 4, tzinfo=UTC),
        **about,
    )
    async with engine.begin() as connection:
        await connection.execute(row)


async def test_who_has_handed_in_nothing_is_told_how(app: Litestar, new_clipper: NewClipper) -> None:
    clipper = await new_clipper()
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(f"/clippers/{clipper.clipper_id}/clips")
        assert "no clip yet" in page.text
        assert page.soup.select_one(f'.empty a[href="/clippers/{clipper.clipper_id}/submit"]')


async def test_a_clip_tells_what_it_shows_and_what_it_has_earned_in_each_currency(
    app: Litestar, app_engine: AsyncEngine, host: Host, granted: Granted
) -> None:
    number = await shown_clip(app_engine, granted)
    await posted(app_engine, granted, number, CONTENT)
    told = {"platform": "tiktok", "content_id": CONTENT}
    one = facts(order_no="a", **told)
    back = facts(order_no="b", gmv=50_000, net_gmv=0, due=0, **told)
    await Till(app_engine, host).sell(one, back)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(pages_of(granted))
        card = " ".join(page.soup.select(".card")[0].get_text(" ").split())
        assert "Autumn launch, 1:00.0 to 1:30.0" in card
        assert "Posted on TikTok" in card
        for figure in ("Earned CN¥74.21", "Sold for CN¥1,500.00", "Orders 2", "Returned 1 · CN¥500.00"):
            assert figure in card
        page = await visitor.get(f"{pages_of(granted)}/{number}")
        assert page.figures() == {
            "Earned": "CN¥74.21",
            "Sold for": "CN¥1,500.00",
            "Orders": "2",
            "Returned": "1 CN¥500.00",
        }
        shows = page.rows("Parts of streams")
        assert shows == [["Autumn launch", "0:00.0–0:30.0", "1:00.0–1:30.0", "mirrored, 1.50 times the speed", "sure"]]
        newest, oldest = page.rows("Sales of this clip")
        assert oldest == ["5 Oct 2026", "CN¥74.21", "CN¥1,000.00", "", "held", "17", oldest[6]]
        assert newest[1:4] == ["CN¥0.00", "CN¥500.00", "CN¥500.00"]
        links = [str(link["href"]) for link in page.soup.select('a[href*="/sales/"]')]
        assert len(links) == 2
        for link in links:
            await visitor.get(link)
        assert page.soup.select_one(f'img[src$="/submissions/{number}/contact-sheet"]')


async def test_clips_are_listed_by_state_fifty_on_a_page(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    number, _ = await handed_in(app_engine, granted, "rejected")
    its = {"book_id": granted.book_id, "grant_id": granted.grant_id, "clipper_id": granted.clipper.clipper_id}
    about = {"caption": "", "on_screen": False, "disclosed": "missing", "submitted_by": "t", "state": "live"}
    rows = [{**its, **about, "title": f"Coat {n}", "clip_id": 10**9 + n} for n in range(51)]
    async with app_engine.begin() as connection:
        await connection.execute(insert(submissions), rows)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(pages_of(granted))
        assert len(page.soup.select(".cards > .card")) == 50
        assert len(page.answer.content) < 60_000
        page = await visitor.get(str(page.soup.select_one("a[rel=next]")["href"]))  # type: ignore[index]
        assert [each.get_text() for each in page.soup.select(".card h2")] == ["Coat 0", "Coat"]
        page = await visitor.get(pages_of(granted), state="rejected")
        assert [str(each["href"]) for each in page.soup.select(".card h2 a")] == [f"{pages_of(granted)}/{number}"]
        assert "No clip is in this state" in (await visitor.get(pages_of(granted), state="removed")).text


async def test_what_is_being_recognised_renews_itself_until_it_is(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    number, clip_id = await handed_in(app_engine, granted)
    place = f"{pages_of(granted)}/{number}"
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(place)
        assert page.soup.select_one("#state[data-live]")
        assert "need not do anything" in page.text
        source = await stream(app_engine, granted.book_id)
        await identified(app_engine, granted.book_id, clip_id, segment(source))
        async with app_engine.begin() as connection:
            await reviewing.advance(connection, granted.book_id)
        page = await visitor.get(place)
        assert not page.soup.select_one("[data-live]")
        assert "Now the host looks at it" in page.text
        assert [row[1:] for row in page.rows("What happened")][-1] == ["Recognised", "by itself"]


async def test_why_it_was_rejected_is_told_in_words_and_can_be_disputed(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    number, clip_id = await handed_in(app_engine, granted)
    await unreadable(app_engine, granted.book_id, clip_id)
    place, by = f"{pages_of(granted)}/{number}", By("host", "user:1")
    async with app_engine.begin() as connection:
        await reviewing.advance(connection, granted.book_id)
        await reviewing.reject(connection, granted.book_id, number, reason="No coat <b>", refused=False, by=by)
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(place)
        assert "The file is no video that we can read." in page.text
        assert "No coat <b>" in page.text
        assert "user:1" not in page.text
        assert page.soup.select_one(f'a[href$="/disputes?clip={number}"]')


async def test_a_post_is_put_on_record_refused_beside_its_field_and_taken_off(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    number = await shown_clip(app_engine, granted, "approved")
    handle = next(each for each in granted.clipper.accounts if each.startswith("tiktok")).split(":")[1]
    when = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")  # by the clock of Asia/Shanghai
    about = {"platform": "tiktok", "handle": handle, "published_at@Asia/Shanghai": when, "content_id": CONTENT[::-1]}
    async with visiting(app, granted.clipper.person) as visitor:
        page = await visitor.get(f"{pages_of(granted)}/{number}")
        page = await visitor.send(page, "post", fields={**about, "url": "ftp://x"}, status=422)
        assert page.faults()
        assert (page.typed("post", "url"), page.typed("post", "content_id")) == ("ftp://x", CONTENT[::-1])
        page = await visitor.send(page, "post", url="https://example.com/v/1")
        assert "on record" in page.text
        (row,) = page.rows("Posts of this clip")
        assert row[:2] == ["TikTok", handle]
        assert "It is posted" in page.text
        (name,) = (form for form in page.forms() if form.startswith("unpost-"))
        page = await visitor.send(page, name)
        assert "off since" in page.rows("Posts of this clip")[0][4]


async def test_a_clip_is_taken_back_with_or_without_a_reason(
    app: Litestar, app_engine: AsyncEngine, granted: Granted
) -> None:
    async with visiting(app, granted.clipper.person) as visitor:
        for reason in ("", "The price was wrong"):
            number = await shown_clip(app_engine, granted, "approved")
            page = await visitor.get(f"{pages_of(granted)}/{number}")
            page = await visitor.send(page, "remove", fields={"reason@null": reason})
            assert "What it has sold stays sold." in page.text
            assert reason in page.text
            assert "remove" not in page.forms()


async def test_what_the_host_has_taken_down_tells_why(app: Litestar, app_engine: AsyncEngine, granted: Granted) -> None:
    number = await shown_clip(app_engine, granted)
    async with app_engine.begin() as connection:
        await remove(connection, granted.book_id, number, reason="Sold out <b>", by=By("host", "user:1"))
    async with visiting(app, granted.clipper.person) as visitor:
        assert "Sold out <b>" in (await visitor.get(f"{pages_of(granted)}/{number}")).text


async def test_who_may_only_look_is_shown_no_forms(
    app: Litestar, app_engine: AsyncEngine, granted: Granted, new_user: NewUser
) -> None:
    number = await shown_clip(app_engine, granted, "approved")
    viewer: Person = await new_user(frozenset({"party:read"}))
    its = {"party_id": granted.clipper.clipper_id, "user_id": viewer.user_id, "role": "viewer", "added_by": "t"}
    async with app_engine.begin() as connection:
        await connection.execute(insert(members).values(its))
    async with visiting(app, viewer) as visitor:
        page = await visitor.get(f"{pages_of(granted)}/{number}")
        assert page.forms() == []
        await visitor.get(f"/clippers/{granted.clipper.clipper_id}/submit", status=403)
        rejected, _ = await handed_in(app_engine, granted, "rejected")
        for path in (f"{pages_of(granted)}/{rejected}", pages_of(granted)):
            assert (await visitor.get(path)).soup.select_one('a[href$="/submit"]') is None


async def test_anothers_clips_are_not_there(
    app: Litestar, app_engine: AsyncEngine, granted: Granted, new_clipper: NewClipper
) -> None:
    number = await shown_clip(app_engine, granted)
    other = await new_clipper()
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"{pages_of(granted)}/{number}", status=404)
        await visitor.get(f"/clippers/{other.clipper_id}/clips/{number}", status=404)


async def test_in_chinese_too(app: Litestar, app_engine: AsyncEngine, granted: Granted) -> None:
    number = await shown_clip(app_engine, granted)
    async with app_engine.begin() as connection:
        await connection.execute(
            update(submissions).where(submissions.c.submission_id == number).values(title="红外套")
        )
    async with visiting(app, granted.clipper.person, language="zh") as visitor:
        await _all_chinese(visitor, pages_of(granted))
        page = await _all_chinese(visitor, f"{pages_of(granted)}/{number}")
        assert page == "红外套"


async def _all_chinese(visitor: Visitor, path: str) -> str:
    page = await visitor.get(path)
    assert page.soup.html
    assert page.soup.html["lang"] == "zh-Hans"
    return page.title
