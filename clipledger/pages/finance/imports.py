"""Marketplaces' reports: send one, see before what it would post, watch it being read, look at what could not be."""

from datetime import date
from typing import Annotated

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.names import called
from clipledger.pages.routes import page
from clipledger.pages.view import View
from media.api.pages import Cursor, number_of, page_of
from settlement.api.imports import LARGEST_BODY
from settlement.imports import find_import, list_imports, list_parked
from settlement.posted import posted_in_short
from settlement.readers import FORMATS
from settlement.suspense import book_today

_ROWS = 50
_AROUND = 64 * 1024
"""What a form has besides its file."""
_Was = Annotated[str | None, QueryParameter(pattern="^(reading|done)$")]

ZONES = sorted({form.usual_zone for form in FORMATS} | {"UTC", "Asia/Shanghai", "America/New_York", "Europe/London"})
"""Those that reports are usually written in."""


@page(
    "/books/{book:str}/finance/imports",
    space="finance",
    scope="settlement:read",
    largest_body=LARGEST_BODY + _AROUND,
)
async def reports(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """Those that came, newest first, and the form for the next."""
    found = await list_imports(connection, book_id, before=number_of(cursor), limit=_ROWS + 1)
    shown = page_of(found, _ROWS, lambda report: report.import_id)
    seen = view.answer("report")
    return view.render(
        "finance/imports.html",
        reports=shown.data,
        cursor=shown.next_cursor,
        who=await called(view, connection, (report.created_by for report in shown.data)),
        today=await book_today(connection, book_id),
        seen_as_of=date.fromisoformat(seen["as_of"][:10]) if seen else None,
        zones=ZONES,
        largest=LARGEST_BODY,
    )


@page("/books/{book:str}/finance/imports/{import_id:int}", space="finance", scope="settlement:read")
async def report(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    import_id: FromPath[int],
    was: _Was = None,
    cursor: Cursor = None,
) -> Response[str]:
    """How far it is, what it has posted, and the rows that nobody could read. `was`: the state in which it was found
    when it was sent; one that is done then had come before.
    """
    its = await find_import(connection, book_id, import_id)
    found = await list_parked(connection, book_id, import_id, before=number_of(cursor), limit=_ROWS + 1)
    parked = page_of(found, _ROWS, lambda row: row.row_no)
    actors = [its.created_by, *(row.settled_by for row in parked.data)]
    return view.render(
        "finance/import.html",
        report=its,
        parked=parked.data,
        cursor=parked.next_cursor,
        posted=await posted_in_short(connection, book_id, import_id),
        who=await called(view, connection, actors),
        again=was == "done",
    )
