"""The operator's pages about the service: its health, its clock, its rails, and the bounds of splits."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from litestar import Litestar
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.pages.operator.job_words import JOBS
from clipledger.timetable import timetable
from settlement.reconciliation.tables import platform_lines
from tests.clipledger.front_door import Company
from tests.clipledger.pages.visitor import visiting

HALT = text("INSERT INTO settlement.rail_halts (rail, reason) VALUES ('stripe', 'the key is refused')")
GIVEN_UP = text("""
    INSERT INTO settlement.rail_events
        (event_id, rail, kind, account, object_id, created_at, payload, attempts, outcome)
    VALUES (:event, 'stripe', 'account.updated', 'acct_1', 'acct_1', now(), '{}', 16, 'no answer')
""")
FAIL = text("""
    WITH job AS (
        INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, lock, status, args)
        VALUES ('default', 'seal_books', NULL, 'failed', '{}') RETURNING id
    )
    INSERT INTO jobs.procrastinate_events (job_id, type, at) SELECT id, 'failed', now() FROM job
""")


async def test_health_says_what_is_wrong_and_what_to_do(
    app: Litestar, company: Company, owner_engine: AsyncEngine
) -> None:
    async with owner_engine.begin() as connection:
        await connection.execute(HALT)
        await connection.execute(FAIL)
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator")
        found = {row[0]: row[1:] for row in page.rows("What was looked at")}
        assert found["Database"][0] == "well"
        assert found["Workers"] == [
            "needs you",
            "None is running: no job is done Start one: clipledger worker, or clipledger serve",
        ]
        assert "Seal books" in found["Jobs"][1]
        assert "Stripe" in found["Payout rails"][1]
        assert page.soup.select_one("#health[data-live]")

        page = await visitor.get("/operator/rails")
        assert "because: the key is refused" in page.text
        page = await visitor.send(page, "resume-stripe")
        assert "The rail may be used again." in page.text
        assert "resume-stripe" not in page.forms()


async def test_events_that_were_given_up_are_shown_and_tried_again(
    app: Litestar, company: Company, owner_engine: AsyncEngine
) -> None:
    events = [f"evt_{uuid4().hex}" for _ in range(3)]
    async with owner_engine.begin() as connection:
        await connection.execute(text("UPDATE settlement.rail_events SET processed_at = now()"))
        await connection.execute(GIVEN_UP, [{"event": event} for event in events])
    async with visiting(app, company.operator) as visitor:
        rows = {row[0]: row[1:] for row in (await visitor.get("/operator")).rows("What was looked at")}
        assert rows["Stripe's events"] == [
            "needs you",
            "3 could not be acted upon, and were given up See why, put it right, then try them again.",
        ]
        page = await visitor.get("/operator/rails")
        rows = {row[1].split()[-1]: row for row in page.rows("Events that were given up")}
        assert rows[events[0]][1:4] == [f"account.updated {events[0]}", "acct_1 acct_1", "no answer"]
        page = await visitor.send(page, f"retry-{events[0]}")
        assert "It is tried again within moments." in page.text
        page = await visitor.send(page, "retry-all")
        assert "There are none: all that Stripe told was acted upon, or waits for its turn." in page.text
        rows = {row[0]: row[1:] for row in (await visitor.get("/operator")).rows("What was looked at")}
        assert rows["Stripe's events"] == ["well", "None was given up"]
    async with visiting(app, company.operator, language="zh") as visitor:
        assert "已放弃的事件" in (await visitor.get("/operator/rails")).text


async def test_every_job_of_the_schedule_is_told_in_words(
    app: Litestar, company: Company, app_engine: AsyncEngine
) -> None:
    async with app_engine.connect() as connection:
        jobs = [each.job for each in (await timetable(connection, datetime.now(UTC))).jobs]
    assert set(jobs) <= set(JOBS)
    async with visiting(app, company.operator) as visitor:
        rows = (await visitor.get("/operator/schedule")).rows("Jobs")
        assert len(rows) == len(jobs)
        assert rows[0][:2] == [
            "Seal books Seals every book's new entries, and the statements of its months.",
            "every 5 minutes",
        ]
        clocks = {row[1] for row in rows}
        assert {"every minute", "every hour, 7 minutes past", "every day at 03:17 UTC"} <= clocks


async def test_a_movement_without_a_book_is_assigned_once(
    app: Litestar, company: Company, owner_engine: AsyncEngine
) -> None:
    told = {"source": "stripe", "account": "platform", "external_id": uuid4().hex, "kind": "top-up", "reference": ""}
    when = {"moved_at": datetime(2026, 10, 5, 12, tzinfo=UTC), "value_on": datetime(2026, 10, 5, tzinfo=UTC).date()}
    line = insert(platform_lines).values(**told, **when, amount=123450, currency="CNY", description="for the house")
    async with owner_engine.begin() as connection:
        number = await connection.scalar(line.returning(platform_lines.c.line_id))
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/rails", line=number)
        assert "Whose is CN¥1,234.50 of 5 Oct 2026?" in page.text
        page = await visitor.send(page, "assign", book="no-such-book", reason="said so", status=404)
        assert page.typed("assign", "reason") == "said so"
        page = await visitor.send(page, "assign", book=company.book)
        assert "It is a line of that book now." in page.text
        [row] = [
            row
            for row in (await visitor.get("/operator/rails", lines="assigned")).rows("Movements that name no book")
            if told["external_id"] in row[3]
        ]
        assert row[4] == f"A book {company.operator.email} : said so"


@pytest.mark.usefixtures("own_bounds")
async def test_bounds_are_changed_with_a_reason_that_stays(app: Litestar, company: Company) -> None:
    async with visiting(app, company.operator) as visitor:
        page = await visitor.get("/operator/policy")
        wrong = {"least[0]": "9", "least[1]": "1", "most[0]": "5", "most[1]": "5", "reason": "by mistake"}
        page = await visitor.send(page, "bounds", fields=wrong, status=422)
        assert "must not be above the most, 5:5" in page.text
        assert page.typed("bounds", "least[0]") == "9"
        page = await visitor.send(page, "bounds", fields={"least[0]": "ten"}, status=400)
        assert page.faults() == ["must be a whole number"]
        page = await visitor.send(page, "bounds", fields={"least[0]": "3", "least[1]": "7", "reason": "as agreed"})
        assert page.figures()["At the least, host : clipper"] == "3 : 7 30% to the host"
        row = page.rows("Bounds there were")[0]
        assert row[1:] == ["3 : 7", "5 : 5", company.operator.email, "as agreed"]


async def test_all_pages_speak_chinese(app: Litestar, company: Company) -> None:
    async with visiting(app, company.operator, language="zh") as visitor:
        titles = [
            (await visitor.get(f"/operator{path}")).title
            for path in ("", "/books", "/people", "/policy", "/schedule", "/rails", "/appeals", "/handles", "/audit")
        ]
        assert titles == [
            "运行状况",
            "主播",
            "人员",
            "分成范围",
            "定时任务",
            "付款通道",
            "申诉",
            "平台账号",
            "审计记录",
        ]
        page = await visitor.get("/operator/policy")
        page = await visitor.send(page, "bounds", fields={"least[0]": "ten", "reason": "x"}, status=400)
        assert page.faults() == ["必须是整数"]
        page = await visitor.get("/operator/people/999999999", status=404)
        assert page.title == "找不到用户"
