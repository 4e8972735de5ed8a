"""A request is one transaction: what the client is told has happened has happened, and an error changed nothing."""

from typing import Any

import pytest
from httpx import AsyncClient
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.audit import RecordedEvent, list_events
from tests.clipledger.front_door import Company, OpenBook, client_of, posting, problem


async def notes(engine: AsyncEngine, book_id: int) -> list[str]:
    chosen = text("SELECT text FROM public.notes WHERE book_id = :book_id ORDER BY note_id")
    async with engine.connect() as connection:
        return list(await connection.scalars(chosen, {"book_id": book_id}))


async def trail(engine: AsyncEngine, book_id: int) -> list[RecordedEvent]:
    async with engine.connect() as connection:
        return await list_events(connection, books=[book_id])


async def test_what_was_answered_with_201_is_committed(
    client: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/notes", headers=posting(company.finance), json={"text": "kept"}
    )

    assert answer.status_code == 201
    assert "kept" in await notes(app_engine, company.book_id)


async def test_the_answer_leaves_after_the_commit(app: Litestar, company: Company, app_engine: AsyncEngine) -> None:
    """Seen from the send side of the ASGI protocol: when the first byte passes, another connection sees the row."""
    seen: list[list[str]] = []

    async def watching(scope: Any, receive: Any, send: Any) -> None:
        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.append(await notes(app_engine, company.book_id))
            await send(message)

        await app(scope, receive, watched)

    async with client_of(watching) as client:
        await client.post(f"/v1/books/{company.book}/notes", headers=posting(company.finance), json={"text": "before"})

    assert "before" in seen[0]


async def test_a_commit_that_fails_is_no_201(
    client: AsyncClient, company: Company, app_engine: AsyncEngine, open_book: OpenBook
) -> None:
    address, note = f"/v1/books/{company.book}/notes", {"text": "unique at commit"}
    await client.post(address, headers=posting(company.finance), json=note)
    answer = await client.post(address, headers=posting(company.finance), json=note)

    assert answer.status_code == 500
    assert problem(answer)["type"] == "/problems/internal-error"
    assert (await notes(app_engine, company.book_id)).count("unique at commit") == 1


@pytest.mark.parametrize("address", ["refused-notes", "answered-409"])
async def test_an_error_answer_rolls_back_whether_raised_or_returned(
    client: AsyncClient, company: Company, app_engine: AsyncEngine, address: str
) -> None:
    answer = await client.post(
        f"/v1/books/{company.book}/{address}", headers=posting(company.finance), json={"text": address}
    )

    assert answer.status_code == 409
    assert address not in await notes(app_engine, company.book_id)


async def test_a_get_cannot_write(client: AsyncClient, company: Company) -> None:
    answer = await client.get(f"/v1/books/{company.book}/writing-get", headers=company.finance.bearer)

    assert answer.status_code == 500


async def test_a_get_may_stream_from_the_database(client: AsyncClient, company: Company) -> None:
    answer = await client.get(f"/v1/books/{company.book}/stream", headers=company.finance.bearer)

    assert answer.text.split() == [str(number) for number in range(1, 100_001)]


async def test_no_connection_is_left_checked_out(app: Litestar, company: Company, app_engine: AsyncEngine) -> None:
    """Whatever becomes of the request: answered, refused, failed, or broken off by the client."""

    async def dying(scope: Any, receive: Any, send: Any) -> None:
        async def dead(message: Any) -> None:
            raise ConnectionResetError

        await app(scope, receive, dead)

    before = app_engine.pool.checkedout()  # type: ignore[attr-defined]
    for reached in (app, dying):
        async with client_of(reached) as client:
            for path in ("notes", "stream", "refused-notes"):
                await client.get(f"/v1/books/{company.book}/{path}", headers=company.finance.bearer)
                await client.post(
                    f"/v1/books/{company.book}/{path}", headers=posting(company.finance), json={"text": "x"}
                )
            await client.get("/v1/fault", headers=company.finance.bearer)

    assert app_engine.pool.checkedout() == before  # type: ignore[attr-defined]


async def test_every_change_leaves_an_audit_event_in_the_same_transaction(
    client: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    headers = {**posting(company.finance, "audited-1"), "X-Request-Id": "request-of-this-test"}
    await client.post(f"/v1/books/{company.book}/notes", headers=headers, json={"text": "audited"})
    await client.post(f"/v1/books/{company.book}/refused-notes", headers=posting(company.finance), json={"text": "no"})

    event = (await trail(app_engine, company.book_id))[0]
    assert event.actor.startswith("key:")
    assert event.action == "POST /v1/books/{book}/notes"
    assert event.subject == "/v1/notes/audited"
    assert event.book_id == company.book_id
    assert event.detail == {"status": 201, "idempotency_key": "audited-1"}
    assert event.request_id == "request-of-this-test"
    assert event.ip == "127.0.0.9"
