"""Books to try the ledger on: each test has one of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database
from clipledger.database import DatabaseUrls
from tests.conftest import NewDatabase
from tests.ledger.attacks import Scene
from tests.ledger.bookkeeper import Bookkeeper
from tests.ledger.desk import client, desk, people  # noqa: F401 - fixtures


@pytest.fixture
async def keeper(app_engine: AsyncEngine) -> Bookkeeper:
    """Keeps a new book with the accounts of CHART, as the service."""
    return await Bookkeeper.of_new_book(app_engine)


@pytest.fixture
async def other(app_engine: AsyncEngine) -> Bookkeeper:
    """Keeps another book in the same database."""
    return await Bookkeeper.of_new_book(app_engine)


@pytest.fixture
async def scene(keeper: Bookkeeper, other: Bookkeeper, urls: DatabaseUrls) -> Scene:
    """Two books to be attacked."""
    return await Scene.of_two_books(keeper, other, urls)


@pytest.fixture(scope="module")
def tampered_urls(new_database: NewDatabase) -> Iterator[DatabaseUrls]:
    """A database apart, for the tests of a module that get behind the ledger's back."""
    with new_database() as found:
        yield found


@pytest.fixture(scope="module")
async def tampered_engine(tampered_urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = database.create_engine(tampered_urls.app)
    yield engine
    await engine.dispose()
