"""The same POST twice has one effect and one answer."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.web.idempotency import forget_old_records
from tests.clipledger.front_door import PAUSE, Company, Person, client_of, posting, problem


async def count(engine: AsyncEngine, note: str) -> int:
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT count(*) FROM public.notes WHERE text = :note"), {"note": note})
    return int(found or 0)


def add(
    client: AsyncClient, company: Company, key: str, note: str, *, route: str = "notes", by: Person | None = None
) -> Any:
    headers = posting(by or company.finance, key)
    return client.post(f"/v1/books/{company.book}/{route}", headers=headers, json={"text": note})


async def test_the_same_request_again_gets_the_same_bytes_and_happens_once(
    client: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    key = note = uuid4().hex
    first, second = await add(client, company, key, note), await add(client, company, key, note)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.content == first.content
    assert second.headers["location"] == first.headers["location"]
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await count(app_engine, note) == 1


async def test_a_crash_between_commit_and_answer_loses_nothing_and_doubles_nothing(
    app: Litestar, client: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    async def dying(scope: Any, receive: Any, send: Any) -> None:
        async def dead(message: Any) -> None:
            raise ConnectionResetError

        await app(scope, receive, dead)

    key = note = uuid4().hex
    async with client_of(dying) as unlucky:
        assert (await add(unlucky, company, key, note)).status_code == 500  # what the transport makes of silence

    assert await count(app_engine, note) == 1
    again = await add(client, company, key, note)
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {"text": note, "length": None}
    assert await count(app_engine, note) == 1


async def test_while_the_first_request_runs_the_second_is_told_to_wait(
    client: AsyncClient, company: Company, app_engine: AsyncEngine
) -> None:
    key = note = uuid4().hex
    first = asyncio.create_task(add(client, company, key, note, route="paused-notes"))
    await PAUSE.reached.wait()
    second: Response = await add(client, company, key, note, route="paused-notes")
    PAUSE.go_on.set()

    assert (await first).status_code == 201
    assert second.status_code == 409
    assert problem(second)["type"] == "/problems/idempotency-in-flight"
    assert second.headers["retry-after"]
    assert await count(app_engine, note) == 1
    assert (await add(client, company, key, note, route="paused-notes")).headers["idempotency-replayed"]


async def test_many_at_once_have_one_effect(client: AsyncClient, company: Company, app_engine: AsyncEngine) -> None:
    key = note = uuid4().hex
    answers = await asyncio.gather(*(add(client, company, key, note) for _ in range(8)))

    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [a for a in answers if a.status_code == 201 and "idempotency-replayed" not in a.headers]
    assert len(fresh) == 1
    assert await count(app_engine, note) == 1


@pytest.mark.parametrize("changed", ["body", "path", "query"])
async def test_the_key_of_another_request_is_refused(
    client: AsyncClient, company: Company, app_engine: AsyncEngine, changed: str
) -> None:
    key = note = uuid4().hex
    await add(client, company, key, note)
    if changed == "body":
        answer = await add(client, company, key, f"{note} changed")
    else:
        route = "large" if changed == "path" else "notes?twice=1"
        answer = await add(client, company, key, note, route=route)

    said = problem(answer)
    assert answer.status_code == 422
    assert said["type"] == "/problems/idempotency-key-reused"
    assert (said["field"], said["value"]) == ("Idempotency-Key", key)
    assert await count(app_engine, note) == 1


async def test_an_error_is_not_kept_so_the_corrected_request_may_use_the_same_key(
    client: AsyncClient, company: Company
) -> None:
    key = note = uuid4().hex
    refused = await add(client, company, key, note, route="refused-notes")
    corrected = await add(client, company, key, note)

    assert (refused.status_code, corrected.status_code) == (409, 201)


async def test_a_key_belongs_to_who_sent_it(
    client: AsyncClient, company: Company, app_engine: AsyncEngine, new_person: Any
) -> None:
    key, other = uuid4().hex, await new_person("finance", company.book)
    await add(client, company, key, f"{key} of one")
    answer = await add(client, company, key, f"{key} of the other", by=other)

    assert answer.status_code == 201
    assert await count(app_engine, f"{key} of the other") == 1


async def test_a_post_without_a_key_is_refused(client: AsyncClient, company: Company, app_engine: AsyncEngine) -> None:
    note = uuid4().hex
    answer = await client.post(f"/v1/books/{company.book}/notes", headers=company.finance.bearer, json={"text": note})

    assert answer.status_code == 400
    assert problem(answer)["type"] == "/problems/idempotency-key-required"
    assert await count(app_engine, note) == 0


@pytest.mark.parametrize("key", ["with space", "k" * 256, "tab\there"])
async def test_a_key_that_is_not_1_to_255_visible_ascii_characters_is_refused(
    client: AsyncClient, company: Company, key: str
) -> None:
    answer = await add(client, company, key, "never")

    assert answer.status_code == 400
    assert problem(answer)["type"] == "/problems/idempotency-key-invalid"


async def test_the_longest_key_is_accepted(client: AsyncClient, company: Company) -> None:
    assert (await add(client, company, uuid4().hex * 7 + "~" * 31, uuid4().hex)).status_code == 201


async def test_records_are_forgotten_after_a_day_and_not_before(
    client: AsyncClient, company: Company, app_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    old, young = uuid4().hex, uuid4().hex
    await add(client, company, old, old)
    await add(client, company, young, young)
    age = text("UPDATE clipledger.idempotency_records SET created_at = now() - :age WHERE key = :key")
    async with owner_engine.begin() as connection:
        await connection.execute(age, {"age": timedelta(hours=25), "key": old})
        await connection.execute(age, {"age": timedelta(hours=23), "key": young})
    async with app_engine.begin() as connection:
        assert await forget_old_records(connection) >= 1
        left = set(await connection.scalars(text("SELECT key FROM clipledger.idempotency_records")))

    assert old not in left
    assert young in left
