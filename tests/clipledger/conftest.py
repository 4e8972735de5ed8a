"""An application on the worker's database, with routes of the tests' own, and people who may use it."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from httpx import AsyncClient
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from clipledger.database import create_engine
from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit
from ledger.books import Book
from ledger.books import open_book as open_ledger_book
from tests.clipledger.documents import shell  # noqa: F401 - a fixture
from tests.clipledger.front_door import ROUTES, Company, NewPerson, OpenBook, Person, add_user, client_of
from tests.licensing.house import (  # noqa: F401 - fixtures
    new_clipper,
    new_grant,
    new_host,
    new_offer,
    new_user,
    own_bounds,
)


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Structlog's default draws tracebacks, which takes seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )


@pytest.fixture(scope="session")
def open_book(app_engine: AsyncEngine) -> OpenBook:
    async def opened() -> Book:
        slug = f"book-{uuid4().hex}"
        async with app_engine.begin() as connection:
            return await open_ledger_book(connection, slug, "A book")

    return opened


@pytest.fixture(scope="session")
def new_person(app_engine: AsyncEngine) -> NewPerson:
    async def made(role: str, book: str | None = None) -> Person:
        async with app_engine.begin() as connection:
            user_id, email = await add_user(connection, f"{role}-{uuid4().hex}@example.com")
            await roles.grant_role(connection, user_id, role, book)
            token = (await keys.create_key(connection, user_id, "all", roles.ROLES[role]))[1]
        return Person(user_id, email, token)

    return made


@pytest.fixture(scope="session")
async def company(open_book: OpenBook, new_person: NewPerson) -> Company:
    book = await open_book()
    people = {role: await new_person(role, book.slug) for role in ("finance", "approver", "reviewer")}
    return Company(book.slug, book.book_id, **people, operator=await new_person("operator"))


@pytest.fixture(scope="session")
def settings(media_var: Path) -> Settings:
    env = {"CLIPLEDGER_VAR": str(media_var), "CLIPLEDGER_PUBLIC_URL": "http://localhost"}
    return Settings.from_environment(env)


@pytest.fixture(scope="session")
async def notes_table(owner_engine: AsyncEngine) -> None:
    """A table whose constraint is checked at COMMIT only, to make a commit fail."""
    async with owner_engine.begin() as connection:
        await connection.execute(
            text("""
                CREATE TABLE public.notes (
                    note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    book_id bigint NOT NULL,
                    text text NOT NULL,
                    CONSTRAINT once UNIQUE (book_id, text) DEFERRABLE INITIALLY DEFERRED
                )
            """)
        )
        await connection.execute(text("GRANT SELECT, INSERT ON public.notes TO clipledger_app"))


@pytest.fixture(scope="session")
def app(settings: Settings, app_engine: AsyncEngine, notes_table: None) -> Litestar:
    patient = replace(DEFAULT_LIMITS, login=Limit("login", 1000, 60), login_address=Limit("address", 1000, 60))
    return create_app(settings, app_engine, routes=ROUTES, limits=patient)


@pytest.fixture(scope="session")
async def client(app: Litestar) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as made:
        yield made


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """The structured log of what runs meanwhile."""
    merge = structlog.contextvars.merge_contextvars
    with structlog.testing.capture_logs(processors=[merge]) as entries:
        yield entries


@pytest.fixture
async def unreachable() -> AsyncIterator[AsyncEngine]:
    """An engine for a port at which nobody listens."""
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    yield engine
    await engine.dispose()
