"""The hosts' books: all there are, and how one more is opened; by their numbers, for lists of every book's things."""

from collections.abc import Collection, Mapping

from litestar import Response
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.routes import page
from clipledger.pages.view import View
from ledger.api.pages import Cursor, page_of
from ledger.books import Book, list_books

MANY = 200
"""Books that a field offers to choose from."""
_ON_A_PAGE = 50


@page("/operator/books", space="operator", scope="books:open")
async def list_all(
    view: NamedDependency[View], connection: NamedDependency[AsyncConnection], cursor: Cursor = None
) -> Response[str]:
    """By slug, and a form for a new one."""
    found = await list_books(connection, only=None, after=cursor or "", limit=_ON_A_PAGE + 1)
    return view.render("operator/books.html", books=page_of(found, _ON_A_PAGE, lambda book: book.slug))


async def books_named(connection: AsyncConnection, book_ids: Collection[int]) -> Mapping[int, Book]:
    """Those of a page's rows."""
    if not book_ids:
        return {}
    found = await list_books(connection, only=book_ids, limit=len(book_ids))
    return {book.book_id: book for book in found}
