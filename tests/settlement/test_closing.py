"""The close of a month: its steps, by whom, what it is closed over, and that what was issued stays."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from ledger.errors import PeriodLocked
from ledger.periods import lock_period
from ledger.seals import find_seal
from settlement.closing import Person
from settlement.errors import (
    EarlierMonthOpen,
    ExceptionsOpen,
    InvalidClose,
    MonthNotEnded,
    SamePerson,
    SettlementError,
    StatementsOutdated,
    WrongStep,
)
from settlement.statements.reading import StatementSeal
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import Granted, Host, NewGrant, NewUser
from tests.settlement.books import APPROVER, FINANCE, OCTOBER, Closer
from tests.settlement.shop import dispute, in_sql
from tests.settlement.till import Till, by, facts

SEPTEMBER = date(2026, 9, 1)
OTHER_KEY = Person(FINANCE.user_id, "key:7")
"""Of the same user."""


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


# The steps --------------------------------------------------------------------------------------------------


async def test_a_month_is_drafted_submitted_approved_issued_and_locked(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant), due=13_020))
    assert await closer.draft() == 2
    await closer.submit(reason=None)
    await closer.approve()
    its = await closer.checklist()
    assert (its.state, its.locked, its.ended, its.outdated) == ("issued", True, True, 0)
    assert its.cut_off == datetime(2026, 10, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert [(each.currency, each.statements, each.closing) for each in its.statements] == [("CNY", 2, 12_369)]
    assert [(step.action, step.state, step.user_id, step.actor) for step in its.steps] == [
        ("drafted", "draft", 1, "user:1"),
        ("submitted", "submitted", 1, "user:1"),
        ("approved", "issued", 2, "user:2"),
    ]
    with pytest.raises(PeriodLocked):
        await closer.post(date(2026, 10, 31), "Late", {"assets:bank": 1, "income:interest": -1})


async def test_who_submits_does_not_approve_not_even_by_another_key(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft(by=APPROVER)  # who drafts may approve what another has looked through and submitted
    await closer.submit()
    for same in (FINANCE, OTHER_KEY):
        with pytest.raises(SamePerson):
            await closer.approve(by=same)
    assert (await closer.checklist()).locked is False
    await closer.approve()


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ((), "submit"),
        ((), "approve"),
        ((), "give_back"),
        ((), "ask_reopening"),
        ((), "reopen"),
        ((), "refuse_reopening"),
        (("draft",), "approve"),
        (("draft",), "give_back"),
        (("draft", "submit"), "submit"),
        (("draft", "submit"), "draft"),
        (("draft", "submit"), "ask_reopening"),
        (("draft", "submit", "approve"), "approve"),
        (("draft", "submit", "approve"), "draft"),
        (("draft", "submit", "approve"), "submit"),
        (("draft", "submit", "approve"), "give_back"),
        (("draft", "submit", "approve", "ask_reopening", "reopen"), "submit"),
        (("draft", "submit", "approve", "ask_reopening", "reopen"), "approve"),
        (("draft", "submit", "approve", "ask_reopening", "reopen"), "ask_reopening"),
        (("draft", "submit", "approve", "ask_reopening", "reopen"), "reopen"),
    ],
)
async def test_no_step_is_taken_out_of_turn(
    till: Till, closer: Closer, grant: Granted, before: tuple[str, ...], action: str
) -> None:
    await till.sell(facts(**by(grant)))
    for each in before:
        await getattr(closer, each)()
    state = (await closer.checklist()).state
    with pytest.raises(WrongStep) as refused:
        await getattr(closer, action)()
    assert (refused.value.field, refused.value.value) == ("month.state", state)
    assert len((await closer.checklist()).steps) == len(before)


async def test_what_cancels_out_has_to_be_drafted_too(till: Till, closer: Closer, grant: Granted) -> None:
    (sold,) = await till.sell(facts(**by(grant)))
    await closer.draft()
    assert (await closer.checklist()).outdated == 0
    await till.tell(sold, due=10_000)
    await till.tell(sold, due=13_020)
    assert (await closer.checklist()).outdated == 2
    with pytest.raises(StatementsOutdated):
        await closer.submit()
    await closer.draft()
    await closer.submit()
    whose = f"clipper-{grant.clipper.clipper_id}"
    assert {line.kind for line in (await closer.statement(whose)).lines} == {"earned", "refund"}
    await closer.give_back()
    await closer.post(OCTOBER, "For another", {"assets:bank": 1, "income:interest": -1})
    await closer.submit()


async def test_what_is_returned_has_its_reason_and_can_be_drafted_again(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    await closer.submit()
    for bad in ("", "  ", "a\0b", "x" * 2001):
        with pytest.raises(InvalidClose):
            await closer.give_back(reason=bad)
    await closer.give_back(reason="The refunds of the 30th are missing")
    await closer.close()
    steps = [(step.action, step.reason) for step in (await closer.checklist()).steps]
    assert steps[2] == ("returned", "The refunds of the 30th are missing")
    assert [action for action, _ in steps] == ["drafted", "submitted", "returned", "drafted", "submitted", "approved"]


async def test_a_month_that_has_not_ended_or_is_none_is_not_drafted(closer: Closer) -> None:
    today = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(MonthNotEnded):
        await closer.draft(today.date().replace(day=1))
    for none in (date(2026, 10, 2), date(1, 1, 1), date(9999, 12, 1)):
        with pytest.raises(InvalidClose):
            await closer.draft(none)
        with pytest.raises(InvalidClose):
            await closer.checklist(none)


async def test_months_are_closed_one_after_the_other(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    await closer.submit()
    await till.sell(facts(**by(grant), sold_on=date(2026, 9, 30)))  # September had nothing until now
    with pytest.raises(EarlierMonthOpen, match="2026-09"):
        await closer.approve()
    await closer.give_back()
    with pytest.raises(EarlierMonthOpen, match="2026-09"):
        await closer.draft()
    await closer.close(SEPTEMBER)
    await closer.close()


async def test_a_month_that_the_ledger_has_locked_is_still_issued(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, OCTOBER, locked_by="test")
    await closer.close()
    assert (await closer.checklist()).state == "issued"


async def test_books_that_have_moved_are_drafted_again(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    await till.sell(facts(**by(grant)))
    assert (await closer.checklist()).outdated == 2
    with pytest.raises(StatementsOutdated):
        await closer.submit()
    await closer.draft()
    await closer.submit()
    await till.sell(facts(**by(grant)))
    with pytest.raises(StatementsOutdated):
        await closer.approve()
    its = await closer.checklist()
    assert (its.state, its.locked) == ("submitted", False)


async def test_two_who_approve_at_once_issue_once(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    await closer.submit()
    both = (closer.approve(by=Person(number, f"user:{number}")) for number in (2, 3))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "WrongStep"]
    assert [step.action for step in (await closer.checklist()).steps].count("approved") == 1


# What seals it ----------------------------------------------------------------------------------------------


async def test_an_issued_month_says_through_which_seal_its_entries_are_sealed(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    seal_no = await closer.sealed()
    its = (await closer.statement("host")).statement
    async with till.engine.connect() as connection:
        seal = await find_seal(connection, till.book_id, seal_no)
    assert its.seal == StatementSeal(seal_no, seal.seal_hash)
    await till.sell(facts(**by(grant), sold_on=date(2026, 11, 2)))  # of November: it waits for a later seal
    await closer.seal()
    assert (await closer.checklist()).seal_no == seal_no


async def test_a_month_whose_entries_wait_for_a_transaction_has_no_seal_yet(
    till: Till, closer: Closer, grant: Granted
) -> None:
    async with till.engine.begin() as running:
        await running.execute(text("SELECT pg_current_xact_id()"))  # older than the entries, and not over
        await till.sell(facts(**by(grant)))
        await closer.close()
        its = (await closer.statement("host")).statement
        assert ((await closer.checklist()).seal_no, its.state, its.seal) == (None, "issued", None)
        await closer.seal()
        assert (await closer.checklist()).seal_no is None
    assert await closer.sealed() >= 1


async def test_a_month_that_is_not_issued_is_of_no_seal(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.draft()
    await closer.seal()
    its = (await closer.statement("host")).statement
    assert ((await closer.checklist()).seal_no, its.seal) == (None, None)


# What it is closed over -------------------------------------------------------------------------------------


async def test_a_month_is_closed_over_exceptions_only_with_a_reason(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)), facts(due=500), facts(due=700), facts(due=300, currency="USD"))
    await till.sell(facts(sold_on=date(2026, 11, 1)))  # of November
    await dispute(till, grant)
    await in_sql(
        till,
        """INSERT INTO settlement.imports
               (book_id, name, sha256, size, format, columns, as_of, zone, on_fault, created_by)
           VALUES (:book, 'r.csv', repeat('0', 64), 1, 'generic', '{}', now(), 'UTC', 'park', 'test')""",
    )
    await in_sql(
        till,
        """INSERT INTO settlement.parked_rows (book_id, import_id, row_no, rule, raw)
           SELECT book_id, import_id, 1, 'no number', '{}' FROM settlement.imports WHERE book_id = :book""",
    )
    await closer.draft()
    its = await closer.checklist()
    assert [(each.matter, each.count, each.currency, each.amount) for each in its.exceptions] == [
        ("suspense", 2, "CNY", 1_200),
        ("suspense", 1, "USD", 300),
        ("parked-rows", 1, None, None),
        ("running-imports", 1, None, None),
        ("running-claims", 1, None, None),
    ]
    ((number,),) = await in_sql(till, "SELECT import_id FROM settlement.imports WHERE book_id = :book")
    assert [each.link.removeprefix(f"{till.host.path}/") for each in its.exceptions] == [
        "suspense",
        "suspense",
        f"imports/{number}/parked",
        f"imports/{number}",
        "claims",
    ]
    with pytest.raises(ExceptionsOpen, match="2 suspense"):
        await closer.submit(reason=None)
    await closer.submit(reason="They are being looked into")
    step = (await closer.checklist()).steps[-1]
    assert step.reason == "They are being looked into"
    assert [each["matter"] for each in step.detail["exceptions"]].count("suspense") == 2


# What was issued stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM settlement.statement_lines WHERE book_id = :book",
        "DELETE FROM settlement.statements WHERE book_id = :book",
        "UPDATE settlement.statements SET closing_held = 0 WHERE book_id = :book",
        "UPDATE settlement.statement_lines SET held = held + 1 WHERE book_id = :book",
        """INSERT INTO settlement.statement_lines
           SELECT book_id, statement_id, line_no + 1000, kind, submission_id, product, entry_id, label, sales,
                  held, available, reserve, frozen, paying, recoverable
           FROM settlement.statement_lines WHERE book_id = :book""",
        "UPDATE settlement.closings SET state = 'draft' WHERE book_id = :book",
        "UPDATE settlement.closings SET state = 'open' WHERE book_id = :book",
        "UPDATE settlement.closings SET state = 'open', revision = revision + 1 WHERE book_id = :book",
        "UPDATE settlement.closings SET revision = revision + 1 WHERE book_id = :book",
        "UPDATE settlement.closings SET submitted_by = 9 WHERE book_id = :book",
        "UPDATE settlement.statements SET revision = 2 WHERE book_id = :book",
        "DELETE FROM settlement.closings WHERE book_id = :book",
        "UPDATE settlement.closing_events SET user_id = 9 WHERE book_id = :book",
        "DELETE FROM settlement.closing_events WHERE book_id = :book",
        "UPDATE settlement.true_ups SET clipper_change = 0 WHERE book_id = :book",
        "TRUNCATE settlement.statement_lines",
        "TRUNCATE settlement.statements CASCADE",
        "TRUNCATE settlement.closing_events",
    ],
)
async def test_what_was_issued_is_never_changed(
    till: Till, closer: Closer, grant: Granted, owner_engine: AsyncEngine, attack: str
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    before = await closer.statement("host")
    with pytest.raises((IntegrityError, ProgrammingError)):
        await in_sql(till, attack)
    if "true_ups" not in attack:  # which the owner alone could change
        with pytest.raises(IntegrityError):
            async with owner_engine.begin() as connection:
                await connection.execute(text(attack), {"book": till.book_id})
    assert await closer.statement("host") == before


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


@pytest.fixture
async def approver(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["approver"], "approver", host.book)


async def test_a_month_over_http(
    client: AsyncClient, till: Till, grant: Granted, finance: User, approver: User
) -> None:
    await till.sell(facts(**by(grant), due=13_020), facts(**by(grant), due=100, product="18"), facts(due=100))
    month = f"{till.host.path}/months/2026-10"

    async def post(step: str, who: User, body: Any = None) -> Any:
        return await client.post(f"{month}/{step}", headers=posting(who), json=body)

    assert (await client.get(month, headers=finance.bearer)).json()["state"] == "open"
    assert (await post("draft", approver)).status_code == 403
    assert (await post("draft", finance)).json()["state"] == "draft"
    assert problem(await post("submit", finance, {}))["type"] == "/problems/exceptions-open"
    assert problem(await post("submit", finance, {"reason": "x", "because": "y"}))["status"] in (400, 422)
    assert (await post("submit", finance, {"reason": "One sale is nobody's"})).json()["state"] == "submitted"
    assert (await post("approve", finance)).status_code == 403
    assert (await post("return", approver, {"reason": "Look again"})).json()["state"] == "draft"
    await post("submit", finance, {"reason": "One sale is nobody's"})
    assert (await post("approve", approver)).json()["state"] == "issued"
    assert problem(await post("approve", approver))["type"] == "/problems/wrong-step"

    clipper = f"clipper-{grant.clipper.clipper_id}"
    found = (
        await client.get(f"{till.host.path}/statements?month=2026-10&party={clipper}", headers=finance.bearer)
    ).json()
    (its,) = found["data"]
    assert (its["closing"]["total"], its["state"]) == (7_478, "issued")
    for path, who in ((till.host.path, finance), (grant.clipper.path, grant.clipper.person)):
        place = f"{path}/statements/{its['statement_id']}"
        shown = (await client.get(place, headers=who.bearer)).json()
        lines = [(line["kind"], line["product"], line["amounts"]["held"]) for line in shown["lines"]["data"]]
        assert lines == [("earned", "17", 7_421), ("earned", "18", 57)]
        files = {
            form: await client.get(f"{place}/statement.{form}", headers=who.bearer) for form in ("json", "csv", "pdf")
        }
        later = ("replaced_by", "seal")  # what is learned after it was issued
        assert files["json"].json()["statement"] == {name: its[name] for name in its if name not in later}
        assert files["csv"].headers["content-type"] == "text/csv; charset=utf-8"
        assert "74.21" in files["csv"].text
        assert files["pdf"].content.startswith(b"%PDF-")
        assert f'2026-10-{clipper}-CNY-en.pdf"' in files["pdf"].headers["content-disposition"]
    own = (await client.get(f"{grant.clipper.path}/statements", headers=grant.clipper.person.bearer)).json()
    assert own["data"] == [its]


async def test_one_person_with_two_keys_is_one_person(
    client: AsyncClient, app_engine: AsyncEngine, till: Till, grant: Granted, finance: User
) -> None:
    await till.sell(facts(**by(grant)))
    async with app_engine.begin() as connection:
        await roles.grant_role(connection, finance.user_id, "approver", till.host.book)
        token = (await keys.create_key(connection, finance.user_id, "other", roles.ROLES["approver"]))[1]
    other = User(finance.user_id, finance.email, token)
    month = f"{till.host.path}/months/2026-10"
    await client.post(f"{month}/draft", headers=posting(finance))
    assert (await client.post(f"{month}/submit", headers=posting(finance), json={})).status_code == 200
    refused = await client.post(f"{month}/approve", headers=posting(other))
    assert problem(refused)["type"] == "/problems/same-person"


@pytest.mark.parametrize("month", ["2026-13", "0001-01", "9999-12", "october", "2026-10-01", "%00", "%EF%BF%BD"])
async def test_what_is_no_month_is_refused(
    client: AsyncClient, till: Till, finance: User, approver: User, month: str
) -> None:
    path = f"{till.host.path}/months/{month}"
    assert (await client.get(path, headers=finance.bearer)).status_code == 422
    assert (await client.post(f"{path}/draft", headers=posting(finance))).status_code == 422
    for step, who in (("submit", finance), ("return", approver)):
        answer = await client.post(f"{path}/{step}", headers=posting(who), json={"reason": "x"})
        assert answer.status_code in (409, 422)


async def test_statements_of_others_are_not_found(
    client: AsyncClient, till: Till, grant: Granted, closer: Closer, finance: User, new_grant: NewGrant, host: Host
) -> None:
    other = await new_grant(host)
    await till.sell(facts(**by(grant)), facts(**by(other)))
    await closer.close()
    theirs = (await closer.statement(f"clipper-{other.clipper.clipper_id}")).statement.statement_id
    for number in (theirs, 2**63 - 1, 2**63):
        for form in ("", "/statement.json", "/statement.csv", "/statement.pdf"):
            place = f"{grant.clipper.path}/statements/{number}{form}"
            assert (await client.get(place, headers=grant.clipper.person.bearer)).status_code == 404
    for query in ("party=x", "currency=cny", "month=x", "limit=0", "cursor=x"):
        assert (await client.get(f"{till.host.path}/statements?{query}", headers=finance.bearer)).status_code in (
            400,
            422,
        )


def test_every_refusal_says_what_it_breaks() -> None:
    for refusal in (MonthNotEnded, EarlierMonthOpen, SamePerson, ExceptionsOpen, StatementsOutdated):
        assert issubclass(refusal, SettlementError)
        assert refusal.usual_rule
