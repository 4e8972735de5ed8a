"""How often, and how much: rate limits and body sizes."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.problems import Problem
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit, Limits, RateLimiter
from tests.clipledger.front_door import PASSWORD, ROUTES, Company, NewPerson, client_of, posting, problem


@pytest.fixture
async def strict(settings: Settings, app_engine: AsyncEngine) -> AsyncIterator[AsyncClient]:
    """A client of an application that allows two requests an hour."""
    limits = Limits(principal=Limit("principal", 2, 3600), anonymous=Limit("anonymous", 2, 3600))
    async with client_of(create_app(settings, app_engine, limits=limits, routes=ROUTES)) as client:
        yield client


# Rates -------------------------------------------------------------------------------------------------------


def test_a_burst_is_allowed_then_refused_then_refilled_evenly() -> None:
    now = 1000.0
    limiter = RateLimiter(Limit("test", 3, 60), clock=lambda: now)

    left = [limiter.spend("ada")["RateLimit"] for _ in range(3)]
    assert left == ['"test";r=2;t=20', '"test";r=1;t=40', '"test";r=0;t=60']
    with pytest.raises(Problem) as refused:
        limiter.spend("ada")
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"] == "20"
    assert limiter.spend("grace")["RateLimit"] == '"test";r=2;t=20'

    now += 20
    assert limiter.spend("ada")["RateLimit"] == '"test";r=0;t=60'
    now += 3600
    assert limiter.spend("ada")["RateLimit"] == '"test";r=2;t=20'


def test_a_refused_request_does_not_make_the_wait_longer() -> None:
    limiter = RateLimiter(Limit("test", 1, 60), clock=lambda: 0.0)
    limiter.spend("ada")

    for _ in range(5):
        with pytest.raises(Problem) as refused:
            limiter.spend("ada")
        assert refused.value.headers["Retry-After"] == "60"


async def test_a_key_that_asks_too_often_gets_429_and_others_do_not(strict: AsyncClient, company: Company) -> None:
    answers = [await strict.get("/v1/numbers/1", headers=company.finance.bearer) for _ in range(3)]
    other = await strict.get("/v1/numbers/1", headers=company.approver.bearer)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"principal";r=1;t=1800'
    assert answers[0].headers["ratelimit-policy"] == '"principal";q=2;w=3600'
    assert problem(answers[2])["type"] == "/problems/too-many-requests"
    assert answers[2].headers["retry-after"] == "1800"
    assert other.status_code == 200


async def test_guessing_keys_is_counted_by_address(strict: AsyncClient) -> None:
    guess = {"Authorization": f"Bearer clk_{'0' * 12}_{'A' * 43}"}
    answers = [await strict.get("/v1/session", headers=guess) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_probes_are_not_counted(strict: AsyncClient) -> None:
    assert [(await strict.get("/health")).status_code for _ in range(4)] == [200] * 4


async def test_passwords_are_guessed_slowly(
    settings: Settings, app_engine: AsyncEngine, company: Company, new_person: NewPerson
) -> None:
    """The limit counts before the password is looked at, so even the right one waits."""
    person = await new_person("reviewer", company.book)
    limits = replace(DEFAULT_LIMITS, login=Limit("login", 2, 900))
    async with client_of(create_app(settings, app_engine, limits=limits)) as client:
        answers = [
            await client.post("/v1/session", json={"email": person.email, "password": password})
            for password in ("a wrong password", "another wrong one", PASSWORD)
        ]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["retry-after"]) > 400


def test_logging_in_is_limited_more_strictly_than_anything_else() -> None:
    limits = DEFAULT_LIMITS
    rates = [limit.quantity / limit.seconds for limit in (limits.login, limits.anonymous, limits.principal)]

    assert rates == sorted(rates)


# Sizes -------------------------------------------------------------------------------------------------------


def note(size: int) -> bytes:
    return b'{"text": "' + b"x" * (size - 12) + b'"}'


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("route", "size", "status"),
    [
        ("notes", 1024 * 1024 + 1, 413),
        ("large", 1024 * 1024 + 1, 201),
        ("large", 2 * 1024 * 1024, 201),
        ("large", 2 * 1024 * 1024 + 1, 413),
    ],
)
async def test_a_body_is_limited_by_what_its_route_allows_announced_or_not(
    client: AsyncClient, company: Company, route: str, size: int, status: int, chunked: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        body = note(size)
        for start in range(0, size, 65536):
            yield body[start : start + 65536]

    headers = {**posting(company.finance), "Content-Type": "application/json"}
    answer = await client.post(
        f"/v1/books/{company.book}/{route}", headers=headers, content=chunks() if chunked else note(size)
    )

    assert answer.status_code == status
    assert ("content-length" not in answer.request.headers) == chunked
    if status == 413:
        assert problem(answer)["field"] == "body"


async def test_who_may_not_is_told_before_the_body_is_read(client: AsyncClient, company: Company) -> None:
    async def endless() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await client.post(f"/v1/books/{company.book}/notes", headers=posting(company.approver), content=endless())

    assert answer.status_code == 403
