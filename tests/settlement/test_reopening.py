"""Reopening an issued month: asked for by one person, done by another; what was issued before stays to be read."""

import asyncio
import random
from contextlib import suppress
from datetime import date
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from ledger.errors import LedgerError, PeriodLocked, PeriodNotLocked
from ledger.periods import list_reopenings, lock_period, locked_through
from settlement.closing import Person, first_unclosed
from settlement.errors import (
    EarlierMonthOpen,
    InvalidClose,
    LaterMonthIssued,
    SamePerson,
    SettlementError,
    StatementNotFound,
    WrongStep,
)
from settlement.statements.reading import Statement, find_statement, list_statements
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewUser
from tests.settlement.agencies import NewAgency
from tests.settlement.books import APPROVER, FINANCE, LATE, OCTOBER, Closer, told
from tests.settlement.shop import in_sql
from tests.settlement.till import Till, by, facts

ANA, BEN = FINANCE, APPROVER
ANA_AGAIN = Person(ANA.user_id, "key:7")
SEPTEMBER, NOVEMBER = date(2026, 9, 1), date(2026, 11, 1)


@pytest.fixture
def till(app_engine: AsyncEngine, host: Host) -> Till:
    return Till(app_engine, host)


@pytest.fixture
def closer(till: Till) -> Closer:
    return Closer(till)


@pytest.fixture
async def grant(host: Host, new_grant: NewGrant) -> Granted:
    return await new_grant(host)


def party(granted: Granted) -> str:
    return f"clipper-{granted.clipper.clipper_id}"


async def own(till: Till, granted: Granted) -> list[Statement]:
    """What the clipper sees, newest first."""
    async with till.engine.connect() as connection:
        return await list_statements(connection, clipper_id=granted.clipper.clipper_id)


async def locked(till: Till) -> date | None:
    async with till.engine.connect() as connection:
        return await locked_through(connection, till.book_id)


# A story ----------------------------------------------------------------------------------------------------


async def test_a_late_refund_goes_into_an_issued_month_by_two_people(
    till: Till, closer: Closer, grant: Granted
) -> None:
    """130.20 is 6.51 platform, 49.48 host, 74.21 clipper; what is left of it, 80.00, is 4.00, 30.40, 45.60."""
    await till.sell(facts(**by(grant), due=500, sold_on=date(2026, 9, 30)))
    await closer.close(SEPTEMBER)
    (sale,) = await till.sell(facts(**by(grant), due=13_020))
    await closer.close()
    seal_no = await closer.sealed()
    first = await closer.statement(party(grant))

    await closer.ask_reopening(by=ANA)
    asked = await closer.checklist()
    assert (asked.state, asked.revision, asked.locked) == ("issued", 1, True)
    assert asked.reopening is not None
    assert (asked.reopening.user_id, asked.reopening.reason) == (ANA.user_id, LATE)
    assert [(each.state, each.replaced_by) for each in await own(till, grant)] == [("issued", None)] * 2
    for ana in (ANA, ANA_AGAIN):
        with pytest.raises(SamePerson):
            await closer.reopen(by=ana)
    with pytest.raises(PeriodLocked):
        await closer.post(date(2026, 10, 31), "Late", {"assets:bank": 1, "income:interest": -1})

    await closer.reopen(by=BEN)
    open_again = await closer.checklist()
    assert (open_again.state, open_again.revision, open_again.reopening) == ("open", 2, None)
    assert (open_again.locked, open_again.statements, open_again.seal_no) == (False, [], None)
    assert await locked(till) == SEPTEMBER
    await till.tell(sale, due=8_000)

    await closer.draft()
    assert told(await closer.statement(party(grant))) == [
        ("earned", "17", 1, {"held": 7_421}),
        ("refund", "17", 1, {"held": -2_861}),
    ]
    assert [each.revision for each in await own(till, grant)] == [1, 1]  # a draft is nobody's yet
    await closer.submit()
    await closer.approve()
    second = await closer.statement(party(grant))
    assert (second.statement.state, second.statement.revision, second.statement.replaced_by) == ("issued", 2, None)
    assert second.statement.opening == first.statement.opening
    assert second.statement.closing.total == first.statement.closing.total - 2_861
    assert second.statement.code != first.statement.code

    newest, replaced, september = await own(till, grant)
    assert (newest.statement_id, september.month) == (second.statement.statement_id, "2026-09")
    assert replaced == msgspec.structs.replace(first.statement, state="superseded", replaced_by=2)
    assert replaced.seal is not None
    assert replaced.seal.seal_no == seal_no
    its = await closer.checklist()
    assert (its.state, its.locked, its.outdated) == ("issued", True, 0)
    assert [(each.currency, each.statements) for each in its.statements] == [("CNY", 2)]
    assert [(step.action, step.state, step.revision, step.user_id) for step in its.steps[2:5]] == [
        ("approved", "issued", 1, BEN.user_id),
        ("reopening-asked", "issued", 1, ANA.user_id),
        ("reopened", "open", 2, BEN.user_id),
    ]
    assert [step.revision for step in its.steps[5:]] == [2, 2, 2]
    assert await locked(till) == OCTOBER
    with pytest.raises(PeriodLocked):
        await closer.post(date(2026, 10, 31), "Late", {"assets:bank": 1, "income:interest": -1})
    async with till.engine.connect() as connection:
        (reopening,) = await list_reopenings(connection, till.book_id)
    assert (reopening.period, reopening.locked_by, reopening.reopened_by) == (OCTOBER, BEN.actor, BEN.actor)
    assert reopening.reason == LATE


async def test_the_next_month_begins_where_the_last_revision_ended(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), due=13_020, sold_on=date(2026, 9, 5)))
    await closer.close(SEPTEMBER)
    await till.sell(facts(**by(grant), due=8_000))
    await closer.draft()
    await closer.submit()
    await closer.ask_reopening(SEPTEMBER)
    await closer.reopen(SEPTEMBER)
    with pytest.raises(EarlierMonthOpen, match="2026-09"):
        await closer.approve()
    await closer.give_back()
    with pytest.raises(EarlierMonthOpen, match="2026-09"):
        await closer.draft()
    await closer.post(date(2026, 9, 30), "A gift", {"expenses:gifts": 100, f"liabilities:held:{party(grant)}": -100})
    await closer.close(SEPTEMBER)
    await closer.close()
    second = await closer.statement(party(grant), SEPTEMBER)
    assert second.statement.closing.held == 7_521
    assert (await closer.statement(party(grant))).statement.opening == second.statement.closing


async def test_a_month_is_reopened_again_and_each_revision_names_the_next(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    for _ in range(2):
        await closer.ask_reopening()
        await closer.reopen()
        await closer.close()
    assert [(each.revision, each.state, each.replaced_by) for each in await own(till, grant)] == [
        (3, "issued", None),
        (2, "superseded", 3),
        (1, "superseded", 2),
    ]
    assert len({each.code for each in await own(till, grant)}) == 3


# Who may, and when ------------------------------------------------------------------------------------------


async def test_what_is_refused_stays_issued_and_can_be_asked_for_again(
    till: Till, closer: Closer, grant: Granted
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    for act in (closer.reopen, closer.refuse_reopening):
        with pytest.raises(WrongStep, match="not asked"):
            await act()
    await closer.ask_reopening()
    with pytest.raises(WrongStep, match="asked"):
        await closer.ask_reopening(by=BEN)
    await closer.refuse_reopening(reason="It can go into November")
    its = await closer.checklist()
    assert (its.state, its.revision, its.locked, its.reopening) == ("issued", 1, True, None)
    assert (its.steps[-1].action, its.steps[-1].reason) == ("reopening-refused", "It can go into November")
    await closer.ask_reopening(by=BEN)
    await closer.reopen(by=ANA)


async def test_a_reason_is_given(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    for bad in ("", "  ", "a\0b", "\ud800", "x" * 2001):
        with pytest.raises(InvalidClose):
            await closer.ask_reopening(reason=bad)
    await closer.ask_reopening()
    with pytest.raises(InvalidClose):
        await closer.refuse_reopening(reason=" ")
    assert (await closer.checklist()).reopening is not None


async def test_only_the_last_issued_month_is_reopened(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=date(2026, 9, 5)), facts(**by(grant)))
    await closer.close(SEPTEMBER)
    await closer.ask_reopening(SEPTEMBER)
    await closer.close()  # before anybody decides
    with pytest.raises(LaterMonthIssued, match="2026-10"):
        await closer.reopen(SEPTEMBER)
    await closer.refuse_reopening(SEPTEMBER)
    with pytest.raises(LaterMonthIssued, match="2026-10"):
        await closer.ask_reopening(SEPTEMBER)
    await closer.ask_reopening()
    await closer.reopen()
    await closer.ask_reopening(SEPTEMBER)  # one after the other, from the last back
    await closer.reopen(SEPTEMBER)
    assert await locked(till) == date(2026, 8, 1)
    with pytest.raises(EarlierMonthOpen, match="2026-09"):
        await closer.draft()
    await closer.close(SEPTEMBER)
    await closer.close()
    assert await locked(till) == OCTOBER


async def test_a_lock_that_the_close_had_not_set_stays(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, OCTOBER, locked_by="user:9")
    await closer.close()
    await closer.ask_reopening()
    await closer.reopen()
    assert await locked(till) == OCTOBER
    async with till.engine.connect() as connection:  # though the ledger has locked it
        assert await first_unclosed(connection, till.book_id, NOVEMBER, OCTOBER) == OCTOBER
    await closer.close()
    assert (await closer.checklist()).state == "issued"


async def test_a_later_lock_stands_in_the_way(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant), sold_on=date(2026, 9, 5)))
    await closer.close(SEPTEMBER)
    async with till.engine.begin() as connection:
        await lock_period(connection, till.book_id, OCTOBER, locked_by="user:9")
    await closer.ask_reopening(SEPTEMBER)
    with pytest.raises(PeriodNotLocked):
        await closer.reopen(SEPTEMBER)
    its = await closer.checklist(SEPTEMBER)
    assert (its.state, its.revision, its.reopening is None) == ("issued", 1, False)


async def test_two_who_reopen_at_once_reopen_once(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    await closer.ask_reopening()
    both = (closer.reopen(by=Person(number, f"user:{number}")) for number in (2, 3))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "WrongStep"]
    assert (await closer.checklist()).revision == 2


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_month_is_not_reopened_while_the_next_is_issued(
    till: Till, closer: Closer, grant: Granted, by_hand: bool
) -> None:
    """Whoever is first makes the other's step one out of turn."""
    await till.sell(facts(**by(grant), sold_on=date(2026, 9, 5)), facts(**by(grant)))
    if by_hand:
        async with till.engine.begin() as connection:
            await lock_period(connection, till.book_id, OCTOBER, locked_by="user:9")
    await closer.close(SEPTEMBER)
    await closer.draft()
    await closer.submit()
    await closer.ask_reopening(SEPTEMBER)
    steps = (closer.reopen(SEPTEMBER), closer.approve(OCTOBER))
    reopened, approved = await asyncio.gather(*steps, return_exceptions=True)
    assert {reopened is None, approved is None} == {True, False}
    assert isinstance(reopened or approved, LaterMonthIssued | EarlierMonthOpen)
    its = [(await closer.checklist(month)).state for month in (SEPTEMBER, OCTOBER)]
    assert its == (["open", "submitted"] if reopened is None else ["issued", "issued"])


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM settlement.statements WHERE book_id = :book AND revision = 1",
        """DELETE FROM settlement.statement_lines WHERE book_id = :book AND statement_id IN
           (SELECT statement_id FROM settlement.statements WHERE book_id = :book AND revision = 1)""",
        """INSERT INTO settlement.statement_lines (book_id, statement_id, line_no, kind, sales,
                                                   held, available, reserve, frozen, paying, recoverable)
           SELECT book_id, min(statement_id), 1000, 'earned', 1, 1, 0, 0, 0, 0, 0
           FROM settlement.statements WHERE book_id = :book AND revision = 1 GROUP BY book_id""",
        "UPDATE settlement.closings SET revision = 1 WHERE book_id = :book",
    ],
)
async def test_what_was_issued_before_is_never_changed(till: Till, closer: Closer, grant: Granted, attack: str) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    await closer.ask_reopening()
    await closer.reopen()
    before = await own(till, grant)
    with pytest.raises(IntegrityError):
        await in_sql(till, attack)
    await closer.draft()
    with pytest.raises(IntegrityError):
        await in_sql(till, attack)
    assert await own(till, grant) == before


# Whatever they do ------------------------------------------------------------------------------------------

MONTHS = (SEPTEMBER, OCTOBER)


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_two_people_do_what_was_issued_stays_and_months_join(
    till: Till, closer: Closer, grant: Granted, seed: int
) -> None:
    """A walk of steps, half of them out of turn, while entries are posted; what must hold, holds after each."""
    chance = random.Random(seed)
    issued: dict[int, Statement] = {}
    await closer.post(date(2026, 9, 1), "A gift", _gift(grant, 100))
    for number in range(40):
        states = {month: (await closer.checklist(month)).state for month in MONTHS}
        due = next((month for month in MONTHS if states[month] != "issued"), OCTOBER)
        month = due if chance.random() < 0.8 else chance.choice(MONTHS)
        with suppress(SettlementError, LedgerError):
            if chance.random() < 0.1:
                await closer.post(month, f"Gift {number}", _gift(grant, chance.randint(1, 50)))
            else:
                act = chance.choice(_NEXT[states[month]] if chance.random() < 0.85 else _ACTS)
                await getattr(closer, act)(month, by=chance.choice([ANA, BEN]))
        issued = await _check(till, closer, issued)
    assert any(its.revision > 1 for its in issued.values()), "the walk came to nothing"


_NEXT = {
    "open": ["draft"],
    "draft": ["submit"],
    "submitted": ["approve"],
    "issued": ["ask_reopening", "reopen"],
}
_ACTS = ["draft", "submit", "give_back", "approve", "ask_reopening", "refuse_reopening", "reopen"]


def _gift(granted: Granted, amount: int) -> dict[str, int]:
    return {"expenses:gifts": amount, f"liabilities:held:{party(granted)}": -amount}


async def _check(till: Till, closer: Closer, before: dict[int, Statement]) -> dict[int, Statement]:
    """What was issued until now."""
    async with till.engine.connect() as connection:
        all_of_book = await list_statements(connection, book_id=till.book_id)
    issued = {its.statement_id: its for its in all_of_book if its.issued_at is not None}
    for number, its in before.items():
        learned = {
            "state": issued[number].state,
            "replaced_by": issued[number].replaced_by,
            "seal": issued[number].seal,
        }
        assert issued[number] == msgspec.structs.replace(its, **learned)
    lists = [await closer.checklist(month) for month in MONTHS]
    closed = [month for month, found in zip(MONTHS, lists, strict=True) if found.state == "issued"]
    assert closed in ([], [SEPTEMBER], [*MONTHS])
    through = await locked(till)
    assert (through or date.min) == closed[-1] if closed else through in (None, date(2026, 8, 1))
    current = {(its.month, its.currency): its for its in issued.values() if its.state == "issued"}
    first, second = current.get(("2026-09", "CNY")), current.get(("2026-10", "CNY"))
    assert second is None or (first is not None and first.closing == second.opening)
    for month, found in zip(MONTHS, lists, strict=True):
        people = {step.action: step.user_id for step in found.steps}
        assert found.state != "issued" or people["approved"] != people["submitted"]
        assert found.revision == 1 + sum(step.action == "reopened" for step in found.steps)
        assert found.locked == (found.state == "issued") or month < (through or date.min)
    return issued


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


@pytest.fixture
async def approver(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["approver"], "approver", host.book)


async def test_a_month_is_reopened_over_http(
    client: AsyncClient, till: Till, closer: Closer, grant: Granted, finance: User, approver: User
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    month = f"{till.host.path}/months/2026-10"

    async def post(step: str, who: User, body: Any = None) -> Any:
        return await client.post(f"{month}/{step}", headers=posting(who), json=body)

    assert (await post("reopening", approver, {"reason": LATE})).status_code == 403
    assert problem(await post("reopening", finance, {}))["status"] in (400, 422)
    assert problem(await post("reopening/approve", approver))["type"] == "/problems/wrong-step"
    asked = (await post("reopening", finance, {"reason": LATE})).json()
    assert (asked["state"], asked["revision"], asked["reopening"]["user_id"]) == ("issued", 1, finance.user_id)
    assert (await post("reopening/approve", finance)).status_code == 403
    assert (await post("reopening/refuse", approver, {"reason": "No"})).json()["reopening"] is None
    await post("reopening", finance, {"reason": LATE})
    opened = (await post("reopening/approve", approver)).json()
    assert (opened["state"], opened["revision"], opened["locked"]) == ("open", 2, False)

    periods = (await client.get(f"{till.host.path}/periods", headers=finance.bearer)).json()
    assert periods["locked_through"] == "2026-09"
    assert [(each["period"], each["reason"]) for each in periods["reopenings"]] == [("2026-10", LATE)]

    path, bearer = grant.clipper.path, grant.clipper.person.bearer
    (its,) = (await client.get(f"{path}/statements", headers=bearer)).json()["data"]
    assert (its["state"], its["revision"], its["replaced_by"]) == ("superseded", 1, 2)
    for form in ("json", "csv", "pdf", "beancount"):
        answer = await client.get(f"{path}/statements/{its['statement_id']}/statement.{form}", headers=bearer)
        assert answer.status_code == 200


async def test_an_operator_who_is_granted_both_roles_still_needs_another_person(
    client: AsyncClient, till: Till, closer: Closer, grant: Granted, new_user: NewUser, approver: User
) -> None:
    await till.sell(facts(**by(grant)))
    await closer.close()
    operator = await new_user(roles.ROLES["operator"], "operator")
    async with till.engine.begin() as connection:
        for role in ("finance", "approver"):
            await roles.grant_role(connection, operator.user_id, role, till.host.book)
        scopes = roles.ROLES["finance"] | roles.ROLES["approver"]
        token = (await keys.create_key(connection, operator.user_id, "both", scopes))[1]
    person = User(operator.user_id, operator.email, token)
    month = f"{till.host.path}/months/2026-10"
    asked = await client.post(f"{month}/reopening", headers=posting(person), json={"reason": LATE})
    assert asked.status_code == 200
    refused = await client.post(f"{month}/reopening/approve", headers=posting(person))
    assert problem(refused)["type"] == "/problems/same-person"
    assert (await client.post(f"{month}/reopening/approve", headers=posting(approver))).status_code == 200


# Agencies ---------------------------------------------------------------------------------------------------


async def test_an_agency_reads_its_own_statements_in_every_form(
    client: AsyncClient, till: Till, closer: Closer, new_agency: NewAgency, new_grant: NewGrant
) -> None:
    agency, stranger = await new_agency(), await new_agency()
    grant, person = await new_grant(till.host, terms=agency.in_terms(TERMS)), agency.person
    await till.sell(facts(**by(grant), due=13_020))
    await closer.draft()
    path = f"{agency.path}/statements"
    assert (await client.get(path, headers=person.bearer)).json()["data"] == []
    number = (await closer.statement(agency.party)).statement.statement_id
    assert (await client.get(f"{path}/{number}", headers=person.bearer)).status_code == 404
    await closer.submit()
    await closer.approve()
    (its,) = (await client.get(path, headers=person.bearer)).json()["data"]
    assert (its["statement_id"], its["closing"]["held"], its["party"]) == (number, 1_302, agency.party)
    shown = (await client.get(f"{path}/{number}", headers=person.bearer)).json()
    assert [(line["kind"], line["amounts"]["held"]) for line in shown["lines"]["data"]] == [("earned", 1_302)]
    kinds = {"json": "application/json", "csv": "text/csv", "pdf": "application/pdf", "beancount": "text/plain"}
    for form, kind in kinds.items():
        answer = await client.get(f"{path}/{number}/statement.{form}", headers=person.bearer)
        assert answer.headers["content-type"].startswith(kind)
        theirs = f"{stranger.path}/statements/{number}/statement.{form}"
        assert (await client.get(theirs, headers=stranger.person.bearer)).status_code == 404
    clippers = (await closer.statement(party(grant))).statement.statement_id
    assert (await client.get(f"{path}/{clippers}", headers=person.bearer)).status_code == 404
    own_path = f"{grant.clipper.path}/statements/{number}"
    assert (await client.get(own_path, headers=grant.clipper.person.bearer)).status_code == 404
    async with till.engine.connect() as connection:
        with pytest.raises(StatementNotFound):
            await find_statement(connection, number, agency_id=stranger.agency_id)
        assert await list_statements(connection, agency_id=stranger.agency_id) == []
