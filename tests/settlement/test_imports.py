"""Reports and sales events over HTTP: kept, read in by a worker, shown, and every sale explained."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text

from clipledger.access.roles import ROLES
from clipledger.settings import Settings
from media.storage import Storage
from settlement.importing import import_due
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Host, NewHost, NewUser
from tests.settlement.desk import Desk
from tests.settlement.market import DAYS, Told, export

PLACED = datetime(2026, 10, 3, 12, 30, tzinfo=UTC)


@pytest.fixture
async def desk(desk: Desk, new_user: NewUser) -> Desk:
    """With somebody of finance at it."""
    person = await new_user(ROLES["finance"], "finance", desk.host.book)
    return replace(desk, host=replace(desk.host, person=person))


def line(order: int, handle: str) -> Told:
    return Told(order, "CNY", 13020, 0, "pending", handle, PLACED)


async def sent(client: AsyncClient, host: Host, content: bytes, path: str = "imports", **asked: str) -> Response:
    headers = {**posting(host.person), "Content-Type": "application/octet-stream"}
    asked = {"name": "shop_2026-10-05.csv", **asked}
    return await client.post(f"{host.path}/{path}", content=content, params=asked, headers=headers)


async def got(client: AsyncClient, host: Host, path: str, **asked: Any) -> Any:
    answer = await client.get(f"{host.path}/{path}", params=asked, headers=host.person.bearer)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def worked(desk: Desk, settings: Settings) -> None:
    await import_due(desk.engine, Storage(settings.media_storage))


def event(order: str = "A-1", **told: Any) -> dict[str, Any]:
    usual = {"marketplace": "shop", "order": order, "line": "1", "currency": "CNY", "product": "P-1", "gmv": "651.00"}
    return {**usual, "estimated": "130.20", "state": "pending", "placed_at": "2026-10-03T12:30:00Z", **told}


async def test_a_report_is_kept_and_read_in_by_a_worker(
    client: AsyncClient, desk: Desk, web_settings: Settings
) -> None:
    content = export([line(1, desk.handles[0]), replace(line(2, "nobody"), state="sold")])
    answer = await sent(client, desk.host, content)
    assert (answer.status_code, answer.json()["state"]) == (202, "reading")
    place = answer.headers["location"].removeprefix(f"{desk.host.path}/")
    await worked(desk, web_settings)
    shown = await got(client, desk.host, place)
    assert (shown["state"], shown["rows_read"], shown["parked"], shown["changed"]) == ("done", 2, 1, 1)
    parked = (await got(client, desk.host, f"{place}/parked"))["data"]
    assert [(row["row_no"], row["column_name"], row["value"]) for row in parked] == [(2, "state", "sold")]
    posted = await got(client, desk.host, f"{place}/posted")
    assert {"account": "assets:marketplace:shop", "currency": "CNY", "amount": 13020} in posted
    assert [report["import_id"] for report in (await got(client, desk.host, "imports"))["data"]] == [shown["import_id"]]


async def test_a_file_sent_twice_is_found_as_it_is(client: AsyncClient, desk: Desk) -> None:
    first, again = [await sent(client, desk.host, export([line(1, "nobody")])) for _ in range(2)]
    assert (again.status_code, again.json()) == (200, first.json())


async def test_a_preview_keeps_nothing(client: AsyncClient, desk: Desk) -> None:
    answer = await sent(client, desk.host, export([line(1, "nobody")]), "imports/preview")
    assert (answer.status_code, answer.json()["new"], len(answer.json()["posted"])) == (200, 1, 2)
    assert (await got(client, desk.host, "imports"))["data"] == []


@pytest.mark.parametrize(
    ("content", "asked", "code"),
    [
        (b"a,b\n1,2\n", {}, "unknown-format"),
        (export([line(1, "nobody")]), {"name": "report.csv"}, "unknown-as-of"),
        (export([line(1, "nobody")]), {"zone": "Nowhere/Land"}, "unreadable-file"),
        (b"PK\x03\x04 no spreadsheet", {}, "truncated-file"),
    ],
)
async def test_what_is_no_report_is_refused(
    client: AsyncClient, desk: Desk, content: bytes, asked: dict[str, str], code: str
) -> None:
    answer = await sent(client, desk.host, content, **asked)
    assert (answer.status_code, problem(answer)["type"]) == (422, f"/problems/{code}")
    assert (await got(client, desk.host, "imports"))["data"] == []


async def test_another_host_sees_neither_reports_nor_sales(client: AsyncClient, desk: Desk, new_host: NewHost) -> None:
    other = await new_host()
    found = await pushed(client, desk.host, [event()])
    sale = (await got(client, desk.host, "sales"))["data"][0]["sale_id"]
    for path in (f"imports/{found['import_id']}", f"imports/{found['import_id']}/parked", f"sales/{sale}"):
        answer = await client.get(f"{other.path}/{path}", headers=other.person.bearer)
        assert answer.status_code == 404
    assert (await got(client, other, "sales"))["data"] == []


# Events -----------------------------------------------------------------------------------------------------


async def pushed(client: AsyncClient, host: Host, lines: list[dict[str, Any]], **more: Any) -> Any:
    answer = await client.post(f"{host.path}/sales", json={"lines": lines, **more}, headers=posting(host.person))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_events_are_in_the_books_when_they_are_answered_and_count_once(client: AsyncClient, desk: Desk) -> None:
    first = await pushed(client, desk.host, [event("A-1"), event("A-2", state="sold")])
    assert (first["new"], [row["column_name"] for row in first["parked"]]) == (1, ["state"])
    again = await pushed(client, desk.host, [event("A-1"), event("A-2", state="sold")])
    assert (again["import_id"], again["new"]) == (first["import_id"], 0)
    assert (await desk.balances())["assets:marketplace:shop", "CNY"] == 13020


async def test_of_two_events_that_of_the_later_moment_counts(client: AsyncClient, desk: Desk) -> None:
    settled = event(state="settled", actual="100.00")
    await pushed(client, desk.host, [settled], as_of="2026-10-20T12:00:01Z")
    await pushed(client, desk.host, [event()], as_of="2026-10-20T12:00:00Z")
    assert (await desk.balances())["assets:marketplace:shop", "CNY"] == 10000


async def test_events_without_an_order_or_a_zone_are_refused(client: AsyncClient, desk: Desk) -> None:
    for body, status in (
        ({"lines": []}, 400),
        ({"lines": [{**event(), "order": 7}]}, 400),
        ({"lines": [event()], "as_of": "2026-10-20T12:00:00"}, 422),
    ):
        answer = await client.post(f"{desk.host.path}/sales", json=body, headers=posting(desk.host.person))
        assert answer.status_code == status


async def test_a_sale_is_explained_down_to_row_terms_and_entry(client: AsyncClient, desk: Desk) -> None:
    handle = desk.handles[0]
    await desk.read(export([line(1, handle)]), DAYS[0])
    later = replace(line(1, handle), state="settled", actual=10000, settled_at=datetime(2026, 10, 19, tzinfo=UTC))
    await desk.read(export([later]), DAYS[1])
    (listed,) = (await got(client, desk.host, "sales", order_no="O-1", state="settled", suspended=False))["data"]
    found = await got(client, desk.host, f"sales/{listed['sale_id']}")
    assert found["sale"] == listed
    assert [(told["due"], told["newest"]) for told in found["told"]] == [(10000, True), (13020, False)]
    assert dict(found["told"][1]["raw"])["estimated"] == "130.20"
    assert [(moved["cause"], moved["due"]) for moved in found["moved"]] == [("observed", 13020), ("observed", 10000)]
    assert found["working"]["steps"][0] == "gross 100.00 CNY"
    assert found["working"]["steps"][-1] == "platform 5.00 + host 38.00 + clipper 57.00 = 100.00"
    entries = [moved["entry_id"] for moved in found["moved"]]
    query = text("SELECT count(*) FROM ledger.entries WHERE book_id = :book AND entry_id = ANY (:entries)")
    async with desk.engine.connect() as connection:
        assert await connection.scalar(query, {"book": desk.book_id, "entries": entries}) == 2


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"suspended": True}, {"O-2"}),
        ({"suspended": False}, {"O-1"}),
        ({"marketplace": "tiktok"}, set()),
        ({"since": "2026-10-04"}, set()),
        ({"until": "2026-10-03", "stage": "held"}, {"O-1", "O-2"}),
    ],
)
async def test_sales_are_found_by_what_is_known_of_them(
    client: AsyncClient, desk: Desk, asked: dict[str, Any], found: set[str]
) -> None:
    await desk.read(export([line(1, desk.handles[0]), line(2, "nobody")]), DAYS[0])
    assert {sale["order_no"] for sale in (await got(client, desk.host, "sales", **asked))["data"]} == found
