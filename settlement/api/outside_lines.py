"""What moved outside of the books: files of banks, lines at the bank and at Stripe, and those that name no book."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.books import find_book
from media.api.pages import Cursor, Limit, Page, number_of, page_of
from media.storage import Storage
from settlement.api.reconciliations import Reason
from settlement.api.scopes import IMPORT, RAILS, READ
from settlement.payouts.halts import Rails
from settlement.reconciliation import (
    bank_files,
    rail_lines,
)
from settlement.reconciliation.bank_files import BankFile, ParkedLine
from settlement.reconciliation.outside import OutsideLine, list_lines
from settlement.reconciliation.rail_lines import PlatformLine
from settlement.reconciliation.taking_in import take_in

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a bank file."""

_Source = Annotated[Literal["bank", "stripe"] | None, QueryParameter(description="From the bank, or from Stripe.")]
_Matched = Annotated[bool | None, QueryParameter(description="In a match; or in none.")]
_Assigned = Annotated[bool | None, QueryParameter(description="Said to be a book's; or nobody's.")]
_Name = Annotated[str, QueryParameter(min_length=1, max_length=500, description="The file's.")]
_BankAccount = Annotated[
    str | None,
    QueryParameter(max_length=100, description="Whose lines a CSV holds: the IBAN. A camt.053 says so itself."),
]
_TABLE = "booked_on,amount,currency,end_to_end_id,text\n2026-10-21,-640.00,CNY,clp-1-1-1,Payout of October\n"
_File = Annotated[
    bytes,
    Body(
        media_type="application/octet-stream",
        title="A bank file",
        description="ISO 20022 camt.053, or CSV in our own format.",
        examples=[Example(value=_TABLE)],
    ),
]


class Assignment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose it is, and how one knows."""

    book: Annotated[str, msgspec.Meta(min_length=1, max_length=63, examples=["lili"])]
    reason: Reason


class BankFileRequest(Request[Any, Any, Any]):
    """Takes a body as it is."""

    async def json(self) -> bytes:
        """The file."""
        return await self.body()


@post(
    "/bank-files",
    opt={**IMPORT, "action": "bank-file.import"},
    request_class=BankFileRequest,
    request_max_body_size=LARGEST_BODY,
    summary="Send a bank's file",
)
async def send_bank_file(
    data: _File,
    engine: NamedDependency[AsyncEngine],
    storage: NamedDependency[Storage],
    rails: NamedDependency[Rails],
    book_id: NamedDependency[int],
    book: FromPath[str],
    actor: NamedDependency[str],
    name: _Name,
    account: _BankAccount = None,
) -> Response[BankFile]:
    """It is kept whole, and each of its lines once; payouts by file that it shows are paid, or have come back. A file
    that was sent before is found as it is, with a 200.
    """
    kept, new = await take_in(engine, storage, rails, book_id, data, name=name, account=account, created_by=actor)
    place = f"/v1/books/{book}/bank-files/{kept.file_id}"
    return Response(kept, status_code=201 if new else 200, headers={"Location": place})


@get("/bank-files", opt=READ, summary="Bank files")
async def list_bank_files(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[BankFile]:
    """Newest first."""
    found = await bank_files.list_files(connection, book_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.file_id)


@get("/bank-files/{bank_file_id:int}", opt=READ, summary="A bank file")
async def show_bank_file(
    bank_file_id: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> BankFile:
    """How many lines it had, how many were new, and what it says of balances."""
    return await bank_files.find_file(connection, book_id, bank_file_id)


@get("/bank-files/{bank_file_id:int}/parked", opt=READ, summary="Rows of a bank file that could not be read")
async def show_parked_lines(
    bank_file_id: FromPath[int],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ParkedLine]:
    """The last rows of the file first. Send the file again once it is mended: what was read is recognised."""
    await bank_files.find_file(connection, book_id, bank_file_id)
    found = await bank_files.list_faults(connection, book_id, bank_file_id, before=number_of(cursor), limit=limit + 1)
    return page_of(found, limit, lambda each: each.row_no)


@get("/outside-lines", opt=READ, summary="What moved at the bank and at Stripe")
async def list_outside_lines(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    source: _Source = None,
    matched: _Matched = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[OutsideLine]:
    """Newest first by number."""
    found = await list_lines(
        connection, book_id, source=source, matched=matched, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.line_id)


# The platform's own -----------------------------------------------------------------------------------------


@get("/rail-lines", opt=RAILS, summary="What moved at a rail and names no book")
async def list_platform_lines(
    connection: NamedDependency[AsyncConnection],
    assigned: _Assigned = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[PlatformLine]:
    """Top-ups without a name, payouts to the platform's bank, Stripe's own fees. Newest first."""
    found = await rail_lines.list_platform_lines(
        connection, assigned=assigned, before=number_of(cursor), limit=limit + 1
    )
    return page_of(found, limit, lambda each: each.line_id)


@post(
    "/rail-lines/{line_id:int}/assign",
    opt={**RAILS, "action": "rail-line.assign"},
    status_code=200,
    summary="Say of which book a line is",
)
async def assign(
    line_id: FromPath[int],
    data: JSONBody[Assignment],
    connection: NamedDependency[AsyncConnection],
    actor: NamedDependency[str],
) -> PlatformLine:
    """Once; it becomes a line of that book."""
    book = await find_book(connection, data.book)
    return await rail_lines.assign(connection, line_id, book.book_id, actor, data.reason)


HOST_ROUTES = [send_bank_file, list_bank_files, show_bank_file, show_parked_lines, list_outside_lines]
SERVICE_ROUTES = [list_platform_lines, assign]
