"""Marketplaces' reports: send one, see what it would post, watch it being read in, look at what could not be read."""

from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.storage import Storage
from settlement import imports, previewing
from settlement.api.scopes import IMPORT, READ
from settlement.imports import ParkedRow
from settlement.parked import SettledRows, settle_rows
from settlement.posted import Amount, posted_by
from settlement.previewing import Preview
from settlement.reasons import MOST_REASON
from settlement.report import Import, OnFault

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes. What is longer is imported on the command line."""

_TABLE = (
    "marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
    "my-shop,A-1001,1,CNY,1729384756012,1,0,651.00,130.20,,pending,2026-10-03T12:30:00Z\n"
)
_File = Annotated[
    bytes,
    Body(
        media_type="application/octet-stream",
        title="A report",
        description="CSV, TSV, XLSX or JSON as the marketplace exports it, or in our own format.",
        examples=[Example(value=_TABLE)],
    ),
]
_Name = Annotated[str, QueryParameter(min_length=1, max_length=500, description="The file's. A date in it may count.")]
_AsOf = Annotated[
    date | None, QueryParameter(description="Of what day the report is, where neither the file nor its name says so.")
]
_Zone = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Of its times without a zone (IANA); else the marketplace's usual one."),
]
_OnFault = Annotated[
    OnFault, QueryParameter(description="One row that can't be read: it is parked, or the whole file is refused.")
]


class SettlingOfRows(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why they may be left as they are, or what was done instead; `rows` by number, null for all that are open."""

    reason: Annotated[
        str, msgspec.Meta(min_length=1, max_length=MOST_REASON, examples=["Mended, and sent again as orders-2.csv"])
    ]
    rows: Annotated[list[int], msgspec.Meta(min_length=1, max_length=1000, examples=[[17]])] | None = None


class FileRequest(Request[Any, Any, Any]):
    """Takes a body as it is; Litestar reads all but forms as JSON."""

    async def json(self) -> bytes:
        """The file."""
        return await self.body()


@post(
    "/imports",
    opt={**IMPORT, "action": "settlement.import"},
    request_class=FileRequest,
    request_max_body_size=LARGEST_BODY,
    status_code=202,
    summary="Send a report",
)
async def send(
    data: _File,
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    book: FromPath[str],
    name: _Name,
    as_of: _AsOf = None,
    zone: _Zone = None,
    on_fault: _OnFault = "park",
) -> Response[Import]:
    """It is kept, and read in by the next free worker. A file that was sent before is found as it is, with a 200."""
    asked = imports.Request(file=data, name=name, as_of=as_of, zone=zone, on_fault=on_fault)
    report, new = await imports.begin_import(engine, storage, book_id, asked, created_by=actor)
    place = f"/v1/books/{book}/imports/{report.import_id}"
    return Response(report, status_code=202 if new else 200, headers={"Location": place})


@post(
    "/imports/preview",
    opt={**IMPORT, "action": "settlement.preview"},
    request_class=FileRequest,
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="What a report would post",
)
async def preview(
    data: _File,
    engine: NamedDependency[AsyncEngine],
    book_id: NamedDependency[int],
    name: _Name,
    as_of: _AsOf = None,
    zone: _Zone = None,
    on_fault: _OnFault = "park",
) -> Preview:
    """By account, with the rows that can't be read. Nothing is kept. Of more than 50,000 rows only the first count."""
    asked = imports.Request(file=data, name=name, as_of=as_of, zone=zone, on_fault=on_fault)
    return await previewing.preview(engine, book_id, asked)


@get("/imports", opt=READ, summary="Reports")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Import]:
    """Newest first."""
    found = await imports.list_imports(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda report: report.import_id)


@get("/imports/{import_id:int}", opt=READ, summary="A report and how far it is")
async def show(
    import_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Import:
    """States: reading, done, refused; `failure` says why it was refused, and then nothing of it was posted."""
    return await imports.find_import(connection, book_id, import_id)


@get("/imports/{import_id:int}/parked", opt=READ, summary="Rows that could not be read")
async def show_parked(
    import_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ParkedRow]:
    """The last rows of the file first: in which column what stands, and the rule that it breaks."""
    await imports.find_import(connection, book_id, import_id)
    found = await imports.list_parked(connection, book_id, import_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda row: row.row_no)


@post(
    "/imports/{import_id:int}/parked/settle",
    opt={**IMPORT, "action": "parked-rows.settle"},
    status_code=200,
    summary="Settle rows that could not be read",
)
async def settle(
    import_id: FromPath[int],
    data: JSONBody[SettlingOfRows],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> SettledRows:
    """Nothing is booked: it is on record that somebody has seen to them, and no month is closed over them any more."""
    return await settle_rows(connection, book_id, import_id, actor, data.reason, data.rows)


@get("/imports/{import_id:int}/posted", opt=READ, summary="What a report has posted")
async def show_posted(
    import_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> list[Amount]:
    """By account and currency, in minor units, debits positive."""
    await imports.find_import(connection, book_id, import_id)
    return await posted_by(connection, book_id, import_id)


HOST_ROUTES = [send, preview, list_all, show, show_parked, settle, show_posted]
