"""What offers and clippers have sold, and who has applied, put straight into the tables."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from licensing import tables
from tests.licensing.house import LONG_AGO, Clipper, Host, soon


async def sell(connection: AsyncConnection, host: Host, offer_id: int, **facts: Any) -> None:
    told = {"currency": "CNY", "gmv": 0, "commission": 0, "orders": 0, "returned": 0, "clicks": None} | facts
    row = insert(tables.offer_facts).values(book_id=host.book_id, offer_id=offer_id, as_of=LONG_AGO, **told)
    await connection.execute(row)


async def sold(connection: AsyncConnection, clipper: Clipper, category: str, gmv: int, **facts: Any) -> None:
    told = {"platform": "douyin", "currency": "CNY", "orders": gmv // 5000, "returned": 0, "clicks": gmv // 100} | facts
    row = insert(tables.clipper_facts).values(clipper_id=clipper.clipper_id, category=category, gmv=gmv, as_of=LONG_AGO)
    await connection.execute(row.values(**told))


async def apply(engine: AsyncEngine, host: Host, offer_id: int, clipper: Clipper) -> int:
    values = {"book_id": host.book_id, "offer_id": offer_id, "clipper_id": clipper.clipper_id}
    row = insert(tables.applications).values(
        **values, version_no=1, message="", findings=[], submitted_by="test", expires_at=soon(days=9)
    )
    async with engine.begin() as connection:
        return int((await connection.execute(row.returning(tables.applications.c.application_id))).scalar_one())
