"""Clip review: the queue, one clip beside its terms, and each decision."""

import pytest
from litestar import Litestar
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.terms import Disclosure, EditRules
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost
from tests.licensing.reels import handed_in, identified, segment, sql, stream


async def _clip(engine: AsyncEngine, grant: Granted, state: str, title: str = "Coat", **values: str) -> int:
    """A clip in this state which shows 30 seconds of a stream, at an eighth more than its speed, mirrored."""
    number, clip = await handed_in(engine, grant, state)
    source = await stream(engine, grant.book_id)
    await identified(engine, grant.book_id, clip, segment(source, speed=1.125, mirrored=True))
    changes = {"title": title, **values}
    given = ", ".join(
        f"{name} = {value if value.startswith('now()') else repr(value)}" for name, value in changes.items()
    )
    await sql(engine, f"UPDATE licensing.submissions SET {given} WHERE submission_id = :n", n=number)
    return number


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


async def test_the_queue_tells_what_waits_and_until_when(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    path = f"/books/{host.book}/review"
    grant = await new_grant(host)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "Nothing waits for you." in page.text
        later = await _clip(app_engine, grant, "identified", "Later <i>", review_by="now() + interval '2 days'")
        never = await _clip(app_engine, grant, "identified", "Whenever", findings='[{"code": "too-long", "rule": "…"}]')
        soon = await _clip(app_engine, grant, "identified", "Soon", review_by="now() + interval '1 day'")
        gone = await _clip(app_engine, grant, "approved", "Decided")
        page = await visitor.get(path)
        rows = page.rows("Clips")
        assert [(row[0], row[2]) for row in rows] == [
            ("Soon", "nothing"),
            ("Later <i>", "nothing"),
            ("Whenever", "Longer than the terms allow"),
        ]
        assert "approved by itself on" in rows[0][1]
        assert "approved by itself" not in rows[2][1]
        assert "To review (3)" in page.text
        assert [link["href"] for link in page.soup.select("table th a")] == [
            f"{path}/{n}" for n in (soon, later, never)
        ]
        page = await visitor.get(path, show="approved")
        assert [link["href"] for link in page.soup.select("table th a")] == [f"{path}/{gone}"]
        page = await visitor.get(path, clipper=grant.clipper.clipper_id, show="live")
        assert "There are no such clips." in page.text


async def test_a_clip_is_approved_and_the_next_one_comes(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    terms = replace(
        TERMS, edits=EditRules(mirroring=False, longest_s=60), disclosure=Disclosure(texts=("#ad", "#广告"))
    )
    grant = await new_grant(host, terms=terms)
    found = '[{"code": "mirrored", "rule": "…"}, {"code": "disclosure-missing", "rule": "…"}]'
    first = await _clip(app_engine, grant, "identified", disclosed="missing", caption="Coat", findings=found)
    second = await _clip(app_engine, grant, "identified", "Hat")
    path = f"/books/{host.book}/review"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"{path}/{first}")
        assert page.rows("Stretches of the clip and where they come from") == [
            [
                "0:00.0 – 0:30.0",
                "Autumn launch",
                "1:00.0 – 1:30.0",
                "at 1.12 times the speed, mirrored",
                "very sure (90%)",
            ]
        ]
        kept = {row[0]: row[1:] for row in page.rows("Conditions of the terms")}
        assert kept["Mirrored picture"] == ["not allowed", "mirrored", "not kept"]
        assert kept["Length"] == ["3 to 60 seconds", "0:30.0", "kept"]
        assert kept["Speed"] == ["at most 2 times", "1.12 times", "kept"]
        assert kept["Says that it is advertising"][0] == "one of #ad and #广告, in the text or in the picture"
        assert kept["Says that it is advertising"][2] == "not kept"
        sheet = page.soup.select_one("a.sheet img")
        assert sheet is not None
        assert str(sheet["src"]).endswith("/contact-sheet")
        page = await visitor.send(page, "approve", status=409)
        assert "say confirmed where you have seen it" in page.text
        page = await visitor.send(page, "approve", fields={"disclosure@null": ["", "confirmed"]})
        assert (page.path, page.title) == (f"{path}/{second}", "Hat")
        assert "The clip “Coat” is approved." in page.text
        page = await visitor.send(page, "approve")
        assert page.path == path
        assert "Nothing waits for you." in page.text


async def test_a_clip_is_rejected_with_a_reason_and_approved_after_all(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    number = await _clip(app_engine, await new_grant(host), "identified")
    path = f"/books/{host.book}/review/{number}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.send(await visitor.get(path), "reject", reason="x" * 2001, status=422)
        assert page.faults() == ["1 to 2000 characters, none of them NUL"]
        assert page.typed("reject", "reason") == "x" * 2001
        await visitor.send(page, "reject", reason="The coat is <b>sold out</b>.", disclosure="refused")
        page = await visitor.get(path)
        assert "Reason given: The coat is <b>sold out</b>." in page.text
        assert page.forms() == ["approve"]
        await visitor.send(page, "approve", fields={"disclosure@null": "confirmed"})
        assert (await visitor.get(path)).forms() == ["reject"]


async def test_a_live_clip_is_taken_down(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    number = await _clip(app_engine, await new_grant(host), "live")
    path = f"/books/{host.book}/review/{number}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "its commission stays the clipper's" in page.text
        await visitor.send(page, "take-down", reason="Recalled by its maker.")
        page = await visitor.get(path)
        assert "removed" in page.text
        assert page.forms() == []
        dispute = page.soup.select_one(f'a[href$="/claims?submission={number}#open"]')
        assert dispute is not None
        assert (await visitor.get(str(dispute["href"]))).typed("claim", "submission_id") == str(number)


async def test_who_may_only_read_decides_nothing(
    app: Litestar, app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_person: NewPerson
) -> None:
    number = await _clip(app_engine, await new_grant(host), "identified")
    approver = await new_person("approver", host.book)
    async with visiting(app, approver, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}/review/{number}")
        assert page.forms() == []
        assert page.soup.select("a.sheet") == []  # which is the media's, and not an approver's to see
        await visitor.get(f"/books/{host.book}/streams", status=403)
        assert (await visitor.get(f"/books/{host.book}/review")).title == "切片审核"
