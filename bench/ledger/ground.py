"""The ground of the bench: one server, with a database for each thing that is compared."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database, postgres


@dataclass(frozen=True)
class Ground:
    """A running server, and where its client programs are."""

    server: postgres.Server

    @contextmanager
    def database(self, name: str, owner: str = postgres.SUPERUSER) -> Iterator[str]:
        """A database of this name, new and empty, dropped afterwards; its superuser's URL."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(self.server.url(postgres.SUPERUSER, "postgres"), autocommit=True) as admin:
            admin.execute(drop)
            create = sql.SQL("CREATE DATABASE {} OWNER {}")
            admin.execute(create.format(sql.Identifier(name), sql.Identifier(owner)))
            try:
                yield self.server.url(postgres.SUPERUSER, name)
            finally:
                admin.execute(drop)

    @asynccontextmanager
    async def ledger(self, name: str) -> AsyncIterator[AsyncEngine]:
        """A database with the ledger's schema, as the service sees it."""
        with self.database(name, database.OWNER_ROLE):
            urls = database.embedded_urls(self.server, name)
            await asyncio.to_thread(database.migrate, urls.owner)
            engine = database.create_engine(urls.app, pool_size=2)
            yield engine
            await engine.dispose()

    def vacuum(self, name: str) -> None:
        """What autovacuum does in its own time, now: so that it doesn't come in the middle of a measurement."""
        with psycopg.connect(self.server.url(postgres.SUPERUSER, name), autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")
            admin.execute("CHECKPOINT")

    def settings(self) -> dict[str, str]:
        """The server's version and those of its settings that speed depends on."""
        names = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size")
        with psycopg.connect(self.server.url(postgres.SUPERUSER, "postgres")) as connection:
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(names)]
            )
            return dict(rows.fetchall())

    def pgbench(self, url: str, *arguments: str) -> str:
        """What a run of pgbench prints."""
        command = [str(postgres.find_binaries() / "pgbench"), *arguments, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
        return done.stdout


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A server of the bench's own, with the service's settings and fsync on."""
    with postgres.running(folder, options=database.EMBEDDED_OPTIONS) as server:
        database.embedded_urls(server)  # makes the roles
        yield Ground(server)
