"""What the tests of the front door share: routes of their own, clients, and what every problem has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid4

import msgspec
from argon2 import PasswordHasher
from httpx import ASGITransport, AsyncClient, Response
from litestar import Response as Answer
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access.tables import users
from ledger.books import Book
from ledger.errors import PeriodLocked

PASSWORD = "correct horse battery staple"
ADDRESS = ("127.0.0.9", 4711)


@dataclass(frozen=True)
class Person:
    """A user of the tests, with an API key of everything their role allows."""

    user_id: int
    email: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Company:
    """One book, its people, and an operator."""

    book: str
    book_id: int
    finance: Person
    approver: Person
    reviewer: Person
    operator: Person


@cache
def _hash() -> str:
    """One for all: argon2 takes a fifth of a second on purpose."""
    return PasswordHasher().hash(PASSWORD)


async def add_user(connection: AsyncConnection, email: str | None = None) -> tuple[int, str]:
    """A user whose password is PASSWORD, by number and address, made without hashing it anew."""
    email = email or f"{uuid4().hex}@example.com"
    row = insert(users).values(email=email, name="", password_hash=_hash()).returning(users.c.user_id)
    return int((await connection.execute(row)).scalar_one()), email


OpenBook = Callable[[], Awaitable[Book]]
NewPerson = Callable[..., Awaitable[Person]]


def posting(person: Person, key: str | None = None) -> dict[str, str]:
    """Headers of a POST by this person, under a key of its own or the given one."""
    return {**person.bearer, "Idempotency-Key": key or uuid4().hex}


def problem(response: Response) -> dict[str, Any]:
    """The problem in an answer, having checked what every problem has."""
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["instance"] == response.headers["x-request-id"]
    assert body["type"].startswith("/problems/")
    assert body["title"]
    return body


def client_of(app: Any) -> AsyncClient:
    """A client that reaches the application without a network."""
    transport = ASGITransport(app, raise_app_exceptions=False, client=ADDRESS)
    return AsyncClient(transport=transport, base_url="http://localhost")


# Routes of the tests' own -----------------------------------------------------------------------------------


class Note(msgspec.Struct):
    text: str
    length: int | None = None


class Lines(msgspec.Struct):
    lines: list[Note]


@dataclass
class Pause:
    """Lets a test hold a request inside its handler."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)


PAUSE = Pause()
_INSERT = text("INSERT INTO public.notes (book_id, text) VALUES (:book_id, :text)")


async def _write(connection: AsyncConnection, book_id: int, note: Note) -> None:
    await connection.execute(_INSERT, {"book_id": book_id, "text": note.text})


@post("/v1/books/{book:str}/notes", opt={"scope": "ledger:post"})
async def add_note(
    data: JSONBody[Note], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Answer[Note]:
    await _write(connection, book_id, data)
    return Answer(data, headers={"Location": f"/v1/notes/{data.text}"})


@post("/v1/books/{book:str}/paused-notes", opt={"scope": "ledger:post"})
async def add_note_slowly(
    data: JSONBody[Note], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Note:
    await _write(connection, book_id, data)
    PAUSE.reached.set()
    await PAUSE.go_on.wait()
    return data


@post("/v1/books/{book:str}/refused-notes", opt={"scope": "ledger:post"})
async def refuse_note(
    data: JSONBody[Note], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> None:
    await _write(connection, book_id, data)
    raise PeriodLocked("effective_on", "2026-10-31")


@post("/v1/books/{book:str}/answered-409", opt={"scope": "ledger:post"})
async def answer_conflict(
    data: JSONBody[Note], connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]
) -> Answer[Note]:
    await _write(connection, book_id, data)
    return Answer(data, status_code=409)


@post("/v1/books/{book:str}/lines", opt={"scope": "ledger:post"})
async def add_lines(data: JSONBody[Lines]) -> int:
    return len(data.lines)


@post("/v1/books/{book:str}/large", opt={"scope": "ledger:post"}, request_max_body_size=2 * 1024 * 1024)
async def add_large(data: JSONBody[Note]) -> int:
    return len(data.text)


@get("/v1/books/{book:str}/notes", opt={"scope": "ledger:read"})
async def list_notes(
    connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int], actor: NamedDependency[str]
) -> dict[str, Any]:
    found = await connection.scalars(
        text("SELECT text FROM public.notes WHERE book_id = :book_id ORDER BY note_id"), {"book_id": book_id}
    )
    return {"actor": actor, "notes": list(found)}


@get("/v1/books/{book:str}/writing-get", opt={"scope": "ledger:read"})
async def write_in_get(connection: NamedDependency[AsyncConnection], book_id: NamedDependency[int]) -> None:
    await _write(connection, book_id, Note("from a GET"))


@get("/v1/books/{book:str}/stream", opt={"scope": "ledger:read"})
async def stream_numbers(connection: NamedDependency[AsyncConnection]) -> Stream:
    async def lines() -> AsyncIterator[str]:
        numbers = await connection.stream_scalars(text("SELECT generate_series(1, 100000)"))
        async for number in numbers:
            yield f"{number}\n"

    return Stream(lines())


@get("/v1/sql", opt={"authenticated": True})
async def run_sql(connection: NamedDependency[AsyncConnection], statement: FromQuery[str]) -> None:
    await connection.execute(text(statement))


@get("/v1/fault", opt={"authenticated": True})
async def fault() -> None:
    raise RuntimeError("the inside of the service")


@get("/v1/seals", opt={"scope": "ledger:seal"})
async def every_book() -> str:
    return "every book"


@get("/v1/numbers/{number:int}", opt={"authenticated": True})
async def numbered(number: FromPath[int], limit: FromQuery[int] = 10) -> int:
    return number + limit


ROUTES = [
    add_note,
    add_note_slowly,
    refuse_note,
    answer_conflict,
    add_lines,
    add_large,
    list_notes,
    write_in_get,
    stream_numbers,
    run_sql,
    fault,
    every_book,
    numbered,
]
