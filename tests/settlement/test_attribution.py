"""Whose sales are found to be, by which rule; and for which reason a sale is nobody's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.splits import Share, SplitRule
from licensing.tables import grant_changes, publications, terms_versions
from settlement.attribution import Attribution, attribute
from settlement.sale import Sale
from settlement.tables import resolutions
from tests.licensing import reels
from tests.licensing.house import TERMS, Granted, Host, NewClipper, NewGrant, NewHost, NewOffer
from tests.settlement.till import NOON, by, publish, sale


@pytest.fixture
def whose(app_engine: AsyncEngine, host: Host) -> Any:
    """Attributes sales of the host's, together."""

    async def found(*sales: Sale, book_id: int = host.book_id) -> list[Attribution]:
        async with app_engine.connect() as connection:
            return (await attribute(connection, book_id, sales)).whose

    return found


@pytest.fixture
def put(app_engine: AsyncEngine) -> Any:
    """Puts clips online: their submissions' numbers."""

    async def put(grant: Granted, content_id: str, **posting: Any) -> int:
        async with app_engine.begin() as connection:
            return await publish(connection, grant, content_id, **posting)

    return put


@pytest.fixture
def resolve(app_engine: AsyncEngine) -> Any:
    async def resolve(grant: Granted, matches: str, **values: Any) -> None:
        said = {"matches": matches, "reason": "she says so", "resolved_by": "test", "grant_id": grant.grant_id}
        async with app_engine.begin() as connection:
            await connection.execute(insert(resolutions).values(book_id=grant.book_id, **said, **values))

    return resolve


async def change(engine: AsyncEngine, grant: Granted, at: datetime, **said: Any) -> None:
    """From a moment on, the grant is otherwise."""
    told = {"change_no": 2, "effective_at": at, "recorded_at": at, "actor": "test", **said}
    async with engine.begin() as connection:
        values = {"book_id": grant.book_id, "grant_id": grant.grant_id, **told}
        await connection.execute(insert(grant_changes).values(values))


def named(grant: Granted) -> dict[str, Any]:
    return {"grant_id": grant.grant_id, "clipper_id": grant.clipper.clipper_id, "offer_id": grant.offer_id}


def reasons(found: list[Attribution]) -> list[str | None]:
    assert all(each == Attribution(reason=each.reason) for each in found)
    return [each.reason for each in found]


# The rules --------------------------------------------------------------------------------------------------


async def test_a_sale_of_a_registered_clip_is_its_clipper_s(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    number = await put(grant, "731")
    [found] = await whose(sale(platform="tiktok", content_id="731"))
    assert found == Attribution("content", 95, **named(grant), submission_id=number, version_no=1)


async def test_the_clip_decides_before_the_account_that_the_report_names(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    mine, other = await new_grant(host), await new_grant(host)
    await put(mine, "731")
    [found] = await whose(sale(content_id="731", **by(other)))
    assert (found.rule, found.grant_id) == ("content", mine.grant_id)


async def test_a_post_that_was_removed_still_sells_for_its_clipper(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    await put(grant, "731", removed_at=NOON)
    [found] = await whose(sale(platform="tiktok", content_id="731"))
    assert found.grant_id == grant.grant_id


async def test_without_a_platform_a_content_id_is_looked_for_on_all(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    grant, other = await new_grant(host), await new_grant(host)
    await put(grant, "731")
    await put(grant, "732")
    await put(other, "732", platform="douyin")
    one, several = await whose(sale(content_id="731"), sale(content_id="732"))
    assert one.grant_id == grant.grant_id
    assert several == Attribution(reason="several-clips")


async def test_an_account_that_one_grant_lists_is_enough(whose: Any, host: Host, new_grant: NewGrant) -> None:
    grant = await new_grant(host)
    told = by(grant)
    spelt = {**told, "handle": f"@{told['handle'].upper()}"}
    plain, shouted, unregistered = await whose(sale(**told), sale(**spelt), sale(**told, content_id="999"))
    assert plain == shouted == Attribution("handle", 80, **named(grant), version_no=1)
    assert unregistered == Attribution("handle", 60, **named(grant), version_no=1)


@pytest.mark.parametrize(
    "told",
    [
        {"order_no": "55", "line_no": "2"},
        {"content_id": "999"},
        {"platform": "tiktok", "handle": "@Nobody"},
        {"marketplace": "amazon", "tracking_id": "lina-20"},
    ],
)
async def test_a_person_s_word_is_remembered_for_what_it_is_about(
    whose: Any, resolve: Any, host: Host, new_grant: NewGrant, told: Mapping[str, Any]
) -> None:
    grant = await new_grant(host)
    matches = ("sale:tiktok:55:2", "content:999", "handle:tiktok:nobody", "tracking:amazon:lina-20")
    for each in matches:
        await resolve(grant, each)
    found, other = await whose(sale(**told), sale(platform="tiktok", handle="somebody"))
    assert found == Attribution("resolution", 100, **named(grant), version_no=1)
    assert other.rule is None


async def test_of_several_resolutions_the_closest_decides(
    whose: Any, resolve: Any, host: Host, new_grant: NewGrant
) -> None:
    told = {"order_no": "55", "content_id": "9", "platform": "tiktok", "handle": "x", "tracking_id": "t"}
    order = ("tracking:tiktok:t", "handle:tiktok:x", "content:9", "sale:tiktok:55:1")
    for matches in order:
        grant = await new_grant(host)
        await resolve(grant, matches)
        [found] = await whose(sale(**told))
        assert found.grant_id == grant.grant_id, matches


async def test_a_resolution_stands_above_the_rules_until_it_is_withdrawn(
    whose: Any, put: Any, resolve: Any, host: Host, new_grant: NewGrant
) -> None:
    mine, other, former = [await new_grant(host) for _ in range(3)]
    await put(mine, "731")
    await resolve(former, "content:731", withdrawn_at=NOON, withdrawn_by="test")
    [found] = await whose(sale(platform="tiktok", content_id="731"))
    assert found.grant_id == mine.grant_id
    await resolve(other, "content:731")
    [found] = await whose(sale(platform="tiktok", content_id="731"))
    assert (found.rule, found.grant_id, found.submission_id) == ("resolution", other.grant_id, None)


async def test_a_resolution_to_the_clip_s_own_grant_keeps_the_clip(
    whose: Any, put: Any, resolve: Any, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    number = await put(grant, "731")
    await resolve(grant, "content:731")
    [found] = await whose(sale(platform="tiktok", content_id="731"))
    assert (found.rule, found.submission_id) == ("resolution", number)


async def test_what_a_report_does_not_tell_does_not_stand_against_a_person_s_word(
    whose: Any, put: Any, resolve: Any, host: Host, new_grant: NewGrant
) -> None:
    terms = msgspec.structs.replace(TERMS, territories=("US",), streams=(7,))
    grant = await new_grant(host, terms=terms)
    await put(grant, "731")
    told = {"platform": "amazon", "content_id": "731", "order_no": "55"}
    [silent] = await whose(sale(**{**told, "platform": "tiktok"}))
    assert silent.reason == "unknown-territory"
    await resolve(grant, "sale:tiktok:55:1")
    resolved, elsewhere = await whose(sale(**told), sale(**told, territory="DE"))
    assert resolved.grant_id == grant.grant_id
    assert elsewhere == Attribution(reason="territory")


async def test_a_resolution_ends_when_its_grant_does(
    whose: Any, resolve: Any, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    await resolve(grant, "tracking:amazon:lina-20")
    await change(app_engine, grant, NOON, action="revoked", state="revoked")
    told = {"marketplace": "amazon", "tracking_id": "lina-20"}
    before, after = await whose(sale(**told, sold_at=NOON - timedelta(seconds=1)), sale(**told, sold_at=NOON))
    assert (before.grant_id, after) == (grant.grant_id, Attribution(reason="revoked"))


# What is judged ---------------------------------------------------------------------------------------------


async def test_no_word_that_leads_to_a_clip_or_an_account_leaves_it_in_suspense(
    whose: Any, host: Host, new_grant: NewGrant
) -> None:
    found = await whose(
        sale(),
        sale(tracking_id="lina-20"),
        sale(handle="lina"),
        sale(content_id="999", tracking_id="lina-20"),
        sale(platform="tiktok", handle="nobody"),
        sale(platform="tiktok", handle="no/handle"),
        sale(platform="myspace", handle="lina"),
    )
    assert reasons(found) == [
        "unknown-handle", "unknown-tracking", "unknown-platform", "unknown-content", "handle", "handle", "handle",
    ]  # fmt: skip


async def test_a_sale_outside_the_licence_is_nobody_s_whatever_the_rule(
    whose: Any, put: Any, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    terms = msgspec.structs.replace(TERMS, products=("17",), marketplaces=("tiktok",))
    grant = await new_grant(host, terms=terms, starts_at=NOON, ends_at=NOON + timedelta(days=2))
    await put(grant, "731")
    await change(app_engine, grant, NOON + timedelta(days=1), action="suspended", state="suspended")
    for told in ({"platform": "tiktok", "content_id": "731"}, by(grant)):
        found = await whose(
            sale(**told, sold_at=NOON - timedelta(seconds=1)),
            sale(**told, sold_at=NOON + timedelta(days=1)),
            sale(**told, product="18"),
            sale(**told, marketplace="shopee"),
        )
        assert reasons(found) == ["handle", "suspended", "product", "marketplace"]


async def test_after_its_end_a_grant_covers_no_more(whose: Any, host: Host, new_grant: NewGrant) -> None:
    terms = msgspec.structs.replace(TERMS, tail_days=7)
    grant = await new_grant(host, terms=terms, ends_at=NOON)
    inside, outside = await whose(
        sale(**by(grant), sold_at=NOON + timedelta(days=6)), sale(**by(grant), sold_at=NOON + timedelta(days=7))
    )
    assert (inside.grant_id, outside) == (grant.grant_id, Attribution(reason="tail"))


async def test_what_was_published_after_the_end_has_no_tail(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host, terms=msgspec.structs.replace(TERMS, tail_days=7), ends_at=NOON)
    await put(grant, "731", published_at=NOON - timedelta(days=1))
    await put(grant, "732", published_at=NOON)
    told = {"platform": "tiktok", "sold_at": NOON + timedelta(days=1)}
    early, late = await whose(sale(**told, content_id="731"), sale(**told, content_id="732"))
    assert (early.grant_id, late) == (grant.grant_id, Attribution(reason="tail"))


async def test_two_grants_that_cover_it_are_told_apart_by_the_product_or_not_at_all(
    whose: Any, host: Host, new_grant: NewGrant, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    clipper = await new_clipper()
    coats, all_products = [
        await new_grant(host, offer_id=await new_offer(host, terms), clipper=clipper)
        for terms in (msgspec.structs.replace(TERMS, products=("17",)), TERMS)
    ]
    both, one = await whose(sale(**by(coats)), sale(**by(coats), product="18"))
    assert both == Attribution(reason="several")
    assert one.grant_id == all_products.grant_id


async def test_terms_for_some_streams_need_a_clip_that_shows_one(
    whose: Any, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    listed, other = [await reels.stream(app_engine, host.book_id) for _ in range(2)]
    grant = await new_grant(host, terms=msgspec.structs.replace(TERMS, streams=(listed,)))
    for content_id, shown in (("1", (listed,)), ("2", (listed, other)), ("3", ())):
        number, clip_id = await reels.handed_in(app_engine, grant, "live")
        await reels.identified(app_engine, host.book_id, clip_id, *(reels.segment(each) for each in shown))
        posted = {"platform": "tiktok", "content_id": content_id, "published_at": NOON, "added_by": "test"}
        where = {"handle": by(grant)["handle"], "url": "https://example.com/1"}
        async with app_engine.begin() as connection:
            values = {"book_id": host.book_id, "submission_id": number, **posted, **where}
            await connection.execute(insert(publications).values(values))
    told = [sale(platform="tiktok", content_id=each) for each in ("1", "2", "3")]
    right, mixed, none, unknown = await whose(*told, sale(**by(grant)))
    assert right.grant_id == grant.grant_id
    assert reasons([mixed, none, unknown]) == ["stream", "stream", "unknown-stream"]


async def test_terms_in_another_currency_say_nothing_of_the_sale(
    whose: Any, put: Any, resolve: Any, host: Host, new_grant: NewGrant
) -> None:
    split = SplitRule(currency="USD", shares=(Share("host", 4), Share("clipper", 6)))
    grant = await new_grant(host, terms=msgspec.structs.replace(TERMS, split=split))
    await resolve(grant, "tracking:tiktok:t")
    await put(grant, "731")
    found = await whose(
        sale(**by(grant)), sale(platform="tiktok", content_id="731"), sale(tracking_id="t"), sale(platform="tiktok")
    )
    assert reasons(found) == ["currency", "currency", "currency", "unknown-handle"]
    [dollars] = await whose(sale(**by(grant), currency="USD"))
    assert dollars.grant_id == grant.grant_id


async def test_the_version_of_the_terms_is_that_of_the_moment_of_the_sale(
    whose: Any, app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    version = {"version_no": 2, "terms": msgspec.to_builtins(TERMS), "sha256": "0" * 64, "published_by": "test"}
    async with app_engine.begin() as connection:
        key = {"book_id": grant.book_id, "offer_id": grant.offer_id}
        await connection.execute(insert(terms_versions).values(**key, **version))
    await change(app_engine, grant, NOON, action="terms accepted", version_no=2)
    before, after = await whose(sale(**by(grant), sold_at=NOON - timedelta(seconds=1)), sale(**by(grant)))
    assert (before.version_no, after.version_no) == (1, 2)


# Together ---------------------------------------------------------------------------------------------------


async def test_another_host_s_clips_grants_and_resolutions_count_for_nothing(
    whose: Any, put: Any, resolve: Any, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    elsewhere = await new_grant(await new_host())
    await put(elsewhere, "731")
    await resolve(elsewhere, "tracking:tiktok:t")
    mine = await new_grant(host)
    await resolve(mine, "content:55")
    found = await whose(
        sale(platform="tiktok", content_id="731"), sale(**by(elsewhere)), sale(platform="tiktok", tracking_id="t")
    )
    assert reasons(found) == ["unknown-content", "handle", "unknown-tracking"]


async def test_sales_are_told_in_their_order_and_none_of_none(
    whose: Any, put: Any, host: Host, new_grant: NewGrant
) -> None:
    grants = [await new_grant(host) for _ in range(3)]
    found = await whose(*(sale(**by(grant)) for grant in grants), sale())
    assert [each.grant_id for each in found] == [*(grant.grant_id for grant in grants), None]
    assert await whose() == []


async def test_texts_with_signs_of_sql_and_of_arrays_are_but_texts(whose: Any, host: Host, resolve: Any) -> None:
    strange = "a\"b\\c,{d}'e NULL"
    found = await whose(
        sale(order_no=strange, content_id=strange, platform="tiktok", handle=strange, tracking_id="NULL"),
        sale(sold_at=datetime(9999, 12, 31, tzinfo=UTC), platform="tiktok", content_id="NULL"),
    )
    assert reasons(found) == ["handle", "unknown-content"]
