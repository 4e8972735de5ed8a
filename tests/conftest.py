"""Real PostgreSQL for every test: one template made by the real migrations, one database for each worker.

With DATABASE_URL set, its server is used (its login must be allowed to create databases and roles); else an
embedded one under `var/test`, without fsync. Tests don't clean up after each other: each opens its own book.
"""

import gc
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger import database, postgres
from clipledger.database import DatabaseUrls

ROOT = Path(__file__).parents[1]
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}

NewDatabase = Callable[[], AbstractContextManager[DatabaseUrls]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m database` picks the tests that use the server of all tests, for a run on another one."""
    for item in items:
        if "server" in getattr(item, "fixturenames", ()):
            item.add_marker("database")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end, so the garbage collector need not walk it again and again."""
    gc.freeze()


@dataclass(frozen=True)
class TestServer:
    """A server on which databases come and go; `admin` is a login that may make them, and roles.

    A living session holds an advisory lock on each database in use; so what a killed run left can be told.
    """

    __test__ = False
    admin: psycopg.Connection
    owner: str
    urls: Callable[[str], DatabaseUrls]

    def make(self, name: str, template: str = "template1") -> None:
        self._run("CREATE DATABASE {} OWNER {} TEMPLATE {}", name, self.owner, template)

    def drop(self, name: str) -> None:
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def rename(self, name: str, to: str) -> None:
        self._run("ALTER DATABASE {} RENAME TO {}", name, to)

    def names(self) -> list[str]:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'clipledger\\_test\\_%'"
        return [name for (name,) in self.admin.execute(query)]

    def lock(self, name: str, function: str = "pg_advisory_lock") -> bool:
        row = self.admin.execute(f"SELECT {function}(hashtext(%s))", [name]).fetchone()
        return row != (False,)

    def drop_unused(self, name: str) -> None:
        if self.lock(name, "pg_try_advisory_lock"):
            self.drop(name)
            self.lock(name, "pg_advisory_unlock")

    def _run(self, statement: str, *names: str) -> None:
        self.admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def embedded() -> Iterator[TestServer]:
    with postgres.running(ROOT / "var" / "test" / "postgres", options=FAST) as server:
        database.embedded_urls(server)
        with psycopg.connect(server.url(postgres.SUPERUSER, "postgres"), autocommit=True) as admin:
            yield TestServer(admin, database.OWNER_ROLE, lambda name: database.embedded_urls(server, name))


@contextmanager
def given(url: str) -> Iterator[TestServer]:
    """One login: the service takes the role clipledger_app, as in production with DATABASE_URL alone."""

    def urls(name: str) -> DatabaseUrls:
        return database.external_urls(make_url(url).set(database=name).render_as_string(hide_password=False))

    with psycopg.connect(database.conninfo(url), autocommit=True) as admin:
        yield TestServer(admin, admin.info.user, urls)


@contextmanager
def template(server: TestServer, *, keep: bool) -> Iterator[str]:
    """The name of a database with the current schema, built by the first worker that asks."""
    name = f"clipledger_test_template_{schema_digest()}"
    server.lock("clipledger_test")
    server.lock(name, "pg_advisory_lock_shared")
    for leftover in server.names():
        if leftover != name:
            server.drop_unused(leftover)
    if name not in server.names():
        server.make(unfinished := f"{name}_unfinished")
        database.migrate(server.urls(unfinished).owner)
        server.rename(unfinished, name)
    server.lock("clipledger_test", "pg_advisory_unlock")
    yield name
    server.lock(name, "pg_advisory_unlock_shared")
    if not keep:
        server.drop_unused(name)


def schema_digest() -> str:
    files = sorted(path for path in (ROOT / "migrations").rglob("*") if path.suffix in {".py", ".sql"})
    text = "".join(path.name + path.read_text() for path in [*files, ROOT / "clipledger" / "database.py"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def server() -> Iterator[TestServer]:
    """The server of all tests, also of the other workers."""
    url = os.environ.get("DATABASE_URL")
    with given(url) if url else embedded() as found:
        yield found


@pytest.fixture(scope="session")
def new_database(server: TestServer) -> Iterator[NewDatabase]:
    """Makes databases with the current schema, each for as long as its `with` block."""
    with template(server, keep="DATABASE_URL" not in os.environ) as model:

        @contextmanager
        def new() -> Iterator[DatabaseUrls]:
            name = f"clipledger_test_{uuid4().hex}"
            server.lock(name)
            server.make(name, model)
            try:
                yield server.urls(name)
            finally:
                server.drop(name)
                server.lock(name, "pg_advisory_unlock")

        yield new


@pytest.fixture(scope="session")
def urls(new_database: NewDatabase) -> Iterator[DatabaseUrls]:
    """The worker's database, as its owner and as the service."""
    with new_database() as found:
        yield found


@pytest.fixture
def fresh_urls(new_database: NewDatabase) -> Iterator[DatabaseUrls]:
    """A database of the test's own, for tests that tamper with the schema or the data."""
    with new_database() as found:
        yield found


@pytest.fixture(scope="session")
async def app_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """The worker's database as the service sees it."""
    engine = database.create_engine(urls.app)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
async def owner_engine(urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    """The worker's database as the migrations see it."""
    engine = database.create_engine(urls.owner)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def media_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the worker's videos lie, of all rooms' tests: one database, one store, so that what is due can be done."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def pristine() -> Iterator[Path]:
    """A folder of an embedded server that has just been made and stopped."""
    with reachable_folder() as place:
        with postgres.running(place / "postgres"):
            pass
        with (place / "postgres" / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("fsync = off\n")
        yield place / "postgres"


@pytest.fixture
def var(pristine: Path) -> Iterator[Path]:
    """A folder for CLIPLEDGER_VAR, with an embedded server of its own in `var / "postgres"`, not running."""
    with reachable_folder() as place:
        subprocess.run(["cp", "-Rp", pristine, place / "postgres"], check=True)
        yield place


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that the unprivileged server gets at even when the tests run as root."""
    place = Path(tempfile.mkdtemp(prefix="clipledger-test-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)
