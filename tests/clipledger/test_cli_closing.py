"""`clipledger settlement close`, as two people of finance type it."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import roles, users
from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine
from ledger import open_book
from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post
from tests.clipledger.front_door import add_user

Run = Callable[..., Result]
LATE = "Refunds of the 30th came late"


class House:
    """A book with one entry of October, and its people by name."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self.urls = urls
        self.slug = f"book-{uuid4().hex}"
        self.book_id = 0
        self.people: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.people[name]

    def transact(self, work: Callable[[AsyncConnection], Any]) -> Any:
        async def done() -> Any:
            engine = create_engine(self.urls.app)
            async with engine.begin() as connection:
                found = await work(connection)
            await engine.dispose()
            return found

        return asyncio.run(done())

    async def furnish(self, connection: AsyncConnection) -> None:
        self.book_id = (await open_book(connection, self.slug, "A host", "Asia/Shanghai")).book_id
        for name, role in {"ana": "finance", "ben": "approver", "rea": "reviewer"}.items():
            user_id, self.people[name] = await add_user(connection)
            await roles.grant_role(connection, user_id, role, self.slug)
        both, self.people["bo"] = await add_user(connection)
        for role in ("finance", "approver"):
            await roles.grant_role(connection, both, role, self.slug)
        codes = ("expenses:gifts", "liabilities:available:clipper-7")
        await ensure_accounts(connection, self.book_id, [NewAccount(code, "CNY") for code in codes])
        lines = (Line(codes[0], "CNY", 13_020), Line(codes[1], "CNY", -13_020))
        day = datetime(2026, 10, 5).date()
        entry = NewEntry(idempotency_key="gift", effective_on=day, description="A gift", lines=lines)
        await post(connection, self.book_id, entry)


@pytest.fixture
def house(urls: DatabaseUrls) -> House:
    made = House(urls)
    made.transact(made.furnish)
    return made


@pytest.fixture
def run(urls: DatabaseUrls, house: House, tmp_path: Path) -> Run:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {"DATABASE_URL": plain, "CLIPLEDGER_VAR": str(tmp_path / "var")}

    def invoke(*arguments: str, month: str = "2026-10") -> Result:
        given = ["settlement", "close", *arguments, "--book", house.slug, "--month", month]
        return CliRunner().invoke(main, given, env=env)

    return invoke


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_two_people_close_a_month_and_reopen_it(run: Run, house: House) -> None:
    ana, ben = ("--by", house["ana"]), ("--by", house["ben"])
    assert told(run("--json"))["state"] == "open"
    assert told(run("draft", *ana, "--json"))["statements"] == [
        {"currency": "CNY", "statements": 1, "opening": 0, "closing": 13_020}
    ]
    assert told(run("submit", *ana, "--json"))["state"] == "submitted"
    assert told(run("return", *ben, "--reason", "Look again", "--json"))["state"] == "draft"
    run("submit", *ana)
    issued = told(run("approve", *ben, "--json"))
    assert (issued["state"], issued["locked"], issued["book"]) == ("issued", True, house.slug)
    assert told(run("ask-reopening", *ana, "--reason", LATE, "--json"))["reopening"]["reason"] == LATE
    assert told(run("refuse-reopening", *ben, "--reason", "No", "--json"))["reopening"] is None
    run("ask-reopening", *ana, "--reason", LATE)
    found = told(run("reopen", *ben, "--json"))
    assert (found["state"], found["revision"], found["locked"]) == ("open", 2, False)
    assert [found["people"][str(step["user_id"])] for step in found["steps"][-2:]] == [house["ana"], house["ben"]]
    assert all(step["actor"].startswith("cli:") for step in found["steps"])


def test_who_submits_or_asks_does_not_decide_whatever_roles_they_hold(run: Run, house: House) -> None:
    bo, ben = ("--by", house["bo"]), ("--by", house["ben"])
    run("draft", *bo)
    run("submit", *bo)
    refused = run("approve", *bo)
    assert (refused.exit_code, "another person" in refused.output) == (1, True)
    assert run("approve", *ben).exit_code == 0
    run("ask-reopening", *bo, "--reason", LATE)
    refused = run("reopen", *bo)
    assert (refused.exit_code, "another person" in refused.output) == (1, True)
    assert told(run("--json"))["state"] == "issued"


def test_nobody_does_it_anonymously_nor_without_a_role_in_the_book(run: Run, house: House) -> None:
    async def disable(connection: AsyncConnection) -> None:
        await users.disable_user(connection, (await users.find_user(connection, house["bo"])).user_id)

    house.transact(disable)
    assert (run("draft").exit_code, "--by EMAIL" in run("draft").output) == (2, True)
    for person, said in (
        ("nobody@example.com", "nobody@example.com"),
        (house["rea"], "holds no role that may draft"),
        (house["ben"], f"clipledger user role {house['ben']} finance --book {house.slug}"),
        (house["bo"], "is disabled"),
    ):
        refused = run("draft", "--by", person)
        assert (refused.exit_code, said in refused.output) == (1, True), refused.output
    assert told(run("--json"))["steps"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("return", "--by", "x@example.com"), "Say why"),
        (("ask-reopening", "--by", "x@example.com"), "Say why"),
        (("refuse-reopening", "--by", "x@example.com"), "Say why"),
        (("draft", "--by", "x@example.com", "--reason", "y"), "takes no --reason"),
        (("--by", "x@example.com"), "name one"),
        (("--reason", "x"), "name one"),
        (("finish",), "finish"),
    ],
)
def test_what_a_step_needs_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert (refused.exit_code, said in refused.output) == (2, True), refused.output


@pytest.mark.parametrize("month", ["2026-13", "october", "", "2026-10-01"])
def test_what_is_no_month_is_refused(run: Run, month: str) -> None:
    refused = run(month=month)
    assert (refused.exit_code, "a calendar month" in refused.output) == (2, True)


def test_refusals_are_one_line(run: Run, house: House) -> None:
    for arguments, month, said in (
        (("draft",), "2199-01", "has not ended"),
        (("submit",), "2026-10", "month.state"),
        (("draft",), "1999-01", "of the years 2000 to 2199"),
    ):
        refused = run(*arguments, "--by", house["ana"], month=month)
        assert (refused.exit_code, refused.output.count("\n"), said in refused.output) == (1, 1, True), refused.output


def test_people_are_told_how_far_it_is(run: Run, house: House) -> None:
    assert run().output.splitlines() == [
        f"2026-10 of {house.slug}: open, revision 1",
        "Cut-off: 2026-11-01 00:00 Asia/Shanghai, which has passed.",
        "The ledger has not locked it. True-ups posted: 0.",
        "Next: draft.",
    ]
    assert run(month="2199-01").output.splitlines()[-1] == "Next: wait until it has ended."
    ana = ("--by", house["ana"])
    lines = run("draft", *ana).output.splitlines()
    assert lines[3] == "Next: submit, or draft it again."
    assert [line.split() for line in lines[5:7]] == [
        ["statements", "in", "count", "opening", "closing"],
        ["CNY", "1", "0.00", "130.20"],
    ]
    assert lines[9].split()[2:5] == ["drafted", "1", house["ana"]]

    async def outdate(connection: AsyncConnection) -> None:
        await connection.execute(
            text("""INSERT INTO settlement.imports
                        (book_id, name, sha256, size, format, columns, as_of, zone, on_fault, created_by)
                    VALUES (:book, 'r.csv', repeat('0', 64), 1, 'generic', '{}', now(), 'UTC', 'park', 'test')"""),
            {"book": house.book_id},
        )
        codes = ("liabilities:available:clipper-7", "liabilities:available:host")
        await ensure_accounts(connection, house.book_id, [NewAccount(code, "CNY") for code in codes])
        lines = (Line(codes[0], "CNY", 20), Line(codes[1], "CNY", -20))
        day = datetime(2026, 10, 6).date()
        entry = NewEntry(idempotency_key="more", effective_on=day, description="More", lines=lines)
        await post(connection, house.book_id, entry)

    house.transact(outdate)
    lines = run().output.splitlines()
    assert lines[3] == "2 statements are not what the ledger says now: draft them again."
    assert lines[7].split()[:2] == ["running-imports", "1"]
    run("draft", *ana)
    refused = run("submit", *ana)
    assert "1 running-imports" in refused.output
    run("submit", *ana, "--reason", "It is\na test's")
    run("approve", "--by", house["ben"])
    lines = run("ask-reopening", *ana, "--reason", LATE).output.splitlines()
    assert f"{house['ana']} asks that it be reopened: {LATE}" in lines
    assert "Next: reopen or refuse-reopening, by another person." in lines
    assert any("It is·a test's" in line for line in lines)
