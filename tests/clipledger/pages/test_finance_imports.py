"""Marketplaces' reports: previewed in a tab of their own, imported, watched, and what could not be read."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings
from media.storage import Storage
from settlement.importing import run_import
from tests.clipledger.pages.counting_house import CountingHouse
from tests.clipledger.pages.visitor import visiting

_HEAD = "marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
_GOOD = "my-shop,A-1,1,CNY,17,1,0,651.00,130.20,,pending,2026-10-03T12:30:00Z\n"
_BAD = "my-shop,A-2,1,CNY,17,1,0,<b>abc</b>,5.20,,pending,2026-10-03T12:30:00Z\n"
FILE = ("orders 2026-10-04.csv", f"{_HEAD}{_GOOD}{_BAD}".encode())


def looking(office: CountingHouse) -> Mapping[str, Any]:
    return {"_look": f"POST /v1/books/{office.host.book}/imports/preview"}


async def test_a_preview_shows_what_would_be_posted_and_posts_nothing(office: CountingHouse) -> None:
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/imports")
        assert "No report has come yet." in page.text
        button = page.form("report").select_one("button[formtarget=_blank]")
        assert button is not None
        assert button["value"] == looking(office)["_look"]
        page = await visitor.send(page, "report", file=FILE, fields=looking(office))
        assert "Nothing is imported yet." in page.text
        assert page.figures() == {
            "Rows": "2",
            "New sales": "1",
            "Changed sales": "0",
            "As before": "0",
            "Rows that can't be read": "1 they would be set aside",
        }
        assert page.rows("What would be posted, by account") == [
            ["assets:marketplace:my-shop", "CN¥130.20", ""],
            ["liabilities:suspense", "", "CN¥130.20"],
        ]
        ((row, column, stands, _),) = page.rows("Rows that can't be read")
        assert (row, column, stands) == ("2", "gmv", "<b>abc</b>")
        assert (await visitor.get(f"{office.path}/imports")).text.count("No report has come yet.") == 1


async def test_a_report_is_sent_read_in_and_recognised(
    office: CountingHouse, settings: Settings, app_engine: AsyncEngine
) -> None:
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/imports")
        page = await visitor.send(page, "report", file=FILE)
        assert page.title == "orders 2026-10-04.csv"
        assert "It is being read in" in page.text
        assert page.soup.select_one("#progress[data-live] progress") is not None
        number = int(page.path.rpartition("/")[2].partition("?")[0])
        await run_import(app_engine, Storage(settings.media_storage), office.till.book_id, number)
        page = await visitor.get(f"{office.path}/imports/{number}")
        assert page.soup.select_one("[data-live]") is None
        assert page.figures() == {"Rows read": "2", "Sales that came or changed": "1", "Rows set aside": "1"}
        assert page.rows("What it has posted, by account")[1] == ["liabilities:suspense", "", "CN¥130.20"]
        ((row, column, stands, rule, raw, state),) = page.rows("Rows set aside")
        assert (row, column, stands, state) == ("2", "gmv", "<b>abc</b>", "open")
        assert rule
        assert "my-shop | A-2" in raw
        page = await visitor.send(page, "settle", reason="It is a test", fields={"rows[]@words": "1 7"}, status=409)
        assert page.faults() == ["rows that are parked, and that nobody has settled before"]
        page = await visitor.send(page, "settle", fields={"rows[]@words": ""})
        assert page.rows("Rows set aside")[0][-1].endswith("by you: It is a test")
        assert "settle" not in page.forms()
        assert (await visitor.get(office.path)).figures()["Rows nobody could read"] == "0"
        page = await visitor.send(await visitor.get(f"{office.path}/imports"), "report", file=FILE)
        assert "This file came before" in page.text
        page = await visitor.send(
            await visitor.get(f"{office.path}/imports"), "report", file=FILE, fields=looking(office)
        )
        assert "This file was imported before." in page.text


async def test_a_file_that_no_reader_knows_is_told_beside_the_field(office: CountingHouse) -> None:
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/imports")
        fields = {"?as_of": "2026-10-04", "?zone": "Nowhere/Land"}
        page = await visitor.send(page, "report", file=FILE, fields=fields, status=422)
        assert page.faults()
        assert page.typed("report", "?zone") == "Nowhere/Land"
        assert page.typed("report", "?as_of") == "2026-10-04"
        page = await visitor.send(page, "report", file=("x.csv", b"a,b\n1,2\n"), fields={"?zone": ""}, status=422)
        assert "Nothing was changed." in page.text


async def test_who_may_not_send_is_told_who_may(office: CountingHouse) -> None:
    page = await office.see("/imports", by=office.approver)
    assert page.forms() == []
    assert "people who hold the finance role" in page.text
    await office.see("/imports/999999", status=404)
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(f"{office.path}/imports")).title == "平台报表"
