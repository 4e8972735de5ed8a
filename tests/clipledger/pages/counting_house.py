"""A host's book with the people who count its money, for the tests of finance's pages."""

from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from settlement import adjustments
from settlement.adjustments import Adjustment, Proposed
from settlement.closing import Person as Actor
from tests.clipledger.front_door import NewPerson, Person
from tests.clipledger.pages.visitor import Shown, visiting
from tests.licensing.house import Granted, Host, NewGrant, NewHost
from tests.settlement.books import Closer
from tests.settlement.till import Till


@dataclass(frozen=True)
class CountingHouse:
    """Finance proposes and submits, the approver decides; the grant is of one clipper's."""

    app: Litestar
    host: Host
    grant: Granted
    finance: Person
    approver: Person
    till: Till
    closer: Closer

    @property
    def path(self) -> str:
        return f"/books/{self.host.book}/finance"

    @property
    def party(self) -> str:
        return f"clipper-{self.grant.clipper.clipper_id}"

    async def see(self, path: str = "", by: Person | None = None, **asked: Any) -> Shown:
        """A page of finance's, as one of them sees it."""
        async with visiting(self.app, by or self.finance) as visitor:
            return await visitor.get(f"{self.path}{path}", **asked)

    async def propose(self, amount: int = 1_250, by: Person | None = None, **told: Any) -> Adjustment:
        usual = {"kind": "adjustment", "currency": "CNY", "against": "host", "reason": "Order 5762 was miscounted."}
        asked = Proposed(party=self.party, amount=amount, **{**usual, **told})
        async with self.till.engine.begin() as connection:
            return await adjustments.propose(connection, self.till.book_id, actor(by or self.finance), asked)


def actor(person: Person) -> Actor:
    """As the closing knows a person."""
    return Actor(person.user_id, f"user:{person.user_id}")


@pytest.fixture
async def office(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_person: NewPerson
) -> CountingHouse:
    host = await new_host()
    till = Till(app_engine, host)
    grant = await new_grant(host)
    finance, approver = await new_person("finance", host.book), await new_person("approver", host.book)
    return CountingHouse(app, host, grant, finance, approver, till, Closer(till))
