"""Clicks that a host or platform tells of: the newest told counts, and nothing bad is taken for a number."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from settlement.clicks import Clicks, Counted, count_clicks
from settlement.errors import InvalidClicks
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import Host, NewGrant, NewHost, NewUser
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, publish

EARLY, LATE = datetime(2026, 10, 5, 12, tzinfo=UTC), datetime(2026, 10, 6, 12, tzinfo=UTC)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


def row(clicks: int = 5, **told: Any) -> Clicks:
    return Clicks(**{"day": "2026-10-05", "platform": "tiktok", "content_id": "a", "clicks": clicks, **told})


async def count(till: Till, *rows: Clicks, as_of: datetime | None = EARLY) -> Counted:
    async with till.engine.begin() as connection:
        return await count_clicks(connection, till.book_id, rows, as_of=as_of, told_by="test")


async def counted(till: Till) -> list[tuple[Any, ...]]:
    query = (
        "SELECT day::text, platform, content_id, clicks FROM settlement.clicks WHERE book_id = :book ORDER BY 1, 2, 3"
    )
    return await in_sql(till, query)


async def test_the_same_batch_again_changes_nothing(till: Till) -> None:
    batch = row(5), row(7, content_id="b")
    assert await count(till, *batch) == Counted(2, 0, 0, 2, [])
    assert await count(till, *batch) == Counted(0, 0, 2, 2, [])
    assert await counted(till) == [("2026-10-05", "tiktok", "a", 5), ("2026-10-05", "tiktok", "b", 7)]


@pytest.mark.parametrize("turned", [False, True])
async def test_the_newest_told_counts_in_whatever_order_they_come(till: Till, turned: bool) -> None:
    told = [(9, EARLY), (4, LATE), (6, LATE)]  # of the same moment the larger
    for clicks, as_of in reversed(told) if turned else told:
        await count(till, row(clicks), as_of=as_of)
    assert await counted(till) == [("2026-10-05", "tiktok", "a", 6)]


async def test_content_that_is_on_record_is_known(till: Till, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    async with till.engine.begin() as connection:
        await publish(connection, grant, "a")
    assert (await count(till, row(), row(content_id="b"))).unknown == 1


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"day": "2026-10-32"}, "day"),
        ({"day": "20261005"}, "day"),
        ({"day": "2026-10-07"}, "day"),
        ({"day": "1999-12-31"}, "day"),
        ({"day": ""}, "day"),
        ({"platform": "TikTok"}, "platform"),
        ({"platform": "a\0"}, "platform"),
        ({"content_id": ""}, "content_id"),
        ({"content_id": "a\0b"}, "content_id"),
        ({"content_id": "\ud800"}, "content_id"),
        ({"content_id": "a" * 201}, "content_id"),
        ({"clicks": -1}, "clicks"),
        ({"clicks": 2**63}, "clicks"),
    ],
)
async def test_a_bad_row_is_named_and_the_others_count(till: Till, told: dict[str, Any], field: str) -> None:
    found = await count(till, row(), row(**told), row(content_id="b"))
    assert [(each.row, each.field) for each in found.refused] == [(2, field)]
    assert (found.new, len(await counted(till))) == (2, 2)


async def test_one_batch_must_not_contradict_itself(till: Till) -> None:
    found = await count(till, row(5), row(6), row(5))
    assert [(each.row, each.value) for each in found.refused] == [(2, "6")]
    assert [clicks for *_, clicks in await counted(till)] == [5]


@pytest.mark.parametrize("as_of", [datetime(2026, 10, 5, 12), datetime.now(UTC) + timedelta(days=2)])
async def test_a_moment_that_is_none_or_yet_to_come_is_refused(till: Till, as_of: datetime) -> None:
    with pytest.raises(InvalidClicks):
        await count(till, row(), as_of=as_of)


@pytest.fixture
async def finance(host: Host, new_user: NewUser) -> Person:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


async def test_over_http(
    client: AsyncClient, till: Till, finance: Person, new_host: NewHost, new_user: NewUser
) -> None:
    path, person = f"{till.host.path}/clicks", finance
    good = {"day": "2026-10-05", "platform": "tiktok", "content_id": "a", "clicks": 5}
    sent = {"as_of": "2026-10-05T20:00:00+08:00", "rows": [good, {**good, "platform": "myspace"}]}
    answer = await client.post(path, json=sent, headers=posting(person))
    assert (answer.status_code, answer.json()["new"], answer.json()["refused"][0]["row"]) == (200, 1, 2)
    reader = await new_user(roles.ROLES["host"], "host", till.host.book)
    assert (await client.post(path, json=sent, headers=posting(reader))).status_code == 403
    stranger = (await new_host()).person
    assert (await client.post(path, json=sent, headers=posting(stranger))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"rows": []},
        {"rows": [{"day": "2026-10-05", "platform": "tiktok", "content_id": "a", "clicks": 1}] * 10_001},
        {"rows": [{"day": "2026-10-05", "platform": "tiktok", "content_id": "a", "clicks": 1.5}]},
        {"rows": [{"day": "2026-10-05", "platform": "tiktok", "content_id": "a"}]},
        {
            "as_of": "2026-10-05T20:00:00",
            "rows": [{"day": "2026-10-05", "platform": "x", "content_id": "a", "clicks": 1}],
        },
    ],
)
async def test_what_is_no_batch_is_refused_whole(
    client: AsyncClient, till: Till, finance: Person, body: dict[str, Any]
) -> None:
    refused = await client.post(f"{till.host.path}/clicks", json=body, headers=posting(finance))
    assert refused.status_code in (400, 422)
    problem(refused)
    assert await counted(till) == []


async def test_ten_thousand_rows_at_once(till: Till) -> None:
    found = await count(till, *(row(each, content_id=str(each)) for each in range(10_000)))
    assert (found.new, found.refused) == (10_000, [])
