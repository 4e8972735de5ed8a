"""`clipledger payouts`, as people of finance type it, over the sandbox."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import roles
from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine
from clipledger.stripe_sandbox import API_KEY
from ledger import open_book
from ledger.accounts import NewAccount, ensure_accounts
from ledger.entries import Line, NewEntry, post
from licensing import tables
from settlement.payouts.accounts import Owner
from settlement.payouts.stripe_payees import Payees
from settlement.rails.stripe_client import stripe_client
from settlement.suspense import book_today
from tests.clipledger.front_door import add_user
from tests.clipledger.sandbox_process import serving

Run = Callable[..., Result]
WHY = ("--reason", "The bank details are wrong")


class Treasury:
    """A book that owes two clippers something, one of whom can be paid; its people by name."""

    def __init__(self, urls: DatabaseUrls, api: str) -> None:
        self.urls, self.api = urls, api
        self.control = httpx.Client(base_url=f"{api}/_sandbox/")
        self.slug = f"book-{uuid4().hex}"
        self.people: dict[str, str] = {}
        self.parties: list[str] = []
        self.account = ""

    def by(self, name: str) -> tuple[str, str]:
        return "--by", self.people[name]

    def work(self, do: Callable[[AsyncEngine], Any]) -> Any:
        async def done() -> Any:
            engine = create_engine(self.urls.app)
            try:
                return await do(engine)
            finally:
                await engine.dispose()

        return asyncio.run(done())

    async def furnish(self, engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            book_id = (await open_book(connection, self.slug, "A host", "Asia/Shanghai")).book_id
            for name, role in {"ana": "finance", "ben": "approver", "rea": "reviewer"}.items():
                user_id, self.people[name] = await add_user(connection)
                await roles.grant_role(connection, user_id, role, self.slug)
            both, self.people["bo"] = await add_user(connection)
            for role in ("finance", "approver"):
                await roles.grant_role(connection, both, role, self.slug)
            operator, self.people["opal"] = await add_user(connection)
            await roles.grant_role(connection, operator, "operator")
            row = insert(tables.parties).values(kind="clipper", name="A clipper", registered_by="t")
            payee, other = [
                int((await connection.execute(row.returning(tables.parties.c.party_id))).scalar_one()) for _ in range(2)
            ]
            self.parties = [f"clipper-{payee}", f"clipper-{other}"]
            codes = [f"liabilities:available:{party}" for party in self.parties]
            opened = [NewAccount(code, "USD") for code in (*codes, "assets:stripe")]
            await ensure_accounts(connection, book_id, opened)
            lines = (
                *(Line(code, "USD", -5_000) for code in codes),
                Line("assets:stripe", "USD", 10_000),
            )
            on = await book_today(connection, book_id)
            await post(
                connection, book_id, NewEntry(idempotency_key="e", effective_on=on, description="x", lines=lines)
            )
        payees = Payees(engine, stripe_client(API_KEY, api_base=self.api), "US")
        made = await payees.open(Owner(party_id=payee), "US", "ana@example.com", by="test")
        self.account = made.destination
        self.control.post(f"accounts/{self.account}/onboard").raise_for_status()
        await payees.refresh(Owner(party_id=payee), made.account_id)

    async def free(self, engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE settlement.rail_halts SET ended_at = now() WHERE ended_at IS NULL"))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("sandbox") / "log") as address:
        httpx.post(f"{address}/_sandbox/fund", json={"amount": 10_000_000}).raise_for_status()
        yield address


@pytest.fixture
def treasury(urls: DatabaseUrls, api: str) -> Iterator[Treasury]:
    made = Treasury(urls, api)
    made.work(made.furnish)
    yield made
    made.control.post("faults", json={})
    made.work(made.free)


@pytest.fixture
def run(urls: DatabaseUrls, treasury: Treasury, tmp_path: Path) -> Run:
    plain = make_url(urls.app).set(drivername="postgresql").render_as_string(hide_password=False)
    env = {
        "DATABASE_URL": plain,
        "CLIPLEDGER_VAR": str(tmp_path / "var"),
        "CLIPLEDGER_STRIPE_KEY": API_KEY,
        "CLIPLEDGER_STRIPE_API": treasury.api,
    }

    def invoke(*arguments: Any, book: bool = True) -> Result:
        its = ("--book", treasury.slug) if book else ()
        return CliRunner().invoke(main, ["payouts", *map(str, arguments), *its], env=env)

    return invoke


def told(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def approved(run: Run, treasury: Treasury) -> tuple[int, int]:
    """A run, and its one payout."""
    number = told(run("draft", "--basis", "available", *treasury.by("ana"), "--json"))["run"]["run_id"]
    assert told(run("submit", number, *treasury.by("ana"), "--json"))["run"]["state"] == "submitted"
    assert told(run("approve", number, *treasury.by("ben"), "--json"))["run"]["state"] == "sending"

    async def its(engine: AsyncEngine) -> int:
        async with engine.connect() as connection:
            chosen = "SELECT payout_id FROM settlement.payouts WHERE run_id = :run AND state = 'ready'"
            return int((await connection.execute(text(chosen), {"run": number})).scalar_one())

    return number, treasury.work(its)


def test_two_people_pay_and_all_of_it_can_be_read(run: Run, treasury: Treasury) -> None:
    preview = told(run("preview", "--basis", "available", "--json"))
    assert [(each["party"], each["amount"], each["code"]) for each in preview] == [
        (treasury.parties[0], 5_000, None),
        (treasury.parties[1], 5_000, "no-account"),
    ]
    assert "left out: has no account to be paid to" in run("preview", "--basis", "available").output
    number, payout = approved(run, treasury)
    assert told(run("list", "--json"))[0]["run_id"] == number
    assert told(run("send", "--json")) == {
        "book": treasury.slug,
        "payouts": {"sent": 1},
        "swept": None,
        "refreshed": None,
        "halted": [],
    }
    assert told(run("send", "--sweep", "--json"))["swept"] >= 1
    shown = told(run("show", number, "--watch", "--json"))
    assert (shown["run"]["state"], {each["state"] for each in shown["sums"]}) == ("done", {"paid", "left-out"})
    assert [each["action"] for each in shown["events"]] == ["drafted", "submitted", "approved", "finished"]
    said = run("payout", payout).output
    assert f"Payout {payout} of run {number}: 50.00 USD to {treasury.parties[0]}, by stripe." in said
    for words in ("Paid: has arrived.", "approved by cli:", "the rail is called, with key clp-", "took it as tr_"):
        assert words in said
    assert [each["action"] for each in told(run("payout", payout, "--json"))["events"]][-1] == "confirmed"
    assert f"run {number} done: 1 paid, 1 left-out" in run("show", number, "--watch").output
    assert "Nothing was due." in run("send").output


def test_what_is_refused_is_retried_or_cancelled_by_those_who_may(run: Run, treasury: Treasury) -> None:
    number, payout = approved(run, treasury)
    treasury.control.post(f"accounts/{treasury.account}/capability", json={"status": "inactive"})
    assert told(run("send", "--json"), 1)["payouts"] == {"refused": 1}
    said = run("payout", payout).output
    assert "Refused: nothing was paid; retry it once the reason is gone, or cancel it" in said
    assert "the payee can put it right" in said
    assert told(run("retry", payout, *treasury.by("ana"), "--json"))["payout"]["state"] == "ready"
    assert told(run("send", "--json"), 1)["payouts"] == {"refused": 1}
    refused = run("cancel", "--payout", payout, *WHY, *treasury.by("ana"))
    assert (refused.exit_code, "approver --book" in refused.output) == (1, True)
    cancelled = told(run("cancel", "--payout", payout, *WHY, *treasury.by("ben"), "--json"))
    assert (cancelled["payout"]["state"], cancelled["events"][-1]["detail"]["reason"]) == ("cancelled", WHY[1])
    wrong = run("retry", payout, *treasury.by("ana"))
    assert (wrong.exit_code, "what was refused is tried again" in wrong.output) == (1, True)
    assert told(run("show", number, "--json"))["run"]["state"] == "done"


def test_a_halt_is_seen_and_ended_by_an_operator_then_by_the_approver(run: Run, treasury: Treasury) -> None:
    number, _ = approved(run, treasury)
    treasury.control.post("faults", json={"calls": [{"kind": "api_key_expired"}]})
    halted = told(run("send", "--json"), 1)
    assert [each.partition(":")[0] for each in halted["halted"]] == ["rail stripe", f"run {number}"]
    assert run("rails", book=False).exit_code == 1
    assert told(run("show", number, "--watch", "--json"), 1)["run"]["state"] == "halted"
    for name in ("ana", "ben"):
        refused = run("resume-rail", "stripe", *treasury.by(name), book=False)
        assert (refused.exit_code, "operator" in refused.output) == (1, True)
    assert run("resume-rail", "stripe", *treasury.by("opal"), book=False).exit_code == 0
    assert run("rails", book=False).exit_code == 0
    again = run("resume-rail", "stripe", *treasury.by("opal"), book=False)
    assert (again.exit_code, "is not halted" in again.output) == (1, True)
    assert told(run("resume", number, *WHY, *treasury.by("ben"), "--json"))["run"]["state"] == "sending"
    assert told(run("send", "--json"))["payouts"] == {"sent": 1}


def test_who_submitted_does_not_approve_and_nobody_acts_without_a_role(run: Run, treasury: Treasury) -> None:
    number = told(run("draft", "--basis", "available", *treasury.by("bo"), "--json"))["run"]["run_id"]
    run("submit", number, *treasury.by("bo"))
    refused = run("approve", number, *treasury.by("bo"))
    assert (refused.exit_code, "another person" in refused.output) == (1, True)
    for name in ("ana", "rea", "opal"):
        assert "holds no role that may approve payouts" in run("approve", number, *treasury.by(name)).output
    assert run("approve", number).exit_code == 2
    assert run("approve", number, "--by", "nobody@example.com").exit_code == 1
    assert told(run("return", number, *WHY, *treasury.by("ben"), "--json"))["run"]["state"] == "draft"
    assert told(run("plan", number, *treasury.by("ana"), "--json"))["run"]["state"] == "draft"
    assert told(run("cancel", number, *WHY, *treasury.by("ana"), "--json"))["run"]["state"] == "cancelled"
    both = run("cancel", number, "--payout", 1, *WHY, *treasury.by("ana"))
    assert (both.exit_code, "not both" in both.output) == (2, True)

    async def trail(engine: AsyncEngine) -> list[str]:
        async with engine.connect() as connection:
            chosen = text(
                "SELECT action FROM clipledger.audit_events WHERE detail ->> 'by' = ANY (:people) ORDER BY event_id"
            )
            return [*(await connection.scalars(chosen, {"people": [*treasury.people.values()]}))]

    steps = ("draft", "submit", "return", "plan", "cancel")
    assert treasury.work(trail) == [f"payout-run.{step}" for step in steps]


def test_what_stripe_told_in_vain_is_listed_and_tried_again_by_an_operator(run: Run, treasury: Treasury) -> None:
    event_id = f"evt_{uuid4().hex}"

    async def give_up(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            row = "INSERT INTO settlement.rail_events (event_id, rail, kind, created_at, payload, attempts, outcome)"
            values = "VALUES (:event, 'stripe', 'account.updated', now(), '{}', 16, 'no answer')"
            await connection.execute(text(f"{row} {values}"), {"event": event_id})

    treasury.work(give_up)
    assert event_id in {each["event_id"] for each in told(run("events", "--json", book=False))}
    assert "no answer" in run("events", book=False).output
    refused = run("retry-events", event_id, *treasury.by("ana"), book=False)
    assert (refused.exit_code, "holds no role that may try events again" in refused.output) == (1, True)
    assert "Tried again by the worker: 1." in run("retry-events", event_id, *treasury.by("opal"), book=False).output
    assert run("retry-events", event_id, *treasury.by("opal"), book=False).exit_code == 1
    assert event_id in {each["event_id"] for each in told(run("events", "--state", "waiting", "--json", book=False))}
    event_id = f"evt_{uuid4().hex}"
    treasury.work(give_up)
    assert "Tried again by the worker" in run("retry-events", *treasury.by("opal"), book=False).output
    assert run("events", book=False).output.strip() == "There is none."


def test_when_a_book_pays_and_where_to(run: Run, treasury: Treasury) -> None:
    missing = run("schedule")
    assert missing.exit_code == 1
    assert run("schedule", "--cadence", "monthly", "--day", 15).exit_code == 2
    days = ("--day", 15, "--day", 31, "--hour", 10, "--holiday", "2026-12-31")
    made = told(run("schedule", "--cadence", "semi-monthly", *days, *treasury.by("ana"), "--json"))
    assert (made["plan"]["days"]["days"], made["plan"]["days"]["holidays"]) == ([15, 31], ["2026-12-31"])
    assert told(run("schedule", "--json")) == made
    assert "Semi-monthly on 15 and 31 at 10:00, next business day; by stripe, statement." in run("schedule").output
    off = run("schedule", "--cadence", "weekly", "--day", 5, "--off", *treasury.by("ana"))
    assert "It is off." in off.output
    assert run("schedule", "--cadence", "weekly", "--day", 8, *treasury.by("ana")).exit_code == 1
    (account,) = told(run("accounts", "--party", treasury.parties[0], "--json", book=False))
    assert (account["destination"], account["state"]) == (treasury.account, "active")
    assert "can't be paid yet" in run("accounts", "--party", "host").output
    assert run("accounts", "--party", "clipper-0", book=False).exit_code == 2
