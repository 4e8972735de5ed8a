"""The operator's bounds of splits: anybody reads them, they hold for what is published after them."""

from typing import Any

import msgspec
import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.errors import SplitOutOfBounds
from ledger.splits import Share
from licensing.offers import OfferAbout, find_terms
from licensing.policies import UNTIL_SET, list_policies, policy_in_force, set_policy
from licensing.publishing import make_offer, publish_terms
from licensing.states import By
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import SPLIT, TERMS, Clipper, Host

PATH = "/v1/split-policy"


pytestmark = pytest.mark.usefixtures("own_bounds")


async def _set(client: AsyncClient, by: Person, **changes: Any) -> Response:
    body = {"least": [2, 8], "most": [6, 4], "reason": "A trial", **changes}
    return await client.post(PATH, json=body, headers=posting(by))


async def test_three_to_seven_until_five_to_five_hold_until_an_operator_sets_others(
    app_engine: AsyncEngine, client: AsyncClient, clipper: Clipper
) -> None:
    async with app_engine.connect() as connection:
        assert await policy_in_force(connection) == UNTIL_SET
    shown = await client.get(PATH, headers=clipper.person.bearer)
    assert shown.json() == {"least": [3, 7], "most": [5, 5], "set_at": None}


async def test_the_newest_bounds_count_and_the_others_stay_on_record(app_engine: AsyncEngine) -> None:
    async with app_engine.begin() as connection:
        first = await set_policy(connection, (1, 9), (1, 1), "first", set_by="user:1")
        second = await set_policy(connection, (2, 8), (6, 4), " second ", set_by="user:2")
        assert await policy_in_force(connection) == second
        assert (second.reason, second.bounds.least, second.bounds.most) == ("second", (2, 8), (6, 4))
        assert await list_policies(connection) == [second, first]
        assert await list_policies(connection, before=second.policy_no) == [first]


async def test_an_operator_sets_them_and_reads_who_did(client: AsyncClient, operator: Person, clipper: Clipper) -> None:
    made = await _set(client, operator)
    assert (made.status_code, made.headers["location"]) == (201, PATH)
    shown = (await client.get(PATH, headers=clipper.person.bearer)).json()
    assert (shown["least"], shown["most"], shown["set_at"]) == ([2, 8], [6, 4], made.json()["set_at"])
    told = (await client.get(f"{PATH}/history", headers=operator.bearer)).json()["data"]
    assert [(each["reason"], each["set_by"]) for each in told] == [("A trial", made.json()["set_by"])]
    assert "set_by" not in shown


async def test_they_hold_for_what_is_published_after_them(app_engine: AsyncEngine, host: Host) -> None:
    about, by = OfferAbout(title="Autumn launch", category="beauty"), By("host", "user:1")
    narrow = msgspec.structs.replace(SPLIT, shares=(Share("host", 2), Share("clipper", 8)))
    terms = msgspec.structs.replace(TERMS, split=narrow)
    async with app_engine.begin() as connection:
        offer = await make_offer(connection, host.book_id, about, by, terms=TERMS, opened=True)
        with pytest.raises(SplitOutOfBounds, match="at least 3:7"):
            await publish_terms(connection, host.book_id, offer, terms, by)
        await set_policy(connection, (2, 8), (3, 7), "A trial", set_by="user:2")
        assert (await publish_terms(connection, host.book_id, offer, terms, by)).version_no == 2
        with pytest.raises(SplitOutOfBounds, match="at most 3:7"):
            await publish_terms(connection, host.book_id, offer, TERMS, by)
        assert (await find_terms(connection, host.book_id, offer, 1)).terms == TERMS


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"least": [6, 4], "most": [5, 5]}, "least", "6:4"),
        ({"least": [-1, 8]}, "least[0]", "-1"),
        ({"most": [1, 10**30]}, "most[1]", str(10**30)),
        ({"least": [0, 0]}, "least", "0:0"),
        ({"most": [0, 0]}, "most", "0:0"),
        ({"reason": ""}, "reason", ""),
        ({"reason": "a\0"}, "reason", "a\0"),
    ],
)
async def test_bounds_that_no_split_could_keep_are_refused(
    client: AsyncClient, operator: Person, changes: dict[str, Any], field: str, value: str
) -> None:
    refused = problem(await _set(client, operator, **changes))
    assert (refused["status"], refused["type"]) == (422, "/problems/invalid-policy")
    assert (refused["field"], refused["value"]) == (field, value)
    shown = await client.get(PATH, headers=operator.bearer)
    assert shown.json()["set_at"] is None


async def test_a_host_may_be_left_with_nothing_or_a_clipper_at_the_most(client: AsyncClient, operator: Person) -> None:
    assert (await _set(client, operator, least=[0, 1], most=[1, 0])).status_code == 201


async def test_nobody_else_sets_them_or_reads_who_did(client: AsyncClient, host: Host, clipper: Clipper) -> None:
    for person in (host.person, clipper.person):
        assert (await _set(client, person)).status_code == 403
        assert (await client.get(f"{PATH}/history", headers=person.bearer)).status_code == 403
    assert (await client.get(PATH)).status_code == 401
