"""A book whose videos are worked on over HTTP: the real application, a folder as object store, another for imports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.books import open_book
from media.fingerprinting import fingerprint_one
from media.storage import Storage
from tests.clipledger.front_door import Person, add_user, client_of, posting
from tests.media.showing import film

OFFSET = "application/offset+octet-stream"


@dataclass(frozen=True)
class Studio:
    """What is asked without saying by whom is asked by the book's host."""

    client: AsyncClient
    engine: AsyncEngine
    settings: Settings
    book: str
    book_id: int
    host: Person
    operator: Person

    @property
    def path(self) -> str:
        return f"/v1/books/{self.book}"

    @property
    def storage(self) -> Storage:
        return Storage(self.settings.media_storage)

    @property
    def index(self) -> Path:
        return self.settings.media_index

    @property
    def folder(self) -> Path:
        return self.settings.media_folders[0]

    async def get(self, path: str, **query: Any) -> Response:
        return await self.client.get(f"{self.path}/{path}", params=query, headers=self.host.bearer)

    async def post(self, path: str, body: Any = None, *, by: Person | None = None) -> Response:
        return await self.client.post(f"{self.path}/{path}", json=body, headers=posting(by or self.host))

    async def delete(self, path: str) -> Response:
        return await self.client.delete(f"{self.path}/{path}", headers=self.host.bearer)

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def made(self, path: str, body: Any, *, by: Person | None = None) -> Any:
        answer = await self.post(path, body, by=by)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def announced(self, length: int) -> int:
        headers = {**posting(self.host), "Upload-Length": str(length)}
        answer = await self.client.post(f"{self.path}/uploads", headers=headers)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["upload_id"])

    async def append(self, upload: int, offset: int, content: Any, **more: str) -> Response:
        headers = {**self.host.bearer, "Upload-Offset": str(offset), "Content-Type": OFFSET, **more}
        return await self.client.patch(f"{self.path}/uploads/{upload}", headers=headers, content=content)

    async def offset(self, upload: int) -> int:
        answer = await self.client.head(f"{self.path}/uploads/{upload}", headers=self.host.bearer)
        assert answer.status_code == 200
        return int(answer.headers["upload-offset"])

    async def uploaded(self, content: bytes) -> int:
        upload = await self.announced(len(content))
        answer = await self.append(upload, 0, content)
        assert answer.status_code == 204, answer.text
        return upload

    async def source(self, content: bytes) -> int:
        """A registered stream that waits to be fingerprinted."""
        made = await self.made("sources", {"title": "A stream", "upload": await self.uploaded(content)})
        return int(made["source_id"])

    async def live_source(self) -> int:
        return int((await self.made("sources", {"title": "Live", "live": True}))["source_id"])

    async def fingerprinted(self, source: int) -> Any:
        """What is told of the source when a worker has done what is due."""
        while await fingerprint_one(self.engine, self.storage, self.book_id, source):
            pass
        return await self.read(f"sources/{source}")

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Of plain SQL, in which :book is the book."""
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), {"book": self.book_id})
            return [tuple(row) for row in result] if result.returns_rows else []

    async def parts(self) -> list[tuple[Any, ...]]:
        query = "SELECT source_id, recording_no, first FROM media.parts WHERE book_id = :book ORDER BY source_id, first"
        return await self.rows(query)


NewStudio = Callable[[], Awaitable[Studio]]


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Eight seconds of a stream."""
    return film(tmp_path_factory.mktemp("films") / "stream.mp4", seconds=8, seed=1).read_bytes()


@pytest.fixture(scope="session")
def media_settings(tmp_path_factory: pytest.TempPathFactory, media_var: Path) -> Settings:
    folder = tmp_path_factory.mktemp("streams")
    env = {"CLIPLEDGER_VAR": str(media_var), "CLIPLEDGER_MEDIA_FOLDERS": str(folder)}
    return Settings.from_environment({**env, "CLIPLEDGER_PUBLIC_URL": "http://localhost"})


@pytest.fixture(scope="session")
async def client(app_engine: AsyncEngine, media_settings: Settings) -> AsyncIterator[AsyncClient]:
    async with client_of(create_app(media_settings, app_engine)) as made:
        yield made


@pytest.fixture(scope="session")
def new_studio(client: AsyncClient, app_engine: AsyncEngine, media_settings: Settings) -> NewStudio:
    async def made() -> Studio:
        slug = f"book-{uuid4().hex}"
        async with app_engine.begin() as connection:
            book = await open_book(connection, slug, "A host's")
            people = []
            for role, held_for in (("host", slug), ("operator", None)):
                user_id, email = await add_user(connection)
                await roles.grant_role(connection, user_id, role, held_for)
                _, token = await keys.create_key(connection, user_id, "all", roles.ROLES[role])
                people.append(Person(user_id, email, token))
        return Studio(client, app_engine, media_settings, slug, book.book_id, *people)

    return made


@pytest.fixture
async def studio(new_studio: NewStudio) -> Studio:
    return await new_studio()
