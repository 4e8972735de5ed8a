"""/v1/books: open a book, find those one may read."""

from typing import Annotated, Protocol, runtime_checkable

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.api.pages import Cursor, Limit, Page, page_of
from ledger.api.parameters import READ
from ledger.books import Book, find_book, list_books, open_book


class NewBook(msgspec.Struct, forbid_unknown_fields=True):
    """`slug` names the book in addresses and never changes; `time_zone` (IANA) says which day it is for the book."""

    slug: Annotated[str, msgspec.Meta(examples=["linas-shop"])]
    name: Annotated[str, msgspec.Meta(examples=["Lina's shop"])]
    time_zone: Annotated[str, msgspec.Meta(examples=["Asia/Shanghai"])] = "UTC"


@runtime_checkable
class Reader(Protocol):
    """Whoever asks, as far as this room needs to know them."""

    def books(self, scope: str) -> frozenset[int] | None:
        """The ids of the books for which they hold the scope; None is every book."""


@post("/", opt={"scope": "books:open", "action": "book.open"}, summary="Open a book")
async def open_new(data: JSONBody[NewBook], connection: NamedDependency[AsyncConnection]) -> Response[Book]:
    """Empty, without accounts. Who may use it is granted by role."""
    book = await open_book(connection, data.slug, data.name, data.time_zone)
    return Response(book, headers={"Location": f"/v1/books/{book.slug}"})


@get("/", opt={**READ, "across_books": True}, summary="The books I may read")
async def list_mine(
    connection: NamedDependency[AsyncConnection],
    principal: NamedDependency[Reader],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Book]:
    """By slug."""
    only = principal.books(READ["scope"])
    books = await list_books(connection, only=only, after=cursor or "", limit=limit + 1)
    return page_of(books, limit, lambda book: book.slug)


@get("/{book:str}", opt=READ, summary="One book")
async def show(book: FromPath[str], connection: NamedDependency[AsyncConnection]) -> Book:
    """Its name and calendar."""
    return await find_book(connection, book)


ROUTES = [open_new, list_mine, show]
