"""What if: the same sales under other terms, to the cent, with tiers, refunds, claims and months that are cut."""

import random
import time
from collections.abc import Awaitable, Callable
from datetime import date
from itertools import product
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.splits import Share, SplitRule, Take, Tier, evaluate, true_up
from licensing.terms import Terms
from licensing.what_if import Period, WhatIf
from settlement.true_ups import post_true_ups
from settlement.what_ifs import Replays, _Month
from tests.licensing.house import TERMS, Granted, Host, NewGrant
from tests.settlement.books import Closer
from tests.settlement.shop import CONCEDED, decide, dispute, settle, sums
from tests.settlement.till import NOON, Till, by, facts

TIERED = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"),),
    shares=(Share("host", 4), Share("clipper", 6)),
    tiers=(Tier(200_000, (35, 65)), Tier(300_000, (3, 7))),
)
OURS = msgspec.structs.replace(TERMS, split=TIERED)
WHOLE = Period(since=date(2026, 10, 1), until=date(2026, 10, 31))
Ask = Callable[..., Awaitable[WhatIf]]


def shared(host: int, clipper: int, **more: Any) -> Terms:
    """The terms of the tests with another split, without tiers."""
    shares = (Share("host", host), Share("clipper", clipper))
    split = SplitRule(**{"currency": "CNY", "takes": TIERED.takes, "shares": shares, **more})
    return msgspec.structs.replace(TERMS, split=split)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host, terms=OURS)


@pytest.fixture
def ask(app_engine: AsyncEngine, grant: Granted) -> Ask:
    async def asked(terms: Terms, period: Period = WHOLE) -> WhatIf:
        async with app_engine.connect() as connection:
            return await Replays().under(connection, grant.book_id, grant.offer_id, terms, period)

    return asked


async def test_a_hand_checked_month_at_five_to_five(till: Till, grant: Granted, ask: Ask) -> None:
    """130.20 twice: 6.51 platform, 123.69 shared, 2,000.00 net: 35 : 65 of 247.38 is 86.58 and 160.80. At 5 : 5 of
    each line 61.85 (half a cent up, the host ranks first) and 61.84.
    """
    await till.sell(facts(**by(grant)), facts(**by(grant)))
    found = await ask(shared(5, 5))
    assert (found.sales, found.gross) == (2, 26_040)
    assert found.accrued == {"platform": 1_302, "host": 8_658, "clipper": 16_080}
    assert found.proposed == {"platform": 1_302, "host": 12_370, "clipper": 12_368}
    assert (found.clippers.less, found.clippers.median_less, found.clippers.more) == (1, 3_712, 0)
    assert found.told == (
        "2 sales, as they are known now. Platform: 13.02 CNY, as it was. "
        "Host: 86.58 CNY was accrued, 123.70 would have been, 37.12 more. "
        "Clipper: 160.80 CNY was accrued, 123.68 would have been, 37.12 less. "
        "Of 1 clippers 0 would have had more, 1 less."
    )


async def test_what_was_accrued_is_what_the_books_say_once_the_month_is_closed(
    till: Till, grant: Granted, ask: Ask
) -> None:
    await till.sell(*(facts(**by(grant), due=due, net_gmv=70_000) for due in (13_020, 7, 1, 0, 99_999)))
    before = await ask(OURS)
    await Closer(till).draft()
    balances = await till.balances()
    owed = {party: -sum(sums(balances, name).values()) for party, name in _names(grant).items()}
    assert {party: before.accrued[party] for party in owed} == {party: -part for party, part in owed.items()}
    assert await ask(OURS) == before
    assert before.accrued == before.proposed


def _names(grant: Granted) -> dict[str, str]:
    return {"host": "host", "clipper": f"clipper-{grant.clipper.clipper_id}"}


async def test_the_same_terms_give_what_was_accrued_with_claims_refunds_and_crumbs(
    till: Till, host: Host, grant: Granted, ask: Ask, new_grant: NewGrant
) -> None:
    other = await new_grant(host, offer_id=grant.offer_id)
    sold = await till.sell(
        *(facts(**by(whose), due=due, net_gmv=90_000) for whose, due in product((grant, other), (1, 2, 3, 13_021, 777)))
    )
    await till.tell(sold[3], due=4_999, net_gmv=30_000)
    await till.tell(sold[8], due=0, net_gmv=0)
    await decide(till, await dispute(till, other), CONCEDED)
    await settle(till, date(2026, 10, 8))
    found = await ask(OURS)
    assert found.accrued == found.proposed
    assert sum(found.accrued.values()) == found.gross
    assert found.clippers.same == 2


async def test_what_was_forfeited_stays_the_host_s(till: Till, grant: Granted, ask: Ask) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    await decide(till, await dispute(till, grant), CONCEDED)
    await settle(till, date(2026, 10, 8))
    assert (await ask(shared(3, 7))).proposed == {"platform": 651, "host": 12_369, "clipper": 0}


async def test_a_claim_that_is_not_swept_yet_has_taken_nothing_yet(till: Till, grant: Granted, ask: Ask) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    await decide(till, await dispute(till, grant), CONCEDED)
    found = await ask(OURS)
    assert found.accrued == found.proposed == {"platform": 651, "host": 4_948, "clipper": 7_421}


async def test_tiers_of_the_proposal_are_reached_by_clipper_and_month(
    till: Till, host: Host, grant: Granted, ask: Ask, new_grant: NewGrant
) -> None:
    other = await new_grant(host, offer_id=grant.offer_id)
    september = {"sold_on": date(2026, 9, 30)}
    await till.sell(facts(**by(grant), due=1_000), facts(**by(grant), due=1_000), facts(**by(other), due=1_000))
    await till.sell(facts(**by(grant), due=1_000, **september))
    tiers = (Tier(200_000, (3, 7)),)
    found = await ask(shared(5, 5, takes=(), tiers=tiers), Period(since=date(2026, 9, 1), until=date(2026, 10, 31)))
    assert found.proposed == {"host": 2 * 300 + 500 + 500, "clipper": 2 * 700 + 500 + 500, "platform": 0}


async def test_a_month_that_is_cut_is_shared_at_the_tier_that_it_reached_whole(
    till: Till, grant: Granted, ask: Ask
) -> None:
    await till.sell(facts(**by(grant)), facts(**by(grant), sold_on=date(2026, 10, 20)))
    found = await ask(OURS, Period(since=date(2026, 10, 1), until=date(2026, 10, 10)))
    assert (found.sales, found.gross) == (1, 13_020)
    assert found.accrued == found.proposed == {"platform": 651, "host": 4_329, "clipper": 8_040}


async def test_nobody_is_counted_who_sold_outside_the_period_only(till: Till, grant: Granted, ask: Ask) -> None:
    await till.sell(facts(**by(grant), sold_on=date(2026, 10, 20)))
    found = await ask(shared(5, 5), Period(since=date(2026, 10, 1), until=date(2026, 10, 10)))
    assert (found.sales, found.clippers.less, found.clippers.same) == (0, 0, 0)
    assert found.told == "The offer sold nothing in these days."


async def test_other_offers_other_currencies_and_suspense_are_left_out(
    till: Till, host: Host, grant: Granted, ask: Ask, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    await till.sell(facts(**by(grant)), facts(**by(other)), facts(), facts(**by(grant), currency="USD"))
    assert (await ask(OURS)).sales == 1
    assert (await ask(shared(5, 5, currency="USD", tiers=()))).sales == 0


async def test_a_party_that_only_one_of_the_terms_names_is_told_of_with_nothing(
    till: Till, grant: Granted, ask: Ask
) -> None:
    await till.sell(facts(**by(grant), due=10_000))
    split = SplitRule(currency="CNY", takes=(Take("agency", "10%"),), shares=(Share("host", 5), Share("clipper", 5)))
    found = await ask(msgspec.structs.replace(TERMS, split=split, agency=3))
    assert found.accrued == {"agency": 0, "host": 3_800, "clipper": 5_700, "platform": 500}
    assert found.proposed == {"agency": 1_000, "host": 4_500, "clipper": 4_500, "platform": 0}


_AMOUNTS = st.integers(-(10**6), 10**9)
_WEIGHTS = st.tuples(st.integers(1, 99), st.integers(1, 99))


@given(
    st.lists(st.tuples(_AMOUNTS, _AMOUNTS), max_size=12),
    _WEIGHTS,
    st.lists(st.tuples(st.integers(1, 10**9), _WEIGHTS), max_size=3, unique_by=lambda tier: tier[0]),
    st.sampled_from([(), (Take("platform", "5%"),), (Take("platform", fixed=30, rate="7.5%"),)]),
)
@settings(deadline=None)
def test_a_month_ends_as_its_sales_and_its_true_up_do(
    sold: list[tuple[int, int]], weights: tuple[int, int], tiers: Any, takes: tuple[Take, ...]
) -> None:
    """Whatever the rule: line by line by the plain waterfall, then what the month's close posts."""
    shares = (Share("host", weights[0]), Share("clipper", weights[1]))
    rule = SplitRule(currency="CNY", takes=takes, shares=shares, tiers=tuple(Tier(*tier) for tier in sorted(tiers)))
    expected: dict[str, int] = {}
    month, counted, net = _Month(), {"host": 0, "clipper": 0}, 0
    for due, net_gmv in sold:
        parts = evaluate(rule, due).parts
        month.add(parts, net_gmv, inside=True)
        for party, part in parts.items():
            expected[party] = expected.get(party, 0) + part
        if parts["clipper"] or not parts["host"]:
            net += net_gmv
            counted = {party: counted[party] + parts[party] for party in counted}
    for party, change in true_up(rule, {0: counted}, net).items():
        expected[party] += change
    assert month.final(rule) == expected
    assert sum(expected.values()) == sum(due for due, _ in sold)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_was_sold_the_same_terms_give_what_the_closed_books_say(
    till: Till, host: Host, new_grant: NewGrant, app_engine: AsyncEngine, seed: int
) -> None:
    chance = random.Random(seed)
    weights = [(host_part, 10 - host_part) for host_part in (5, 4, 3)]
    steps = sorted(chance.sample(range(10_000, 900_000), 2))
    takes = chance.choice([(), (Take("platform", "5%", fixed=3),), (Take("platform", "7.25%", of="rest"),)])
    split = SplitRule(
        currency="CNY",
        takes=takes,
        shares=tuple(map(Share, ("host", "clipper"), weights[0])),
        tiers=tuple(map(Tier, steps, weights[1:])),
    )
    terms = msgspec.structs.replace(TERMS, split=split)
    grants = [await new_grant(host, terms=terms)]
    grants += [await new_grant(host, offer_id=grants[0].offer_id) for _ in range(2)]
    days = [date(2026, 9, 3), date(2026, 9, 30), date(2026, 10, 1), date(2026, 10, 31)]
    told = [
        facts(
            **by(chance.choice(grants)),
            due=chance.choice([0, 1, 2, chance.randrange(50_000)]),
            net_gmv=chance.randrange(100_000),
            sold_on=chance.choice(days),
        )
        for _ in range(40)
    ]
    sold = await till.sell(*told)
    for refunded in chance.sample(sold, 8):
        await till.tell(refunded, due=refunded.due // 3, net_gmv=refunded.net_gmv // 3)
    await decide(till, await dispute(till, grants[1]), CONCEDED)
    await settle(till, date(2026, 11, 2))
    for month in (date(2026, 9, 1), date(2026, 10, 1)):
        async with app_engine.begin() as connection:
            await post_true_ups(connection, till.book_id, month)
    async with app_engine.connect() as connection:
        period = Period(since=date(2026, 9, 1), until=date(2026, 10, 31))
        found = await Replays().under(connection, till.book_id, grants[0].offer_id, terms, period)
    assert found.accrued == found.proposed
    assert sum(found.accrued.values()) == found.gross
    owed = {name: sum(sums(await till.balances(), name).values()) for name in ("host", *map(_party, grants))}
    assert (found.accrued["host"], found.accrued["clipper"]) == (owed.pop("host"), sum(owed.values()))


def _party(grant: Granted) -> str:
    return f"clipper-{grant.clipper.clipper_id}"


async def test_sales_by_the_ten_thousand_are_shared_in_no_time(till: Till, grant: Granted, ask: Ask) -> None:
    """A quarter of a hundred thousand, in a quarter of two seconds, of this process; the database takes about as long
    again.
    """
    row = """
        INSERT INTO settlement.sales (book_id, marketplace, order_no, line_no, as_of, sha256, import_id, row_no,
            currency, product, gmv, net_gmv, due, state, sold_at, sold_on, rule, confidence, grant_id, clipper_id,
            offer_id, version_no, change_no, posted, platform_part, host_part, clipper_part)
        SELECT :book, 'tiktok', 'many-' || number || :book, '1', :at, repeat('0', 64), 1, number, 'CNY', '17', 100, 100,
               number, 'pending', :at, DATE '2026-10-05', 'handle', 80, :grant, :clipper, :offer, 1, 1, number, 0,
               number, 0 FROM generate_series(1, 25000) AS number
    """
    numbers = {"grant": grant.grant_id, "clipper": grant.clipper.clipper_id, "offer": grant.offer_id}
    async with till.engine.begin() as connection:
        await connection.execute(text(row), {"book": till.book_id, "at": NOON, **numbers})
    start = time.process_time()
    assert (await ask(shared(5, 5))).sales == 25_000
    assert time.process_time() - start < 0.5


async def test_it_is_asked_over_http(client: AsyncClient, till: Till, host: Host, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    body = {"terms": msgspec.to_builtins(shared(5, 5)), "period": {"since": "2026-10-01", "until": "2026-10-31"}}
    path = f"{host.path}/offers/{grant.offer_id}/what-if"
    answer = await client.post(path, json=body, headers=host.person.bearer)
    assert answer.status_code == 200, answer.text
    assert answer.json()["proposed"] == {"platform": 651, "host": 6_185, "clipper": 6_184}
    far = {**body, "period": {"since": "9999-01-01", "until": "9999-12-31"}}
    assert (await client.post(path, json=far, headers=host.person.bearer)).json()["sales"] == 0
    first = {**body, "period": {"since": "0001-01-01", "until": "0001-12-31"}}
    assert (await client.post(path, json=first, headers=host.person.bearer)).json()["sales"] == 0
