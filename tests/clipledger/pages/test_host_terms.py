"""The editor of terms: prefilled, compared, tried on past sales, published, and version held against version."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.formats import Formats
from clipledger.pages.host.terms_form import terms_of, typed_of
from clipledger.pages.host.terms_lines import Reading, changed
from ledger.splits import Share, SplitRule, Take, Tier
from licensing.terms import Disclosure, EditRules, Terms, differences
from licensing.vocabulary import PLATFORMS
from tests.clipledger.pages.visitor import Visitor, visiting
from tests.licensing.house import LONG_AGO, TERMS, NewGrant, NewHost, NewOffer
from tests.settlement.till import Till, by, facts

FULL = Terms(
    licensor="Lili Live Ltd",
    split=SplitRule(
        currency="CNY",
        takes=(Take("platform", "5%"), Take("agency", "10%", "rest", 150)),
        shares=(Share("host", 4), Share("clipper", 6)),
        tiers=(Tier(1_000_000, (7, 13)), Tier(10_000_000, (3, 7))),
    ),
    agency=3,
    platforms=("tiktok", "xiaohongshu"),
    marketplaces=("tiktok",),
    territories=("CN", "SG"),
    products=("17", "18"),
    excluded_products=("19",),
    streams=(4, 5),
    edits=EditRules(mirroring=False, fastest_ppm=1_250_000, shortest_s=5, longest_s=60, own_footage_ppm=125_000),
    disclosure=Disclosure(texts=("#ad", "paid partnership"), on_screen=False),
    exclusivity="category",
    starts_at=datetime(2026, 10, 4, 16, tzinfo=UTC),
    ends_at=datetime(2027, 10, 4, 16, 0, 30, tzinfo=UTC),
    grant_days=90,
    tail_days=30,
    hold_days=20,
    reserve="10%",
    reserve_days=60,
    recovery_cap="50%",
    minimum_payout=12_050,
    rate_lock_days=14,
    review_hours=48,
    document_sha256="5f" * 32,
    document_url="https://example.com/contract.pdf",
)
"""Nothing of it is as it is where nobody says otherwise."""
EARLIER = {
    "licensor": "Another Ltd",
    "split": TERMS.split,
    "agency": 4,
    "platforms": ("tiktok",),
    "marketplaces": None,
    "territories": ("CN",),
    "products": None,
    "excluded_products": (),
    "streams": (4,),
    "edits": EditRules(),
    "disclosure": Disclosure(),
    "exclusivity": "none",
    "starts_at": LONG_AGO,
    "ends_at": None,
    "grant_days": None,
    "tail_days": 0,
    "hold_days": 15,
    "reserve": "0%",
    "reserve_days": 0,
    "recovery_cap": "100%",
    "minimum_payout": 0,
    "rate_lock_days": 0,
    "review_hours": None,
    "document_sha256": None,
    "document_url": None,
}


def test_what_stands_in_the_editor_is_read_as_the_same_terms() -> None:
    for terms in (FULL, TERMS):
        assert terms_of(typed_of(terms, "Asia/Shanghai")) == terms


@pytest.mark.parametrize("member", EARLIER)
def test_every_member_that_differs_is_told(member: str) -> None:
    reading = Reading(lambda message: message, Formats("en", "Asia/Shanghai"))
    old: Terms = msgspec.structs.replace(FULL, **{member: EARLIER[member]})
    told = changed(reading.lines(old), reading.lines(FULL))
    assert differences(old, FULL)
    assert told
    assert not changed(reading.lines(FULL), reading.lines(FULL))


def test_a_long_list_tells_what_is_new_and_what_is_gone() -> None:
    reading = Reading(lambda message: message, Formats("en"))
    many = tuple(str(number) for number in range(30))
    old, new = (msgspec.structs.replace(FULL, products=its) for its in (many, (*many[1:], "new")))
    (line,) = changed(reading.lines(old), reading.lines(new))
    assert (line.before, line.after) == ("− 0", "+ new")


def box(platform: str) -> str:
    return f"terms.platforms[{PLATFORMS.index(platform)}]"


async def compared(visitor: Visitor, path: str, **fields: Any) -> Any:
    page = await visitor.get(path)
    return await visitor.send(page, "terms", fields=fields)


async def test_terms_are_compared_tried_and_published(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    await Till(app_engine, host).sell(facts(**by(grant)), facts(**by(grant)))
    path = f"/books/{host.book}/offers/{grant.offer_id}/terms"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert page.typed("terms", "terms.licensor") == "Lili Live Ltd"
        assert page.typed("terms", "terms.split.takes[0].rate") == "5%"
        assert "between 3:7 and 5:5" in page.text
        assert page.rows("Under the terms now") == [
            ["The platform", "CN¥5.00"],
            ["You, the host", "CN¥38.00"],
            ["The clipper", "CN¥57.00"],
        ]
        assert "publish" not in page.forms()
        days = {"period.since": "2026-10-01", "period.until": "2026-10-31"}
        more = {"terms.split.shares[0].weight": "3", "terms.split.shares[1].weight": "7", "terms.hold_days": "20"}
        page = await compared(visitor, path, **more, **days)
        assert page.rows("What would change") == [
            ["Host's share", "40% of what is left (4 of 10)", "30% of what is left (3 of 10)"],
            ["Clipper's share", "60% of what is left (6 of 10)", "70% of what is left (7 of 10)"],
            ["A sale is held for", "15 days", "20 days"],
        ]
        assert page.rows("Under what you typed")[2] == ["The clipper", "CN¥66.50"]
        assert page.rows("What would have been shared") == [
            ["The platform", "CN¥13.02", "CN¥13.02", "CN¥0.00"],
            ["You, the host", "CN¥98.96", "CN¥74.22", "−CN¥24.74"],
            ["The clipper", "CN¥148.42", "CN¥173.16", "CN¥24.74"],
        ]
        assert page.figures()["Clippers with more"] == "1 half of them by CN¥24.74 or more"
        assert "1 licence that there is keeps its terms" in page.text
        page = await visitor.send(page, "publish")
        assert "The terms are published." in page.text
        assert page.figures()["Clipper gets"] == "70% Version 2"
        page = await visitor.get(path, before=1, after=2)
        assert [row[0] for row in page.rows("What differs")] == [
            "Host's share",
            "Clipper's share",
            "A sale is held for",
        ]
        page = await visitor.get(path, before=1, after=9, status=404)


async def test_what_may_not_be_published_comes_back_with_its_fault_at_the_field(
    app: Litestar, new_host: NewHost, new_offer: NewOffer
) -> None:
    host = await new_host()
    path = f"/books/{host.book}/offers/{await new_offer(host)}/terms"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        page = await visitor.send(page, "terms", fields={"terms.reserve": "10%"}, status=422)
        assert page.faults() == ["a reserve is kept back for at least one day"]
        assert page.typed("terms", "terms.reserve") == "10%"
        assert "publish" not in page.forms()
        page = await visitor.send(
            page, "terms", fields={"terms.reserve": "0%", "terms.split.shares[0].weight": "9"}, status=422
        )
        assert page.faults() == ["host : clipper must be at most 5:5"]
        page = await visitor.send(
            page, "terms", fields={"terms.split.shares[0].weight": "4", "terms.hold_days": "x"}, status=400
        )
        assert page.typed("terms", "terms.hold_days") == "x"
        assert page.faults() == ["must be a whole number"]


async def test_the_first_terms_are_written_into_an_empty_offer(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/new")
        page = await visitor.send(
            page, "offer", title="Autumn", category="beauty", fields={"languages[]@words": "zh en"}
        )
        assert page.title == "Terms of Autumn"
        assert "Nothing is published yet." in page.text
        page = await visitor.send(page, "terms", fields={box("tiktok"): "tiktok"})
        assert ["Clips may be posted on", "–", "Douyin and TikTok"] in page.rows("What would change")
        page = await visitor.send(page, "publish")
        assert page.title == "Autumn"
        async with visiting(app, host.person, language="zh") as reader:
            terms = await reader.get(f"{page.path}/terms")
            assert "抖音" in terms.form("terms").get_text()
            assert "抖音" in (await reader.get(page.path)).text
        page = await visitor.send(page, "open")
        assert "Clippers find it and can apply." in page.text


async def test_advice_is_refused_in_words_where_the_history_tells_nothing(
    app: Litestar, new_host: NewHost, new_offer: NewOffer
) -> None:
    host = await new_host()
    path = f"/books/{host.book}/offers/{await new_offer(host)}/terms"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "Ask for advice" in page.text
        page = await visitor.get(path, advice="yes")
        assert "There is no whole week with sales under a licence of this offer." in page.text
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(path, advice="yes")
        assert "谁" in page.text or "佣金" in page.text


async def test_who_only_reads_can_compare_but_not_publish(
    app: Litestar, new_host: NewHost, new_offer: NewOffer, new_person: Any
) -> None:
    host = await new_host()
    reader = await new_person("finance", host.book)
    path = f"/books/{host.book}/offers/{await new_offer(host)}/terms"
    async with visiting(app, reader) as visitor:
        page = await compared(visitor, path, **{"terms.hold_days": "3"})
        assert page.rows("What would change") == [["A sale is held for", "15 days", "3 days"]]
        assert "publish" not in page.forms()
    other = await new_host()
    async with visiting(app, other.person) as visitor:
        await visitor.get(path, status=404)
