"""What everybody is owed, as the ledger has it: for finance all parties, for a clipper or agency its own."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post_batch
from ledger.splits import Share, SplitRule, Take
from settlement.balances import (
    Balances,
    Earnings,
    Expected,
    Fee,
    PartyBalance,
    Receivable,
    Suspense,
    earnings,
    party_balances,
)
from tests.clipledger.front_door import Person
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost, NewUser
from tests.settlement.agencies import NewAgency
from tests.settlement.shop import dispute, in_sql, settle
from tests.settlement.till import TODAY, Till, by, facts, publish

OURS = msgspec.structs.replace(TERMS, hold_days=15, reserve="10%", reserve_days=30)
"""5 % for the platform, then 4 : 6; of 100.00 these are 5.00, 38.00 and 57.00, and 5.70 of that in reserve."""
DOLLARS = SplitRule(currency="USD", takes=(Take("platform", "10%"),), shares=(Share("host", 5), Share("clipper", 5)))
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 20, 4, tzinfo=UTC)}
RELEASED = date(2026, 11, 4)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


async def pay_out(till: Till, party: str, amount: int, failed: int) -> None:
    """One payout that arrives, and one that comes back, as the money flow of docs/ledger.md has them."""
    available, paying = f"liabilities:available:{party}", f"liabilities:paying:{party}"
    stripe, transit = "assets:stripe", "assets:in-transit:stripe"
    acts = (
        (available, amount + failed, paying, -amount - failed),
        (transit, amount + failed, stripe, -amount - failed),
        (paying, amount, transit, -amount),
        (paying, failed, stripe, failed, available, -failed, transit, -failed),
    )
    entries = [
        NewEntry(
            idempotency_key=f"payout:{number}",
            effective_on=RELEASED,
            description="A payout",
            lines=tuple(Line(account, "CNY", moved) for account, moved in zip(act[::2], act[1::2], strict=True)),  # type: ignore[arg-type]
        )
        for number, act in enumerate(acts)
    ]
    async with till.engine.begin() as connection:
        await ensure_accounts(connection, till.book_id, [NewAccount(code, "CNY") for code in (stripe, transit, paying)])
        await post_batch(connection, till.book_id, entries)


async def test_each_partys_money_is_told_by_where_it_lies(till: Till, grant: Granted) -> None:
    """Four sales of 100.00: one held, one released, one frozen, one nobody's; then 30.00 are paid out, 10.00 fail."""
    async with till.engine.begin() as connection:
        clip = await publish(connection, grant, "disputed")
    await till.sell(
        facts(**by(grant), due=10_000),
        facts(**by(grant), **SETTLED, due=10_000),
        facts(platform="tiktok", content_id="disputed", due=10_000),
        facts(due=10_000, marketplace="douyin"),
    )
    await dispute(till, grant, clip)
    await settle(till, RELEASED)
    party = f"clipper-{grant.clipper.clipper_id}"
    await pay_out(till, party, 3_000, failed=1_000)

    async with till.engine.connect() as connection:
        found = await party_balances(connection, till.book_id)
        alone = await party_balances(connection, till.book_id, "host")
    clippers = PartyBalance(
        party=party, currency="CNY", held=5_700, available=2_130, reserve=570, frozen=5_700, paid=3_000
    )
    hosts = PartyBalance(party="host", currency="CNY", held=3_800, available=3_800, frozen=3_800)
    assert found.parties == [clippers, hosts]
    assert alone.parties == [hosts]
    assert found.receivables == [Receivable("douyin", "CNY", 10_000), Receivable("tiktok", "CNY", 30_000)]
    assert found.suspense == [Suspense("CNY", 10_000)]
    assert found.fees == [Fee(currency="CNY", deferred=1_000, earned=500)]
    owed = sum(each.held + each.available + each.reserve + each.frozen + each.paying for each in found.parties)
    assert owed + 10_000 + 1_000 + 500 == 40_000 - 3_000


async def test_what_a_party_owes_is_recoverable(till: Till) -> None:
    lines = (Line("assets:recoverable:clipper-7", "CNY", 250), Line("liabilities:available:clipper-7", "CNY", -250))
    entry = NewEntry(idempotency_key="r", effective_on=TODAY, description="Recoverable", lines=lines)
    async with till.engine.begin() as connection:
        await ensure_accounts(connection, till.book_id, [NewAccount(line.account, "CNY") for line in lines])
        await post_batch(connection, till.book_id, [entry])
        found = await party_balances(connection, till.book_id, "clipper-7")
    assert found.parties == [PartyBalance(party="clipper-7", currency="CNY", available=250, recoverable=250)]


async def test_an_empty_book_owes_nobody_anything(till: Till) -> None:
    async with till.engine.connect() as connection:
        found = await party_balances(connection, till.book_id)
    assert found == Balances([], [], [], [])


async def test_a_clipper_sees_its_own_with_each_host_and_the_days_ahead(
    till: Till, grant: Granted, new_grant: NewGrant, new_host: NewHost
) -> None:
    other = Till(till.engine, await new_host())
    terms = msgspec.structs.replace(OURS, split=DOLLARS)
    theirs = await new_grant(other.host, terms=terms, clipper=grant.clipper)
    stranger = await new_grant(till.host, terms=OURS)
    later = {"state": "settled", "settled_at": datetime(2026, 10, 22, 4, tzinfo=UTC)}
    await till.sell(
        facts(**by(grant), **SETTLED, due=10_000),
        facts(**by(grant), **later, due=10_000),
        facts(**by(grant), **later, due=5_000),
        facts(**by(grant), due=2_000),
        facts(**by(stranger), **SETTLED, due=70_000),
    )
    await other.sell(facts(**by(theirs), currency="USD", due=1_000))
    await settle(till, RELEASED)

    async with till.engine.connect() as connection:
        found = await earnings(connection, "clipper", grant.clipper.clipper_id)
        nothing = await earnings(connection, "clipper", 2**62)
    party = f"clipper-{grant.clipper.clipper_id}"
    ours = Earnings(
        book=till.host.book,
        host="A host",
        balance=PartyBalance(party=party, currency="CNY", held=8_550 + 1_140, available=5_130, reserve=570),
        releases=[Expected(date(2026, 11, 6), 8_550), Expected(None, 1_140)],
        reserve_releases=[Expected(date(2026, 12, 4), 570)],
    )
    dollars = Earnings(
        book=other.host.book,
        host="A host",
        balance=PartyBalance(party=party, currency="USD", held=450),
        releases=[Expected(None, 450)],
        reserve_releases=[],
    )
    assert found == sorted([ours, dollars], key=lambda each: each.book)
    assert nothing == []


async def test_what_a_months_close_shared_otherwise_is_among_the_days_ahead(till: Till, grant: Granted) -> None:
    [sold] = await till.sell(facts(**by(grant), **SETTLED, due=10_000))
    its = {"sold_in": date(2026, 10, 1), "month": date(2026, 10, 1), "release_on": RELEASED}
    await in_sql(
        till,
        "INSERT INTO settlement.true_ups (book_id, month, sold_in, clipper_id, offer_id, version_no, currency, net_gmv,"
        " host_part, clipper_part, tier, host_change, clipper_change, release_on)"
        " VALUES (:book, :month, :sold_in, :clipper, :offer, 1, 'CNY', 0, 0, 0, 0, -300, 300, :release_on)",
        clipper=sold.clipper_id,
        offer=sold.offer_id,
        **its,
    )
    async with till.engine.connect() as connection:
        [found] = await earnings(connection, "clipper", grant.clipper.clipper_id)
    assert found.releases == [Expected(RELEASED, 5_700 + 300)]


async def test_an_agency_sees_its_own_with_each_host_and_the_days_ahead(
    till: Till, new_agency: NewAgency, new_grant: NewGrant, new_host: NewHost, client: AsyncClient
) -> None:
    """A tenth of 100.00 is the agency's."""
    agency, stranger = await new_agency(), await new_agency()
    terms, party = agency.in_terms(OURS), agency.party
    one, two = await new_grant(till.host, terms=terms), await new_grant(till.host, terms=terms)
    foreign = await new_grant(till.host, terms=stranger.in_terms(OURS))
    other = Till(till.engine, await new_host())
    theirs = await new_grant(other.host, terms=terms)
    later = {"state": "settled", "settled_at": datetime(2026, 10, 22, 4, tzinfo=UTC)}
    await till.sell(
        facts(**by(one), **SETTLED, due=10_000),
        facts(**by(two), **later, due=10_000),
        facts(**by(two), due=2_000),
        facts(**by(foreign), due=70_000),
    )
    await other.sell(facts(**by(theirs), due=3_000))
    await settle(till, RELEASED)
    async with till.engine.connect() as connection:
        found = await earnings(connection, "agency", agency.agency_id)
    ours = Earnings(
        book=till.host.book,
        host="A host",
        balance=PartyBalance(party=party, currency="CNY", held=1_000 + 200, available=1_000),
        releases=[Expected(date(2026, 11, 6), 1_000), Expected(None, 200)],
        reserve_releases=[],
    )
    elsewhere = Earnings(
        book=other.host.book,
        host="A host",
        balance=PartyBalance(party=party, currency="CNY", held=300),
        releases=[Expected(None, 300)],
        reserve_releases=[],
    )
    assert found == sorted([ours, elsewhere], key=lambda each: each.book)
    told = await client.get(f"{agency.path}/earnings", headers=agency.person.bearer)
    assert [each["balance"]["party"] for each in told.json()] == [party, party]
    for path in (stranger.path, f"/v1/clippers/{agency.agency_id}", one.clipper.path):
        assert (await client.get(f"{path}/earnings", headers=agency.person.bearer)).status_code == 404


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(host: Host, new_user: NewUser) -> Person:
    return await new_user(frozenset({"settlement:read"}), "finance", host.book)


async def test_balances_are_finances_and_earnings_the_clippers(
    till: Till, grant: Granted, client: AsyncClient, host: Host, finance: Person, new_host: NewHost
) -> None:
    await till.sell(facts(**by(grant), due=10_000))
    told: dict[str, Any] = (await client.get(f"{host.path}/balances", headers=finance.bearer)).json()
    clipper = grant.clipper
    assert [(each["party"], each["held"]) for each in told["parties"]] == [
        (f"clipper-{clipper.clipper_id}", 5_700),
        ("host", 3_800),
    ]
    one = await client.get(f"{host.path}/balances", params={"party": "host"}, headers=finance.bearer)
    assert [each["party"] for each in one.json()["parties"]] == ["host"]
    wrong = await client.get(f"{host.path}/balances", params={"party": "me"}, headers=finance.bearer)
    assert wrong.status_code == 400
    stranger = await new_host()
    assert (await client.get(f"{host.path}/balances", headers=stranger.person.bearer)).status_code == 404

    [own] = (await client.get(f"{clipper.path}/earnings", headers=clipper.person.bearer)).json()
    assert (own["book"], own["balance"]["held"]) == (host.book, 5_700)
    assert own["releases"] == [{"on": None, "amount": 5_700}]
    assert (await client.get(f"{clipper.path}/earnings", headers=finance.bearer)).status_code == 404
