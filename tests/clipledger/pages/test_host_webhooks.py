"""Webhooks: adding one with its secret, changing, stopping, testing, what was sent, and sending it again."""

from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.forms import read_form
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.licensing.house import Host, NewHost
from tests.licensing.reels import sql

ADDRESS = "https://93.184.215.14/hook"
"""Of numbers, so that no name is looked up."""


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def visitor(app: Litestar, host: Host) -> AsyncIterator[Visitor]:
    async with visiting(app, host.person) as made:
        yield made


async def _added(visitor: Visitor, host: Host) -> str:
    page = await visitor.get(f"/books/{host.book}/webhooks")
    page = await visitor.send(
        page, "add", url=ADDRESS, description="Our shop", fields={"types[]@words": "grant.revoked"}
    )
    (link,) = page.soup.select("table th a")
    return str(link["href"])


async def test_an_address_is_added_and_its_secret_shown_once(visitor: Visitor, host: Host) -> None:
    page = await visitor.get(f"/books/{host.book}/webhooks")
    assert "Nothing is sent yet." in page.text
    page = await visitor.send(page, "add", url="http://10.0.0.1/", status=422)
    assert page.faults()[0].startswith("https://host")
    assert page.typed("add", "url") == "http://10.0.0.1/"
    page = await visitor.send(
        page, "add", url=ADDRESS, fields={"types[]@words": "grant.revoked\nclip.danced"}, status=422
    )
    assert "clip.danced" in page.text
    page = await visitor.send(page, "add", description="Our <b>shop</b>", fields={"types[]@words": "grant.revoked"})
    secret = page.soup.select_one(".secret")
    assert secret is not None
    assert secret.text.startswith("whsec_")
    page = await visitor.get(f"/books/{host.book}/webhooks")
    assert page.soup.select_one(".secret") is None
    (row,) = page.rows("Where events are sent")
    assert (row[:3], row[4]) == ([ADDRESS, "Our <b>shop</b>", "1 kind"], "enabled")


async def test_it_is_changed_its_secret_too_and_stopped(visitor: Visitor, host: Host) -> None:
    path = await _added(visitor, host)
    page = await visitor.get(path)
    assert page.typed("change", "types[]@words") == "grant.revoked"
    page = await visitor.send(page, "change", description="All of it", fields={"types[]@words": ""})
    assert "It is changed." in page.text
    assert "Events all" in page.text
    page = await visitor.send(page, "rotate")
    assert page.soup.select_one(".secret") is not None
    assert "events are signed with the old one, too" in page.text
    page = await visitor.send(page, "disable")
    assert "Nothing more is sent there." in page.text
    assert {"test", "replay", "disable"}.isdisjoint(page.forms())
    page = await visitor.send(page, "enable")
    assert {"test", "replay", "disable"} <= {*page.forms()}


async def test_a_test_event_is_followed_and_sent_again(
    visitor: Visitor, app: Litestar, app_engine: AsyncEngine, host: Host
) -> None:
    path = await _added(visitor, host)
    page = await visitor.send(await visitor.get(path), "test")
    assert (page.title, "webhook-id" in page.text) == ("webhook.tested", True)
    assert page.soup.select("#delivery[data-live]")
    assert '"type": "webhook.tested"' in page.text
    number = int(page.path.rpartition("/")[2])
    await sql(
        app_engine,
        "INSERT INTO licensing.webhook_attempts (book_id, delivery_id, attempt_no, took_ms, status, answer)"
        " VALUES (:book, :delivery, 1, 1234, 500, 'Out of <b>order</b>')",
        book=host.book_id,
        delivery=number,
    )
    failed = "UPDATE licensing.webhook_deliveries SET state = 'failed', attempts = 8 WHERE delivery_id = :delivery"
    await sql(app_engine, failed, delivery=number)
    page = await visitor.get(page.path)
    ((no, _, answer, took, said),) = page.rows("Attempts")
    assert (no, answer, took, said) == ("1", "HTTP 500", "1,234 ms", "Out of <b>order</b>")
    page = await visitor.send(page, "replay")
    assert "It is sent again." in page.text
    await sql(app_engine, failed, delivery=number)
    page = await visitor.get(path, show="failed")
    assert [row[:3] for row in page.rows("What was sent")] == [["webhook.tested", "failed", "8"]]
    page = await visitor.send(page, "replay")
    assert "1 event is sent again." in page.text
    page = await visitor.send(page, "replay", fields={"since@Asia/Shanghai": "yesterday"}, status=400)
    assert page.typed("replay", "since@Asia/Shanghai") == "yesterday"
    async with visiting(app, host.person, language="zh") as reader:
        assert "投递记录" in (await reader.get(path)).text


async def test_webhooks_are_the_hosts(app: Litestar, host: Host, new_host: NewHost, new_person: NewPerson) -> None:
    other = await new_host()
    async with visiting(app, host.person) as visitor:
        path = await _added(visitor, host)
    async with visiting(app, await new_person("reviewer", host.book)) as visitor:
        await visitor.get(path, status=403)
    async with visiting(app, other.person) as visitor:
        await visitor.get(path.replace(host.book, other.book), status=404)


def test_a_form_can_say_that_a_list_is_empty() -> None:
    assert read_form([("types[]@words", ""), ("types@empty", "")]).body == {"types": []}
    assert read_form([("types[]@words", "a b"), ("types@empty", "")]).body == {"types": ["a", "b"]}
