"""Finding offers: ranked with reasons in words, searched, applied for."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.clipper.fitting import sentence_of
from clipledger.pages.clipper.plain_terms import PlainTerms
from clipledger.pages.formats import Formats
from ledger.splits import Share, SplitRule, Take, Tier
from licensing import offer_features
from licensing.approval import Approval
from licensing.marketplace import in_words
from licensing.markets import ClipperProfile, OpenOffers, Sales
from licensing.scoring import Words
from licensing.tables import members, offers
from licensing.terms import Disclosure, EditRules, Terms
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import TERMS, Clipper, Host, NewClipper, NewHost, NewOffer, NewUser, soon

FULL = msgspec.structs.replace(
    TERMS,
    split=SplitRule(
        currency="CNY",
        takes=(Take("platform", "5%"), Take("agency", "3%", "rest", 100)),
        shares=(Share("host", 4), Share("clipper", 6)),
        tiers=(Tier(10_000_000, (3, 7)),),
    ),
    agency=7,
    products=("p1", "p2"),
    excluded_products=("p3",),
    marketplaces=("douyin",),
    territories=("CN", "ES"),
    streams=(3,),
    ends_at=datetime(2027, 1, 1, tzinfo=UTC),
    grant_days=90,
    tail_days=30,
    reserve="10%",
    reserve_days=14,
    recovery_cap="50%",
    minimum_payout=10_000,
    rate_lock_days=60,
    review_hours=24,
    exclusivity="category",
    document_url="https://example.com/contract.pdf",
)


@pytest.fixture
async def host(new_host: NewHost) -> Host:
    return await new_host()


@pytest.fixture
async def clipper(new_clipper: NewClipper) -> Clipper:
    return await new_clipper(languages=["zh"], categories=["beauty"])


def plain(text: str) -> str:
    return text


def test_every_reason_the_room_can_give_has_a_sentence_here() -> None:
    formats = Formats("en")
    said = set(_all_reasons())
    assert len(said) > 30
    for each in said:
        assert sentence_of(each, plain, formats), each


def test_every_rule_of_approval_has_a_sentence_here() -> None:
    rules = Approval(
        platforms=("tiktok", "douyin"),
        countries=("CN",),
        languages=("zh",),
        least_approved_clips=3,
        least_orders=10,
        least_gmv=100_000,
        most_returned_ppm=50_000,
    )
    said = [sentence_of(each, plain, Formats("en")) for each in [*in_words(rules, "CNY"), *in_words(Approval(), "CNY")]]
    assert said[0] == "You have a confirmed account on each of TikTok and Douyin."
    assert said[1] == "Your profile names one of these countries: China."
    assert said[5] == "Your clips have sold for at least 1,000.00 CNY."
    assert said[6:] == ["At most 5% of your orders were returned.", "Every application is approved."]


@pytest.mark.parametrize("field", Terms.__struct_fields__)
def test_every_member_of_the_terms_is_told(field: str) -> None:
    other: dict[str, Any] = {
        "split": SplitRule(currency="USD", shares=(Share("host", 4), Share("clipper", 7))),
        "edits": EditRules(mirroring=False, own_footage_ppm=500_000),
        "disclosure": Disclosure(texts=("#ad", "广告"), on_screen=False),
        "document_sha256": "0" * 64,
        "starts_at": datetime(2026, 3, 1, tzinfo=UTC),
        "licensor": "Another",
        "platforms": ("tiktok",),
        "hold_days": 0,
    }
    reading = PlainTerms(plain, Formats("en"), {3: "Autumn launch"})
    before = reading.lines(FULL)
    default = next((each.default for each in msgspec.structs.fields(Terms) if each.name == field), msgspec.NODEFAULT)
    after = reading.lines(msgspec.structs.replace(FULL, **{field: other.get(field, default)}))
    assert [line.value for line in before] != [line.value for line in after]
    assert any("Autumn launch" in line.text for line in before)
    assert all(line.text for line in (*before, *after))


async def test_offers_are_listed_with_reasons_and_searched(
    app: Litestar, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    terms = msgspec.structs.replace(TERMS, platforms=("bilibili",), licensor="Moon Live")
    offer_id = await new_offer(host, terms, title="Glass lanterns", quota=3, languages=["zh"])
    path = f"/clippers/{clipper.clipper_id}/offers"
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(path, q="lanterns", share="60")
        assert page.soup.find("a", href=f"{path}/{offer_id}")
        assert "You get 60% of what is shared" in page.text
        assert "3 places left" in page.text
        assert "You have no confirmed account on Bilibili." in page.text
        assert page.soup.find("meter")
        page = await visitor.get(path, q="lanterns", share="61")
        assert "No open offer is like that." in page.text
        page = await visitor.get(path, q="lanterns", share="most")
        assert page.faults() == ["a percentage, such as 60"]
        field = page.soup.find("input", {"name": "share"})
        assert field is not None
        assert field["value"] == "most"
        page = await visitor.get(path, currency="???")
        assert len(page.faults()) == 1


async def test_an_offer_is_applied_for_and_the_application_withdrawn(
    app: Litestar, app_engine: AsyncEngine, host: Host, clipper: Clipper, new_offer: NewOffer
) -> None:
    offer_id = await new_offer(host, title="Autumn")
    path = f"/clippers/{clipper.clipper_id}/offers/{offer_id}"
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(path)
        assert page.title == "Autumn"
        assert page.figures()["Your share"].startswith("60%")
        assert page.figures()["Places left"] == "no limit"
        assert page.rows("An example of how a commission is shared") == [["any", "CN¥57.00", "CN¥5.00", "CN¥38.00"]]
        assert len(page.rows("Reasons")) == 8
        page = await visitor.send(page, "apply", message="x" * 2001, status=422)
        assert page.typed("apply", "message") == "x" * 2001
        assert page.faults()
        page = await visitor.send(page, "apply", message="Three clips a day")
        assert "You have applied." in page.text
        assert "Three clips a day" in page.text
        assert "apply" not in page.forms()
        listed = await visitor.get(f"/clippers/{clipper.clipper_id}/offers")
        assert "You have applied for Autumn" in listed.text
        (form,) = (each for each in page.forms() if each.startswith("withdraw-"))
        page = await visitor.send(page, form)
        assert "Your application is withdrawn." in page.text
        assert "apply" in page.forms()
        async with app_engine.begin() as connection:
            await connection.execute(offers.update().where(offers.c.offer_id == offer_id).values(state="closed"))
        page = await visitor.get(path)
        assert "This offer is not open any more" in page.text


async def test_who_can_not_apply_is_told_why(
    app: Litestar,
    app_engine: AsyncEngine,
    host: Host,
    clipper: Clipper,
    new_offer: NewOffer,
    new_user: NewUser,
) -> None:
    elsewhere = msgspec.structs.replace(TERMS, platforms=("weibo",))
    offer_id, full = await new_offer(host, elsewhere), await new_offer(host, applications_until=soon(days=3))
    viewer = await new_user(frozenset({"party:read"}))
    async with app_engine.begin() as connection:
        its = {"party_id": clipper.clipper_id, "user_id": viewer.user_id, "role": "viewer", "added_by": "test"}
        await connection.execute(members.insert().values(its))
    async with visiting(app, clipper.person) as visitor:
        page = await visitor.get(f"/clippers/{clipper.clipper_id}/offers/{offer_id}")
        assert "First say which account" in page.text
        assert "Apply until" in (await visitor.get(f"/clippers/{clipper.clipper_id}/offers/{full}")).figures()
        await visitor.get(f"/clippers/{clipper.clipper_id}/offers/{offer_id + 1000}", status=404)
    async with visiting(app, viewer, language="zh") as visitor:
        page = await visitor.get(f"/clippers/{clipper.clipper_id}/offers/{offer_id}")
        assert page.forms() == []
        assert "你只能查看" in page.text
    async with visiting(app, host.person) as visitor:
        await visitor.get(f"/clippers/{clipper.clipper_id}/offers", status=404)


def _all_reasons() -> Iterator[str]:
    """What the room says of markets of every kind, to clippers of every kind."""
    orders = np.array([0.0, 3.0, 30_000.0, 10.0])
    gmv = orders * np.array([1, 10_000, 90, 500])
    sales = Sales(gmv=gmv, orders=orders, returned=orders / 3, clicks=orders * 20, clicked=orders)
    market = OpenOffers(
        categories=Words.of(["beauty", "home-living", "beauty", "toys"]),
        platforms=Words.of(["tiktok", "weibo", "douyin tiktok", "x"]),
        languages=Words.of(["", "zh", "zh-Hant en", "es"]),
        currencies=Words.of(["CNY", "CNY", "CNY", "USD"]),
        clipper_ppm=np.array([600_000, 100_000, 900_000, 333_333]),
        commission=gmv * 0.1,
        sales=sales,
    )
    known = ClipperProfile(
        categories=frozenset({"beauty"}),
        languages="zh en",
        platforms=frozenset({"tiktok", "douyin"}),
        orders=10,
        by_category={"beauty": 7},
        by_platform={"tiktok": 9, "douyin": 1},
    )
    new = ClipperProfile(categories=frozenset({"toys"}), languages="zh", platforms=frozenset({"tiktok"}))
    clippers = [known, new, ClipperProfile()]
    of_offers = (
        offer_features.demand,
        offer_features.order_value,
        offer_features.conversion,
        offer_features.returns,
        offer_features.share,
    )
    columns = [feature(market) for feature in of_offers]
    of_both = (offer_features.category, offer_features.platform, offer_features.language)
    columns += [feature(clipper, market) for feature, clipper in itertools.product(of_both, clippers)]
    for column, row in itertools.product(columns, range(4)):
        yield column.say(row)
