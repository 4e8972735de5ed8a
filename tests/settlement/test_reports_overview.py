"""Days' sales in one scan, and the best of some days, each currency for itself."""

from datetime import date

from sqlalchemy.ext.asyncio import AsyncEngine

from settlement.reports.overview import Best, DaySold, days_sold, recently_sold
from tests.licensing.house import Host, NewGrant, NewHost
from tests.settlement.till import Till, by, facts

MONDAY, TUESDAY = date(2026, 10, 5), date(2026, 10, 6)


async def test_days_are_summed_by_currency_and_no_other_hosts_sales_count(
    app_engine: AsyncEngine, host: Host, new_host: NewHost, new_grant: NewGrant
) -> None:
    grant = await new_grant(host)
    till = Till(app_engine, host)
    await till.sell(facts(**by(grant)), facts(**by(grant), net_gmv=0, due=0), facts(sold_on=TUESDAY, currency="USD"))
    await Till(app_engine, await new_host()).sell(facts())
    async with app_engine.connect() as connection:
        found = (await days_sold(connection, host.book_id, MONDAY, TUESDAY)).days
        assert found == [
            DaySold(MONDAY, "CNY", 2, 200_000, 100_000, 13_020, 4_948),
            DaySold(TUESDAY, "USD", 1, 100_000, 100_000, 13_020, 0),
        ]
        assert (await days_sold(connection, host.book_id, TUESDAY, TUESDAY)).days == found[1:]


async def test_the_best_come_first_and_so_many_of_each_kind(
    app_engine: AsyncEngine, host: Host, new_grant: NewGrant
) -> None:
    grants = [await new_grant(host) for _ in range(3)]
    told = [facts(**by(grant), gmv=gmv, product=f"p-{gmv}") for grant, gmv in zip(grants, (300, 500, 400), strict=True)]
    await Till(app_engine, host).sell(*told, facts(gmv=900, currency="USD"))
    async with app_engine.connect() as connection:
        found = await recently_sold(connection, host.book_id, "CNY", MONDAY, TUESDAY, most=2)
        assert found.clippers == 3
        assert [each.key for each in found.of("clipper")] == [str(grants[n].clipper.clipper_id) for n in (1, 2)]
        assert found.of("product")[0] == Best("product", "p-500", "tiktok", None, 500, 100_000, 13_020)
        assert found.of("clip") == []
        nothing = await recently_sold(connection, host.book_id, "JPY", MONDAY, TUESDAY)
        assert (nothing.clippers, nothing.best) == (0, [])
