"""Suspense: what waits for somebody, how long already; one decision resolves it, and can be taken back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.errors import GrantNotFound
from settlement.errors import AlreadyResolved, AlreadyWithdrawn, InvalidResolution, ResolutionNotFound, SaleNotFound
from settlement.resolutions import (
    Clearing,
    Followed,
    checked,
    find_resolution,
    list_resolutions,
    resolve,
    resolve_sale,
    sweep_due,
    withdraw,
    would_clear,
)
from settlement.suspense import BUCKETS, ageing, groups, list_suspended
from tests.clipledger.front_door import Person, posting, problem
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost, NewUser
from tests.settlement.shop import in_sql, settle, sums
from tests.settlement.till import TODAY, Till, by, facts, publish

WHY = "Lina posted it before she registered the account."
Resolved = Callable[..., Awaitable[Followed]]


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


@pytest.fixture
def resolved(till: Till, grant: Granted) -> Resolved:
    """Says of all that match that they are the grant's."""

    async def made(matches: str, grant_id: int | None = None, reason: str = WHY) -> Followed:
        async with till.engine.begin() as connection:
            return await resolve(connection, till.book_id, "user:1", matches, grant_id or grant.grant_id, reason)

    return made


@pytest.fixture
def withdrawn(till: Till) -> Callable[[Followed], Awaitable[Followed]]:
    async def made(decided: Followed) -> Followed:
        async with till.engine.begin() as connection:
            return await withdraw(connection, till.book_id, "user:2", decided.resolution.resolution_id)

    return made


async def earned(till: Till, grant: Granted) -> int:
    """What the clipper has, in hold or free."""
    return sum(sums(await till.balances(), f"clipper-{grant.clipper.clipper_id}").values())


def aged(days: int, **told: object) -> dict[str, object]:
    """A sale of so many days ago."""
    return facts(sold_on=TODAY - timedelta(days=days), **told)


# Looking at it ----------------------------------------------------------------------------------------------


async def test_ages_are_counted_from_the_day_of_sale_and_sum_to_what_the_ledger_has(till: Till, grant: Granted) -> None:
    edges = [0, 7, 8, 30, 31, 60, 61, 90, 91, 400]
    await till.sell(*(aged(days, due=100 + days) for days in edges), aged(-1, due=50), aged(5, due=0))
    await till.sell(aged(3, currency="USD", due=900), facts(**by(grant), due=7_777))
    async with till.engine.connect() as connection:
        cny, usd = await ageing(connection, till.book_id, TODAY)
    assert [(each.from_days, each.to_days) for each in cny.buckets] == list(BUCKETS)
    assert [(each.sales, each.amount) for each in cny.buckets] == [
        (3, 100 + 107 + 50),
        (2, 108 + 130),
        (2, 131 + 160),
        (2, 161 + 190),
        (2, 191 + 500),
    ]
    assert (cny.currency, cny.sales, cny.oldest) == ("CNY", 11, 400)
    assert cny.amount == -(await till.balances())["liabilities:suspense"]
    assert (usd.currency, usd.sales, usd.amount, usd.oldest) == ("USD", 1, 900, 3)


async def test_each_sale_in_suspense_is_listed_with_its_age_and_why(till: Till, grant: Granted) -> None:
    lost = await till.sell(aged(40, content_id="lost"), aged(2, platform="tiktok", handle="nobody"), aged(1, due=0))
    await till.sell(facts(**by(grant)))
    async with till.engine.connect() as connection:
        listed = await list_suspended(connection, till.book_id, TODAY)
        older = await list_suspended(connection, till.book_id, TODAY, before=listed[0].sale_id)
        unknown = await list_suspended(connection, till.book_id, TODAY, reason="unknown-content")
        dollars = await list_suspended(connection, till.book_id, TODAY, currency="USD")
    assert [(each.sale_id, each.age, each.amount, each.reason) for each in listed] == [
        (lost[1].sale_id, 2, 13_020, "handle"),
        (lost[0].sale_id, 40, 13_020, "unknown-content"),
    ]
    assert older == unknown == [listed[1]]
    assert dollars == []


async def test_what_one_resolution_would_resolve_is_told_with_its_words(till: Till) -> None:
    names = {"platform": "tiktok", "handle": "nobody"}
    await till.sell(aged(1, **names, due=100), aged(9, **names, due=200), aged(2, content_id="lost", due=50))
    async with till.engine.connect() as connection:
        [handles] = await groups(connection, till.book_id, TODAY, "handle")
        [contents] = await groups(connection, till.book_id, TODAY, "content")
    assert (handles.matches, handles.sales, handles.amount, handles.oldest) == ("handle:tiktok:nobody", 2, 300, 9)
    assert (contents.matches, contents.sales) == ("content:lost", 1)


# Resolving --------------------------------------------------------------------------------------------------


async def test_one_sale_is_resolved_and_no_other_like_it(till: Till, grant: Granted) -> None:
    """5 % for the platform, then 4 : 6: of 130.20 these are 6.51, 49.48 and 74.21."""
    first, _ = await till.sell(facts(content_id="lost"), facts(content_id="lost"))
    async with till.engine.begin() as connection:
        done = await resolve_sale(connection, till.book_id, "user:1", first.sale_id, grant.grant_id, WHY)
    assert (done.moved, done.resolution.done, done.resolution.reason) == (1, True, WHY)
    assert done.resolution.matches == f"sale:tiktok:{first.order_no}:1"
    assert await till.balances() == {
        "assets:marketplace:tiktok": 26_040,
        "liabilities:suspense": -13_020,
        "liabilities:deferred-fee": -651,
        "liabilities:held:host": -4_948,
        f"liabilities:held:clipper-{grant.clipper.clipper_id}": -7_421,
    }
    [first] = await till.sales([first.sale_id])
    assert (first.rule, first.confidence, first.grant_id) == ("resolution", 100, grant.grant_id)
    assert [each.cause for each in await till.history(first)] == ["observed", "attributed"]
    [_, entry] = await till.entries()
    assert entry.metadata == {"cause": "attributed", "resolution": str(done.resolution.resolution_id)}


@pytest.mark.parametrize(
    ("matches", "told", "other"),
    [
        ("content:lost", {"content_id": "lost"}, {"content_id": "lost-2"}),
        ("tracking:tiktok:link-1", {"tracking_id": "link-1"}, {"tracking_id": "link-1", "marketplace": "amazon"}),
        (
            "handle:tiktok:@Straße-ÄNNE",
            {"platform": "tiktok", "handle": "STRASSE-änne"},
            {"platform": "douyin", "handle": "straße-änne"},
        ),
    ],
)
async def test_a_remembered_rule_resolves_all_that_match_and_those_to_come(
    till: Till, grant: Granted, resolved: Resolved, matches: str, told: dict[str, str], other: dict[str, str]
) -> None:
    await till.sell(facts(**told), facts(**told), facts(**other))
    done = await resolved(matches)
    assert done.moved == 2
    assert await earned(till, grant) == 2 * 7_421
    await till.sell(facts(**told))
    assert await earned(till, grant) == 3 * 7_421
    assert (await till.balances())["liabilities:suspense"] == -13_020


async def test_what_a_rule_would_clear_is_told_before_it_is_made(till: Till, grant: Granted) -> None:
    tracked = {"marketplace": "amazon", "tracking_id": "lina-20"}
    await till.sell(facts(content_id="74", due=100), facts(content_id="74", due=20), facts(content_id="75", due=3))
    await till.sell(facts(content_id="74", currency="USD", due=7), facts(content_id="74", due=0), facts(**tracked))
    await till.sell(facts(**by(grant), content_id="76"))
    async with till.engine.connect() as connection:
        assert await would_clear(connection, till.book_id, "content:74") == [
            Clearing("CNY", 2, 120),
            Clearing("USD", 1, 7),
        ]
        assert await would_clear(connection, till.book_id, "tracking:amazon:lina-20") == [Clearing("CNY", 1, 13_020)]
        for nothing in ("content:76", "content:77", f"handle:{grant.clipper.accounts[0]}"):
            assert await would_clear(connection, till.book_id, nothing) == []
        with pytest.raises(InvalidResolution, match="must be content:ID"):
            await would_clear(connection, till.book_id, "lina")


async def test_an_orders_own_number_may_hold_colons(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(order_no="a:1:b", line_no="2:c"))
    async with till.engine.begin() as connection:
        done = await resolve_sale(connection, till.book_id, "user:1", sold.sale_id, grant.grant_id, WHY)
    assert (done.moved, done.resolution.matches) == (1, "sale:tiktok:a:1:b:2:c")


async def test_a_person_may_say_that_a_rule_was_wrong(
    till: Till, grant: Granted, resolved: Resolved, new_grant: NewGrant
) -> None:
    """Only the difference is posted: from one clipper to the other, and nothing of the host's or the platform's."""
    right = await new_grant(till.host, offer_id=grant.offer_id)
    [sold] = await till.sell(facts(**by(grant), content_id="post-1"))
    before = await till.balances()
    await resolved("content:post-1", right.grant_id)
    moved = {code: amount - before.get(code, 0) for code, amount in (await till.balances()).items()}
    assert {code: amount for code, amount in moved.items() if amount} == {
        f"liabilities:held:clipper-{right.clipper.clipper_id}": -7_421
    }
    assert await earned(till, grant) == 0
    [_, entry] = await till.entries()
    assert entry.line_count == 2
    assert (await till.sales([sold.sale_id]))[0].rule == "resolution"


async def test_terms_that_do_not_cover_a_sale_leave_it_in_suspense_with_the_reason(
    till: Till, resolved: Resolved, new_grant: NewGrant
) -> None:
    later = await new_grant(till.host, starts_at=TERMS.starts_at + timedelta(days=360))
    [sold] = await till.sell(facts(content_id="lost"))
    done = await resolved("content:lost", later.grant_id)
    assert (done.moved, done.resolution.done) == (0, True)
    [sold] = await till.sales([sold.sale_id])
    assert (sold.rule, sold.suspense) == (None, 13_020)
    assert sold.reason not in (None, "unknown-content")
    for _ in range(2):  # looked at by every run, and no entry for it
        assert await settle(till, TODAY) == {}
    assert len(await till.entries()) == 1


# Taking it back ---------------------------------------------------------------------------------------------


async def test_a_withdrawn_resolution_leaves_the_books_as_they_would_have_been(
    till: Till, grant: Granted, resolved: Resolved, withdrawn: Callable[[Followed], Awaitable[Followed]]
) -> None:
    await till.sell(facts(content_id="lost"), facts(content_id="lost", due=99), facts(**by(grant)))
    before = await till.balances()
    done = await resolved("content:lost")
    assert await till.balances() != before
    undone = await withdrawn(done)
    assert (undone.moved, undone.resolution.withdrawn_by, undone.resolution.done) == (2, "user:2", True)
    assert await till.balances() == before
    with pytest.raises(AlreadyWithdrawn):
        await withdrawn(done)
    again = await resolved("content:lost")  # what was withdrawn may be said anew
    assert again.moved == 2
    async with till.engine.connect() as connection:
        assert await list_resolutions(connection, till.book_id) == [again.resolution, undone.resolution]
        assert await list_resolutions(connection, till.book_id, withdrawn=True) == [undone.resolution]
        assert await list_resolutions(connection, till.book_id, before=again.resolution.resolution_id, limit=1) == [
            undone.resolution
        ]


async def test_resolved_before_or_after_the_report_ends_in_the_same_books(
    till: Till, grant: Granted, resolved: Resolved, new_host: NewHost, new_grant: NewGrant
) -> None:
    other = Till(till.engine, await new_host())
    theirs = await new_grant(other.host)
    await till.sell(facts(content_id="lost"))
    await resolved("content:lost")
    async with till.engine.begin() as connection:
        await resolve(connection, other.book_id, "user:1", "content:lost", theirs.grant_id, WHY)
    await other.sell(facts(content_id="lost"))

    async def amounts(of: Till) -> list[int]:
        return sorted((await of.balances()).values())

    assert await amounts(till) == await amounts(other)


async def test_a_resolution_is_booked_on_the_day_that_is_named(till: Till, grant: Granted) -> None:
    await till.sell(facts(content_id="lost"))
    day = date(2026, 10, 9)
    async with till.engine.begin() as connection:
        await resolve(connection, till.book_id, "user:1", "content:lost", grant.grant_id, WHY, today=day)
    assert (await till.entries())[-1].effective_on == day


# In batches -------------------------------------------------------------------------------------------------


async def test_more_than_one_batch_follows_when_the_job_runs(
    till: Till, grant: Granted, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.sell(*(facts(content_id="lost", due=1_000) for _ in range(7)))
    monkeypatch.setattr("settlement.resolutions.BATCH", 3)
    done = await resolved("content:lost")
    assert (done.moved, done.resolution.done) == (3, False)
    async with till.engine.connect() as connection:  # broken off: nobody commits
        batch = await sweep_due(connection, till.book_id, TODAY, limit=3)
    assert batch is not None
    assert batch.moved == 3
    assert await settle(till, TODAY, limit=3) == {"sweep_due": 4}
    async with till.engine.connect() as connection:
        assert (await find_resolution(connection, till.book_id, done.resolution.resolution_id)).done
    assert await settle(till, TODAY, limit=3) == {}
    assert "liabilities:suspense" not in await till.balances()


async def test_suspense_is_looked_at_again_when_a_post_is_registered_late(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(platform="tiktok", content_id="late"))
    assert await settle(till, TODAY) == {}
    async with till.engine.begin() as connection:
        await publish(connection, grant, "late")
    assert await settle(till, TODAY) == {"reattribute_due": 1}
    assert (await till.sales([sold.sale_id]))[0].rule == "content"


async def test_a_resolved_sale_whose_hold_is_over_is_available_at_once(
    till: Till, grant: Granted, resolved: Resolved
) -> None:
    long_ago = date(2026, 8, 1)
    settled = {"state": "settled", "settled_at": TERMS.starts_at + timedelta(days=220)}
    await till.sell(facts(content_id="lost", sold_on=long_ago, **settled))
    await resolved("content:lost")
    party = f"clipper-{grant.clipper.clipper_id}"
    assert sums(await till.balances(), party) == {"available": 7_421}


# Refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "matches",
    [
        "",
        "lost",
        "content:",
        "content",
        "handle:tiktok",
        "handle:tiktok:",
        "handle:no-platform:lina",
        "handle:tiktok:li na",
        "tracking:amazon",
        "sale:tiktok:1:1",
        "content:\0",
        "content:" + "x" * 500,
    ],
)
def test_what_names_no_sales_is_refused(matches: str) -> None:
    with pytest.raises(InvalidResolution) as refused:
        checked(matches)
    assert refused.value.field == "matches"


async def test_a_resolution_needs_a_reason_and_a_grant_that_was_accepted(
    till: Till, grant: Granted, resolved: Resolved, new_grant: NewGrant, new_host: NewHost
) -> None:
    with pytest.raises(InvalidResolution, match="reason"):
        await resolved("content:lost", reason="  ")
    offered = await new_grant(till.host)
    await in_sql(
        till,
        "UPDATE licensing.grants SET accepted_at = NULL, accepted_by = NULL, state = 'offered' WHERE grant_id = :grant",
        grant=offered.grant_id,
    )
    with pytest.raises(InvalidResolution, match="accepted"):
        await resolved("content:lost", offered.grant_id)
    strange = await new_grant(await new_host())
    with pytest.raises(GrantNotFound):
        await resolved("content:lost", strange.grant_id)


async def test_the_same_sales_are_resolved_once(till: Till, resolved: Resolved) -> None:
    await resolved("handle:tiktok:Lina")
    with pytest.raises(AlreadyResolved):
        await resolved("handle:tiktok:@lina")


async def test_of_two_people_who_decide_at_once_one_has_decided(
    till: Till, grant: Granted, resolved: Resolved, withdrawn: Callable[[Followed], Awaitable[Followed]]
) -> None:
    await till.sell(facts(content_id="lost"))
    made = await asyncio.gather(*(resolved("content:lost") for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["AlreadyResolved"] * 3 + ["Followed"]
    [first] = [each for each in made if isinstance(each, Followed)]
    gone = await asyncio.gather(*(withdrawn(first) for _ in range(4)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in gone) == ["AlreadyWithdrawn"] * 3 + ["Followed"]
    assert await till.balances() == {"assets:marketplace:tiktok": 13_020, "liabilities:suspense": -13_020}


async def test_another_books_sales_and_resolutions_are_not_found(
    till: Till, grant: Granted, resolved: Resolved, new_host: NewHost
) -> None:
    [sold] = await till.sell(facts(content_id="lost"))
    done = await resolved("content:found")
    other = (await new_host()).book_id
    async with till.engine.connect() as connection:
        with pytest.raises(SaleNotFound):
            await resolve_sale(connection, other, "user:1", sold.sale_id, grant.grant_id, WHY)
        with pytest.raises(ResolutionNotFound):
            await withdraw(connection, other, "user:1", done.resolution.resolution_id)
        assert await list_suspended(connection, other, TODAY) == []
        assert await ageing(connection, other, TODAY) == []


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(host: Host, new_user: NewUser) -> Person:
    return await new_user(frozenset({"settlement:read", "settlement:import"}), "finance", host.book)


async def test_finance_looks_at_suspense_resolves_it_and_takes_it_back(
    till: Till, grant: Granted, client: AsyncClient, host: Host, finance: Person
) -> None:
    first, second = await till.sell(facts(content_id="lost"), facts(tracking_id="link-1"))
    told = (await client.get(f"{host.path}/suspense", params={"limit": 1}, headers=finance.bearer)).json()
    assert [each["sale_id"] for each in told["data"]] == [second.sale_id]
    rest = {"cursor": told["next_cursor"], "reason": "unknown-content"}
    told = (await client.get(f"{host.path}/suspense", params=rest, headers=finance.bearer)).json()
    assert ([each["sale_id"] for each in told["data"]], told["next_cursor"]) == ([first.sale_id], None)
    [ages] = (await client.get(f"{host.path}/suspense/ageing", headers=finance.bearer)).json()
    assert (ages["currency"], ages["sales"], ages["amount"]) == ("CNY", 2, 26_040)
    found = (await client.get(f"{host.path}/suspense/groups", params={"by": "tracking"}, headers=finance.bearer)).json()
    assert [each["matches"] for each in found] == ["tracking:tiktok:link-1"]

    said = {"grant_id": grant.grant_id, "reason": WHY}
    answer = await client.post(
        f"{host.path}/resolutions", json={"matches": found[0]["matches"], **said}, headers=posting(finance)
    )
    assert (answer.status_code, answer.json()["moved"]) == (201, 1)
    shown = await client.get(answer.headers["location"], headers=finance.bearer)
    assert shown.json() == answer.json()["resolution"]
    assert shown.json()["resolved_by"].startswith("key:")
    one = f"{host.path}/suspense/{first.sale_id}/resolve"
    assert (await client.post(one, json=said, headers=posting(finance))).status_code == 201
    assert (await client.get(f"{host.path}/suspense", headers=finance.bearer)).json()["data"] == []

    undone = await client.post(f"{answer.headers['location']}/withdraw", headers=posting(finance))
    assert (undone.status_code, undone.json()["moved"]) == (200, 1)
    listed = (await client.get(f"{host.path}/resolutions", params={"withdrawn": True}, headers=finance.bearer)).json()
    assert [each["matches"] for each in listed["data"]] == ["tracking:tiktok:link-1"]


async def test_refusals_name_what_is_wrong(
    till: Till, grant: Granted, client: AsyncClient, host: Host, finance: Person, new_host: NewHost
) -> None:
    said = {"grant_id": grant.grant_id, "reason": WHY}
    path = f"{host.path}/resolutions"
    answer = await client.post(path, json={"matches": "lina", **said}, headers=posting(finance))
    refused = problem(answer)
    assert (answer.status_code, refused["field"], refused["value"]) == (422, "matches", "lina")
    assert refused["rule"] == "must be content:ID, handle:PLATFORM:HANDLE or tracking:MARKETPLACE:ID"
    for more in ({"grant_id": 2**63}, {"grant_id": 0}, {"matches": "content:\0"}, {"more": 1}):
        body = {"matches": "content:lost", **said, **more}
        assert (await client.post(path, json=body, headers=posting(finance))).status_code in (400, 422)
    assert (
        await client.post(path, json={"matches": "content:lost", **said}, headers=posting(host.person))
    ).status_code == 403
    stranger = await new_host()
    assert (await client.get(f"{host.path}/suspense", headers=stranger.person.bearer)).status_code == 404
    assert (await client.get(f"{path}/{2**62}", headers=finance.bearer)).status_code == 404
