"""What waits for finance: counted, aged, and said to whom it is for."""

from datetime import date

from sqlalchemy import insert, update

from settlement import awaiting, tables
from settlement.payouts import tables as payouts
from tests.clipledger.front_door import NewPerson
from tests.clipledger.pages.counting_house import CountingHouse, actor
from tests.clipledger.pages.visitor import visiting
from tests.settlement.till import NOON, by, facts


async def _parked(office: CountingHouse, rows: int) -> int:
    book = {"book_id": office.till.book_id}
    file = {"name": "orders.csv", "sha256": "a" * 64, "size": 1, "format": "generic", "columns": [], "zone": "UTC"}
    how = {
        "as_of": NOON,
        "on_fault": "park",
        "state": "done",
        "parked": rows,
        "created_by": "test",
        "finished_at": NOON,
    }
    async with office.till.engine.begin() as connection:
        row = insert(tables.imports).values(**book, **file, **how).returning(tables.imports.c.import_id)
        number: int = (await connection.execute(row)).scalar_one()
        wrong = [
            {**book, "import_id": number, "row_no": n, "rule": "is no amount", "raw": ["x"]} for n in range(1, rows + 1)
        ]
        await connection.execute(insert(tables.parked_rows), wrong)
    return number


async def test_where_nothing_waits_it_says_so(office: CountingHouse) -> None:
    page = await office.see()
    assert "Nothing waits." in page.text
    assert page.figures()["In suspense"] == "nothing"


async def test_each_queue_tells_how_much_and_since_when(office: CountingHouse) -> None:
    await _parked(office, 3)
    await office.till.sell(facts(due=13_020), facts(due=1_000, currency="USD"), facts(**by(office.grant), due=500))
    its = await office.propose()
    page = await office.see()
    figures = page.figures()
    assert figures["Rows nobody could read"].startswith("3")
    assert figures["In suspense, CNY"].startswith("CN¥130.20 1 sale · oldest")
    assert figures["In suspense, USD"].startswith("US$10.00")
    assert (figures["Months to close"], figures["Adjustments to decide"]) == ("1", "1")
    assert page.rows("Months to close") == [
        ["October 2026", "open", "Look through what is open, then draft the statements."]
    ]
    assert page.rows("Rows nobody could read")[0][:2] == ["orders.csv", "3"]
    ((name, _, amount, _, said),) = page.rows("Adjustments to decide")
    assert (name, amount) == (f"adjustment {its.adjustment_id}", "+CN¥12.50")
    assert said == "You have proposed it, so another person decides."
    page = await office.see(by=office.approver)
    assert page.rows("Adjustments to decide")[0][-1] == "Approve it, or refuse it."


async def test_a_submitted_month_and_run_wait_for_the_other_person(office: CountingHouse) -> None:
    await office.till.sell(facts(**by(office.grant)))
    await office.closer.draft(by=actor(office.finance))
    await office.closer.submit(by=actor(office.finance))
    run = {"book_id": office.till.book_id, "rail": "stripe", "basis": "available", "pay_on": date(2026, 11, 5)}
    async with office.till.engine.begin() as connection:
        made = insert(payouts.payout_runs).values(**run, created_by="test").returning(payouts.payout_runs.c.run_id)
        run_id = (await connection.execute(made)).scalar_one()
        submitted = update(payouts.payout_runs).where(payouts.payout_runs.c.run_id == run_id)
        await connection.execute(submitted.values(state="submitted", submitted_by=office.finance.user_id))
        its = {
            "book_id": office.till.book_id,
            "run_id": run_id,
            "currency": "CNY",
            "rail": "stripe",
            "party": office.party,
        }
        await connection.execute(insert(payouts.payouts).values(**its, taken=700, amount=700))
    yours, theirs = "You have submitted it, so another person approves it.", "Approve it, or return it."
    for person, said in ((office.finance, yours), (office.approver, theirs)):
        page = await office.see(by=person)
        assert page.rows("Months to close") == [["October 2026", "submitted", said]]
        ((_, state, number, amount, _, told),) = page.rows("Payout runs")
        assert (state, number, amount, told) == ("submitted", "1", "CN¥7.00", said)
    async with office.till.engine.connect() as connection:
        (waiting,) = await awaiting.waiting_runs(connection, office.till.book_id)
    assert (waiting.run_id, waiting.payouts, waiting.amount) == (run_id, 1, 700)


async def test_only_who_may_read_the_book_sees_it_and_in_chinese(office: CountingHouse, new_person: NewPerson) -> None:
    async with visiting(office.app, await new_person("reviewer", office.host.book)) as visitor:
        await visitor.get(office.path, status=403)
    async with visiting(office.app, office.grant.clipper.person) as visitor:
        await visitor.get(office.path, status=404)
    async with visiting(office.app, office.finance, language="zh") as visitor:
        assert (await visitor.get(office.path)).title == "待办"
