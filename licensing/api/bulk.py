"""Granting in bulk, as JSON or as a table in CSV."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from licensing.api.scopes import WRITE
from licensing.bulk import COLUMNS, MOST_ROWS, BulkAnswer, GrantRow, Mode, bulk_grant, read_csv
from licensing.states import By

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes; 10,000 rows with several accounts each fit."""

_TABLE = "clipper,handles,reference\n7,tiktok:lina,2026-A-0017\n8,tiktok:mei douyin:mei,2026-A-0018\n"
_MODE = "`all`: one row that is refused keeps all from being granted. `each`: every row for itself."
_Rows = Annotated[tuple[GrantRow, ...], msgspec.Meta(min_length=1, max_length=MOST_ROWS)]
_Mode = Annotated[Mode, QueryParameter(description=_MODE)]
_RespondBy = Annotated[datetime | None, QueryParameter(description="Until when they can be accepted; else 14 days.")]
_Table = Annotated[
    bytes,
    Body(
        media_type="text/csv",
        title="A table",
        description=f"Columns: {', '.join(COLUMNS)}.",
        examples=[Example(value=_TABLE)],
    ),
]


class CsvRequest(Request[Any, Any, Any]):
    """Takes a body as it is; Litestar reads all but forms as JSON."""

    async def json(self) -> bytes:
        """The table."""
        return await self.body()


class Bulk(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 10,000 grants of one offer. `all`: one row that is refused keeps all from being granted, and is named.
    `each`: every row for itself.
    """

    mode: Mode = "all"
    respond_by: Annotated[datetime | None, msgspec.Meta(examples=["2027-10-05T20:00:00+08:00"])] = None
    rows: _Rows


@post(
    "/offers/{offer_id:int}/grants/bulk",
    opt={**WRITE, "action": "grant.create-bulk"},
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Grant thousands of licences",
)
async def grant_many(
    offer_id: FromPath[int],
    data: JSONBody[Bulk],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
) -> BulkAnswer:
    """A clipper who has a grant of the offer is refused as `already-granted`, so the same rows may be sent again."""
    by = By("host", actor)
    return await bulk_grant(connection, book_id, by, offer_id, data.rows, data.mode, data.respond_by)


@post(
    "/offers/{offer_id:int}/grants/bulk-csv",
    opt={**WRITE, "action": "grant.create-bulk"},
    request_class=CsvRequest,
    request_max_body_size=LARGEST_BODY,
    status_code=200,
    summary="Grant thousands of licences from a table",
)
async def grant_table(
    offer_id: FromPath[int],
    data: _Table,
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    actor: NamedDependency[str],
    mode: _Mode = "all",
    respond_by: _RespondBy = None,
) -> BulkAnswer:
    """UTF-8 with a header, commas between cells, blanks between the accounts in `handles`. `accepted_at` and
    `document_sha256` attest that the clipper has accepted on paper.
    """
    by = By("host", actor)
    return await bulk_grant(connection, book_id, by, offer_id, read_csv(data), mode, respond_by)


HOST_ROUTES = [grant_many, grant_table]
