"""Suspense: by what sales share and how old they are; a rule that is made and withdrawn; a sale explained."""

from datetime import date

from tests.clipledger.pages.counting_house import CountingHouse
from tests.clipledger.pages.visitor import visiting
from tests.licensing.house import NewGrant
from tests.settlement.till import by, facts

WHY = "Lina posted it before she registered."


async def test_what_lies_there_is_grouped_aged_and_told_why(office: CountingHouse) -> None:
    assert "Nothing is in suspense" in (await office.see("/suspense")).text
    lina = {"platform": "tiktok", "handle": "lina"}
    await office.till.sell(facts(**lina, due=10_000, order_no="A-1"), facts(**lina, due=2_000), facts(due=300))
    page = await office.see("/suspense")
    assert page.figures()["Amount"] == "CN¥123.00"
    assert page.rows("What one rule would clear")[0][:3] == ["tiktok:lina", "2", "CN¥120.00"]
    rows = page.rows("Sales in suspense")
    assert [row[1] for row in rows] == ["CN¥3.00", "CN¥20.00", "CN¥100.00"]
    assert rows[0][2] == "nothing in the row tells whose it is"
    assert rows[2][2:4] == ["nobody with a licence has this account", "tiktok:lina"]
    page = await office.see("/suspense?reason=handle&by=tracking")
    assert len(page.rows("Sales in suspense")) == 2
    assert "None of these sales names one." in page.text


async def test_a_rule_clears_a_group_and_is_withdrawn(office: CountingHouse) -> None:
    await office.till.sell(facts(platform="tiktok", handle="lina", due=13_020))
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/suspense?about=handle:tiktok:lina")
        assert page.typed("asked", "about") == "handle:tiktok:lina"
        assert f"licence {office.grant.grant_id} · active" in page.form("asked").get_text()
        assert "rule" not in page.forms()
        page = await visitor.send(await visitor.ask(page, "asked"), "rule", reason=WHY)
        assert "1 sale has moved in the books." in page.text
        assert "Nothing is in suspense" in page.text
        assert WHY in page.text
        assert "by you" in page.text
        (withdraw,) = (form for form in page.forms() if form.startswith("withdraw-"))
        page = await visitor.send(page, withdraw)
        assert page.figures()["Amount"] == "CN¥130.20"
        assert "withdrawn" in page.text
        page = await visitor.get(f"{office.path}/suspense", find="nobody of that name")
        assert "No licence is found." in page.text


async def test_a_rule_says_first_what_it_would_clear(office: CountingHouse) -> None:
    lina = {"platform": "tiktok", "handle": "lina"}
    await office.till.sell(
        facts(**lina, due=13_020), facts(**{**lina, "handle": "@Lina"}, due=80), facts(**lina, currency="USD", due=500)
    )
    await office.till.sell(facts(due=9_900), facts(**lina, due=0))
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/suspense", by="content")
        page = await visitor.ask(page, "asked", about="lina")
        assert page.faults() == ["must be content:ID, handle:PLATFORM:HANDLE or tracking:MARKETPLACE:ID"]
        assert page.typed("asked", "about") == "lina"
        assert "rule" not in page.forms()
        page = await visitor.ask(page, "asked", about="handle:tiktok:lina")
        assert not page.folded("rule")
        said = " ".join(page.form("rule").get_text(" ").split())
        assert "3 sales in suspense are of handle:tiktok:lina, CN¥131.00 and US$5.00" in said
        assert f"by the terms of licence {office.grant.grant_id} of Ana." in said
        page = await visitor.send(page, "rule", reason="R" * 2001, status=422)
        assert page.faults()
        assert page.typed("rule", "reason") == "R" * 2001
        assert page.typed("asked", "about") == page.typed("rule", "matches@text") == "handle:tiktok:lina"
        page = await visitor.ask(page, "asked", about="content:never-posted")
        assert "No sale in suspense is of content:never-posted today." in page.text
    async with visiting(office.app, office.finance, language="zh") as visitor:
        page = await visitor.get(page.path)
        assert "目前没有 content:never-posted 的挂账销售" in page.text


async def test_a_sale_is_explained_from_terms_to_entries(office: CountingHouse) -> None:
    (sold,) = await office.till.sell(facts(**by(office.grant), due=13_020, order_no="A-<1>"), today=date(2026, 10, 6))
    page = await office.see(f"/sales/{sold.sale_id}")
    assert page.title == "Order A-<1>"
    figures = page.figures()
    assert (figures["Commission"], figures["Ana"], figures["Host"]) == ("CN¥130.20", "CN¥74.21", "CN¥49.48")
    assert figures["Platform fee"].startswith("CN¥6.51")
    assert "its account is one of the licence's" in page.text
    assert page.rows("How it is shared")[1:] == [
        ["Platform fee", "CN¥6.51", "5% of the commission, CN¥130.20"],
        ["Host", "CN¥49.48", "4 of 10 parts of what is left, CN¥123.69 rounded up from CN¥49.476"],
        ["Clipper", "CN¥74.21", "6 of 10 parts of what is left, CN¥123.69 rounded down from CN¥74.214"],
    ]
    ((_, because, *amounts, stage, entry),) = page.rows("What was posted")
    assert (because, stage) == ("a report told of it, row 1", "held")
    assert amounts == ["CN¥130.20", "CN¥74.21", "CN¥49.48", "CN¥6.51", "CN¥0.00"]
    assert entry.startswith("entry ")
    await office.see("/sales/999999999", status=404)


async def test_one_sale_is_decided_by_itself(office: CountingHouse) -> None:
    sold, other = await office.till.sell(
        facts(platform="tiktok", handle="lina"), facts(platform="tiktok", handle="lina")
    )
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.get(f"{office.path}/sales/{sold.sale_id}")
        assert "Nobody's so far: nobody with a licence has this account." in page.text
        assert "sale" not in page.forms()
        page = await visitor.ask(page, "asked")
        said = f"CN¥130.20 of commission of order {sold.order_no} leaves suspense and is shared by the terms of licence"
        assert f"{said} {office.grant.grant_id} of Ana, at once." in page.form("sale").get_text()
        page = await visitor.send(page, "sale", reason="R" * 2001, status=422)
        assert page.typed("sale", "reason") == "R" * 2001
        page = await visitor.send(page, "sale", reason=WHY)
        assert "It is decided, and the difference is posted." in page.text
        assert "a person has decided it" in page.text
        page = await visitor.ask(page, "asked")
        assert "It stays so, whatever the rules say." in page.form("sale").get_text()
    (left,) = (await office.see("/suspense")).rows("Sales in suspense")
    assert left[0].startswith(other.order_no)


async def test_a_sale_that_is_somebodys_says_from_whom_it_is_taken(office: CountingHouse, new_grant: NewGrant) -> None:
    other = await new_grant(office.host)
    (sold,) = await office.till.sell(facts(**by(office.grant), due=13_020, order_no="A-1"))
    async with visiting(office.app, office.finance) as visitor:
        page = await visitor.ask(
            await visitor.get(f"{office.path}/sales/{sold.sale_id}"), "asked", under=other.grant_id
        )
        said = page.form("sale").get_text()
        assert "CN¥130.20 of commission of order A-1 is taken from where it is, of which CN¥74.21 from Ana" in said
        assert f"by the terms of licence {other.grant_id} of Ana, at once." in said
        page = await visitor.send(page, "sale", reason=WHY)
        assert "a person has decided it" in page.text
    async with visiting(office.app, office.finance, language="zh") as visitor:
        page = await visitor.get(page.path, under=other.grant_id)
        assert "已按授权" in page.form("sale").get_text()


async def test_who_may_not_decide_sees_no_form(office: CountingHouse) -> None:
    (sold,) = await office.till.sell(facts())
    for path in ("/suspense", f"/sales/{sold.sale_id}"):
        assert (await office.see(path, by=office.approver)).forms() == []
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(f"{office.path}/suspense")).title == "挂账"
        assert "佣金" in (await visitor.get(f"{office.path}/sales/{sold.sale_id}")).text
