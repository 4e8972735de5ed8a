"""Nobody gets at what is another's: every route of the document, asked for by everybody whose it is not.

The routes come from the OpenAPI document, so that one added tomorrow is walked tomorrow. A host's and a clipper's
things have numbers; who asks for another's number under an address of its own must be told that there is none.
"""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.settings import Settings
from clipledger.web.app import create_app
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limit, Limits
from tests.clipledger.front_door import client_of
from tests.clipledger.operations import OPERATIONS
from tests.clipledger.world import World, new_party, new_person, things_of
from tests.licensing.house import NewGrant, NewHost, new_clipper, new_grant, new_host, new_offer, new_user  # noqa: F401

OWN = ("/v1/session", "/v1/keys", "/v1/parties")
"""Addresses without anybody's number, which show who asks what is theirs."""
EVERYBODYS = {"POST /v1/clippers", "GET /v1/split-policy", "GET /v1/claim-grounds"}
"""To become a clipper, and rules that are nobody's in particular."""
_OF_CLIPPERS = {"application_id", "grant_id", "submission_id", "publication_id", "claim_id"}
_OF_HOSTS = {"offer_id", "case_id", "endpoint_id", "delivery_id", "event_id", "upload_id", "source_id", "clip_id"} | {
    "import_id",
    "sale_id",
    "resolution_id",
    "adjustment_id",
    "remittance_id",
    "statement_id",
    "run_id",
    "payout_id",
    "file_id",
    "bank_file_id",
    "reconciliation_id",
    "match_id",
    "residual_id",
}
_OF_PARTIES = _OF_CLIPPERS | {"handle_id", "representation_id", "statement_id", "sale_id", "account_id"}

OF_BOOKS = [each for each in OPERATIONS if "book" in each.names]
OF_PARTIES = [each for each in OPERATIONS if {"clipper", "agency"} & each.names]
OF_THE_SERVICE = [each for each in OPERATIONS if each not in OF_BOOKS + OF_PARTIES and each.has_scope]
NUMBERED_IN_BOOKS = [each for each in OF_BOOKS if each.names & (_OF_HOSTS | _OF_CLIPPERS)]
NUMBERED_OF_CLIPPERS = [each for each in OF_PARTIES if each.names & _OF_PARTIES]


_GENEROUS = 10**9


@pytest.fixture(scope="module")
def generous() -> Limits:
    return Limits(*(Limit(each.name, _GENEROUS, 1) for each in vars(DEFAULT_LIMITS).values()))


@pytest.fixture(scope="module")
async def client(app_engine: AsyncEngine, settings: Settings, generous: Limits) -> AsyncIterator[AsyncClient]:
    async with client_of(create_app(settings, app_engine, limits=generous)) as made:
        yield made


@pytest.fixture
async def world(app_engine: AsyncEngine, client: AsyncClient, new_host: NewHost, new_grant: NewGrant) -> World:  # noqa: F811
    """Made for each test: what is walked with POST and DELETE shall not be another test's."""
    host, other_host = await new_host(), await new_host()
    granted = await new_grant(host)
    async with app_engine.begin() as connection:
        numbers = await things_of(connection, host, granted)
        agency, agency_id = await new_party(connection, "agency")
        stranger, stranger_id = await new_party(connection, "clipper")
        operator = await new_person(connection, "operator", None)
        finance = await new_person(connection, "finance", other_host.book)
    return World(
        client,
        {"book": host.book, "clipper": granted.clipper.clipper_id, **numbers},
        other_host,
        other_clipper=stranger,
        other_clipper_id=stranger_id,
        agency=agency,
        agency_id=agency_id,
        operator=operator,
        finance=finance,
    )


def _told(wrong: list[str]) -> str:
    return "\n".join(["these were let in:", *wrong])


async def test_no_host_clipper_or_agency_gets_into_anothers_book(world: World) -> None:
    wrong = []
    for operation in OF_BOOKS:
        for by in (world.other_host.person, world.other_clipper, world.agency, world.finance):
            answer = await world.ask(operation, by)
            if answer.status_code != 404:
                wrong.append(f"{operation} {answer.status_code} {answer.text[:100]}")
    assert not wrong, _told(wrong)


async def test_nobody_but_its_members_acts_as_a_clipper_or_an_agency(world: World) -> None:
    wrong = []
    for operation in OF_PARTIES:
        for by in (world.other_host.person, world.other_clipper, world.agency, world.operator, world.finance):
            answer = await world.ask(operation, by)
            if answer.status_code != 404:
                wrong.append(f"{operation} {answer.status_code} {answer.text[:100]}")
    assert not wrong, _told(wrong)


async def test_what_is_the_services_is_for_operators(world: World) -> None:
    wrong = []
    for operation in OF_THE_SERVICE:
        for by in (world.other_clipper, world.agency, world.other_host.person):
            answer = await world.ask(operation, by)
            listed = answer.status_code == 200 and operation.method == "get" and "{" not in operation.path
            if answer.status_code not in (403, 404) and not (listed and by is world.other_host.person):
                wrong.append(f"{operation} {answer.status_code} {answer.text[:100]}")
    assert not wrong, _told(wrong)


async def test_another_hosts_numbers_name_nothing_in_ones_own_book(world: World) -> None:
    wrong = []
    for operation in NUMBERED_IN_BOOKS:
        answer = await world.ask(operation, world.other_host.person, book=world.other_host.book)
        if answer.status_code not in (403, 404):
            wrong.append(f"{operation} {answer.status_code} {answer.text[:200]}")
    assert not wrong, _told(wrong)


async def test_another_clippers_numbers_name_nothing_under_ones_own_address(world: World) -> None:
    wrong = []
    for operation in NUMBERED_OF_CLIPPERS:
        by, party_id = world.other_clipper, world.other_clipper_id
        if "agency" in operation.names:
            by, party_id = world.agency, world.agency_id
        answer = await world.ask(operation, by, clipper=party_id, agency=party_id)
        if answer.status_code not in (403, 404):
            wrong.append(f"{operation} {answer.status_code} {answer.text[:200]}")
    assert not wrong, _told(wrong)


def test_every_route_is_walked_or_shows_only_what_is_ones_own() -> None:
    walked = {*map(str, OF_BOOKS + OF_PARTIES + OF_THE_SERVICE)}
    left = [each for each in OPERATIONS if str(each) not in walked and not each.is_public]
    assert {str(each) for each in left if not each.path.startswith(OWN)} == EVERYBODYS
