"""Licences: found among many, one with its history, changed, many made from a table; a clipper as the host sees it."""

from typing import Any

from litestar import Litestar
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from licensing.tables import offers
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewClipper, NewGrant, NewHost, NewOffer
from tests.settlement.till import Till, by, facts


async def test_licences_are_found_by_name_account_reference_and_certificate(
    app: Litestar, new_host: NewHost, new_grant: NewGrant, new_clipper: NewClipper
) -> None:
    host = await new_host()
    mei = await new_grant(host, clipper=await new_clipper("tiktok", name="100%_Mei"))
    await new_grant(host, clipper=await new_clipper("tiktok", name="Bo"), offer_id=mei.offer_id)
    path = f"/books/{host.book}/grants"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert [row[1] for row in page.rows("Licences")] == ["Bo", "100%_Mei"]
        for words in ("100%_m", mei.clipper.accounts[0]):
            page = await visitor.get(path, q=words)
            assert [row[1] for row in page.rows("Licences")] == ["100%_Mei"], words
        page = await visitor.get(path, q="%")
        assert len(page.rows("Licences")) == 1
        page = await visitor.get(f"{path}/{mei.grant_id}")
        link = page.soup.select_one('a[href*="/certificate?"]')
        assert link is not None
        page = await visitor.get(path, q=link.get_text())
        assert len(page.rows("Licences")) == 1
        page = await visitor.get(path, state="revoked", offer=mei.offer_id)
        assert "No licence is like that." in page.text


async def test_the_licences_of_a_closed_offer_are_listed_as_its(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    async with app_engine.begin() as connection:
        its = offers.c.offer_id == grant.offer_id
        await connection.execute(update(offers).where(its).values(state="closed", title="Gone"))
    async with visiting(app, host.person) as visitor:
        for path in ("grants", "applications"):
            page = await visitor.get(f"/books/{host.book}/{path}", offer=grant.offer_id)
            chosen = page.soup.select_one('select[name="offer"] option[selected]')
            assert chosen is not None
            assert chosen["value"] == str(grant.offer_id)
        page = await visitor.get(f"/books/{host.book}/grants", offer=grant.offer_id)
        assert "Gone" in str(page.soup.select_one('select[name="offer"]'))


async def test_the_list_is_paged(app: Litestar, new_host: NewHost, new_grant: NewGrant, new_offer: NewOffer) -> None:
    host = await new_host()
    offer_id = await new_offer(host)
    for _ in range(51):
        await new_grant(host, offer_id=offer_id)
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}/grants")
        first = page.rows("Licences")
        following = page.soup.select_one('a[rel="next"]')
        assert following is not None
        page = await visitor.get(str(following["href"]))
        last = page.rows("Licences")
        assert (len(first), len(last)) == (50, 1)
        assert not {row[0] for row in first} & {row[0] for row in last}


async def test_a_licence_is_suspended_resumed_and_revoked(
    app: Litestar, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    path = f"/books/{host.book}/grants/{grant.grant_id}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "What was sold before still pays" in page.text
        assert "nothing that was earned is taken back" in page.text
        page = await visitor.send(page, "suspend", fields={"reason@null": "no #ad"})
        assert "The licence is suspended." in page.text
        assert page.rows("History")[0][1:] == ["suspended", "suspended", "", "no #ad", host.person.email]
        page = await visitor.send(page, "resume")
        page = await visitor.send(page, "revoke")
        assert [row[1] for row in page.rows("History")] == ["revoked", "resumed", "suspended", "accepted"]
        assert page.forms() == []


async def test_accounts_are_changed_and_one_has_to_stay(app: Litestar, new_host: NewHost, new_grant: NewGrant) -> None:
    host = await new_host()
    grant = await new_grant(host)
    path = f"/books/{host.book}/grants/{grant.grant_id}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        both = {f"remove[{place}]": account for place, account in enumerate(grant.clipper.accounts)}
        page = await visitor.send(page, "accounts-change", fields=both, status=422)
        assert "at least one account stays" in page.text
        page = await visitor.send(page, "accounts-change", fields={"remove[0]": both["remove[0]"], "remove[1]": ""})
        assert "The accounts are changed." in page.text
        page = await visitor.send(page, "accounts-change", fields={"add[0]": both["remove[0]"]})
        assert page.rows("History")[0][1] == "accounts changed"


async def test_newest_terms_are_proposed_to_one_clipper_or_to_all(
    app: Litestar, new_host: NewHost, new_grant: NewGrant
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    offer = f"/books/{host.book}/offers/{grant.offer_id}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"{offer}/terms")
        page = await visitor.send(page, "terms", fields={"terms.hold_days": "3"})
        page = await visitor.send(page, "publish")
        assert "1 clipper has older terms and is asked to accept version 2." in page.text
        page = await visitor.send(page, "renew")
        assert page.rows("Licences by version of the terms") == [["1", "active", "1", "1"]]
        page = await visitor.get(f"/books/{host.book}/grants/{grant.grant_id}")
        assert "Version 2 is proposed" in page.text
        page = await visitor.send(page, "renew", fields={"until@Asia/Shanghai": "2020-01-01T00:00"}, status=422)
        assert page.faults() == ["must lie in the future"]
        page = await visitor.send(page, "renew", fields={"until@Asia/Shanghai": "2199-01-01T00:00"})
        assert "1 Jan 2199" in page.text


async def test_a_table_is_licensed_row_by_row(
    app: Litestar, new_host: NewHost, new_offer: NewOffer, new_clipper: NewClipper
) -> None:
    host = await new_host()
    path = f"/books/{host.book}/grants/bulk"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(path)
        assert "Licences are given under an offer that is open or paused" in page.text
        offer_id = await new_offer(host)
        clippers = [await new_clipper() for _ in range(2)]
        table = "".join(f"{number}\n" for number in (clippers[0].clipper_id, 999_999_999, clippers[1].clipper_id))
        page = await visitor.get(path, offer=offer_id)
        file = ("clippers.csv", f"clipper\n{table}".encode())
        page = await visitor.send(page, "bulk", file=file, status=422)
        assert "row 2" in page.text
        page = await visitor.send(page, "bulk", file=file, fields={"?mode": "each"})
        assert page.figures() == {"Licensed": "2", "Refused": "1"}
        rows = page.rows("What became of each row")
        assert [(row[0], row[1]) for row in rows] == [("2", "refused"), ("1", "licensed"), ("3", "licensed")]
        assert "clipper" in rows[0][3]
        page = await visitor.send(page, "bulk", file=("x.csv", b"name\nAna\n"), status=422)
        assert "must be one of clipper" in page.text


async def test_a_clipper_is_shown_to_hosts_it_deals_with_alone(
    app: Litestar, app_engine: AsyncEngine, new_host: NewHost, new_grant: NewGrant, new_person: Any
) -> None:
    host, other = await new_host(), await new_host()
    grant = await new_grant(host)
    await Till(app_engine, host).sell(facts(**by(grant)), facts(**by(grant), net_gmv=60_000, due=8_000))
    path = f"/clippers/{grant.clipper.clipper_id}"
    async with visiting(app, host.person) as visitor:
        page = await visitor.get(f"/books/{host.book}{path}")
        assert page.title == "Ana"
        assert page.figures()["Sales value (GMV)"] == "CN¥2,000.00"
        assert page.figures()["Given back by buyers"] == "CN¥400.00"
        assert page.rows("Licences")[0][2] == "active"
    async with visiting(app, other.person, language="zh") as visitor:
        await visitor.get(f"/books/{other.book}{path}", status=404)
    reviewer = await new_person("reviewer", host.book)
    async with visiting(app, reviewer, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}{path}")
        assert page.figures() == {}


async def test_who_only_reads_is_shown_no_forms(
    app: Litestar, new_host: NewHost, new_grant: NewGrant, new_person: Any
) -> None:
    host = await new_host()
    grant = await new_grant(host)
    reader = await new_person("finance", host.book)
    async with visiting(app, reader, language="zh") as visitor:
        page = await visitor.get(f"/books/{host.book}/grants/{grant.grant_id}")
        assert page.forms() == []
        await visitor.get(f"/books/{host.book}/grants/bulk", status=403)
