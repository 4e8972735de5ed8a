"""Adjustments: one proposes, another decides; what is booked tells its reason to whom it concerns."""

import asyncio
from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import keys, roles
from ledger.errors import InvalidAmount, UnknownCurrency
from ledger.splits import Take
from settlement import adjustments
from settlement.adjustments import Adjustment, Proposed, list_adjustments
from settlement.closing import Person
from settlement.errors import (
    AdjustmentNotFound,
    AlreadyDecided,
    InvalidAdjustment,
    MoreThanRecoverable,
    SamePerson,
    UnknownParty,
)
from settlement.statements.drafting import draft_statements
from settlement.suspense import book_today
from tests.clipledger.front_door import Person as User
from tests.clipledger.front_door import posting, problem
from tests.licensing.house import TERMS, Granted, Host, NewGrant, NewUser
from tests.settlement.books import APPROVER, FINANCE, Closer, told
from tests.settlement.shop import in_sql, sums
from tests.settlement.till import Till, by, facts

OTHER_KEY = Person(FINANCE.user_id, "key:7")
WHY = "Order 5762 was counted for the wrong clip."


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


def asked(whose: str, amount: int = 1_250, **more: Any) -> Proposed:
    usual = {"kind": "adjustment", "currency": "CNY", "against": "book", "reason": WHY}
    return Proposed(party=whose, amount=amount, **{**usual, **more})


async def propose(till: Till, what: Proposed, who: Person = FINANCE) -> Adjustment:
    async with till.engine.begin() as connection:
        return await adjustments.propose(connection, till.book_id, who, what)


async def decide(till: Till, how: str, its: Adjustment | int, who: Person = APPROVER, *said: str) -> Adjustment:
    number = its if isinstance(its, int) else its.adjustment_id
    async with till.engine.begin() as connection:
        made: Adjustment = await getattr(adjustments, how)(connection, till.book_id, number, who, *said)
        return made


async def test_what_one_proposes_and_another_approves_is_booked_at_the_books_expense(
    till: Till, grant: Granted
) -> None:
    its = await propose(till, asked(party(grant)))
    assert (its.state, its.proposed_by, its.proposed_as, its.entry_id) == ("proposed", 1, "user:1", None)
    assert await till.balances() == {}
    done = await decide(till, "approve", its)
    assert (done.state, done.decided_by, done.decided_as) == ("approved", 2, "user:2")
    assert await till.balances() == {"expenses:adjustments": 1_250, f"liabilities:available:{party(grant)}": -1_250}
    (entry,) = await till.entries()
    assert entry.entry_id == done.entry_id
    assert entry.idempotency_key == f"adjustment:{its.adjustment_id}"
    assert entry.metadata == {"cause": "adjustment", "proposed-by": "user:1", "approved-by": "user:2"}
    async with till.engine.connect() as connection:
        assert entry.effective_on == await book_today(connection, till.book_id)


async def test_at_the_hosts_expense_it_goes_from_the_host_to_the_clipper_or_back(till: Till, grant: Granted) -> None:
    await decide(till, "approve", await propose(till, asked(party(grant), 1_000, against="host")))
    await decide(till, "approve", await propose(till, asked(party(grant), -300, against="host")))
    balances = await till.balances()
    assert sums(balances, party(grant)) == {"available": 700}
    assert sums(balances, "host") == {"available": -700}


async def test_a_write_off_lets_a_party_keep_what_it_owes_and_no_more(
    till: Till, closer: Closer, grant: Granted
) -> None:
    owed = f"assets:recoverable:{party(grant)}"
    await closer.post(date(2026, 11, 2), "Owed", {owed: 5_000, "assets:bank": -5_000})
    first, second = [await propose(till, asked(party(grant), 3_000, kind="write-off")) for _ in range(2)]
    await decide(till, "approve", first)
    balances = await till.balances()
    assert (balances["expenses:bad-debt"], balances[owed]) == (3_000, 2_000)
    with pytest.raises(MoreThanRecoverable, match=f"at most what {party(grant)} owes: 20.00 CNY") as refused:
        await decide(till, "approve", second)
    assert (refused.value.field, refused.value.value) == ("amount", "30.00")
    assert await till.balances() == balances
    await decide(till, "refuse", second, APPROVER, "It has paid a part back.")


async def test_what_is_owed_in_another_currency_is_not_written_off(till: Till, closer: Closer, grant: Granted) -> None:
    owed = {f"assets:recoverable:{party(grant)}": 5_000, "assets:bank": -5_000}
    await closer.post(date(2026, 11, 2), "Owed", owed, "USD")
    with pytest.raises(MoreThanRecoverable):
        await decide(till, "approve", await propose(till, asked(party(grant), 1, kind="write-off")))


async def test_two_write_offs_at_once_write_off_what_is_owed_once(till: Till, closer: Closer, grant: Granted) -> None:
    owed = f"assets:recoverable:{party(grant)}"
    await closer.post(date(2026, 11, 2), "Owed", {owed: 5_000, "assets:bank": -5_000})
    both = [await propose(till, asked(party(grant), 5_000, kind="write-off")) for _ in range(2)]
    outcomes = await asyncio.gather(*(decide(till, "approve", each) for each in both), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Adjustment", "MoreThanRecoverable"]
    assert owed not in await till.balances()


async def test_a_clipper_reads_the_reason_on_its_statement(till: Till, closer: Closer, grant: Granted) -> None:
    its = await propose(till, asked(party(grant), against="host"))
    await decide(till, "approve", its)
    async with till.engine.connect() as connection:
        month = (await book_today(connection, till.book_id)).replace(day=1)
    await in_sql(till, "INSERT INTO settlement.closings (book_id, month) VALUES (:book, :month)", month=month)
    async with till.engine.begin() as connection:  # before the month has ended, which a close would refuse
        assert await draft_statements(connection, till.book_id, month) == 2
    said = f"Adjustment {its.adjustment_id}: {WHY}"
    assert told(await closer.statement(party(grant), month)) == [("adjustment", said, 0, {"available": 1_250})]
    assert told(await closer.statement("host", month)) == [("adjustment", said, 0, {"available": -1_250})]


async def test_nobody_decides_what_he_has_proposed_whatever_the_key(till: Till, grant: Granted) -> None:
    its = await propose(till, asked(party(grant)))
    for same in (FINANCE, OTHER_KEY):
        with pytest.raises(SamePerson):
            await decide(till, "approve", its, same)
        with pytest.raises(SamePerson):
            await decide(till, "refuse", its, same, "No")
    with pytest.raises(SamePerson):
        await decide(till, "withdraw", its, APPROVER)
    assert (await decide(till, "withdraw", its, OTHER_KEY)).state == "withdrawn"
    assert await till.balances() == {}


@pytest.mark.parametrize("first", ["approve", "refuse", "withdraw"])
async def test_what_is_decided_is_decided_once(till: Till, grant: Granted, first: str) -> None:
    steps: dict[str, tuple[Any, ...]] = {"approve": (APPROVER,), "refuse": (APPROVER, "No"), "withdraw": (FINANCE,)}
    its = await propose(till, asked(party(grant)))
    await decide(till, first, its, *steps[first])
    for again, how in steps.items():
        with pytest.raises(AlreadyDecided):
            await decide(till, again, its, *how)


async def test_two_who_decide_at_once_decide_once(till: Till, grant: Granted) -> None:
    its = await propose(till, asked(party(grant)))
    both = (decide(till, "approve", its), decide(till, "refuse", its, Person(3, "user:3"), "No"))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Adjustment", "AlreadyDecided"]


async def test_what_cannot_be_adjusted_is_refused(till: Till, host: Host, new_grant: NewGrant, grant: Granted) -> None:
    its = party(grant)
    for bad, refusal in (
        (asked(its, 0), InvalidAmount),
        (asked(its, 2**63), InvalidAmount),
        (asked(its, -(2**63)), InvalidAmount),
        (asked(its, currency="XXX"), UnknownCurrency),
        (asked(its, reason=" "), InvalidAdjustment),
        (asked(its, reason="a\0"), InvalidAdjustment),
        (asked(its, reason="\ud800"), InvalidAdjustment),
        (asked(its, reason="x" * 901), InvalidAdjustment),
        (asked(its, -5, kind="write-off"), InvalidAdjustment),
        (asked(its, kind="write-off", against="host"), InvalidAdjustment),
        (asked("host", against="host"), InvalidAdjustment),
        *((asked(nobody), UnknownParty) for nobody in ("clipper-1000000", "agency-1", f"clipper-{2**63}", "x", "")),
    ):
        with pytest.raises(refusal):
            await propose(till, bad)
    with pytest.raises(AdjustmentNotFound):
        await decide(till, "approve", 2**40)


async def test_agencies_of_the_terms_and_the_host_are_parties(till: Till, host: Host, new_grant: NewGrant) -> None:
    takes = (Take("platform", "5%"), Take("agency", "10%"))
    await new_grant(host, terms=replace(TERMS, agency=3, split=replace(TERMS.split, takes=takes)))
    for whose in ("agency-3", "host"):
        await decide(till, "approve", await propose(till, asked(whose, 100)))
    with pytest.raises(UnknownParty):
        await propose(till, asked("agency-4"))
    balances = await till.balances()
    assert sums(balances, "agency-3") == sums(balances, "host") == {"available": 100}


async def test_adjustments_are_listed_newest_first_by_state_and_party(
    till: Till, host: Host, grant: Granted, new_grant: NewGrant
) -> None:
    other = await new_grant(host)
    made = [await propose(till, asked(party(each))) for each in (grant, other, grant)]
    await decide(till, "approve", made[0])

    async def numbers(**chosen: Any) -> list[int]:
        async with till.engine.connect() as connection:
            found = await list_adjustments(connection, till.book_id, **chosen)
        return [[its.adjustment_id for its in made].index(each.adjustment_id) for each in found]

    assert await numbers() == [2, 1, 0]
    assert await numbers(state="proposed") == [2, 1]
    assert await numbers(party=party(grant)) == [2, 0]
    assert await numbers(before=made[2].adjustment_id, limit=1) == [1]


async def test_what_nobody_has_decided_is_an_exception_of_the_close(till: Till, closer: Closer, grant: Granted) -> None:
    await till.sell(facts(**by(grant)))
    its = await propose(till, asked(party(grant)))
    (matter,) = (await closer.checklist()).exceptions
    assert (matter.matter, matter.count) == ("open-adjustments", 1)
    assert matter.link == f"{till.host.path}/adjustments?in_state=proposed"
    await decide(till, "withdraw", its, FINANCE)
    assert (await closer.checklist()).exceptions == []


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM settlement.adjustments WHERE book_id = :book",
        "UPDATE settlement.adjustments SET amount = 1 WHERE book_id = :book",
        "UPDATE settlement.adjustments SET state = 'approved', decided_by = 1, entry_id = 1 WHERE book_id = :book",
        "UPDATE settlement.adjustments SET state = 'approved', decided_by = 2 WHERE book_id = :book",
        "TRUNCATE settlement.adjustments",
    ],
)
async def test_the_database_itself_asks_for_two_people_and_an_entry(till: Till, grant: Granted, attack: str) -> None:
    await propose(till, asked(party(grant)))
    with pytest.raises((IntegrityError, ProgrammingError)):
        await in_sql(till, attack)


# Over HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
async def finance(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["finance"], "finance", host.book)


@pytest.fixture
async def approver(new_user: NewUser, host: Host) -> User:
    return await new_user(roles.ROLES["approver"], "approver", host.book)


async def test_an_adjustment_over_http(
    client: AsyncClient, till: Till, grant: Granted, finance: User, approver: User, app_engine: AsyncEngine
) -> None:
    path = f"{till.host.path}/adjustments"
    body = {"party": party(grant), "currency": "CNY", "amount": 1_250, "against": "host", "reason": WHY}
    assert (await client.post(path, headers=posting(approver), json=body)).status_code == 403
    made = await client.post(path, headers=posting(finance), json=body)
    assert made.status_code == 201
    place = made.headers["location"]
    assert (await client.get(place, headers=approver.bearer)).json() == made.json()
    assert (await client.post(f"{place}/approve", headers=posting(finance))).status_code == 403
    async with app_engine.begin() as connection:  # the same person, made an approver, with a key of its own for that
        await roles.grant_role(connection, finance.user_id, "approver", till.host.book)
        token = (await keys.create_key(connection, finance.user_id, "other", roles.ROLES["approver"]))[1]
    same = User(finance.user_id, finance.email, token)
    assert problem(await client.post(f"{place}/approve", headers=posting(same)))["type"] == "/problems/same-person"
    done = await client.post(f"{place}/approve", headers=posting(approver))
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    again = await client.post(f"{place}/refuse", headers=posting(approver), json={"reason": "No"})
    assert problem(again)["type"] == "/problems/already-decided"
    shown = (await client.get(f"{path}?in_state=approved&party={party(grant)}", headers=finance.bearer)).json()
    assert [each["adjustment_id"] for each in shown["data"]] == [done.json()["adjustment_id"]]
    other = await client.post(path, headers=posting(finance), json=body)
    withdrawn = await client.post(f"{other.headers['location']}/withdraw", headers=posting(finance))
    assert withdrawn.json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0}, {"amount": 2**63}, {"amount": 1.5}, {"amount": "1"}, {"currency": "XYZ"}, {"reason": ""},
        {"reason": "a\0b"}, {"party": "clipper-0"}, {"party": "clipper-99999999999999999999"},
        {"against": "platform"}, {"kind": "gift"}, {"extra": 1},
    ],
)  # fmt: skip
async def test_bad_input_is_refused(
    client: AsyncClient, till: Till, grant: Granted, finance: User, wrong: dict[str, Any]
) -> None:
    body = {"party": party(grant), "currency": "CNY", "amount": 1_250, "against": "host", "reason": WHY, **wrong}
    answer = await client.post(f"{till.host.path}/adjustments", headers=posting(finance), json=body)
    assert answer.status_code in (400, 422)
