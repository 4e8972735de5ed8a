"""Notices: a clipper is told of what it has chosen, and of nobody else's."""

from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing import own_names
from licensing.events import Change, record
from licensing.notices import NoticeSettings, choose, list_notices, settings_of
from licensing.states import By
from tests.clipledger.front_door import posting
from tests.licensing.house import Clipper, Host, NewClipper, NewGrant

HOST, CLIPPER = By("host", "user:1"), By("clipper", "user:2")


async def _tell(engine: AsyncEngine, host: Host, clipper: Clipper) -> None:
    number = clipper.clipper_id
    told = (
        ("grant", HOST, Change("suspended", 1, "suspended", "active", number)),
        ("claim", HOST, Change("opened", 2, "open", None, number)),
        ("claim", CLIPPER, Change("responded", 2, "responded", "open", number)),
        ("case", HOST, Change("opened", 3, "open", "looking", number)),
    )
    async with engine.begin() as connection:
        for subject, by, change in told:
            await record(connection, host.book_id, subject, by, [change])


async def test_who_has_chosen_nothing_is_told_of_all_that_others_did(
    app_engine: AsyncEngine, host: Host, clipper: Clipper, new_clipper: NewClipper
) -> None:
    other = await new_clipper()
    await _tell(app_engine, host, clipper)
    async with app_engine.begin() as connection:
        assert await settings_of(connection, clipper.clipper_id) == NoticeSettings()
        told = await list_notices(connection, clipper.clipper_id)
        assert [notice.type for notice in told] == ["claim.opened", "grant.suspended"]
        assert await list_notices(connection, clipper.clipper_id, before=told[1].event_id) == []
        assert await list_notices(connection, other.clipper_id) == []


async def test_a_clipper_chooses_of_what_it_is_told(app_engine: AsyncEngine, host: Host, clipper: Clipper) -> None:
    await _tell(app_engine, host, clipper)
    number = clipper.clipper_id
    async with app_engine.begin() as connection:
        await choose(connection, number, ("claim", "claim"), own_acts=True, by="user:2")
        assert (await settings_of(connection, number)).subjects == ("claim",)
        assert [each.type for each in await list_notices(connection, number)] == ["claim.responded", "claim.opened"]
        await choose(connection, number, (), own_acts=False, by="user:2")
        assert await list_notices(connection, number) == []


async def test_over_http_it_is_chosen_by_who_may_act_for_the_clipper(
    client: AsyncClient, clipper: Clipper, new_clipper: NewClipper
) -> None:
    path, other = f"{clipper.path}/notice-settings", await new_clipper()
    before = await client.get(path, headers=clipper.person.bearer)
    assert before.json() == {
        "subjects": ["application", "grant", "submission", "claim"],
        "own_acts": False,
        "changed_at": None,
    }
    chosen = {"subjects": ["submission"], "own_acts": True}
    answer = await client.put(path, json=chosen, headers=posting(clipper.person))
    assert answer.json() == {**chosen, "changed_at": answer.json()["changed_at"]}
    assert answer.json()["changed_at"]
    assert (await client.put(path, json=chosen, headers=posting(other.person))).status_code == 404
    assert (await client.put(path, json={"subjects": ["case"]}, headers=posting(clipper.person))).status_code == 400


async def test_own_things_have_names_and_others_have_not(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    granted, other = await new_grant(host), await new_clipper()
    async with app_engine.connect() as connection:
        mine = await own_names.offers_of_grants(connection, granted.clipper.clipper_id, [granted.grant_id, 0])
        assert mine == {granted.grant_id: ("An offer", "Lili Live Ltd", host.book_id)}
        assert await own_names.offers_of_grants(connection, other.clipper_id, [granted.grant_id]) == {}
        assert await own_names.titles_of_clips(connection, other.clipper_id, []) == {}
