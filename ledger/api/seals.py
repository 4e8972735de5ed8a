"""Seals of a book. Note the newest seal's hash elsewhere: whoever knows it can find any later change."""

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import seals
from ledger.api.pages import Cursor, Limit, Page, number_of, page_of
from ledger.api.parameters import READ
from ledger.seals import Seal


class NewSeals(msgspec.Struct):
    """Oldest first; none where there was nothing to seal."""

    seals: list[Seal]


@post("/seals", opt={"scope": "ledger:seal", "action": "book.seal"}, status_code=200, summary="Seal what is unsealed")
async def make(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> NewSeals:
    """Entries wait for the next seal while a transaction older than theirs is under way."""
    return NewSeals(await seals.seal(connection, book_id))


@get("/seals", opt=READ, summary="Seals")
async def list_all(
    connection: NamedDependency[AsyncConnection],
    book_id: NamedDependency[int],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Seal]:
    """Newest first."""
    before = 2**31 - 1 if cursor is None else number_of(cursor)
    found = await seals.list_seals(connection, book_id, before=before, limit=limit + 1)
    return page_of(found, limit, lambda seal: seal.seal_no)


@get("/seals/{seal_no:int}", opt=READ, summary="One seal")
async def show(
    seal_no: FromPath[int], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Seal:
    """Its hash covers its own entries and every seal before it."""
    return await seals.find_seal(connection, book_id, seal_no)


ROUTES = [make, list_all, show]
