"""Why a sale stands where it stands, from a report's row to each entry's proof; and what a clipper sees of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from ledger.seals import proof_holds, seal
from settlement.errors import SaleNotFound
from settlement.explaining import Explained, explain, explain_own
from tests.clipledger.front_door import problem
from tests.licensing.house import NewClipper
from tests.settlement.desk import Desk
from tests.settlement.market import Told, export

DAY, LATER = date(2026, 10, 5), date(2026, 10, 20)


def line(handle: str, **more: Any) -> Told:
    placed = datetime(2026, 10, 4, tzinfo=UTC)
    return replace(Told(1, "CNY", 13_020, 0, "pending", handle, placed), **more)


async def told(desk: Desk, *reports: tuple[date, list[Told]]) -> int:
    """The reports are read in; the number of the first sale."""
    for day, lines in reports:
        await desk.read(export(lines), day, f"shop_{day}.csv")
    async with desk.engine.connect() as connection:
        query = text("SELECT min(sale_id) FROM settlement.sales WHERE book_id = :book")
        return int((await connection.execute(query, {"book": desk.book_id})).scalar_one())


async def explained(desk: Desk, sale_id: int, clipper_id: int | None = None) -> Explained:
    async with desk.engine.connect() as connection:
        if clipper_id is None:
            return await explain(connection, desk.book_id, sale_id)
        return await explain_own(connection, clipper_id, sale_id)


async def sealed(desk: Desk) -> None:
    """Once no other transaction of the server is older."""
    for _ in range(200):
        async with desk.engine.begin() as connection:
            if await seal(connection, desk.book_id):
                return
        await asyncio.sleep(0.05)


async def test_the_whole_chain(desk: Desk) -> None:
    handle = desk.handles[0]
    settled = line(handle, state="settled", actual=10_000, settled_at=datetime(2026, 10, 19, tzinfo=UTC))
    sale_id = await told(desk, (DAY, [line(handle)]), (LATER, [settled]))
    found = await explained(desk, sale_id)
    assert [(each.name, each.row_no, each.newest, each.state, each.due) for each in found.told] == [
        ("shop_2026-10-20.csv", 1, True, "settled", 10_000),
        ("shop_2026-10-05.csv", 1, False, "pending", 13_020),
    ]
    assert dict(found.told[1].raw or ())["estimated"] == "130.20"
    assert (found.sale.rule, found.sale.confidence, found.sale.handle) == ("handle", 80, handle)
    assert found.working is not None
    assert len(found.working.sha256) == 64
    assert found.working.steps
    assert [each.due for each in found.moved] == [13_020, 10_000]
    assert [each.entry_id for each in found.entries] == sorted({each.entry_id for each in found.moved})
    assert all(each.proof is None and each.description for each in found.entries)  # they wait for the next seal
    await sealed(desk)
    proofs = [each.proof for each in (await explained(desk, sale_id)).entries]
    assert len(proofs) == 2
    for proof in proofs:
        assert proof is not None
        assert proof_holds(proof)


async def test_a_sale_in_suspense_has_no_working(desk: Desk) -> None:
    found = await explained(desk, await told(desk, (DAY, [line("nobody")])))
    assert (found.working, found.sale.rule, found.sale.reason) == (None, None, "handle")
    assert [each.suspense for each in found.moved] == [13_020]


async def test_a_clipper_sees_the_facts_of_its_own_and_not_the_row(desk: Desk, new_clipper: NewClipper) -> None:
    own, other, stranger = (*(grant.clipper.clipper_id for grant in desk.grants), (await new_clipper()).clipper_id)
    sale_id = await told(desk, (DAY, [line(desk.handles[0])]))
    found = await explained(desk, sale_id, own)
    assert [(each.name, each.raw, each.due, each.estimated) for each in found.told] == [(None, None, 13_020, 13_020)]
    assert found.working is not None
    assert [each.due for each in found.moved] == [13_020]
    assert [each.description for each in found.entries] == [None]
    assert found.sale.sale_id == sale_id
    for clipper_id in (other, stranger):
        with pytest.raises(SaleNotFound):
            await explained(desk, sale_id, clipper_id)
    for number in (0, sale_id + 1_000_000):
        with pytest.raises(SaleNotFound):
            await explained(desk, number, own)


async def test_a_clipper_sees_nothing_of_the_time_when_it_was_taken_for_anothers(desk: Desk) -> None:
    first, second = (grant.clipper.clipper_id for grant in desk.grants)
    sale_id = await told(desk, (DAY, [line(desk.handles[0])]), (LATER, [line(desk.handles[1])]))
    found = await explained(desk, sale_id, second)
    assert len((await explained(desk, sale_id)).moved) == 2
    assert [each.change_no for each in found.moved] == [2]
    assert [each.entry_id for each in found.entries] == [found.moved[0].entry_id]
    with pytest.raises(SaleNotFound):
        await explained(desk, sale_id, first)


async def test_an_account_that_is_not_the_clippers_own_is_not_named_to_it(desk: Desk) -> None:
    sale_id = await told(desk, (DAY, [line(desk.handles[0])]))
    own = desk.grants[0].clipper
    async with desk.engine.begin() as connection:
        query = text("UPDATE settlement.sales SET handle = 'somebody' WHERE book_id = :book AND sale_id = :sale")
        await connection.execute(query, {"book": desk.book_id, "sale": sale_id})
    assert (await explained(desk, sale_id)).sale.handle == "somebody"
    assert (await explained(desk, sale_id, own.clipper_id)).sale.handle is None


async def test_it_is_asked_for_over_http(client: AsyncClient, desk: Desk) -> None:
    sale_id = await told(desk, (DAY, [line(desk.handles[0])]))
    (first, second), host = (grant.clipper for grant in desk.grants), desk.host
    its = await client.get(f"/v1/books/{host.book}/sales/{sale_id}", headers=host.person.bearer)
    assert (its.status_code, its.json()["told"][0]["raw"][0]) == (200, ["marketplace", "shop"])
    own = await client.get(f"/v1/clippers/{first.clipper_id}/sales/{sale_id}", headers=first.person.bearer)
    assert (own.status_code, own.json()["told"][0]["raw"]) == (200, None)
    assert desk.handles[1] not in own.text
    answer = await client.get(f"/v1/clippers/{second.clipper_id}/sales/{sale_id}", headers=second.person.bearer)
    assert answer.status_code == 404
    problem(answer)
