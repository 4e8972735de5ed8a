"""Books: a tenant's complete set of accounts, with the calendar its days and months are read by."""

import re
from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import tables
from ledger.errors import BookNotFound, DuplicateBook, InvalidBook, InvalidCursor
from ledger.refusals import refusals, storable

_SLUG = re.compile(r"(?=.{1,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_KNOWN_ZONE = text("SELECT true FROM pg_timezone_names WHERE name = :name")
_SLUG_RULE = "lower-case letters and digits in words joined by single hyphens, 63 characters at most"


class Book(msgspec.Struct, frozen=True):
    """`slug` names the book in addresses and never changes. `time_zone` (IANA) says which day it is for the book:
    on which day a fact was recorded, and whether a month has ended.
    """

    book_id: int
    slug: str
    name: str
    time_zone: str
    opened_at: datetime


async def open_book(connection: AsyncConnection, slug: str, name: str, time_zone: str = "UTC") -> Book:
    """Open an empty book.

    Raises:
        InvalidBook: slug, name or time zone are none.
        DuplicateBook: the slug is taken.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidBook("slug", slug, _SLUG_RULE)
    if not 1 <= len(name) <= 200 or not storable(name):
        raise InvalidBook("name", name, "1 to 200 characters, none of them NUL")
    if not storable(time_zone) or not await connection.scalar(_KNOWN_ZONE, {"name": time_zone}):
        raise InvalidBook("time_zone", time_zone, "an IANA time zone, such as Asia/Shanghai")
    statement = insert(tables.books).values(slug=slug, name=name, time_zone=time_zone)
    with refusals({"books_slug_key": DuplicateBook("slug", slug)}):
        row = (await connection.execute(statement.returning(tables.books))).one()
    return Book(**row._mapping)


async def find_book(connection: AsyncConnection, slug: str) -> Book:
    """The book with this slug. Raises BookNotFound."""
    if not _SLUG.fullmatch(slug):
        raise BookNotFound("book", slug)
    row = (await connection.execute(select(tables.books).where(tables.books.c.slug == slug))).one_or_none()
    if row is None:
        raise BookNotFound("book", slug)
    return Book(**row._mapping)


async def get_book(connection: AsyncConnection, book_id: int) -> Book:
    """The book with this id, which is known to be there."""
    row = (await connection.execute(select(tables.books).where(tables.books.c.book_id == book_id))).one()
    return Book(**row._mapping)


async def list_books(
    connection: AsyncConnection, *, only: Collection[int] | None = None, after: str = "", limit: int = 100
) -> list[Book]:
    """Books by slug, those after a given one; of these ids only, or None for every book.

    Raises InvalidCursor where `after` can be no slug.
    """
    if not storable(after):
        raise InvalidCursor("cursor", after)
    books = tables.books
    statement = select(books).where(books.c.slug > after).order_by(books.c.slug).limit(limit)
    if only is not None:
        statement = statement.where(books.c.book_id.in_(only))
    return [Book(**row._mapping) for row in await connection.execute(statement)]
