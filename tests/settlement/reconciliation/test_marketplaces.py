"""Reports and ledger: every sale posted with what is due, every entry known, every remittance against what settled."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text

from settlement.errors import ExceptionsOpen
from settlement.exceptions import OpenMatter, open_matters
from settlement.reconciliation.errors import InvalidReconciliation, NothingProposed
from settlement.reconciliation.putting_right import post_entry
from settlement.remittances import NewRemittance, record_remittances, reverse_remittance
from tests.settlement.books import Closer
from tests.settlement.desk import Desk
from tests.settlement.reconciliation.office import ANA, NOVEMBER, OCTOBER, Office, moved, only
from tests.settlement.till import Till, facts

TIKTOK = "assets:marketplace:tiktok"
SETTLED = {"state": "settled", "settled_at": datetime(2026, 10, 20, tzinfo=UTC)}


@pytest.fixture
def till(office: Office) -> Till:
    return Till(office.engine, office.host)


async def remitted(office: Office, amount: int, reference: str = "B1", day: date = date(2026, 10, 25)) -> int:
    told = NewRemittance(
        marketplace="tiktok",
        currency="CNY",
        amount=amount,
        received_on=day,
        account="assets:bank",
        reference=reference,
    )
    async with office.engine.begin() as connection:
        (made,) = await record_remittances(connection, office.book_id, "user:1", [told])
    return made.remittance_id


async def in_sql(office: Office, query: str, **values: Any) -> None:
    async with office.engine.begin() as connection:
        await connection.execute(text(query), {"book": office.book_id, **values})


async def test_what_is_posted_is_what_reports_say(office: Office, till: Till) -> None:
    sold, *_ = await till.sell(facts(due=13_020, **SETTLED), facts(due=5_000), facts(due=7, currency="USD"))
    await till.tell(sold, due=12_000)
    await remitted(office, 12_000)
    desk = await office.run(TIKTOK)
    assert (desk.sums.ledger, desk.sums.outside, await desk.kinds()) == (5_000, 5_000, [])
    wrong = await remitted(office, 1, "B2")
    async with office.engine.begin() as connection:
        await reverse_remittance(connection, office.book_id, "user:1", wrong, "Not ours")  # dated today, in November
    november = await office.run(TIKTOK, month=date(2030, 1, 1))
    assert (november.sums.ledger, november.sums.outside, await november.kinds()) == (5_000, 5_000, [])


async def test_a_sale_that_went_into_another_currency(office: Office, till: Till) -> None:
    (sold,) = await till.sell(facts(due=13_020))
    await till.tell(sold, due=2_000, currency="USD")
    late = date(2030, 1, 1)
    for currency, left in (("CNY", 0), ("USD", 2_000)):
        desk = await office.run(TIKTOK, currency, late)
        assert (desk.sums.ledger, desk.sums.outside, await desk.kinds()) == (left, left, [])


async def test_a_sale_that_is_not_posted_as_it_is_due(office: Office, till: Till) -> None:
    await till.sell(facts(due=13_020), facts(due=5_000))
    await in_sql(office, "UPDATE settlement.sales SET due = 14000 WHERE book_id = :book AND due = 13020")
    desk = await office.run(TIKTOK)
    its = only(await desk.residuals(), "sale-not-posted")
    assert (its.ledger_amount, its.outside_amount, its.owner) == (13_020, 14_000, "operator")
    assert (desk.sums.ledger, desk.sums.outside) == (18_020, 19_000)


async def test_an_entry_of_no_sale_and_no_remittance(office: Office, till: Till) -> None:
    await till.sell(facts(due=13_020))
    await office.book(700, account=TIKTOK)
    desk = await office.run(TIKTOK)
    its = only(await desk.residuals(), "missing-outside")
    assert (its.amount, desk.sums.residuals) == (700, 700)
    async with office.engine.begin() as connection:
        with pytest.raises((NothingProposed, InvalidReconciliation)):
            await post_entry(connection, office.book_id, desk.number, its.residual_id, ANA, reason="x")


async def test_what_settled_before_the_month_is_paid_in_it_and_nothing_more(office: Office, till: Till) -> None:
    await till.sell(facts(due=13_020, **SETTLED))
    assert await (await office.run(TIKTOK)).kinds() == []  # it has until the end of November
    november = await office.run(TIKTOK, month=NOVEMBER)
    its = only(await november.residuals(), "remittance-short")
    assert (its.ledger_amount, its.outside_amount, its.owner, its.since) == (
        13_020,
        0,
        "marketplace",
        date(2026, 10, 31),
    )
    assert november.sums.residuals == 0
    await remitted(office, 14_000)
    assert await (await office.run(TIKTOK)).kinds() == [("remittance-over", -980)]


async def test_a_row_that_nobody_could_read(desk: Desk) -> None:
    office = Office(desk.engine, desk.storage, desk.host)
    content = (
        b"marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
        b"my-shop,A-1,1,CNY,17,1,0,651.00,130.20,,pending,2026-10-03T12:30:00Z\n"
        b"my-shop,A-2,1,CNY,17,1,0,wrong,130.20,,pending,2026-10-03T12:30:00Z\n"
    )
    await desk.read(content, date(2026, 10, 10))
    table = await office.run("assets:marketplace:my-shop")
    its = only(await table.residuals(), "report-row-parked")
    assert (its.currency, its.amount, its.owner, its.since) == (None, 0, "finance", date(2026, 10, 10))
    assert (table.sums.ledger, table.sums.outside) == (13_020, 13_020)
    query = "UPDATE settlement.parked_rows SET settled_by = 't', settled_at = now(), reason = 'x' WHERE book_id = :book"
    await in_sql(office, query)
    assert await (await office.run("assets:marketplace:my-shop")).kinds() == []


# The month's close ------------------------------------------------------------------------------------------


async def _matters(office: Office) -> list[OpenMatter]:
    async with office.engine.connect() as connection:
        found = await open_matters(connection, office.book_id, NOVEMBER)
    return [its for its in found if its.matter == "unreconciled"]


async def test_a_month_is_not_closed_over_accounts_that_nobody_signed_for_without_a_reason(office: Office) -> None:
    assert await _matters(office) == []
    await office.book(500, reference="B1")
    await office.hear(moved(500, reference="B1"), moved(1, currency="USD"))
    place = f"/v1/books/{office.host.book}/reconciliations/board?month=2026-10"
    assert await _matters(office) == [
        OpenMatter("unreconciled", 1, place, "CNY"),
        OpenMatter("unreconciled", 1, place, "USD"),
    ]
    closer = Closer(Till(office.engine, office.host))
    await closer.draft()
    with pytest.raises(ExceptionsOpen):
        await closer.submit(reason=None)
    for currency in ("CNY", "USD"):
        desk = await office.run(currency=currency)
        await desk.explain_all()
        await desk.submit()
        await desk.sign()
    assert await _matters(office) == []
    await closer.submit(reason=None)


async def test_what_was_begun_is_to_be_signed_too(office: Office, till: Till) -> None:
    await till.sell(facts(due=13_020))
    assert await _matters(office) == []
    await office.run(TIKTOK, month=OCTOBER)
    assert [its.count for its in await _matters(office)] == [1]
