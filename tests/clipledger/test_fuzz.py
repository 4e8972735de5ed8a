"""Whatever is sent to whichever route, the service never answers that the fault is its own.

schemathesis draws requests from the OpenAPI document, true to it and not; they are sent by somebody who may do
everything, for a book, a clipper and an agency that exist, so that they get past the gate.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.result import Ok
from sqlalchemy import insert

from clipledger.access import keys, roles
from clipledger.database import DatabaseUrls, create_engine
from clipledger.web.app import create_app
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit
from ledger.books import open_book
from licensing import tables
from tests.clipledger.front_door import add_user, client_of
from tests.clipledger.operations import SCHEMA, SETTINGS
from tests.conftest import NewDatabase

T = TypeVar("T")
_ROLES = ("host", "finance", "approver")
_EXAMPLES = 8
"""Requests of each operation."""


_ENDING = ("/v1/session", "/v1/session/password")  # they would end the fuzzer's own rights
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))
    if operation.path not in _ENDING
}


@dataclass(frozen=True)
class Fuzzer:
    """An application in a loop of its own, since Hypothesis calls plain functions."""

    call: Callable[[Coroutine[Any, Any, Response]], Response]
    client: AsyncClient
    headers: dict[str, str]
    places: dict[str, Any]

    def send(self, case: Case[Any], number: int) -> Response:
        drawn = case.path_parameters or {}
        path = case.operation.path
        for name, value in drawn.items():
            path = path.replace(f"{{{name}}}", str(self.places.get(name, number if isinstance(value, int) else value)))
        sent = case.as_transport_kwargs()
        headers = {name: value for name, value in (sent.get("headers") or {}).items() if _sendable(name, value)}
        request = self.client.build_request(
            case.method,
            path.replace("?", "%3F").replace("#", "%23"),
            params=sent.get("params"),
            headers={**headers, **self.headers, "Idempotency-Key": uuid4().hex},
            **{name: sent[name] for name in ("json", "data", "content") if sent.get(name) is not None},
        )
        return self.call(self.client.send(request))


def _sendable(name: str, value: object) -> bool:
    """Not what says who asks, which the fuzzer's own headers do."""
    if name.lower() in ("authorization", "cookie", "x-csrf-token", "idempotency-key"):
        return False
    return isinstance(value, str) and value.isascii() and value.isprintable()


@pytest.fixture(scope="module")
def own_urls(new_database: NewDatabase) -> Iterator[DatabaseUrls]:
    """Of a database that nobody else uses: who may do everything also disables users and revokes keys."""
    with new_database() as urls:
        yield urls


@pytest.fixture(scope="module")
def fuzzer(own_urls: DatabaseUrls) -> Iterator[Fuzzer]:
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    engine = create_engine(own_urls.app)
    try:
        yield call(_made(engine, call))
    finally:
        call(engine.dispose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _made(engine: Any, call: Any) -> Fuzzer:
    slug = f"fuzz-{uuid4().hex}"
    async with engine.begin() as connection:
        await open_book(connection, slug, "A book", "Asia/Shanghai")
        first, _ = await add_user(connection)  # whom number 1 may disable
        await keys.create_key(connection, first, "first", roles.PARTY_SCOPES)
        user_id, _ = await add_user(connection)
        for role in _ROLES:
            await roles.grant_role(connection, user_id, role, slug)
        await roles.grant_role(connection, user_id, "operator")
        token = (await keys.create_key(connection, user_id, "all", roles.SCOPES))[1]
        parties = {}
        for kind in ("clipper", "agency"):
            row = insert(tables.parties).values(kind=kind, name="A party", registered_by="fuzz")
            parties[kind] = (await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()
            member = {"party_id": parties[kind], "user_id": user_id, "role": "owner", "added_by": "fuzz"}
            await connection.execute(insert(tables.members).values(member))
    app = create_app(SETTINGS, engine, limits=replace(DEFAULT_LIMITS, principal=Limit("principal", 10**9, 60)))
    return Fuzzer(call, client_of(app), {"Authorization": f"Bearer {token}"}, {"book": slug, **parties})


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_request_is_answered_by_a_fault_of_the_service(name: str, fuzzer: Fuzzer) -> None:
    operation = OPERATIONS[name]

    @settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), number=st.sampled_from([1, 2**40, 2**63, 10**30]))
    def send(case: Case[Any], number: int) -> None:
        answer = fuzzer.send(case, number)
        assert answer.status_code < 500, answer.text

    send()
