"""The ground of the bench: one server, and databases with the service's schema on it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.ledger import ground as ledger_ground
from clipledger import database, postgres


@dataclass(frozen=True)
class Ground:
    """A running server."""

    inner: ledger_ground.Ground

    @asynccontextmanager
    async def service(self, name: str) -> AsyncIterator[AsyncEngine]:
        """An empty database as the service sees it, dropped afterwards."""
        with self.inner.database(name, database.OWNER_ROLE):
            urls = database.embedded_urls(self.inner.server, name)
            await asyncio.to_thread(database.migrate, urls.owner)
            engine = database.create_engine(urls.app, pool_size=4)
            try:
                yield engine
            finally:
                await engine.dispose()

    def load(self, name: str, statements: list[str]) -> None:
        """Fill a database faster than the service may, and let the server learn what is in it."""
        with psycopg.connect(self.inner.server.url(postgres.SUPERUSER, name)) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        self.inner.vacuum(name)

    def settings(self) -> dict[str, str]:
        """The server's version and those of its settings that speed depends on."""
        return self.inner.settings()


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A server of the bench's own, with the service's settings and fsync on."""
    with ledger_ground.ground(folder) as inner:
        yield Ground(inner)
