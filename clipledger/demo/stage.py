"""Where the acts in the books play: the demo's own database, with one host's book in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.database import DatabaseUrls, create_engine
from clipledger.demo.paper import Paper
from clipledger.settings import Settings
from ledger.books import Book, open_book

BOOK = "lili-live"
"""The host's, by its short name."""


@dataclass(frozen=True)
class Stage:
    """What the acts share; `owner_url` is the login that owns the tables, `seconds` how long the stream is."""

    settings: Settings
    owner_url: str
    engine: AsyncEngine
    paper: Paper
    book: Book
    seconds: float


@asynccontextmanager
async def set_up(settings: Settings, urls: DatabaseUrls, paper: Paper, seconds: float) -> AsyncIterator[Stage]:
    """Open the book in a database that has its tables."""
    engine = create_engine(urls.app)
    try:
        paper.chapter("A host's book")
        async with engine.begin() as connection:
            book = await open_book(connection, BOOK, "Lili Live", "Asia/Shanghai")
        paper.say(f"Book {book.slug}, {book.time_zone}.")
        yield Stage(settings, urls.owner, engine, paper, book, seconds)
    finally:
        await engine.dispose()
