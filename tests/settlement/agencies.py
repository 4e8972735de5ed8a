"""Agencies, and terms that give them a tenth."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from ledger.splits import Share, SplitRule, Take
from licensing.parties import Profile, register_party
from licensing.terms import Terms
from tests.clipledger.front_door import Person
from tests.licensing.house import NewUser

_SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%")),
    shares=(Share("host", 4), Share("clipper", 6)),
)


@dataclass(frozen=True)
class Agency:
    agency_id: int
    person: Person

    @property
    def path(self) -> str:
        return f"/v1/agencies/{self.agency_id}"

    @property
    def party(self) -> str:
        return f"agency-{self.agency_id}"

    def in_terms(self, terms: Terms) -> Terms:
        """5 % for the platform, a tenth for the agency; then host and clipper 4 : 6."""
        return msgspec.structs.replace(terms, split=_SPLIT, agency=self.agency_id)


NewAgency = Callable[[], Awaitable[Agency]]


@pytest.fixture
def new_agency(app_engine: AsyncEngine, new_user: NewUser) -> NewAgency:
    async def made() -> Agency:
        person = await new_user(roles.PARTY_SCOPES)
        async with app_engine.begin() as connection:
            party = await register_party(connection, "agency", Profile(name="Stars"), person.user_id, "test")
        return Agency(party.party_id, person)

    return made
