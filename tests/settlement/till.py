"""Sales as a report's rows leave them, and what a book then has: without files."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.balances import trial_balance
from licensing.tables import publications, submissions
from settlement.accruing import Accrued, Event, accrue
from settlement.sale import Sale
from settlement.tables import accruals, sales
from tests.licensing.house import Granted, Host

NOON = datetime(2026, 10, 5, 4, tzinfo=UTC)
"""Of 5 October by the calendar of the tests' books, Asia/Shanghai."""
TODAY = date(2026, 10, 6)

_numbers = count(1)


def facts(**told: Any) -> dict[str, Any]:
    """A sale of 130.20 CNY that is pending; nothing tells whose it is."""
    usual = {
        "marketplace": "tiktok",
        "order_no": f"order-{next(_numbers)}",
        "line_no": "1",
        "as_of": NOON,
        "sha256": "0" * 64,
        "import_id": 1,
        "row_no": 1,
        "currency": "CNY",
        "product": "17",
        "gmv": 100_000,
        "net_gmv": 100_000,
        "due": 13_020,
        "state": "pending",
        "platform": None,
        "handle": None,
        "content_id": None,
        "tracking_id": None,
        "territory": None,
        "sold_at": NOON,
        "sold_on": date(2026, 10, 5),
        "settled_at": None,
    }
    return {**usual, **told}


def sale(**told: Any) -> Sale:
    """Of no book."""
    return msgspec.convert({"sale_id": 1, **facts(**told)}, Sale)


def by(grant: Granted) -> dict[str, str]:
    """Facts that tell a clipper's account on TikTok."""
    platform, handle = grant.clipper.accounts[0].split(":")
    return {"platform": platform, "handle": handle}


async def publish(
    connection: AsyncConnection, grant: Granted, content_id: str, platform: str = "tiktok", **posting: Any
) -> int:
    """Put on record that a clip was submitted under the grant, and posted; the submission's number."""
    whose = {"book_id": grant.book_id, "grant_id": grant.grant_id, "clipper_id": grant.clipper.clipper_id}
    clip = {"clip_id": next(_numbers), "title": "A clip", "caption": "#ad", "on_screen": False, "disclosed": "caption"}
    row = insert(submissions).values(**whose, **clip, state="live", submitted_by="test")
    number: int = (await connection.execute(row.returning(submissions.c.submission_id))).scalar_one()
    handle = next(each for each in grant.clipper.accounts if each.startswith(platform)).split(":")[1]
    posted = {"platform": platform, "content_id": content_id, "handle": handle, "url": "https://example.com/1"}
    values = {"published_at": NOON, "added_by": "test", **posted, **posting}
    await connection.execute(insert(publications).values(book_id=grant.book_id, submission_id=number, **values))
    return number


@dataclass(frozen=True)
class Till:
    """A host's, through one engine; each act is a transaction of its own."""

    engine: AsyncEngine
    host: Host

    @property
    def book_id(self) -> int:
        return self.host.book_id

    async def sell(self, *told: dict[str, Any], today: date | None = None) -> list[Sale]:
        """New sales, as a report tells of them, accrued."""
        async with self.engine.begin() as connection:
            row = insert(sales).returning(sales.c.sale_id, sort_by_parameter_order=True)
            rows = await connection.execute(row, [{"book_id": self.book_id, **each} for each in told])
            numbers = list(rows.scalars())
        await self.accrue(numbers, today=today)
        return await self.sales(numbers)

    async def tell(self, sold: Sale, **told: Any) -> Sale:
        """What a newer report says of a sale."""
        async with self.engine.begin() as connection:
            its = sales.c
            here = update(sales).where(its.book_id == self.book_id, its.sale_id == sold.sale_id)
            await connection.execute(here.values(**told))
        was_in = {sold.sale_id: sold.currency}
        await self.accrue([sold.sale_id], was_in=was_in)
        return (await self.sales([sold.sale_id]))[0]

    async def accrue(self, numbers: Sequence[int], on: date = TODAY, cause: Any = "observed", **how: Any) -> Accrued:
        event = Event(cause=cause, key=uuid4().hex, on=on, description="a test's")
        async with self.engine.begin() as connection:
            found = await self._sales(connection, numbers, lock=True)
            return await accrue(connection, self.book_id, found, event, **how)

    async def sales(self, numbers: Sequence[int]) -> list[Sale]:
        async with self.engine.connect() as connection:
            return await self._sales(connection, numbers)

    async def _sales(self, connection: AsyncConnection, numbers: Sequence[int], *, lock: bool = False) -> list[Sale]:
        columns = [sales.c[name] for name in Sale.__struct_fields__]
        chosen = select(*columns).where(sales.c.book_id == self.book_id, sales.c.sale_id.in_(numbers))
        chosen = chosen.order_by(sales.c.sale_id)
        return [Sale(*row) for row in await connection.execute(chosen.with_for_update() if lock else chosen)]

    async def balances(self, currency: str = "CNY") -> dict[str, int]:
        """By account, of those that are not at zero."""
        async with self.engine.connect() as connection:
            rows = (await trial_balance(connection, self.book_id)).rows
        return {row.code: row.balance for row in rows if row.currency == currency and row.balance}

    async def history(self, sold: Sale) -> list[Any]:
        """The sale's accruals."""
        chosen = select(accruals).where(accruals.c.book_id == self.book_id, accruals.c.sale_id == sold.sale_id)
        async with self.engine.connect() as connection:
            return list(await connection.execute(chosen.order_by(accruals.c.change_no)))

    async def entries(self) -> list[Any]:
        """The book's entries: effective_on, period, metadata."""
        query = text("SELECT * FROM ledger.entries WHERE book_id = :book ORDER BY entry_id")
        async with self.engine.connect() as connection:
            return list(await connection.execute(query, {"book": self.book_id}))
