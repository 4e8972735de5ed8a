"""Books by their numbers, for lists of every book's things."""

from collections.abc import Collection, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import Book, list_books

MANY = 200
"""Books that a field offers to choose from."""


async def books_named(connection: AsyncConnection, book_ids: Collection[int]) -> Mapping[int, Book]:
    """Those of a page's rows."""
    if not book_ids:
        return {}
    found = await list_books(connection, only=book_ids, limit=len(book_ids))
    return {book.book_id: book for book in found}
