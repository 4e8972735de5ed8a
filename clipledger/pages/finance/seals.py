"""Seals: proof that what was recorded is still what was recorded."""

from typing import Annotated, Literal

from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.finance.asked import ROWS
from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.seals import INTEGER_MAX, count_unsealed, find_seal, list_seals, sealed_entries
from ledger.verification import verify_seal
from media.api.pages import Cursor, number_of, page_of

_MOST_WAITING = 10_000
"""Entries that wait for a seal; more are not counted."""


@page("/books/{book:str}/finance/seals", space="finance", scope="ledger:read")
async def seals(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    cursor: Cursor = None,
) -> Response[str]:
    """The newest first, and what waits for the next."""
    before = min(number_of(cursor) or INTEGER_MAX, INTEGER_MAX)
    shown = page_of(
        await list_seals(connection, book_id, before=before, limit=ROWS + 1), ROWS, lambda each: each.seal_no
    )
    return view.render(
        "finance/seals.html",
        seals=shown.data,
        next_cursor=shown.next_cursor,
        newest=shown.data[0] if shown.data and cursor is None else None,
        waiting=await count_unsealed(connection, book_id, _MOST_WAITING),
        most=_MOST_WAITING,
    )


@page("/books/{book:str}/finance/seals/{seal_no:int}", space="finance", scope="ledger:read")
async def seal(
    view: NamedDependency[View],
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    seal_no: FromPath[int],
    check: Annotated[Literal["yes"] | None, QueryParameter()] = None,
    cursor: Cursor = None,
) -> Response[str]:
    """What it holds; with `check`, whether that is still what was sealed."""
    its = await find_seal(connection, book_id, seal_no)
    after = number_of(cursor)
    found = await sealed_entries(connection, book_id, seal_no, after=-1 if after is None else after, limit=ROWS + 1)
    shown = page_of(found, ROWS, lambda each: each.leaf_no)
    return view.render(
        "finance/seal.html",
        seal=its,
        entries=shown.data,
        next_cursor=shown.next_cursor,
        verified=await verify_seal(connection, book_id, seal_no) if check else None,
    )
