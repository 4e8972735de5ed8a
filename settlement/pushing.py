"""Sales events that a shop or marketplace sends by itself: a report of their own, kept and read in like a file.

The same events again change nothing. Without an `as_of` they count as of the moment at which they came.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncEngine

from media.storage import Storage
from settlement.errors import WrongAsOf
from settlement.importing import Imported, run_import
from settlement.imports import ParkedRow, Request, begin_import, list_parked

MOST_EVENTS = 5_000
_Amount = Annotated[str, Meta(max_length=40, examples=["130.20"])]
_Name = Annotated[str, Meta(max_length=500)]
_Count = Annotated[int, Meta(ge=0, le=999_999_999)]


class SaleEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of an order line now, as in our own format: decimal amounts as texts, moments with an offset.

    `estimated` is what was promised for it, `actual` what it earned once `state` is settled.
    """

    marketplace: Annotated[str, Meta(max_length=100, examples=["my-shop"])]
    order: Annotated[str, Meta(max_length=500, examples=["A-1001"])]
    line: Annotated[str, Meta(max_length=500, examples=["1"])]
    currency: Annotated[str, Meta(max_length=3, examples=["CNY"])]
    product: Annotated[str, Meta(max_length=500, examples=["1729384756012"])]
    quantity: _Count = 1
    refunded: _Count = 0
    gmv: Annotated[str, Meta(max_length=40, examples=["651.00"])]
    net_gmv: _Amount = ""
    estimated: _Amount
    actual: _Amount = ""
    state: Annotated[str, Meta(max_length=20, examples=["pending"], description="pending, frozen, settled or void")]
    platform: _Name = ""
    handle: _Name = ""
    content_id: _Name = ""
    tracking_id: _Name = ""
    territory: _Name = ""
    placed_at: Annotated[str, Meta(max_length=40, examples=["2026-10-03T12:30:00Z"])]
    settled_at: Annotated[str, Meta(max_length=40)] = ""


class Pushed(Struct, frozen=True):
    """What became of the events: sales that came, were told otherwise or stayed, and rows that could not be read."""

    import_id: int
    state: str
    new: int
    changed: int
    unchanged: int
    parked: Sequence[ParkedRow]


async def push(
    engine: AsyncEngine,
    storage: Storage,
    book_id: int,
    events: Sequence[SaleEvent],
    *,
    as_of: datetime | None,
    created_by: str,
) -> Pushed:
    """Read the events in, in transactions of their own.

    Raises:
        FileRefused: they can't be read as a whole, or `as_of` has no offset.
        ImportRunning: the same events are being read in.
    """
    if as_of is not None and as_of.tzinfo is None:
        raise WrongAsOf("as_of", as_of, "must be a moment with its offset such as 2026-10-05T20:00:00+08:00")
    told = {} if as_of is None else {"as_of": as_of}
    content = msgspec.json.encode({**told, "lines": events})
    asked = Request(file=content, name="sales events", as_of=as_of or datetime.now(UTC))
    report, _ = await begin_import(engine, storage, book_id, asked, created_by=created_by)
    done: Imported = await run_import(engine, storage, book_id, report.import_id)
    async with engine.connect() as connection:
        parked = await list_parked(connection, book_id, report.import_id, limit=MOST_EVENTS)
    return Pushed(report.import_id, done.report.state, done.new, done.changed, done.unchanged, parked)
