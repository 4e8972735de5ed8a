"""A route may read its body as it arrives: no transaction is open meanwhile, and the answer still comes after one."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from litestar import Request, Response, patch, post
from litestar.di import NamedDependency
from litestar.exceptions import ImproperlyConfiguredException
from litestar.params import FromPath
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access.audit import list_events
from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.unit_of_work import UnitOfWork
from ledger.errors import PeriodLocked
from tests.clipledger.front_door import Company, client_of, problem

_INSERT = text("INSERT INTO public.notes (book_id, text) VALUES (:book_id, :text)")
_OPT = {"scope": "ledger:post", "streams_body": True}


@patch("/v1/books/{book:str}/streamed/{outcome:str}", opt=_OPT, request_max_body_size=None)
async def count_bytes(
    outcome: FromPath[str],
    request: Request[Any, Any, Any],
    engine: NamedDependency[AsyncEngine],
    unit: NamedDependency[UnitOfWork],
    book_id: NamedDependency[int],
) -> Response[dict[str, int]]:
    """Counts its body, and writes a note of it in its transaction."""
    length, most_open = 0, 0
    async for block in request.stream():
        length += len(block)
        most_open = max(most_open, engine.pool.checkedout())  # type: ignore[attr-defined]
    connection: AsyncConnection = await unit.connection()
    await connection.execute(_INSERT, {"book_id": book_id, "text": outcome + uuid4().hex})
    if outcome == "raised":
        raise PeriodLocked("effective_on", "2026-10-31")
    return Response({"length": length, "open": most_open}, status_code=409 if outcome == "refused" else 200)


@pytest.fixture(scope="module")
async def streaming(settings: Settings, app_engine: AsyncEngine, notes_table: None) -> AsyncIterator[AsyncClient]:
    async with client_of(create_app(settings, app_engine, routes=[count_bytes])) as client:
        yield client


async def sent(client: AsyncClient, company: Company, outcome: str, blocks: int = 1) -> Any:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            yield bytes(1024 * 1024)

    path = f"/v1/books/{company.book}/streamed/{outcome}"
    return await client.patch(path, headers=company.finance.bearer, content=body())


async def notes(engine: AsyncEngine, company: Company, outcome: str) -> int:
    chosen = text("SELECT count(*) FROM public.notes WHERE book_id = :book AND text LIKE :said")
    async with engine.connect() as connection:
        return int(await connection.scalar(chosen, {"book": company.book_id, "said": f"{outcome}%"}) or 0)


async def test_a_body_of_any_length_passes_while_no_connection_is_taken(
    streaming: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    before = app_engine.pool.checkedout()  # type: ignore[attr-defined]
    answer = await sent(streaming, company, "kept", blocks=5)
    assert answer.json() == {"length": 5 * 1024 * 1024, "open": before}
    assert await notes(app_engine, company, "kept") == 1


async def test_it_is_one_transaction_with_its_audit_event(
    streaming: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    await sent(streaming, company, "audited")
    async with app_engine.connect() as connection:
        event = (await list_events(connection, books=[company.book_id]))[0]
    assert event.action == "PATCH /v1/books/{book}/streamed/{outcome}"


@pytest.mark.parametrize("outcome", ["refused", "raised"])
async def test_an_error_rolls_back(
    streaming: AsyncClient, company: Company, app_engine: AsyncEngine, outcome: str
) -> None:
    assert (await sent(streaming, company, outcome)).status_code == 409
    assert await notes(app_engine, company, outcome) == 0


async def test_who_may_not_is_told_before_the_body_is_read(streaming: AsyncClient, company: Company) -> None:
    async def never() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    path = f"/v1/books/{company.book}/streamed/kept"
    answer = await streaming.patch(path, headers=company.approver.bearer, content=never())
    assert problem(answer)["type"] == "/problems/scope-required"


def test_a_post_that_streams_its_body_has_no_key_to_compare_it_by(settings: Settings, app_engine: AsyncEngine) -> None:
    @post("/streamed", opt=_OPT)
    async def streamed() -> None: ...

    with pytest.raises(ImproperlyConfiguredException, match="streams its body"):
        create_app(settings, app_engine, routes=[streamed])
