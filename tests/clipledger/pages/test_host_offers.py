"""The host's offers: the list, a new one, its states, licences given directly, and the clippers that fit."""

from typing import Any

from litestar import Litestar

from clipledger.pages.formats import Formats
from clipledger.pages.host.fit import told
from licensing.scoring import Reason
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewClipper, NewGrant, NewHost, NewOffer


async def test_without_offers_the_list_says_what_an_offer_is(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers")
        assert "You have made no offer yet." in page.text
        page = await visitor.get(f"/books/{host.book}/offers", state="paused")
        assert "You have no offer in this state." in page.text


async def test_the_list_tells_state_split_and_licences(
    app: Litestar, new_host: NewHost, new_grant: NewGrant, new_offer: NewOffer
) -> None:
    host = await new_host()
    await new_grant(host)
    await new_offer(host, title="Bags", state="paused", quota=20)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers")
        bags, first = page.rows("Offers")
        assert bags == ["Bags beauty · Douyin and TikTok", "paused", "60%", "0 / 20", "0", "–"]
        assert first[1:5] == ["open", "60%", "1", "0"]
        page = await visitor.get(f"/books/{host.book}/offers", state="open")
        assert len(page.rows("Offers")) == 1
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}/offers")
        assert len(page.rows(page.title)) == 2


async def test_a_new_offer_is_refused_with_what_was_typed(app: Litestar, new_host: NewHost) -> None:
    host = await new_host()
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/new")
        page = await visitor.send(page, "offer", title="Autumn", category="Big Words", status=422)
        assert page.typed("offer", "title") == "Autumn"
        assert page.faults() == ["lower-case letters and digits in words joined by hyphens"]


async def test_an_offer_is_edited_paused_opened_and_closed(
    app: Litestar, new_host: NewHost, new_offer: NewOffer
) -> None:
    host = await new_host()
    offer_id = await new_offer(host, quota=5)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}")
        fields = {
            "quota@null": "",
            "approval.platforms[]@words": "douyin",
            "approval.most_returned_ppm@percent": "12.5",
        }
        stale = page
        page = await visitor.send(page, "change", title="Spring", fields=fields)
        assert page.title == "Spring"
        assert page.typed("change", "quota@null") == ""
        assert page.typed("change", "approval.most_returned_ppm@percent") == "12.5"
        page = await visitor.send(stale, "change", title="Winter", status=409)
        assert page.typed("change", "title") == "Winter"
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}")
        page = await visitor.send(page, "by-hand")
        assert "From now on a person decides" in page.text
        assert "by-hand" not in page.forms()
        page = await visitor.send(page, "pause")
        assert "Nobody can apply now" in page.text
        page = await visitor.send(page, "open")
        page = await visitor.send(page, "close")
        assert "Closed for good" in page.text
        assert page.forms() == []


async def test_what_an_offer_said_is_taken_away_by_leaving_it_blank(
    app: Litestar, new_host: NewHost, new_offer: NewOffer
) -> None:
    host = await new_host()
    offer_id = await new_offer(host, summary="Old", languages=["zh"])
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}")
        page = await visitor.send(page, "change", fields={"approval.least_orders": "10"})
        assert page.typed("change", "approval.least_orders") == "10"
        fields = {"approval.least_orders": "", "summary": "", "languages[]@words": ""}
        page = await visitor.send(page, "change", fields=fields)
        assert {page.typed("change", name) for name in fields} == {""}
        assert "by-hand" not in page.forms(), "whoever applies is still approved at once"


async def test_a_clipper_is_licensed_directly(
    app: Litestar, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host, clipper = await new_host(), await new_clipper()
    offer_id = await new_offer(host)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}", clipper=clipper.clipper_id)
        assert page.typed("direct", "clipper") == str(clipper.clipper_id)
        page = await visitor.send(page, "direct", clipper="999999999", status=404)
        assert page.typed("direct", "clipper") == "999999999"
        page = await visitor.send(page, "direct", clipper=str(clipper.clipper_id), reference="A-17")
        assert page.title.startswith("Licence ")
        assert "offered" in page.text
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}")
        assert page.rows("Licences by version of the terms") == [["1", "offered", "1", "0"]]


async def test_clippers_that_fit_are_ranked_with_reasons(
    app: Litestar, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host = await new_host()
    offer_id = await new_offer(host, languages=["zh"])
    name = f"Mei {host.book_id}"
    await new_clipper("douyin", "tiktok", name=name, languages=["zh"], categories=["beauty"], capacity=9)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}/candidates")
        (card,) = [card for card in page.soup.select(".card") if name in card.get_text()]
        assert "of 100 points" in card.get_text()
        assert "speaks Chinese" in card.get_text()
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}/candidates", standing="applicant")
        assert "There is nobody of that kind." in page.text
    async with visiting(app, host.person, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}/candidates")
        (card,) = [card for card in page.soup.select(".card") if name in card.get_text()]
        assert "speaks" not in card.get_text()


def test_a_reason_is_told_phrase_by_phrase() -> None:
    def say(message: str) -> str:
        return {"in the lower half": "LOW", "%(category)s on %(platforms)s": "%(platforms)s/%(category)s"}.get(
            message, message
        )

    def reason(text: str) -> Reason:
        return Reason("gmv", 0.5, 0.1, 0.05, True, "some", text)

    assert (
        told(say, Formats("en"), reason("in the lower half of those who sell in tea on x or y"))
        == "LOW of those who sell in X or y/tea"
    )
    assert (
        told(say, Formats("en"), reason("about 20 % of its orders were in tea"))
        == "about 20 % of its orders were in tea"
    )
    assert told(say, Formats("en"), reason("returns in tea are about 2 times or more the market's")).endswith(
        "2 times the market's or more"
    )
    assert told(say, Formats("en"), reason("something new")) == "something new"


async def test_who_only_reads_is_shown_no_forms_and_strangers_nothing(
    app: Litestar, new_host: NewHost, new_offer: NewOffer, new_person: Any
) -> None:
    host, other = await new_host(), await new_host()
    offer_id = await new_offer(host)
    reader = await new_person("finance", host.book)
    async with visiting(app, reader) as visitor:
        page = await visitor.get(f"/books/{host.book}/offers/{offer_id}")
        assert page.forms() == []
        await visitor.get(f"/books/{host.book}/offers/new", status=403)
    async with visiting(app, other.person) as visitor:
        await visitor.get(f"/books/{host.book}/offers", status=404)
        await visitor.get(f"/books/{other.book}/offers/{offer_id}", status=404)
