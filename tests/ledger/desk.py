"""A book and the people who work at it over HTTP, on the real application."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access import keys, roles
from clipledger.settings import Settings
from clipledger.web.app import create_app
from ledger.books import open_book
from tests.clipledger.front_door import Person, add_user, client_of, posting

BANK, HELD, SALES = "assets:bank", "liabilities:held:lina.shop_1", "income:sales"
ACCOUNTS = [(BANK, "CNY"), (BANK, "JPY"), (HELD, "CNY"), (SALES, "JPY")]
STAFF = ("host", "finance", "approver")


@dataclass(frozen=True)
class Desk:
    """What is asked without saying by whom is asked by finance, who may read and post."""

    client: AsyncClient
    book: str
    people: Mapping[str, Person]

    @property
    def path(self) -> str:
        return f"/v1/books/{self.book}"

    async def get(self, path: str, *, by: str = "finance", **query: Any) -> Response:
        return await self.client.get(f"{self.path}/{path}", params=query, headers=self.people[by].bearer)

    async def post(self, path: str, body: Any = None, *, key: str | None = None, by: str = "finance") -> Response:
        return await self.client.post(f"{self.path}/{path}", json=body, headers=posting(self.people[by], key))

    async def follow(self, answer: Response) -> Any:
        """What is found where the answer says."""
        found = await self.client.get(answer.headers["location"], headers=self.people["finance"].bearer)
        return found.json()

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def posted(self, body: Mapping[str, Any], key: str | None = None) -> int:
        answer = await self.post("entries", body, key=key)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["entry_id"])

    async def all_pages(self, path: str, **query: Any) -> list[Any]:
        """Every row, by following the cursors."""
        page = await self.read(path, **query)
        rows = list(page["data"])
        while page["next_cursor"]:
            page = await self.read(path, **query, cursor=page["next_cursor"])
            rows += page["data"]
        return rows


def sale(amount: int = 13020, day: str = "2026-10-05", **more: Any) -> dict[str, Any]:
    """The body of an entry: debit the bank, credit what is held."""
    lines = [
        {"account": BANK, "currency": "CNY", "amount": amount},
        {"account": HELD, "currency": "CNY", "amount": -amount},
    ]
    return {"effective_on": day, "description": f"Sale of {amount}", "lines": lines, **more}


@pytest.fixture(scope="session")
async def client(app_engine: AsyncEngine) -> AsyncIterator[AsyncClient]:
    settings = Settings.from_environment({"CLIPLEDGER_PUBLIC_URL": "http://localhost"})
    async with client_of(create_app(settings, app_engine)) as made:
        yield made


@pytest.fixture(scope="session")
async def people(app_engine: AsyncEngine) -> dict[str, Person]:
    """One for each role, with a key of everything it allows."""
    async with app_engine.begin() as connection:
        first = (await open_book(connection, f"book-{uuid4().hex}", "Where they began")).slug
        staff = {role: await _person(connection, role, first) for role in STAFF}
        return {**staff, "operator": await _person(connection, "operator", None)}


async def _person(connection: AsyncConnection, role: str, book: str | None) -> Person:
    user_id, email = await add_user(connection)
    await roles.grant_role(connection, user_id, role, book)
    _, token = await keys.create_key(connection, user_id, "all", roles.ROLES[role])
    return Person(user_id, email, token)


@pytest.fixture
async def desk(client: AsyncClient, people: dict[str, Person], app_engine: AsyncEngine) -> Desk:
    """A book of the test's own, with ACCOUNTS."""
    async with app_engine.begin() as connection:
        book = (await open_book(connection, f"book-{uuid4().hex}", "Lina's shop")).slug
        for role in STAFF:
            await roles.grant_role(connection, people[role].user_id, role, book)
    made = Desk(client, book, people)
    accounts = [{"code": code, "currency": currency} for code, currency in ACCOUNTS]
    assert (await made.post("accounts/batch", {"accounts": accounts})).json() == {"opened": len(ACCOUNTS)}
    return made
