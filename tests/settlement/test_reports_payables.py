"""What finance is told of payables: how they moved in a month, and for how long they have been owed."""

import csv
import io
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.sheets import csv_text
from ledger.splits import Share, SplitRule, Take, Tier
from settlement.reports import ageing, roll_forward
from settlement.reports.ageing import Aged, AgeingReport
from settlement.reports.roll_forward import By, Movement, RollForward
from settlement.reports.roll_forward_sql import MOVES
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewHost
from tests.settlement.books import OCTOBER, Closer
from tests.settlement.shop import settle
from tests.settlement.till import Till, by, facts

SPLIT = SplitRule(
    currency="CNY",
    takes=(Take("platform", "5%"), Take("agency", "10%")),
    shares=(Share("host", 4), Share("clipper", 6)),
)
OURS = msgspec.structs.replace(TERMS, split=SPLIT, agency=9, hold_days=10, reserve="10%", reserve_days=30)
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 10, 4, tzinfo=UTC)}
"""On 10 October; the hold ends on the 20th."""


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


async def rolled(till: Till, month: date = OCTOBER, by: By = "kind", **asked: Any) -> RollForward:
    async with till.engine.connect() as connection:
        return await roll_forward.roll_forward(connection, till.book_id, month, by=by, **asked)


def moves(row: Movement) -> dict[str, int]:
    """Those that are not zero."""
    names = ("opening", *MOVES, "closing", "recoverable", "difference")
    return {name: amount for name in names if (amount := getattr(row, name))}


def table(report: RollForward) -> dict[tuple[str, str], dict[str, int]]:
    return {(row.party, row.currency): moves(row) for row in (*report.rows, *report.totals)}


# Roll-forward -----------------------------------------------------------------------------------------------


async def test_a_month_in_which_everything_happens(till: Till, closer: Closer, grant: Granted) -> None:
    """130.20 is 6.51 platform, 13.02 agency, 44.27 host, 66.40 clipper; 80.00 is 4.00, 8.00, 27.20, 40.80."""
    (before,) = await till.sell(facts(**by(grant), due=8_000, sold_on=date(2026, 9, 20)))
    a, b = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=8_000))
    await till.tell(a, **SETTLED)
    await settle(till, date(2026, 10, 20))  # A is released, a tenth into the reserve: no movement
    await till.tell(b, due=4_000)  # half of B came back: 2.00, 4.00, 13.60, 20.40
    await till.tell(before, due=0)  # all of September's sale
    its = party(grant)
    available, paying = f"liabilities:available:{its}", f"liabilities:paying:{its}"
    recoverable = f"assets:recoverable:{its}"
    on = date(2026, 10, 25)
    await closer.post(on, "Approved", {available: 3_000, paying: -3_000})
    await closer.post(on, "Tax", {available: 500, "liabilities:withheld:cn": -500})
    await closer.post(on, "Sent", {paying: 2_500, "assets:bank": -2_500})
    await closer.post(on, "Goodwill", {"expenses:adjustments": 700, available: -700})
    await closer.post(on, "Overpaid", {recoverable: 900, available: -900})
    await closer.post(on, "Kept back", {available: 400, recoverable: -400})
    await closer.post(on, "Written off", {"expenses:bad-debt": 500, recoverable: -500})

    found = await rolled(till)
    assert found.proved
    assert table(found) == {
        ("agencies", "CNY"): {"opening": 800, "earned": 2_102, "refunds": -1_200, "closing": 1_702},
        ("clippers", "CNY"): {
            "opening": 4_080,
            "earned": 10_720,
            "refunds": -6_120,
            "adjustments": 700,
            "withholding": -500,
            "recoveries": 500,
            "payouts": -2_500,
            "closing": 6_880,
        },
        ("host", "CNY"): {"opening": 2_720, "earned": 7_147, "refunds": -4_080, "closing": 5_787},
        ("all", "CNY"): {
            "opening": 7_600,
            "earned": 19_969,
            "refunds": -11_400,
            "adjustments": 700,
            "withholding": -500,
            "recoveries": 500,
            "payouts": -2_500,
            "closing": 14_369,
        },
    }
    (alone,) = (await rolled(till, party=its)).rows
    assert (alone.party, moves(alone)) == (its, table(found)["clippers", "CNY"])
    assert table(await rolled(till, date(2026, 9, 1)))["all", "CNY"] == {"earned": 7_600, "closing": 7_600}
    assert table(await rolled(till, date(2026, 11, 1)))["all", "CNY"] == {"opening": 14_369, "closing": 14_369}


async def test_it_says_what_the_statements_of_the_month_say(
    till: Till, closer: Closer, host: Host, grant: Granted, new_grant: NewGrant
) -> None:
    """Other clippers, other currencies, two versions of what is known: kind by kind the same sums."""
    other = await new_grant(host)
    await till.sell(*(facts(**by(grant), due=1_000 * each) for each in range(1, 6)))
    a, b, c = await till.sell(facts(**by(grant), due=13_020), facts(**by(grant)), facts(**by(other), due=7_700))
    await till.tell(a, **by(other))
    await till.tell(b, currency="USD", due=8_000)
    await till.tell(c, due=9_900)
    await till.tell(c, state="void", due=0)
    await closer.draft()
    found = await rolled(till, by="party")
    assert found.proved
    for row in found.rows:
        summary = (await closer.statement(row.party, currency=row.currency)).summary
        said = {each.kind: each.amounts.total for each in summary}
        assert (row.earned, row.refunds, row.adjustments) == tuple(
            said.get(kind, 0) for kind in ("earned", "refund", "adjustment")
        )
    assert {row.party for row in found.rows} == {"host", "agency-9", party(grant), party(other)}


async def test_a_sale_that_was_nobodys_is_earned_when_it_is_found_whose_it_is(till: Till, grant: Granted) -> None:
    (a,) = await till.sell(facts(due=13_020))
    assert (await rolled(till)).rows == []
    await till.tell(a, **by(grant))
    assert table(await rolled(till))["clippers", "CNY"] == {"earned": 6_640, "closing": 6_640}


async def test_a_tier_that_was_reached_is_a_true_up(
    till: Till, closer: Closer, host: Host, new_grant: NewGrant
) -> None:
    tiers = (Tier(net_gmv=100_000, weights=(3, 7)),)
    tiered = await new_grant(
        host, terms=msgspec.structs.replace(TERMS, split=msgspec.structs.replace(SPLIT, tiers=tiers, takes=()))
    )
    await till.sell(facts(**by(tiered), due=10_000, net_gmv=100_000))
    await closer.draft()
    found = table(await rolled(till))
    assert found["clippers", "CNY"] == {"earned": 6_000, "true_ups": 1_000, "closing": 7_000}
    assert found["host", "CNY"] == {"earned": 4_000, "true_ups": -1_000, "closing": 3_000}


async def test_an_empty_book_is_proved(till: Till) -> None:
    found = await rolled(till)
    assert (found.proved, found.rows, found.totals) == (True, [], [])


# Ageing -----------------------------------------------------------------------------------------------------


async def aged(till: Till, on: date, **asked: Any) -> AgeingReport:
    async with till.engine.connect() as connection:
        return await ageing.payables_ageing(connection, till.book_id, on, **asked)


def buckets(row: Aged) -> list[int]:
    return [bucket.amount for bucket in row.buckets]


async def test_what_is_owed_is_made_up_of_the_newest_credits(till: Till, closer: Closer) -> None:
    """10.00, 20.00 and 30.00 on three days, 25.00 paid: the first is gone, a quarter of the second remains."""
    held, available, paid = "liabilities:held:clipper-7", "liabilities:available:clipper-7", "assets:bank"
    market = "assets:marketplace:shop"
    await closer.post(date(2026, 6, 1), "Earned", {market: 1_000, held: -1_000})
    await closer.post(date(2026, 7, 1), "Earned", {market: 2_000, held: -2_000})
    await closer.post(date(2026, 8, 20), "Earned", {market: 3_000, held: -3_000})
    await closer.post(date(2026, 8, 30), "Released", {held: 3_000, available: -3_000})  # keeps its age
    await closer.post(date(2026, 8, 30), "Paid", {available: 2_500, paid: -2_500})
    (row,) = (await aged(till, date(2026, 8, 31))).rows
    assert (row.party, row.amount, row.oldest, buckets(row)) == ("clipper-7", 3_500, 61, [3_000, 0, 500, 0])
    (row,) = (await aged(till, date(2026, 8, 20))).rows  # before the payment
    assert (row.amount, row.oldest, buckets(row)) == (6_000, 80, [3_000, 2_000, 1_000, 0])
    (row,) = (await aged(till, date(2026, 10, 31))).rows
    assert (row.amount, buckets(row)) == (3_500, [0, 0, 3_000, 500])


async def test_what_is_overdrawn_is_as_old_as_what_was_taken(till: Till, closer: Closer) -> None:
    available, market = "liabilities:available:clipper-7", "assets:marketplace:shop"
    await closer.post(date(2026, 6, 1), "Earned", {market: 1_000, available: -1_000})
    await closer.post(date(2026, 6, 10), "Paid", {available: 1_000, "assets:bank": -1_000})
    await closer.post(date(2026, 8, 20), "Given back", {market: -300, available: 300})
    (row,) = (await aged(till, date(2026, 8, 31))).rows
    assert (row.amount, row.oldest, buckets(row)) == (-300, 11, [-300, 0, 0, 0])


async def test_who_is_owed_nothing_is_not_listed_and_totals_are_by_currency(till: Till, closer: Closer) -> None:
    market = "assets:marketplace:shop"
    await closer.post(
        date(2026, 8, 1), "Earned", {market: 30, "liabilities:held:clipper-10": -10, "liabilities:held:clipper-9": -20}
    )
    await closer.post(date(2026, 8, 2), "Void", {market: -20, "liabilities:held:clipper-9": 20})
    await closer.post(date(2026, 8, 2), "Earned", {market: 5, "liabilities:held:host": -5}, currency="USD")
    found = await aged(till, date(2026, 9, 5))
    assert [(row.party, row.currency, buckets(row)) for row in found.rows] == [
        ("clipper-10", "CNY", [0, 10, 0, 0]),
        ("host", "USD", [0, 5, 0, 0]),
    ]
    assert [(row.currency, row.amount, buckets(row)) for row in found.totals] == [
        ("CNY", 10, [0, 10, 0, 0]),
        ("USD", 5, [0, 5, 0, 0]),
    ]
    (alone,) = (await aged(till, date(2026, 9, 5), party="host")).rows
    assert alone.links == {"amount": f"/v1/books/{till.host.book}/balances?party=host"}


async def test_suspense_has_the_same_shape(till: Till) -> None:
    await till.sell(facts(due=13_020, sold_on=date(2026, 1, 2)))
    async with till.engine.connect() as connection:
        found = await ageing.suspense_ageing(connection, till.book_id)
    (row,) = found.rows
    assert (row.party, row.currency, row.amount, row.buckets[-1].amount) == ("suspense", "CNY", 13_020, 13_020)
    heading, told = csv.reader(io.StringIO(csv_text(ageing.sheet(found))))
    assert heading[5:] == ["0-7 days", "8-30 days", "31-60 days", "61-90 days", "over 90 days"]
    assert told[3] == "130.20"


# Over HTTP --------------------------------------------------------------------------------------------------


async def test_finance_reads_them_in_pages_and_as_files(client: AsyncClient, till: Till, closer: Closer) -> None:
    lines = {f"liabilities:held:clipper-{number}": -100 for number in range(1, 4)}
    await closer.post(date(2026, 10, 1), "Earned", {"assets:marketplace:shop": 300, **lines})
    path, by_ = f"{till.host.path}/reports", till.host.person.bearer
    asked: dict[str, str | int] = {"month": "2026-10", "by": "party", "limit": 2}
    first = (await client.get(f"{path}/roll-forward", params=asked, headers=by_)).json()
    assert ([row["party"] for row in first["rows"]], first["next_cursor"], first["proved"]) == (
        ["clipper-1", "clipper-2"],
        "2",
        True,
    )
    rest = (await client.get(f"{path}/roll-forward", params={**asked, "cursor": "2"}, headers=by_)).json()
    assert ([row["party"] for row in rest["rows"]], rest["next_cursor"]) == (["clipper-3"], None)
    file = await client.get(f"{path}/roll-forward", params={**asked, "format": "csv"}, headers=by_)
    assert file.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["party"], row["adjustments"], row["difference"]) for row in rows] == [
        ("clipper-1", "1.00", "0.00"),
        ("clipper-2", "1.00", "0.00"),
        ("clipper-3", "1.00", "0.00"),
        ("all", "3.00", "0.00"),
    ]
    old = (await client.get(f"{path}/payables-ageing", params={"as_of": "2026-10-31", "limit": 1}, headers=by_)).json()
    assert (len(old["rows"]), old["totals"][0]["amount"], old["next_cursor"]) == (1, 300, "1")
    for link in (
        first["rows"][0]["links"]["closing"],
        first["rows"][0]["links"]["earned"],
        old["rows"][0]["links"]["amount"],
    ):
        assert (await client.get(link, headers=by_)).status_code == 200


@pytest.mark.parametrize(
    ("report", "query", "field"),
    [
        ("roll-forward", {}, "month"),
        ("roll-forward", {"month": "2026-13"}, "month"),
        ("roll-forward", {"month": "2026-10", "party": "clipper"}, "party"),
        ("roll-forward", {"month": "2026-10", "cursor": "-1"}, "cursor"),
        ("payables-ageing", {"as_of": "yesterday"}, "as_of"),
    ],
)
async def test_what_is_asked_wrongly_is_refused(
    client: AsyncClient, host: Host, report: str, query: dict[str, str], field: str
) -> None:
    refused = await client.get(f"{host.path}/reports/{report}", params=query, headers=host.person.bearer)
    assert refused.status_code in (400, 422)
    assert field in refused.text


async def test_another_host_sees_nothing(client: AsyncClient, till: Till, new_host: NewHost) -> None:
    other = await new_host()
    for report in ("roll-forward?month=2026-10", "payables-ageing", "suspense-ageing", "receivables", "performance"):
        answer = await client.get(f"{till.host.path}/reports/{report}", headers=other.person.bearer)
        assert answer.status_code == 404, report
