"""Sales: send events, look for order lines, and have one explained down to the row, the terms and the entries."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.money import BIGINT_MAX
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.storage import Storage
from settlement import explaining, pushing, sales
from settlement.api.scopes import IMPORT, PARTY_READ, READ
from settlement.explaining import Explained
from settlement.observations import State
from settlement.pushing import MOST_EVENTS, Pushed, SaleEvent
from settlement.sale import Sale, Stage
from settlement.sales import Chosen

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes; 5,000 events with all that can be said of them fit."""

_Number = QueryParameter(ge=1, le=BIGINT_MAX)
_Word = Annotated[str | None, QueryParameter(max_length=500, pattern="^[^\\x00\\ud800-\\udfff]+$")]
_State = Annotated[State | None, QueryParameter(name="state", description="As its marketplace tells it.")]
_Stage = Annotated[Stage | None, QueryParameter(description="In which accounts what is earned lies.")]
_Suspended = Annotated[bool | None, QueryParameter(description="In suspense, or attributed.")]
_Currency = Annotated[str | None, QueryParameter(pattern="^[A-Z]{3}$", description="In this currency (ISO 4217).")]
_Day = Annotated[date | None, QueryParameter(description="Of sale, by the book's calendar; included.")]


class SaleEvents(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 5,000 events. `as_of` is the moment of which they tell; of two events of one order line that of the later
    moment counts, in whatever order they come.
    """

    as_of: Annotated[datetime | None, msgspec.Meta(examples=["2026-10-05T20:00:00+08:00"])] = None
    lines: Annotated[tuple[SaleEvent, ...], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)]


@post(
    "/sales",
    opt={**IMPORT, "action": "settlement.push"},
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Send sales events",
)
async def send(
    data: JSONBody[SaleEvents],
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> Pushed:
    """They are in the books before this is answered, as a report of their own. The same events again change nothing."""
    return await pushing.push(engine, storage, book_id, data.lines, as_of=data.as_of, created_by=actor)


@get("/sales", opt=READ, summary="Sales")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    marketplace: _Word = None,
    order_no: _Word = None,
    in_state: _State = None,
    stage: _Stage = None,
    suspended: _Suspended = None,
    currency: _Currency = None,
    product: _Word = None,
    clipper_id: Annotated[int | None, _Number] = None,
    grant_id: Annotated[int | None, _Number] = None,
    offer_id: Annotated[int | None, _Number] = None,
    submission_id: Annotated[int | None, _Number] = None,
    since: _Day = None,
    until: _Day = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Sale]:
    """Newest first, with whose each is and where it stands in the books. Amounts are in minor units."""
    chosen = Chosen(
        marketplace=marketplace,
        order_no=order_no,
        state=in_state,
        stage=stage,
        suspended=suspended,
        currency=currency,
        product=product,
        clipper_id=clipper_id,
        grant_id=grant_id,
        offer_id=offer_id,
        submission_id=submission_id,
        since=since,
        until=until,
    )
    found = await sales.list_sales(connection, book_id, chosen, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda sale: sale.sale_id)


@get("/sales/{sale_id:int}", opt=READ, summary="A sale, explained")
async def show(
    sale_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Explained:
    """What each report said of it, whose it is and why, how it is shared, every difference that was posted, and the
    proof that a seal holds each entry that posted it.
    """
    return await explaining.explain(connection, book_id, sale_id)


@get("/sales/{sale_id:int}", opt=PARTY_READ, summary="A sale of yours, explained")
async def show_own(
    sale_id: FromPath[int], connection: NamedDependency[AsyncConnection], party_id: NamedDependency[int]
) -> Explained:
    """Which facts each report told of it, why it is yours, how it is shared, every difference that was posted, and the
    proof that a seal holds each entry that posted it. What a report says of buyers stays with the host.
    """
    return await explaining.explain_own(connection, party_id, sale_id)


HOST_ROUTES = [send, list_all, show]
CLIPPER_ROUTES = [show_own]
