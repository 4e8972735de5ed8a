"""Finance: a report read in, a sale in suspense decided, a month reopened and closed by two people."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.async_api import expect

from tests.browser.sitting import Sitting

TODAY = datetime.now(ZoneInfo("Asia/Shanghai")).date()
LAST = TODAY.replace(day=1) - timedelta(days=1)
"""In the month that the demo has closed."""
_REPORT = (
    "marketplace,order,line,currency,product,quantity,refunded,gmv,estimated,actual,state,placed_at\n"
    "my-shop,{order},1,CNY,1729384756012,1,0,651.00,130.20,,pending,{day}T00:30:00Z\n"
    "my-shop,{order},2,CNY,1729384756012,1,0,abc,130.20,,pending,{day}T00:30:00Z\n"
)


async def test_finance_previews_and_imports_a_report_and_sees_what_waits(sitting: Sitting, tmp_path: Path) -> None:
    report = tmp_path / f"orders-{sitting.variant}.csv"
    report.write_text(_REPORT.format(order=f"B-{sitting.variant}", day=TODAY.replace(day=1)))
    mei = await sitting.is_now("Mei")
    await sitting.look("finance-to-do")
    await sitting.go(f"{mei}/imports")
    await sitting.fill("report", {"_body": str(report), "?as_of": f"{TODAY}"})
    await sitting.send("report")
    await expect(sitting.page.locator("[data-live]")).to_have_count(0, timeout=60_000)
    assert "abc" in await sitting.look("finance-import")
    await sitting.go(f"{mei}/suspense")
    assert "130.20" in await sitting.look("finance-suspense")


async def test_two_people_reopen_a_month_and_close_it_again(sitting: Sitting) -> None:
    mei = await sitting.is_now("Mei")
    await sitting.go(f"{mei}/months")
    await sitting.look("finance-months")
    month = f"{mei}/months/{LAST:%Y-%m}"
    await sitting.follow(month)
    await sitting.look("finance-month-issued")
    await sitting.fill("ask-reopening", reason="A report came late")
    await sitting.send("ask-reopening")

    await sitting.is_now("Tom")
    await sitting.go(month)
    await sitting.look("finance-month-to-reopen")
    await sitting.send("reopen")

    await sitting.is_now("Mei")
    await sitting.go(month)
    await sitting.send("draft")
    await sitting.look("finance-month-drafted")
    await sitting.fill("submit", {"reason@null": "What is open is of next month"})
    await sitting.send("submit")

    await sitting.is_now("Tom")
    await sitting.go(month)
    await sitting.look("finance-month-submitted")
    await sitting.send("approve")
    await sitting.look("finance-month-closed")


async def test_finance_looks_at_everything_there_is(sitting: Sitting) -> None:
    mei = await sitting.is_now("Mei")
    for page in await sitting.menu(mei):
        await sitting.go(page)
        await sitting.look(f"finance{page.removeprefix(mei).replace('/', '-')}")
    for place, asked in {"statements": "", "payouts": "", "reconciliations": f"?month={TODAY:%Y-%m}"}.items():
        await sitting.go(f"{mei}/{place}{asked}")
        await sitting.follow(f"{mei}/{place}/")
        await sitting.look(f"finance-one-of-{place}")
    await sitting.go(f"{mei}/ledger")
    await sitting.follow(f"{mei}/ledger?below=")
    await sitting.follow(f"{mei}/ledger/")
    await sitting.look("finance-account")
    await sitting.follow(f"{mei}/ledger/entries/")
    await sitting.look("finance-entry")


async def test_an_operator_looks_at_everything_there_is(sitting: Sitting) -> None:
    olu = await sitting.is_now("Olu")
    for page in await sitting.menu(olu):
        await sitting.go(page)
        await sitting.look(f"operator{page.removeprefix(olu).replace('/', '-')}")
