"""Pages about something that a clipper has with one host: its moments are told in that host's time zone."""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.pages.clipper.plain_terms import PlainTerms
from clipledger.pages.formats import Formats
from clipledger.pages.view import View
from ledger.books import Book, get_book
from licensing.certificates.facts import streams_of
from licensing.terms import Terms


async def with_host(view: View, connection: AsyncConnection, book_id: int) -> tuple[View, Book]:
    """The page, in the time of the host's book, and that book."""
    book = await get_book(connection, book_id)
    return replace(view, formats=Formats(view.language, book.time_zone)), book


async def reading_of(view: View, connection: AsyncConnection, book_id: int, *versions: Terms) -> PlainTerms:
    """Who puts these terms of the host's into words."""
    numbers = {number for terms in versions for number in terms.streams or ()}
    streams = await streams_of(connection, book_id, numbers) if numbers else ()
    return PlainTerms(view.say, view.formats, {each.source_id: each.title for each in streams})
