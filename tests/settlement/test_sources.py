"""Where an entry comes from: the report and the sales that caused it, or what else keeps its number."""

from datetime import date

from ledger.entries import list_entries
from settlement.remittances import NewRemittance, record_remittances
from settlement.sources import CausingSale, Source, sources_of
from tests.settlement.desk import Desk
from tests.settlement.market import export
from tests.settlement.test_importing import DAY, line


async def test_an_entry_of_a_report_names_the_report_and_its_sales(desk: Desk) -> None:
    ana, _, nobody = desk.handles
    done = await desk.read(export([line(1, ana), line(2, nobody, 500)]), DAY, "orders.csv")
    async with desk.engine.connect() as connection:
        (entry,) = await list_entries(connection, desk.book_id)
        found = await sources_of(connection, desk.book_id, entry.entry_id, entry.metadata)
        first = await sources_of(connection, desk.book_id, entry.entry_id, {}, limit=1)
    assert found.causes == [Source("import", done.report.import_id, None, "orders.csv")]
    assert [(sale.due, sale.suspense, sale.cause) for sale in found.sales] == [
        (13_020, 0, "observed"),
        (500, 500, "observed"),
    ]
    assert isinstance(found.sales[0], CausingSale)
    assert (len(first.sales), first.sale_count, first.causes) == (1, 2, found.causes)


async def test_an_entry_of_a_remittance_names_it_and_one_of_nothing_names_nothing(desk: Desk) -> None:
    await desk.read(export([line(1, desk.handles[0])]), DAY)
    new = NewRemittance(
        marketplace="shop",
        currency="CNY",
        amount=100,
        received_on=date(2026, 10, 25),
        account="assets:bank",
        reference="B17",
    )
    async with desk.engine.begin() as connection:
        (made,) = await record_remittances(connection, desk.book_id, "test", [new])
        found = await sources_of(connection, desk.book_id, made.entry_id, {"payout": "no number"})
        nothing = await sources_of(connection, desk.book_id, 0, {"payout": "9" * 30})
    assert found.causes == [Source("remittance", made.remittance_id, None, "shop", "B17")]
    assert (nothing.causes, nothing.sales, nothing.sale_count) == ([], [], 0)
