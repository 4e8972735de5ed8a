"""From a line of a statement to what is behind it: the sales add up to it, and an entry says what it was for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger.splits import Share, SplitRule, Take, Tier
from settlement.errors import LineNotFound
from settlement.statements.drafting import BALANCES
from settlement.statements.drilling import LineSale, sales_behind
from settlement.statements.opening import OpenedLine, open_line, true_ups_behind
from settlement.statements.papers import Whole
from tests.licensing.house import TERMS, Granted, Host, NewClipper, NewGrant
from tests.settlement.books import OCTOBER, Closer, moved
from tests.settlement.shop import dispute, in_sql, settle
from tests.settlement.till import Till, by, facts, publish

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%")),
    shares=(Share("host", 4), Share("clipper", 6)),
)
OURS = msgspec.structs.replace(TERMS, split=SPLIT, agency=9, hold_days=10, reserve="10%", reserve_days=30)
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 10, 4, tzinfo=UTC)}


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


@asynccontextmanager
async def reading(till: Till) -> AsyncIterator[AsyncConnection]:
    async with till.engine.connect() as connection:
        yield connection


async def behind(till: Till, whole: Whole, line_no: int, **page: int) -> list[LineSale]:
    async with reading(till) as connection:
        return await sales_behind(connection, till.book_id, whole.statement, line_no, **page)


async def opened(till: Till, whole: Whole, line_no: int) -> OpenedLine:
    async with reading(till) as connection:
        return await open_line(connection, till.book_id, whole.statement, line_no)


async def check(till: Till, whole: Whole) -> int:
    """Every line is the sum of what is behind it; how many lines are of sales."""
    checked = 0
    for line in whole.lines:
        sales = await behind(till, whole, line.line_no, limit=10_000)
        if line.entry_id is None:
            for name in BALANCES:
                assert sum(getattr(sale.amounts, name) for sale in sales) == getattr(line.amounts, name), line
            assert len({sale.sale_id for sale in sales}) == len(sales) == line.sales
            checked += 1
        else:
            assert sales == []
            its = await opened(till, whole, line.line_no)
            assert its.entry is not None
            signs = {f"{kind}:{whole.statement.party}" for kind in ("liabilities:held", "liabilities:available")}
            assert sum(-each.amount for each in its.entry.postings if each.account in signs) == (
                line.amounts.held + line.amounts.available
            )
    return checked


async def test_the_sales_behind_each_line_of_each_party_are_the_line(
    till: Till, closer: Closer, grant: Granted, host: Host, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    async with till.engine.begin() as connection:
        await publish(connection, grant, "post-b")
    b = {"platform": "tiktok", "content_id": "post-b"}
    first, second, third, lost, dear = await till.sell(
        facts(**by(grant), due=13_020),
        facts(**b, due=8_000),
        facts(**b, due=7_777),
        facts(**by(grant), due=9_999),
        facts(**by(grant), due=5_000, product="18"),
    )
    await till.tell(first, **SETTLED)
    await till.tell(dear, **SETTLED)
    await settle(till, date(2026, 10, 20))
    await till.tell(second, due=4_000)
    await till.tell(third, **{**SETTLED, "due": 7_000})
    await till.tell(lost, **by(other))  # it was the other's
    await till.tell(first, due=0, state="void")
    await dispute(till, grant)
    await settle(till, date(2026, 10, 21))
    await closer.post(
        date(2026, 10, 22), "A gift", {"expenses:gifts": 100, f"liabilities:available:{party(grant)}": -100}
    )
    await closer.draft()

    checked = [
        await check(till, await closer.statement(each)) for each in (party(grant), party(other), "agency-9", "host")
    ]
    assert checked[0] >= 7
    assert min(checked) >= 1
    whole = await closer.statement(party(grant))
    (gift,) = [line for line in whole.lines if line.label == "A gift"]
    its = (await opened(till, whole, gift.line_no)).entry
    assert its is not None
    assert (its.description, its.effective_on, its.seal_no) == ("A gift", date(2026, 10, 22), None)
    assert [(each.account, each.amount) for each in its.postings] == [(f"liabilities:available:{party(grant)}", -100)]
    await closer.submit()
    await closer.approve()
    await closer.sealed()
    its = (await opened(till, whole, gift.line_no)).entry
    assert its is not None
    assert its.seal_no == 1


async def test_a_sale_says_what_it_moved_and_by_which_entries(till: Till, closer: Closer, grant: Granted) -> None:
    a, b = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=8_000))
    await till.tell(a, due=16_000)
    await closer.draft()
    (first, second) = await behind(till, await closer.statement(party(grant)), 1)
    assert (first.sale_id, first.order_no, first.product, first.state) == (a.sale_id, a.order_no, "17", "pending")
    assert (moved(first.amounts), moved(second.amounts)) == ({"held": 8_160}, {"held": 4_080})
    assert (len(first.entries), len(second.entries)) == (2, 1)
    assert second.sale_id == b.sale_id


async def test_sales_are_told_page_by_page(till: Till, closer: Closer, grant: Granted) -> None:
    sold = await till.sell(*(facts(**by(grant), due=100) for _ in range(7)))
    await closer.draft()
    for each in (party(grant), "host"):
        whole = await closer.statement(each)
        pages, after = [], 0
        while some := await behind(till, whole, 1, after=after, limit=3):
            pages.append([sale.sale_id for sale in some])
            after = some[-1].sale_id
        assert pages == [[sale.sale_id for sale in sold[at : at + 3]] for at in (0, 3, 6)]


async def test_the_walk_through_a_book_finds_the_few_that_are_meant(
    till: Till, closer: Closer, grant: Granted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("settlement.statements.drilling._FIRST", 2)
    sold = await till.sell(*(facts(**by(grant), due=100) for _ in range(20)))
    await till.tell(sold[17], **SETTLED)
    await settle(till, date(2026, 10, 20))
    await closer.draft()
    whole = await closer.statement("host")
    assert await check(till, whole) == 2
    (release,) = [line for line in whole.lines if line.kind == "release"]
    assert [sale.sale_id for sale in await behind(till, whole, release.line_no)] == [sold[17].sale_id]


async def test_what_another_month_moved_is_not_told(till: Till, closer: Closer, grant: Granted) -> None:
    (a,) = await till.sell(facts(**by(grant), due=13_020, sold_on=date(2026, 9, 30)))
    await till.tell(a, due=0)
    await closer.close(date(2026, 9, 1))
    await closer.draft()
    for month, expected in ((date(2026, 9, 1), {"held": 6_640}), (OCTOBER, {"held": -6_640})):
        (sale,) = await behind(till, await closer.statement(party(grant), month), 1)
        assert moved(sale.amounts) == expected


async def test_a_sale_that_was_taken_in_a_later_month_stays_behind_the_line_that_told_it(
    till: Till, closer: Closer, grant: Granted, host: Host, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    (a,) = await till.sell(facts(**by(grant), due=13_020, sold_on=date(2026, 9, 30)))
    await closer.close(date(2026, 9, 1))
    await till.tell(a, **by(other))
    september = await closer.statement(party(grant), date(2026, 9, 1))
    assert [moved(sale.amounts) for sale in await behind(till, september, 1)] == [{"held": 6_640}]


async def test_a_sale_that_is_told_of_another_clip_later_stays_behind_the_line_of_the_first(
    till: Till, closer: Closer, grant: Granted, host: Host, new_grant: NewGrant
) -> None:
    other, september = await new_grant(host), date(2026, 9, 1)
    async with till.engine.begin() as connection:
        first = await publish(connection, grant, "post-a")
        second = await publish(connection, grant, "post-b")
        anothers = await publish(connection, other, "post-c")
    a = {"platform": "tiktok", "content_id": "post-a", "sold_on": date(2026, 9, 30)}
    sold = await till.sell(facts(**a, due=13_020), facts(**a, due=13_020), facts(**a, due=13_020))
    await closer.close(september)
    await till.tell(sold[0], content_id="post-b")  # moves nothing in the books
    await till.tell(sold[1], content_id="post-b", due=0)
    await till.tell(sold[2], content_id="post-c")
    await closer.draft()
    for its in (party(grant), "host"):
        whole = await closer.statement(its, september)
        assert [line.submission_id for line in whole.lines] == [first]
        assert [sale.sale_id for sale in await behind(till, whole, 1)] == [sale.sale_id for sale in sold]
        assert await check(till, whole) == 1
        assert await check(till, await closer.statement(its)) >= 1
    told = [
        (line.kind, line.submission_id, line.amounts.total) for line in (await closer.statement(party(grant))).lines
    ]
    assert told == [("refund", second, -6_640), ("adjustment", first, -6_640)]
    gained = [(line.kind, line.submission_id) for line in (await closer.statement(party(other))).lines]
    assert gained == [("earned", anothers)]


async def test_a_true_up_shows_the_sales_and_the_tier(
    till: Till, closer: Closer, host: Host, new_grant: NewGrant
) -> None:
    tiers = (Tier(100_000, (3, 7)),)
    split = msgspec.structs.replace(SPLIT, takes=(), tiers=tiers)
    granted = await new_grant(host, terms=msgspec.structs.replace(TERMS, split=split))
    await till.sell(facts(**by(granted), due=10_000), facts(**by(granted), due=10_000))
    await closer.draft()
    whole = await closer.statement(party(granted))
    (line,) = [each for each in whole.lines if each.kind == "true-up"]
    assert (await opened(till, whole, line.line_no)).true_ups == 1
    async with reading(till) as connection:
        (its,) = await true_ups_behind(connection, till.book_id, whole.statement, line.line_no)
        assert await true_ups_behind(connection, till.book_id, whole.statement, 1) == []
        assert (
            await true_ups_behind(connection, till.book_id, whole.statement, line.line_no, after=its.true_up_id) == []
        )
    assert (its.net_gmv, its.tier, its.clipper_part, its.change) == (200_000, 100_000, 12_000, 2_000)
    assert its.change == line.amounts.total
    host_s = await closer.statement("host")
    (line,) = [each for each in host_s.lines if each.kind == "true-up"]
    async with reading(till) as connection:
        (its,) = await true_ups_behind(connection, till.book_id, host_s.statement, line.line_no)
    assert its.change == line.amounts.total == -2_000


async def test_an_adjustment_shows_its_reason_to_both_sides(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    its = party(grant)
    entry = await closer.post(
        date(2026, 10, 20), "Adjustment", {"liabilities:available:host": 500, f"liabilities:available:{its}": -500}
    )
    await in_sql(
        till,
        """INSERT INTO settlement.adjustments (book_id, kind, party, currency, amount, against, reason, state,
               proposed_by, proposed_as, decided_by, decided_as, decided_at, entry_id)
           VALUES (:book, 'adjustment', :party, 'CNY', 500, 'host', 'The outage', 'approved',
               1, 'u', 2, 'v', now(), :entry)""",
        party=its,
        entry=entry,
    )
    await closer.draft()
    for whose, amount in ((its, 500), ("host", -500)):
        whole = await closer.statement(whose)
        (line,) = [each for each in whole.lines if each.entry_id is not None]
        (told,) = (await opened(till, whole, line.line_no)).adjustments
        assert (told.reason, told.amount, told.kind) == ("The outage", amount, "adjustment")
        assert told.amount == line.amounts.total


async def test_withholding_shows_how_it_was_worked_out(till: Till, closer: Closer, grant: Granted) -> None:
    its = party(grant)
    entry = await closer.post(
        date(2026, 10, 20), "Tax", {f"liabilities:available:{its}": 40, "liabilities:withheld:cn": -40}
    )
    await in_sql(
        till,
        """INSERT INTO settlement.withholding_rules (book_id, code, valid_from, rule, created_by)
           VALUES (:book, 'flat', '2026-01-01', '{}', 't')""",
    )
    await in_sql(
        till,
        """INSERT INTO settlement.withholdings
               (book_id, party, currency, paid_on, gross, withheld, authority, code, valid_from, steps, entry_id)
           VALUES (:book, :party, 'CNY', '2026-10-20', 400, 40, 'cn', 'flat', '2026-01-01', '{10% of 4.00}', :entry)""",
        party=its,
        entry=entry,
    )
    await closer.draft()
    (told,) = (await opened(till, await closer.statement(its), 1)).withholdings
    assert (told.gross, told.withheld, told.steps) == (400, 40, ["10% of 4.00"])


async def test_a_line_that_is_none(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    whole = await closer.statement(party(grant))
    for number in (0, -1, 2, 2**31, 2**70):
        with pytest.raises(LineNotFound):
            await opened(till, whole, number)
        with pytest.raises(LineNotFound):
            await behind(till, whole, number)


async def test_a_clipper_opens_its_own_lines_over_http_and_nobody_elses(
    client: AsyncClient, till: Till, closer: Closer, grant: Granted, host: Host, new_clipper: NewClipper
) -> None:
    sold = await till.sell(*(facts(**by(grant), due=13_020) for _ in range(3)))
    await closer.draft()
    number, stranger = (await closer.statement(party(grant))).statement.statement_id, await new_clipper()
    own, line = grant.clipper, f"statements/{number}/lines/1"
    for_clipper, for_host = f"/v1/clippers/{own.clipper_id}/{line}", f"/v1/books/{host.book}/{line}"
    assert (await client.get(for_clipper, headers=own.person.bearer)).status_code == 404  # a draft
    assert (await client.get(for_host, headers=host.person.bearer)).json()["line"]["sales"] == 3
    await closer.submit()
    await closer.approve()
    opened_ = (await client.get(for_clipper, headers=own.person.bearer)).json()
    assert (opened_["line"]["amounts"]["held"], opened_["entry"], opened_["true_ups"]) == (3 * 6_640, None, 0)
    first = (await client.get(f"{for_clipper}/sales", params={"limit": 2}, headers=own.person.bearer)).json()
    asked = {"limit": 2, "cursor": first["next_cursor"]}
    rest = (await client.get(f"{for_clipper}/sales", params=asked, headers=own.person.bearer)).json()
    assert [each["sale_id"] for each in (*first["data"], *rest["data"])] == [sale.sale_id for sale in sold]
    assert (await client.get(f"{for_clipper}/true-ups", headers=own.person.bearer)).json()["data"] == []
    path = f"/v1/clippers/{stranger.clipper_id}/{line}"
    for address in (path, f"{path}/sales", f"{path}/true-ups"):
        assert (await client.get(address, headers=stranger.person.bearer)).status_code == 404
